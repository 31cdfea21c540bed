"""FIELDS: everything a rule can test, one row each, and where each stands in `Headers.value`.

A selector that cannot be known (a port in a later fragment, a type in a TCP packet) has the value `limit +
1`, `Field.unknown`: a test low..high within 0..limit never matches it, a rule without that test does, and a
rule may ask for it by name with low = high = unknown.
"""

from typing import NamedTuple


class Field(NamedTuple):
    name: str
    words: int  # 32-bit columns: 1, or 4 for an address
    limit: int  # the largest known value
    doc: str

    @property
    def unknown(self) -> int:
        return self.limit + 1


_32 = 2**32 - 1
_ADDRESS = 2**128 - 1

FIELDS = (
    #     name             words  limit     what it says
    Field("version",         1, 15,       "as the IP header says: 4 or 6 but in malformed ones; 0: none"),
    Field("src_addr",        4, _ADDRESS, "source address, first word first; IPv4 in the last"),
    Field("dst_addr",        4, _ADDRESS, "destination address, likewise"),
    Field("proto",           1, 255,      "IPv4 protocol, or the upper layer at the end of an IPv6 chain"),
    Field("src_port",        1, 65535,    "TCP, UDP, UDP-Lite, SCTP and DCCP only"),
    Field("dst_port",        1, 65535,    "TCP, UDP, UDP-Lite, SCTP and DCCP only"),
    Field("type",            1, 255,      "ICMP, ICMPv6 and OSPF type; type of an IPv6 mobility header"),
    Field("code",            1, 255,      "ICMP and ICMPv6 code"),
    Field("tcp_flags",       1, 65535,    "the 12 bits after the data offset, reserved bits first, FIN last"),
    Field("connect",         1, 1,        "1 for TCP with SYN and no ACK; 0 where flags are unknown"),
    Field("fragment_offset", 1, 8191,     "in units of 8 octets, as the header has it"),
    Field("more_fragments",  1, 1,        "1 in every fragment but the last"),
    Field("fragment",        1, 1,        "1 for any part of a packet; an atomic IPv6 fragment is whole: 0"),
    Field("fragment_octets", 1, _32,      "octets of the packet's data that a fragment carries; 0 in a whole packet"),
    Field("identification",  1, _32,      "IPv4: of every packet; IPv6: of the fragment header, else 0"),
    Field("opaque",          1, 1,        "1 where a selector of the upper layer exists but cannot be known"),
    Field("ip_length",       1, _32,      "octets of the IP packet with its header"),
    Field("upper",           1, 65535,    "octets of the packet before the upper-layer header; 0: none"),
    # context, added by the host that sees the packet
    Field("direction",       1, 1,        "0 in, 1 out"),
    Field("routed",          1, 1,        "0 to or from this host, 1 forwarded"),
    Field("zone",            1, 255,      "the zone of the interface crossed"),
)  # fmt: skip

FIELD = {field.name: field for field in FIELDS}

#: The (first) column of each field, and how many columns there are.
COLUMN = {field.name: sum(before.words for before in FIELDS[:row]) for row, field in enumerate(FIELDS)}
COLUMNS = sum(field.words for field in FIELDS)

#: What became of a packet, by the number in `Headers.status`. The first three can be judged.
STATUSES = ("complete", "fragment", "partial", "truncated", "malformed", "not_ip")
COMPLETE, FRAGMENT, PARTIAL, TRUNCATED, MALFORMED, NOT_IP = range(len(STATUSES))
