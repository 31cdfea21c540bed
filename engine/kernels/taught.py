"""The machine code of `turn`, `search_groups` and `reached`: numba has no words for it, so it is LLVM's instructions.

Imported when a kernel is compiled, and then only. The loop of `search_groups` stands there once for each number of
levels, with the edges in registers and the numbers behind them; that of `turn` loads the heads of sixteen packets and
shuffles them, a square of four by four words at a time.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# llvmlite and numba have no types.

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from engine.kernels.passes import LINE, reached
from engine.kernels.turn import LANES, SQUARE, turn
from engine.kernels.vectors import ABREAST, LEAST, MOST, room, search_groups

_WORD = ir.IntType(32)
_WORDS = ir.VectorType(_WORD, LANES)
_SHORTS = ir.VectorType(ir.IntType(16), 2 * LANES)


def _able(codegen):
    """Whether what numba compiles may use these instructions."""
    return "+avx512bw" in getattr(codegen, "_tm_features", "")


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
    """What `search_groups` says; nothing at all on machines that lack the instructions."""

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


_QUARTER = ir.VectorType(_WORD, SQUARE)
_SWAP = [4 * (k // 4) + 3 - k % 4 for k in range(4 * LANES)]


def _mixed(builder, a, b, order):
    """The words of two vectors, one behind the other, in that order."""
    lanes = ir.Constant(ir.VectorType(_WORD, len(order)), list(order))
    return builder.shuffle_vector(a, b, lanes)


def _turned(builder, quarters):
    """Sixteen quarters -> four vectors: word k of all."""
    joined = []
    for k in range(SQUARE):  # quarter q of the vector is that of packet 4*q + k, so that words end up in order
        low, high = (_mixed(builder, quarters[a + k], quarters[a + 4 + k], range(8)) for a in (0, 8))
        joined.append(_mixed(builder, low, high, range(LANES)))

    def woven(a, b, first, size):
        """Of each quarter of two vectors, its part from word `first` on, `size` words in turn."""
        parts = [(side, v) for v in range(0, 2, size) for side in (0, 1)]
        order = [LANES * side + 4 * q + first + v + w for q in range(4) for side, v in parts for w in range(size)]
        return _mixed(builder, a, b, order)

    a, b, c, d = joined
    low, high = [(woven(a, b, first, 1), woven(c, d, first, 1)) for first in (0, 2)]
    return [woven(*pair, first, 2) for pair in (low, high) for first in (0, 2)]


def _big_endian(builder, words):
    if sys.byteorder == "big":
        return words
    octets = builder.bitcast(words, ir.VectorType(ir.IntType(8), 4 * LANES))
    return builder.bitcast(
        builder.shuffle_vector(octets, octets, ir.Constant(ir.VectorType(_WORD, 4 * LANES), _SWAP)), words.type
    )


@intrinsic
def _turn(typing, data, at, n, quarters, room, words):
    """What `turn` says."""

    def generate(context, builder, signature, arguments):
        data_, at_, n_, quarters_, room_, words_ = arguments
        octets, rows, out = (
            arrayobj.make_array(kind)(context, builder, one).data
            for kind, one in zip(
                (signature.args[0], signature.args[1], signature.args[5]), (data_, at_, words_), strict=True
            )
        )
        index = n_.type
        groups = builder.udiv(builder.add(n_, index(LANES - 1)), index(LANES))
        with cgutils.for_range(builder, groups, intp=index) as loop:
            first = builder.mul(loop.index, index(LANES))
            places = [builder.load(builder.gep(rows, [builder.add(first, index(i))])) for i in range(LANES)]

            def quarter(q):
                heads = []
                for place in places:
                    where = builder.gep(octets, [builder.add(place, index(4 * SQUARE * q))])
                    heads.append(builder.load(builder.bitcast(where, _QUARTER.as_pointer()), align=1))
                for k, column in enumerate(_turned(builder, heads)):
                    row = builder.add(builder.mul(room_, index(SQUARE * q + k)), first)
                    to = builder.bitcast(builder.gep(out, [row]), column.type.as_pointer())
                    builder.store(_big_endian(builder, column), to, align=4)

            quarter(0)
            quarter(1)
            with builder.if_then(builder.icmp_unsigned(">", quarters_, index(2))):
                quarter(2)
        return context.get_dummy_value()

    return types.void(data, at, types.int64, types.int64, types.int64, words), generate


@intrinsic
def _reached(typing, edges, node, v):
    """How many edges of a node the lower half of v is beyond: all in one comparison of a line, one count of bits."""

    def generate(context, builder, signature, arguments):
        short, word = ir.IntType(16), ir.IntType(32)
        line = ir.VectorType(short, LINE)
        data = arrayobj.make_array(signature.args[0])(context, builder, arguments[0]).data
        node_, place = arguments[1], ir.Constant(word, LINE - 1)
        first = builder.zext(builder.and_(node_, builder.not_(place)), ir.IntType(64))
        held = builder.load(builder.bitcast(builder.gep(data, [first]), line.as_pointer()), align=2)
        one = builder.insert_element(ir.Constant(line, ir.Undefined), builder.trunc(arguments[2], short), word(0))
        everywhere = ir.Constant(ir.VectorType(word, LINE), None)
        value = builder.shuffle_vector(one, ir.Constant(line, ir.Undefined), everywhere)
        below = builder.bitcast(builder.icmp_unsigned("<", held, value), word)
        still = builder.not_(builder.lshr(below, builder.and_(node_, place)))
        return builder.zext(builder.cttz(still, ir.Constant(ir.IntType(1), 0)), ir.IntType(64))

    return types.uint64(edges, types.uint32, types.uint32), generate


@overload(turn)
def _(data, at, n, quarters, room, words):
    return lambda data, at, n, quarters, room, words: _turn(data, at, n, quarters, room, words)


@overload(search_groups)
def _(v, table, levels, factor, keep, out):
    return lambda v, table, levels, factor, keep, out: _search_groups(v, table, levels, factor, keep, out)


@overload(reached)
def _(edges, node, v):
    return lambda edges, node, v: _reached(edges, node, v)
