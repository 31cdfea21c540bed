"""Sixteen headers at a time: their octets, row by row in memory, turned into words, column by column.

A header is three loads of sixteen octets, and a square of four by four words is turned by eight shuffles: a few
instructions a packet, no branches, and sixteen packets on their way from memory at once; see taught.py.
"""

from typing import Any

LANES = 16
SQUARE = 4  # words of 32 bits in one load
OCTETS = 3 * SQUARE * 4  # of a header that are read: all must be in the data


def turn(data: Any, at: Any, n: int, quarters: int, room: int, words: Any) -> None:
    """words[k*room + i] = the big-endian word at data[at[i] + 4*k], for k < 4*quarters.

    data  u1[...]    at  i8[room]    words  u4[12*room]
    n         packets; rows up to the next multiple of LANES are read and written in machine code
    quarters  2 or 3
    room      rows of a column of words
    No bounds are checked: all of at[i] + OCTETS must lie in data.
    """
    for i in range(n):
        for k in range(SQUARE * quarters):
            words[k * room + i] = int.from_bytes(data[at[i] + 4 * k : at[i] + 4 * k + 4], "big")
