"""Fragments -> datagrams: every oddity by itself, and random trains equal to the reference in both modes."""

import struct

import pytest
from captures import both_modes, each_capture, octets_of, packets, read, rows
from hypothesis import given
from hypothesis import strategies as st
from reference import JUDGED, Reassembly
from reference import decode as reference_decode
from reference import orient as reference_orient
from test_decode import ip, ip6, tcp

import engine
from engine import datagrams
from engine.arrays import as_array

HOME, PEER, OTHER = 0x0A010102, 0x0A010002, 0x0A010003
HOME6, PEER6 = 2, 1
HOST = {
    "addresses": [(4, HOME, 0), (6, HOME6, 0)],
    "groups": [],
    "routes": [(4, 0, 2**32 - 1, 0)],
    "zones": [255],
}
SECOND = 10**9
UDP = b"\x04\x01\x00\x35\x00\x00\x00\x00"


def part(low, octets, more, identification=7, src=PEER, dst=HOME, proto=17, data=None):
    """An IPv4 fragment of octets `low` to `low + octets` of a datagram."""
    payload = (UDP if low == 0 else b"") + bytes(2000)
    frame = bytearray(ip((data or payload)[:octets], proto, src, dst, bits=more << 13 | low // 8))
    frame[4:6] = struct.pack(">H", identification)
    return bytes(frame)


def part6(low, octets, more, identification=7, after=17, data=None, before=b""):
    """An IPv6 fragment, likewise; `before` stands before the fragment header and leads to it."""
    header = struct.pack(">BBHI", after, 0, low | more, identification)
    payload = (data or (UDP if low == 0 else b"") + bytes(2000))[:octets]
    return ip6(before + header + payload, 60 if before else 44)


def put_together(frames, compiled=False, trains=None, times=None, wires=None):
    """(row, fragments, ip_length, dst_port or None, octets) of every datagram, and the trains left."""
    trains = trains if trains is not None else engine.Trains()
    batch = engine.frames_of(list(zip(times or [0] * len(frames), frames, strict=True)), 101, compiled)
    if wires:
        batch = batch._replace(length=as_array(wires, "u4", compiled))
    headers = engine.decode(batch)
    journey = engine.orient(headers, engine.place(*HOST.values(), compiled=compiled))
    made = engine.reassemble(batch, headers, journey, trains)
    shown = [
        (
            each.packet,
            each.fragments,
            engine.cell(headers, "ip_length", each.packet),
            engine.row(headers, each.packet)["dport"],
            each.octets,
        )
        for each in made
    ]
    whole = {each.packet for each in made}
    for p in range(headers.count):  # whatever is no datagram and was a fragment has left the journey
        if p in whole:
            assert engine.cell(headers, "fragment", p) == 0
            assert engine.HOOKS[journey.hook[p]] == "in"
        elif engine.cell(headers, "fragment", p):
            assert (engine.HOOKS[journey.hook[p]], journey.arrival[p], journey.departure[p]) == ("none", -1, -1)
    return shown, trains


BIG = 65512  # a multiple of 8
WHOLE = ip6(struct.pack(">BBHI", 17, 0, 0, 7) + UDP, 44)  # an atomic fragment
DEST = b"\x2c\0" + bytes(6)  # destination options that lead to a fragment header
# what it shows, the fragments, and the datagrams: (row, fragments, whole length, destination port, octets)
CASES = [
    ("two in order", [part(0, 16, 1), part(16, 5, 0)], [(1, 2, 41, 53, 61)]),
    ("the first one last", [part(16, 5, 0), part(0, 16, 1)], [(1, 2, 41, 53, 61)]),
    ("three, mixed up", [part(8, 8, 1), part(16, 5, 0), part(0, 8, 1)], [(2, 3, 41, 53, 81)]),
    ("one is missing", [part(0, 8, 1), part(16, 5, 0)], []),
    ("the last is missing", [part(0, 8, 1), part(8, 8, 1)], []),
    ("only the first", [part(0, 8, 1)], []),
    ("sent twice", [part(0, 8, 1), part(0, 8, 1), part(8, 5, 0)], [(2, 3, 33, 53, 81)]),
    ("the last twice", [part(8, 5, 0), part(8, 5, 0), part(0, 8, 1)], [(2, 3, 33, 53, 78)]),
    (
        "two trains, interleaved",
        [part(0, 8, 1), part(0, 16, 1, 8), part(8, 8, 0), part(16, 8, 0, 8)],
        [(2, 2, 36, 53, 56), (3, 2, 44, 53, 64)],
    ),
    (
        "the same number from another, in another protocol, the other way",
        [part(0, 8, 1), part(8, 8, 0, src=OTHER), part(8, 8, 0, proto=1), part(8, 8, 0, src=HOME, dst=PEER)],
        [],
    ),
    (
        "the number used again",
        [part(0, 8, 1), part(8, 8, 0), part(8, 24, 0), part(0, 8, 1)],
        [(1, 2, 36, 53, 56), (3, 2, 52, 53, 72)],
    ),
    ("a duplicate too late begins a train", [part(0, 8, 1), part(8, 8, 0), part(0, 8, 1)], [(1, 2, 36, 53, 56)]),
    ("IPv4 overlap: the later copy", [part(0, 16, 1), part(8, 16, 0)], [(1, 2, 44, 53, 72)]),
    (
        "IPv4 overlap: the later first fragment",
        [part(0, 16, 1), part(0, 8, 1, data=b"\4\1\0\x17" + bytes(4)), part(16, 8, 0)],
        [(2, 3, 44, 23, 92)],
    ),
    ("no data, not the last", [part(0, 8, 1), part(8, 0, 1), part(8, 8, 0)], [(2, 3, 36, 53, 76)]),
    ("no data, at the beginning again", [part(0, 8, 1), part(0, 0, 1), part(8, 8, 0)], [(2, 3, 36, 53, 76)]),
    ("no data, the last", [part(0, 8, 1), part(8, 0, 0)], [(1, 2, 28, 53, 48)]),
    ("no data, the first", [part(0, 0, 1), part(8, 8, 0)], []),
    ("no data, the first, then a real one", [part(0, 0, 1), part(8, 8, 0), part(0, 8, 1)], [(2, 3, 36, 53, 76)]),
    ("the ping of death", [part(0, 16, 1), part(65528, 100, 0)], []),
    ("as long as can be", [part(BIG - 8, 3, 0), part(0, 16, 1)], []),
    ("odd octets before the end", [part(0, 8, 1), part(8, 7, 1), part(8, 8, 0)], [(2, 3, 36, 53, 83)]),
    ("odd octets in the first", [part(0, 13, 1), part(8, 8, 0)], []),
    ("two ends, the first counts", [part(16, 8, 0), part(16, 16, 0), part(0, 16, 1)], [(2, 3, 44, 53, 100)]),
    ("an end before what has come", [part(0, 24, 1), part(8, 8, 0), part(24, 8, 0)], [(2, 3, 52, 53, 100)]),
    ("an end inside the unit of another", [part(0, 16, 1), part(8, 5, 0), part(16, 8, 0)], [(2, 3, 44, 53, 89)]),
    ("behind the end", [part(8, 8, 0), part(16, 8, 1), part(0, 8, 1)], [(2, 3, 36, 53, 84)]),
    (
        "a tiny first fragment hides flags",
        [part(0, 8, 1, proto=6, data=tcp()), part(8, 12, 0, proto=6)],
        [(1, 2, 40, 23, 60)],
    ),
    ("IPv6, two in order", [part6(0, 16, 1), part6(16, 5, 0)], [(1, 2, 61, 53, 117)]),
    ("IPv6, the first one last", [part6(16, 5, 0), part6(0, 16, 1)], [(1, 2, 61, 53, 117)]),
    (
        "IPv6, later fragments that name another header",
        [part6(0, 16, 1), part6(16, 5, 0, after=60)],
        [(1, 2, 61, 53, 117)],
    ),
    (
        "IPv6, options before the fragment header",
        [part6(0, 16, 1, before=DEST), part6(16, 8, 0)],
        [(1, 2, 72, 53, 128)],
    ),
    (
        "IPv6, options after it",
        [part6(0, 16, 1, after=60, data=b"\x11\0" + bytes(6) + UDP), part6(16, 8, 0, after=60)],
        [(1, 2, 64, 53, 120)],
    ),
    ("IPv6, another number", [part6(0, 16, 1), part6(16, 5, 0, 1 << 31)], []),
    ("IPv6, sent twice", [part6(0, 16, 1), part6(0, 16, 1), part6(16, 5, 0)], [(2, 3, 61, 53, 181)]),
    ("IPv6, the last twice", [part6(16, 5, 0), part6(16, 5, 0), part6(0, 16, 1)], [(2, 3, 61, 53, 170)]),
    ("IPv6 overlap spoils", [part6(0, 16, 1), part6(8, 16, 0)], []),
    ("IPv6 overlap spoils what comes later", [part6(0, 16, 1), part6(0, 8, 1), part6(16, 8, 0)], []),
    (
        "IPv6, a copy of two at once is an overlap",
        [part6(0, 8, 1), part6(8, 8, 1), part6(0, 16, 1), part6(16, 8, 0)],
        [],
    ),
    ("IPv6, half a copy is an overlap", [part6(0, 16, 1), part6(8, 8, 1), part6(16, 8, 0)], []),
    ("an atomic fragment is no part", [part6(0, 16, 1), WHOLE, part6(16, 5, 0)], [(2, 2, 61, 53, 117)]),
    (
        "IPv6, a fragment header inside the data",
        [part6(0, 16, 1, after=44, data=struct.pack(">BBHI", 17, 0, 0, 9) + UDP), part6(16, 8, 0, after=44)],
        [(1, 2, 64, 53, 120)],
    ),
]


@both_modes
@pytest.mark.parametrize(("frames", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_reassemble__cases(frames, expected, compiled):
    made, trains = put_together(frames, compiled)
    assert made == expected
    whole = sum(each[1] for each in expected)
    atomic = sum(frame == WHOLE for frame in frames)
    assert whole + trains.packets + atomic == len(frames)
    assert bool(trains.incomplete) == bool(trains.packets)


@pytest.mark.parametrize(("low", "fits"), [(65504, True), (65512, False)])
def test_reassemble__an_ipv4_datagram_has_at_most_65535_octets(low, fits):
    """20 octets of header, 65,504 and 11 of data are 65,535; the same length one unit later is dropped."""
    middle = [part(at, 1000, 1) for at in range(1000, 65000, 1000)] + [part(65000, low - 65000, 1)]
    made, trains = put_together([part(0, 1000, 1), *middle, part(low, 11, 0)])
    assert [each[2] for each in made] == ([65535] if fits else [])
    assert trains.incomplete == (not fits)


@pytest.mark.parametrize(("octets", "fits"), [(7, True), (8, False)])
def test_reassemble__an_ipv6_payload_has_at_most_65535_octets(octets, fits):
    middle = [part6(at, 1000, 1) for at in range(1000, 65000, 1000)] + [part6(65000, 528, 1)]
    made, _ = put_together([part6(0, 1000, 1), *middle, part6(65528, octets, 0)])
    assert [each[2] for each in made] == ([40 + 65535] if fits else [])


@both_modes
def test_reassemble__state_lives_across_batches(compiled):
    trains = engine.Trains()
    assert put_together([part(16, 5, 0)], compiled, trains)[0] == []
    assert put_together([], compiled, trains)[0] == []
    assert put_together([part(0, 16, 1)], compiled, trains)[0] == [(0, 2, 41, 53, 61)]
    assert (trains.waiting, trains.incomplete, trains.packets) == ({}, 0, 0)


def test_reassemble__octets_are_those_on_the_wire():
    made, _ = put_together([part(0, 16, 1), part(16, 5, 0)], wires=[1514, 60])
    assert made[0][4] == 1574


def test_reassemble__without_local_fragments_nothing_changes():
    frames = [part(0, 8, 1, dst=OTHER), part(8, 8, 0, dst=OTHER), ip(UDP)]
    batch = engine.frames_of([(0, frame) for frame in frames], 101)
    headers = engine.decode(batch)
    journey = engine.orient(headers, engine.place(*HOST.values()))
    before = headers.value[:], headers.status[:], [column[:] for column in journey]
    trains = engine.Trains()
    assert engine.reassemble(batch, headers, journey, trains) == ()
    assert (headers.value, headers.status, list(journey)) == before
    assert trains == engine.Trains()


def test_reassemble__fragments_between_two_own_addresses_are_left_alone():
    _, trains = put_together([ip(UDP)])
    assert trains.packets == 0
    batch = engine.frames_of([(0, part(0, 8, 1, src=HOME))], 101)
    headers = engine.decode(batch)
    journey = engine.orient(headers, engine.place(*HOST.values()))
    assert engine.reassemble(batch, headers, journey, trains) == ()
    assert engine.HOOKS[journey.hook[0]] == "loop"


@pytest.mark.parametrize(("age", "complete"), [(60 * SECOND, True), (60 * SECOND + 1, False)])
def test_trains__wait_a_minute_from_the_first_to_come(age, complete):
    made, trains = put_together([part(8, 8, 1), part(16, 8, 0), part(0, 8, 1)], times=[5, 6, 5 + age])
    assert bool(made) == complete
    assert (trains.incomplete, trains.packets) == ((0, 0) if complete else (2, 3))


def test_trains__another_fragment_shows_that_time_is_over():
    _, trains = put_together([part(0, 8, 1), part(0, 8, 1, 8)], times=[0, 61 * SECOND])
    assert (trains.given_up, trains.lost, len(trains.waiting)) == (1, 1, 1)


def test_trains__times_that_run_backwards_give_nothing_up():
    made, _ = put_together([part(0, 8, 1), part(8, 8, 0)], times=[10**18, 0])
    assert len(made) == 1


def test_trains__the_timeout_of_each_version_can_be_chosen():
    chosen = {4: SECOND, 6: 3 * SECOND}
    for make, complete in ((part, False), (part6, True)):
        frames = [make(0, 8, 1), make(8, 8, 0)]
        assert bool(put_together(frames, trains=engine.Trains(chosen), times=[0, 2 * SECOND])[0]) == complete


def test_trains__at_most_so_many_wait_and_the_oldest_goes():
    many = [part(0, 8, 1, number) for number in range(datagrams.MOST_TRAINS + 1)]
    _, trains = put_together(many)
    assert (len(trains.waiting), trains.given_up, trains.lost) == (datagrams.MOST_TRAINS, 1, 1)
    assert put_together([part(8, 8, 0, 0)], trains=trains)[0] == []
    assert len(put_together([part(8, 8, 0, 2)], trains=trains)[0]) == 1


def test_trains__a_train_stays_small_whatever_comes():
    _, trains = put_together([part(8 * (number * 37 % 8000), 8, 1) for number in range(1, 3000)])
    (train,) = trains.waiting.values()
    assert train.packets == 2999
    assert max(number.bit_length() for number in (train.units, train.starts, train.ends)) <= 8193
    assert len(train.quote) <= datagrams.MOST_KEPT


def test_trains__overlap_can_spoil_ipv4_too():
    frames = [part(0, 16, 1), part(8, 16, 0)]
    assert put_together(frames, trains=engine.Trains(overlap_spoils=True))[0] == []
    duplicate = [part(0, 16, 1), part(0, 16, 1), part(16, 8, 0)]
    assert len(put_together(duplicate, trains=engine.Trains(overlap_spoils=True))[0]) == 1


def test_datagram__an_ipv6_one_has_no_fragment_header_any_more():
    batch = engine.frames_of([(0, part6(0, 16, 1)), (0, part6(16, 8, 0))], 101)
    headers = engine.decode(batch)
    journey = engine.orient(headers, engine.place(*HOST.values()))
    engine.reassemble(batch, headers, journey, engine.Trains())
    assert [engine.cell(headers, "upper", p) for p in range(2)] == [48, 40]


def test_datagram__selectors_a_tiny_first_fragment_hides_stay_unknown():
    batch = engine.frames_of([(0, part(0, 8, 1, proto=6, data=tcp())), (0, part(8, 12, 0, proto=6))], 101)
    headers = engine.decode(batch)
    journey = engine.orient(headers, engine.place(*HOST.values()))
    engine.reassemble(batch, headers, journey, engine.Trains())
    assert engine.row(headers, 1)["status"] == "partial"
    assert [engine.cell(headers, name, 1) for name in ("opaque", "connect", "dst_port")] == [1, 0, 23]
    assert engine.row(headers, 1)["tcp_flags"] is None


@both_modes
def test_datagram__quotes_its_first_fragment(compiled):
    frames = [part(1400, 5, 0), part(0, 1400, 1)]
    batch = engine.frames_of([(0, bytes(12) + b"\x81\0\0\1\x08\0" + frame) for frame in frames], 1, compiled)
    headers = engine.decode(batch)
    journey = engine.orient(headers, engine.place(*HOST.values(), compiled=compiled))
    (made,) = engine.reassemble(batch, headers, journey, engine.Trains())
    assert made.quote == frames[1][: datagrams.MOST_KEPT]


# --- against the reference


def twin(batches, trains, compiled):
    """What engine and reference make of batches of (time, frame): two lists that must be equal."""
    ours, theirs = [], []
    slow = Reassembly(trains.timeouts, trains.overlap_spoils, datagrams.MOST_TRAINS)
    vantage = engine.place(*HOST.values(), compiled=compiled)
    for batch in batches:
        frames = engine.frames_of(batch, 101, compiled)
        headers = engine.decode(frames)
        journey = engine.orient(headers, vantage)
        made = {each.packet: each for each in engine.reassemble(frames, headers, journey, trains)}
        for p, (packet, (time, frame)) in enumerate(zip(packets(headers), batch, strict=True)):
            if p in made:
                packet.update(packets=made[p].fragments, octets=made[p].octets)
            ours.append((engine.HOOKS[journey.hook[p]], packet))
            slowly = reference_decode(frame, len(frame), 101)
            hook = reference_orient(slowly, HOST, None)[0]
            what, whole = slow.take(slowly, hook, time, len(frame))
            theirs.append({"pass": (hook, slowly), "held": ("none", slowly), "whole": (hook, whole)}[what])
    waiting = sum(train["packets"] for train in slow.trains.values())
    ours.append((trains.incomplete, trains.packets))
    theirs.append((slow.given_up + len(slow.trains), slow.lost + waiting))
    return ours, theirs


fragment = st.builds(
    lambda make, unit, octets, more, number: make(8 * unit, octets, more, number),
    st.sampled_from([part, part6]),
    st.one_of(st.integers(0, 4), st.sampled_from([8188, 8190, 8191])),
    st.one_of(st.sampled_from([0, 8, 8, 16, 24]), st.integers(0, 26)),
    st.integers(0, 1),
    st.integers(1, 2),
)
times = st.one_of(st.integers(0, 3), st.integers(0, 3), st.sampled_from([30 * SECOND, 60 * SECOND, 61 * SECOND]))


@given(st.lists(st.lists(st.tuples(times, fragment), max_size=9), max_size=4), st.booleans())
def test_reassemble__both_modes_equal_the_reference(batches, overlap_spoils):
    for compiled in (False, True):
        ours, theirs = twin(batches, engine.Trains(overlap_spoils=overlap_spoils), compiled)
        assert ours == theirs


@st.composite
def nearly_whole(draw):
    """The fragments of two datagrams, and some more, in any order."""
    batch = []
    for number in (1, 2):
        make = draw(st.sampled_from([part, part6]))
        ends = sorted(draw(st.sets(st.integers(1, 5), min_size=1, max_size=4)))
        cuts = list(zip([0, *ends[:-1]], ends, strict=True))
        last = 8 * (cuts[-1][1] - cuts[-1][0]) - draw(st.integers(0, 7))
        batch += [make(8 * low, 8 * (high - low), 1, number) for low, high in cuts[:-1]]
        batch.append(make(8 * cuts[-1][0], last, 0, number))
    batch += draw(st.lists(st.one_of(st.sampled_from(batch), fragment), max_size=2))
    return [(draw(times), frame) for frame in draw(st.permutations(batch))]


@given(nearly_whole(), st.booleans())
def test_reassemble__both_modes_equal_the_reference_on_nearly_whole_datagrams(batch, overlap_spoils):
    for compiled in (False, True):
        ours, theirs = twin([batch[:3], batch[3:]], engine.Trains(overlap_spoils=overlap_spoils), compiled)
        assert ours == theirs


@given(st.permutations(range(6)), st.sampled_from([part, part6]), st.integers(1, 30))
def test_reassemble__any_order_makes_the_same_datagram(order, make, rest):
    pieces = [make(8 * at, 8, 1) for at in range(5)] + [make(40, rest, 0)]
    made, trains = put_together([pieces[at] for at in order])
    ((row, fragments, length, port, octets),) = made
    assert (row, fragments, port, octets) == (5, 6, 53, sum(map(len, pieces)))
    assert length == (60 if make is part else 80) + rest
    assert trains.incomplete == 0


@each_capture
def test_reassemble__real_captures(name):
    """Every end of a capture as this host's own, so that every fragment in it is local or between own addresses."""
    for compiled in (False, True):
        batches, _ = read([octets_of(name)], name, compiled)
        every = [reference_decode(frame, wire, linktype) for _, frame, wire, _, linktype in rows(batches)]
        parts = [packet for packet in every if packet["status"] in JUDGED and packet["fragment"]]
        host = HOST | {"addresses": sorted({(packet["version"], packet["dst_addr"], 0) for packet in parts})}
        vantage = engine.place(*host.values(), compiled=compiled)
        trains = engine.Trains()
        slow = Reassembly(trains.timeouts, False, datagrams.MOST_TRAINS)
        ours, theirs = [], []
        for frames in batches:
            headers = engine.decode(frames)
            journey = engine.orient(headers, vantage)
            ours += [
                (frames.number + each.packet, each.fragments, each.octets, engine.row(headers, each.packet)["dport"])
                for each in engine.reassemble(frames, headers, journey, trains)
            ]
        for (number, _, wire, time, _), packet in zip(rows(batches), every, strict=True):
            what, whole = slow.take(packet, reference_orient(packet, host, None)[0], time, wire)
            if what == "whole":
                port = whole["dst_port"] if whole["dst_port"] < 65536 else None
                theirs.append((number, whole["packets"], whole["octets"], port))
        assert ours == theirs
        assert trains.packets == slow.lost + sum(train["packets"] for train in slow.trains.values())
        if name == "ndpi-dns_fragmented.pcap":
            assert len(ours) == 7


# --- what is built: answers, and frames as pcapng


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = total % 0x10000 + total // 0x10000
    return total


@pytest.mark.parametrize("payload", [0, 7, 8, 1400])
def test_icmp_error__ipv4(payload):
    about = ip(bytes(range(8))[:payload] + bytes(max(0, payload - 8)), 17, PEER, HOME, options=bytes(4), first=0x46)
    error = engine.icmp_error(about + bytes(6), 0x0A010101, 3, 13, 64)
    quoted = min(payload, 8)
    assert error[28:] == about[: 24 + quoted], "the header and 8 octets, and no padding"
    assert error[:2] + error[8:10] == b"\x45\0\x40\x01"
    assert error[12:20] == struct.pack(">II", 0x0A010101, PEER)
    assert struct.unpack(">H", error[2:4]) == (len(error),)
    assert error[20:22] + error[24:28] == b"\3\x0d" + bytes(4)
    assert checksum(error[:20]) == checksum(error[20:] + bytes(len(error) % 2)) == 0xFFFF


@pytest.mark.parametrize(("payload", "length"), [(0, 88), (9, 97), (1400, 1280)])
def test_icmp_error__ipv6(payload, length):
    about = ip6(bytes(payload), 59)
    error = engine.icmp_error(about + bytes(6), 5, 1, 1, 255)
    assert len(error) == length
    assert error[48:] == about[: length - 48]
    assert error[6:40] == b"\x3a\xff" + bytes(15) + b"\5" + bytes(15) + b"\1"
    pseudo = error[8:40] + struct.pack(">II", len(error) - 40, 58)
    assert checksum(pseudo + error[40:] + bytes(len(error) % 2)) == 0xFFFF


def test_icmp_error__quotes_what_was_captured_when_lengths_say_nothing():
    assert engine.icmp_error(ip(UDP, total=0), 1, 3, 13, 64)[28:] == ip(UDP, total=0)
    assert engine.icmp_error(ip(UDP)[:22], 1, 3, 13, 64)[28:] == ip(UDP)[:22]


def test_frame_back__swaps_addresses_and_keeps_tags():
    ether = b"\1\2\3\4\5\6" + b"\x0a\x0b\x0c\x0d\x0e\x0f" + b"\x81\0\0\7\x08\0"
    assert engine.frame_back(ether + b"x", 1, 18, b"new") == (1, ether[6:12] + ether[:6] + ether[12:] + b"new")
    assert engine.frame_back(b"\2\0\0\0x", 0, 4, b"new") == (101, b"new")


@pytest.mark.parametrize(
    ("frame", "linktype", "expected"),
    [
        (b"\xff" * 14, 1, True),
        (b"\x33\x33" + bytes(12), 1, True),
        (b"\2" + bytes(13), 1, False),
        (b"\0\1" + bytes(14), 113, True),
        (b"\0\0" + bytes(14), 113, False),
        (bytes(10) + b"\2" + bytes(9), 276, True),
        (bytes(20), 276, False),
        (ip(UDP), 101, False),
    ],
)
def test_sent_to_many(frame, linktype, expected):
    assert engine.sent_to_many(frame, linktype) == expected


def test_pcapng__what_is_written_is_read_again():
    from engine import pcapng

    wanted = [
        (1, b"\1\2\3", 60, 1_702_476_331_123_456_789, 1),
        (2, ip(UDP), 28, 0, 101),
        (3, b"", 0, 9 * 10**18, 1),
    ]
    blocks = [pcapng.section("test", "first"), pcapng.interface(1, "EN10MB"), pcapng.interface(101, "RAW")]
    for _, frame, length, time, linktype in wanted:
        said = ["one", "z/OS: \u00e9"] if frame else []
        blocks.append(pcapng.packet(0 if linktype == 1 else 1, time, frame, length, said))
    batches, error = read(blocks)
    assert error is None
    assert rows(batches) == wanted
    assert "\u00e9".encode() in blocks[3]


@both_modes
def test_packet_of__is_what_follows_the_link_header(compiled):
    frames = [bytes(12) + b"\x08\0" + ip(UDP), bytes(12) + b"\x81\0\0\1\x81\0\0\2\x08\0" + ip(UDP) + b"pad"]
    batch = engine.frames_of([(0, frame) for frame in frames], 1, compiled)
    assert [engine.packet_of(batch, p) for p in range(2)] == [ip(UDP), ip(UDP) + b"pad"]
    assert [engine.frame_of(batch, p) for p in range(2)] == frames
