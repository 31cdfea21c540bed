"""Frames -> pcapng bytes, a block at a time: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/.

What `write_pcap` cannot say: several link types in one capture, and comments. Everything is little-endian and in
nanoseconds. Writing keeps nothing in memory: whoever writes asks for blocks and puts them one after the other.
"""

import struct
from collections.abc import Sequence

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
COMMENT, APPLICATION, NAME, RESOLUTION = 1, 4, 2, 9  # options; NAME and RESOLUTION of an interface
NANOSECONDS = b"\x09"
LATEST = 2**64 - 1
MOST_COMMENT = 65_535  # octets; what an option can hold


def section(application: str, comment: str = "") -> bytes:
    """The block a capture begins with: who wrote it, and a word about it."""
    options = [(APPLICATION, application.encode()), *([(COMMENT, _text(comment))] if comment else [])]
    return _block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options(options))


def interface(linktype: int, name: str) -> bytes:
    """An interface; they count from 0 in the order they are described."""
    options = _options([(NAME, name.encode()), (RESOLUTION, NANOSECONDS)])
    return _block(INTERFACE, struct.pack("<HHI", linktype, 0, 0) + options)


def comments(said: Sequence[str]) -> bytes:
    """The options of a packet that are its comments, with the end of options."""
    return _options([(COMMENT, _text(comment)) for comment in said]) if said else b""


def packet(number: int, time: int, frame: bytes, length: int, said: Sequence[str] = ()) -> bytes:
    """A frame of interface `number` that had `length` octets on the wire. A time before 1970 becomes 1970."""
    when = max(0, min(time, LATEST))
    fixed = struct.pack("<IIIII", number, when >> 32, when & 0xFFFFFFFF, len(frame), length)
    return _block(PACKET, fixed + frame + bytes(-len(frame) % 4) + comments(said))


def _text(comment: str) -> bytes:
    return comment.encode()[:MOST_COMMENT].decode(errors="ignore").encode()


def _options(options: Sequence[tuple[int, bytes]]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options]
    return b"".join([*parts, bytes(4)])


def _block(kind: int, body: bytes) -> bytes:
    octets = 12 + len(body)
    return struct.pack("<II", kind, octets) + body + struct.pack("<I", octets)
