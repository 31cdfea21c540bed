"""Frames made in memory: values -> frames, and frames -> pcap bytes."""

import struct
from collections.abc import Iterable, Sequence

from engine.arrays import as_array, of_octets
from engine.capture import Frames


def frames_of(
    packets: Sequence[tuple[int, bytes]], linktype: int, compiled: bool = False, number: int = 1
) -> Frames:
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


def write_pcap(packets: Iterable[tuple[int, bytes]], linktype: int = 1, nanoseconds: bool = False) -> bytes:
    """A pcap of whole frames from (time in ns, octets); times outside 1970..2106 raise."""
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    parts = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262_144, linktype)]
    for time, frame in packets:
        second, rest = divmod(time, 10**9)
        parts.append(struct.pack("<IIII", second, rest // unit, len(frame), len(frame)) + frame)
    return b"".join(parts)
