"""Packets that ask what one before them asked: rows of remembered answers, found by a mix of the columns tested.

For compiled mode only: in plain mode a mix costs as much as an answer.
"""

# mypy: disable-error-code="no-untyped-def,assignment"
# A kernel has no types but those its docstring gives.

import numpy as np

from engine.fields import PARTIAL
from engine.kernels import kernel

BLOCK = 1024
MIXED = 2 * BLOCK  # words of scratch
FREE = -2  # what a row holds that remembers nothing

I = np.uint64  # noqa: E741  an index that cannot be negative costs no test
U = np.uint32


@kernel
def recall(value, status, n, begin, end, columns, key, held, mix, row, rule, miss):
    """rule[p] = what is held for a packet that asks the same; how many packets, listed in `miss`, are not known.

    value  u4[all columns*n]    status  u1[n]    columns  i8[k], those tested
    key  u4[k*rows]    held  i4[rows], rows a power of two    mix  u4[MIXED], scratch
    row  u4[end - begin], where each packet belongs    rule  i4[n]    miss  i4[end - begin + 1]
    """
    missed = 0
    last = U(len(held) - 1)
    wrong = mix[BLOCK:]
    for p in range(begin, end, BLOCK):
        e = min(BLOCK, end - p)
        for i in range(e):
            mix[i] = U(0)
            wrong[i] = U(0)
        for k in range(len(columns)):
            v = value[columns[k] * n + p : columns[k] * n + p + e]
            for i in range(e):
                x = U(U(mix[i] ^ v[i]) * U(0x9E3779B1))
                mix[i] = x ^ (x >> U(15))
        for i in range(e):
            mix[i] = (mix[i] ^ (mix[i] >> U(13))) & last
        for k in range(len(columns)):
            v = value[columns[k] * n + p : columns[k] * n + p + e]
            known = key[k * len(held) : (k + 1) * len(held)]
            for i in range(e):
                wrong[i] |= known[I(mix[i])] ^ v[i]
        at, asked, found, where = p - begin, status[p : p + e], rule[p : p + e], row[p - begin : p - begin + e]
        for i in range(e):
            found[i] = held[I(mix[i])]
            where[i] = mix[i]
        for i in range(e):
            judged = asked[i] <= PARTIAL
            miss[I(missed)] = at + i
            missed += np.int64(judged & ((wrong[i] != U(0)) | (found[i] == FREE)))
            found[i] = found[i] if judged else np.int32(-1)
    return missed


@kernel
def gather_tested(value, n, begin, columns, miss, m, few):
    """The tested columns of the packets listed, side by side: few[c*m + q].

    value  u4[all columns*n]    columns  i8[k]    miss  i4[m + 1], from `begin` on    few  u4[all columns*m]
    """
    for k in range(len(columns)):
        v = value[columns[k] * n + begin : (columns[k] + 1) * n]
        to = few[columns[k] * m : (columns[k] + 1) * m]
        for q in range(m):
            to[q] = v[I(miss[q])]


@kernel
def remember(few, columns, miss, m, row, answer, begin, key, held, rule):
    """Hold the answers to the m packets listed, the last for a row, and give them.

    few  u4[all columns*m]    columns  i8[k]    miss  i4[m + 1]    row  u4[...]    answer  i4[m]
    key  u4[k*rows]    held  i4[rows]    rule  i4[n]
    """
    for q in range(m):
        rule[begin + miss[q]] = answer[q]
        held[I(row[I(miss[q])])] = answer[q]
    for k in range(len(columns)):
        v = few[columns[k] * m : (columns[k] + 1) * m]
        known = key[k * len(held) : (k + 1) * len(held)]
        for q in range(m):
            known[I(row[I(miss[q])])] = v[q]
