"""Addresses replaced in place."""

from engine.arrays import Array
from engine.kernels import kernel


@kernel
def shift_addresses(value: Array, column: int, n: int, version: int, low: Array, high: Array, new: Array) -> None:
    """Addresses from low to high of one IP version become those from `new` on.

    value  u4[columns * n]  Headers.value; the address stands in columns column .. column + 3, the version in column 0
    low, high, new  i8[4]   128-bit addresses, most significant word first
    """
    for p in range(n):
        inside = value[p] == version
        above = below = False  # already decided by a more significant word
        for w in range(4):
            word = value[(column + w) * n + p]
            if not above and word < low[w]:
                inside = False
            if not below and word > high[w]:
                inside = False
            above = above or word > low[w]
            below = below or word < high[w]
        if inside:
            borrow = carry = 0
            for back in range(4):
                w = 3 - back
                part = value[(column + w) * n + p] - low[w] - borrow
                borrow = 1 if part < 0 else 0
                part = (part & 0xFFFFFFFF) + new[w] + carry
                carry = part >> 32
                value[(column + w) * n + p] = part & 0xFFFFFFFF
