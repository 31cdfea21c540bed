"""Columns of headers as tables of other programs have them: narrow numbers with a note of which are there, and
addresses as octets."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.fields import PARTIAL
from engine.kernels import kernel


@kernel
def narrowed(value, at, n, limit, status, out, there):
    """out[p] = what packet p has in a column, or 0; there[p] = whether it has it: if it can be judged, and the number
    is at most `limit`.

    value  u4, the column begins at `at`    status  u1[n]    out  u2[n]    there  u1[n]  results
    """
    for p in range(n):
        has = (status[p] <= PARTIAL) & (value[at + p] <= limit)
        there[p] = has
        out[p] = value[at + p] * has


@kernel
def addresses(value, at, n, out):
    """out[16 * p :] = the 16 octets of an address of packet p, in the order of the network.

    value  u4, its four columns begin at `at`    out  u1[16*n]  result
    """
    for p in range(n):
        for w in range(4):
            number = value[at + w * n + p] + 0
            to = 16 * p + 4 * w
            out[to] = number >> 24
            out[to + 1] = number >> 16 & 255
            out[to + 2] = number >> 8 & 255
            out[to + 3] = number & 255
