"""From frames to columns, in five passes over a batch: link, inner, ipv4, ipv6, transport.

What the passes hand on, each of n packets:
    net    i8   offset of the network header in data
    ether  i4   ethertype after the link header and VLAN tags; 0 unsupported link type, CUT frame too short, below
                CUT a header that `inner` reads: - PPP, - WIFI, - RADIOTAP, - NFLOG, - LLC
    upper  i8   offset of the upper-layer header in data, -1 where there is none to read
    limit  i8   where the data of the upper layer ends
Columns of `value` (u4[columns*n]) are those of engine.fields.
"""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.fields import COLUMN, COMPLETE, FIELD, FRAGMENT, MALFORMED, NOT_IP, PARTIAL, TRUNCATED
from engine.kernels import kernel
from engine.linktypes import ETHERTYPE, FAMILY, FIXED, IPV4, IPV6, NFLOG, NIBBLE, PPP, RADIOTAP, WIFI

CUT = -1
LLC = 16
MOST_LENGTH = 1500  # an ethertype up to that is a length, and an LLC header follows (IEEE 802.3 3.2.6)
MOST_ATTRIBUTES = 64
ETHERNET, HDLC = 1, 104  # link types; in Linux's own an ethertype of 4 is LLC, in Cisco's HDLC there is none
LINK_WORDS = 5  # of a row of `links`: number, how, header, where, ethertype
LAYOUT_WORDS = 5  # of a row of `layout`: header octets; where ports, type, code, TCP flags are; -1: nowhere
MOST_TAGS = 8
MOST_EXTENSIONS = 16

VERSION, SRC, DST, PROTO = COLUMN["version"], COLUMN["src_addr"], COLUMN["dst_addr"], COLUMN["proto"]
SRC_PORT, DST_PORT, TYPE, CODE = COLUMN["src_port"], COLUMN["dst_port"], COLUMN["type"], COLUMN["code"]
TCP_FLAGS, CONNECT, OFFSET = COLUMN["tcp_flags"], COLUMN["connect"], COLUMN["fragment_offset"]
MORE_FRAGMENTS, IS_FRAGMENT, OPAQUE = COLUMN["more_fragments"], COLUMN["fragment"], COLUMN["opaque"]
IP_LENGTH, UPPER = COLUMN["ip_length"], COLUMN["upper"]
FRAGMENT_OCTETS, IDENTIFICATION = COLUMN["fragment_octets"], COLUMN["identification"]
NO_PROTO, NO_PORT, NO_TYPE = FIELD["proto"].unknown, FIELD["src_port"].unknown, FIELD["type"].unknown
NO_FLAGS = FIELD["tcp_flags"].unknown


@kernel
def link(data, start, captured, linktype, links, n, net, ether, upper, value, status):
    """Find the packet in each frame, and set everything that later passes may leave unknown.

    data      u1[b]     start    i8[n]    captured  u4[n]    linktype  i4[n]
    links     i4[5*k]   rows of engine.linktypes
    status    u1[n]     NOT_IP or TRUNCATED, until a later pass knows better
    """
    known = -1
    how = header = where = fixed = 0
    for p in range(n):
        value[PROTO * n + p] = NO_PROTO
        value[SRC_PORT * n + p] = NO_PORT
        value[DST_PORT * n + p] = NO_PORT
        value[TYPE * n + p] = NO_TYPE
        value[CODE * n + p] = NO_TYPE
        value[TCP_FLAGS * n + p] = NO_FLAGS
        upper[p] = -1
        if linktype[p] != known:
            known = linktype[p]
            how = header = 0
            for i in range(0, len(links), LINK_WORDS):
                if links[i] == known:
                    how, header, where, fixed = links[i + 1], links[i + 2], links[i + 3], links[i + 4]
        o = start[p]
        end = o + captured[p]
        found = 0
        if end < o + header or (how == NIBBLE and end == o):
            found = CUT
        elif how == ETHERTYPE:
            found = data[o + where] * 256 + data[o + where + 1]
        elif how == NIBBLE:
            found = IPV4 if data[o] // 16 == 4 else IPV6 if data[o] // 16 == 6 else 0
        elif how == FAMILY:  # the writer's byte order is unknown; the smaller reading is the number
            family = min(
                ((data[o] * 256 + data[o + 1]) * 256 + data[o + 2]) * 256 + data[o + 3],
                ((data[o + 3] * 256 + data[o + 2]) * 256 + data[o + 1]) * 256 + data[o],
            )
            if family == 2:
                found = IPV4
            elif family == 10 or family == 23 or family == 24 or family == 26 or family == 28 or family == 30:
                found = IPV6
        elif how == FIXED:
            found = fixed
        elif how >= PPP:
            found = -how
        o += header
        for _ in range(MOST_TAGS):
            if found != 0x8100 and found != 0x88A8 and found != 0x9100:
                break
            if o + 4 > end:
                found = CUT
            else:
                found = data[o + 2] * 256 + data[o + 3]
                o += 4
        if how == ETHERTYPE and 0 <= found <= MOST_LENGTH and (known == ETHERNET or (found == 4 and known != HDLC)):
            found = -LLC
        net[p] = o
        ether[p] = found
        status[p] = TRUNCATED if found == CUT else NOT_IP


@kernel
def inner(data, start, captured, n, net, ether, status):
    """Read the headers `link` leaves: PPP, IEEE 802.11 with and without radiotap, NFLOG, LLC and SNAP.

    PPP is RFC 1661 and 1662; its protocol has one octet if that is odd. NFLOG holds attributes in the byte order of the
    machine, taken to be little-endian. A wireless frame is opened if it is data, whole and not encrypted, and holds
    one packet (IEEE 802.11-2020 9.3.2; https://www.radiotap.org).
    data  u1[b]    start  i8[n]    captured  u4[n]    net  i8[n]    ether  i4[n]    status  u1[n]
    """
    for p in range(n):
        found = ether[p] + 0
        if found >= CUT:
            continue
        o = net[p] + 0
        end = start[p] + captured[p]
        if found == -RADIOTAP:
            found = CUT
            if o + 8 <= end:
                length = data[o + 2] + 256 * data[o + 3]
                first = o + 8  # behind the words that say which fields there are
                at = o + 4
                while first + 4 <= end and data[at + 3] >= 128:
                    at += 4
                    first += 4
                padded = 0
                if data[o + 4] & 2:  # flags, behind the time if there is one, which is aligned
                    if data[o + 4] & 1:
                        first = o + (first - o + 7) // 8 * 8 + 8
                    if first < end and first < o + length:
                        padded = data[first] & 0x20
                found = 0 if length < 8 else -WIFI if o + length <= end else CUT
                o += length
        else:
            padded = 0
        if found == -WIFI:
            found = CUT
            if o < end and data[o] & 0x0F != 8:  # no data; such frames are often short
                found = 0
            elif o + 24 <= end:
                kind = data[o] + 0
                flags = data[o + 1] + 0
                header = 24
                if flags & 3 == 3:  # between two distribution systems: a fourth address
                    header += 6
                aggregated = 0
                if kind & 0x80:  # QoS
                    if o + header < end:
                        aggregated = data[o + header] & 0x80
                    header += 2
                    if flags & 0x80:
                        header += 4  # HT control
                if padded:
                    header = (header + 3) // 4 * 4
                if kind & 0x40 or flags & 0x44 or data[o + 22] & 15 or aggregated:
                    found = 0  # empty; encrypted; a fragment; more than one packet
                elif o + header <= end:
                    found = -LLC
                o += header
        if found == -LLC:
            found = CUT
            if o + 3 <= end:
                found = 0
                if data[o] == 6 and data[o + 1] == 6 and data[o + 2] == 3:
                    found = IPV4
                    o += 3
                elif data[o] == 0xAA and data[o + 1] == 0xAA and data[o + 2] == 3:
                    found = CUT
                    if o + 8 <= end:
                        found = 0
                        if data[o + 3] == 0 and data[o + 4] == 0 and (data[o + 5] == 0 or data[o + 5] == 0xF8):
                            found = data[o + 6] * 256 + data[o + 7]
                        o += 8
        elif found == -PPP:
            found = CUT
            if o + 2 <= end and data[o] == 0xFF and data[o + 1] == 3:
                o += 2
            if o < end and data[o] & 1:
                found = data[o] + 0
                o += 1
            elif o + 2 <= end:
                found = data[o] * 256 + data[o + 1]
                o += 2
            if found >= 0:
                found = IPV4 if found == 0x21 else IPV6 if found == 0x57 else 0
        elif found == -NFLOG:
            family = data[o - 4] + 0
            found = 0
            for _ in range(MOST_ATTRIBUTES):
                if o + 4 > end:
                    found = CUT
                    break
                length = data[o] + 256 * data[o + 1]
                if length < 4:
                    break
                if (data[o + 2] + 256 * data[o + 3]) % 32768 == 9:  # NFULA_PAYLOAD
                    found = IPV4 if family == 2 else IPV6 if family == 10 else 0
                    o += 4
                    break
                o += (length + 3) // 4 * 4
        if found > 0 and o > end:
            found = CUT
        net[p] = o
        ether[p] = found
        status[p] = TRUNCATED if found == CUT else NOT_IP


@kernel
def ipv4(data, start, captured, length, net, ether, n, upper, limit, value, status):
    """Read the IPv4 headers.

    data  u1[b]    start  i8[n]    captured, length  u4[n]    net, upper, limit  i8[n]    ether  i4[n]
    value, status  as the module says
    """
    for p in range(n):
        if ether[p] != IPV4:
            continue
        o = net[p]
        have = start[p] + captured[p] - o
        if have > 0:
            value[VERSION * n + p] = data[o] // 16
        if have < 20:
            status[p] = TRUNCATED
            continue
        header = data[o] % 16 * 4
        total = data[o + 2] * 256 + data[o + 3]
        if total == 0:  # left to the adapter to fill in: the frame knows
            total = max(length[p] + start[p] - o, have)
        if data[o] // 16 != 4 or header < 20 or total < header:
            status[p] = MALFORMED
            continue
        bits = data[o + 6] * 256 + data[o + 7]
        offset = bits % 8192
        more = bits // 8192 % 2
        value[(SRC + 3) * n + p] = ((data[o + 12] * 256 + data[o + 13]) * 256 + data[o + 14]) * 256 + data[o + 15]
        value[(DST + 3) * n + p] = ((data[o + 16] * 256 + data[o + 17]) * 256 + data[o + 18]) * 256 + data[o + 19]
        value[PROTO * n + p] = data[o + 9]
        value[OFFSET * n + p] = offset
        value[MORE_FRAGMENTS * n + p] = more
        value[IDENTIFICATION * n + p] = data[o + 4] * 256 + data[o + 5]
        if offset or more:
            value[IS_FRAGMENT * n + p] = 1
            value[FRAGMENT_OCTETS * n + p] = total - header
        value[IP_LENGTH * n + p] = total
        if have < header:
            status[p] = TRUNCATED
            continue
        limit[p] = o + min(total, have)
        if offset:
            status[p] = FRAGMENT
            value[OPAQUE * n + p] = 1
        else:
            status[p] = COMPLETE
            upper[p] = o + header
            value[UPPER * n + p] = header


@kernel
def ipv6(data, start, captured, length, net, ether, n, upper, limit, value, status):
    """Read the IPv6 headers and walk their chains of extensions to the upper layer.

    data  u1[b]    start  i8[n]    captured, length  u4[n]    net, upper, limit  i8[n]    ether  i4[n]
    value, status  as the module says
    """
    for p in range(n):
        if ether[p] != IPV6:
            continue
        o = net[p]
        have = start[p] + captured[p] - o
        if have > 0:
            value[VERSION * n + p] = data[o] // 16
        if have < 40:
            status[p] = TRUNCATED
            continue
        if data[o] // 16 != 6:
            status[p] = MALFORMED
            continue
        for c in range(8):  # both addresses, which stand together here and in `value`
            i = o + 8 + 4 * c
            value[(SRC + c) * n + p] = ((data[i] * 256 + data[i + 1]) * 256 + data[i + 2]) * 256 + data[i + 3]
        after = data[o + 6] + 0
        total = 40 + data[o + 4] * 256 + data[o + 5]
        if total == 40 and after != 59:  # a jumbogram, or left to the adapter: the frame knows
            total = max(length[p] + start[p] - o, have)
        value[IP_LENGTH * n + p] = total
        end = o + min(total, have)
        limit[p] = end
        status[p] = COMPLETE
        o += 40
        extensions = 0
        while after == 0 or after == 43 or after == 44 or after == 60:
            if extensions == MOST_EXTENSIONS or o + 8 > end:
                status[p] = PARTIAL
                break
            extensions += 1
            if after == 44:
                bits = data[o + 2] * 256 + data[o + 3]
                if not value[IS_FRAGMENT * n + p]:  # what follows the header that made it one is data of the whole
                    i = o + 4
                    value[OFFSET * n + p] = bits // 8
                    value[MORE_FRAGMENTS * n + p] = bits % 2
                    high = data[i] * 256 + data[i + 1]
                    value[IDENTIFICATION * n + p] = (high * 256 + data[i + 2]) * 256 + data[i + 3]
                    if bits // 8 or bits % 2:
                        value[IS_FRAGMENT * n + p] = 1
                        value[FRAGMENT_OCTETS * n + p] = net[p] + total - o - 8
                after = data[o] + 0
                o += 8
                if bits // 8:
                    status[p] = FRAGMENT
                    break
            else:
                after = data[o] + 0
                o += 8 + 8 * data[o + 1]
        if after != 0 and after != 43 and after != 44 and after != 60:
            value[PROTO * n + p] = after
        if status[p] == COMPLETE and o > end:  # the last extension says it is longer than what is there
            status[p] = PARTIAL
        if status[p] == COMPLETE:
            upper[p] = o
            value[UPPER * n + p] = o - net[p]
        else:
            value[OPAQUE * n + p] = 1


@kernel
def transport(data, upper, limit, layout, n, value, status):
    """Read what rules can test in the upper-layer headers, as far as they are there.

    data    u1[b]    upper, limit  i8[n]
    layout  i4[5*512]  a row per protocol, of IPv4 first: header octets; where ports, type, code, flags are
    value, status  as the module says
    """
    for p in range(n):
        u = upper[p]
        if u < 0:
            continue
        i = (value[VERSION * n + p] // 6 * 256 + value[PROTO * n + p]) * LAYOUT_WORDS
        if layout[i] == 0:
            continue
        have = limit[p] - u
        opaque = 0
        at = layout[i + 1]
        if at >= 0:
            if have >= at + 4:
                value[SRC_PORT * n + p] = data[u + at] * 256 + data[u + at + 1]
                value[DST_PORT * n + p] = data[u + at + 2] * 256 + data[u + at + 3]
            else:
                opaque = 1
        at = layout[i + 2]
        if at >= 0:
            if have > at:
                value[TYPE * n + p] = data[u + at]
            else:
                opaque = 1
        at = layout[i + 3]
        if at >= 0:
            if have > at:
                value[CODE * n + p] = data[u + at]
            else:
                opaque = 1
        at = layout[i + 4]
        if at >= 0:
            if have >= at + 2:
                value[TCP_FLAGS * n + p] = data[u + at] % 16 * 256 + data[u + at + 1]
                value[CONNECT * n + p] = 1 if data[u + at + 1] & 18 == 2 else 0  # SYN, and no ACK
            else:
                opaque = 1
        value[OPAQUE * n + p] = opaque
        if have < layout[i]:
            status[p] = PARTIAL
