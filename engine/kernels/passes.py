"""Packets to rules by a program of passes: blocks of packets, and in a block one pass after the other.

A pass is a loop of loads that do not wait for each other, so that many are under way at a time; what it finds
stays in registers, rows of BLOCK words that remain in the first cache. A program is rows of WIDTH numbers: an
operation, then its operands. Tables stand in one arena; operands say where, in units of the table's type.

This file is for compiled mode only: plain mode has bit vectors (see classify.py).
"""

# mypy: disable-error-code="no-untyped-def,assignment"
# A kernel has no types but those its docstring gives.

from typing import Any

import numpy as np

from engine.fields import PARTIAL
from engine.kernels import inner, kernel
from engine.kernels.ahead import prefetch
from engine.kernels.vectors import search

BLOCK = 1024
WIDTH = 12
REGISTERS = 8
SCRATCH = REGISTERS * BLOCK
LINE = 32  # edges of 16 bits in a line of the cache

NONE = 0x7FFF_FFFF  # no rule: larger than any position
NODE = 0x8000_0000  # an entry of a tree of 64-bit words that is a node, and no value

OPERATIONS = (
    "fill", "add", "compare", "look_up", "get", "halves", "lines", "wide", "dense", "dense_of", "displaced",
    "displaced_words", "displaced_packed", "of_list", "final", "pattern", "paged", "result", "numbered",
    "search", "flat", "gate", "scan", "sift", "unite",
)  # fmt: skip
(
    FILL, ADD, COMPARE, LOOK_UP, GET, HALVES, LINES, WIDE, DENSE, DENSE_OF, DISPLACED,
    DISPLACED_WORDS, DISPLACED_PACKED, OF_LIST, FINAL, PATTERN, PAGED, RESULT, NUMBERED, SEARCH, FLAT, GATE, SCAN,
    SIFT, UNITE,
) = range(len(OPERATIONS))  # fmt: skip

I = np.uint64  # noqa: E741  an index that cannot be negative costs no test
U = np.uint32


@inner
def fetch(v):
    """The machine fetches ahead within a page only, and a block is a page: ask for the next one in time."""
    for i in range(0, len(v), 16):
        prefetch(v, i)


@inner
def fill(number, out):
    for i in range(len(out)):
        out[i] = number


@inner
def add(source, factor, out):
    for i in range(len(out)):
        out[i] = U(out[i] + source[i] * factor)


@inner
def compare_first(v, pairs, out):
    """out = the sum of the weights whose threshold is reached: eight pairs."""
    a0, b0, a1, b1, a2, b2, a3, b3 = pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], pairs[6], pairs[7]
    z = U(0)
    for i in range(len(out)):
        c = v[i]
        s = U((b0 if c >= a0 else z) + (b1 if c >= a1 else z))
        out[i] = U(s + U((b2 if c >= a2 else z) + (b3 if c >= a3 else z)))


@inner
def compare(v, pairs, out):
    a0, b0, a1, b1, a2, b2, a3, b3 = pairs[0], pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], pairs[6], pairs[7]
    z = U(0)
    for i in range(len(out)):
        c = v[i]
        s = U((b0 if c >= a0 else z) + (b1 if c >= a1 else z))
        out[i] = U(out[i] + U(s + U((b2 if c >= a2 else z) + (b3 if c >= a3 else z))))


@inner
def compare_once(v, threshold, weight, out):
    for i in range(len(out)):
        out[i] = U(out[i] + (weight if v[i] >= threshold else U(0)))


@inner
def look_up_first(v, table, out):
    for i in range(len(out)):
        out[i] = table[I(v[i])]


@inner
def look_up(v, table, out):
    for i in range(len(out)):
        out[i] = U(out[i] + table[I(v[i])])


@inner
def halves(v, upper, lower, cross, out):
    """out = cross[row of the upper 16 bits + column of the lower]."""
    for i in range(len(out)):
        c = v[i]
        out[i] = cross[I(upper[I(c >> U(16))]) + I(lower[I(c & U(0xFFFF))])]


@inner
def halves_more(v, upper, lower, cross, out):
    """The same, added to what is there."""
    for i in range(len(out)):
        c = v[i]
        out[i] = U(out[i] + cross[I(upper[I(c >> U(16))]) + I(lower[I(c & U(0xFFFF))])])


def reached(edges: Any, node: Any, v: Any) -> Any:
    """How many edges of a node the lower half of v is beyond, from `node` on in a line of 32; see taught.py."""
    first, place = int(node) // LINE * LINE, int(node) % LINE
    below = [edges[first + i] < v % 65536 for i in range(place, LINE)]
    return below.index(False) if False in below else LINE


@inner
def lines(v, top, edges, entry, out, todo):
    """out = the number of the interval: upper 16 bits -> a node, of up to 31 edges in a line, and on to deeper ones."""
    deep = 0
    for i in range(len(out)):
        node = top[I(v[i] >> U(16))]
        found = entry[I(node) + reached(edges, node, v[i])]
        out[i] = found
        todo[deep] = U(i)
        deep += np.int64(found >> U(31))
    while deep > 0:
        still = 0
        for q in range(deep):
            i = I(todo[q])
            node = out[i] & U(0x7FFFFFFF)
            found = entry[I(node) + reached(edges, node, v[i])]
            out[i] = found
            todo[still] = U(i)
            still += np.int64(found >> U(31))
        deep = still


@inner
def wide_words(v, n, nodes, bucket, small, root, out, todo):
    """For addresses beyond 32 bits: down a tree of 64-bit words. root: a node, or a number; small: bucket in u4."""
    if root < I(NODE):
        for i in range(len(out)):
            out[i] = U(root) if (v[i] | v[n + i] | v[2 * n + i]) != U(0) else out[i]
        return
    deep = 0
    for i in range(len(out)):
        todo[deep] = U(i)
        deep += np.int64((v[i] | v[n + i] | v[2 * n + i]) != U(0))
    for q in range(deep):
        out[I(todo[q])] = U(root)
    while deep > 0:
        still = 0
        for q in range(deep):
            i = I(todo[q])
            node = I(out[i] & U(0x7FFFFFFF)) * I(4)
            shift = nodes[node + I(1)]  # the shift, and whether it is the lower word
            half = i + (shift >> I(6)) * I(2 * n)
            word = I(v[half]) << I(32) | I(v[half + I(n)])
            least = nodes[node]
            b = (word - least) >> (shift & I(63))
            last = nodes[node + I(2)]
            over = I(b > last)
            b = (b * (I(1) - over) + last * over + I(1)) * I(word >= least)
            j = (nodes[node + I(3)] + b) * I(8)
            c = I(word >= bucket[j]) + I(word >= bucket[j + I(1)]) + I(word >= bucket[j + I(2)])
            c += I(word >= bucket[j + I(3)])
            entry = small[I(2) * j + I(9) + c]
            out[i] = entry
            todo[still] = U(i)
            still += np.int64(entry >> U(31))
        deep = still


@inner
def dense(a, b, table, out):
    for i in range(len(out)):
        out[i] = table[I(a[i]) + I(b[i])]


@inner
def dense_of(a, b, row, column, table, out):
    """As dense, of a part with a row and a column of its own."""
    for i in range(len(out)):
        out[i] = table[I(row[I(a[i])]) + I(column[I(b[i])])]


@inner
def displaced(a, b, row, column, table, out):
    """A row's cells stand where they fit; each says whose it is, and a word follows."""
    for i in range(len(out)):
        own = row[I(a[i])]
        j = (I(own) + I(column[I(b[i])])) * I(2)
        hit = U((I(table[j] ^ own) - I(1)) >> I(32))
        out[i] = table[j + I(1)] & hit


@inner
def displaced_words(a, b, row, column, table, out, more):
    for i in range(len(out)):
        own = row[I(a[i])]
        j = (I(own) + I(column[I(b[i])])) * I(4)
        hit = U((I(table[j] ^ own) - I(1)) >> I(32))
        out[i] = table[j + I(1)] & hit
        more[i] = table[j + I(2)] & hit


@inner
def displaced_packed(a, b, row, column, table, own_bits, bits, out, more):
    """As displaced_words, all three numbers of a cell in one word of 64 bits: whose it is in the lowest."""
    mask, mask_out = (I(1) << own_bits) - I(1), (I(1) << bits) - I(1)
    shift = own_bits + bits
    for i in range(len(out)):
        own = I(row[I(a[i])])
        cell = table[own + I(column[I(b[i])])]
        hit = (((cell & mask) ^ own) - I(1)) >> I(32)
        out[i] = U(cell >> own_bits & mask_out & hit)
        more[i] = U(cell >> shift & hit)


@inner
def sift(found, least, source, dest, service, which, left, begun):
    """Keep the packets that a rule from `least` on may still be the first for, in their order; how many these are.

    What was found so far goes to `left`, and to `which` the packet it is of; where packets were sifted before, from
    there.
    """
    kept = 0
    for i in range(len(source)):
        before = left[i] if begun else found[i]
        packet = which[i] if begun else U(i)
        left[kept] = before
        which[kept] = packet
        source[kept] = source[i]
        dest[kept] = dest[i]
        service[kept] = service[i]
        kept += np.int64(before > least)
    return kept


@inner
def unite(left, which, found):
    """What was found for the packets kept, where all of them are."""
    for i in range(len(left)):
        found[I(which[i])] = left[i]


@inner
def of_list(a, words, out, more):
    for i in range(len(out)):
        j = I(2) * I(a[i])
        more[i] = words[j + I(1)]
        out[i] = words[j]


@inner
def final_2(a, service, table, width, first, out):
    """out = min(out, the rule of a list and a service class)."""
    if first:
        for i in range(len(out)):
            c = U(table[I(a[i]) * width + I(service[i])])
            out[i] = U(c | ((c + U(1)) >> U(16)) * U(0x7FFF0000))
    else:
        for i in range(len(out)):
            c = U(table[I(a[i]) * width + I(service[i])])
            out[i] = min(U(c | ((c + U(1)) >> U(16)) * U(0x7FFF0000)), out[i])


@inner
def final_4(a, service, table, width, first, out):
    for i in range(len(out)):
        c = table[I(a[i]) * width + I(service[i])]
        out[i] = c if first else min(c, out[i])


@inner
def pattern(a, more, service, table, lists, alone, first, out):
    """out = min(out, list[place + pattern[a + service]]); from `alone` on, the place is the only rule of a list."""
    for i in range(len(out)):
        place = more[i]
        k = U(table[I(a[i]) + I(service[i])])
        only = U(place - alone) if k != U(0) else U(NONE)
        c = lists[I(U(place + k) if place < alone else U(0))]
        c = c if place < alone else only
        out[i] = c if first else min(c, out[i])


@inner
def paged(a, more, service, table, lists, pages, alone, first, out):
    """The same with patterns cut in pages of 32, equal ones stored once."""
    for i in range(len(out)):
        s = service[i]
        place = more[i]
        page = I(pages[I(a[i]) + I(s >> U(5))])
        k = U(table[(page << I(5)) + I(s & U(31))])
        only = U(place - alone) if k != U(0) else U(NONE)
        c = lists[I(U(place + k) if place < alone else U(0))]
        c = c if place < alone else only
        out[i] = c if first else min(c, out[i])


@inner
def scan(a, lists, begin, test, value, n, p, first, out):
    """out = min(out, the first rule of a list all of whose tests hold): column, low and high of each."""
    for i in range(len(out)):
        best = U(NONE) if first else out[i]
        j = I(a[i])
        while lists[j] < best:  # NONE ends a list
            r = I(lists[j])
            t = I(3) * I(begin[r])
            end = I(3) * I(begin[r + I(1)])
            while t < end:
                v = value[I(test[t]) * I(n) + I(p + i)]
                if (v < test[t + I(1)]) | (v > test[t + I(2)]):
                    break
                t += I(3)
            if t >= end:
                best = lists[j]
            j += I(1)
        out[i] = best


@inner
def result(a, status, out):
    for i in range(len(out)):
        c = np.int32(a[i])
        out[i] = np.int32(-1) if (c == np.int32(NONE)) | (status[i] > PARTIAL) else c


@inner
def result_within(a, status, v, low, high, out):
    """The same, and no rule where a value is not from low to high."""
    for i in range(len(out)):
        c = a[i]
        none = (c == U(NONE)) | (status[i] > PARTIAL) | (v[i] < low) | (v[i] > high)
        out[i] = np.int32(-1) if none else np.int32(c)


@inner
def flat(pair, joint, lists, service, table, width, out):
    """The rule of a list and a service class, from the only part there is; 0xFFFF where none is."""
    for i in range(len(out)):
        out[i] = U(table[I(lists[I(pair[i])]) * width + I(service[I(joint[i])])])


@inner
def judged(a, status, out):
    for i in range(len(out)):
        out[i] = np.int16(a[i]) if status[i] <= PARTIAL else np.int32(-1)


@inner
def judged_within(a, status, v, low, high, out):
    for i in range(len(out)):
        holds = (status[i] <= PARTIAL) & (v[i] >= low) & (v[i] <= high)
        out[i] = np.int16(a[i]) if holds else np.int32(-1)


@inner
def gate(v, low, high, out):
    """No rule where a value is not from low to high, which all rules ask for."""
    for i in range(len(out)):
        out[i] = out[i] if (v[i] >= low) & (v[i] <= high) else np.int32(-1)


@inner
def numbered(table, out):
    """From a rule's place to its number."""
    for i in range(len(out)):
        out[i] = np.int32(table[I(np.int64(out[i]) + 1)])


@kernel
def run(value, status, n, begin, end, program, arena, scratch, rule):
    """rule[p] = what the program finds for each packet from `begin` to `end`.

    value  u4[columns*n]    status  u1[n]
    program  i8[WIDTH*k]    arena  u1[...], 64-bit aligned    scratch  u4[SCRATCH]    rule  i4[n]
    """
    t2 = arena.view(np.uint16)
    t4 = arena.view(np.uint32)
    t8 = arena.view(np.uint64)
    todo = scratch[(REGISTERS - 1) * BLOCK :]
    for p in range(begin, end, BLOCK):
        e = min(BLOCK, end - p)
        every = e
        service = scratch[:e]
        for at in range(0, len(program), WIDTH):
            op = program[at]
            out = scratch[program[at + 1] * BLOCK : program[at + 1] * BLOCK + e]
            f = program[at + 2]  # a column, or a register
            x = program[at + 3]  # where tables begin, and what else is said of them
            y = program[at + 4]
            z = program[at + 5]
            w = program[at + 6]
            small = program[at + 9]
            if op in (COMPARE, LOOK_UP, HALVES, LINES, GATE):
                fetch(value[f * n + p + e : f * n + min(p + e + BLOCK, end)])
            if op == COMPARE:
                v = value[f * n + p : f * n + p + e]
                begun = z
                if y <= 2 and begun == 0:
                    for g in range(y):
                        compare_once(v, t4[x + 2 * g], t4[x + 2 * g + 1], out)
                else:
                    for g in range(0, y, 4):
                        if begun != 0:
                            compare_first(v, t4[x + 2 * g : x + 2 * g + 8], out)
                        else:
                            compare(v, t4[x + 2 * g : x + 2 * g + 8], out)
                        begun = 0
            elif op == LOOK_UP:
                v = value[f * n + p : f * n + p + e]
                if z != 0:
                    if small:
                        look_up_first(v, t2[x:], out)
                    else:
                        look_up_first(v, t4[x:], out)
                elif small:
                    look_up(v, t2[x:], out)
                else:
                    look_up(v, t4[x:], out)
            elif op == HALVES:
                v = value[f * n + p : f * n + p + e]
                if w != 0:
                    if small == 2:
                        halves_more(v, t2[x:], t2[y:], t2[z:], out)
                    elif small == 1:
                        halves_more(v, t2[x:], t2[y:], t4[z:], out)
                    else:
                        halves_more(v, t4[x:], t2[y:], t4[z:], out)
                elif small == 2:
                    halves(v, t2[x:], t2[y:], t2[z:], out)
                elif small == 1:
                    halves(v, t2[x:], t2[y:], t4[z:], out)
                else:
                    halves(v, t4[x:], t2[y:], t4[z:], out)
            elif op == SEARCH:
                search(value[f * n + p : f * n + p + e], t4[x:], y, U(w), U(z), out)
            elif op == GATE:
                gate(value[f * n + p : f * n + p + e], U(x), U(y), rule[p : p + e])
            elif op == LINES:
                lines(value[f * n + p : f * n + p + e], t4[x:], t2[y:], t4[z:], out, todo)
            elif op == WIDE:
                first = f * n + p
                for c in range(3):
                    fetch(value[first + c * n + e : (f + c) * n + min(p + e + BLOCK, end)])
                wide_words(
                    value[first : first + 3 * n + e], n,
                    t8[x:], t8[y:], t4[2 * y :], I(z), out, todo,
                )  # fmt: skip
            elif op == FLAT:
                a = scratch[f * BLOCK : f * BLOCK + e]
                if small:
                    flat(a, service, t2[x:], t2[y:], t2[z:], I(w), out)
                else:
                    flat(a, service, t4[x:], t2[y:], t2[z:], I(w), out)
                g = program[at + 7]  # results go out in whole lines: a store that waits for memory holds up loads
                if g < 0:
                    judged(out, status[p : p + e], rule[p : p + e])
                else:
                    v = value[g * n + p : g * n + p + e]
                    judged_within(out, status[p : p + e], v, U(program[at + 8]), U(program[at + 10]), rule[p : p + e])
            elif op == NUMBERED:
                numbered(t4[x:], rule[p : p + e])
            else:
                a = scratch[f * BLOCK : f * BLOCK + e]
                if op == GET:
                    if small:
                        look_up_first(a, t2[x:], out)
                    else:
                        look_up_first(a, t4[x:], out)
                elif op == DENSE:
                    b = scratch[y * BLOCK : y * BLOCK + e]
                    if small:
                        dense(a, b, t2[x:], out)
                    else:
                        dense(a, b, t4[x:], out)
                elif op == FINAL:
                    if small:
                        final_2(a, service, t2[x:], I(y), w != 0, out)
                    else:
                        final_4(a, service, t4[x:], I(y), w != 0, out)
                elif op == RESULT:
                    if x < 0:
                        result(a, status[p : p + e], rule[p : p + e])
                    else:
                        v = value[x * n + p : x * n + p + e]
                        result_within(a, status[p : p + e], v, U(y), U(z), rule[p : p + e])
                elif op == DENSE_OF:
                    b = scratch[y * BLOCK : y * BLOCK + e]
                    if small:
                        dense_of(a, b, t4[w:], t4[program[at + 7] :], t2[x:], out)
                    else:
                        dense_of(a, b, t4[w:], t4[program[at + 7] :], t4[x:], out)
                elif op == DISPLACED:
                    b = scratch[y * BLOCK : y * BLOCK + e]
                    displaced(a, b, t4[w:], t4[program[at + 7] :], t4[x:], out)
                elif op == DISPLACED_WORDS:
                    b = scratch[y * BLOCK : y * BLOCK + e]
                    more = scratch[program[at + 8] * BLOCK : program[at + 8] * BLOCK + e]
                    displaced_words(a, b, t4[w:], t4[program[at + 7] :], t4[x:], out, more)
                elif op == DISPLACED_PACKED:
                    b = scratch[y * BLOCK : y * BLOCK + e]
                    more = scratch[program[at + 8] * BLOCK : program[at + 8] * BLOCK + e]
                    row, column = t4[w:], t4[program[at + 7] :]
                    displaced_packed(a, b, row, column, t8[x:], I(z), I(program[at + 10]), out, more)
                elif op == SIFT:
                    source = scratch[y * BLOCK : y * BLOCK + e]
                    dest = scratch[z * BLOCK : z * BLOCK + e]
                    if w != 0:
                        unite(out, todo[:e], scratch[f * BLOCK : f * BLOCK + every])
                    e = sift(a, U(x), source, dest, service, todo, out, w != 0)
                    service = scratch[:e]
                elif op == UNITE:
                    unite(a, todo[:e], scratch[program[at + 1] * BLOCK : program[at + 1] * BLOCK + every])
                    e = every
                    service = scratch[:e]
                elif op == OF_LIST:
                    of_list(a, t4[x:], out, scratch[y * BLOCK : y * BLOCK + e])
                elif op == PATTERN:
                    more = scratch[program[at + 7] * BLOCK : program[at + 7] * BLOCK + e]
                    pattern(a, more, service, t2[x:], t4[y:], U(program[at + 8]), w != 0, out)
                elif op == PAGED:
                    more = scratch[program[at + 7] * BLOCK : program[at + 7] * BLOCK + e]
                    paged(a, more, service, t2[x:], t4[y:], t4[z:], U(program[at + 8]), w != 0, out)
                elif op == SCAN:
                    scan(a, t4[x:], t4[y:], t4[z:], value, n, p, w != 0, out)
                elif op == ADD:
                    add(a, U(x), out)
                elif op == FILL:
                    fill(U(x), out)
