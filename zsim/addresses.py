"""Addresses as filters have them: everything, one address, a prefix, a range.

AddressRange(version=4, low=0x0A010000, high=0x0A0100FF, bits=24)
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

from zsim.facts import fact

WIDTH = {4: 32, 6: 128}


class AddressRange(NamedTuple):
    """All addresses from low to high. `bits` is the prefix length it was written with; None for one address
    and for a range. Everything is prefix 0, as reports show it."""

    version: int
    low: int
    high: int
    bits: int | None = None

    @property
    def single(self) -> bool:
        return self.low == self.high and self.bits is None

    @property
    def everything(self) -> bool:
        return self.bits == 0

    def __str__(self) -> str:
        if self.bits is not None:
            return f"{text(self.version, self.low)}/{self.bits}"
        if self.low == self.high:
            return text(self.version, self.low)
        return f"{text(self.version, self.low)}-{text(self.version, self.high)}"


@lru_cache(maxsize=65536)
def text(version: int, number: int) -> str:
    """An address as text, in the canonical form of RFC 5952 for IPv6; one that holds an IPv4 address like any other,
    whatever the version of Python."""
    if version == 6 and number >> 32 == 0xFFFF:
        return f"::ffff:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}"
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def every(version: int) -> AddressRange:
    """Any address of one IP version."""
    return AddressRange(version, 0, 2 ** WIDTH[version] - 1, 0)


def address(word: str) -> tuple[int, int]:
    """`10.1.1.2` -> (4, number). Raises ValueError, saying what is wrong with it."""
    if "%" in word:
        raise ValueError(f"{word!r} has a zone, which a filter cannot test")
    try:
        found = ipaddress.ip_address(word)
    except ValueError:
        raise ValueError(f"{word!r} is no IPv4 or IPv6 address") from None
    return found.version, int(found)


def one(word: str) -> AddressRange:
    """One address. Raises ValueError."""
    version, number = address(word)
    return AddressRange(version, number, number)


def prefix(word: str) -> AddressRange:
    """`10.1.0.0/16`. Host bits are cleared (a simulator choice). Raises ValueError."""
    head, _, tail = word.partition("/")
    version, number = address(head)
    if not (tail.isascii() and tail.isdigit()) or int(tail) > WIDTH[version]:
        raise ValueError(f"{tail!r} is no prefix length from 0 to {WIDTH[version]}")
    bits = int(tail)
    host = 2 ** (WIDTH[version] - bits) - 1
    if number & host and not fact("policy-host-bits-masked"):
        raise ValueError(f"{word!r} has host bits set")
    return AddressRange(version, number & ~host, number | host, bits)


def span(low: str, high: str) -> AddressRange:
    """`10.1.2.10` to `10.1.2.20`, inclusive. Raises ValueError."""
    (version, first), (other, last) = address(low), address(high)
    if version != other:
        raise ValueError(f"{low} and {high} are of different IP versions")
    if first > last:
        raise ValueError(f"the range {low} to {high} runs backwards")
    return AddressRange(version, first, last)


def anything(word: str) -> AddressRange:
    """An address, a prefix or `low-high`. Raises ValueError."""
    if "/" in word:
        return prefix(word)
    if "-" in word:
        low, _, high = word.partition("-")
        return span(low, high)
    return one(word)


def subnet(word: str, mask: str) -> AddressRange:
    """`10.1.0.0` under a dotted mask such as `255.255.0.0`. Raises ValueError."""
    _, bits = address(mask)
    length = f"{bits:032b}".rstrip("0")
    if "0" in length:
        raise ValueError(f"{mask!r} is no subnet mask")
    return prefix(f"{word}/{len(length)}")
