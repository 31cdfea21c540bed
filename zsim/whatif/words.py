"""Boxes and packets of engine.space in the words of filters: `inbound local tcp from 10.1.0.0/16 to 10.1.1.2`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zsim import addresses, flows
from zsim.addresses import WIDTH
from zsim.tcpip.terms import PROTOCOLS

if TYPE_CHECKING:
    from engine.space import Box, Span, Spans

MOST = 6  # items of a list that are written out
TCP, UDP = 6, 17


def box(box: Box, most: int = MOST) -> str:
    """One box. Of a list longer than `most` the rest is counted."""
    return " ".join(_parts(box, most)) or "any packet"


def _parts(box: Box, most: int) -> Iterator[str]:
    versions = [low for low, _ in box["version"]] if "version" in box else []
    version = versions[0] if len(versions) == 1 else 0
    yield from _either(box, "direction", ("inbound", "outbound"))
    yield from _either(box, "routed", ("local", "routed"))
    ends = {name: _addresses(version, box[name], most) for name in ("src_addr", "dst_addr") if name in box}
    if version and not ends:
        yield f"IPv{version}"
    if "proto" in box:
        yield protocols(box["proto"], most)
    for name, word, port in (("src_addr", "from", "src_port"), ("dst_addr", "to", "dst_port")):
        if name in ends:
            yield f"{word} {ends[name]}"
        if port in box:
            before = "" if name in ends else f"{word} "
            yield f"{before}port {_numbers(box[port], 65535, most)}"
    for name in ("type", "code"):
        if name in box:
            yield f"{name} {_numbers(box[name], 255, most)}"
    yield from _either(box, "connect", ("no connection request", "connection request"))
    yield from _either(box, "fragment", ("whole", "fragment"))
    yield from _either(box, "opaque", ("with its upper header", "without its upper header"))
    if "zone" in box:
        yield f"secclass {_numbers(box['zone'], 255, most)}"


def _either(box: Box, name: str, words: tuple[str, str]) -> Iterator[str]:
    if name in box and len(box[name]) == 1 and box[name][0][0] == box[name][0][1]:
        yield words[box[name][0][0]]


def _addresses(version: int, spans: Spans, most: int) -> str:
    return _listed([address(version, span) for span in spans], most)


def address(version: int, span: Span) -> str:
    """A prefix where the range is one, else `low-high`."""
    low, high = span
    if version not in WIDTH:
        version = 4 if high < 2**32 else 6
    high = min(high, 2 ** WIDTH[version] - 1)
    if low == high:
        return addresses.text(version, low)
    size = high - low + 1
    if size & (size - 1) == 0 and low % size == 0:
        return f"{addresses.text(version, low)}/{WIDTH[version] - size.bit_length() + 1}"
    return f"{addresses.text(version, low)}-{addresses.text(version, high)}"


def protocol(number: int) -> str:
    """`tcp`, or `protocol 50 (ESP)`."""
    if number in (1, TCP, UDP, 58, 89, 2):
        return PROTOCOLS[number].lower()
    return f"protocol {number} ({PROTOCOLS[number]})" if number in PROTOCOLS else f"protocol {number}"


def protocols(spans: Spans, most: int = MOST) -> str:
    """One protocol by name, several by number."""
    if len(spans) == 1 and spans[0][0] == spans[0][1]:
        return protocol(spans[0][0]) if spans[0][0] < 256 else "protocol not known"
    if all(low == high for low, high in spans):
        return _listed([protocol(low) for low, _ in spans], most, " or ")
    return f"protocols {_numbers(spans, 255, most)}"


def _numbers(spans: Spans, limit: int, most: int) -> str:
    known = [(low, min(high, limit)) for low, high in spans if low <= limit]
    words = [str(low) if low == high else f"{low}-{high}" for low, high in known]
    unknown = any(high > limit for _, high in spans)
    if not words:
        return "not known"
    return _listed(words, most) + (" or not known" if unknown else "")


def _listed(words: Sequence[str], most: int, comma: str = ", ") -> str:
    if len(words) <= most + 1:
        return comma.join(words)
    return f"{comma.join(words[:most])} and {len(words) - most:,} more"


def packet(packet: Mapping[str, int], interface: str = "") -> str:
    """`tcp 10.1.0.2:40000 > 10.1.1.2:21 in ETH1 syn`."""
    version, proto = packet["version"], packet["proto"]
    ends = [addresses.text(version, packet[name]) for name in ("src_addr", "dst_addr")]
    if packet["src_port"] <= 65535:
        form = "{}:{}" if version == 4 else "[{}]:{}"
        ports = packet["src_port"], packet["dst_port"]
        ends = [form.format(end, port) for end, port in zip(ends, ports, strict=True)]
    words = [f"{_kind(proto)} {ends[0]} > {ends[1]}"]
    words += [f"{name} {packet[name]}" for name in ("type", "code") if packet[name] <= 255]
    words.append(" ".join(word for word in ("out" if packet["direction"] else "in", interface) if word))
    words += ["routed"] * packet["routed"] + ["syn"] * packet["connect"] + ["fragment"] * packet["fragment"]
    if packet["opaque"] and not packet["fragment"]:
        words.append("cut")
    return " ".join(words)


def _kind(proto: int) -> str:
    return "ip" if proto > 255 else protocol(proto) if " " not in protocol(proto) else f"proto-{proto}"


def flow(flow: Sequence[Any]) -> str:
    """`tcp 10.1.0.2:40000 - 10.1.1.2:21`, of (version, proto, end, end) with ends (address, port)."""
    version, proto, *ends = flow
    form = "{}:{}" if version == 4 else "[{}]:{}"
    ported = proto in flows.PORTS and ends[0][1] <= 65535
    told = [form.format(addresses.text(version, a), p) if ported else addresses.text(version, a) for a, p in ends]
    return f"{_kind(proto)} {told[0]} - {told[1]}"


def some(names: Sequence[str], most: int = MOST) -> str:
    """A list of names; of a longer one the rest is counted."""
    return _listed(names, most)
