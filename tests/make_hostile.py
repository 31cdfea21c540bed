"""Writes captures that lie: python tests/make_hostile.py FOLDER

Each is what somebody could send to make a reader crash, hang, read what is not there or fill its memory. A row says
how many frames are good before the damage, what is said of it (nothing: it is no damage to the file), and what the
statuses of the frames are. The same bytes come out on every run.
"""

from __future__ import annotations

import gzip
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

ETHER = bytes.fromhex("02000a010102 02000a010101")
MOST = 2**32 - 1


class Hostile(NamedTuple):
    name: str
    octets: bytes
    frames: int  # that are good
    said: str = ""  # of the damage, a part of the line; "" where there is none
    statuses: str = ""  # of the frames, as a set of words; "" is any


def ip4(payload: bytes = b"", proto: int = 6, total: int | None = None, first: int = 0x45, bits: int = 0) -> bytes:
    total = 20 + len(payload) if total is None else total
    ends = 0x0A010002, 0x0A010102
    return struct.pack(">BBHHHBBHII", first, 0, total, 7, bits, 64, proto, 0, *ends) + payload


def ip6(payload: bytes, after: int, length: int | None = None) -> bytes:
    length = min(len(payload), 65535) if length is None else length
    return struct.pack(">IHBB", 6 << 28, length, after, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload


TCP = struct.pack(">HHIIHHHH", 1025, 23, 0, 0, 0x5002, 0, 0, 0)
GOOD = ETHER + b"\x08\0" + ip4(TCP)


def pcap(*frames: bytes, linktype: int = 1, after: bytes = b"") -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, linktype)
    return head + b"".join(record(frame) for frame in frames) + after


def record(frame: bytes, captured: int | None = None, wire: int | None = None) -> bytes:
    captured = len(frame) if captured is None else captured
    return struct.pack("<IIII", 1_700_000_000, 0, captured, captured if wire is None else wire) + frame


def block(kind: int, body: bytes, length: int | None = None, again: int | None = None) -> bytes:
    body += bytes(-len(body) % 4)
    length = len(body) + 12 if length is None else length
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length if again is None else again)


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 0))


def enhanced(frame: bytes, of: int = 0, captured: int | None = None, wire: int | None = None) -> bytes:
    captured = len(frame) if captured is None else captured
    return block(6, struct.pack("<IIIII", of, 0, 1, captured, captured if wire is None else wire) + frame)


NG = SECTION + INTERFACE + enhanced(GOOD) * 2


def _chain(kind: int, count: int, after: int = 6) -> bytes:
    """Extension headers of 8 octets, each naming the next."""
    names = [kind] * (count - 1) + [after]
    return b"".join(bytes((name, 0)) + bytes(6) for name in names)


def files() -> Iterator[Hostile]:
    two = (GOOD, GOOD)
    # the file lies
    yield Hostile("empty.pcap", b"", 0, "the file is empty")
    yield Hostile("three-octets.pcap", b"\xd4\xc3\xb2", 0, "starts with the octets")
    yield Hostile("header-cut.pcap", pcap()[:19], 0, "ends inside its header")
    yield Hostile("nothing.pcap", pcap(), 0)
    yield Hostile("captured-most.pcap", pcap(*two, after=record(b"", MOST)), 2, "frame 3 at byte 164: captured length")
    yield Hostile("captured-half.pcap", pcap(*two, after=record(b"", 2**31)), 2, "frame 3 at byte 164: captured length")
    yield Hostile(
        "beyond-the-file.pcap", pcap(*two, after=record(b"", 262_144)), 2, "frame 3 at byte 164: the frame is"
    )
    yield Hostile("garbage-after.pcap", pcap(*two, after=b"\xde\xad\xbe\xef" * 9), 2, "frame 3 at byte 164")
    yield Hostile("odd-octets-after.pcap", pcap(*two, after=b"\0\0\0"), 2, "frame 3 at byte 164: the file ends inside")
    yield Hostile("wire-most.pcap", pcap(*two, after=record(GOOD, None, MOST)), 3, "", "complete")
    yield Hostile("wire-zero.pcap", pcap(*two, after=record(GOOD, None, 0)), 3, "", "complete")
    yield Hostile("zero-lengths.pcap", pcap(*[b""] * 5000), 5000, "", "truncated")
    yield Hostile("zeros-after.pcap", pcap(*two, after=bytes(16 * 100)), 102, "", "complete truncated")
    # blocks lie
    for name, length in (("zero", 0), ("four", 4), ("eleven", 11), ("odd", 37), ("most", MOST), ("half", 2**31)):
        after = block(6, bytes(24), length=length)
        yield Hostile(f"block-{name}.pcapng", NG + after, 2, f"frame 3 at byte 224: a block cannot be {length} octets")
    yield Hostile("block-beyond.pcapng", NG + block(6, bytes(24), 4096), 2, "at byte 224: the block of 4096 octets is")
    yield Hostile("block-trailer.pcapng", NG + block(6, bytes(24), again=MOST), 2, "ends saying 4294967295")
    yield Hostile("captured-most.pcapng", NG + enhanced(GOOD, 0, MOST), 2, "frame 3 at byte 224: captured length")
    yield Hostile("captured-more.pcapng", NG + enhanced(GOOD, 0, 57), 2, "captured length 57 is longer than its block")
    yield Hostile("interface-most.pcapng", NG + enhanced(GOOD, MOST), 2, "interface that is not described")
    yield Hostile("wire-most.pcapng", NG + enhanced(GOOD, 0, None, MOST), 3, "", "complete")
    yield Hostile("simple-most.pcapng", NG + block(3, struct.pack("<I", MOST) + GOOD), 3, "", "complete")
    yield Hostile("simple-short.pcapng", NG + block(3, b""), 2, "a packet block cannot be 12 octets")
    yield Hostile("section-length-most.pcapng", NG + block(0x0A0D0D0A, SECTION[8:24], MOST), 2, "cannot be 4294967295")
    yield Hostile("section-only.pcapng", SECTION * 3, 0)
    yield Hostile("sections.pcapng", NG * 300, 600, "", "complete")
    yield Hostile("interfaces.pcapng", SECTION + INTERFACE * 5000 + enhanced(GOOD, 4999), 1, "", "complete")
    option = struct.pack("<HH", 9, 0xFFFF) + b"\x06"
    yield Hostile(
        "option-beyond.pcapng", SECTION + block(1, bytes((1, 0, 0, 0, 0, 0, 0, 0)) + option) + enhanced(GOOD), 1
    )
    yield Hostile("unknown-blocks.pcapng", NG + block(0x0BAD, b"x") * 5000 + enhanced(GOOD), 3, "", "complete")
    yield Hostile("garbage-after.pcapng", NG + b"\xff" * 40, 2, "at byte 224: a block cannot be", "complete")
    # headers lie
    tags = ETHER + b"\x81\0\0\1" * 60_000
    yield Hostile("tags-without-end.pcap", pcap(tags), 1, "", "not_ip")
    yield Hostile("tags-cut.pcap", pcap(ETHER + b"\x81\0\0\1\x81"), 1, "", "truncated")
    labels = ETHER + b"\x88\x47" + b"\0\0\x10\x40" * 60_000
    yield Hostile("labels-without-end.pcap", pcap(labels), 1, "", "not_ip")
    for name, kind in (("hop-by-hop", 0), ("routing", 43), ("destination", 60), ("fragment", 44)):
        chain = ip6(_chain(kind, 8000, kind), kind)
        yield Hostile(f"{name}-without-end.pcap", pcap(ETHER + b"\x86\xdd" + chain), 1, "", "partial")
        chain = ip6(_chain(kind, 16) + TCP, kind)
        yield Hostile(f"{name}-16.pcap", pcap(ETHER + b"\x86\xdd" + chain), 1, "", "complete")
        chain = ip6(_chain(kind, 17) + TCP, kind)
        yield Hostile(f"{name}-17.pcap", pcap(ETHER + b"\x86\xdd" + chain), 1, "", "partial")
    longest = ip6(b"\x06\xff" + bytes(6) + TCP, 0)
    yield Hostile("extension-beyond.pcap", pcap(ETHER + b"\x86\xdd" + longest), 1, "", "partial")
    yield Hostile("jumbogram.pcap", pcap(ETHER + b"\x86\xdd" + ip6(_chain(0, 1) + TCP, 0, 0)), 1, "", "complete")
    yield Hostile("header-length.pcap", pcap(*(ETHER + b"\x08\0" + ip4(TCP, first=0x40 | n) for n in range(5))), 5,
                  "", "malformed")  # fmt: skip
    yield Hostile("header-longest.pcap", pcap(ETHER + b"\x08\0" + ip4(TCP, first=0x4F)), 1, "", "malformed")
    yield Hostile("total-most.pcap", pcap(ETHER + b"\x08\0" + ip4(TCP, total=65535)), 1, "", "complete")
    yield Hostile("total-zero.pcap", pcap(ETHER + b"\x08\0" + ip4(TCP, total=0)), 1, "", "complete")
    yield Hostile("total-one.pcap", pcap(ETHER + b"\x08\0" + ip4(TCP, total=1)), 1, "", "malformed")
    overlap = [ETHER + b"\x08\0" + ip4(bytes(1000), 17, bits=0x2000 | at) for at in (0, 1, 8191, 8190, 0)]
    yield Hostile("fragments.pcap", pcap(*overlap * 20), 100)
    yield Hostile("attributes-zero.pcap", pcap(b"\2\0\0\0" + bytes(65_000), linktype=239), 1, "", "not_ip")
    yield Hostile("attributes.pcap", pcap(b"\2\0\0\0" + b"\4\0\1\0" * 16_000, linktype=239), 1, "", "not_ip")
    for name, length in (("zero", 0), ("seven", 7), ("most", 65535)):
        frame = struct.pack("<BBHI", 0, 0, length, MOST) + b"\xff" * 60
        yield Hostile(f"radiotap-{name}.pcap", pcap(frame, linktype=127), 1, "", "not_ip truncated")
    yield Hostile("radiotap-words.pcap", pcap(struct.pack("<BBH", 0, 0, 60_000) + b"\xff" * 60_000, linktype=127), 1,
                  "", "truncated not_ip")  # fmt: skip
    # compression lies
    whole = gzip.compress(pcap(*two), mtime=0)
    yield Hostile("cut.pcap.gz", whole[:-5], 2, "the gzip is damaged")
    yield Hostile("sum.pcap.gz", whole[:-8] + b"\0\0\0\0" + whole[-4:], 2, "the gzip is damaged")
    yield Hostile("garbage-after.pcap.gz", whole + b"garbage", 2, "the gzip is damaged")
    yield Hostile("head-only.pcap.gz", whole[:10], 0, "the gzip is damaged")
    yield Hostile("bomb.gz", gzip.compress(bytes(64_000_000), mtime=0), 0, "(decompressed) at byte 0: starts with")
    yield Hostile("bomb.pcap.gz", gzip.compress(pcap(after=record(bytes(262_144)) * 200), mtime=0), 200, "", "not_ip")
    yield Hostile("gzip-in-gzip.pcap.gz", gzip.compress(whole, mtime=0), 0, "(decompressed) at byte 0: starts with")


def mutations(octets: bytes, seed: int, count: int) -> Iterator[bytes]:
    """The file with a few octets changed, runs repeated or taken out."""
    random = Random(seed)
    changes: tuple[Callable[[bytearray, int], None], ...] = (
        lambda made, at: made.__setitem__(at, random.choice((0, 1, 4, 0x7F, 0x80, 0xFF))),
        lambda made, at: made.__setitem__(at, random.randrange(256)),
        lambda made, at: made.__delitem__(slice(at, at + random.randrange(1, 9))),
        lambda made, at: made.__setitem__(slice(at, at), made[at : at + random.randrange(1, 40)]),
        lambda made, at: made.__setitem__(slice(at, at + 4), struct.pack("<I", random.choice((0, 1, 2**31, MOST)))),
    )
    for _ in range(count):
        made = bytearray(octets[:4000])
        for _ in range(random.randrange(1, 6)):
            if made:
                random.choice(changes)(made, random.randrange(len(made)))
        yield bytes(made)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for each in files():
        (folder / each.name).write_bytes(each.octets)


if __name__ == "__main__":
    main()
