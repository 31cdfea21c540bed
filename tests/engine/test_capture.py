"""pcap and pcapng bytes -> Frames: real files, odd files, damaged files, and lies."""

import re
import struct
import tracemalloc

import pytest
from captures import SHARED, both_modes, each_capture, octets_of, read, rows
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.capture import BATCH
from engine.kernels.walk import LAST_SECOND

#: README of the shared captures: packets, and "+" where the tail is damaged.
TABLE = re.compile(r"^\| (\S+) \|[^|]*\|[^|]*\| (\d+)(\+?) \|", re.MULTILINE)
COUNTS = {
    name: (int(packets), bool(damaged))
    for name, packets, damaged in TABLE.findall((SHARED / "README.md").read_text() if SHARED.is_dir() else "")
}
FRAMES = [(1_700_000_000_123_456_789 + p, bytes([p]) * p) for p in range(5)]


def pcap(*records, order="<", magic=0xA1B2C3D4, minor=4, linktype=1, extra=b""):
    """A pcap of (seconds, fraction, third word, fourth word, octets)."""
    parts = [struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, 65535, linktype)]
    for second, fraction, third, fourth, octets in records:
        parts.append(struct.pack(order + "IIII", second, fraction, third, fourth) + extra + octets)
    return b"".join(parts)


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def section(order="<", major=1):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1), order)


def interface(linktype=1, snap=0, order="<", options=()):
    body = struct.pack(order + "HHI", linktype, 0, snap)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(1, body, order)


def enhanced(octets, time=0, of=0, order="<", wire=None, captured=None):
    captured = len(octets) if captured is None else captured
    wire = len(octets) if wire is None else wire
    return block(6, struct.pack(order + "IIIII", of, time >> 32, time & 0xFFFFFFFF, captured, wire) + octets, order)


def simple(octets, wire=None, order="<"):
    return block(3, struct.pack(order + "I", len(octets) if wire is None else wire) + octets, order)


def obsolete(octets, time=0, of=0, order="<"):
    head = struct.pack(order + "HHIIII", of, 0xFFFF, time >> 32, time & 0xFFFFFFFF, len(octets), len(octets))
    return block(2, head + octets, order)


# real captures


@both_modes
@each_capture
def test_read_capture__counts_of_the_shared_captures(name, compiled):
    batches, error = read([octets_of(name)], name, compiled)
    assert (sum(frames.count for frames in batches), error is not None) == COUNTS[name]


@each_capture
def test_read_capture__block_sizes_and_modes_do_not_matter(name):
    octets = octets_of(name)
    expected, error = read([octets], name)
    for size, compiled in ((len(octets) // 3 + 1, True), (70_001, False), (997, False), (997, True)):
        blocks = [octets[at : at + size] for at in range(0, len(octets), size)]
        batches, again = read(blocks, name, compiled)
        assert rows(batches) == rows(expected)
        assert str(again) == str(error)


def test_read_capture__a_frame_number_goes_on_over_batches():
    octets = engine.write_pcap([(0, b"x")] * (BATCH + 5))
    assert [(frames.number, frames.count) for frames in read([octets])[0]] == [(1, BATCH), (BATCH + 1, 5)]


# pcap


@both_modes
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_write_pcap__is_read_back(nanoseconds, compiled):
    batches, error = read([engine.write_pcap(FRAMES, 113, nanoseconds)], compiled=compiled)
    unit = 1 if nanoseconds else 1000
    assert error is None
    assert rows(batches) == [
        (p + 1, frame, len(frame), time // unit * unit, 113) for p, (time, frame) in enumerate(FRAMES)
    ]


@both_modes
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("minor", "third", "fourth"), [(4, 3, 9), (3, 3, 9), (3, 9, 3), (2, 9, 3), (0, 9, 3)])
def test_pcap__byte_orders_and_swapped_lengths(order, minor, third, fourth, compiled):
    octets = pcap((7, 5, third, fourth, b"abc"), order=order, minor=minor)
    assert rows(read([octets], compiled=compiled)[0]) == [(1, b"abc", 9, 7_000_005_000, 1)]


@both_modes
def test_pcap__modified_has_longer_record_headers(compiled):
    octets = pcap((7, 5, 3, 9, b"abc"), (8, 5, 1, 1, b"d"), magic=0xA1B2CD34, extra=bytes(8))
    assert [frame for _, frame, *_ in rows(read([octets], compiled=compiled)[0])] == [b"abc", b"d"]


@both_modes
def test_pcap__frame_check_sequence_is_taken_off(compiled):
    octets = pcap((0, 0, 9, 9, b"123456789"), (0, 0, 5, 9, b"12345"), (0, 0, 3, 3, b"123"), linktype=0x2400_0001)
    assert [row[1:3] for row in rows(read([octets], compiled=compiled)[0])] == [
        (b"12345", 5),
        (b"12345", 5),
        (b"", 0),
    ]


@both_modes
def test_pcap__only_a_header_is_no_error(compiled):
    assert read([pcap()], compiled=compiled) == ([], None)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "x.pcap: the file is empty"),
        (b"PK\3\4zip", "x.pcap at byte 0: starts with the octets 50 4b 03 04; pcap and pcapng are read"),
        (b"\n", "x.pcap at byte 0: starts with the octets 0a; pcap and pcapng are read"),
        (pcap()[:20], "x.pcap: the file ends inside its header, after 20 of 24 octets"),
        (pcap().replace(b"\2\0", b"\1\0", 1), "x.pcap at byte 4: pcap version 1.4; only 2.x is read"),
        (
            pcap((0, 0, 1, 1, b"x")) + bytes(7),
            "x.pcap, frame 2 at byte 41: the file ends inside the record header, 7 of 16 octets",
        ),
        (
            pcap((0, 0, 10, 10, b"x")),
            "x.pcap, frame 1 at byte 24: the frame is longer than the file; 1 octets are left",
        ),
        (
            pcap((0, 0, 300_000, 9, b"x")),
            "x.pcap, frame 1 at byte 24: captured length 300000 is more than 262144, the most possible",
        ),
        (
            pcap((0, 0, 9, 2**32 - 1, b"x"), minor=1),
            "x.pcap, frame 1 at byte 24: captured length 4294967295 is more than 262144, the most possible",
        ),
    ],
)
@both_modes
def test_pcap__errors_say_what_where_and_why(octets, message, compiled):
    batches, error = read([octets], "x.pcap", compiled)
    assert str(error) == message
    assert len(rows(batches)) == (1 if "frame 2" in message else 0)


@both_modes
def test_pcap__cut_anywhere_gives_what_is_whole_and_an_error(compiled):
    octets = engine.write_pcap(FRAMES)
    ends = [24 + sum(16 + len(frame) for _, frame in FRAMES[:p]) for p in range(len(FRAMES) + 1)]
    for cut in range(24, len(octets) + 1):
        batches, error = read([octets[:cut]], compiled=compiled)
        assert len(rows(batches)) == sum(end <= cut for end in ends) - 1
        assert (error is None) == (cut in ends)


# pcapng


@both_modes
@pytest.mark.parametrize("order", "<>")
def test_pcapng__the_three_packet_blocks(order, compiled):
    octets = (
        section(order)
        + interface(101, order=order)
        + interface(1, 2, order=order)
        + enhanced(b"ab", 5, 1, order)
        + block(0x0BAD, b"custom", order)
        + obsolete(b"cde", 2**33, 1, order)
        + simple(b"f", 9, order)
    )
    assert rows(read([octets], compiled=compiled)[0]) == [
        (1, b"ab", 2, 5000, 1),
        (2, b"cde", 3, 2**33 * 1000, 1),
        (3, b"f\0\0\0", 9, engine.NO_TIME, 101),
    ]


@both_modes
def test_pcapng__simple_packets_are_cut_at_the_snap_length(compiled):
    octets = section() + interface(1, snap=2) + simple(b"abcd", wire=4)
    assert [row[1:3] for row in rows(read([octets], compiled=compiled)[0])] == [(b"ab", 4)]


@both_modes
def test_pcapng__sections_start_anew_in_their_own_order(compiled):
    octets = b"".join(
        section(order) + interface(linktype, order=order) + enhanced(b"x", 1, 0, order)
        for order, linktype in (("<", 1), (">", 0), ("<", 101))
    )
    assert [row[4] for row in rows(read([octets], compiled=compiled)[0])] == [1, 0, 101]


TIMES = [
    (None, 5, 0, 5000),
    (6, 1_700_000_000_000_001, 0, 1_700_000_000_000_001_000),
    (9, 2**60 + 1, 0, 2**60 + 1),
    (0, 3, 0, 3 * 10**9),
    (12, 1_999, 0, 1),
    (18, 10**18 * 2 + 10**9, 0, 2 * 10**9 + 1),
    (0x80 | 1, 3, 0, 1_500_000_000),
    (0x80 | 32, 2**31 + 2**32 * 7, 0, 7_500_000_000),
    (0x80 | 62, 2**61, 0, 500_000_000),
    (6, 1, -1, -999_999_000),
    (6, 1, 10, 10_000_001_000),
    (0, 2**64 - 1, 2**63 - 1, 9_223_372_035_000_000_000),
    (0, 0, -(2**63), -9_223_372_036_000_000_000),
]


@both_modes
@pytest.mark.parametrize(("resolution", "ticks", "offset", "expected"), TIMES)
def test_pcapng__time_resolutions_and_offsets(resolution, ticks, offset, expected, compiled):
    options = [(2, b"eth0")]
    if resolution is not None:
        options.append((9, bytes([resolution])))
    options.append((14, struct.pack("<q", offset)))
    octets = section() + interface(options=options) + enhanced(b"x", ticks)
    assert [row[3] for row in rows(read([octets], compiled=compiled)[0])] == [expected]


@both_modes
@pytest.mark.parametrize("digits", range(10))
def test_pcapng__times_near_what_64_bits_can_hold(digits, compiled):
    unit, tick = 10**digits, 10 ** (9 - digits)
    edges = [0, unit, 2**32, 2**30 // tick << 32, 2**62 // tick, LAST_SECOND * unit, LAST_SECOND * unit + unit]
    ticks = sorted({max(0, min(edge + more, 2**63 - 1)) for edge in edges for more in (-1, 0, 1, unit - 1)})
    options = [(2, b"eth0"), (9, bytes([digits]))]
    octets = section() + interface(options=options) + b"".join(enhanced(b"x", each) for each in ticks)
    expected = [min(each // unit, LAST_SECOND) * 10**9 + each % unit * tick for each in ticks]
    assert [row[3] for row in rows(read([octets], compiled=compiled)[0])] == expected


GOOD = section() + interface() + enhanced(b"abcd")
DAMAGE = [
    (
        "cut in a block",
        enhanced(b"abcd")[:-1],
        "frame 2 at byte {}: the block of 36 octets is longer than the file; 35 are left",
    ),
    (
        "cut in a block header",
        enhanced(b"abcd")[:11],
        "at byte {}: the file ends inside a block, after 11 octets",
    ),
    ("length 0", struct.pack("<III", 6, 0, 0), "frame 2 at byte {}: a block cannot be 0 octets long"),
    ("length 13", struct.pack("<II", 5, 13) + bytes(8), "at byte {}: a block cannot be 13 octets long"),
    (
        "length of 4 GiB",
        struct.pack("<II", 5, 2**32 - 4) + bytes(8),
        "at byte {}: a block cannot be 4294967292 octets long",
    ),
    (
        "length 16 MiB, not there",
        struct.pack("<II", 5, 2**24) + bytes(8),
        "at byte {}: the block of 16777216 octets is longer than the file; 16 are left",
    ),
    (
        "another trailer",
        block(6, bytes(24))[:-4] + b"\x28\0\0\0",
        "frame 2 at byte {}: the block is 36 octets long and ends saying 40",
    ),
    (
        "unknown interface",
        enhanced(b"x", of=1),
        "frame 2 at byte {}: the frame was captured on an interface that is not described",
    ),
    (
        "captured beyond its block",
        enhanced(b"abcd", captured=5),
        "frame 2 at byte {}: captured length 5 is longer than its block of 36 octets",
    ),
    (
        "captured beyond all",
        enhanced(bytes(262_148)),
        "frame 2 at byte {}: captured length 262148 is more than 262144, the most possible",
    ),
    (
        "packet block too short",
        block(6, bytes(16)),
        "frame 2 at byte {}: a packet block cannot be 28 octets long",
    ),
    (
        "interface too short",
        block(1, bytes(4)),
        "at byte {}: an interface description cannot be 16 octets long",
    ),
    (
        "time too fine",
        interface(options=[(9, b"\x7f")]),
        "at byte {}: time stamps in units of 10**-127 s are not read",
    ),
    (
        "section of no order",
        block(0x0A0D0D0A, bytes(16)),
        "at byte {}: the byte-order magic of a section is 00 00 00 00",
    ),
    (
        "section too short",
        struct.pack("<III", 0x0A0D0D0A, 24, 0x1A2B3C4D),
        "at byte {}: a section header cannot be 24 octets long",
    ),
    ("section of version 2", section(major=2), "at byte {}: pcapng version 2.0; only 1.x is read"),
    (
        "section cut",
        section()[:-1],
        "at byte {}: the block of 28 octets is longer than the file; 27 are left",
    ),
]


@both_modes
@pytest.mark.parametrize(("damage", "message"), [case[1:] for case in DAMAGE], ids=[case[0] for case in DAMAGE])
def test_pcapng__damage_comes_after_what_is_good(damage, message, compiled):
    separator = ", " if message.startswith("frame") else " "
    for blocks in (
        [GOOD + damage],
        [bytes([octet]) for octet in GOOD + damage] if len(damage) < 99 else [GOOD, damage],
    ):
        batches, error = read(blocks, "x.pcapng", compiled)
        assert [row[1] for row in rows(batches)] == [b"abcd"]
        assert str(error) == "x.pcapng" + separator + message.format(len(GOOD))


def test_pcapng__a_packet_before_any_interface():
    for packet in (enhanced(b"x"), simple(b"x"), obsolete(b"x")):
        assert read([section() + packet])[1].frame == 1


@both_modes
def test_pcapng__many_interfaces_are_no_burden(compiled):
    count = 20_000
    octets = section() + (interface() + simple(b"x")) * count + enhanced(b"y", of=count - 1)
    batches, error = read([octets], compiled=compiled)
    assert (error, sum(frames.count for frames in batches)) == (None, count + 1)


def test_pcapng__a_lying_length_costs_no_memory():
    octets = section() + struct.pack("<II", 5, 2**24) + bytes(1000)
    tracemalloc.start()
    assert read([octets])[1] is not None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


# rubbish

STARTS = [
    b"",
    pcap()[:24],
    pcap(order=">")[:24],
    section(),
    section() + interface(),
    GOOD,
    section(">") + interface(order=">"),
]


@given(st.sampled_from(STARTS), st.binary(max_size=200), st.integers(1, 300))
def test_read_capture__rubbish_is_read_or_refused_alike(start, rubbish, size):
    assert_alike(start + rubbish, size)


@given(st.data())
def test_read_capture__mutated_captures_are_read_or_refused_alike(data):
    octets = bytearray(
        data.draw(
            st.sampled_from([engine.write_pcap(FRAMES), GOOD + simple(b"x") + section() + interface() + obsolete(b"y")])
        )
    )
    for _ in range(data.draw(st.integers(1, 5))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.sampled_from([0, 1, 4, 6, 0x7F, 0x80, 0xFF]))
    assert_alike(bytes(octets), data.draw(st.integers(1, 300)))


def assert_alike(octets, size):
    """The same frames and the same error in both modes and in blocks of `size`; all frames can be decoded."""
    plain, error = read([octets])
    blocks = [octets[at : at + size] for at in range(0, len(octets), size)]
    for again, other in (read([octets], compiled=True), read(blocks)):
        assert (rows(again), str(other)) == (rows(plain), str(error))
        for frames in again:
            assert engine.decode(frames).count == frames.count


@each_capture
def test_read_capture__flipped_bits_in_real_captures(name):
    octets = bytearray(octets_of(name)[:5000])
    for at in range(3, len(octets), 41):
        octets[at] ^= 0x55
        if at % 20 == 0:
            (plain, error), (compiled, other) = read([bytes(octets)]), read([bytes(octets)], compiled=True)
            assert (rows(plain), str(error)) == (rows(compiled), str(other))
