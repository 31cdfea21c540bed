"""Frames -> Headers: equal in both modes and to the reference, on real, mutated and made-up frames."""

import struct
from random import Random

import numpy as np
import pytest
from captures import both_modes, each_capture, octets_of, packets, read, rows
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from reference import decode as reference

import engine
from engine.arrays import of_octets
from engine.fields import COLUMN, COLUMNS
from engine.kernels.turn import OCTETS, turn
from engine.linktypes import LINKTYPES, name_of

ETHER = bytes(12)


def ip(payload=b"", proto=17, src=0x0A010002, dst=0x0A010102, bits=0, total=None, first=0x45, options=b""):
    header = 20 + len(options)
    total = header + len(payload) if total is None else total
    return struct.pack(">BBHHHBBHII", first, 0, total, 0, bits, 64, proto, 0, src, dst) + options + payload


def ip6(payload=b"", after=17, length=None, first=0x60):
    length = len(payload) if length is None else length
    return struct.pack(">B3xHBB", first, length, after, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + payload


def tcp(flags=2, sport=1025, dport=23):
    return struct.pack(">HHIIHHHH", sport, dport, 0, 0, 0x5000 | flags, 0, 0, 0)


def decode_one(frame, linktype=101, compiled=False):
    return engine.row(engine.decode(engine.frames_of([(0, frame)], linktype, compiled)), 0)


def assert_alike(frames):
    """Decode (time, frame) pairs per linktype in both modes; compare with the reference."""
    for linktype in (*LINKTYPES, 105):
        batch = [(0, frame) for frame in frames]
        plain, compiled = (packets(engine.decode(engine.frames_of(batch, linktype, mode))) for mode in (False, True))
        expected = [reference(frame, len(frame), linktype) for frame in frames]
        assert plain == expected
        assert compiled == expected


@both_modes
@each_capture
def test_decode__equals_the_reference_on_real_captures(name, compiled):
    batches, _ = read([octets_of(name)], name, compiled)
    found = [packet for frames in batches for packet in packets(engine.decode(frames))]
    expected = [reference(frame, wire, linktype) for _, frame, wire, _, linktype in rows(batches)]
    assert found == expected


@pytest.mark.parametrize("tagged", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("last", [b"", bytes(64)], ids=["cut at the end", "and more behind"])
def test_decode__a_batch_of_thousands_is_what_each_of_them_is(tagged, last):
    random = Random(repr((tagged, last)))
    protos = (1, 2, 6, 17, 33, 47, 50, 58, 59, 89, 132, 135, 136)
    frames = []
    for _ in range(2500):
        payload, proto = random.randbytes(random.choice((0, 3, 8, 20, 24, 40))), random.choice(protos)
        bits, first = random.choice((0, 0, 0, 0x4000, 0x2000, 7)), random.choice((0x45, 0x45, 0x45, 0x46, 0x65))
        four = ip(payload, proto, random.getrandbits(32), random.getrandbits(32), bits, None, first, b"")
        made = (b"\x08\0" + four) if random.random() < 0.8 else b"\x86\xdd" + ip6(payload, random.choice((0, *protos)))
        tag = b"\x81\0" + random.randbytes(2) if random.random() < tagged else b""
        frame = ETHER + tag + made + random.choice((b"", bytes(6)))
        frames.append(frame[: random.randrange(len(frame))] if random.random() < 0.05 else frame)
    batch = engine.frames_of([(0, frame) for frame in frames], 1, True)
    batch = batch._replace(data=of_octets(bytes(batch.data) + last, True))
    assert packets(engine.decode(batch)) == [reference(frame, len(frame), 1) for frame in frames]


@given(st.binary(min_size=OCTETS, max_size=600), st.data())
def test_turn__rows_become_columns(octets, data):
    n = data.draw(st.integers(1, 40))
    places = data.draw(st.lists(st.integers(0, len(octets) - OCTETS), min_size=n, max_size=n))
    at = np.zeros(48, "i8")
    at[:n] = places
    for quarters in (2, 3):
        words = np.zeros(12 * 48, "u4")
        turned(of_octets(octets, True), at, n, quarters, words)
        for i, place in enumerate(places):
            expected = struct.unpack_from(f">{4 * quarters}I", octets, place)
            assert tuple(words[i::48][: 4 * quarters].tolist()) == expected


@njit
def turned(octets, at, n, quarters, words):
    turn(octets, at, n, quarters, len(at), words)


@given(st.lists(st.binary(max_size=120), max_size=8))
def test_decode__rubbish_never_crashes(frames):
    assert_alike(frames)


CORPUS = [
    ip(tcp()),
    ip(b"\x00\x35" * 4),
    ip(b"\x08\0" * 4, proto=1),
    ip(b"\2\1" * 12, proto=89),
    ip(tcp(), proto=6, bits=0x2000),
    ip(tcp(), proto=6, options=bytes(12), first=0x48),
    ip(tcp(), proto=6, total=0),
    ip(b"x" * 9, bits=3),
    ip6(tcp(), 6),
    ip6(b"\x80\0" * 4, 58),
    ip6(b"\x3b\x00\x05" + bytes(5), 135),
    ip6(b"", 59),
    ip6(tcp(), 6, length=0),
    ip6(
        b"\x3c\0" + bytes(6) + b"\x2b\1" + bytes(14) + b"\x2c\0" + bytes(6) + b"\6\0\0\1" + bytes(4) + tcp(),
        0,
    ),
    ip6(b"\x11\0\0\0" + bytes(4) + b"\0\7" * 4, 44),
    ip6(b"\x11\0\1\1" + bytes(4) + b"\0\7" * 4, 44),
]
LINKS = [b"", ETHER, ETHER[:4], b"\0\0\0\2", b"\x1e\0\0\0", bytes(14)]


@given(st.data())
def test_decode__mutated_packets_are_alike(data):
    frames = []
    for _ in range(data.draw(st.integers(1, 6))):
        ether = data.draw(
            st.sampled_from([b"\x08\0", b"\x86\xdd", b"\x81\0\0\1\x08\0", b"\x88\xa8\0\1\x81\0\0\2\x86\xdd"])
        )
        frame = bytearray(data.draw(st.sampled_from(LINKS)))
        frame += (ether if len(frame) in (12, 14) else b"") + data.draw(st.sampled_from(CORPUS))
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(frame) - 1))
            frame[at] = data.draw(st.one_of(st.sampled_from([0, 43, 44, 60, 255]), st.integers(0, 255)))
        frames.append(bytes(frame[: data.draw(st.integers(0, len(frame)))] if data.draw(st.booleans()) else frame))
    assert_alike(frames)


def test_decode__every_truncation_of_every_kind_of_packet():
    assert_alike([packet[:cut] for packet in CORPUS for cut in range(len(packet) + 1)])


CASES = [
    ("a whole TCP packet", ip(tcp(), 6), {"status": "complete", "sport": 1025, "dport": 23, "tcp_flags": 2}),
    ("ports after options", ip(tcp(), 6, options=bytes(4), first=0x46), {"status": "complete", "dport": 23}),
    ("reserved flag bits show", ip(tcp(0xF12), 6), {"tcp_flags": 0xF12}),
    ("ports there, flags cut", ip(tcp()[:12], 6), {"status": "partial", "dport": 23, "tcp_flags": None}),
    ("ports cut", ip(tcp()[:3], 6), {"status": "partial", "sport": None, "dport": None}),
    (
        "a first fragment",
        ip(tcp(), 6, bits=0x2000),
        {"status": "complete", "more_fragments": True, "dport": 23},
    ),
    (
        "a later fragment",
        ip(tcp(), 6, bits=2),
        {"status": "fragment", "fragment_offset": 2, "proto": 6, "dport": None},
    ),
    ("padding is not data", ip(b"\0\7", 17) + bytes(18), {"status": "partial", "dport": None}),
    ("length left to the adapter", ip(tcp(), 6, total=0), {"status": "complete", "dport": 23}),
    ("length beyond the frame", ip(tcp(), 6, total=1400), {"status": "complete", "dport": 23}),
    ("ICMP", ip(b"\3\3" + bytes(6), 1), {"icmp_type": 3, "icmp_code": 3, "sport": None}),
    ("ICMPv6 in IPv4 is no ICMPv6", ip(b"\3\3" + bytes(6), 58), {"status": "complete", "icmp_type": None}),
    (
        "OSPF has a type that is not ICMP's",
        ip(b"\2\1" + bytes(22), 89),
        {"status": "complete", "icmp_type": None},
    ),
    ("GRE stays closed", ip(bytes(4) + ip(tcp(), 6), 47), {"status": "complete", "proto": 47, "dport": None}),
    ("AH is an upper layer", ip6(b"\6\4" + bytes(22) + tcp(), 51), {"proto": 51, "dport": None}),
    ("no next header", ip6(b"", 59), {"status": "complete", "proto": 59}),
    ("an atomic fragment is whole", CORPUS[14], {"status": "complete", "dport": 7, "more_fragments": False}),
    ("an IPv6 later fragment", CORPUS[15], {"status": "fragment", "proto": 17, "fragment_offset": 32}),
    (
        "its chain goes on elsewhere",
        ip6(b"\x3c\0\1\0" + bytes(12), 44),
        {"status": "fragment", "proto": None},
    ),
    ("the chain is cut", ip6(b"\6\0" + bytes(3), 0), {"status": "partial", "proto": None}),
    (
        "16 extensions",
        ip6(b"\0\0" + bytes(6), 0, length=128)[:40] + (bytes(8) * 15 + b"\6" + bytes(7)) + tcp(),
        {"status": "partial", "proto": 6},
    ),
    ("header cut", ip(tcp(), 6)[:19], {"status": "truncated", "version": 4, "src": None}),
    ("options cut", ip(b"", 6, first=0x4F, total=60), {"status": "truncated", "src": "10.1.0.2"}),
    ("version 3", ip(tcp(), 6, first=0x35), {"status": "not_ip", "version": None}),
    ("IHL below 5", ip(tcp(), 6, first=0x44), {"status": "malformed", "src": None}),
    ("total length below the header", ip(tcp(), 6, total=19), {"status": "malformed", "src": None}),
    ("not IP at all", b"\x50" + bytes(40), {"status": "not_ip", "version": None}),
    ("nothing", b"", {"status": "truncated", "version": None}),
]


@both_modes
@pytest.mark.parametrize(("frame", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_decode__cases(frame, expected, compiled):
    row = decode_one(frame, compiled=compiled)
    assert {key: row[key] for key in expected} == expected


def test_decode__seventeen_extensions_are_too_many():
    chain = bytes(8) * 16 + b"\6" + bytes(7)
    assert decode_one(ip6(chain + tcp(), 0))["proto"] is None
    assert decode_one(ip6(chain[8:] + tcp(), 0))["dport"] == 23


def test_decode__the_address_zero_is_an_address():
    assert decode_one(ip(tcp(), 6, src=0))["src"] == "0.0.0.0"


@pytest.mark.parametrize("tags", range(10))
def test_decode__up_to_eight_vlan_tags(tags):
    frame = ETHER + b"\x81\0\0\7" * tags + b"\x08\0" + ip(tcp(), 6)
    assert (decode_one(frame, 1)["status"] == "complete") == (tags <= 8)


@pytest.mark.parametrize("family", [2, 10, 23, 24, 26, 28, 30, 3])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("linktype", [0, 108])
def test_decode__families_in_either_order(family, order, linktype):
    packet = ip(tcp(), 6) if family == 2 else ip6(tcp(), 6)
    row = decode_one(struct.pack(order + "I", family) + packet, linktype)
    assert row["status"] == ("not_ip" if family == 3 else "complete")


def test_connect__is_a_syn_without_ack():
    headers = engine.decode(engine.frames_of([(0, ip(tcp(flags), 6)) for flags in (2, 0x12, 0x10, 0xC2)], 101))
    assert [engine.cell(headers, "connect", p) for p in range(4)] == [1, 0, 0, 1]


@both_modes
def test_select__keeps_the_rows_asked_for(compiled):
    headers = engine.decode(engine.frames_of([(0, packet) for packet in CORPUS], 101, compiled))
    chosen = [3, 0, 8]
    assert packets(engine.select(headers, engine.arrays.as_array(chosen, "i4", compiled), 3)) == [
        packets(headers)[p] for p in chosen
    ]


def test_fields__columns_do_not_overlap():
    taken = [COLUMN[field.name] + word for field in engine.FIELDS for word in range(field.words)]
    assert taken == list(range(COLUMNS))


def test_linktypes__names():
    assert [name_of(number) for number in (1, 105, 127, 276, 4711)] == [
        "EN10MB",
        "IEEE802_11",
        "IEEE802_11_RADIOTAP",
        "LINUX_SLL2",
        "linktype 4711",
    ]


SNAP = bytes.fromhex("aaaa03000000")
WIFI = bytes(24)
#: link type, what stands before the packet, and whether the packet is found behind it
HEADERS = {
    "802.3 with SNAP": (1, bytes(12) + b"\0\x40" + SNAP + b"\x08\0", True),
    "802.3 with the SAP of IP": (1, bytes(12) + b"\0\x40\6\6\3", True),
    "802.3 with another SAP": (1, bytes(12) + b"\0\x40\x42\x42\3", False),
    "another organization": (1, bytes(12) + b"\0\x40\xaa\xaa\3\0\0\x0c\x08\0", False),
    "SNAP behind a VLAN tag": (1, bytes(12) + b"\x81\0\0\1\0\x40" + SNAP + b"\x08\0", True),
    "cooked with LLC": (113, bytes(14) + b"\0\4" + SNAP + b"\x08\0", True),
    "Cisco HDLC": (104, b"\x0f\0\x08\0", True),
    "PPP": (9, b"\xff\3\0\x21", True),
    "PPP without address": (9, b"\0\x21", True),
    "PPP with a short protocol": (9, b"\x21", True),
    "PPP with another protocol": (9, b"\xc0\x21", False),
    "PPP with a direction": (204, b"\1\xff\3\0\x21", True),
    "802.11 data": (105, b"\x08\1" + WIFI[2:] + SNAP + b"\x08\0", True),
    "802.11 QoS data": (105, b"\x88\2" + WIFI[2:] + bytes(2) + SNAP + b"\x08\0", True),
    "802.11 between distribution systems": (105, b"\x08\3" + WIFI[2:] + bytes(6) + SNAP + b"\x08\0", True),
    "802.11 encrypted": (105, b"\x08\x41" + WIFI[2:] + SNAP + b"\x08\0", False),
    "802.11 beacon": (105, b"\x80\0" + WIFI[2:] + SNAP + b"\x08\0", False),
    "radiotap": (127, b"\0\0\x08\0\0\0\0\0\x08\1" + WIFI[2:] + SNAP + b"\x08\0", True),
    "radiotap with data padding": (
        127, b"\0\0\x09\0\2\0\0\0\x20\x88\1" + WIFI[2:] + bytes(4) + SNAP + b"\x08\0", True,
    ),
    "radiotap with time and flags": (
        127, b"\0\0\x11\0\3\0\0\0" + bytes(8) + b"\x20\x88\1" + WIFI[2:] + bytes(4) + SNAP + b"\x08\0", True,
    ),
    "NFLOG": (239, b"\2\0\0\0\x08\0\1\0\x08\0\1\0\5\0\x0a\0a\0\0\0\x2c\0\x09\0", True),
    "NFLOG of another family": (239, b"\7\0\0\0\x2c\0\x09\0", False),
}  # fmt: skip


@both_modes
@pytest.mark.parametrize("name", HEADERS)
def test_decode__link_headers(name, compiled):
    linktype, header, found = HEADERS[name]
    seen = decode_one(header + ip(tcp(), 6), linktype, compiled)
    assert (seen["status"], seen["dport"]) == (("complete", 23) if found else ("not_ip", None))


def test_decode__link_headers_cut_anywhere_or_wrong_anywhere():
    """The same in both modes and in the reference, and nothing read beyond the frame."""
    for linktype, header, _ in HEADERS.values():
        whole = header + ip(tcp(), 6)
        frames = [whole[:cut] for cut in range(len(whole) + 1)]
        for at in range(len(header)):
            frames += [whole[:at] + bytes([value]) + whole[at + 1 :] for value in (0, 1, 0x80, 0xAA, 0xFF)]
        batch = [(0, frame) for frame in frames]
        expected = [reference(frame, len(frame), linktype) for frame in frames]
        for compiled in (False, True):
            assert packets(engine.decode(engine.frames_of(batch, linktype, compiled))) == expected
