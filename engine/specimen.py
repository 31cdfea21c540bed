"""A packet made to measure: from values of the dimensions of engine.space to octets that decode to them again."""

import struct
from collections.abc import Mapping

from engine.build import summed
from engine.fields import FIELD
from engine.headers import TRANSPORTS, Transport
from engine.space import selectors

SYN, ACK = 0x02, 0x10
TTL = 64
LATER = 185  # offset of a later fragment, in units of 8 octets: behind one of 1480
FRAGMENT, OPTIONS = 44, 60  # IPv6 extension headers (RFC 8200 sections 4.5, 4.6)
NOTHING = 8  # octets of data where no header is known


def ip_packet(values: Mapping[str, int], ttl: int = TTL, data: int = 0) -> bytes:
    """The IP packet with these values, and so many octets of zeros behind its upper-layer header; direction, routed and
    zone are no part of it. ValueError where none has them."""
    version, proto = values["version"], values["proto"]
    row = next((row for row in TRANSPORTS if row.proto == proto and version in row.versions), None)
    have = _have(row, values)
    later = bool(values["fragment"] and values["opaque"] and (row is None or have == 0))
    upper = bytes(NOTHING + data) if later or row is None else _upper(row, values, data)[: have + data]
    if version == 4:
        return _ipv4(values, upper, LATER if later else 0, ttl)
    if version == 6:
        return _ipv6(values, upper, later, row, ttl)
    raise ValueError(f"IP version {version} has no packets")


def _have(row: Transport | None, values: Mapping[str, int]) -> int:
    """How many octets of the upper-layer header are there."""
    if row is None:
        return NOTHING
    ends = selectors(row)
    if not values["opaque"]:
        return row.header + values["fragment"] * (-row.header % 8)  # a first fragment is a multiple of 8 octets long
    names = {"ports": "src_port", "type": "type", "code": "code"}
    known = [end for name, end in ends.items() if name in names and values[names[name]] <= FIELD[names[name]].limit]
    have = max(known, default=0)
    return 8 if 0 < have < 8 < max(ends.values()) else have


def _upper(row: Transport, values: Mapping[str, int], data: int) -> bytes:
    """The upper-layer header with its checksum where it is whole, followed by enough zeros."""
    octets = bytearray(row.header + data + 8)
    if row.ports >= 0:
        struct.pack_into(">HH", octets, row.ports, *(values[name] & 0xFFFF for name in ("src_port", "dst_port")))
    if row.type >= 0:
        octets[row.type] = values["type"] & 0xFF
    if row.code >= 0:
        octets[row.code] = values["code"] & 0xFF
    if row.flags >= 0:
        octets[row.flags : row.flags + 2] = bytes((row.header // 4 << 4, SYN if values["connect"] else ACK))
    if row.proto == 17:
        struct.pack_into(">H", octets, 4, row.header + data)
    sums = {6: 16, 17: 6, 1: 2, 58: 2}
    if row.proto in sums and not values["fragment"]:
        plain = bytes(octets[: row.header + data])
        before = b"" if row.proto == 1 else _pseudo(values, len(plain))
        octets[: row.header + data] = summed(plain, sums[row.proto], before)
    return bytes(octets)


def _pseudo(values: Mapping[str, int], length: int) -> bytes:
    """The pseudo-header of a checksum. (RFC 9293 section 3.1, RFC 8200 section 8.1)"""
    size = 4 if values["version"] == 4 else 16
    ends = b"".join(values[name].to_bytes(size, "big") for name in ("src_addr", "dst_addr"))
    if size == 4:
        return ends + struct.pack(">HH", values["proto"], length)
    return ends + struct.pack(">II", length, values["proto"])


def _ipv4(values: Mapping[str, int], upper: bytes, offset: int, ttl: int) -> bytes:
    bits = offset or (0x2000 if values["fragment"] else 0)
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(upper), 1, bits, ttl, values["proto"], 0)
    ends = struct.pack(">II", values["src_addr"], values["dst_addr"])
    return summed(header + ends, 10) + upper


def _ipv6(values: Mapping[str, int], upper: bytes, later: bool, row: Transport | None, ttl: int) -> bytes:
    unread = values["proto"] > FIELD["proto"].limit
    after, payload = (OPTIONS if unread else values["proto"]), upper
    if values["fragment"]:
        place = LATER << 3 if later else 1
        after, payload = FRAGMENT, struct.pack(">BBHI", after, 0, place, 1) + upper
    elif unread:
        payload = b""
    elif values["opaque"] and row is None:  # an extension that says it is longer than the packet
        after, payload = OPTIONS, struct.pack(">BB6x", values["proto"], 255)
    ends = b"".join(values[name].to_bytes(16, "big") for name in ("src_addr", "dst_addr"))
    return struct.pack(">IHBB", 6 << 28, len(payload), after, ttl) + ends + payload
