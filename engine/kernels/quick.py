"""A capture from bytes to counters without leaving machine code: walk, decode, orient, classify, count, a thousand
frames at a time, so that all of it happens in the second cache.

What this cannot settle is listed for the way every packet may go (see engine.quick): frames that are not usual (see
usual.py), and packets about which something is to be said. For compiled mode only.

Arrays that travel together are tuples:
    frames   start i8, captured u4, length u4, time i8, linktype i4, each [CHUNK]
    decoder, turning  see usual.py
    places   of a source, of a destination: see engine.vantage.Places
    crossed  zones i4[interfaces]
    program  steps, narrow i8[...], arena u1[...], scratch u4[...], see passes.py
    way      the width of Vantage as a shift, the interface on which the packets came or -1
    rules    deny, log u1[rules + 1], the last for no rule; tested i8[...], the columns rules test
    counted  sums i8[4*(rules + 1)], total i8[TOTALS], linktypes i8[65536]
    rows     value, other u4[COLUMNS*STRIDE]; status, hook, mark u1, rule, second, rest, forward, onward i4,
             each [CHUNK]; turning
    listed   start i8, captured u4, length u4, time i8, linktype i4, each [LISTED], octets u1[...]: copies of the frames
             that go the long way; held i8[2], how many there are, and how many octets of them
"""

# mypy: disable-error-code="no-untyped-def,assignment"
# A kernel has no types but those its docstring gives.

import numpy as np

from engine.fields import COLUMN, COLUMNS, COMPLETE, NOT_IP
from engine.kernels import inner, kernel
from engine.kernels.ahead import copy_octets, word
from engine.kernels.journey import DENIED, FORWARD, IN, LOOP, NONE, OUT, PERMITTED, UNFILTERED
from engine.kernels.passes import fill, run
from engine.kernels.usual import ALWAYS, CHUNK, FILLED, WANTED, I, decode_others, decode_usual
from engine.kernels.vectors import search
from engine.kernels.walk import FULL, MORE, MOST_CAPTURED, NO_TIME, UNTIMED, walk_pcap, walk_pcapng

STRIDE = CHUNK + 16  # between columns: an odd number of cache lines, lest all columns of a packet fight for one place
SIMPLE, ENHANCED = 12, 28  # octets of a simple packet block before its frame, and of those with a time
NEAR = 1 << 22  # octets that stay in the cache: there all records are walked first, and columns are as long as needed
SUBTABLE = 0x8000  # a number of `top` from there on is 65,536 further numbers, in `low`

#: Places in `total`.
PACKETS, OCTETS, FIRST, LAST, LEGS, VERDICTS = 0, 1, 2, 3, 4, 5
TOTALS = VERDICTS + 5

VERSION, SRC, DST = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"]
DIRECTION, ROUTED, ZONE = COLUMN["direction"], COLUMN["routed"], COLUMN["zone"]
#: Of each column when it is filled in: always, when that is wanted, or never.
FILLED_FOR = tuple(ALWAYS if c in FILLED else WANTED.get(c, 0) for c in range(COLUMNS))
MANY = 16  # one in so many rows to be cleaned: then all are
WIDE_COLUMNS = (SRC, SRC + 1, SRC + 2, DST, DST + 1, DST + 2)


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
def find(value, n, stride, column, places, which, m, found):
    """found[p] = what is known of an address of each packet, as Vantage.src and dst have it, or 0.

    value  u4[columns*stride]    which  i4[m], the packets of IPv6    found  i4[n]
    """
    tree, levels, factor, top, low, edge, number = places
    address = value[(column + 3) * stride : (column + 3) * stride + n]
    if levels:
        search(address, tree, levels, np.uint32(factor), np.uint32(0), found.view(np.uint32))
    else:
        find_halves(address, top, low, found)
    for i in range(m):
        p = which[i]
        high = I(value[column * stride + p]) << I(32) | I(value[(column + 1) * stride + p])
        least = I(value[(column + 2) * stride + p]) << I(32) | I(value[(column + 3) * stride + p])
        found[p] = beyond(high, least, edge, number)


@inner
def find_halves(address, top, low, found):
    """The same of IPv4 addresses; which of the tables has it is not to be foreseen, and both are asked."""
    for p in range(len(address)):
        a = address[p]
        one = np.int64(top[I(a >> np.uint32(16))])
        below = one >= SUBTABLE
        other = np.int64(low[I((one - SUBTABLE) << 16 | np.int64(a & np.uint32(0xFFFF)) if below else 0)])
        found[p] = np.int32(other if below else one)


@kernel
def find_places(value, n, column, places, which, found):
    """As `find`, of a whole batch.    value  u4[columns*n]    which  i4[n], room to work in    found  i4[n]"""
    m = 0
    for p in range(n):
        which[m] = p
        m += np.int64(value[VERSION * n + p] != 4)
    find(value, n, n, column, places, which, m, found)


# `orient` says of a packet in one word: its hook, whether it goes out, is forwarded, then the interface it crosses
# first and the one by which it may depart, both plus 1
OUT_BIT, ROUTED_BIT, CROSSED, DEPARTS = 3, 4, 5, 18
INTERFACE = (1 << DEPARTS - CROSSED) - 1


@inner
def orient(src, dst, shift, given, interfaces, way):
    """The hooks of packets, as journey.hooks has them, and the interfaces they cross.    src, dst, way  i4[n]"""
    fallback = np.int32(given if given >= 0 else 0 if interfaces else -1)
    free = given < 0
    group = np.int32(interfaces + 1)
    mask = np.int32((1 << shift) - 1)
    bits = np.int32(shift)
    one, none = np.int32(1), np.int32(0)
    for p in range(len(way)):
        owner_src = (src[p] >> bits) - one
        back = (src[p] & mask) - one
        owner_dst = (dst[p] >> bits) - one
        onward = (dst[p] & mask) - one
        from_here = owner_src >= none
        to_group = owner_dst == group
        to_any = owner_dst >= none
        to_here = to_any & (owner_dst != group)
        known = onward >= none
        its = owner_src - one if owner_src > none else fallback
        leaves = onward if known & ~(to_group & (owner_src > none)) else its
        comes = back if free & (back >= none) else fallback
        comes = owner_dst - one if free & to_here & (owner_dst > none) else comes
        out = from_here & ~to_here
        routed = ~from_here & ~to_any
        hook = np.int32(LOOP) if from_here & to_here else np.int32(OUT)
        hook = hook if from_here else np.int32(IN) if to_any else np.int32(FORWARD)
        at = leaves if from_here else comes
        at = -one if from_here & to_here else at
        last = onward if known else fallback
        flags = np.int32(out) << OUT_BIT | np.int32(routed) << ROUTED_BIT
        way[p] = hook | flags | at + one << CROSSED | last + one << DEPARTS


@inner
def hooks_of(way, status, hook):
    for p in range(len(way)):
        hook[p] = NONE if status[p] == NOT_IP else way[p] & 7


@inner
def bit_of(way, bit, out):
    for p in range(len(way)):
        out[p] = way[p] >> bit & 1


@inner
def departures(way, departure):
    for p in range(len(way)):
        departure[p] = (way[p] >> DEPARTS) - 1


@inner
def zones_of(way, zones, out):
    for p in range(len(way)):
        at = np.int64(way[p] >> CROSSED & INTERFACE)
        out[p] = zones[I(at - 1)] if at else 0


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
def settle(n, frames, decoder, data, places, way, zones, program, rules, counted, rows, listed):
    """Everything that follows the walk of n frames, which fit into `listed`."""
    start, captured, length, time, linktype = frames
    of_source, of_dest = places
    shift, given = way
    steps, narrow, arena, scratch = program
    deny, log, tested = rules
    sums, total, linktypes = counted
    value, other, status, hook, mark, rule, second, rest, forward, onward, turning = rows
    wides = turning[5]

    stride, zero = np.int64(STRIDE), np.int64(0)  # no constants, or `run` would be compiled for them
    left, wide = decode_usual(data, start, captured, linktype, decoder, n, zero, stride, value, status, rest, turning)
    find(value, n, stride, SRC, of_source, wides, wide, rule[:n])
    find(value, n, stride, DST, of_dest, wides, wide, second[:n])
    orient(rule[:n], second[:n], shift, given, len(zones), forward[:n])
    hooks_of(forward[:n], status[:n], hook[:n])
    bit_of(forward[:n], OUT_BIT, value[DIRECTION * STRIDE : DIRECTION * STRIDE + n])
    bit_of(forward[:n], ROUTED_BIT, value[ROUTED * STRIDE : ROUTED * STRIDE + n])
    zones_of(forward[:n], zones, value[ZONE * STRIDE : ZONE * STRIDE + n])
    departures(forward[:n], onward[:n])
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
            fill(np.uint32(0), value[c * STRIDE : c * STRIDE + n])
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
        begins, has, had, when, kind, copies, held = listed
        m, at = held[0], held[1]
        for p in range(n):
            if mark[p]:
                begins[m] = at
                has[m] = captured[p]
                had[m] = length[p]
                when[m] = time[p]
                kind[m] = linktype[p]
                copy_octets(copies, at, data, start[p], captured[p])
                linktypes[I(linktype[p])] -= 1
                octets -= np.int64(length[p])
                at += np.int64(captured[p])
                m += 1
        held[0], held[1] = m, at
    total[PACKETS] += n - left - said
    total[OCTETS] += octets
    total[FIRST] = least
    total[LAST] = most
    total[LEGS] += legs
    total[VERDICTS + PERMITTED] += permitted
    total[VERDICTS + DENIED] += denied
    total[VERDICTS + UNFILTERED] += unfiltered


@inner
def fits(captured, k, listed):
    """How many of k frames may all be listed."""
    _, _, _, _, _, copies, held = listed
    k = min(k, len(listed[0]) - held[0])
    octets = np.int64(0)
    for p in range(k):
        octets += np.int64(captured[p])
    while octets > len(copies) - held[1]:
        k -= 1
        octets -= np.int64(captured[k])
    return k


@kernel
def play_pcap(
    data, at, stop, big, swapped, scale, header, fcs, carries, ahead, n,
    frames, decoder, places, way, zones, program, rules, counted, rows, listed,
):  # fmt: skip
    """Settle the records of a pcap that begin from byte `at` on and before `stop`, at most n, or list them.

    Returns (frames walked, stopped at, why), also where no more can be listed. All but the tuples as in walk_pcap.
    """
    done = 0
    why = FULL if at < stop else MORE
    start, captured, _, _, _ = frames
    while done < n and at < stop:
        k, at, why = walk_pcap(
            data, at, big, swapped, scale, header, fcs, carries, ahead, min(CHUNK, n - done), *frames
        )
        fit = fits(captured, k, listed)
        while fit and start[fit - 1] - header >= stop:  # a record that begins before it may end behind it
            fit -= 1
        if fit < k:
            at = start[fit] - header
            why = FULL
        if fit:
            settle(fit, frames, decoder, data, places, way, zones, program, rules, counted, rows, listed)
            done += fit
        if why != FULL or fit < k:
            break
    return done, at, why


@kernel
def play_pcapng(
    data, at, big, interface, interfaces, ahead, n,
    frames, decoder, places, way, zones, program, rules, counted, rows, listed,
):  # fmt: skip
    """The same for the packet blocks of a pcapng, as far as they have a time.

    Returns (frames walked, stopped at, why, the time of the last one); why is UNTIMED before the block of a frame
    without a time. All but the tuples as in walk_pcapng.
    """
    done = 0
    why = FULL
    before = np.int64(0)  # not a constant, or the walk would be compiled for it
    start, captured, length, time, linktype = frames
    last = NO_TIME
    while done < n:
        k, at, why = walk_pcapng(
            data, at, big, interface, interfaces, ahead, before, min(CHUNK, n - done),
            start, captured, length, time, linktype,
        )  # fmt: skip
        fit = fits(captured, k, listed)
        timed = 0
        while timed < fit and time[timed] != NO_TIME:
            timed += 1
        if timed < fit:
            at = start[timed] - SIMPLE
            why = UNTIMED
        elif fit < k:
            at = start[fit] - ENHANCED if time[fit] != NO_TIME else start[fit] - SIMPLE
            why = FULL
        if timed:
            last = time[timed - 1]
            settle(timed, frames, decoder, data, places, way, zones, program, rules, counted, rows, listed)
            done += timed
        if why != FULL or fit < k:
            break
    return done, at, why, last


@inner
def make_clean(value, rows, wanted, noted):
    """Put 0 where decoding writes nothing, in columns of so many rows that have been in use before, perhaps.

    noted  i4[rows + 3]: of that use the rows of a column, 0 before the first; how many of the rows behind may hold
           anything; whether others have an IPv6 address
    """
    before, m, wide = noted[0], np.int64(noted[1]), noted[2]
    few = before == rows and m * MANY <= rows
    for c in range(COLUMNS if before else 0):
        if FILLED_FOR[c] & (wanted | ALWAYS):
            continue
        if few:
            for i in range(m):
                value[I(c * rows) + I(noted[3 + i])] = 0
        if not few or (wide and c in WIDE_COLUMNS):
            fill(np.uint32(0), value[c * rows : (c + 1) * rows])
    noted[0] = rows
    noted[1] = noted[2] = 0


@inner
def decode_chunk(data, frames, first, k, decoder, n, value, status, rest, m, turning):
    """Decode the usual ones of k frames of a batch from row `first` on; returns (how many are listed, any IPv6)."""
    start, captured, _, _, linktype = frames
    more, wide = decode_usual(
        data, start[first:], captured[first:], linktype[first:], decoder, k, first, n, value, status, rest[m:], turning
    )
    for i in range(m, m + more):
        rest[i] += first
    return m + more, wide


@inner
def decode_rest(data, frames, decoder, m, wide, n, value, noted, status, others):
    """Decode what was listed, and note what is to be cleaned; returns whether there is IPv6."""
    start, captured, length, _, linktype = frames
    rest, behind = others[0], np.int64(noted[1]) + 3
    for i in range(m):
        noted[behind + i] = rest[i]
    noted[1] += m
    noted[2] |= wide > 0
    return wide | decode_others(data, (start, captured, length, linktype), decoder, m, n, value, status, others)


@kernel
def decode_pcap(
    data, at, big, swapped, scale, header, fcs, carries, ahead, n,
    decoder, turning, others, frames, value, noted, status,
):  # fmt: skip
    """Walk and decode at most n records of a pcap; returns (frames, stopped at, why, rows of a column of value, whether
    there may be IPv6).

    frames as in walk_pcap; value u4[COLUMNS*n], noted i4[n + 3] as in `make_clean`, status as in `usual`; the rest as
    in walk_pcap.
    """
    m = wide = done = 0
    rows = n
    why = FULL
    start, captured, length, time, linktype = frames
    near = len(data) - at <= NEAR
    if near:
        rows, at, why = walk_pcap(data, at, big, swapped, scale, header, fcs, carries, ahead, n, *frames)
    make_clean(value, rows, decoder[3], noted)
    while done < rows and (near or why == FULL):
        k = min(CHUNK, rows - done)
        if not near:
            k, at, why = walk_pcap(
                data, at, big, swapped, scale, header, fcs, carries, ahead, k,
                start[done:], captured[done:], length[done:], time[done:], linktype[done:],
            )  # fmt: skip
        if k:
            m, six = decode_chunk(data, frames, done, k, decoder, rows, value, status, others[0], m, turning)
            wide |= six
            done += k
    wide = decode_rest(data, frames, decoder, m, wide, rows, value, noted, status, others)
    return done, at, why, rows, wide


@kernel
def decode_pcapng(
    data, at, big, interface, interfaces, ahead, done, n, decoder, turning, others, frames, value, noted, status
):
    """The same for packet blocks of a pcapng, behind the `done` frames there are."""
    m = wide = 0
    if not done:
        make_clean(value, n, decoder[3], noted)
    before = np.int64(0)  # not a constant, or the walk would be compiled for it
    why = FULL
    start, captured, length, time, linktype = frames
    while done < n and why == FULL:
        k, at, why = walk_pcapng(
            data, at, big, interface, interfaces, ahead, before, min(CHUNK, n - done),
            start[done:], captured[done:], length[done:], time[done:], linktype[done:],
        )  # fmt: skip
        if k:
            m, six = decode_chunk(data, frames, done, k, decoder, n, value, status, others[0], m, turning)
            wide |= six
            done += k
    wide = decode_rest(data, frames, decoder, m, wide, n, value, noted, status, others)
    return done, at, why, wide


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
