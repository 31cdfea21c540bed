"""What rules tell of a batch and what quotas hold back, beside the slow twin."""

from __future__ import annotations

import random

import pytest
import reference

import engine
from engine.arrays import as_array, blank, zeros
from engine.build import frames_of
from engine.fields import FIELDS
from engine.journal import PLACE, RULE, TIME, Judged, Plan, place, rule_text
from engine.journal import list_told as list_of
from engine.kernels.journal import hold_back, keep_only, list_told
from engine.text import Address, Number, Template

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
INTERVAL = 300


def some_leg(chance: random.Random, rules: int) -> list[tuple[int, int, int, int]]:
    packets = sorted(chance.sample(range(40), chance.randrange(20)))
    return [(packet, *(chance.randrange(-1, rules) for _ in range(3))) for packet in packets]


@MODES
@pytest.mark.parametrize("seed", range(40))
def test_told__in_the_order_of_packets_legs_and_kinds(seed, compiled) -> None:
    chance = random.Random(seed)
    legs = [some_leg(chance, 5), some_leg(chance, 5)]
    tells = [[chance.randrange(2) for _ in range(5)] for _ in range(3)]
    given = []
    for leg in legs:
        columns = list(zip(*leg, strict=True)) or [()] * 4
        given += [as_array(column, "i4", compiled) for column in columns] + [len(leg)]
    most = 3 * sum(map(len, legs))
    out = [blank(kind, most, compiled) for kind in ("u1", "i4", "i4", "u1")]
    n = list_told(*given, *(as_array(tell, "u1", compiled) for tell in tells), *out)
    assert list(zip(*(column.tolist()[:n] for column in out), strict=True)) == reference.told(legs, tells)


ACCOUNT = ("limit", "created", "expires", "credit", "refilled", "suppressed", "since")


def some_account(chance: random.Random) -> dict[str, int]:
    created = chance.randrange(300)
    held = chance.choice((0, 0, 3))
    return {
        "limit": chance.choice((0, 1, 2, 7, 9999)), "created": created, "expires": created + chance.choice((700,
        10**6)),
        "credit": chance.choice((0, 150, INTERVAL)), "refilled": created, "suppressed": held, "since": created + 5,
    }  # fmt: skip


@MODES
@pytest.mark.parametrize("seed", range(60))
def test_quotas__let_through_and_report_what_the_twin_does(seed, compiled) -> None:
    chance = random.Random(seed)
    accounts = [some_account(chance) for _ in range(chance.randrange(1, 5))]
    now, events = 300, []
    for _ in range(chance.randrange(200)):
        now += chance.choice((0, 0, 1, 5, 40, 400, -30, chance.choice((5, -900))))
        events.append((now, chance.choice((None, *range(len(accounts))))))
    n, first = len(events), 7
    time = as_array([time for time, _ in events], "i8", compiled)
    rule = as_array([0 if rule is None else first + rule for _, rule in events], "i4", compiled)
    kind = as_array([2 if rule is None else chance.randrange(2) for _, rule in events], "u1", compiled)
    columns = [as_array([account[name] for account in accounts], "i8", compiled) for name in ACCOUNT]
    keep, told = zeros("u1", n, compiled), [blank("i8", n + len(accounts), compiled) for _ in range(4)]
    reports = hold_back(time, rule, kind, n, first, len(accounts), INTERVAL, *columns, keep, *told)
    let, expected = reference.held_back(events, accounts, INTERVAL)
    assert [bool(flag) for flag in keep.tolist()] == let
    rows = zip(*(column.tolist()[:reports] for column in told), strict=True)
    assert [(sum(let[:before]), *rest) for before, *rest in rows] == expected
    assert [column.tolist() for column in columns] == [[account[name] for account in accounts] for name in ACCOUNT]
    entry = [as_array(range(n), each, compiled) for each in ("u1", "i4", "i4", "u1")]
    m = keep_only(keep, n, *entry)
    assert entry[1].tolist()[:m] == [at for at, flag in enumerate(let) if flag]


def some_packet(chance: random.Random) -> bytes:
    """IPv4 or IPv6, to, from and past a host with the addresses 10.0.0.1 and ::1, some of it cut."""
    ends = chance.sample((1, 2, 3), 2)
    proto = chance.choice((1, 6, 17, 58, 89, 135, 99))
    data = chance.randbytes(chance.choice((4, 24)))
    if chance.random() < 0.3:
        wide = b"".join(end.to_bytes(16, "big") for end in ends)
        return bytes((0x60, 0, 0, 0, 0, len(data), proto, 9)) + wide + data
    narrow = b"".join((0x0A000000 + end).to_bytes(4, "big") for end in ends)
    return bytes((0x45, 0, 0, 20 + len(data), 0, 0, 0, 0, 9, proto, 0, 0)) + narrow + data


@MODES
@pytest.mark.parametrize("seed", range(8))
def test_columns__say_what_the_headers_of_the_legs_say(seed, compiled) -> None:
    chance = random.Random(seed)
    frames = frames_of([(1000 * at, some_packet(chance)) for at in range(60)], 101, compiled)
    host = engine.place([(4, 0x0A000001, 0), (6, 1, 1)], [], [(4, 0, 2**32 - 1, 1)], [7, 9], compiled)
    headers = engine.decode(frames)
    journey = engine.orient(headers, host)
    rules = [engine.Rule(at, (engine.Test("proto", proto, proto),)) for at, proto in enumerate((6, 17, 1, 58))]
    asked = engine.RuleSet(engine.compile_rules(rules, compiled), bytes((0, 0, 1, 0)), bytes((1, 0, 1, 1)))
    judgement = engine.judge(headers, journey, host, asked)
    journal = list_of(judgement, asked)
    single = [field.name for field in FIELDS if field.words == 1]
    ports = {6: "src_port", 1: "type", 58: "type"}
    sources = {"when": TIME, "what": RULE, "where": PLACE, "of": ports}
    parts = [Number(name) for name in (*single, *sources)]
    template = Template([*parts, Address("version", "src_addr"), Address("version", "dst_addr")])
    first, last = journal.count // 3, journal.count
    made = Plan(template, sources, compiled).columns(frames, Judged(headers, journey, host.zones), journal, first, last)
    at, n = template.columns, last - first
    assert n
    for i in range(n):
        leg = judgement.legs[journal.leg[first + i]]
        row, rule = leg.packet.tolist().index(journal.packet[first + i]), int(journal.rule[first + i])
        said = {name: engine.cell(leg.headers, name, row) for name in (*single, "src_addr", "dst_addr")}
        port = said[ports[said["proto"]]] if said["proto"] in ports else -2
        expected = {name: said[name] for name in single} | {
            "when": int(frames.time[leg.packet[row]]), "what": rule_text(rule, False),
            "where": place(int(leg.interface[row]), said["version"], leg.direction, bool(said["routed"])),
            "of": -1 if port == engine.FIELD[ports.get(said["proto"], "type")].unknown else port,
        }  # fmt: skip
        assert {name: int(made.cells[at[name] * n + i]) for name in expected} == expected
        for name in ("src_addr", "dst_addr"):
            words = [int(made.cells[(at[name] + word) * n + i]) for word in range(4)]
            assert words[3] | words[2] << 32 | words[1] << 64 | words[0] << 96 == said[name]
