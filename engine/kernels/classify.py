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
def search_word(value, at, n, edge, table, row, out):
    """row[out + p] = table[i] with i the last interval that begins at or before value[at + p].

    value  u4[columns*n]    edge  u4[k], the first is 0    table  i4[k]    row  i4[fields*n]
    """
    for p in range(n):
        v = value[at + p]
        low = 0
        high = len(edge)
        while high - low > 1:
            middle = (low + high) // 2
            if edge[middle] <= v:
                low = middle
            else:
                high = middle
        row[out + p] = table[low]


@kernel
def search_address(value, at, n, edge, short, table, row, out):
    """row[out + p] = table[i] with i the last interval that begins at or before the address in columns at.

    Addresses that fit the last word, IPv4 among them, meet only the edges that do: the first `short` ones.
    value  u4[columns*n]    edge  u4[4*k], the first is 0    table  i4[k]    row  i4[fields*n]
    """
    for p in range(n):
        a = value[at + p]
        b = value[at + n + p]
        c = value[at + 2 * n + p]
        d = value[at + 3 * n + p]
        if a == 0 and b == 0 and c == 0:
            low = 0
            high = short
            while high - low > 1:
                middle = (low + high) // 2
                if edge[4 * middle + 3] <= d:
                    low = middle
                else:
                    high = middle
        else:
            low = short - 1
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
def first_match(bits, row, fields, words, number, status, n, rule):
    """rule[p] = the number of the first rule whose bit is set in every selected row, or -1.

    bits    i8[...]         bit rows of `words` words; rule 0 is the lowest bit of word 0
    row     i4[fields*n]    where the selected rows begin
    number  i4[rules]       the caller's numbers
    status  u1[n]           packets beyond PARTIAL match nothing
    rule    i4[n]           result
    """
    for p in range(n):
        rule[p] = -1
        if status[p] > PARTIAL:
            continue
        for w in range(words):
            hit = -1
            for c in range(fields):
                hit &= bits[row[c * n + p] + w]
                if hit == 0:
                    break
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
