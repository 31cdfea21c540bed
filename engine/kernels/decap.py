"""Taking PPPoE and MPLS off frames."""

# mypy: disable-error-code="no-untyped-def"
# A kernel has no types but those its docstring gives: they are two for every array.

from engine.kernels import kernel
from engine.linktypes import MPLS, MPLS_UPSTREAM, PPPOE_SESSION

MOST_LABELS = 16
RAW_IP, RAW_IPV4, RAW_IPV6 = 101, 228, 229  # link types
PPP_IPV4, PPP_IPV6, PPP_MPLS = 0x0021, 0x0057, 0x0281


@kernel
def unwrap(data, net, ether, n, start, captured, length, linktype):
    """Make each frame that carries IP inside PPPoE or a stack of MPLS labels a frame of that IP packet.

    PPPoE is RFC 2516, PPP with its protocol in one octet or two RFC 1661, MPLS RFC 3032; what is below the last label
    is IP if it begins like it, as Wireshark guesses too. A frame cut inside such a header becomes one of no octets.
    data      u1[b]    net  i8[n], ether  i4[n]  as engine.kernels.decode says
    start     i8[n]    captured, length  u4[n]    linktype  i4[n]: changed in place
    """
    for p in range(n):
        found = ether[p] + 0
        if found != PPPOE_SESSION and found != MPLS and found != MPLS_UPSTREAM:
            continue
        first = start[p] + 0
        o = net[p] + 0
        end = first + captured[p]
        carries = 0
        over = first + length[p]  # where the packet ends on the wire
        if found == PPPOE_SESSION:
            if o + 6 > end:
                carries = RAW_IP
                o = end
            elif data[o] == 0x11 and data[o + 1] == 0:
                o += 6
                over = min(over, o + data[o - 2] * 256 + data[o - 1])
                end = min(end, over)
                protocol = 0
                if o < end and data[o] & 1:
                    protocol = data[o] + 0
                    o += 1
                elif o + 2 <= end:
                    protocol = data[o] * 256 + data[o + 1]
                    o += 2
                else:
                    carries = RAW_IP
                    o = end
                if protocol == PPP_IPV4:
                    carries = RAW_IPV4
                elif protocol == PPP_IPV6:
                    carries = RAW_IPV6
                elif protocol == PPP_MPLS:
                    found = MPLS
        if found != PPPOE_SESSION:
            last = 0
            for _ in range(MOST_LABELS):
                if last or o + 4 > end:
                    break
                last = data[o + 2] & 1
                o += 4
            if last and o < end:
                if data[o] // 16 == 4 or data[o] // 16 == 6:
                    carries = RAW_IP
            elif o + 4 > end:
                carries = RAW_IP
                o = end
        if carries:
            start[p] = o
            captured[p] = end - o
            length[p] = max(over - o, end - o) if end > o else 0
            linktype[p] = carries
