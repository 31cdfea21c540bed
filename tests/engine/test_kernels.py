"""Modes, arrays, start-up and compilation: what is imported when, and what is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.arrays import as_array, is_compiled, of_octets, of_words, zeros
from engine.fields import COLUMN
from engine.kernels import Kernel, classify, community, count, decap, decode, journey, outcome, rewrite, walk

PROJECT = Path(__file__).parents[2]


def python(program, **environment):
    """What a program prints, run in a fresh Python with the project on its path."""
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


LOADED = "print(*({'numpy', 'numba'} & set(sys.modules)))"


@pytest.mark.parametrize("module", ["engine", "engine.rules", "engine.linktypes", "engine.kernels.decode"])
def test_import__is_light(module):
    assert python(f"import sys, {module}; {LOADED}") == []


def test_plain_mode__needs_neither_numpy_nor_numba():
    program = f"""
import sys
import engine
from engine import *
capture = write_pcap([(0, bytes.fromhex("4500001c00000000400100000a0000010a0000020800f7ff00000000"))], 101)
rules = RuleSet(compile_rules([Rule(0, (Test("type", 8, 8),))]), [0], [1])
vantage = place([(4, 0x0A000002, 0)], [], [], [255])
for frames in read_capture([capture], "ping"):
    headers = decode(frames)
    judgement = judge(headers, orient(headers, vantage), vantage, rules)
    count(judgement.legs[0].rule, frames.time, frames.length, Counters.of(1))
    print(VERDICTS[judgement.verdict[0]], row(headers, 0)["icmp_type"])
{LOADED}
"""
    assert python(program) == ["permitted", "8"]


def test_face__gives_functions_even_after_modules_of_their_names():
    program = "import engine.classify, engine.judge; print(engine.classify.__name__, engine.judge.__name__)"
    assert python(program) == ["classify", "judge"]


def test_face__has_all_it_says():
    assert python("import engine; print(*(n for n in engine.__all__ if not hasattr(engine, n)))") == []


def test_warm__tells_real_compilations_only(tmp_path):
    program = "import engine; told = []; engine.warm(told.append); print(*told)"
    cold = python(program, NUMBA_CACHE_DIR=str(tmp_path))
    assert {
        "walk_pcap",
        "walk_pcapng",
        "link",
        "ipv4",
        "ipv6",
        "transport",
        "first_match",
        "count_rules",
    } <= set(cold)
    assert sorted(cold) == sorted(set(cold))
    from engine.kernels import cache, cells, passes

    modules = (walk, decode, decap, community, classify, count, journey, outcome, rewrite, cache, cells, passes)
    assert set(cold) >= {name for module in modules for name, of in vars(module).items() if isinstance(of, Kernel)}
    assert python(program, NUMBA_CACHE_DIR=str(tmp_path)) == []


def test_kernels__a_constant_is_part_of_the_name_on_disk():
    from engine.kernels import _machine

    def reads_a_constant(a):
        return a[0] + COLUMN_OF_SOMETHING

    names = []
    for value in (1, 2):
        reads_a_constant.__globals__["COLUMN_OF_SOMETHING"] = value
        names.append(_machine(reads_a_constant).py_func.__qualname__)
    assert names[0] != names[1]


COLUMN_OF_SOMETHING = 0


def test_kernels__no_reference_counts_inside_loops():
    """numba counts references to arrays atomically; in a loop over packets that would be most of its time."""
    from numba import njit

    import engine

    engine.warm()
    for kernel in (decode.transport, classify.first_match):
        fresh = njit(nogil=True)(kernel.plain)  # what comes from disk cannot be inspected
        (signature,) = kernel.machine.signatures
        fresh.compile(signature)
        assert "call void @NRT_incref" not in fresh.inspect_llvm(signature)


@pytest.mark.parametrize("compiled", [False, True])
def test_arrays__same_values_in_both_makes(compiled):
    made = as_array([1, 2, 2**32 - 1], "u4", compiled)
    assert is_compiled(made) == compiled
    assert made.tolist() == [1, 2, 2**32 - 1]
    assert as_array(made, "u4", compiled).tolist() == made.tolist()
    assert as_array(as_array([3], "u4", not compiled), "i8", compiled).tolist() == [3]
    assert zeros("i8", 2, compiled).tolist() == [0, 0]
    assert of_words(b"\xff" * 8 + b"\1" + bytes(7), compiled).tolist() == [-1, 1]
    for octets in (b"ab", bytearray(b"ab"), memoryview(b"ab")):
        assert list(of_octets(octets, compiled)) == [97, 98]


def test_columns__kernels_use_those_of_fields():
    assert (COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"]) == (
        decode.VERSION,
        decode.SRC,
        decode.DST,
    )
    assert decode.DST == decode.SRC + 4, "ipv6 reads both addresses in one go"


def test_warm__leaves_nothing_to_compile():
    """The signatures warm compiles are those of real use, IPv6, fragments and defensive rules included."""
    program = """
import engine
from engine import *
engine.warm()
told = []
with engine.telling_compilation(told.append):
    for capture in (write_pcap([(0, bytes(14))] * 9), write_pcap([], nanoseconds=True)):
        for frames in read_capture([bytearray(capture)], "x", compiled=True):
            headers = decode(frames)
            tests = Test("dst_addr", 2**64, 2**65), Test("ip_length", 0, 9), Test("dst_port", 0, 9)
            rules = RuleSet(compile_rules([Rule(0, tests), Rule(1)], compiled=True), [0, 1], [1, 1])
            vantage = place([(6, 1, 0)], [(4, 1, 2)], [(6, 0, 2**128 - 1, 1)], [1, 2], compiled=True)
            legs = judge(headers, orient(headers, vantage, 1), vantage, rules, block=rules).legs
            total = Counters.of(2, compiled=True)
            for leg in legs:
                count(leg.rule, frames.time, frames.length, total)
                logged(leg, rules, leg.block)
print(*told)
"""
    assert python(program) == []
