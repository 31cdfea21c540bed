"""Names of flows: SHA-1 (FIPS 180-4) over the ordered ends of a packet, in five words.

Packets go through LANES at a time, every step of the hash for all of them: word t of lane l is w[t * LANES + l]. So a
step is a loop of independent ones, which machine code does several at once. For compiled mode only.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives.

import numpy as np

from engine.fields import COLUMN, FIELD
from engine.kernels import inner, kernel

VERSION, SRC, DST, PROTO = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"], COLUMN["proto"]
SRC_PORT, DST_PORT, TYPE, CODE = COLUMN["src_port"], COLUMN["dst_port"], COLUMN["type"], COLUMN["code"]
MOST_PROTO, MOST_PORT, MOST_TYPE = FIELD["proto"].limit, FIELD["src_port"].limit, FIELD["type"].limit
ICMP, ICMPV6, NO_ANSWER = 1, 58, -1
WORDS = 5
WORD = 0xFFFFFFFF
LANES = 64
STATE = 80 * LANES  # behind the words: what the hash is so far, WORDS a lane
SCRATCH = STATE + WORDS * LANES

I = np.uint64  # noqa: E741  an index that cannot be negative costs no test
U = np.uint32
BEGIN = tuple(map(U, (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)))
CHOOSE, PARITY, MAJORITY = range(3)
TERMS = tuple(map(U, (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)))  # of 20 steps each
STEPS = 5  # that are taken together: then every word of the state has had its turn at each place


@inner
def rolled(x, bits):
    """x with its highest bits at its end."""
    return U(U(x << U(bits)) | U(x >> U(32 - bits)))


@inner
def digest(w, lanes):
    """Behind the words of the lanes, their hashes, from the 16 words of a message each."""
    for t in range(16, 80):
        for lane in range(lanes):
            j = I(t * LANES) + I(lane)
            x = w[j - I(3 * LANES)] ^ w[j - I(8 * LANES)] ^ w[j - I(14 * LANES)] ^ w[j - I(16 * LANES)]
            w[j] = rolled(x, 1)
    state = w[STATE:]  # as an array of its own: so it is known to lie apart from the words
    for part in range(WORDS):
        for lane in range(lanes):
            state[I(part * LANES) + I(lane)] = BEGIN[part]
    for t in range(0, 20, STEPS):
        take_steps(w, state, t, lanes, CHOOSE, TERMS[0])
    for t in range(20, 40, STEPS):
        take_steps(w, state, t, lanes, PARITY, TERMS[1])
    for t in range(40, 60, STEPS):
        take_steps(w, state, t, lanes, MAJORITY, TERMS[2])
    for t in range(60, 80, STEPS):
        take_steps(w, state, t, lanes, PARITY, TERMS[3])
    for part in range(WORDS):
        for lane in range(lanes):
            state[I(part * LANES) + I(lane)] += BEGIN[part]


@inner
def take_steps(w, state, t, lanes, function, term):
    """Steps t to t + 4 of all lanes."""
    for lane in range(lanes):
        j = I(lane)
        a, b, c = state[j], state[I(LANES) + j], state[I(2 * LANES) + j]
        d, e = state[I(3 * LANES) + j], state[I(4 * LANES) + j]
        for step in range(STEPS):
            if function == CHOOSE:
                f = U((b & c) | (~b & d))
            elif function == MAJORITY:
                f = U((b & c) | (b & d) | (c & d))
            else:
                f = U(b ^ c ^ d)
            turn = U(rolled(a, 5) + f + e + term + w[I((t + step) * LANES) + j])
            e, d, c, b, a = d, c, rolled(b, 30), a, turn
        state[j], state[I(LANES) + j], state[I(2 * LANES) + j] = a, b, c
        state[I(3 * LANES) + j], state[I(4 * LANES) + j] = d, e


@kernel
def name_flows(value, row, n, m, hashed, answer, has, w, cells, at):
    """The name of the flow of each listed packet: WORDS columns of cells from column `at` on.

    value   u4[columns*n]    row  i4[m]    has  u1[m]  whether the packet has a name; others get any
    hashed  u1[256]  protocols whose ports are part of the name, ICMP's among them
    answer  i4[512]  by type, of ICMP and then of ICMPv6: the type that answers, or NO_ANSWER
    w       u4[SCRATCH]  scratch    cells  i8[columns*m]
    """
    for i in range(0, m, LANES):
        lanes = min(LANES, m - i)
        for j in range(16 * LANES):
            w[j] = 0
        for j in range(lanes):
            if not has[i + j]:
                continue
            p = row[i + j]
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
            # the message: 16 bits of seed, both addresses, protocol, 8 bits of nothing, ports; all but the addresses'
            # edge lies 2 octets beside the words
            words = 1 if version == 4 else 4
            before = 0
            for c in range(words):
                word = value[(first + 4 - words + c) * n + p] + 0
                w[c * LANES + j] = (before << 16 | word >> 16) & WORD
                before = word & 0xFFFF
            for c in range(words):
                word = value[(second + 4 - words + c) * n + p] + 0
                w[(words + c) * LANES + j] = (before << 16 | word >> 16) & WORD
                before = word & 0xFFFF
            w[2 * words * LANES + j] = (before << 16 | proto << 8) & WORD
            octets = 8 * words + 4
            if hashed[proto]:
                w[(2 * words + 1) * LANES + j] = (sport << 16 | dport) & WORD
                octets += 4
            w[octets // 4 * LANES + j] = 0x80000000
            w[15 * LANES + j] = 8 * octets
        digest(w, lanes)
        for part in range(WORDS):
            for j in range(lanes):
                cells[(at + part) * m + i + j] = w[STATE + part * LANES + j]
