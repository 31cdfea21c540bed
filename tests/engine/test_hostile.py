"""Captures that lie: a status for every frame, or one error that says where; never a crash, in both modes alike."""

import gzip
import sys
from pathlib import Path

import pytest
from captures import both_modes, packets, read, rows
from reference import decap as reference_decap
from reference import decode as reference

import engine

sys.path.insert(0, str(Path(__file__).parents[1]))
from make_hostile import files, mutations

FILES = {each.name: each for each in files()}
PLAIN = [name for name in FILES if ".gz" not in name]


@both_modes
@pytest.mark.parametrize("name", PLAIN)
def test_hostile__is_read_as_far_as_it_is_good(name, compiled):
    hostile = FILES[name]
    batches, error = read([hostile.octets], "x", compiled)
    assert sum(frames.count for frames in batches) == hostile.frames
    assert (hostile.said in str(error)) if hostile.said else error is None
    if error is not None and len(hostile.octets) >= 24:
        assert error.at is not None
    statuses = {engine.STATUSES[status] for frames in batches for status in engine.decode(frames).status}
    assert not hostile.statuses or statuses <= set(hostile.statuses.split())


@pytest.mark.parametrize("name", PLAIN)
def test_hostile__headers_are_those_of_the_reference(name):
    frames = rows(read([FILES[name].octets], "x")[0])[:200]
    expected = [reference(frame, wire, linktype) for _, frame, wire, _, linktype in frames]
    opened = [reference(*reference_decap(frame, wire, linktype)) for _, frame, wire, _, linktype in frames]
    for compiled in (False, True):
        batches, _ = read([FILES[name].octets], "x", compiled)
        batches = batches[:200]  # each has a frame at least
        assert [one for batch in batches for one in packets(engine.decode(batch))][:200] == expected
        decapped = map(engine.decap, batches)
        assert [one for batch in decapped for one in packets(engine.decode(batch))][:200] == opened


@pytest.mark.parametrize("name", sorted(FILES))
def test_hostile__mutated_files_are_read_or_refused_alike(name):
    octets = FILES[name].octets
    octets = gzip.decompress(octets) if name == "bomb.pcap.gz" else octets
    for number, mutated in enumerate(mutations(octets, seed=len(name), count=40)):
        found = []
        for blocks, compiled in (([mutated], False), ([mutated], True), ([mutated[:777], mutated[777:]], False)):
            batches, error = read(blocks, "x", compiled)
            decoded = [packets(engine.decode(engine.decap(frames)))[:50] for frames in batches]
            flat = [packet for batch in decoded for packet in batch][:50]
            found.append((rows(batches), str(error), flat))
        assert found[0] == found[1] == found[2], f"mutation {number} of {name}"
