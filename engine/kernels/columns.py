"""Columns of headers: those that rules test, of some packets; and as tables of other programs have them, narrow numbers
with a note of which are there, and addresses as octets. For compiled mode only."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

import sys

import numpy as np

from engine.fields import PARTIAL
from engine.kernels import inner, kernel

I = np.uint64  # noqa: E741  an index that cannot be negative costs no test
U = np.uint32
BIG = sys.byteorder == "big"


@inner
def in_order(word):
    """The word that this machine stores as the octets of a big-endian one."""
    swapped = word >> U(24) | (word >> U(8) & U(0xFF00)) | (word << U(8) & U(0xFF0000)) | word << U(24)
    return word if BIG else U(swapped)


@kernel
def gather_columns(value, status, packet, n, m, columns, chosen, chosen_status):
    """Copy these columns of the rows of m listed packets; the others are left as they are.

    value  u4[columns*n]    status  u1[n]    packet  i4[m]    columns  i8[...]
    chosen u4[columns*m]    chosen_status  u1[m]
    """
    for i in range(m):
        chosen_status[i] = status[I(packet[i])]
    for c in columns:
        of, to = value[c * n : c * n + n], chosen[c * m : c * m + m]
        for i in range(m):
            to[i] = of[I(packet[i])]


@kernel
def narrowed(value, at, n, limit, status, out, there):
    """out[p] = what packet p has in a column, or 0; there[p] = whether it has it: if it can be judged, and the number
    is at most `limit`.

    value  u4, the column begins at `at`    status  u1[n]    out  u1 or u2[n], there  u1[n]  results
    """
    of = value[at : at + n]
    most = U(limit)
    for p in range(n):
        has = (status[p] <= PARTIAL) & (of[p] <= most)
        there[p] = has
        out[p] = of[p] if has else U(0)


@kernel
def addresses(value, at, n, out):
    """The 16 octets of an address of each packet, in the order of the network: out[4 * p :] are its four words.

    value  u4, its four columns begin at `at`    out  u4[4*n], as this machine stores words  result
    """
    a, b, c, d = value[at : at + n], value[at + n :], value[at + 2 * n :], value[at + 3 * n :]
    for p in range(n):
        i = I(4 * p)
        out[i] = in_order(a[p])
        out[i + I(1)] = in_order(b[p])
        out[i + I(2)] = in_order(c[p])
        out[i + I(3)] = in_order(d[p])
