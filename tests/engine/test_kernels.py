"""Modes, arrays, start-up and compilation: what is imported when, and what is told."""

import os
import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from engine.arrays import as_array, is_compiled, of_octets, of_words, zeros
from engine.fields import COLUMN
from engine.kernels import (
    Kernel,
    classify,
    community,
    count,
    decap,
    decode,
    inner,
    journey,
    objects,
    outcome,
    rewrite,
    walk,
)

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
    assert sorted(cold) == sorted([*set(cold), "narrowed"]), "once each, but for one that makes two kinds of numbers"
    from engine.kernels import cache, cells, passes

    modules = (walk, decode, decap, community, classify, count, journey, outcome, rewrite, cache, cells, passes)
    assert set(cold) >= {name for module in modules for name, of in vars(module).items() if isinstance(of, Kernel)}
    assert python(program, NUMBA_CACHE_DIR=str(tmp_path)) == []
    without = "import sys; sys.modules['numba'] = None"
    assert python(f"{without}; {program}", NUMBA_CACHE_DIR=str(tmp_path)) == [], "all of it is found without numba"
    assert python(f"{without}\n{ALIKE}", NUMBA_CACHE_DIR=str(tmp_path)) == ["alike"] * 3 + ["2500"]


#: Both modes find the same in some thousand frames; then how many of them were settled quickly or put aside.
ALIKE = """
from random import Random
import engine
from engine import *
random, frames = Random(1), []
for _ in range(2500):
    ends = bytes.fromhex(random.choice(("0a0000010a000002", "0a0000020a000001", "0a000001c0a80001")))
    upper = random.randbytes(random.choice((8, 20, 40)))
    head = b"\\x45\\0" + (20 + len(upper)).to_bytes(2, "big") + bytes(4)
    head += bytes((64, random.choice((1, 6, 17, 50)), 0, 0))
    frames.append((random.randrange(10**9), (head + ends + upper)[: random.choice((99, 99, 99, 31))]))
tests = [Rule(0, (Test("proto", 6, 6), Test("dst_port", 0, 30000))), Rule(1)]
found = []
for compiled in (False, True):
    rules = RuleSet(compile_rules(tests, compiled), [0, 1], [0, 0])
    vantage = place([(4, 0x0A000002, 0)], [], [(4, 0, 2**32 - 1, 0)], [255], compiled)
    batch = frames_of(frames, 101, compiled)
    headers = decode(batch)
    journey = orient(headers, vantage)
    judgement = judge(headers, journey, vantage, rules)
    found.append((headers.value.tolist(), journey.hook.tolist(), judgement.verdict.tolist()))
print(*("alike" if one == other else "different" for one, other in zip(*found)))
quick = Quick(rules, vantage, 2)
left = sum(each.count for each in read_capture([write_pcap(frames, 101)], "x", True, quick=quick))
print(quick.settled + left)
"""


def test_objects__what_is_damaged_is_not_loaded(tmp_path, monkeypatch):
    """But compiled anew, or found by numba; nothing is run that is not what was kept."""
    monkeypatch.setattr(objects, "_folder", lambda: tmp_path)
    array = as_array([1, 2], "i8", True)
    of = objects.Objects("kernel", lambda: "made of this")
    path = of._path((objects._kind(array),))
    for octets in (b"", b"{}", b"{}\n", b'{"digest": "0"}\n\x7fELF', b"\xff\xfe\n", b"[1]\n2"):
        path.write_bytes(octets)
        assert of._find((objects._kind(array),)) is None


@pytest.mark.parametrize("argument", [1.5, "a", True, None, (1, None), (array("i"),)])
def test_objects__what_no_kernel_takes_is_left_to_numba(argument):
    assert objects._kind(argument) is None


def test_kernels__what_they_are_made_of_is_in_the_name_on_disk():
    """A constant, and what a function does that they call; not where it stands."""
    places = globals()
    made = []
    for constant, called in ((1, adds_one), (2, adds_one), (2, adds_two), (2, adds_two)):
        places["COLUMN_OF_SOMETHING"], places["calls"] = constant, inner(called)
        made.append(inner(reads_a_constant).made_of)
    assert len({*made}) == 3
    assert made[2] == made[3]


def reads_a_constant(a):
    return calls(a[0] + COLUMN_OF_SOMETHING)


def adds_one(a):
    return a + 1


def adds_two(a):
    return a + 2


calls = inner(adds_one)
COLUMN_OF_SOMETHING = 0


def test_kernels__no_reference_counts_inside_loops():
    """numba counts references to arrays atomically; in a loop over packets that would be most of its time."""
    from numba import njit

    import engine

    engine.warm()
    for kernel in (decode.link, classify.first_match):
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
