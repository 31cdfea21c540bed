"""Frames made in memory: values -> frames, frames -> pcap bytes, and the answers to packets."""

import struct
from collections.abc import Iterable, Sequence

from engine.arrays import as_array, of_octets
from engine.capture import Frames

EN10MB, RAW, LINUX_SLL, LINUX_SLL2 = 1, 101, 113, 276  # link types
LEAST_MTU = 1280  # octets every IPv6 link carries (RFC 8200 section 5)
ICMP, ICMPV6, NO_NEXT_HEADER = 1, 58, 59


def frames_of(packets: Sequence[tuple[int, bytes]], linktype: int, compiled: bool = False, number: int = 1) -> Frames:
    """One batch of whole frames from (time in ns, octets)."""
    octets = [len(frame) for _, frame in packets]
    start, at = [], 0
    for length in octets:
        start.append(at)
        at += length
    return Frames(
        of_octets(b"".join(frame for _, frame in packets), compiled),
        as_array(start, "i8", compiled),
        as_array(octets, "u4", compiled),
        as_array(octets, "u4", compiled),
        as_array([time for time, _ in packets], "i8", compiled),
        as_array([linktype] * len(packets), "i4", compiled),
        number,
        len(packets),
    )


def frame_of(frames: Frames, p: int) -> bytes:
    """The octets of frame p, as captured."""
    start = int(frames.start[p])
    return bytes(memoryview(frames.data)[start : start + int(frames.captured[p])])


def write_pcap(packets: Iterable[tuple[int, bytes]], linktype: int = 1, nanoseconds: bool = False) -> bytes:
    """A pcap of whole frames from (time in ns, octets); times outside 1970..2106 raise."""
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262_144, linktype)]
    for time, frame in packets:
        second, rest = divmod(time, 10**9)
        parts.append(struct.pack("<IIII", second, rest // unit, len(frame), len(frame)) + frame)
    return b"".join(parts)


def icmp_error(
    about: bytes, source: int, type: int, code: int, hops: int, data: int = 8, identification: int = 0
) -> bytes:
    """The IP packet that tells the sender of packet `about` of an error, from address `source`.

    IPv4: the message quotes the IP header and `data` octets behind it (RFC 792: 8; RFC 1812 section 4.3.2.3 allows
    more). IPv6: as much as fits into 1280 octets (RFC 4443 section 2.4 c). Of what was not captured nothing is quoted.
    """
    if about[0] >> 4 == 4:
        quoted = _within(about, struct.unpack_from(">H", about, 2)[0])[: about[0] % 16 * 4 + data]
        message = summed(struct.pack(">BBHI", type, code, 0, 0) + quoted, 2)
        ends = struct.pack(">I", source) + about[12:16]
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(message), identification, 0, hops, ICMP, 0) + ends
        return summed(header, 10) + message
    payload, after = struct.unpack_from(">HB", about, 4)
    quoted = _within(about, 40 + payload if payload or after == NO_NEXT_HEADER else 0)[: LEAST_MTU - 48]
    ends = source.to_bytes(16, "big") + about[8:24]
    message = struct.pack(">BBHI", type, code, 0, 0) + quoted
    message = summed(message, 2, ends + struct.pack(">II", len(message), ICMPV6))
    return struct.pack(">IHBB", 6 << 28, len(message), ICMPV6, hops) + ends + message


def _within(packet: bytes, length: int) -> bytes:
    """The packet without padding; length 0 was left to the adapter."""
    return packet[:length] if length else packet


def summed(octets: bytes, at: int, before: bytes = b"") -> bytes:
    """The octets with their Internet checksum (RFC 1071) at `at`; it covers a pseudo-header `before` them too."""
    covered = before + octets + bytes(len(octets) % 2)
    total = sum(struct.unpack(f">{len(covered) // 2}H", covered))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return octets[:at] + struct.pack(">H", total ^ 0xFFFF) + octets[at + 2 :]


def frame_back(frame: bytes, linktype: int, header: int, packet: bytes) -> tuple[int, bytes]:
    """(link type, frame) that carries `packet` back to where `frame` came from, whose link header has that many octets.

    Ethernet: the addresses change places, VLAN tags stay. Other link types: the packet as it is.
    """
    if linktype != EN10MB:
        return RAW, packet
    return EN10MB, frame[6:12] + frame[:6] + frame[12:header] + packet


def sent_to_many(frame: bytes, linktype: int) -> bool:
    """Whether the link layer says that a frame went to a group or to everybody; no answer is due to such a one."""
    if linktype == EN10MB:
        return bool(frame[0] & 1)
    kind = {LINUX_SLL: frame[1:2], LINUX_SLL2: frame[10:11]}.get(linktype, b"")
    return kind in (b"\1", b"\2")  # PACKET_BROADCAST, PACKET_MULTICAST
