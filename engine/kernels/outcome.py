"""What became of packets, as columns and as blocks of a pcapng."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import kernel
from engine.kernels.ahead import CACHE_LINE, copy_octets, prefetch, word
from engine.kernels.journey import FORWARD
from engine.kernels.walk import NO_TIME

AHEAD = 2048  # octets of frames that are asked of memory before they are copied
NO_LEG = 255  # way of a packet no rule was asked about
VERDICT_BITS = 16  # verdict times 2, and whether it was routed


@kernel
def deciders(packet, rule, block, m, who):
    """Note who decided about the m packets of a leg.

    packet, rule, block  i4[m]    who  i4[n]
    """
    for i in range(m):
        who[packet[i]] = block[i] if block[i] >= 0 else rule[i]


@kernel
def crossed(packet, interface, hook, m, direction, where, way, routed):
    """Note where the m packets of a leg crossed, and in which way.

    packet, interface  i4[m]    hook  u1[n]    where  i4[n]    way, routed  u1[n]
    """
    for i in range(m):
        p = packet[i]
        where[p] = interface[i]
        way[p] = direction
        routed[p] = 1 if hook[p] == FORWARD else 0


@kernel
def add_keys(packet, rule, block, verdict, hook, m, scale, key):
    """Note all that was decided on a leg of m packets in a number.

    packet, rule, block  i4[m]    verdict  u1[m]    hook  u1[n]    key  i8[n]: `scale` times what is added
    """
    for i in range(m):
        p = packet[i]
        found = block[i] if block[i] >= 0 else rule[i]
        passing = 1 if hook[p] == FORWARD else 0
        key[p] += scale * (1 + (found + 1) * VERDICT_BITS + verdict[i] * 2 + passing)


@kernel
def undecided(status, verdict, n, key):
    """Number the packets no rule was asked about by what they are: -1 - 8 * status - verdict.

    status, verdict  u1[n]    key  i8[n]
    """
    for p in range(n):
        if key[p] == 0:
            key[p] = -1 - 8 * status[p] - verdict[p]


@kernel
def number_keys(key, n, slots, keys, codes, known, code, fresh):
    """Number different keys in the order they come; returns how many were new, their keys in `fresh`. The table has
    room for them if at least n of its slots are free.

    key    i8[n]    slots  how many there are, a power of 2    keys  i8[slots]    codes  i4[slots], -1 in a free one
    known  how many keys there are    code  i4[n]    fresh  i8[n]
    """
    new = 0
    mask = slots - 1
    for p in range(n):
        at = (key[p] ^ (key[p] >> 16)) & mask
        while codes[at] >= 0 and keys[at] != key[p]:
            at = (at + 1) & mask
        if codes[at] < 0:
            keys[at] = key[p]
            codes[at] = known + new
            fresh[new] = key[p]
            new += 1
        code[p] = codes[at]
    return new


@kernel
def annotate(data, start, captured, length, time, number, row, i, m, code, text, begin, words, out):
    """Write an enhanced packet block of pcapng, little-endian and in ns, with a comment for each listed packet, from
    row[i] on, as long as there is room; returns (which is the next, how many octets that were).

    data   u1[b]    start, time  i8[n]    captured, length  u4[n]    number  i4[n]  interface    row  i4[m]
    code   i4[n]    which comment: words begin[code] to begin[code + 1] of text, its option and the end of options
    text   u1[...]    begin  i8[...]
    words  u4[...]  the same memory as out, u1[...], of a little-endian machine
    """
    w = 0
    while i < m:
        p = row[i]
        have = captured[p] + 0
        filled = (have + 3) // 4
        first = begin[code[p]] + 0
        option = begin[code[p] + 1] - first
        whole = 32 + 4 * (filled + option)
        if 4 * w + whole > len(out):
            break
        when = max(time[p] + 0, 0)
        words[w] = 6
        words[w + 1] = whole
        words[w + 2] = number[p]
        words[w + 3] = when >> 32
        words[w + 4] = when & 0xFFFFFFFF
        words[w + 5] = have
        words[w + 6] = length[p]
        w += 7
        if filled:
            words[w + filled - 1] = 0
        o = start[p] + 0
        for k in range(0, have, CACHE_LINE):
            prefetch(data, o + AHEAD + k)
        copy_octets(out, 4 * w, data, o, have)
        w += filled
        copy_octets(out, 4 * w, text, 4 * first, 4 * option)
        w += option
        words[w] = whole
        w += 1
        i += 1
    return i, 4 * w


@kernel
def find_options(data, start, captured, time, n, big, interface, begin, octets):
    """Where the packet blocks of a pcapng that hold frames have their options, and their interfaces. Returns the most
    octets of one.

    data  u1[b]    start, time  i8[n]    captured  u4[n]    big  0 or 1, byte order of the section
    interface  i4[n], its number in the section    begin  i8[n], offset of the options in data    octets  i4[n]
    """
    most = 0
    for p in range(n):
        o = start[p] + 0
        interface[p] = 0
        begin[p] = o
        octets[p] = 0
        if time[p] == NO_TIME:  # in a simple packet block
            continue
        head = o - 28
        number = word(data, head + 8, big)
        if word(data, head, big) == 2:
            number = number // 65536 if big else number % 65536
        at = o + (captured[p] + 3) // 4 * 4
        have = max(head + word(data, head + 4, big) - 4 - at, 0)
        interface[p] = number
        begin[p] = at
        octets[p] = have
        most = max(most, have)
    return most
