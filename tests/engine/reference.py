"""The engine once more, slow and obvious: one packet at a time, with struct, dicts and loops.

Written from the same description and sharing no code with the kernels, so that two mistakes must agree to
hide. A packet is a dict: a value per field of FIELDS, and "status" by name.
"""

from __future__ import annotations

import ipaddress
import struct
from datetime import datetime, timedelta

UNKNOWN = {"proto": 256, "src_port": 65536, "dst_port": 65536, "type": 256, "code": 256, "tcp_flags": 65536}
KNOWN_ZERO = [
    "version",
    "src_addr",
    "dst_addr",
    "connect",
    "fragment_offset",
    "more_fragments",
    "fragment",
    "fragment_octets",
    "identification",
    "opaque",
    "ip_length",
    "upper",
    "direction",
    "routed",
    "zone",
]
JUDGED = ("complete", "fragment", "partial")
PORTED = {6: 20, 17: 8, 33: 12, 132: 12, 136: 8}  # octets of their headers
VLAN = (0x8100, 0x88A8, 0x9100)


def decode(frame: bytes, wire: int, linktype: int) -> dict:
    """The outermost IP packet of a frame that had `wire` octets on the wire."""
    packet = {**dict.fromkeys(KNOWN_ZERO, 0), **UNKNOWN, "status": "not_ip"}
    ethertype, at = network(frame, linktype)
    if ethertype is None:
        packet["status"] = "truncated"
    elif ethertype == 0x0800:
        decode_ipv4(packet, frame[at:], max(wire - at, len(frame) - at))
    elif ethertype == 0x86DD:
        decode_ipv6(packet, frame[at:], max(wire - at, len(frame) - at))
    return packet


def network(frame: bytes, linktype: int) -> tuple[int | None, int]:
    """Ethertype and offset of what a frame carries; 0 for nothing of ours, None for a frame too short."""
    if linktype in (12, 14, 101):
        if not frame:
            return None, 0
        return {4: 0x0800, 6: 0x86DD}.get(frame[0] >> 4, 0), 0
    if linktype == 228:
        return 0x0800, 0
    if linktype == 229:
        return 0x86DD, 0
    if linktype == 51:
        return 0x8864, 0
    if linktype in (0, 108):
        if len(frame) < 4:
            return None, 0
        readings = {struct.unpack(order + "I", frame[:4])[0] for order in "<>"}
        if 2 in readings:
            return 0x0800, 4
        return (0x86DD if readings & {10, 23, 24, 26, 28, 30} else 0), 4
    if linktype in (9, 50, 204):
        return ppp(frame, 1 if linktype == 204 else 0)
    if linktype == 127:
        return radiotap(frame)
    if linktype == 105:
        return wifi(frame, 0, False)
    if linktype == 239:
        return nflog(frame)
    if linktype not in (1, 104, 113, 276):
        return 0, 0
    header, where = {1: (14, 12), 104: (4, 2), 113: (16, 14), 276: (20, 0)}[linktype]
    if len(frame) < header:
        return None, 0
    ethertype, at = struct.unpack_from(">H", frame, where)[0], header
    tags = 0
    while ethertype in VLAN and tags < 8:
        if len(frame) < at + 4:
            return None, 0
        ethertype = struct.unpack_from(">H", frame, at + 2)[0]
        at += 4
        tags += 1
    if (linktype == 1 and ethertype <= 1500) or (linktype in (113, 276) and ethertype == 4):
        return llc(frame, at)
    return ethertype, at


def decap(frame: bytes, wire: int, linktype: int) -> tuple[bytes, int, int]:
    """(frame, length on the wire, link type) without PPPoE and MPLS, if IP is behind them; else as it was."""
    ethertype, at = network(frame, linktype)
    rest, over, cut = frame[at:], wire - at, (b"", 101)
    found = None
    if ethertype == 0x8864:
        if len(rest) < 6:
            found = cut
        elif rest[:2] == b"\x11\0":
            said = int.from_bytes(rest[4:6], "big")
            rest, over = rest[6:][:said], min(over - 6, said)
            octets = 1 if rest[:1] and rest[0] % 2 else 2
            protocol = int.from_bytes(rest[:octets], "big") if len(rest) >= octets else None
            rest, over = rest[octets:], over - octets
            if protocol is None:
                found = cut
            elif protocol in (0x21, 0x57):
                found = rest, 228 if protocol == 0x21 else 229
            elif protocol == 0x281:
                ethertype = 0x8847
    if ethertype in (0x8847, 0x8848) and found is None:
        for _ in range(16):
            if len(rest) < 4:
                found = cut
                break
            last, rest, over = rest[2] & 1, rest[4:], over - 4
            if last:
                found = cut if not rest else (rest, 101) if rest[0] >> 4 in (4, 6) else None
                break
        else:
            found = None if len(rest) >= 4 else cut
    if found is None:
        return frame, wire, linktype
    return found[0], max(over, len(found[0])) if found is not cut else 0, found[1]


def llc(frame: bytes, at: int) -> tuple[int | None, int]:
    """IEEE 802.2: SNAP with an ethertype, or the SAP of IP."""
    header = frame[at : at + 3]
    if len(header) < 3:
        return None, at
    if header == b"\x06\x06\x03":
        return 0x0800, at + 3
    if header != b"\xaa\xaa\x03":
        return 0, at
    if len(frame) < at + 8:
        return None, at
    known = frame[at + 3 : at + 6] in (b"\0\0\0", b"\0\0\xf8")
    return int.from_bytes(frame[at + 6 : at + 8], "big") if known else 0, at + 8


def ppp(frame: bytes, at: int) -> tuple[int | None, int]:
    """A protocol of one octet or two, perhaps behind address and control."""
    if len(frame) < at:
        return None, at
    at += 2 * (frame[at : at + 2] == b"\xff\x03")
    octets = 1 if frame[at : at + 1] and frame[at] % 2 else 2
    if len(frame) < at + octets:
        return None, at
    number = int.from_bytes(frame[at : at + octets], "big")
    return {0x21: 0x0800, 0x57: 0x86DD}.get(number, 0), at + octets


def radiotap(frame: bytes) -> tuple[int | None, int]:
    """A header that says its length; of its fields only the flags matter, the first but for the time."""
    if len(frame) < 8:
        return None, 0
    length, present = struct.unpack_from("<HI", frame, 2)
    if length < 8:
        return 0, length
    at, word = 8, present
    while word >> 31 and at + 4 <= len(frame):
        word = struct.unpack_from("<I", frame, at)[0]
        at += 4
    if present & 1:
        at = -(-at // 8) * 8 + 8
    padded = bool(present & 2 and at < min(len(frame), length) and frame[at] & 0x20)
    return wifi(frame, length, padded) if length <= len(frame) else (None, length)


def wifi(frame: bytes, at: int, padded: bool) -> tuple[int | None, int]:
    """Plain data of one packet, behind a header of 24 octets or more."""
    if len(frame) > at and frame[at] & 15 != 8:
        return 0, at
    if len(frame) < at + 24:
        return None, at
    kind, flags = frame[at], frame[at + 1]
    header = 30 if flags & 3 == 3 else 24
    aggregated = False
    if kind & 0x80:
        aggregated = bool(frame[at + header : at + header + 1] and frame[at + header] & 0x80)
        header += 6 if flags & 0x80 else 2
    if padded:
        header += -header % 4
    empty, encrypted, more = kind & 0x40, flags & 0x40, flags & 4
    if empty or encrypted or more or frame[at + 22] & 15 or aggregated:
        return 0, at + header
    return llc(frame, at + header) if at + header <= len(frame) else (None, at + header)


def nflog(frame: bytes) -> tuple[int | None, int]:
    """Attributes; the packet is number 9."""
    if len(frame) < 4:
        return None, 0
    at = 4
    for _ in range(64):
        if at + 4 > len(frame):
            return None, at
        length, number = struct.unpack_from("<HH", frame, at)
        if length < 4:
            break
        if number & 0x7FFF == 9:
            return {2: 0x0800, 10: 0x86DD}.get(frame[0], 0), at + 4
        at += length + -length % 4
    return 0, at


def decode_ipv4(packet: dict, octets: bytes, wire: int) -> None:
    packet["version"] = octets[0] >> 4 if octets else 0
    if len(octets) < 20:
        packet["status"] = "truncated"
        return
    first, _, total, identification, bits, _, proto, _, src, dst = struct.unpack(">BBHHHBBHII", octets[:20])
    header = (first & 15) * 4
    total = total or wire
    if first >> 4 != 4 or header < 20 or total < header:
        packet["status"] = "malformed"
        return
    offset, more = bits & 0x1FFF, bits >> 13 & 1
    packet.update(
        src_addr=src,
        dst_addr=dst,
        proto=proto,
        fragment_offset=offset,
        more_fragments=more,
        fragment=int(offset > 0 or more == 1),
        fragment_octets=total - header if offset > 0 or more == 1 else 0,
        identification=identification,
        ip_length=total,
    )
    if len(octets) < header:
        packet["status"] = "truncated"
    elif offset:
        packet.update(status="fragment", opaque=1)
    else:
        packet.update(status="complete", upper=header)
        decode_upper(packet, octets[header:total])


def decode_ipv6(packet: dict, octets: bytes, wire: int) -> None:
    packet["version"] = octets[0] >> 4 if octets else 0
    if len(octets) < 40:
        packet["status"] = "truncated"
        return
    if octets[0] >> 4 != 6:
        packet["status"] = "malformed"
        return
    payload, after = struct.unpack_from(">HB", octets, 4)
    total = wire if payload == 0 and after != 59 else 40 + payload
    packet.update(
        src_addr=int.from_bytes(octets[8:24], "big"),
        dst_addr=int.from_bytes(octets[24:40], "big"),
        ip_length=total,
        status="complete",
    )
    octets = octets[:total]
    at, walked = 40, 0
    while after in (0, 43, 44, 60):
        if walked == 16 or len(octets) < at + 8:
            packet.update(status="partial", opaque=1)
            return
        walked += 1
        following = octets[at]
        if after == 44:
            bits, identification = struct.unpack_from(">HI", octets, at + 2)
            at += 8
            if not packet["fragment"]:
                part = bits & 0xFFF9 != 0
                packet.update(
                    fragment_offset=bits >> 3,
                    more_fragments=bits & 1,
                    fragment=int(part),
                    fragment_octets=total - at if part else 0,
                    identification=identification,
                )
            if bits & 0xFFF8:
                if following not in (0, 43, 44, 60):
                    packet["proto"] = following
                packet.update(status="fragment", opaque=1)
                return
        else:
            at += 8 * (octets[at + 1] + 1)
        after = following
    packet["proto"] = after
    if at > len(octets):
        packet.update(status="partial", opaque=1)
    else:
        packet["upper"] = at
        decode_upper(packet, octets[at:])


def decode_upper(packet: dict, octets: bytes) -> None:
    """Ports, type, code and flags, as far as they are there."""
    which = packet["version"], packet["proto"]
    header = {(4, 1): 8, (6, 58): 4, (6, 135): 8}.get(which) or PORTED.get(which[1]) or {89: 24}.get(which[1], 0)
    wanted = {}
    if which[1] in PORTED:
        wanted.update(src_port=(0, 2), dst_port=(2, 4))
    if which[1] == 6:
        wanted.update(tcp_flags=(12, 14))
    if which in ((4, 1), (6, 58)):
        wanted.update(type=(0, 1), code=(1, 2))
    if which[1] == 89:
        wanted.update(type=(1, 2))
    if which == (6, 135):
        wanted.update(type=(2, 3))
    for field, (first, after) in wanted.items():
        # ports are one thing: both or neither
        if len(octets) < (4 if field.endswith("port") else after):
            packet["opaque"] = 1
        else:
            packet[field] = int.from_bytes(octets[first:after], "big")
    if packet["tcp_flags"] != UNKNOWN["tcp_flags"]:
        packet["tcp_flags"] &= 0xFFF
        packet["connect"] = int(packet["tcp_flags"] & 0x12 == 0x02)
    if len(octets) < header:
        packet["status"] = "partial"


def classify(packet: dict, rules: list) -> int:
    """The number of the first rule of which every test holds, or -1."""
    if packet["status"] not in JUDGED:
        return -1
    for number, tests in rules:
        if all(low <= packet[field] <= high for field, low, high in tests):
            return number
    return -1


def owner(version: int, address: int, addresses: list) -> int | None:
    """The interface of the first of the host's own addresses that it is; -1: none; None: not its own."""
    for of, own, interface in addresses:
        if (of, own) == (version, address):
            return interface
    return None


def route(version: int, address: int, routes: list) -> int | None:
    """The interface of the narrowest route to an address."""
    found = None
    for of, low, high, interface in routes:
        if of == version and low <= address <= high and (found is None or high - low < found[0]):
            found = high - low, interface
    return found and found[1]


def orient(packet: dict, host: dict, arrival: int | None) -> tuple[str, int, int]:
    """(hook, arrival interface, departure interface) at a host of addresses, groups, routes and zones."""
    if packet["status"] not in JUDGED:
        return "none", -1, -1
    version, src, dst = packet["version"], packet["src_addr"], packet["dst_addr"]
    from_here, to_here = (owner(version, end, host["addresses"]) for end in (src, dst))
    to_group = any(of == version and low <= dst <= high for of, low, high in host["groups"])
    onward, back = route(version, dst, host["routes"]), route(version, src, host["routes"])
    last_resort = arrival if arrival is not None else (0 if host["zones"] else -1)

    def first(*choices: int | None) -> int:
        return next((choice for choice in choices if choice is not None and choice >= 0), last_resort)

    if from_here is not None and to_here is not None:
        return "loop", -1, -1
    if from_here is not None:
        if to_group:
            return "out", -1, first(from_here, onward)
        return "out", -1, first(onward, from_here)
    incoming = first(arrival, to_here, back)
    if to_here is not None or to_group:
        return "in", incoming, -1
    return "forward", incoming, first(onward)


def judge(packet: dict, journey: tuple, host: dict, sets: dict) -> tuple[str, list]:
    """Verdict, and (direction, interface, rule, block, simulate, verdict) of each leg.

    `sets` has "rules", "block", "simulate" as lists for classify, and "deny" as a list by rule number.
    """
    hook, arrival, departure = journey
    if hook in ("none", "loop"):
        return {"none": "unjudged", "loop": "unfiltered"}[hook], []
    crossings = {"in": [(0, arrival)], "out": [(1, departure)], "forward": [(0, arrival), (1, departure)]}[hook]
    legs = []
    for direction, interface in crossings:
        zone = host["zones"][interface] if interface >= 0 else 0
        seen = {**packet, "direction": direction, "routed": int(hook == "forward"), "zone": zone}
        rule, block, simulate = (classify(seen, sets[name]) for name in ("rules", "block", "simulate"))
        if block >= 0:
            verdict, rule = "blocked", -1
            if simulate > block:
                simulate = -1
        else:
            verdict = "denied" if rule < 0 or sets["deny"][rule] else "permitted"
        legs.append((direction, interface, rule, block, simulate, verdict))
        if verdict != "permitted":
            break
    return legs[-1][-1], legs


class Reassembly:
    """Datagrams out of the fragments at hooks "in" and "out", octet by octet. Packets are dicts of `decode`."""

    def __init__(self, timeouts: dict[int, int], overlap_spoils: bool, most: int) -> None:
        self.timeouts, self.overlap_spoils, self.most = timeouts, overlap_spoils, most
        self.trains: dict[tuple, dict] = {}
        self.given_up = self.lost = 0

    def give_up(self, key: tuple) -> None:
        self.given_up += 1
        self.lost += self.trains.pop(key)["packets"]

    def take(self, packet: dict, hook: str, time: int, wire: int) -> tuple[str, dict | None]:
        """("pass", None), ("held", None) or ("whole", the datagram with its "packets" and "octets")."""
        if hook not in ("in", "out") or not packet["fragment"]:
            return "pass", None
        old = packet["version"] == 4
        key = (
            packet["version"],
            packet["src_addr"],
            packet["dst_addr"],
            packet["identification"],
            packet["proto"] if old else None,
        )
        if key in self.trains and time - self.trains[key]["begun"] > self.timeouts[key[0]]:
            self.give_up(key)
        while self.trains:
            oldest, train = next(iter(self.trains.items()))
            if time - train["begun"] <= self.timeouts[oldest[0]]:
                break
            self.give_up(oldest)
        if key not in self.trains:
            if len(self.trains) == self.most:
                self.give_up(next(iter(self.trains)))
            self.trains[key] = {"begun": time, "packets": 0, "octets": 0, "came": {}, "pieces": []}
        train = self.trains[key]
        train["packets"] += 1
        train["octets"] += wire
        self.note(train, packet, overlap_spoils=self.overlap_spoils or not old)
        end, came = train.get("end"), train["came"]
        if train.get("spoilt") or "first" not in train or end is None or any(at not in came for at in range(end)):
            return "held", None
        del self.trains[key]
        first = train["first"]
        header = first["ip_length"] - first["fragment_octets"] - (0 if old else 8)
        whole = {
            **first,
            "ip_length": header + end,
            "upper": first["upper"] - (0 if old or not first["upper"] else 8),
            **dict.fromkeys(("fragment", "fragment_offset", "more_fragments", "fragment_octets"), 0),
        }
        return "whole", {**whole, "packets": train["packets"], "octets": train["octets"]}

    def note(self, train: dict, packet: dict, overlap_spoils: bool) -> None:
        low, last = 8 * packet["fragment_offset"], not packet["more_fragments"]
        high, known = low + packet["fragment_octets"], train.get("end")
        unfragmentable = packet["ip_length"] - packet["fragment_octets"]
        if packet["version"] == 6:
            unfragmentable -= 48
        if unfragmentable + high > 65535:
            return
        if not last and (high - low) % 8:
            return
        if known is not None and (high > known or (last and high != known)):
            return
        if last and known is None and any(at >= high for at in train["came"]):
            return
        if last:
            train["end"] = high
        if low == high:
            return
        if overlap_spoils and any(at in train["came"] for at in range(low, high)):
            if (low, high) not in train["pieces"]:
                train["spoilt"] = True
            return
        train["came"].update(dict.fromkeys(range(low, high)))
        train["pieces"].append((low, high))
        if low == 0:
            train["first"] = packet


# ---- text ------------------------------------------------------------------------------------------------------


def text(parts, row: dict, offset: int = 0) -> str:
    """One row of a template of engine.text, from {column: number}; an address is one number."""
    return "".join(part_text(part, row, offset) for part in parts)


def part_text(part, row: dict, offset: int) -> str:
    match type(part).__name__:
        case "str":
            return part
        case "bytes":
            return part.decode()
        case "Choice":
            return part.texts[row[part.column]].decode()
        case "Number":
            value = row[part.column]
            return part.words[-1 - value] if value < 0 else f"{value:0{part.wide}d}"
        case "Address":
            version, value = row[part.version], row[part.column]
            if version == 4:
                return str(ipaddress.IPv4Address(value))
            return ipv6_text(value) if version == 6 else ""
        case "Stamp":
            seconds = max(row[part.column], 0) // 10**9 + (offset if part.local else 0)
            at = datetime(1970, 1, 1) + timedelta(seconds=seconds)
            return at.strftime(part.form.replace("%e", f"{at.day:2d}").replace("%Y", f"{at.year:04d}"))
        case "Fraction":
            return f"{max(row[part.column], 0) % 10**9:09d}"[: part.digits]
    raise TypeError(part)


def ipv6_text(number: int) -> str:
    """Canonical, and hexadecimal to the end whatever the version of Python makes of addresses that hold one of IPv4."""
    if number >> 32 == 0xFFFF:
        return f"::ffff:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}"
    return str(ipaddress.IPv6Address(number))


# ---- what is told of a batch -----------------------------------------------------------------------------------


def told(legs, tells) -> list[tuple[int, int, int, int]]:
    """(leg, packet, rule, kind) by packet, leg and kind. A leg is a list of (packet, simulate, block, rule), `tells`
    says of each kind which rules tell."""
    found = []
    for leg, rows in enumerate(legs):
        for packet, *rules in rows:
            for kind, (rule, tell) in enumerate(zip(rules, tells, strict=True)):
                if rule >= 0 and tell[rule]:
                    found.append((packet, leg, rule, kind))
    return [
        (leg, packet, rule, kind) for packet, leg, rule, kind in sorted(found, key=lambda one: (*one[:2], one[3]))
    ]


def held_back(events, accounts, interval):
    """Which of the events (time, rule or None) are let through, and the reports (before which of those, rule, time,
    count). An account is a dict with limit, created, expires, credit, refilled, suppressed, since."""
    let, reports = [], []

    def end(account):
        intervals = (account["since"] - account["created"]) // interval + 1
        return min(account["created"] + intervals * interval, account["expires"])

    for time, rule in events:
        late = [(end(each), at) for at, each in enumerate(accounts) if each["suppressed"] and end(each) <= time]
        for when, at in sorted(late):
            reports.append((sum(let), at, when, accounts[at]["suppressed"]))
            accounts[at]["suppressed"] = 0
        let.append(True)
        if rule is None or not accounts[rule]["limit"]:
            continue
        mine = accounts[rule]
        if mine["refilled"] - time > interval:
            mine["refilled"] = time
        mine["credit"] = min(interval, mine["credit"] + max(0, time - mine["refilled"]))
        mine["refilled"] = max(mine["refilled"], time)
        cost = interval // mine["limit"]
        if mine["credit"] >= cost:
            mine["credit"] -= cost
            continue
        let[-1] = False
        mine["since"] = mine["since"] if mine["suppressed"] else time
        mine["suppressed"] += 1
    return let, reports
