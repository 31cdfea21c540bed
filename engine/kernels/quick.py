"""A capture from bytes to counters without leaving machine code: walk, decode, orient, classify, count, a thousand
frames at a time, so that all of it happens in the second cache.

What this cannot settle is listed for the way every packet may go (see engine.quick): frames that are not usual (see
usual.py), and packets about which something is to be said. For compiled mode only.

Arrays that travel together are tuples:
    frames   start i8, captured u4, length u4, time i8, linktype i4, each [CHUNK]
    decoder  links i4[5*k], layout i4[5*512], see decode.py; which columns are wanted, see usual.py
    host     see engine.whereabouts: top, low u2 of the source, of the destination; then edge u8, number i4 of both
    crossed  zones i4[interfaces]
    program  steps, narrow i8[...], arena u1[...], scratch u4[...], see passes.py
    way      the width of Vantage as a shift, the interface on which the packets came or -1
    rules    deny, log u1[rules + 1], the last for no rule; tested i8[...], the columns rules test
    counted  sums i8[4*(rules + 1)], total i8[TOTALS], linktypes i8[65536]
    rows     value, other u4[COLUMNS*STRIDE]; status, hook, mark u1, rule, second, rest, forward, onward i4,
             each [CHUNK]
    listed   start i8, captured u4, length u4, time i8, linktype i4, each [MOST]; what goes the long way
"""

# mypy: disable-error-code="no-untyped-def,assignment"
# A kernel has no types but those its docstring gives.

import numpy as np
from numba import njit

from engine.fields import COLUMN, COLUMNS, COMPLETE, NOT_IP
from engine.kernels import kernel
from engine.kernels import passes as classifying
from engine.kernels import walk as walking
from engine.kernels.ahead import word
from engine.kernels.journey import DENIED, FORWARD, IN, LOOP, NONE, OUT, PERMITTED, UNFILTERED
from engine.kernels.usual import I, decode_usual
from engine.kernels.walk import FULL, MORE, MOST_CAPTURED, NO_TIME, UNTIMED

CHUNK = 512
STRIDE = CHUNK + 16  # between columns: an odd number of cache lines, lest all columns of a packet fight for one place
SIMPLE = 12  # octets of a simple packet block before its frame
SUBTABLE = 0x8000  # a number of `top` from there on is 65,536 further numbers, in `low`

#: Places in `total`.
PACKETS, OCTETS, FIRST, LAST, LEGS, VERDICTS = 0, 1, 2, 3, 4, 5
TOTALS = VERDICTS + 5

VERSION, SRC, DST = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"]
DIRECTION, ROUTED, ZONE = COLUMN["direction"], COLUMN["routed"], COLUMN["zone"]
WIDE_COLUMNS = (SRC, SRC + 1, SRC + 2, DST, DST + 1, DST + 2)

inner = njit(nogil=True)
walk_pcap, walk_pcapng = walking.walk_pcap.compiled(), walking.walk_pcapng.compiled()
run = classifying.run.compiled()


@inner
def beyond(high, low, edge, number):
    """The number of the interval an IPv6 address lies in; edge u8[2*k], ascending, the first is 0."""
    a, b = I(0), I(len(number))
    while b - a > I(1):
        middle = (a + b) >> I(1)
        first = edge[I(2) * middle]
        if first < high or (first == high and edge[I(2) * middle + I(1)] <= low):
            a = middle
        else:
            b = middle
    return np.int64(number[a])


@inner
def find(value, n, stride, column, top, low, edge, number, found):
    """found[p] = what is known of an address of each packet, as Vantage.src and dst have it, or -1.

    value  u4[columns*stride]    found  i4[n]
    """
    for p in range(n):
        if value[VERSION * stride + p] == 4:
            address = value[(column + 3) * stride + p]
            one = np.int64(top[I(address >> np.uint32(16))])
            if one >= SUBTABLE:
                one = np.int64(low[I(one - SUBTABLE) << I(16) | I(address & np.uint32(0xFFFF))])
            found[p] = one - 1
        else:
            high = I(value[column * stride + p]) << I(32) | I(value[(column + 1) * stride + p])
            least = I(value[(column + 2) * stride + p]) << I(32) | I(value[(column + 3) * stride + p])
            found[p] = beyond(high, least, edge, number)


@kernel
def find_places(value, n, column, top, low, edge, number, found):
    """As `find`, of a whole batch.    value  u4[columns*n]    found  i4[n]"""
    find(value, n, n, column, top, low, edge, number, found)


@inner
def orient(value, status, src, dst, n, shift, given, zones, hook, departure):
    """The hooks of packets, as journey.hooks has them, and the context columns of their first legs."""
    interfaces = len(zones)
    fallback = given if given >= 0 else 0 if interfaces else -1
    group = interfaces + 1
    mask = (1 << shift) - 1
    for p in range(n):
        if status[p] == NOT_IP:
            hook[p] = NONE
            continue
        owner_src = owner_dst = back = onward = -1
        if src[p] >= 0:
            owner_src = (src[p] >> shift) - 1
            back = (src[p] & mask) - 1
        if dst[p] >= 0:
            owner_dst = (dst[p] >> shift) - 1
            onward = (dst[p] & mask) - 1
        to_here = owner_dst >= 0 and owner_dst != group
        out = 0
        routed = 0
        if owner_src >= 0 and to_here:
            hook[p] = LOOP
            at = -1
        elif owner_src >= 0:
            hook[p] = OUT
            out = 1
            at = fallback
            if owner_src > 0:
                at = owner_src - 1
            if onward >= 0 and not (owner_dst == group and owner_src > 0):
                at = onward
        else:
            at = fallback
            if given < 0 and to_here and owner_dst > 0:
                at = owner_dst - 1
            elif given < 0 and back >= 0:
                at = back
            if owner_dst >= 0:
                hook[p] = IN
            else:
                hook[p] = FORWARD
                routed = 1
                departure[p] = onward if onward >= 0 else fallback
        value[DIRECTION * STRIDE + p] = out
        value[ROUTED * STRIDE + p] = routed
        value[ZONE * STRIDE + p] = zones[at] if at >= 0 else 0


@inner
def add(r, when, octets, sums):
    """Count a packet for rule r: four words, packets, octets, first and last time."""
    r = I(r) << I(2)
    sums[r] += 1
    sums[r | I(1)] += octets
    if when < sums[r | I(2)]:
        sums[r | I(2)] = when
    if when > sums[r | I(3)]:
        sums[r | I(3)] = when


@inner
def settle(n, frames, decoder, data, host, way, zones, program, rules, counted, rows, listed, m):
    """Everything that follows the walk of n frames; returns how many are listed now, m before."""
    start, captured, length, time, linktype = frames
    links, layout, wanted = decoder
    top, low, top_dst, low_dst, edge, number, edge_dst, number_dst = host
    shift, given = way
    steps, narrow, arena, scratch = program
    deny, log, tested = rules
    sums, total, linktypes = counted
    value, other, status, hook, mark, rule, second, rest, forward, onward = rows

    stride, zero = np.int64(STRIDE), np.int64(0)  # no constants, or `run` would be compiled for them
    left, wide = decode_usual(data, start, captured, linktype, links, layout, wanted, n, 0, STRIDE, value, status, rest)
    find(value, n, STRIDE, SRC, top, low, edge, number, rule)
    find(value, n, STRIDE, DST, top_dst, low_dst, edge_dst, number_dst, second)
    orient(value, status, rule, second, n, shift, given, zones, hook, onward)
    run(value, status, stride, zero, n, steps if wide else narrow, arena, scratch, rule)
    none = np.int32(len(deny) - 1)  # stands for no rule: it denies, and does not log
    said = f = unfiltered = denied = 0
    legs = n - left
    for p in range(n):
        r = rule[p] if rule[p] >= 0 else none
        h = hook[p]
        mark[p] = h == NONE
        if log[I(r)]:
            mark[p] = 1
            said += 1
            legs -= 1
        elif h == FORWARD and not deny[I(r)]:
            forward[f] = p
            f += 1
        elif h == LOOP:
            unfiltered += 1
        elif h != NONE:
            denied += np.int64(deny[I(r)])
            add(r, time[p], np.int64(length[p]), sums)
    permitted = legs - unfiltered - f - denied
    legs += f - unfiltered
    if f:
        for c in tested:
            at = c * STRIDE
            for i in range(f):
                other[at + i] = value[at + forward[i]]
        for i in range(f):
            at = onward[forward[i]]
            other[DIRECTION * STRIDE + i] = 1
            other[ZONE * STRIDE + i] = zones[at] if at >= 0 else 0
            status[i] = COMPLETE
        run(other, status, stride, zero, np.int64(f), steps if wide else narrow, arena, scratch, second)
        for i in range(f):
            p = forward[i]
            r = second[i] if second[i] >= 0 else none
            if log[I(r)]:
                mark[p] = 1
                said += 1
                legs -= 2
                continue
            denied += np.int64(deny[I(r)])
            permitted += 1 - np.int64(deny[I(r)])
            add(rule[p], time[p], np.int64(length[p]), sums)
            add(r, time[p], np.int64(length[p]), sums)
    if wide:
        for c in WIDE_COLUMNS:
            clear(value[c * STRIDE : c * STRIDE + n])
    octets = different = 0
    least, most = total[FIRST], total[LAST]
    for p in range(n):
        octets += np.int64(length[p])
        least = min(least, time[p])
        most = max(most, time[p])
        different |= linktype[p] ^ linktype[0]
    if different:
        for p in range(n):
            linktypes[I(linktype[p])] += 1
    else:
        linktypes[I(linktype[0])] += n
    if left + said:
        for i in range(n if said else left):
            p = i if said else rest[i]
            if mark[p]:
                listed[0][m] = start[p]
                listed[1][m] = captured[p]
                listed[2][m] = length[p]
                listed[3][m] = time[p]
                listed[4][m] = linktype[p]
                linktypes[I(linktype[p])] -= 1
                octets -= np.int64(length[p])
                m += 1
    total[PACKETS] += n - left - said
    total[OCTETS] += octets
    total[FIRST] = least
    total[LAST] = most
    total[LEGS] += legs
    total[VERDICTS + PERMITTED] += permitted
    total[VERDICTS + DENIED] += denied
    total[VERDICTS + UNFILTERED] += unfiltered
    return m


@kernel
def play_pcap(
    data, at, stop, big, swapped, scale, header, fcs, carries, ahead, n, m,
    frames, decoder, host, way, zones, program, rules, counted, rows, listed,
):  # fmt: skip
    """Settle the records of a pcap that begin from byte `at` on and before `stop`, at most n, or list them.

    Returns (frames walked, stopped at, why, how many are listed; m before). All but the tuples as in walk_pcap.
    """
    done = 0
    why = FULL if at < stop else MORE
    while done < n and at < stop and m + CHUNK <= len(listed[0]):
        k, at, why = walk_pcap(
            data, at, big, swapped, scale, header, fcs, carries, ahead, min(CHUNK, n - done), *frames
        )
        if at > stop:  # a record that begins before it may end behind it
            starts = frames[0]
            while k and starts[k - 1] - header >= stop:
                k -= 1
                at = starts[k] - header
                why = FULL
        if k:
            m = settle(k, frames, decoder, data, host, way, zones, program, rules, counted, rows, listed, m)
            done += k
        if why != FULL:
            break
    return done, at, why, m


@kernel
def play_pcapng(
    data, at, big, interface, interfaces, ahead, n, m,
    frames, decoder, host, way, zones, program, rules, counted, rows, listed,
):  # fmt: skip
    """The same for the packet blocks of a pcapng, as far as they have a time.

    Returns (frames walked, stopped at, why, how many are listed, the time of the last one); why is UNTIMED before the
    block of a frame without a time. All but the tuples as in walk_pcapng.
    """
    done = 0
    why = FULL
    before = np.int64(0)  # not a constant, or the walk would be compiled for it
    start, captured, length, time, linktype = frames
    last = NO_TIME
    while done < n and m + CHUNK <= len(listed[0]):
        k, at, why = walk_pcapng(
            data, at, big, interface, interfaces, ahead, before, min(CHUNK, n - done),
            start, captured, length, time, linktype,
        )  # fmt: skip
        timed = 0
        while timed < k and time[timed] != NO_TIME:
            timed += 1
        if timed < k:
            at = start[timed] - SIMPLE
            k = timed
            why = UNTIMED
        if k:
            last = time[k - 1]
            m = settle(k, frames, decoder, data, host, way, zones, program, rules, counted, rows, listed, m)
            done += k
        if why != FULL:
            break
    return done, at, why, m, last


@inner
def clear(v):
    for i in range(len(v)):
        v[i] = 0


@inner
def decode_chunk(data, frames, first, k, decoder, n, value, status, rest, m):
    """Decode the usual ones of k frames of a batch from row `first` on; returns (how many are listed, any IPv6)."""
    links, layout, wanted = decoder
    for c in range(COLUMNS):
        clear(value[c * n + first : c * n + first + k])
    start, captured, _, _, linktype = frames
    listed = rest[m:]
    more, wide = decode_usual(
        data,
        start[first:],
        captured[first:],
        linktype[first:],
        links,
        layout,
        wanted,
        k,
        first,
        n,
        value,
        status,
        listed,
    )
    for i in range(more):
        listed[i] += first
    return m + more, wide


@kernel
def decode_pcap(
    data, at, big, swapped, scale, header, fcs, carries, ahead, n, decoder, frames, value, status, rest
):  # fmt: skip
    """Walk and decode at most n records of a pcap; returns (frames, stopped at, why, how many are listed, any IPv6).

    frames as in walk_pcap; value u4[COLUMNS*n], status, rest as in `usual`; the rest as in walk_pcap.
    """
    done = m = wide = 0
    why = FULL
    start, captured, length, time, linktype = frames
    while done < n and why == FULL:
        k, at, why = walk_pcap(
            data, at, big, swapped, scale, header, fcs, carries, ahead, min(CHUNK, n - done),
            start[done:], captured[done:], length[done:], time[done:], linktype[done:],
        )  # fmt: skip
        if k:
            m, six = decode_chunk(data, frames, done, k, decoder, n, value, status, rest, m)
            wide |= six
            done += k
    return done, at, why, m, wide


@kernel
def decode_pcapng(data, at, big, interface, interfaces, ahead, done, n, decoder, frames, value, status, rest, m):
    """The same for packet blocks of a pcapng, behind the `done` frames there are, m of them listed."""
    wide = 0
    before = np.int64(0)  # not a constant, or the walk would be compiled for it
    why = FULL
    start, captured, length, time, linktype = frames
    while done < n and why == FULL:
        k, at, why = walk_pcapng(
            data, at, big, interface, interfaces, ahead, before, min(CHUNK, n - done),
            start[done:], captured[done:], length[done:], time[done:], linktype[done:],
        )  # fmt: skip
        if k:
            m, six = decode_chunk(data, frames, done, k, decoder, n, value, status, rest, m)
            wide |= six
            done += k
    return done, at, why, m, wide


SPAN = 400 * 86_400  # seconds that frames of one capture are taken to lie apart, at most
HOPS = 12


@kernel
def seek_record(data, at, stop, big, scale, header):
    """The first byte from `at` on, before `stop`, where a row of records seems to begin, or -1.

    data  u1[b], a pcap from its first byte on    big, scale, header  as in walk_pcap
    """
    end = len(data)
    begun = word(data, 24, big)
    while at < stop:
        o = at
        plausible = 0
        while plausible < HOPS and o + header <= end:
            second = word(data, o, big)
            have = word(data, o + 8, big)
            wire = word(data, o + 12, big)
            if abs(second - begun) > SPAN or word(data, o + 4, big) * scale >= 1_000_000_000:
                break
            if have > MOST_CAPTURED or wire < have or wire > 4 * MOST_CAPTURED or o + header + have > end:
                break
            o += header + have
            plausible += 1
        if plausible == HOPS or (plausible > 0 and o == end):
            return at
        at += 1
    return -1
