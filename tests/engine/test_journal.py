"""What rules tell of a batch and what quotas hold back, beside the slow twin."""

from __future__ import annotations

import random

import pytest
import reference

from engine.arrays import as_array, blank, zeros
from engine.kernels.journal import hold_back, keep_only, list_told

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
