"""From columns to the first rule that matches: per field the row of bits its value selects, then AND.

`row` (i4[fields*n]) holds, per tested field and packet, where the bit row of the packet's class begins in
`bits`.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.fields import PARTIAL
from engine.kernels import kernel


@kernel
def look_up(value, at, n, table, row, out):
    """row[out + p] = table[value[at + p]]: for fields with few values.

    value  u4[columns*n]    table  i4[values]    row  i4[fields*n]
    """
    for p in range(n):
        row[out + p] = table[value[at + p]]


@kernel
def search(value, at, n, edge, edges, table, row, out):
    """row[out + p] = table[i] with i the last interval that begins at or before value[at + p].

    All packets take a step before any takes the next, so that nothing waits for the step before: more than
    twice as fast as one search after the other.
    value  u4[columns*n]    table  i4[intervals]    row  i4[fields*n]
    edge   u4[2**k]         the first is 0; beyond `edges` the last one repeated
    """
    for p in range(n):
        row[out + p] = 0
    step = len(edge) // 2
    while step > 0:
        for p in range(n):
            i = row[out + p] + 0
            row[out + p] = i + step * (edge[i + step] <= value[at + p])
        step //= 2
    for p in range(n):
        row[out + p] = table[min(row[out + p], edges - 1)]


@kernel
def search_long(value, at, stride, n, edge, edges, table, row, out):
    """row[out + p], as search does, for addresses that do not fit their last word; others keep what they have.

    value  u4[columns*stride], the address in four columns from `at`    table  i4[k]    row  i4[fields*n]
    edge   u4[4*k]          the first `edges` of them fit the last word
    """
    for p in range(n):
        a = value[at + p]
        b = value[at + stride + p]
        c = value[at + 2 * stride + p]
        d = value[at + 3 * stride + p]
        if a == 0 and b == 0 and c == 0:
            continue
        low = edges - 1
        high = len(table)
        while high - low > 1:
            middle = (low + high) // 2
            i = 4 * middle
            if edge[i] != a:
                before = edge[i] < a
            elif edge[i + 1] != b:
                before = edge[i + 1] < b
            elif edge[i + 2] != c:
                before = edge[i + 2] < c
            else:
                before = edge[i + 3] <= d
            if before:
                low = middle
            else:
                high = middle
        row[out + p] = table[low]


@kernel
def first_match(bits, row, fields, summaries, number, status, n, rule):
    """rule[p] = the number of the first rule whose bit is set in every selected row, or -1.

    bits    i8[...]         bit rows: `summaries` words, whose low 32 bits say which of 32 words are not 0,
                            then these words, of 64 rules each; rule 0 is the lowest bit of the first
    row     i4[fields*n]    where the selected rows begin
    number  i4[rules]       the caller's numbers
    status  u1[n]           packets beyond PARTIAL match nothing
    rule    i4[n]           result
    """
    for p in range(n):
        rule[p] = -1
        if status[p] > PARTIAL:
            continue
        for s in range(summaries):
            some = 0xFFFFFFFF  # which of the next 32 words may have a bit in common
            for c in range(fields):
                some &= bits[row[c * n + p] + s]
            w = 32 * s
            hit = 0
            while some != 0:
                hit = -(some & 1)
                if hit != 0:
                    for c in range(fields):
                        hit &= bits[row[c * n + p] + summaries + w]
                    if hit != 0:
                        break
                some >>= 1
                w += 1
            if hit == 0:
                continue
            r = 64 * w  # halving finds the lowest bit, with no step that the sign could spoil
            if hit & 0xFFFFFFFF == 0:
                r += 32
                hit >>= 32
            if hit & 0xFFFF == 0:
                r += 16
                hit >>= 16
            if hit & 0xFF == 0:
                r += 8
                hit >>= 8
            if hit & 0xF == 0:
                r += 4
                hit >>= 4
            if hit & 0x3 == 0:
                r += 2
                hit >>= 2
            if hit & 0x1 == 0:
                r += 1
            rule[p] = number[r]
            break


@kernel
def search_list(value, status, n, first, after, begin, test, number, rule):
    """rule[p] = the number of the first rule all of whose tests hold, asked in order, or -1; for first <= p < after.

    value  u4[columns*n]    status  u1[n]    rule  i4[n]
    begin  i4[rules + 1]    test  u4[10*tests], first column, words, low and high of four words
    """
    for p in range(first, after):
        rule[p] = -1
        if status[p] > PARTIAL:
            continue
        for r in range(len(number)):
            t = 10 * begin[r]
            end = 10 * begin[r + 1]
            while t < end:
                at = test[t] * n + p
                if test[t + 1] == 1:
                    if not test[t + 2] <= value[at] <= test[t + 6]:
                        break
                else:
                    above = False  # whether the words so far decide that the value is above low, below high
                    below = False
                    holds = True
                    for w in range(4):
                        v = value[at + w * n]
                        if (not above and v < test[t + 2 + w]) or (not below and v > test[t + 6 + w]):
                            holds = False
                            break
                        above = above or v > test[t + 2 + w]
                        below = below or v < test[t + 6 + w]
                    if not holds:
                        break
                t += 10
            if t == end:
                rule[p] = number[r]
                break


@kernel
def prefer(first, begin, end, rule):
    """rule[p] = first[p] where that is a rule; for begin <= p < end.    first, rule  i4[n]"""
    for p in range(begin, end):
        if first[p] >= 0:
            rule[p] = first[p]
