"""Frames of every link type and header chain, made with scapy, to be held against tshark.

The inner packets are the same behind every link header; what varies is what stands before them, and in `CHAINS` what
stands between the IP header and the upper layer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import GRE
from scapy.packet import Packet, Raw

Frames = list[bytes]
ETHER = bytes.fromhex("02000a010102 02000a010101")
V4, V6 = {"src": "10.1.0.2", "dst": "10.1.1.2"}, {"src": "2001:db8::2", "dst": "2001:db8::1:2"}


def v4(**fields: object) -> IP:
    return IP(**{**V4, **fields})


def v6(**fields: object) -> IPv6:
    return IPv6(**{**V6, **fields})


def _sctp() -> bytes:
    return struct.pack(">HHII", 5060, 2905, 1, 0) + struct.pack(">BBHI", 0, 3, 17, 0) + bytes(12)


UPPERS: dict[str, tuple[int, bytes]] = {
    "tcp": (6, bytes(TCP(sport=1025, dport=23, flags="SA"))),
    "udp": (17, bytes(UDP(sport=53, dport=33434) / b"data")),
    "udp-lite": (136, struct.pack(">HHHH", 7000, 7001, 8, 0) + b"data"),
    "dccp": (33, struct.pack(">HHBBHBBHII", 5001, 5002, 7, 0, 0, 4 << 1 | 1, 0, 0, 1, 0) + bytes(8)),
    "sctp": (132, _sctp()),
    "igmp": (2, bytes.fromhex("1100eeff00000000")),
    "ospf": (89, bytes.fromhex("0201002c0a0101010000000000000000000000000000000000000000") + bytes(16)),
    "esp": (50, bytes(range(32))),
    "gre": (47, bytes(GRE() / v4() / TCP(dport=80))),
    "ip-in-ip": (4, bytes(v4(src="1.1.1.1") / UDP(dport=9))),
    "6in4": (41, bytes(v6() / TCP(dport=81))),
    "ah": (
        51,
        bytes.fromhex("0604000000000001000000010000000000000000 00000000".replace(" ", "")) + bytes(TCP(dport=82)),
    ),
    "eigrp": (88, bytes(20)),
    "pim": (103, bytes.fromhex("2000dfff00010002006900140004000000000000")),
    "nothing": (59, b""),
    "unknown": (253, b"anything"),
}


def packets() -> Frames:
    """IPv4 and IPv6 packets with every upper layer, whole, fragmented, with options, cut short and padded."""
    made: list[Packet | bytes] = []
    for proto, upper in UPPERS.values():
        made += [v4(proto=proto) / Raw(upper), v6(nh=proto) / Raw(upper)]
    made += [v4() / ICMP(type=kind, code=kind % 4) / Raw(bytes(28)) for kind in (0, 3, 5, 8, 11, 13)]
    made += [v6() / ICMPv6EchoRequest(id=1), v6(nh=58) / Raw(bytes.fromhex("0104000000000000") + bytes(v6()))]
    made += [v6(nh=89) / Raw(bytes.fromhex("030100240a010101000000000000000000000000") + bytes(16))]
    made += [v4(options=[IPOption(b"\x94\x04\0\0")], proto=2) / Raw(UPPERS["igmp"][1])]
    made += [v4(options=[IPOption(b"\x01")] * 40) / TCP(dport=23)]
    made += [
        v4(flags="MF") / UDP(dport=7),
        v4(frag=5, proto=17) / Raw(bytes(16)),
        v4(frag=1, flags="MF", proto=6) / Raw(bytes(8)),
    ]
    made += [v4(proto=6) / Raw(UPPERS["tcp"][1][:cut]) for cut in (0, 3, 4, 13, 14, 19)]
    made += [v4(proto=17) / Raw(UPPERS["udp"][1][:cut]) for cut in (2, 4, 7)]
    made += [
        bytes(v4() / TCP(dport=25)) + bytes(8),
        bytes(v4(len=0) / TCP(dport=26)),
        bytes(v6(plen=0) / TCP(dport=27)),
    ]
    made += [v4(len=1500) / TCP(dport=28), v6(plen=1400) / TCP(dport=29)]
    return [bytes(each) for each in made] + CHAINS


def frames(frame_of: Callable[[bytes], bytes]) -> Frames:
    """A frame of every packet; without the one that is too long for link headers with a length of their own."""
    made = []
    for packet in packets():
        with suppress(struct.error):
            made.append(frame_of(packet))
    return made


def _jumbo() -> bytes:
    """A jumbogram of 70,000 octets (RFC 2675)."""
    option = bytes.fromhex("0600c204") + struct.pack(">I", 70_000)
    return bytes(v6(nh=0, plen=0)) + option + UPPERS["tcp"][1].ljust(70_000 - 8, b"j")


def _mobility(after: int = 59) -> bytes:
    return bytes((after, 1, 5, 0)) + bytes(12)


CHAINS: Frames = [
    bytes(each)
    for each in (
        v6() / IPv6ExtHdrHopByHop() / TCP(dport=30),
        v6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=["::9"]) / TCP(dport=31),
        v6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / UDP(dport=32),
        v6() / IPv6ExtHdrFragment(m=0, offset=0, id=7) / TCP(dport=33),
        v6() / IPv6ExtHdrFragment(m=1, offset=0, id=8) / TCP(dport=34),
        v6() / IPv6ExtHdrFragment(m=1, offset=9, id=8, nh=6) / Raw(bytes(16)),
        v6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=0, offset=3, id=9, nh=17) / Raw(bytes(16)),
        v6() / IPv6ExtHdrHopByHop(nh=51) / Raw(UPPERS["ah"][1]),
        v6(nh=135) / Raw(_mobility()),
        v6() / IPv6ExtHdrHopByHop(nh=89) / Raw(UPPERS["ospf"][1]),
        v6() / IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=1) / TCP(dport=36),
        v6(nh=132) / Raw(_sctp()),
    )
] + [_jumbo()]  # fmt: skip


def _ethertype(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def _family(packet: bytes, v6: int = 10) -> int:
    return 2 if packet[0] >> 4 == 4 else v6


def _snap(packet: bytes) -> bytes:
    return bytes.fromhex("aaaa03000000") + _ethertype(packet) + packet


def _llc(packet: bytes) -> bytes:
    """The SAP of IP is for IPv4 only."""
    return b"\x06\x06\x03" + packet if packet[0] >> 4 == 4 else _snap(packet)


def _sized(packet: bytes) -> bytes:
    return struct.pack(">H", len(packet)) + packet


def _ppp(packet: bytes) -> bytes:
    return b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57"


def _pppoe(packet: bytes, protocol: bytes | None = None) -> bytes:
    inside = (_ppp(packet) if protocol is None else protocol) + packet
    return b"\x11\x00\x00\x07" + _sized(inside)


def _labels(*numbers: int) -> bytes:
    last = len(numbers) - 1
    return b"".join(struct.pack(">I", label << 12 | (at == last) << 8 | 64) for at, label in enumerate(numbers))


def _wifi(packet: bytes, control: bytes = b"\x08\x01", more: bytes = b"") -> bytes:
    return (
        control + bytes(2) + bytes.fromhex("020000000001 020000000002 020000000003") + bytes(2) + more + _snap(packet)
    )


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


# name: link type, and a frame of a packet
LINKS = {
    "ethernet": (1, lambda packet: ETHER + _ethertype(packet) + packet),
    "padded": (1, lambda packet: (ETHER + _ethertype(packet) + packet).ljust(60, b"\0")),
    "trailer": (1, lambda packet: ETHER + _ethertype(packet) + packet + b"\xde\xad\xbe\xef"),
    "802.1Q": (1, lambda packet: ETHER + bytes.fromhex("81000064") + _ethertype(packet) + packet),
    "802.1ad": (1, lambda packet: ETHER + bytes.fromhex("88a8006481002065") + _ethertype(packet) + packet),
    "QinQ": (1, lambda packet: ETHER + bytes.fromhex("9100006481000065") + _ethertype(packet) + packet),
    "five tags": (1, lambda packet: ETHER + bytes.fromhex("81000001") * 5 + _ethertype(packet) + packet),
    "SNAP": (1, lambda packet: ETHER + _sized(_snap(packet))),
    "SNAP in 802.1Q": (1, lambda packet: ETHER + bytes.fromhex("81000064") + _sized(_snap(packet))),
    "LLC of IP": (1, lambda packet: ETHER + _sized(_llc(packet))),
    "LLC": (1, lambda packet: ETHER + _sized(b"\x42\x42\x03" + packet)),
    "raw": (101, lambda packet: packet),
    "raw of OpenBSD": (14, lambda packet: packet),
    "null": (0, lambda packet: struct.pack("<I", _family(packet, 30)) + packet),
    "null, big-endian": (0, lambda packet: struct.pack(">I", _family(packet, 24)) + packet),
    "loop": (108, lambda packet: struct.pack(">I", _family(packet, 24)) + packet),
    "PPP": (9, lambda packet: b"\xff\x03" + _ppp(packet) + packet),
    "PPP without address": (9, lambda packet: _ppp(packet) + packet),
    "PPP, one octet": (9, lambda packet: _ppp(packet)[1:] + packet),
    "PPP in HDLC": (50, lambda packet: b"\xff\x03" + _ppp(packet) + packet),
    "Cisco HDLC": (104, lambda packet: b"\x0f\x00" + _ethertype(packet) + packet),
    "SLL": (113, lambda packet: bytes.fromhex("0000000100060200000000010000") + _ethertype(packet) + packet),
    "SLL in 802.1Q": (
        113, lambda packet: bytes.fromhex("000000010006020000000001000081000007") + _ethertype(packet) + packet
    ),
    "SLL2": (276, lambda packet: _ethertype(packet) + bytes.fromhex("000000000002000100060200000000010000") + packet),
    "802.11": (105, _wifi),
    "802.11 QoS": (105, lambda packet: _wifi(packet, b"\x88\x01", b"\0\0")),
    "802.11 between systems": (105, lambda packet: _wifi(packet, b"\x08\x03", bytes(6))),
    "802.11 encrypted": (105, lambda packet: _wifi(packet, b"\x08\x41")),
    "radiotap": (127, lambda packet: bytes.fromhex("0000080000000000") + _wifi(packet)),
    "radiotap with flags": (127, lambda packet: bytes.fromhex("00000a000600000000 02") + _wifi(packet)),
    "NFLOG": (239, lambda packet: bytes((_family(packet), 0, 0, 1)) + _attribute(1, bytes(4)) + _attribute(9, packet)),
}  # fmt: skip

# Not opened but with --decap: name, link type, a frame of a packet.
WRAPPED = {
    "PPPoE": (1, lambda packet: ETHER + b"\x88\x64" + _pppoe(packet)),
    "PPPoE, padded": (1, lambda packet: (ETHER + b"\x88\x64" + _pppoe(packet)).ljust(90, b"\0")),
    "PPPoE in 802.1Q": (1, lambda packet: ETHER + bytes.fromhex("810000648864") + _pppoe(packet)),
    "PPPoE, LCP": (1, lambda packet: ETHER + b"\x88\x64" + _pppoe(bytes.fromhex("09010008000000ff"), b"\xc0\x21")),
    "PPPoE discovery": (1, lambda packet: ETHER + b"\x88\x63\x11\x09\0\0\0\x04\x01\x01\0\0"),
    "PPPoE alone": (51, _pppoe),
    "MPLS": (1, lambda packet: ETHER + b"\x88\x47" + _labels(100) + packet),
    "three labels": (1, lambda packet: ETHER + b"\x88\x47" + _labels(100, 200, 300) + packet),
    "MPLS upstream": (1, lambda packet: ETHER + b"\x88\x48" + _labels(100) + packet),
    "MPLS in 802.1Q": (1, lambda packet: ETHER + bytes.fromhex("810000648847") + _labels(7) + packet),
    "MPLS of another": (1, lambda packet: ETHER + b"\x88\x47" + _labels(100) + b"\x10\0\0\x21" + packet),
    "MPLS in SLL": (113, lambda packet: bytes.fromhex("00000001000602000000000100008847") + _labels(9) + packet),
    "MPLS in HDLC": (104, lambda packet: b"\x0f\x00\x88\x47" + _labels(9) + packet),
}  # fmt: skip
