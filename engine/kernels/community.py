"""Names of flows: SHA-1 (FIPS 180-4) over the ordered ends of a packet, in groups of 12 bits."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.fields import COLUMN, FIELD
from engine.kernels import kernel

VERSION, SRC, DST, PROTO = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"], COLUMN["proto"]
SRC_PORT, DST_PORT, TYPE, CODE = COLUMN["src_port"], COLUMN["dst_port"], COLUMN["type"], COLUMN["code"]
MOST_PROTO, MOST_PORT, MOST_TYPE = FIELD["proto"].limit, FIELD["src_port"].limit, FIELD["type"].limit
ICMP, ICMPV6, NO_ANSWER = 1, 58, -1
GROUPS = 14  # 13 of 12 bits, and the last 4
NONE, LAST_NONE = 4096, 16  # of a packet without a name
WORD = 0xFFFFFFFF


@kernel
def name_flows(value, row, n, m, hashed, answer, has, w, cells, at):
    """The name of the flow of each listed packet: GROUPS columns of cells from column `at` on.

    value   u4[columns*n]    row  i4[m]    has  u1[m]  whether the packet has a name
    hashed  u1[256]  protocols whose ports are part of the name, ICMP's among them
    answer  i4[512]  by type, of ICMP and then of ICMPv6: the type that answers, or NO_ANSWER
    w       i8[80]   scratch    cells  i8[columns*m]
    """
    for i in range(m):
        if not has[i]:
            for g in range(GROUPS - 1):
                cells[(at + g) * m + i] = NONE
            cells[(at + GROUPS - 1) * m + i] = LAST_NONE
            continue
        p = row[i]
        version = value[VERSION * n + p] + 0
        proto = value[PROTO * n + p] + 0
        sport = 0
        dport = 0
        one_way = False
        older = proto == ICMP
        if older or proto == ICMPV6:
            if older == (version == 4):
                sport = value[TYPE * n + p] + 0
                dport = value[CODE * n + p] + 0
                sport = sport if sport <= MOST_TYPE else 0
                dport = dport if dport <= MOST_TYPE else 0
            other = answer[sport if older else 256 + sport] + 0
            one_way = other == NO_ANSWER
            dport = dport if one_way else other
        elif hashed[proto]:
            sport = value[SRC_PORT * n + p] + 0
            dport = value[DST_PORT * n + p] + 0
            sport = sport if sport <= MOST_PORT else 0
            dport = dport if dport <= MOST_PORT else 0
        turned = False
        if not one_way:
            order = 0
            for c in range(4):
                if order == 0:
                    s = value[(SRC + c) * n + p] + 0
                    d = value[(DST + c) * n + p] + 0
                    order = 1 if s > d else -1 if s < d else 0
            turned = order > 0 or (order == 0 and sport > dport)
        first = DST if turned else SRC
        second = SRC if turned else DST
        if turned:
            sport, dport = dport, sport
        # the message: 16 bits of seed, both addresses, protocol, 8 bits of nothing, ports; all but the addresses' edge
        # lies 2 octets beside the words
        for t in range(16):
            w[t] = 0
        words = 1 if version == 4 else 4
        before = 0
        for c in range(words):
            word = value[(first + 4 - words + c) * n + p] + 0
            w[c] = before << 16 | word >> 16
            before = word & 0xFFFF
        for c in range(words):
            word = value[(second + 4 - words + c) * n + p] + 0
            w[words + c] = before << 16 | word >> 16
            before = word & 0xFFFF
        w[2 * words] = before << 16 | proto << 8
        octets = 8 * words + 4
        if hashed[proto]:
            w[2 * words + 1] = sport << 16 | dport
            octets += 4
        w[octets // 4] = 0x80000000
        w[15] = 8 * octets
        for t in range(16, 80):
            x = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]
            w[t] = (x << 1 | x >> 31) & WORD
        a, b, c, d, e = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
        for t in range(80):
            if t < 20:
                f = (b & c) | ((b ^ WORD) & d)
                k = 0x5A827999
            elif t < 40:
                f = b ^ c ^ d
                k = 0x6ED9EBA1
            elif t < 60:
                f = (b & c) | (b & d) | (c & d)
                k = 0x8F1BBCDC
            else:
                f = b ^ c ^ d
                k = 0xCA62C1D6
            turn = ((a << 5 | a >> 27) + f + e + k + w[t]) & WORD
            e = d
            d = c
            c = (b << 30 | b >> 2) & WORD
            b = a
            a = turn
        w[0] = (a + 0x67452301) & WORD
        w[1] = (b + 0xEFCDAB89) & WORD
        w[2] = (c + 0x98BADCFE) & WORD
        w[3] = (d + 0x10325476) & WORD
        w[4] = (e + 0xC3D2E1F0) & WORD
        for g in range(GROUPS - 1):
            bit = 12 * g
            both = w[bit // 32] << 32 | (w[bit // 32 + 1] if bit < 128 else 0)
            if bit % 32 <= 20:
                cells[(at + g) * m + i] = (w[bit // 32] >> (20 - bit % 32)) & 0xFFF
            else:
                cells[(at + g) * m + i] = (both >> (52 - bit % 32)) & 0xFFF
        cells[(at + GROUPS - 1) * m + i] = w[4] & 15
