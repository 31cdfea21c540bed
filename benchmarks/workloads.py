"""Rule sets, policies and traffic by size and seed, and the clock that times what is done with them.

policy(10_000, seed)                      text of a policy
rules("default-heavy", 1000, seed)        engine rules
traffic("IPv6", 4096, seed)               IP packets as octets
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any, NamedTuple

from engine import Rule, Test


class Row(NamedTuple):
    """One figure. `first` is the first call of the process in seconds, `reference` the rate of the slow twin."""

    benchmark: str
    case: str
    value: float
    unit: str
    first: float | None = None
    reference: float | None = None
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def rate(work: Callable[[], Any], items: int, least: float = 0.3, runs: int = 5) -> float:
    """Items a second of a call that works on so many: the median of some runs of `least` seconds together."""
    calls = max(1, round(least / runs / max(timed(work), 1e-9)))

    def run() -> float:
        return timed(lambda: [work() for _ in range(calls)])

    return items * calls / median(run() for _ in range(runs))


# ---- policies --------------------------------------------------------------------------------------------------


def policy(rules: int, seed: int = 1) -> str:
    """A policy as a large site has it: half of the rules in groups, some 200 shared services and address groups,
    the rest inline, one to three destinations each."""
    random = Random(seed)
    groups, shared = max(1, rules // 100), max(1, min(200, rules // 10))
    blocks = [_service(f"Service{n}", random) for n in range(shared)] + [_lan(n, random) for n in range(shared)]
    blocks += [
        f"IpGenericFilterAction {name}\n{{\n  IpFilterAction {action}\n  IpFilterLogging {logging}\n}}\n"
        for name, action, logging in (
            ("permit", "Permit", "No"),
            ("permit-log", "Permit", "Yes"),
            ("deny", "Deny", "Yes"),
        )
    ]
    grouped = range(rules // 2)
    for n in range(groups):
        members = "".join(f"  IpFilterRuleRef Rule{rule}\n" for rule in grouped[n::groups])
        blocks.append(f"IpFilterGroup Group{n}\n{{\n{members}}}\n")
    blocks += [_rule(n, shared, random) for n in range(rules)]
    named = [f"  IpFilterGroupRef Group{n}\n" for n in range(groups) if grouped[n::groups]]
    named += [f"  IpFilterRuleRef Rule{n}\n" for n in range(len(grouped), rules)]
    blocks[:0] = ["IpFilterPolicy\n{\n  FilterLogging on\n" + "".join(named) + "}\n"]
    return "".join(block for block in blocks if "{\n}" not in block)


def _address(random: Random) -> str:
    return f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def _lan(n: int, random: Random) -> str:
    sets = "".join(f"  IpAddrSet\n  {{\n    Prefix {_address(random).rsplit('.', 1)[0]}.0/24\n  }}\n" for _ in range(2))
    return f"IpAddrGroup Lan{n}\n{{\n{sets}}}\n"


def _service(name: str, random: Random, indent: str = "") -> str:
    lines = [f"IpService {name}".rstrip(), "{", f"  Protocol {random.choice(('Tcp', 'Tcp', 'Udp'))}"]
    port = random.randrange(1, 49151)
    lines += [f"  SourcePortRange {port}", "  DestinationPortRange 1024 65535"]
    lines += [
        f"  Direction bidirectional {random.choice(('InboundConnect', 'OutboundConnect', ''))}",
        "  Routing local",
    ]
    return "".join(f"{indent}{line}\n" for line in (*lines, "}"))


def _rule(n: int, shared: int, random: Random) -> str:
    lines = [f"IpFilterRule Rule{n}", "{", "  IpSourceAddr 10.1.1.2"]
    if random.random() < 0.5:
        lines.append(f"  IpDestAddrGroupRef Lan{random.randrange(shared)}")
    else:
        lines += [f"  IpDestAddr {_address(random)}" for _ in range(random.choice((1, 1, 2, 3)))]
    if random.random() < 0.5:
        lines.append(f"  IpServiceRef Service{random.randrange(shared)}")
    else:
        lines.append(_service("", random, "  ").rstrip("\n"))
    lines += [f"  IpGenericFilterActionRef {random.choice(('permit', 'permit', 'permit-log', 'deny'))}", "}", ""]
    return "\n".join(lines)


# ---- rules of the engine and packets ---------------------------------------------------------------------------

KINDS = ("permit-heavy", "default-heavy", "IPv6")
SIZES = (10, 100, 1000, 10_000)
HOSTS = 2**16  # addresses of traffic; rules are about some of them


def rules(kind: str, count: int, seed: int = 1) -> list[Rule]:
    """Address pairs, protocols and ports; the last rule takes the rest. "permit-heavy": the first tenth, by address
    alone, takes most packets; "default-heavy": no other rule takes one; "IPv6": like the first, with 128-bit ranges."""
    random = Random(seed)
    version = 6 if kind == "IPv6" else 4
    some = max(3, count // 10)
    made = []
    for number in range(count - 1):
        wide = kind != "default-heavy" and number < some
        size = 2 * HOSTS // (some + 1) if wide else random.choice((1, 1, 16, 256))
        tests = [Test("version", version, version)]
        for field in ("src_addr", "dst_addr") if number % 2 and not wide else ("dst_addr",):
            low = _host(version, random.randrange(HOSTS // size) * size)
            if kind == "default-heavy":
                low += 2**20  # where no packet is
            tests.append(Test(field, low, low + size - 1))
        if not wide:
            tests.append(Test("proto", 6, 6))
            port = random.randrange(1, 1024)
            tests.append(Test("dst_port", port, port + random.choice((0, 0, 10))))
        made.append(Rule(number, tuple(tests)))
    return [*made, Rule(count - 1)]


def _host(version: int, number: int) -> int:
    return (0x0A000000 if version == 4 else 0x20010DB8 << 96) + number


def traffic(kind: str, packets: int, seed: int = 1) -> list[bytes]:
    """IP packets between random hosts: three in four TCP, else UDP and ICMP; IPv6 ones now and then with an extension
    header."""
    random = Random(seed)
    return [_packet(6 if kind == "IPv6" else 4, random) for _ in range(packets)]


def _packet(version: int, random: Random) -> bytes:
    ends = [_host(version, random.randrange(HOSTS)) for _ in "sd"]
    return packet(version, *ends, random)


def packet(version: int, source: int, dest: int, random: Random) -> bytes:
    """One packet between two addresses."""
    proto = random.choice((6, 6, 6, 17, 1 if version == 4 else 58, 6, 6, 17))
    ports = random.randrange(1024, 65536), random.choice((21, 22, 80, 443, random.randrange(1, 1024)))
    if proto == 6:
        upper = struct.pack("!HHIIHHI", *ports, 1, 1, 0x5010, 8192, 0)
    elif proto == 17:
        upper = struct.pack("!HHHH", *ports, 8, 0)
    else:
        upper = struct.pack("!BBHI", 8 if version == 4 else 128, 0, 0, 1)
    upper += bytes(random.choice((0, 8, 64)))
    if version == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(upper), 1, 0, 64, proto, 0)
        return header + source.to_bytes(4, "big") + dest.to_bytes(4, "big") + upper
    if random.random() < 0.2:
        upper, proto = struct.pack("!BB6x", proto, 0) + upper, 60
    header = struct.pack("!IHBB", 6 << 28, len(upper), proto, 64)
    return header + source.to_bytes(16, "big") + dest.to_bytes(16, "big") + upper


def ethernet(packet: bytes, tagged: bool = False) -> bytes:
    """The packet in an Ethernet frame, perhaps with a VLAN tag."""
    ethertype = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + (b"\x81\x00\x00\x07" if tagged else b"") + ethertype + packet
