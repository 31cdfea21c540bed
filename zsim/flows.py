"""Flows: the packets of both directions between two ends, and the name other tools know them by.

Community ID is that of https://github.com/corelight/community-id-spec, version 1, seed 0: the Base64 SHA-1 of the
ordered ends, so that Zeek, Suricata and Wireshark give a flow the same name.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from functools import lru_cache

ICMP, ICMPV6 = 1, 58
PORTS = (6, 17, 132)  # protocols whose ports are part of the name

# Of messages that come in pairs, the type that answers; a flow has both. The others go one way.
ANSWERS = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    ICMPV6: {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145, 145: 144,
             139: 140, 140: 139},
}  # fmt: skip

End = tuple[int, int]  # address, port or what stands for it


def ends(proto: int | None, source: End, dest: End) -> tuple[End, End, bool]:
    """The ends of a packet, the lesser one first whichever way it goes, and whether it goes one way only. For ICMP the
    ends are (address, type) and (address, code)."""
    (src, sport), (dst, dport) = source, dest
    one_way = False
    if proto in ANSWERS:
        answer = ANSWERS[proto].get(sport)
        one_way = answer is None
        dport = dport if answer is None else answer
    elif proto not in PORTS:
        sport = dport = 0
    first, second = (src, sport), (dst, dport)
    return (first, second, one_way) if one_way or first <= second else (second, first, False)


@lru_cache(maxsize=65_536)
def community_id(version: int, proto: int, source: End, dest: End) -> str:
    """The name of the flow of a packet; ends as for `ends`."""
    first, second, _ = ends(proto, source, dest)
    octets = 4 if version == 4 else 16
    named = struct.pack("!H", 0) + first[0].to_bytes(octets, "big") + second[0].to_bytes(octets, "big")
    named += bytes((proto, 0))
    if proto in PORTS or proto in ANSWERS:
        named += struct.pack("!HH", first[1], second[1])
    return "1:" + base64.b64encode(hashlib.sha1(named, usedforsecurity=False).digest()).decode()
