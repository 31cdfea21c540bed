"""A packet in the short notation: one line of text -> its octets, and where it is said to cross the stack.

    tcp 10.1.0.2:40000 > 10.1.1.2:21 in ETH1 syn
    icmp 10.1.0.2 > 10.1.1.2 type 8
    udp [2001:db8::2]:53 > [2001:db8::1]:40000 in
    ospf 10.1.1.2 > 224.0.0.5 type 1 out ETH1
    47 192.0.2.1 > 10.1.1.2 len 1400 fragment

    packet    := protocol end ">" end word...
    protocol  := tcp, udp, icmp, icmpv6, igmp, ospf, esp, ah, ... or a number 0 to 255; ip: an IPv6 packet whose upper
                 protocol cannot be known
    end       := address, address:port (IPv4), [address]:port (IPv6); ports where the protocol has them
    word      := in [INTERFACE], out [INTERFACE]    arriving here or leaving, over which interface
                 local, routed                      for or from this stack, or forwarded by it
                 syn, ack                           a TCP connection request, or none
                 type N, code N                     of ICMP, ICMPv6, OSPF, MIPv6
                 fragment                           without ports and type a later one, with them the first one
                 cut                                the upper-layer header is not all there
                 ttl N, len N                       time to live; octets of the IP packet

What the line leaves out is assumed, and every assumption is told in `assumed`. Words in, out, local and routed change
no octet: where a packet goes is decided by the stack's addresses, and whoever judges it says so where they disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from engine.headers import TRANSPORTS
from zsim import addresses
from zsim.findings import did_you_mean, number
from zsim.packets import excerpt
from zsim.tcpip import defensive

RAW = 101  # link type: the IP packet itself
TCP, ICMP, ICMPV6, OSPF, MIPV6 = 6, 1, 58, 89, 135
PORTED = tuple(row.proto for row in TRANSPORTS if row.ports >= 0)
TYPED, CODED = (ICMP, ICMPV6, OSPF, MIPV6), (ICMP, ICMPV6)
LARGEST = 65_535  # octets of an IP packet

# What is assumed of what is left out, by protocol: the type of a request, the code that goes with it.
TYPES = {ICMP: (8, "an echo request"), ICMPV6: (128, "an echo request"), OSPF: (1, "a hello"), MIPV6: (5, "an update")}
SOURCE_PORT, DEST_PORT = 40_000, 443
TTL = 64
NUMBERS = {"type": 255, "code": 255, "ttl": 255, "len": LARGEST}
FLAGS = ("in", "out", "local", "routed", "syn", "ack", "fragment", "cut")
WORDS = (*FLAGS, *NUMBERS)
LONGEST = 1_000  # characters


class NotationError(ValueError):
    """What is wrong with a line, at which column (from 0), and what to write instead."""

    def __init__(self, what: str, line: str, column: int) -> None:
        self.what, self.column = what, column
        super().__init__(f"packet, column {column + 1}: {what}\n{excerpt(line, column)}")


class Written(NamedTuple):
    """A packet as octets and by the fields of engine.space; `direction` is in or out, `routed` True or False where the
    line says so."""

    packet: bytes
    values: dict[str, int]
    direction: str | None = None
    interface: str | None = None
    routed: bool | None = None
    assumed: tuple[str, ...] = ()


class _Word(NamedTuple):
    text: str
    column: int

    @property
    def lower(self) -> str:
        return self.text.lower()


class _Option(NamedTuple):
    """A word behind the ends, with the interface or number that follows it."""

    word: _Word
    value: int | str | None = None


_Options = dict[str, _Option]


class _End(NamedTuple):
    version: int
    address: int
    port: int | None
    word: _Word


def is_expression(text: str) -> bool:
    """Does the text look like a scapy expression rather than the short notation?"""
    return re.match(r"\s*\(*\s*[A-Za-z]\w*\s*\(", text) is not None


def read(line: str) -> Written:
    """The packet of a line. Raises NotationError."""
    return _Reader(line).packet()


class _Reader:
    """One line being read."""

    def __init__(self, line: str) -> None:
        self.line = line
        if len(line) > LONGEST:
            raise self.wrong(f"the line has {len(line)} characters; write at most {LONGEST}", LONGEST)
        self.words = [_Word(found[0], found.start()) for found in re.finditer(r"->|>|(?:(?!->)[^\s>])+", line)]
        self.assumed: list[str] = []

    def wrong(self, what: str, at: int | _Word) -> NotationError:
        return NotationError(what, self.line, at if isinstance(at, int) else at.column)

    def packet(self) -> Written:
        if not self.words:
            raise self.wrong("the packet is empty; write tcp 10.1.0.2:40000 > 10.1.1.2:21 in ETH1 syn", 0)
        proto = self._protocol(self.words[0])
        ends = self._ends()
        options = self._options(self.words[4:])
        return self._built(proto, *ends, options)

    # ---- parts

    def _protocol(self, word: _Word) -> int | None:
        """The number; None for `ip`, which stands for a protocol that cannot be known."""
        if word.lower == "ip":
            return None
        name = word.lower.removeprefix("proto-")
        if name in defensive.PROTOCOLS:
            return defensive.PROTOCOLS[name]
        try:
            return number(name, 0, 255)
        except ValueError:
            hint = did_you_mean(word.text, defensive.PROTOCOLS, f"use 0 to 255, {', '.join(defensive.PROTOCOLS)}")
            raise self.wrong(f"{word.text!r} is no protocol; {hint}", word) from None

    def _ends(self) -> tuple[_End, _End]:
        if len(self.words) < 4 or self.words[2].text not in (">", "->"):
            at = self.words[2] if len(self.words) > 2 else len(self.line)
            raise self.wrong("SOURCE > DESTINATION is expected behind the protocol", at)
        source, dest = self._end(self.words[1]), self._end(self.words[3])
        if source.version != dest.version:
            raise self.wrong("source and destination are of different IP versions", dest.word)
        return source, dest

    def _end(self, word: _Word) -> _End:
        found = re.fullmatch(r"\[([^\]]*)\](?::(.*))?|([^:]*):([^:]*)|(.*)", word.text)
        assert found is not None
        host = found[1] if found[1] is not None else found[3] if found[3] is not None else found[5]
        port = found[2] if found[1] is not None else found[4]
        try:
            version, address = addresses.address(host)
            if (found[1] is not None) and version == 4:
                raise ValueError(f"{word.text!r}: brackets are for IPv6; write {host}" + (f":{port}" if port else ""))
            return _End(version, address, None if port is None else number(port, 0, 65535), word)
        except ValueError as why:
            raise self.wrong(str(why), word) from None

    def _options(self, words: list[_Word]) -> _Options:
        """The words behind the ends, each known and given once."""
        found: _Options = {}
        pending = list(words)
        while pending:
            word = pending.pop(0)
            name = word.lower
            if name not in WORDS:
                hint = did_you_mean(word.text, WORDS, f"known are {', '.join(WORDS)}")
                raise self.wrong(f"{word.text!r} says nothing about a packet; {hint}", word)
            if name in found:
                raise self.wrong(f"{name} is given twice", word)
            found[name] = _Option(word)
            if name in ("in", "out") and pending and pending[0].lower not in WORDS:
                found[name] = _Option(word, pending.pop(0).text.upper())
            elif name in NUMBERS:
                if not pending:
                    raise self.wrong(f"{name} needs a number", len(self.line))
                value = pending.pop(0)
                try:
                    found[name] = _Option(word, number(value.text, 0, NUMBERS[name]))
                except ValueError as why:
                    raise self.wrong(f"{name}: {why}", value) from None
        for one, other in (("in", "out"), ("local", "routed"), ("syn", "ack")):
            if one in found and other in found:
                raise self.wrong(f"{one} and {other} exclude each other", found[other].word)
        return found

    # ---- together

    def _built(self, proto: int | None, source: _End, dest: _End, options: _Options) -> Written:
        from engine.fields import FIELD

        version = source.version
        unknown = {name: FIELD[name].unknown for name in ("src_port", "dst_port", "type", "code", "proto")}
        if proto is None and version == 4:
            raise self.wrong("ip is an IPv6 packet whose protocol cannot be known; for IP in IP write 4", self.words[0])
        own = defensive.ONE_VERSION.get(proto or 0, version)
        if own != version and self.words[0].lower in defensive.PROTOCOLS:
            hint = f"of IPv{version} write {'icmpv6' if version == 6 else 'icmp'}, or the number {proto}"
            raise self.wrong(f"{self.words[0].text} is of IPv{own}; {hint}", self.words[0])
        values = {
            "version": version, "proto": unknown["proto"] if proto is None else proto, "connect": 0,
            "fragment": int("fragment" in options), "opaque": int("cut" in options or proto is None),
            "src_addr": source.address, "dst_addr": dest.address,
            **{name: unknown[name] for name in ("src_port", "dst_port", "type", "code")},
        }  # fmt: skip
        if not any(row.proto == proto and version in row.versions for row in TRANSPORTS):
            proto = None  # its header is not read
        self._belongs(proto, source, dest, options)
        whole = not values["fragment"] and not values["opaque"]
        if proto in PORTED:
            self._ports(values, source, dest, whole)
        if proto in TYPED:
            self._type(values, proto, options, whole)
        self._shows(values, proto, options)
        ttl = _number(options, "ttl")
        if ttl is None:
            self.assumed.append(f"{'ttl' if version == 4 else 'hop limit'} {TTL}")
        return Written(
            self._sized(values, TTL if ttl is None else ttl, options),
            values, "in" if "in" in options else "out" if "out" in options else None,
            next((str(options[name].value) for name in ("in", "out") if name in options and options[name].value), None),
            True if "routed" in options else False if "local" in options else None, tuple(self.assumed),
        )  # fmt: skip

    def _belongs(self, proto: int | None, source: _End, dest: _End, options: Iterable[str]) -> None:
        """Ports, flags, type and code only where the protocol has them."""
        name = self.words[0].text
        for end in (source, dest):
            if end.port is not None and proto not in PORTED:
                raise self.wrong(f"{name} has no ports", end.word)
        given = {word.lower: word for word in self.words[4:]}
        for word, protocols in (("syn", (TCP,)), ("ack", (TCP,)), ("type", TYPED), ("code", CODED)):
            if word in options and proto not in protocols:
                raise self.wrong(f"{name} has no {'flags' if word in ('syn', 'ack') else word}", given[word])
        if "code" in options and "type" not in options:
            raise self.wrong("code goes with type: write both", given["code"])

    def _ports(self, values: dict[str, int], source: _End, dest: _End, whole: bool) -> None:
        if not whole and source.port is None and dest.port is None:
            return
        for name, end, usual in (("src_port", source, SOURCE_PORT), ("dst_port", dest, DEST_PORT)):
            values[name] = usual if end.port is None else end.port
            if end.port is None:
                self.assumed.append(f"{'source' if end is source else 'destination'} port {usual}")

    def _type(self, values: dict[str, int], proto: int, options: _Options, whole: bool) -> None:
        type, code = _number(options, "type"), _number(options, "code")
        if not whole and type is None:
            return
        if type is None:
            type, what = TYPES[proto]
            self.assumed.append(f"type {type} ({what})")
        values["type"] = type
        if proto in CODED and (code is not None or not values["opaque"]):
            values["code"] = 0 if code is None else code
            if code is None:
                self.assumed.append("code 0")

    def _shows(self, values: dict[str, int], proto: int | None, options: Iterable[str]) -> None:
        """What flags say, and which part a fragment is."""
        headless = all(values[name] > 65535 or (name in ("type", "code") and values[name] > 255)
                       for name in ("src_port", "type"))  # fmt: skip
        if values["fragment"]:
            later = headless or (proto not in PORTED and proto not in TYPED)
            values["opaque"] |= int(later)
            self.assumed.append("a later fragment, which shows no ports and no type" if later else "the first fragment")
        if proto != TCP or values["opaque"]:
            if "syn" in options:
                raise self.wrong("syn: the flags of this packet are cut off", self.words[0])
            return
        values["connect"] = int("syn" in options)
        if "syn" not in options and "ack" not in options:
            self.assumed.append("no connection request (write syn for one)")

    def _sized(self, values: dict[str, int], ttl: int, options: _Options) -> bytes:
        from engine.specimen import ip_packet

        length = _number(options, "len")
        packet = ip_packet(values, ttl)
        if length is None:
            self.assumed.append(f"len {len(packet)}")
            return packet
        at = options["len"].word
        if values["opaque"] and not values["fragment"]:
            raise self.wrong("len does not go with a header that is cut", at)
        more = length - len(packet)
        if more < 0:
            raise self.wrong(f"len {length}: the headers alone have {len(packet)} octets", at)
        if values["fragment"] and more % 8 and not values["opaque"]:
            low = length - more % 8
            raise self.wrong(f"len {length}: a first fragment carries a multiple of 8 octets; write {low}", at)
        return ip_packet(values, ttl, more)


def _number(options: _Options, name: str) -> int | None:
    value = options[name].value if name in options else None
    return value if isinstance(value, int) else None
