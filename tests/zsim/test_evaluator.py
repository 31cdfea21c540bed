"""Random policies and packets: what zsim installs and decides is what a plain reading of the reference says.

    python -m tests.zsim.test_evaluator --cases 1000000 [--seed 1] [--jobs 2]     runs as many cases, prints figures

A case is one packet against one stack. Every case goes through System.receive twice, in plain and in compiled mode.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import NamedTuple

import pytest

import engine
from tests.zsim import evaluator, generator
from tests.zsim.evaluator import Leg, Row
from tests.zsim.generator import Sent, World
from tests.zsim.systems import NOW, RAW_IP, chain, unstarted
from zsim.findings import ERROR
from zsim.system import System
from zsim.tcpip.traffic import Outcome, Prepared

PACKETS = 500  # against each policy


class Stack(NamedTuple):
    """A system started from random text, and what its filters ought to be."""

    system: System
    here: World
    rows: list[Row]
    logging: bool


def stack(seed: int) -> Stack:
    """One seed in four is a stack without a Policy Agent."""
    random = Random(seed)
    here = generator.world(random)
    if seed % 4 == 3:
        system = unstarted({**chain("", here.profile)}, tasks="-CPAGENT -TRMD")
        rows = evaluator.profile_rows(here.ipsec, here.filtered)
        logging = here.ipsec.logenable
    else:
        made = generator.policy(random, random.choice((1, 3, 6, 10)))
        system = unstarted(chain(made.text, here.profile), tasks="-TRMD")
        rows = evaluator.policy_rows(made, here.filtered)
        logging = made.logging
    errors = [each for each in system.start(NOW)[1] if each.severity == ERROR]
    assert not errors, f"seed {seed}: {errors[0]}"
    return Stack(system, here, rows, logging)


def installed(system: System) -> list[Row]:
    """The filters in force, without those outside their time and those no report shows."""
    in_force = system.stack.in_force
    assert in_force is not None
    return [
        evaluator.row(in_force.filters[at]) for at in in_force.active(system.clock.now, 0)
        if not in_force.filters[at].hidden
    ]  # fmt: skip


# ---- expansion -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_expansion__installs_what_the_reference_says(first: int) -> None:
    for seed in range(first, first + 100):
        made = stack(seed)
        assert installed(made.system) == made.rows, f"seed {seed}"


# ---- packets ---------------------------------------------------------------------------------------------------


def differences(seed: int, count: int, tally: Counter[str]) -> Iterator[str]:
    """What zsim and the evaluator disagree on, in `count` packets against the stack of a seed."""
    made = stack(seed)
    random = Random(-1 - seed)
    arrival = random.choice((None, None, *(port.name for port in made.here.ports)))
    rows = installed(made.system)
    sent = generator.packets(random, made.here, [row for row in rows if not _implicit(row)] or rows, count)
    expected = [expectation(each, arrival, made.here, rows) for each in sent]
    octets = [(NOW + at, frame) for at, frame in enumerate(frame for each in sent for frame in each.frames)]
    for verdict, found in expected:
        tally[verdict] += 1
        tally["implicit denies"] += sum(isinstance(leg.by, Row) and _implicit(leg.by) for leg in found)
        tally["forwarded"] += len(found) > 1
    for compiled in (False, True):
        prepared = made.system.prepare(compiled)
        outcome, _ = made.system.receive(engine.frames_of(octets, RAW_IP, compiled), arrival, prepared)
        mode = "compiled" if compiled else "plain"
        for at, (which, thought) in enumerate(zip(_frames(sent, expected), _heard(prepared, outcome), strict=True)):
            if which[1:] != thought:
                yield (
                    f"seed {seed}, frame {at} of {count} packets, {mode}, arrival {arrival}:\n  {which[0]}\n"
                    f"  reference: {which[1:]}\n  zsim:      {thought}\n  octets: {octets[at][1].hex()}"
                )
        where = f"seed {seed}, {count} packets, {mode}"
        counted = Counter(leg.by for _, found in expected for leg in found if isinstance(leg.by, Row))
        shown = {
            evaluator.row(rule): hits.matches
            for rule, hits in zip(prepared.rows, outcome.hits, strict=True)
            if hits.matches and not rule.hidden
        }
        if counted != shown:
            yield f"{where}: matches {counted - Counter(shown)}, {Counter(shown) - counted}"
        logged = Counter(
            (leg.by, leg.direction) for _, found in expected for leg in found
            if made.logging and isinstance(leg.by, Row) and evaluator.logs(leg.by)
        )  # fmt: skip
        events = Counter(
            (evaluator.row(event.rule), evaluator.INBOUND if event.inbound else evaluator.OUTBOUND)
            for event in outcome.events
        )
        if logged != events:
            yield f"{where}: records {logged - events}, {events - logged}"


def _implicit(row: Row) -> bool:
    return row.name.startswith(("SYSDEFAULTDENYRULE", "DenyAllRule_Generated"))


def expectation(sent: Sent, arrival: str | None, here: World, rows: list[Row]) -> tuple[str, list[Leg]]:
    """What the reference says of a packet; nothing of a datagram that stays incomplete."""
    verdict, found = evaluator.legs(sent.view, arrival, here, rows)
    return (verdict, found) if sent.whole or verdict == "unfiltered" else ("unjudged", [])


def _frames(sent: list[Sent], expected: list[tuple[str, list[Leg]]]) -> Iterator[tuple[object, str, list[Leg]]]:
    """View, verdict and legs of each frame: a datagram is judged with the last of its fragments."""
    for each, (verdict, found) in zip(sent, expected, strict=True):
        alone = verdict == "unfiltered"  # reassembly is for what is filtered
        for _ in each.frames[:-1]:
            yield each.view, verdict if alone else "unjudged", []
        yield each.view, verdict, found


def _heard(prepared: Prepared, outcome: Outcome) -> Iterator[tuple[str, list[Leg]]]:
    """What zsim says of each frame, in the evaluator's words."""
    found: list[list[Leg]] = [[] for _ in range(outcome.headers.count)]
    words = {"(not forwarded)": evaluator.NOT_FORWARDED, "(neighbour discovery)": evaluator.DISCOVERY}
    for leg in outcome.judgement.legs:
        direction = evaluator.OUTBOUND if leg.direction else evaluator.INBOUND
        for packet, number, verdict in zip(leg.packet, leg.rule, leg.verdict, strict=True):
            rule = prepared.rows[number]
            by = words.get(rule.name, evaluator.UNFILTERED) if rule.hidden else evaluator.row(rule)
            found[packet].append(Leg(direction, by, engine.VERDICTS[verdict]))
    for at, each in enumerate(found):
        yield engine.VERDICTS[outcome.judgement.verdict[at]], each


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_packets__are_decided_as_the_reference_says(first: int) -> None:
    tally: Counter[str] = Counter()
    wrong = [each for seed in range(first, first + 10) for each in differences(seed, PACKETS, tally)]
    assert not wrong, f"{len(wrong)} differences, the first: {wrong[0]}"
    assert min(tally[each] for each in ("permitted", "denied", "unfiltered", "forwarded", "implicit denies")) > 0


# ---- many more -------------------------------------------------------------------------------------------------


def _some(seeds: range) -> tuple[int, Counter[str], list[str]]:
    tally: Counter[str] = Counter()
    return len(seeds) * PACKETS, tally, [each for seed in seeds for each in differences(seed, PACKETS, tally)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000, help="how many packets (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    begun, done, wrong = time.monotonic(), 0, 0
    tally: Counter[str] = Counter()
    seeds = range(options.seed, options.seed + -(-options.cases // PACKETS))
    with ProcessPoolExecutor(options.jobs) as pool:
        for cases, more, found in pool.map(_some, (seeds[at : at + 20] for at in range(0, len(seeds), 20))):
            done += cases
            tally += more
            for each in found[:3]:
                print(each, file=sys.stderr)
            wrong += len(found)
    print(f"{done:,} cases against {len(seeds):,} stacks in {time.monotonic() - begun:.0f} s: {wrong} differences")
    print(", ".join(f"{name} {count:,}" for name, count in sorted(tally.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
