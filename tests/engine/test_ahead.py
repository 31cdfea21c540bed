"""What numba has no word for: in machine code as in Python."""

import os
from random import Random

import numpy as np
import pytest

from engine import kernels
from engine.kernels import ahead


@pytest.fixture(scope="module")
def machine():
    """A function of them -> the same in machine code."""
    from numba import njit

    kernels._listen()
    return lambda function: njit(function)


def test_word(machine):
    compiled = machine(lambda data, at, big: ahead.word(data, at, big))
    octets = Random(1).randbytes(64)
    data = np.frombuffer(octets, "u1")
    for at in range(61):
        assert compiled(data, at, 0) == ahead.word(octets, at, 0) == int.from_bytes(octets[at : at + 4], "little")
        assert compiled(data, at, 1) == ahead.word(octets, at, 1) == int.from_bytes(octets[at : at + 4], "big")


@pytest.mark.skipif(os.environ.get("NUMBA_BOUNDSCHECK") != "1", reason="only where bounds are checked")
def test_word__beyond_the_end(machine):
    compiled = machine(lambda data, at, big: ahead.word(data, at, big))
    with pytest.raises(IndexError):
        compiled(np.zeros(8, "u1"), 5, 0)


def test_filled_and_lowest(machine):
    filled = machine(lambda data, at: ahead.filled(data, at))
    lowest = machine(lambda bits: ahead.lowest(bits))
    random = Random(2)
    for rate in (0, 0.02, 0.5, 1):
        octets = bytes(random.randrange(1, 256) if random.random() < rate else 0 for _ in range(200))
        data = np.frombuffer(octets, "u1")
        for at in (0, 1, 63, 64, 136):
            bits = sum(1 << k for k in range(64) if octets[at + k])
            assert int(filled(data, at)) == ahead.filled(octets, at) == bits
            if bits:
                assert lowest(np.uint64(bits)) == ahead.lowest(bits) == min(k for k in range(64) if octets[at + k])
    for k in range(64):
        assert lowest(np.uint64(1 << k)) == ahead.lowest(1 << k) == k


def test_row(machine):
    compiled = machine(lambda data, p: data[ahead.row(p)])
    data = np.arange(9)
    assert [compiled(data, p) for p in range(9)] == [data[ahead.row(p)] for p in range(9)] == list(range(9))


def test_digits_put(machine):
    def digits(number, target, to):
        ahead.put(ahead.eight_digits(number), target, to)

    compiled = machine(digits)
    random = Random(3)
    for number in (0, 9, 10, 9_999, 10_000, 99_999_999, *(random.randrange(10**8) for _ in range(200))):
        plain, made = bytearray(11), np.zeros(11, "u1")
        digits(number, plain, 3)
        compiled(number, made, 3)
        assert made.tobytes() == bytes(plain) == bytes(3) + b"%08d" % number


def test_copies(machine):
    def copied(out, data):
        ahead.chunk(data, 5, out, 1)
        ahead.copy_octets(out, 40, data, 7, 19)

    octets = Random(4).randbytes(64)
    plain, made = bytearray(64), np.zeros(64, "u1")
    copied(plain, octets)
    machine(copied)(made, np.frombuffer(octets, "u1"))
    assert made.tobytes() == bytes(plain) == bytes(1) + octets[5:37] + bytes(7) + octets[7:26] + bytes(5)
