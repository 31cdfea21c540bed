"""Decoding into memory of batches before: nothing of them is left, whatever was done with them."""

import io
from random import Random

import made
import numpy as np
import pytest
from scapy.layers.inet import IP, fragment
from scapy.packet import Raw

import engine
from engine import capture

HERE, THERE, HERE_6 = 0x0A010102, 0x0A010002, 0x20010DB8000000000000000000010002
SMALL = 64  # frames of a batch


def _captures():
    """pcap and pcapng of a few thousand frames, in which stretches of one kind take turns, of much more than 4 MiB: the
    last of it is decoded in another way."""
    random = Random(3)
    frames = made.frames(lambda packet: made.ETHER + made._ethertype(packet) + packet)
    frames = [each for each in frames if len(each) < 3000]
    by = {kind: [each for each in frames if each[12:14] == kind] for kind in (b"\x08\x00", b"\x86\xdd")}
    parts = [made.ETHER + b"\x08\x00" + bytes(each)
             for each in fragment(IP(**made.V4, id=9, proto=253) / Raw(bytes(4000)), 1480)]  # fmt: skip
    kinds = [by[b"\x08\x00"], by[b"\x86\xdd"], by[b"\x08\x00"][:4], by[b"\x86\xdd"][:4], frames, parts,
             [made.ETHER + b"\x08\x06" + bytes(28), made.ETHER[:9]]]  # fmt: skip
    listed = []
    while len(listed) < 6000:
        kind = random.choice(kinds)
        some = range(random.randrange(99))
        listed += [kind[at % len(kind)] if kind is parts else random.choice(kind) for at in some]
    timed = [(10**18 + at, each.ljust(random.choice((60, 1400)), b"\0")) for at, each in enumerate(listed)]
    yield engine.write_pcap(timed)
    yield engine.pcapng.section("x") + engine.pcapng.interface(1, "x") + b"".join(
        engine.pcapng.packet(0, time, each, len(each)) for time, each in timed
    )


@pytest.fixture(scope="module")
def captures_made():
    return list(_captures())


def _rows(blocks, compiled):
    """What is found of every packet, after all has been done with it that changes it."""
    vantage = engine.place([(4, HERE, 0), (6, HERE_6, 0)], [], [], [255], compiled)
    trains, found = engine.Trains(), []
    for frames in engine.read_capture(blocks, "x", compiled, decoding=engine.FIELD):
        headers = engine.decode(frames)
        engine.rewrite(headers, 4, THERE, THERE, THERE + 1)
        engine.rewrite(headers, 6, HERE_6, HERE_6, HERE_6 - (1 << 64))
        engine.reassemble(frames, headers, engine.orient(headers, vantage), trains)
        columns = len(headers.value) // headers.count
        value = headers.value.tolist()
        cells = (value[c * headers.count : (c + 1) * headers.count] for c in range(columns))
        found += zip(headers.status.tolist(), *cells, strict=True)
    return found


@pytest.mark.parametrize("which", [0, 1], ids=["pcap", "pcapng"])
def test_decode__in_memory_used_again(captures_made, which, monkeypatch):
    octets = captures_made[which]
    assert len(octets) > 4 << 20
    monkeypatch.setattr(capture, "BATCH", SMALL)
    expected = _rows([octets], False)
    assert len(expected) >= 6000
    for blocks in ([octets], io.BytesIO(octets), [octets[at : at + 70_000] for at in range(0, len(octets), 70_000)]):
        assert _rows(blocks, True) == expected


FEW = ("version", "src_addr", "dst_addr", "proto", "src_port", "dst_port")


def _cells(headers, names):
    return {name: engine.values(headers, name, np.arange(headers.count)) for name in names}


def test_decode__of_some_fields(captures_made):
    octets = captures_made[0]
    batches = zip(
        engine.read_capture(io.BytesIO(octets), "x", True, decoding=FEW),
        engine.read_capture(io.BytesIO(octets), "x", True),
        strict=True,
    )
    seen = 0
    for some, bare in batches:
        whole = engine.decode(bare)
        few = engine.decode(some, FEW)
        assert _cells(few, FEW) == _cells(whole, FEW)
        assert few.value is some.decoded.value  # read along with the capture
        more = engine.decode(some)  # what was not read along with it
        assert more.value is not some.decoded.value
        assert more.value.tolist() == whole.value.tolist()
        assert few.status.tolist() == more.status.tolist() == whole.status.tolist()
        for name in ("tcp_flags", "ip_length", "type"):  # nothing, not what a batch before had there
            first = engine.COLUMN[name] * few.count
            found, known = (of.value[first : first + few.count] for of in (few, whole))
            assert ((found == 0) | (found == known)).all()
            assert (found != known).any()
        seen += 1
    assert seen >= 2
