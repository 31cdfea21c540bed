"""Frames as nearly all are, decoded in one pass; and rows moved between a batch and a part of it.

The frames: a link header with an ethertype or none at all, at most one VLAN tag; IPv4 without options, or IPv6
without extensions; whole, not a fragment, and with all of the upper-layer header that rules can test. All others are
listed, for the passes of decode.py, which mean the same: this file may only be faster. For compiled mode only.
"""

# mypy: disable-error-code="no-untyped-def,assignment"
# A kernel has no types but those its docstring gives.

import numpy as np
from numba import njit

from engine.fields import COLUMN, COMPLETE, FIELD, NOT_IP
from engine.kernels import kernel
from engine.kernels.decode import LAYOUT_WORDS, LINK_WORDS
from engine.linktypes import ETHERTYPE, FIXED, IPV4, IPV6, NIBBLE

I = np.uint64  # noqa: E741  an index that cannot be negative costs no test, and lets octets be read as words
U = np.uint32

VERSION, SRC, DST, PROTO = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"], COLUMN["proto"]
SRC_PORT, DST_PORT, TYPE, CODE = COLUMN["src_port"], COLUMN["dst_port"], COLUMN["type"], COLUMN["code"]
TCP_FLAGS, CONNECT = COLUMN["tcp_flags"], COLUMN["connect"]
IP_LENGTH, UPPER, IDENTIFICATION = COLUMN["ip_length"], COLUMN["upper"], COLUMN["identification"]
NO_PORT, NO_TYPE, NO_FLAGS = FIELD["src_port"].unknown, FIELD["type"].unknown, FIELD["tcp_flags"].unknown

KINDS, FLAGS, LENGTHS = 1, 2, 4  # see decode_usual
#: Which of these each column belongs to that is not filled in always.
WANTED = {TYPE: KINDS, CODE: KINDS, TCP_FLAGS: FLAGS, CONNECT: FLAGS}
WANTED |= {IDENTIFICATION: LENGTHS, IP_LENGTH: LENGTHS, UPPER: LENGTHS}

inner = njit(nogil=True)


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
def decode_usual(data, start, captured, linktype, links, layout, wanted, n, first, stride, value, status, rest):
    """As `usual` says, of n frames, into rows from `first` on of columns that are `stride` apart.

    wanted  KINDS and FLAGS for the columns of ICMP and TCP, LENGTHS for those nobody but reports asks for; the other
            columns are filled in always
    rest    i4[n]  rows counted from `first`; status  u1[stride]
    """
    known = -1
    how = header = where = fixed = 0
    m = wide = 0
    end = I(len(data))
    for f in range(n):
        p = first + f
        rest[m] = f
        status[p] = NOT_IP
        if linktype[f] != known:
            known = linktype[f]
            how = 0
            for i in range(0, len(links), LINK_WORDS):
                if links[i] == known:
                    how, header, where, fixed = links[i + 1], links[i + 2], links[i + 3], links[i + 4]
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
            extension = proto == U(0) or proto == U(43) or proto == U(44) or proto == U(60)
            if extension or (total == 40 and proto != U(59)):
                m += 1
                continue
            upper = 40
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
            wide = 1
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


@kernel
def usual(data, start, captured, linktype, links, layout, wanted, n, value, status, rest):
    """Decode the usual frames and list the rest; returns (how many are listed, whether any is IPv6).

    data  u1[b]    start  i8[n]    captured  u4[n]    linktype  i4[n]
    links, layout  as in decode.py    wanted  as in decode_usual
    value   u4[columns*n]  all 0; what is decoded is filled in as the passes would
    status  u1[n]          likewise    rest  i4[n + 1]
    """
    return decode_usual(data, start, captured, linktype, links, layout, wanted, n, 0, n, value, status, rest)


@kernel
def scatter(part, of_part, rest, m, n, columns, value, status):
    """Put the rows of m listed packets where they belong.

    part   u4[columns*m]    of_part  u1[m]    rest  i4[m]    value  u4[columns*n]    status  u1[n]
    """
    for i in range(m):
        status[rest[i]] = of_part[i]
    for c in range(columns):
        for i in range(m):
            value[c * n + rest[i]] = part[c * m + i]
