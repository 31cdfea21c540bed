"""What the stack sends back about a packet that a filter with DiscardAction ICMP denied.

Destination unreachable, administratively prohibited, to the packet's source. Nothing is sent for a packet of this
stack's own, which is a failed send, and none in the cases of `_restrained`. (halz002 discard action; the restraints are
those of RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7 and RFC 4443 section 2.4)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.facts import fact

if TYPE_CHECKING:
    import engine
    from zsim.tcpip.traffic import Outcome, Prepared, Rewrite


class Reply(NamedTuple):
    """An ICMP message on its way back, about the packet in row `packet` of a batch."""

    packet: int
    version: int
    type: int
    code: int
    linktype: int
    frame: bytes


class Manner(NamedTuple):
    """How a stack replies: the facts about it, by IP version."""

    kind: dict[int, tuple[int, int]]  # type and code
    hops: dict[int, int]
    data: int  # octets quoted behind an IPv4 header
    several: tuple[AddressRange, ...]  # destinations and sources that stand for more than one host


def manner(hops: Mapping[int, int | None], groups: Iterable[AddressRange]) -> Manner:
    """The manner of a stack whose profile codes these TTL and HOPLIMIT, and whose neighbours listen to `groups`."""
    usual = dict(zip((4, 6), fact("discard-icmp-hops"), strict=True))
    kind = {4: fact("discard-icmp"), 6: fact("discard-icmpv6")}
    return Manner(
        kind, {version: hops[version] or usual[version] for version in usual}, fact("discard-icmp-data"), tuple(groups)
    )


# Sources nobody can be reached at: this network, loopback and class E (RFC 1122 3.2.1.3, RFC 1812 4.2.2.11); the
# unspecified and the loopback address (RFC 4291 2.5.2, 2.5.3). Multicast and broadcast are Manner.several.
_NOBODY = tuple(addresses.prefix(word) for word in ("0.0.0.0/8", "127.0.0.0/8", "240.0.0.0/4", "::/128", "::1/128"))
_ICMP, _ICMPV6 = 1, 58
_ERRORS = (3, 4, 5, 11, 12)  # ICMP types about other packets (RFC 1122 3.2.2); ICMPv6 has 0 to 127, and redirect
_REDIRECT = 137


def replies(
    prepared: Prepared, frames: engine.Frames, outcome: Outcome, rewrites: Sequence[Rewrite] = ()
) -> Iterator[Reply]:
    """The replies to a batch, in order. Only packets that such a filter denied are looked at one by one."""
    import engine

    if not any(prepared.replies):
        return
    quotes = {datagram.packet: datagram.quote for datagram in outcome.datagrams}
    flagged = prepared.rules._replace(log=prepared.replies)
    rows = sorted(
        int(leg.packet[row])
        for leg in outcome.judgement.legs
        for row in engine.logged(leg, flagged).tolist()
        if leg.direction == 0 or engine.cell(leg.headers, "routed", row)
    )
    for p in rows:
        frame, linktype = engine.frame_of(frames, p), int(frames.linktype[p])
        source = _source(prepared, outcome, p)
        if source is None or _restrained(prepared.manner, outcome.headers, p) or engine.sent_to_many(frame, linktype):
            continue
        packet = engine.packet_of(frames, p)
        version = engine.cell(outcome.headers, "version", p)
        type, code = prepared.manner.kind[version]
        hops, data = prepared.manner.hops[version], prepared.manner.data
        message = engine.icmp_error(
            quotes.get(p, packet), _as_captured(version, source, rewrites), type, code, hops, data
        )
        header = len(frame) - len(packet)
        yield Reply(p, version, type, code, *engine.frame_back(frame, linktype, header, message))


def _source(prepared: Prepared, outcome: Outcome, p: int) -> int | None:
    """The address of the interface the packet arrived on; else its destination, if that is this stack's."""
    import engine

    at, version = int(outcome.journey.arrival[p]), engine.cell(outcome.headers, "version", p)
    name = prepared.interfaces[at] if at >= 0 else ""
    dest = engine.cell(outcome.headers, "dst_addr", p)
    ours = dest if (version, dest) in prepared.own else None
    return prepared.addresses.get((name, version), ours)


def _restrained(manner: Manner, headers: engine.Headers, p: int) -> bool:
    """Whether nothing is sent about packet p: an ICMP error or what may be one, a later fragment, from or to more than
    one host, from nobody."""
    import engine

    version, proto, type = (engine.cell(headers, name, p) for name in ("version", "proto", "type"))
    if engine.cell(headers, "fragment_offset", p) or proto == engine.FIELD["proto"].unknown:
        return True
    unknown = type == engine.FIELD["type"].unknown
    if version == 4 and proto == _ICMP and (unknown or type in _ERRORS):
        return True
    if version == 6 and proto == _ICMPV6 and (unknown or type < 128 or type == _REDIRECT):
        return True
    source, dest = engine.cell(headers, "src_addr", p), engine.cell(headers, "dst_addr", p)
    if any(each.version == version and each.low <= source <= each.high for each in _NOBODY):
        return True
    return any(
        each.version == version and each.low <= end <= each.high for each in manner.several for end in (source, dest)
    )


def _as_captured(version: int, number: int, rewrites: Sequence[Rewrite]) -> int:
    """An address of the stack as the capture spells it, where addresses are read as others."""
    for old, new in reversed(rewrites):
        if new.version == version and new.low <= number <= new.high:
            return old.low + number - new.low
    return number
