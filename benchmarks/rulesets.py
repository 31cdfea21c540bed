"""Rule sets and traffic, by size and seed: ClassBench files, and policies as z/OS systems have them.

A workload is a list of engine rules numbered from 0 in order. Traffic is Headers, drawn from the rules: a rule by
chance, a point within its box, one in eight packets at the box's corners; what the rule does not test is drawn as
packets have it.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.fields import COLUMN, COLUMNS, FIELD, FIELDS
from engine.headers import Headers
from engine.rules import Rule, Test

TRAFFIC = ("uniform", "zipf", "pareto")
FLOWS = 65_536

Bounds = dict[str, tuple[Any, Any]]  # field -> u8[rules] low, high; addresses as (high, low) words of 64 bits


def classbench(path: Path) -> list[Rule]:
    """The rules of a ClassBench file: two prefixes, two port ranges, a protocol."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    rules = []
    for line in text.splitlines():
        if not line.startswith("@"):
            continue
        words = line[1:].replace(":", " ").split()
        tests = [Test("version", 4, 4)]
        for field, word in zip(("src_addr", "dst_addr"), words, strict=False):
            network = ip_network(word, strict=False)
            if network.prefixlen:
                tests.append(Test(field, int(network[0]), int(network[-1])))
        for field, low, high in (("src_port", *words[2:4]), ("dst_port", *words[4:6])):
            if (int(low), int(high)) != (0, 65535):
                tests.append(Test(field, int(low), int(high)))
        proto, mask = (int(part, 16) for part in words[6].split("/"))
        if mask:
            tests.append(Test("proto", proto, proto))
        rules.append(Rule(len(rules), tuple(tests)))
    return rules


def grown(rules: Sequence[Rule], count: int, seed: int = 1) -> list[Rule]:
    """A larger set of the same family: copies whose addresses are moved elsewhere, bit by bit alike."""
    draw, result, seen = random.Random(seed), [], set()
    while len(result) < count:
        mask = {"src_addr": draw.getrandbits(24) << 8, "dst_addr": draw.getrandbits(24) << 8}
        for rule in rules:
            tests = []
            for field, low, high in rule.tests:
                size = high - low
                moved = (low ^ mask[field]) & ~size if field in mask and not size & (size + 1) else low
                tests.append(Test(field, moved, moved + size))
            if (key := tuple(tests)) not in seen and len(result) < count:
                seen.add(key)
                result.append(Rule(len(result), key))
    return sorted_by_width(result)


def sorted_by_width(rules: Sequence[Rule]) -> list[Rule]:
    """Narrow rules first, as filter sets have them, or the first wildcard would hide the rest."""
    widths = {test: (test.high - test.low + 1).bit_length() for rule in rules for test in rule.tests}
    untested = {"src_addr": 33, "dst_addr": 33, "src_port": 17, "dst_port": 17, "proto": 9}

    def width(rule: Rule) -> int:
        had = {test.field: widths[test] for test in rule.tests}
        return sum(had.get(field, most) for field, most in untested.items())

    return [Rule(i, rule.tests) for i, rule in enumerate(sorted(rules, key=width))]


class Service(NamedTuple):
    """What a policy's IpService says; a few of them are used by many rules."""

    tests: tuple[Test, ...]
    served: tuple[int, int]
    client: tuple[int, int]
    connect: bool


def policy(count: int, version: int, seed: int = 1) -> list[Rule]:
    """Installed filters as a z/OS policy expands to: services between hosts, networks and ranges, both directions."""
    draw = random.Random(seed * 1000 + version)
    bits = 32 if version == 4 else 128
    any_port = (0, 65535)

    def network() -> tuple[int, int]:
        length = draw.choice((16, 24, 24, 28)) if version == 4 else draw.choice((32, 48, 64, 64))
        base = (10 << 24 | draw.getrandbits(24)) if version == 4 else (0x20010DB8 << 96 | draw.getrandbits(96))
        low = base >> bits - length << bits - length
        return low, low + (1 << bits - length) - 1

    sites = [network() for _ in range(max(4, count // 40))]

    def peer() -> tuple[int, int] | None:
        kind, (low, high) = draw.random(), draw.choice(sites)
        if kind < 0.15:
            return None
        if kind < 0.45:
            return low, high
        host = low + draw.randrange(1, 250) if draw.random() < 0.7 else draw.randint(low, high)
        if kind < 0.85:
            return host, host
        return min(host, high), min(host + draw.randrange(2, 60), high)

    locals_ = [draw.choice(sites)[0] + draw.randrange(1, 200) for _ in range(6)]
    wellknown = (20, 21, 22, 23, 25, 53, 80, 123, 137, 161, 389, 443, 446, 500, 515, 636, 992, 1414, 1521, 2809, 3389,
                 5000, 5023, 8080, 9443, 12000, 20000)  # fmt: skip
    icmp = (1, (0, 3, 8, 11)) if version == 4 else (58, (1, 128, 129, 133, 135, 136))

    def service() -> Service:
        kind = draw.random()
        tests: list[Test] = []
        served = client = any_port
        if kind < 0.75:
            tests.append(Test("proto", *(6, 6) if kind < 0.55 else (17, 17)))
            port = draw.choice(wellknown)
            served = (port, port if draw.random() < 0.85 else min(65535, port + draw.choice((9, 99, 999))))
            client = (1024, 65535) if draw.random() < 0.6 else any_port
        elif kind < 0.88:
            type_ = draw.choice(icmp[1])
            tests += [Test("proto", icmp[0], icmp[0]), Test("type", type_, type_)]
            if draw.random() < 0.5:
                tests.append(Test("code", 0, draw.choice((0, 0, 255))))
        elif kind < 0.93:
            tests.append(Test("fragment", 1, 1))
        else:
            tests.append(Test("proto", *(draw.choice((47, 50, 51, 89)),) * 2))
        scope, zone = draw.choice((0, 0, 0, 1, None)), draw.choice((None, None, None, 1, 2, 3, 255))
        tests += [Test(field, one, one) for field, one in (("routed", scope), ("zone", zone)) if one is not None]
        return Service(tuple(tests), served, client, kind < 0.2)

    services = [service() for _ in range(10 + int(count**0.5))]
    result: list[Rule] = []
    while len(result) < count - 2:
        here, there, of = draw.choice(locals_), peer(), draw.choice(services)
        for direction in (0, 1):
            tests = [Test("version", version, version), Test("direction", direction, direction), *of.tests]
            ends = (("src", (here, here), of.served), ("dst", there, of.client))
            if not direction:
                ends = (("dst", (here, here), of.served), ("src", there, of.client))
            for side, address, port in ends:
                if address:
                    tests.append(Test(f"{side}_addr", *address))
                if port != any_port:
                    tests.append(Test(f"{side}_port", *port))
            if of.connect and not direction:
                tests.append(Test("connect", 1, 1))
            result.append(Rule(len(result), tuple(tests)))
    result = result[: max(0, count - 2)]
    for direction in (0, 1):
        result.append(Rule(len(result), (Test("version", version, version), Test("direction", direction, direction))))
    return result


def bounds(rules: Sequence[Rule]) -> Bounds:
    """What each rule asks of each field, as arrays; the widest where it asks nothing."""
    found: Bounds = {}
    for name in dict.fromkeys(test.field for rule in rules for test in rule.tests):
        top = min(FIELD[name].unknown, (1 << 32 * FIELD[name].words) - 1)
        spans = [(0, top)] * len(rules)
        for r, rule in enumerate(rules):
            for test in rule.tests:
                if test.field == name:
                    spans[r] = max(test.low, spans[r][0]), min(test.high, spans[r][1])
        halves = [
            np.array([[end >> 64, end & 2**64 - 1] for end in ends], np.uint64) for ends in zip(*spans, strict=True)
        ]
        found[name] = halves[0], halves[1]
    return found


def _within(g: np.random.Generator, low: Any, high: Any) -> Any:
    """A point of [low, high], of words of 64 bits."""
    return np.where(high > low, low + g.integers(0, 2**63, len(low), np.uint64) % (high - low + np.uint64(1) | (high - low == 2**64 - 1)), low)  # fmt: skip  # noqa: E501


def _draw(rules: Sequence[Rule], n: int, g: np.random.Generator) -> dict[str, Any]:
    of = bounds(rules)
    r, corner = g.integers(0, len(rules), n), g.random(n) < 0.125
    column: dict[str, Any] = {}
    version = of["version"][0][r, 1] if "version" in of else np.full(n, 4, np.uint64)
    usual = {
        "proto": (6, 17), "src_port": range(65536), "dst_port": range(65536), "type": (256,), "code": (256,),
        "connect": (0, 0, 0, 1), "direction": (0, 1), "routed": (0, 0, 1), "zone": (0, 1, 2, 3, 255),
        "fragment": (0,) * 19 + (1,), "tcp_flags": (2, 16, 24, 17),
    }  # fmt: skip
    for field in FIELDS:
        name, words = field.name, np.zeros((n, 2), np.uint64)
        if name == "version":
            words[:, 1] = version
        elif name in usual:
            words[:, 1] = g.choice(np.array(usual[name], np.uint64), n)
        elif field.words == 4:
            words = g.integers(0, 2**64 - 1, (n, 2), np.uint64, endpoint=True)
            words[version == 4, 0] = 0
            words[version == 4, 1] >>= np.uint64(32)
        if name in of and name != "version":
            low, high = of[name][0][r], of[name][1][r]
            top = min(field.unknown, (1 << 32 * field.words) - 1)
            asked = ~((low == 0).all(1) & (high[:, 1] == top & 2**64 - 1) & (high[:, 0] == top >> 64))
            point = np.empty_like(low)
            point[:, 0] = _within(g, low[:, 0], high[:, 0])
            inside = low[:, 0] == high[:, 0]
            point[:, 1] = np.where(inside, _within(g, low[:, 1], np.where(inside, high[:, 1], low[:, 1])),
                                   g.integers(0, 2**64 - 1, n, np.uint64, endpoint=True))  # fmt: skip
            side = np.where((g.random(n) < 0.5)[:, None], low, high)
            words = np.where(asked[:, None], np.where(corner[:, None], side, point), words)
        column[name] = words
    return column


def traffic(rules: Sequence[Rule], n: int, mode: str = "uniform", seed: int = 7) -> Headers:
    """n packets for these rules: each drawn anew, from Zipf's distribution over FLOWS of them, or in Pareto bursts."""
    g = np.random.default_rng(seed)
    if mode == "uniform":
        drawn, which = _draw(rules, n, g), np.arange(n)
    elif mode == "zipf":
        share = np.cumsum(1 / np.arange(1, FLOWS + 1))
        drawn, which = _draw(rules, FLOWS, g), np.searchsorted(share / share[-1], g.random(n))
    else:
        bursts = np.minimum(np.maximum(1, np.ceil(0.1 / (1 - g.random(n)))), 100_000).astype(np.int64)
        bursts = bursts[: np.searchsorted(np.cumsum(bursts), n) + 1]
        drawn, which = _draw(rules, len(bursts), g), np.repeat(np.arange(len(bursts)), bursts)[:n]
    value = np.zeros((COLUMNS, n), np.uint32)
    for field in FIELDS:
        words, first = drawn[field.name][which], COLUMN[field.name]
        for word in range(field.words):
            shift = 32 * (field.words - 1 - word)
            value[first + word] = (words[:, 1 - shift // 64] >> np.uint64(shift % 64)) & np.uint64(2**32 - 1)
    return Headers(value.ravel(), np.zeros(n, np.uint8), n, bool((value[COLUMN["version"]] == 6).any()))


def brute(rules: Sequence[Rule], headers: Headers, packets: Sequence[int]) -> list[int]:
    """The first rule that matches each of these packets, by asking all of them."""
    of, n, found = bounds(rules), headers.count, []
    for p in packets:
        holds = np.ones(len(rules), bool)
        for name, (low, high) in of.items():
            words = [int(headers.value[(COLUMN[name] + word) * n + p]) for word in range(FIELD[name].words)]
            whole = 0
            for word in words:
                whole = whole << 32 | word
            a, b = np.uint64(whole >> 64), np.uint64(whole & 2**64 - 1)
            holds &= (low[:, 0] < a) | ((low[:, 0] == a) & (low[:, 1] <= b))
            holds &= (high[:, 0] > a) | ((high[:, 0] == a) & (high[:, 1] >= b))
        first = int(holds.argmax()) if len(rules) else 0
        found.append(first if len(rules) and holds[first] else -1)
    return found
