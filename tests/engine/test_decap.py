"""Taking PPPoE and MPLS off: equal to the reference in both modes, and what is left closed is counted."""

import struct

import made
import pytest
from captures import both_modes, octets_of, packets, read, rows
from hypothesis import given
from hypothesis import strategies as st
from reference import decap as reference
from reference import decode

import engine

PACKETS = made.packets()[:40]


def opened(frames, linktype, compiled):
    """(frame, length, link type) of each."""
    return [(row[1], row[2], row[4]) for row in rows([engine.decap(engine.frames_of(frames, linktype, compiled))])]


def assert_alike(frames, linktype):
    expected = [reference(frame, len(frame), linktype) for frame in frames]
    batch = [(0, frame) for frame in frames]
    for compiled in (False, True):
        assert opened(batch, linktype, compiled) == expected
        found = packets(engine.decode(engine.decap(engine.frames_of(batch, linktype, compiled))))
        assert found == [decode(*each) for each in expected]


@pytest.mark.parametrize("link", made.WRAPPED)
def test_decap__equals_the_reference_at_every_cut(link):
    linktype, frame_of = made.WRAPPED[link]
    whole = frame_of(PACKETS[0])
    assert_alike([frame_of(packet) for packet in PACKETS] + [whole[:cut] for cut in range(len(whole))], linktype)


@given(st.data())
def test_decap__mutated_frames_are_alike(data):
    linktype, frame_of = made.WRAPPED[data.draw(st.sampled_from(sorted(made.WRAPPED)))]
    frame = bytearray(frame_of(data.draw(st.sampled_from(PACKETS))))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, min(len(frame), 50) - 1))] = data.draw(st.integers(0, 255))
    assert_alike([bytes(frame)], linktype)


@both_modes
def test_decap__a_batch_without_any_stays_as_it_is(compiled):
    frames = engine.frames_of([(7, made.ETHER + b"\x08\0" + PACKETS[0])], 1, compiled)
    assert rows([engine.decap(frames)]) == rows([frames])


@both_modes
def test_decap__labels_without_end_stay_closed(compiled):
    stack = struct.pack(">I", 7 << 12) * 5000
    frames = engine.frames_of([(0, made.ETHER + b"\x88\x47" + stack)], 1, compiled)
    assert engine.decode(engine.decap(frames)).status[0] == engine.NOT_IP


@both_modes
def test_ethertypes__of_what_is_not_ip(compiled):
    batches, _ = read([octets_of("zeek-pppoe.pcap")], compiled=compiled)
    (frames,) = batches
    found = engine.ethertypes(frames, engine.decode(frames).status)
    assert [row for row, _ in found] == list(range(65))
    assert sorted({ethertype for _, ethertype in found}) == [0x8863, 0x8864]
    without = engine.frames_of([(0, made.ETHER + b"\0\4\x42\x42\3\0"), (0, b"x")], 1, compiled)
    assert engine.ethertypes(without, engine.decode(without).status) == [(0, 0)], "LLC has none; the other is cut"
