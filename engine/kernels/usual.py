"""Frames as nearly all are, decoded without waiting; and the others, as decode.py has them.

The frames: a link header with an ethertype or none at all, at most one VLAN tag; IPv4 without options, or IPv6 with
few extensions; whole, not a fragment, and with all of the upper-layer header that rules can test. All others are
listed, and given to the passes of decode.py, which mean the same: this file may only be faster. For compiled mode only.

IPv4 is decoded CHUNK frames at a time: where each packet begins, then its header turned into words, then loops over
columns, none of which has a branch to be foreseen wrongly. What these do not take goes frame by frame.

Arrays that travel together are tuples:
    decoder  links i4[5*k], layout i4[5*512], see decode.py; shapes u4[1 + 2*k]: what holds of most IPv4 protocols,
             then numbers of others and what holds of them, see `shape`; wanted: KINDS and FLAGS for the columns of ICMP
             and TCP, LENGTHS for those nobody but reports asks for; the others are filled in always
    turning  room to work in: at i8[CHUNK], where packets begin; have i4[CHUNK], octets of them; words u4[WORDS*CHUNK],
             of their headers; odd, six i4[CHUNK], the frames that are not taken; wides i4[CHUNK], the rows of IPv6
    others   room to work in: rest i4[n + 1], the frames listed; for PART of them places i8[4*PART],
             words u4[(COLUMNS + 2)*PART], kinds i4[2*PART], status u1[PART]
"""

# mypy: disable-error-code="no-untyped-def,assignment"
# A kernel has no types but those its docstring gives.

import numpy as np

from engine.fields import COLUMN, COLUMNS, COMPLETE, FIELD, NOT_IP
from engine.kernels import inner, kernel
from engine.kernels.ahead import filled, lowest
from engine.kernels.decode import LAYOUT_WORDS, LINK_WORDS, ipv4, ipv6, link, transport
from engine.kernels.decode import inner as within
from engine.kernels.passes import fill
from engine.kernels.turn import LANES, OCTETS, turn
from engine.linktypes import ETHERTYPE, FIXED, IPV4, IPV6, NIBBLE

I = np.uint64  # noqa: E741  an index that cannot be negative costs no test, and lets octets be read as words
U = np.uint32

VERSION, SRC, DST, PROTO = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"], COLUMN["proto"]
SRC_PORT, DST_PORT, TYPE, CODE = COLUMN["src_port"], COLUMN["dst_port"], COLUMN["type"], COLUMN["code"]
TCP_FLAGS, CONNECT = COLUMN["tcp_flags"], COLUMN["connect"]
IP_LENGTH, UPPER, IDENTIFICATION = COLUMN["ip_length"], COLUMN["upper"], COLUMN["identification"]
NO_PORT, NO_TYPE, NO_FLAGS = FIELD["src_port"].unknown, FIELD["type"].unknown, FIELD["tcp_flags"].unknown

KINDS, FLAGS, LENGTHS, ALWAYS = 1, 2, 4, 8  # see decode_usual
#: Which of these each column belongs to that is not filled in always.
WANTED = {TYPE: KINDS, CODE: KINDS, TCP_FLAGS: FLAGS, CONNECT: FLAGS}
WANTED |= {IDENTIFICATION: LENGTHS, IP_LENGTH: LENGTHS, UPPER: LENGTHS}

CHUNK = 1024
PART = 256
WORDS = OCTETS // 4
MOST_BEHIND = 64  # octets from the begin of an IPv6 packet, where its last extension may begin
MANY = 4  # one in so many frames with a tag is worth a second reading of all
LINE = 64  # statuses looked at at a time
BEFORE = 4  # octets in front of a packet that are read with it: they end with the ethertype

# What a word of `shapes` says of an IPv4 protocol: octets its header must have, ODD where it goes frame by frame, then
NEED, ODD = 0xFF, 0xFF
PORTS, SECOND, HAS_TYPE, HAS_CODE, HAS_FLAGS = (1 << bit for bit in range(8, 13))

#: Columns with something in every row of a decoded batch, whatever is wanted; the others begin as 0.
FILLED = (VERSION, SRC + 3, DST + 3, PROTO, SRC_PORT, DST_PORT)


def shape(need: int, ports: int, kind: int, code: int, flags: int) -> int:
    """A row of `layout` as a word of `shapes`: bits for what is there, SECOND for a type that is the second octet."""
    if need >= ODD or ports not in (-1, 0) or kind > 1 or code not in (-1, 1) or flags not in (-1, 12):
        return ODD
    has = PORTS * (ports == 0) | SECOND * (kind == 1) | HAS_TYPE * (kind >= 0) | HAS_CODE * (code == 1)
    return need | has | HAS_FLAGS * (flags == 12)


@inner
def two(data, o):
    """The 16-bit word at data[o], as networks have it."""
    return U(U(data[o]) << U(8) | U(data[o + I(1)]))


@inner
def four(data, o):
    """The 32-bit word at data[o], as networks have it."""
    high = U(data[o]) << U(24) | U(data[o + I(1)]) << U(16)
    return U(high | U(data[o + I(2)]) << U(8) | U(data[o + I(3)]))


@inner
def link_of(links, number):
    """How the packets of a link type are found: how, header, where, ethertype; 0 where nobody knows."""
    for i in range(0, len(links), LINK_WORDS):
        if links[i] == number:
            return links[i + 1], links[i + 2], links[i + 3], links[i + 4]
    return np.int32(0), np.int32(0), np.int32(0), np.int32(0)


@inner
def begin(start, captured, last, header, at, have):
    """Where to read, BEFORE octets in front of each packet, and how much there is of it; -1 where it cannot be read."""
    for f in range(len(have)):
        o = start[f] + header - BEFORE
        there = (o >= 0) & (o <= last)
        at[f] = o if there else np.int64(0)
        left = np.int64(captured[f]) - header
        have[f] = np.int32(left if there & (left >= 24) else np.int64(-1))  # so many, that a tag could be read


@inner
def pass_tags(n, before, at, have):
    """Read behind a VLAN tag, where many frames have one; returns how many.    before  u4[n], its end an ethertype"""
    tagged = 0
    for f in range(n):
        tagged += np.int64(before[f] & U(0xFFFF) == U(0x8100))
    if tagged * MANY < n:
        return 0
    for f in range(n):
        more = np.int64(4 if before[f] & U(0xFFFF) == U(0x8100) else 0)
        at[f] += more
        have[f] -= np.int32(more)
    return tagged


@inner
def shape_of(c, shapes, shaped):
    """shaped[f] = the word of `shapes` for its protocol."""
    for f in range(len(c)):
        shaped[f] = shapes[0]
    for s in range(1, len(shapes), 2):
        proto, its = shapes[s], shapes[s + 1]
        for f in range(len(c)):
            shaped[f] = its if c[f] >> U(16) & U(0xFF) == proto else shaped[f]


@inner
def judge_shapes(before, ether, a, b, shaped, have, status):
    """Which are IPv4, whole, and have what they must have; `ether` is what `before` must end with, or 0 for all."""
    mask = U(0xFFFF) if ether else U(0)
    for f in range(len(a)):
        total = np.int32(a[f] & U(0xFFFF))
        need = np.int32(shaped[f] & U(NEED))
        plain = (before[f] & mask == ether) & (a[f] >> U(24) == U(0x45)) & (b[f] & U(0x3FFF) == U(0)) & (need != ODD)
        whole = (total >= 20) & (min(total, have[f]) >= 20 + need)
        status[f] = COMPLETE if plain & whole else NOT_IP


@inner
def copied(words, out):
    for i in range(len(out)):
        out[i] = words[i]


@inner
def third(c, out):
    """The protocol, of the word that has it."""
    for i in range(len(out)):
        out[i] = c[i] >> U(16) & U(0xFF)


@inner
def ports_of(word, shaped, source, dest):
    for i in range(len(source)):
        has = shaped[i] & U(PORTS) != U(0)
        source[i] = word[i] >> U(16) if has else U(NO_PORT)
        dest[i] = word[i] & U(0xFFFF) if has else U(NO_PORT)


@inner
def kinds_of(word, shaped, kind, code):
    for i in range(len(kind)):
        second = word[i] >> U(16) & U(0xFF)
        first = second if shaped[i] & U(SECOND) else word[i] >> U(24)
        kind[i] = first if shaped[i] & U(HAS_TYPE) else U(NO_TYPE)
        code[i] = second if shaped[i] & U(HAS_CODE) else U(NO_TYPE)


@inner
def flags_of(word, shaped, flags, connect):
    for i in range(len(flags)):
        has = shaped[i] & U(HAS_FLAGS) != U(0)
        bits = word[i] >> U(16) & U(0xFFF)
        flags[i] = bits if has else U(NO_FLAGS)
        connect[i] = U(1) if has & (bits & U(18) == U(2)) else U(0)  # SYN, and no ACK


@inner
def lengths_of(a, b, identification, length, upper):
    for i in range(len(length)):
        identification[i] = b[i] >> U(16)
        length[i] = a[i] & U(0xFFFF)
        upper[i] = U(20)


@inner
def list_odd(status, before, odd, six):
    """The frames that are not taken, and of them those that seem to be IPv6; returns how many are in each list."""
    m = w = 0
    for first in range(0, len(status), LINE):
        if first + LINE <= len(status):
            left = filled(status, first)
        else:
            left = I(0)
            for f in range(first, len(status)):
                left |= I(status[f] != COMPLETE) << I(f - first)
        while left:
            f = first + lowest(left)
            left &= left - I(1)
            is_six = np.int64(before[f] & U(0xFFFF) == U(IPV6))
            odd[m] = f
            six[w] = f
            m += 1 - is_six
            w += is_six
    return m, w


@inner
def decode_ipv4(data, start, captured, linktype, decoder, n, p, stride, value, status, turning):
    """As decode_usual, of at most CHUNK frames into rows from p on; turning.odd and .six list so many not taken."""
    links, _, shapes, wanted = decoder
    at, have, words, odd, six, _ = turning
    how, header, where, fixed = link_of(links, linktype[0])
    known = (how == ETHERTYPE and where == header - 2) or how == NIBBLE or (how == FIXED and fixed == IPV4)
    different = 0
    for f in range(1, n):
        different |= linktype[f] ^ linktype[0]
    last = np.int64(len(data)) - OCTETS - 4  # of what is read, even behind a tag
    if different or not known or last < 0:
        for f in range(n):
            odd[f] = f
        return n, 0
    quarters = 3 if wanted & FLAGS else 2
    begin(start[:n], captured[:n], last, np.int64(header), at[:n], have[:n])
    for f in range(n, min(-(-n // LANES) * LANES, CHUNK)):
        at[f] = 0
    turn(data, at, n, quarters, CHUNK, words)
    before = words[:n]
    ether = U(IPV4) if how == ETHERTYPE else U(0)
    if ether and pass_tags(n, before, at, have):
        turn(data, at, n, quarters, CHUNK, words)
    a = words[CHUNK : CHUNK + n]
    b = words[2 * CHUNK : 2 * CHUNK + n]
    c = words[3 * CHUNK : 3 * CHUNK + n]
    shaped, first = words[7 * CHUNK : 7 * CHUNK + n], words[6 * CHUNK : 6 * CHUNK + n]
    shape_of(c, shapes, shaped)
    q = p + n
    judge_shapes(before, ether, a, b, shaped, have[:n], status[p:q])
    fill(U(4), value[VERSION * stride + p : VERSION * stride + q])
    copied(words[4 * CHUNK :], value[(SRC + 3) * stride + p : (SRC + 3) * stride + q])
    copied(words[5 * CHUNK :], value[(DST + 3) * stride + p : (DST + 3) * stride + q])
    third(c, value[PROTO * stride + p : PROTO * stride + q])
    source, dest = SRC_PORT * stride + p, DST_PORT * stride + p
    ports_of(first, shaped, value[source : source + n], value[dest : dest + n])
    if wanted & KINDS:
        kind, code = TYPE * stride + p, CODE * stride + p
        kinds_of(first, shaped, value[kind : kind + n], value[code : code + n])
    if wanted & FLAGS:
        flags, connect = TCP_FLAGS * stride + p, CONNECT * stride + p
        flags_of(words[9 * CHUNK :], shaped, value[flags : flags + n], value[connect : connect + n])
    if wanted & LENGTHS:
        number, length, upper = IDENTIFICATION * stride + p, IP_LENGTH * stride + p, UPPER * stride + p
        lengths_of(a, b, value[number : number + n], value[length : length + n], value[upper : upper + n])
    return list_odd(status[p:q], before, odd, six)


@inner
def extends(proto):
    """Whether a header of IPv6 is an extension that others follow in any packet: all of these but fragment headers."""
    return proto == U(0) or proto == U(43) or proto == U(60)


@inner
def decode_each(data, start, captured, linktype, decoder, k, which, first, stride, value, status, rest, wides):
    """As decode_usual, of k listed frames, one by one; lists those that are not usual, and those of IPv6.

    which  i4[k]    rest, wides  i4[k]  results
    """
    links, layout, _, wanted = decoder
    known = -1
    how = header = where = fixed = 0
    m = wide = 0
    end = I(len(data))
    for j in range(k):
        f = which[j]
        p = first + f
        rest[m] = f
        status[p] = NOT_IP
        if linktype[f] != known:
            known = linktype[f]
            how, header, where, fixed = link_of(links, known)
        o = I(start[f])
        have = np.int64(captured[f]) - header
        if have < 24 or o + I(captured[f]) > end:  # so many, that a tag can be read; short frames are for the others
            m += 1
            continue
        if how == ETHERTYPE:
            found = two(data, o + I(where))
        elif how == NIBBLE:
            found = U(IPV4) if data[o] >> 4 == 4 else U(IPV6)
        elif how == FIXED:
            found = U(fixed)
        else:
            m += 1
            continue
        o += I(header)
        if found == U(0x8100):
            found = two(data, o + I(2))
            o += I(4)
            have -= 4
        if found == U(IPV4) and data[o] == 0x45:
            total = np.int64(two(data, o + I(2)))
            if two(data, o + I(6)) & U(0x3FFF) != U(0) or total < 20:
                m += 1
                continue
            upper = 20
            proto = U(data[o + I(9)])
            row = I(proto) * I(LAYOUT_WORDS)
        elif found == U(IPV6) and have >= 40 and data[o] >> 4 == 6:
            total = 40 + np.int64(two(data, o + I(4)))
            proto = U(data[o + I(6)])
            upper = 40
            limit = min(total, have) - 8
            while extends(proto) and upper <= limit and upper <= MOST_BEHIND:
                proto = U(data[o + I(upper)])
                upper += 8 + 8 * np.int64(data[o + I(upper + 1)])
            if extends(proto) or proto == U(44) or (total == 40 and proto != U(59)):
                m += 1
                continue
            row = (I(256) + I(proto)) * I(LAYOUT_WORDS)
        else:
            m += 1
            continue
        need = np.int64(layout[row])
        if min(total, have) < upper + need:
            m += 1
            continue
        u = o + I(upper)
        ports, kind, flags = layout[row + I(1)], layout[row + I(2)], layout[row + I(4)]
        # which of these a packet has is what no machine can foresee: all are loaded, from somewhere, and then chosen
        i = u + I(ports) if ports >= 0 else o
        source, dest = two(data, i), two(data, i + I(2))
        source = source if ports >= 0 else U(NO_PORT)
        dest = dest if ports >= 0 else U(NO_PORT)
        if upper == 20:
            value[VERSION * stride + p] = 4
            value[(SRC + 3) * stride + p] = four(data, o + I(12))
            value[(DST + 3) * stride + p] = four(data, o + I(16))
        else:
            wides[wide] = p
            wide += 1
            value[VERSION * stride + p] = 6
            for c in range(4):
                value[(SRC + c) * stride + p] = four(data, o + I(8 + 4 * c))
                value[(DST + c) * stride + p] = four(data, o + I(24 + 4 * c))
        value[PROTO * stride + p] = proto
        value[SRC_PORT * stride + p] = source
        value[DST_PORT * stride + p] = dest
        if wanted & KINDS:
            i = u + I(kind) if kind >= 0 else o
            of = U(data[i])
            value[TYPE * stride + p] = of if kind >= 0 else U(NO_TYPE)
            code = layout[row + I(3)]
            i = u + I(code) if code >= 0 else o
            of = U(data[i])
            value[CODE * stride + p] = of if code >= 0 else U(NO_TYPE)
        if wanted & FLAGS:
            i = u + I(flags) if flags >= 0 else o
            bits = two(data, i) & U(0xFFF)
            value[TCP_FLAGS * stride + p] = bits if flags >= 0 else U(NO_FLAGS)
            bits = bits if flags >= 0 else U(0)
            value[CONNECT * stride + p] = U(1) if bits & U(18) == U(2) else U(0)  # SYN, and no ACK
        if wanted & LENGTHS:
            value[IDENTIFICATION * stride + p] = two(data, o + I(4)) if upper == 20 else U(0)
            value[IP_LENGTH * stride + p] = total
            value[UPPER * stride + p] = upper
        status[p] = COMPLETE
    return m, wide


@inner
def decode_usual(data, start, captured, linktype, decoder, n, first, stride, value, status, rest, turning):
    """As `usual` says, of n frames, into rows from `first` on of columns that are `stride` apart; rest  i4[n + 1], rows
    counted from `first`. Of the last CHUNK frames turning.wides lists the rows of IPv6, from 0 on."""
    _, _, _, odds, sixes, wides = turning
    m = wide = 0
    for f in range(0, n, CHUNK):
        k = min(CHUNK, n - f)
        s, h, t = start[f:], captured[f:], linktype[f:]
        part = 0
        odd, six = decode_ipv4(data, s, h, t, decoder, k, first + f, stride, value, status, turning)
        for which, count in ((odds, odd), (sixes, six)):
            more, found = decode_each(
                data, s, h, t, decoder, count, which, first + f, stride, value, status, rest[m:], wides[part:]
            )
            for i in range(m, m + more):
                rest[i] += f
            m += more
            part += found
        wide += part
    return m, wide


@inner
def decode_others(data, frames, decoder, m, n, value, status, others):
    """Decode the m frames that are listed; returns whether one of them is IPv6."""
    start, captured, length, linktype = frames
    links, layout, _, _ = decoder
    rest, places, words, kinds, of_part = others
    wide = 0
    for first in range(0, m, PART):
        k = min(PART, m - first)
        begin, net, upper, limit = places[:k], places[k : 2 * k], places[2 * k : 3 * k], places[3 * k : 4 * k]
        have, had, part = words[:k], words[k : 2 * k], words[2 * k : (2 + COLUMNS) * k]
        kind, ether = kinds[:k], kinds[k : 2 * k]
        for i in range(k):
            p = rest[first + i]
            begin[i] = start[p]
            have[i] = captured[p]
            had[i] = length[p]
            kind[i] = linktype[p]
        fill(U(0), part)
        link(data, begin, have, kind, links, k, net, ether, upper, part, of_part)
        within(data, begin, have, k, net, ether, of_part)
        ipv4(data, begin, have, had, net, ether, k, upper, limit, part, of_part)
        ipv6(data, begin, have, had, net, ether, k, upper, limit, part, of_part)
        transport(data, upper, limit, layout, k, part, of_part)
        for i in range(k):
            status[rest[first + i]] = of_part[i]
            wide |= np.int64(part[VERSION * k + i] == U(6))
        for c in range(COLUMNS):
            for i in range(k):
                value[c * n + rest[first + i]] = part[c * k + i]
    return wide


@kernel
def usual(data, start, captured, length, linktype, decoder, n, value, status, turning, others):
    """Decode frames; returns whether there may be IPv6 among them.

    data  u1[b]    start  i8[n]    captured, length  u4[n]    linktype  i4[n]
    value   u4[columns*n]  0 where it is not one of FILLED; the rest is filled in as the passes would
    status  u1[n]
    """
    m, wide = decode_usual(data, start, captured, linktype, decoder, n, 0, n, value, status, others[0], turning)
    return wide | decode_others(data, (start, captured, length, linktype), decoder, m, n, value, status, others)
