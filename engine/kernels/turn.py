"""Sixteen headers at a time: their octets, row by row in memory, turned into words, column by column.

A header is three loads of sixteen octets, and a square of four by four words is turned by eight shuffles: a few
instructions a packet, no branches, and sixteen packets on their way from memory at once. numba has no word for it, so
it is written as LLVM's instructions, which every machine has some of. Compiled mode only.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# A kernel has no types but those its docstring gives, and llvmlite has none.

import sys

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

LANES = 16
SQUARE = 4  # words of 32 bits in one load
OCTETS = 3 * SQUARE * 4  # of a header that are read: all must be in the data

_WORD = ir.IntType(32)
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
def turn(typing, data, at, n, quarters, room, words):
    """words[k*room + i] = the big-endian word at data[at[i] + 4*k], for k < 4*quarters.

    data  u1[...]    at  i8[room]    words  u4[12*room]
    n         packets; rows up to the next multiple of LANES are read and written
    quarters  2 or 3
    room      rows of a column of words
    No bounds are checked: all of at[i] + OCTETS must lie in data.
    """

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
