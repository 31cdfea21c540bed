"""What became of packets in columns, and annotated blocks: as packet by packet."""

from random import Random

import numpy
import pytest

import engine
from engine import pcapng
from engine.outcome import Numbers


@pytest.mark.parametrize("seed", range(5))
def test_blocks__are_those_written_one_by_one(seed, monkeypatch) -> None:
    monkeypatch.setattr("engine.outcome.TOGETHER", 999)
    random = Random(seed)
    packets = [(random.randrange(2**62), random.randbytes(random.randrange(0, 90))) for _ in range(300)]
    packets[7] = (engine.NO_TIME, b"")
    frames = engine.frames_of(packets, 1, True)
    frames = frames._replace(length=frames.length + numpy.uint32(5))
    made = engine.Comments(lambda key: f"comment {key} " + "ä" * (key % 7))
    for _ in range(3):  # one table of texts for all batches
        keys = numpy.asarray([random.choice((-9, -1, 3, 2**40, random.randrange(10**6))) for _ in packets], "i8")
        rows = numpy.asarray(sorted(random.sample(range(300), 100)), "i4")
        number = numpy.asarray([random.randrange(3) for _ in packets], "i4")
        expected = b"".join(
            pcapng.packet(int(number[p]), time, frame, len(frame) + 5, [made.say(int(keys[p]))])
            for p, (time, frame) in enumerate(packets)
            if p in rows
        )
        assert b"".join(map(bytes, made.blocks(frames, keys, rows, number))) == expected


def test_blocks__of_no_rows_are_none() -> None:
    frames = engine.frames_of([(0, b"x")], 1, True)
    nothing = numpy.zeros(0, "i4")
    assert not list(engine.Comments(str).blocks(frames, numpy.zeros(1, "i8"), nothing, numpy.zeros(1, "i4")))


def test_numbers__are_those_of_a_dict() -> None:
    random, numbers, known = Random(1), Numbers(), {}
    for size in (1, 5, 3000, 0, 7000):
        keys = [random.choice((random.randrange(-20, 20), random.randrange(2**45))) for _ in range(size)]
        new = [key for key in dict.fromkeys(keys) if key not in known]
        for key in new:
            known[key] = len(known)
        code, fresh = numbers.of(numpy.asarray(keys, "i8"))
        assert (code.tolist(), fresh) == ([known[key] for key in keys], new)
