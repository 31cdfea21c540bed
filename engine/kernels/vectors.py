"""Sixteen packets at a time: the interval a word lies in, found among up to 255 edges without a load.

The edges stand in registers as the levels of a binary tree, and a step of all sixteen searches is one permutation,
one comparison and two additions. numba offers no such permutation, so the loop is written as LLVM's instructions.
Machines without AVX-512 BW, and what is left of a batch, take the loop in Python below; both read the same table:

    table  u4[room(levels)]  1, then edges in the order of a heap: edge i has 2*i and 2*i + 1 below it; then numbers
                             of 16 bits, that of interval i at `place(levels, i)`

Compiled mode only.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# A kernel has no types but those its docstring gives, and llvmlite has none.

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np import arrayobj

LEAST, MOST = 2, 8  # levels
LANES = 16
ABREAST = 4  # groups of LANES whose searches are mixed, for each step of one waits for the step before

I = np.uint64  # noqa: E741
U = np.uint32


def room(levels: int) -> tuple[int, int]:
    """Words of a table: those of its edges, and of its numbers."""
    return max(LANES, 1 << levels), max(LANES, 1 << levels - 1)


def place(levels: int, interval: Any) -> Any:
    """Where among the numbers that of an interval stands."""
    return (interval + (1 << levels)) % max(2 * LANES, 1 << levels)


def quick() -> bool:
    """Whether this machine can do it without loads."""
    return _able(cpu_target.target_context.codegen())


def _able(codegen: Any) -> bool:
    """Whether what numba compiles may use these instructions."""
    return "+avx512bw" in getattr(codegen, "_tm_features", "")


_WORD = ir.IntType(32)
_WORDS = ir.VectorType(_WORD, LANES)
_SHORTS = ir.VectorType(ir.IntType(16), 2 * LANES)


def _all(number, kind=_WORDS):
    return ir.Constant(kind, [number] * kind.count)


def _permuted(builder, registers, index, kind):
    """Entry `index` of a table in registers, by lane; the bits of `index` above the table are ignored."""
    name, many = ("d", LANES) if kind is _WORDS else ("hi", 2 * LANES)
    at = index if kind is _WORDS else builder.bitcast(index, kind)
    if len(registers) == 1:
        single = f"llvm.x86.avx512.permvar.{'si' if kind is _WORDS else name}.512"
        found = [_call(builder, single, kind, registers[0], at)]
    else:
        pairs = zip(registers[::2], registers[1::2], strict=True)
        found = [_call(builder, f"llvm.x86.avx512.vpermi2var.{name}.512", kind, a, at, b) for a, b in pairs]
    bit, index = 2 * many, index if kind is _WORDS else builder.and_(index, _all(0xFFFF))
    if kind is not _WORDS:
        found = [builder.bitcast(one, _WORDS) for one in found]
    while len(found) > 1:
        upper = builder.icmp_unsigned("!=", builder.and_(index, _all(bit)), _all(0))
        found = [builder.select(upper, b, a) for a, b in zip(found[::2], found[1::2], strict=True)]
        bit *= 2
    return found[0]


def _call(builder, name, kind, *arguments):
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * len(arguments)), name)
    return builder.call(function, arguments)


def _registers(builder, data, first, count, kind):
    """`count` registers of words from data[first] on."""
    found = []
    for k in range(count):
        at = builder.gep(data, [builder.add(first, ir.Constant(first.type, LANES * k))])
        found.append(builder.load(builder.bitcast(at, kind.as_pointer()), align=4))
    return found


def _groups(builder, levels, v, table, factor, keep, out, groups):
    """The loops for one number of levels: ABREAST groups at a time, then the rest of them one by one."""
    edges, numbers = room(levels)
    word = groups.type
    heap = _registers(builder, table, word(0), edges // LANES, _WORDS)
    last = _registers(builder, table, word(edges), numbers // LANES, _SHORTS)
    # 1, and not known to the compiler, which would turn one masked addition into three instructions
    one = _splat(builder, builder.load(table))

    def some(group, count):
        first = builder.mul(group, word(LANES))
        words, nodes = _registers(builder, v, first, count, _WORDS), [_all(1)] * count
        for level in range(levels):
            low = (1 << level) // LANES
            edge = [_permuted(builder, heap[low : max(1, 2 * low)], node, _WORDS) for node in nodes]
            right = [builder.icmp_unsigned(">=", *both) for both in zip(words, edge, strict=True)]
            left = [builder.add(node, node) for node in nodes]
            nodes = [builder.select(r, builder.add(n, one), n) for r, n in zip(right, left, strict=True)]
        before = _registers(builder, out, first, count, _WORDS)
        for k, (node, was) in enumerate(zip(nodes, before, strict=True)):
            number = builder.mul(builder.and_(_permuted(builder, last, node, _SHORTS), _all(0xFFFF)), factor)
            at = builder.gep(out, [builder.add(first, word(LANES * k))])
            total = builder.add(number, builder.and_(was, keep))
            builder.store(total, builder.bitcast(at, _WORDS.as_pointer()), align=4)

    together = builder.udiv(groups, word(ABREAST))
    with cgutils.for_range(builder, together) as loop:
        some(builder.mul(loop.index, word(ABREAST)), ABREAST)
    done = builder.mul(together, word(ABREAST))
    with cgutils.for_range(builder, builder.sub(groups, done)) as loop:
        some(builder.add(done, loop.index), 1)


def _splat(builder, number):
    one = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), number, _WORD(0))
    return builder.shuffle_vector(one, ir.Constant(_WORDS, ir.Undefined), _all(0))


@intrinsic
def _search_groups(typing, v, table, levels, factor, keep, out):
    """What `search` says, for as many packets as are returned: a multiple of LANES, or 0 on other machines."""

    def generate(context, builder, signature, arguments):
        v_, table_, levels_, factor_, keep_, out_ = arguments
        if not _able(context.codegen()):
            return ir.Constant(ir.IntType(64), 0)
        whole = arrayobj.make_array(signature.args[0])(context, builder, v_)
        groups = builder.udiv(builder.extract_value(whole.shape, 0), ir.Constant(ir.IntType(64), LANES))
        v_data, table_data, out_data = (
            arrayobj.make_array(kind)(context, builder, one).data
            for kind, one in zip(
                (signature.args[0], signature.args[1], signature.args[5]), (v_, table_, out_), strict=True
            )
        )
        factors, keeps = _splat(builder, factor_), _splat(builder, keep_)
        after = builder.append_basic_block("searched")
        choice = builder.switch(levels_, after)
        for number in range(LEAST, MOST + 1):
            block = builder.append_basic_block(f"levels_{number}")
            choice.add_case(ir.Constant(levels_.type, number), block)
            builder.position_at_end(block)
            _groups(builder, number, v_data, table_data, factors, keeps, out_data, groups)
            builder.branch(after)
        builder.position_at_end(after)
        return builder.mul(groups, ir.Constant(ir.IntType(64), LANES))

    return types.int64(v, table, types.int64, types.uint32, types.uint32, out), generate


@njit(nogil=True)
def search(v, table, levels, factor, keep, out):
    """out[i] = factor * the number of the interval v[i] lies in, plus what out[i] & keep was."""
    done = _search_groups(v, table, levels, factor, keep, out)
    numbers = table[max(LANES, 1 << levels) :].view(np.uint16)
    wrap = U(max(2 * LANES, 1 << levels) - 1)
    for i in range(done, len(v)):
        node = U(1)
        for _ in range(levels):
            node = U(node + node) + U(v[i] >= table[I(node)])
        out[i] = U((out[i] & keep) + U(numbers[I(node & wrap)]) * factor)
