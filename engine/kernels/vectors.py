"""Sixteen packets at a time: the interval a word lies in, found among up to 255 edges without a load.

The edges stand in registers as the levels of a binary tree, and a step of all sixteen searches is one permutation,
one comparison and two additions; see taught.py. Machines without AVX-512 BW, and what is left of a batch, take the loop
below; both read the same table:

    table  u4[room(levels)]  1, then edges in the order of a heap: edge i has 2*i and 2*i + 1 below it; then numbers
                             of 16 bits, that of interval i at `place(levels, i)`

Compiled mode only.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives.

from typing import Any

import numpy as np

from engine.kernels import inner
from engine.kernels.objects import has

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
    return has("avx512bw")


def search_groups(v: Any, table: Any, levels: int, factor: int, keep: int, out: Any) -> int:
    """What `search` says, for as many packets as are returned: a multiple of LANES, or 0 on other machines."""
    return 0


@inner
def search(v, table, levels, factor, keep, out):
    """out[i] = factor * the number of the interval v[i] lies in, plus what out[i] & keep was."""
    done = search_groups(v, table, levels, factor, keep, out)
    numbers = table[max(LANES, 1 << levels) :].view(np.uint16)
    wrap = U(max(2 * LANES, 1 << levels) - 1)
    for i in range(done, len(v)):
        node = U(1)
        for _ in range(levels):
            node = U(node + node) + U(v[i] >= table[I(node)])
        out[i] = U((out[i] & keep) + U(numbers[I(node & wrap)]) * factor)
