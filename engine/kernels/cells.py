"""What compiling products of classes loops over: cells, the rules of each, and rows packed into each other.

Compiled mode only.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives.

import numpy as np

from engine.kernels import kernel

I = np.uint64  # noqa: E741
NODE = 0x8000_0000  # as in engine.kernels.passes


@kernel
def cross_marks(a, b, mark, rows, na, nb, out):
    """out[i*nb + j] += mark of every row that holds in class i of a and in class j of b.

    a  u1[rows*na]    b  u1[rows*nb]    mark, out  u8
    """
    for k in range(rows):
        for i in range(na):
            if a[k * na + i]:
                for j in range(nb):
                    if b[k * nb + j]:
                        out[i * nb + j] += mark[k]


@kernel
def count_cells(s0, s1, d0, d1, s_class, d_class, s_seen, d_seen):
    """How many (class, class, rule) there are; s0..s1 and d0..d1 are each rule's intervals. seen: i4, all -1."""
    total = 0
    for r in range(len(s0)):
        wide = 0
        for i in range(s0[r], s1[r]):
            if s_seen[s_class[i]] != r:
                s_seen[s_class[i]] = r
                wide += 1
        high = 0
        for i in range(d0[r], d1[r]):
            if d_seen[d_class[i]] != r:
                d_seen[d_class[i]] = r
                high += 1
        total += wide * high
    return total


@kernel
def list_cells(s0, s1, d0, d1, s_class, d_class, s_seen, d_seen, listed, nd, cell, which):
    """cell[k], which[k] = s class * nd + d class, and the rule that holds there."""
    k = 0
    for r in range(len(s0)):
        m = 0
        for i in range(d0[r], d1[r]):
            c = d_class[i]
            if d_seen[c] != r:
                d_seen[c] = r
                listed[m] = c
                m += 1
        for i in range(s0[r], s1[r]):
            c = s_class[i]
            if s_seen[c] != r:
                s_seen[c] = r
                for j in range(m):
                    cell[k] = c * nd + listed[j]
                    which[k] = r
                    k += 1


@kernel
def prune(rules, start, spec, cover, specs, kept, kept_start):
    """Drop from each list the rules whose service is covered by one before; returns how many stay.

    cover  u1[specs*specs], cover[i*specs + j]: i holds wherever j does
    """
    k = 0
    for i in range(len(start) - 1):
        kept_start[i] = k
        begin = k
        for t in range(start[i], start[i + 1]):
            s = spec[rules[t]]
            dead = False
            for u in range(begin, k):
                if cover[spec[kept[u]] * specs + s]:
                    dead = True
                    break
            if not dead:
                kept[k] = rules[t]
                k += 1
    kept_start[len(start) - 1] = k
    return k


@kernel
def list_marks(start, values, out):
    """A mark per list that differs when the lists do: u8."""
    for i in range(len(start) - 1):
        s = I(0x9E3779B97F4A7C15)
        for t in range(start[i], start[i + 1]):
            s = (s ^ I(values[t] + 1)) * I(0xD6E8FEB86659FD93)
            s ^= s >> I(29)
        out[i] = s


@kernel
def fill_finals(which, start, rules, spec, holds, classes, out):
    """out[(i+1)*classes + c] = the first rule of list which[i] that holds in service class c."""
    for i in range(len(which)):
        for t in range(start[which[i] + 1] - 1, start[which[i]] - 1, -1):
            r = rules[t]
            s = spec[r]
            for c in range(classes):
                if holds[s * classes + c]:
                    out[(i + 1) * classes + c] = r


@kernel
def fill_patterns(which, start, specs, holds, classes, out):
    """out[(i+1)*classes + c] = 1 + the place in list which[i] of the first that holds in class c, or 0."""
    for i in range(len(which)):
        begin = start[which[i]]
        for t in range(start[which[i] + 1] - 1, begin - 1, -1):
            s = specs[t]
            for c in range(classes):
                if holds[s * classes + c]:
                    out[(i + 1) * classes + c] = t - begin + 1


@kernel
def fill_lists(which, start, rules, begin, out):
    """out[begin[i] + 1 ...] = list which[i]."""
    for i in range(len(which)):
        for t in range(start[which[i]], start[which[i] + 1]):
            out[begin[i] + 1 + t - start[which[i]]] = rules[t]


@kernel
def merge_count(a, b, a_start, b_start):
    """The length of all pairs of lists a[i], b[i] together; -1 is an empty one."""
    total = 0
    for i in range(len(a)):
        if a[i] >= 0:
            total += a_start[a[i] + 1] - a_start[a[i]]
        if b[i] >= 0:
            total += b_start[b[i] + 1] - b_start[b[i]]
    return total


@kernel
def merge(a, b, a_rules, a_start, b_rules, b_start, rules, start):
    """Each pair of lists as one, in rule order."""
    k = 0
    for i in range(len(a)):
        start[i] = k
        x = 0
        xe = 0
        y = 0
        ye = 0
        if a[i] >= 0:
            x = a_start[a[i]]
            xe = a_start[a[i] + 1]
        if b[i] >= 0:
            y = b_start[b[i]]
            ye = b_start[b[i] + 1]
        while x < xe or y < ye:
            if y >= ye or (x < xe and a_rules[x] < b_rules[y]):
                rules[k] = a_rules[x]
                x += 1
            else:
                rules[k] = b_rules[y]
                y += 1
            k += 1
    start[len(a)] = k


@kernel
def displace(row_start, column, order, after, taken, hint, place):
    """First fit: place[row] so that no two rows share a cell place[row] + column; returns the size, or -1.

    after  i4[cells]      at first each its own number: a free cell; else one nearer to the next free one
    taken  u1[cells]      the places given
    hint   i8[2*columns]  all 0: where rows of one cell, and of more, that begin in a column were placed last. Nothing
                          becomes free again: for one cell the search goes on there and misses nothing, for more it
                          may miss a gap
    """
    cap = len(after)
    top = 0
    for q in range(len(order)):
        r = order[q]
        begin = row_start[r]
        end = row_start[r + 1]
        if begin == end:
            continue
        first = column[begin]
        h = 2 * first + (end - begin > 1)
        cell = first + max(hint[h], 1)
        while True:
            while cell < cap and after[cell] != cell:
                beyond = after[cell]
                if beyond < cap:
                    after[cell] = after[beyond]
                cell = beyond
            d = cell - first
            if d + column[end - 1] >= cap:
                return -1
            if taken[d] == 0:
                free = True
                for t in range(begin + 1, end):
                    if after[d + column[t]] != d + column[t]:
                        free = False
                        break
                if free:
                    break
            cell += 1
        hint[h] = d
        for t in range(begin, end):
            after[d + column[t]] = d + column[t] + 1
        top = max(top, d + column[end - 1])
        taken[d] = 1
        place[r] = d
    return top + 1


@kernel
def lines(edge, value, rank, known, top, edges, entry, head, below, work, led):
    """An interval map of 32-bit words as nodes of up to 32 intervals, packed into lines; how many, or -1: too many.

    edge, value  i8[k], edge[0] is 0    rank  i8[k]  which of the different values    known  i8[different]  all -1
    top     u4[65536]    the node of an upper half
    edges   u2[32*lines] a node's edges, each less one, for lower halves; 0xFFFF ends it
    entry   u4[32*lines] what a node's intervals lead to: a number, or NODE and a node of the same form
    head    i8[33]       all -1: a line with so many free places, the next such in `below`  i8[lines]
    work, led  i8[65536]
    """
    n = len(edge)
    made = 0
    i = 0
    for h in range(65536):
        low = h << 16
        while i + 1 < n and edge[i + 1] <= low:
            i += 1
        if (i + 1 == n or edge[i + 1] > low + 65535) and known[rank[i]] >= 0:
            top[h] = known[rank[i]]
            continue
        m = 0
        j = i
        while j < n and (j == i or edge[j] <= low + 65535):
            work[m] = max(edge[j] - low, 0) - 1
            led[m] = value[j]
            m += 1
            j += 1
        alone = m == 1
        while True:
            nodes = 0
            for s in range(0, m, 32):
                c = min(32, m - s)
                free = c
                while free <= 32 and head[free] < 0:
                    free += 1
                if free <= 32:
                    line = head[free]
                    head[free] = below[line]
                else:
                    line = made
                    made += 1
                    free = 32
                    if made > len(below):
                        return -1
                below[line] = head[free - c]
                head[free - c] = line
                node = 32 * line + 32 - free
                for t in range(c):
                    edges[node + t] = work[s + t + 1] if t + 1 < c else 0xFFFF
                    entry[node + t] = led[s + t]
                work[nodes] = work[s]
                led[nodes] = NODE | node
                nodes += 1
            m = nodes
            if m == 1:
                break
        top[h] = led[0] & 0x7FFFFFFF
        if alone:
            known[rank[i]] = led[0] & 0x7FFFFFFF
    return made
