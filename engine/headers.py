"""Frames -> Headers: a column per field of FIELDS and a status per packet.

The outermost IP header counts: nothing is decapsulated and nothing reassembled. VLAN tags are passed over;
PPPoE and MPLS are not IP (but see engine.decap), LLC only where SNAP says so. The data of a packet ends where its IP
length says or where the frame was cut, whichever comes first; an IP length of 0 (left to the adapter) means all of the
frame. A chain of IPv6 extensions is followed through hop-by-hop, routing, destination options and fragment headers, 16
of them at most; whatever else it meets, AH and ESP among them, is the upper layer.
"""

import ipaddress
from collections.abc import Collection, Iterable
from functools import cache, reduce
from operator import or_
from typing import NamedTuple, cast

from engine.arrays import Array, as_array, blank, is_compiled, join, take, zeros
from engine.build import frame_of, frames_of
from engine.capture import Frames
from engine.fields import COLUMN, COLUMNS, FIELD, PARTIAL, STATUSES
from engine.linktypes import LINKTYPES


class Headers(NamedTuple):
    """Of n packets; column c of packet p is value[c * n + p]."""

    value: Array  # u4[columns * n]
    status: Array  # u1[n]  a number of STATUSES; up to PARTIAL a packet can be judged
    count: int  # type: ignore[assignment]  # hides tuple.count
    wide: bool = True  # False: no address has more than 32 bits

    @property
    def compiled(self) -> bool:
        return is_compiled(self.value)


class Transport(NamedTuple):
    """Where the upper-layer header of a protocol has what rules test."""

    proto: int
    header: int  # octets it has at least
    ports: int = -1
    type: int = -1
    code: int = -1
    flags: int = -1
    versions: tuple[int, ...] = (4, 6)


TRANSPORTS = (
    #         proto  header
    Transport(6,     20, ports=0, flags=12),
    Transport(17,    8,  ports=0),
    Transport(33,    12, ports=0),  # DCCP
    Transport(132,   12, ports=0),  # SCTP
    Transport(136,   8,  ports=0),  # UDP-Lite
    Transport(1,     8,  type=0, code=1, versions=(4,)),
    Transport(58,    4,  type=0, code=1, versions=(6,)),
    Transport(89,    24, type=1),
    Transport(135,   8,  type=2, versions=(6,)),
)  # fmt: skip


@cache
def _links(compiled: bool) -> Array:
    rows = ((row.number, row.how, row.header, row.where, row.ethertype) for row in LINKTYPES.values())
    return as_array([word for row in rows for word in row], "i4", compiled)


@cache
def _layout(compiled: bool) -> Array:
    words = [0, -1, -1, -1, -1] * 512
    for row in TRANSPORTS:
        for version in row.versions:
            at = 5 * (version // 6 * 256 + row.proto)
            words[at : at + 5] = row.header, row.ports, row.type, row.code, row.flags
    return as_array(words, "i4", compiled)


@cache
def _shapes() -> Array:
    from engine.kernels.usual import shape

    rows = [(row.proto, shape(row.header, row.ports, row.type, row.code, row.flags))
            for row in TRANSPORTS if 4 in row.versions]  # fmt: skip
    return as_array([shape(0, -1, -1, -1, -1), *(word for row in rows for word in row)], "u4", True)


def decoder(fields: Iterable[str]) -> tuple[Array, Array, Array, int]:
    """The tables of the kernel for usual frames, and which columns it fills in for these fields."""
    return _links(True), _layout(True), _shapes(), _wanted(fields)


def _wanted(fields: Iterable[str]) -> int:
    from engine.kernels.usual import WANTED

    return reduce(or_, (WANTED.get(COLUMN[name], 0) for name in fields), 0)


def turning() -> tuple[Array, ...]:
    """Room for that kernel to work in; for one thread."""
    from engine.kernels.usual import CHUNK, WORDS

    kinds = (("i8", CHUNK), ("i4", CHUNK), ("u4", WORDS * CHUNK), *[("i4", CHUNK)] * 3)
    return tuple(blank(kind, n, True) for kind, n in kinds)


def others(n: int) -> tuple[Array, ...]:
    """Room for those of n frames that are not usual; for one thread."""
    from engine.kernels.usual import PART

    kinds = (("i4", n + 1), ("i8", 4 * PART), ("u4", (COLUMNS + 2) * PART), ("i4", 2 * PART), ("u1", PART))
    return tuple(blank(kind, size, True) for kind, size in kinds)


def decode(frames: Frames, fields: Collection[str] = FIELD) -> Headers:
    """Read the headers of a batch, in the mode of its arrays. Where not all `fields` are named, the others may be 0."""
    if not is_compiled(frames.data):
        return _decode_plain(frames)
    n, known = frames.count, frames.decoded
    if known is not None and not _wanted(fields) & ~known.wanted:
        return Headers(known.value, known.status, n, known.wide)
    from engine.kernels.usual import usual

    value, status = zeros("u4", COLUMNS * n, True), blank("u1", n, True)
    columns = frames.data, frames.start, frames.captured, frames.length, frames.linktype
    wide = usual(*columns, decoder(fields), n, value, status, turning(), others(n))
    return Headers(value, status, n, bool(wide))


def _decode_plain(frames: Frames) -> Headers:
    """The same in plain mode, pass after pass."""
    from engine.kernels.decode import inner, ipv4, ipv6, link, transport

    n = frames.count
    value, status, ether = zeros("u4", COLUMNS * n, False), zeros("u1", n, False), zeros("i4", n, False)
    net, upper, limit = (zeros("i8", n, False) for _ in range(3))
    data, start, captured, length = frames.data, frames.start, frames.captured, frames.length
    link(data, start, captured, frames.linktype, _links(False), n, net, ether, upper, value, status)
    inner(data, start, captured, n, net, ether, status)
    ipv4(data, start, captured, length, net, ether, n, upper, limit, value, status)
    ipv6(data, start, captured, length, net, ether, n, upper, limit, value, status)
    transport(data, upper, limit, _layout(False), n, value, status)
    version = COLUMN["version"] * n
    return Headers(value, status, n, 6 in value[version : version + n])


def carried(frames: Frames) -> tuple[Array, Array]:
    """Where what each frame carries begins in its data (i8[n]), and its ethertype (i4[n]) as engine.kernels.decode
    has it."""
    from engine.kernels.decode import inner, link

    compiled, n = is_compiled(frames.data), frames.count
    value, status = blank("u4", COLUMNS * n, compiled), blank("u1", n, compiled)
    net, upper, ether = blank("i8", n, compiled), blank("i8", n, compiled), blank("i4", n, compiled)
    data, start, captured = frames.data, frames.start, frames.captured
    link(data, start, captured, frames.linktype, _links(compiled), n, net, ether, upper, value, status)
    inner(data, start, captured, n, net, ether, status)
    return net, ether


def packet_of(frames: Frames, p: int) -> bytes:
    """What follows the link header and VLAN tags of frame p: the IP packet, as far as captured, and any padding."""
    from engine.kernels.decode import inner, link

    frame = frame_of(frames, p)
    one = frames_of([(0, frame)], int(frames.linktype[p]))
    net, upper = zeros("i8", 1, False), zeros("i8", 1, False)
    value, status, ether = zeros("u4", COLUMNS, False), zeros("u1", 1, False), zeros("i4", 1, False)
    link(one.data, one.start, one.captured, one.linktype, _links(False), 1, net, ether, upper, value, status)
    inner(one.data, one.start, one.captured, 1, net, ether, status)
    return frame[net[0] :]


def select(headers: Headers, rows: Array, count: int) -> Headers:
    """The packets of the first `count` rows listed, only."""
    from engine.kernels.journey import gather

    n = headers.count
    if not headers.compiled:  # column by column Python is several times quicker than cell by cell
        rows = rows[:count]
        chosen = [take(headers.value[c * n : (c + 1) * n], rows) for c in range(COLUMNS)]
        return Headers(join(chosen, "u4", False), take(headers.status, rows), count, headers.wide)
    value, status = blank("u4", COLUMNS * count, True), blank("u1", count, True)
    gather(headers.value, headers.status, rows, n, count, COLUMNS, value, status)
    return Headers(value, status, count, headers.wide)


def columns_of(names: Iterable[str]) -> Array:
    """i8: the columns of these fields, in compiled mode."""
    return as_array([COLUMN[name] + word for name in names for word in range(FIELD[name].words)], "i8", True)


def select_columns(headers: Headers, rows: Array, count: int, columns: Array) -> Headers:
    """The same, of which only these columns are filled in."""
    from engine.kernels.columns import gather_columns

    value, status = blank("u4", COLUMNS * count, True), blank("u1", count, True)
    gather_columns(headers.value, headers.status, rows, headers.count, count, columns, value, status)
    return Headers(value, status, count, headers.wide)


def cell(headers: Headers, name: str, p: int) -> int:
    """The value of a field of packet p; an address is one number."""
    value, first = 0, COLUMN[name]
    for column in range(first, first + FIELD[name].words):
        value = value << 32 | int(headers.value[column * headers.count + p])
    return value


def values(headers: Headers, name: str, rows: Array) -> list[int]:
    """A field of the listed packets; quicker than as many calls of `cell`."""
    first, n = COLUMN[name], headers.count
    words = [take(headers.value[c * n : (c + 1) * n], rows).tolist() for c in range(first, first + FIELD[name].words)]
    if len(words) == 1:
        return cast("list[int]", words[0])
    return [d if not (a or b or c) else a << 96 | b << 64 | c << 32 | d for a, b, c, d in zip(*words, strict=True)]


def address(headers: Headers, p: int, name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """src_addr or dst_addr of packet p; None where the packet has none that could be read."""
    version, number = cell(headers, "version", p), cell(headers, name, p)
    if version == 4 and (number or _has_addresses(headers, p)):
        return ipaddress.IPv4Address(number)
    if version == 6 and (number or _has_addresses(headers, p)):
        return ipaddress.IPv6Address(number)
    return None


def _has_addresses(headers: Headers, p: int) -> bool:
    """Whether the addresses were there; the length is written with them, and is never 0."""
    return cell(headers, "ip_length", p) > 0


def row(headers: Headers, p: int) -> dict[str, str | int | bool | None]:
    """Packet p in words, as `decode` reports it; None for what is not there."""

    def known(name: str) -> int | None:
        value = cell(headers, name, p)
        return value if value <= FIELD[name].limit else None

    judged = headers.status[p] <= PARTIAL
    version, proto = cell(headers, "version", p) or None, known("proto")
    icmp = (version, proto) in ((4, 1), (6, 58))
    src, dst = address(headers, p, "src_addr"), address(headers, p, "dst_addr")
    return {
        "status": STATUSES[headers.status[p]],
        "version": version,
        "src": str(src) if src is not None else None,
        "dst": str(dst) if dst is not None else None,
        "proto": proto,
        "sport": known("src_port"),
        "dport": known("dst_port"),
        "icmp_type": known("type") if icmp else None,
        "icmp_code": known("code") if icmp else None,
        "tcp_flags": known("tcp_flags"),
        "fragment_offset": cell(headers, "fragment_offset", p) if judged else None,
        "more_fragments": bool(cell(headers, "more_fragments", p)) if judged else None,
    }
