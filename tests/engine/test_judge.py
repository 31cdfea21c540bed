"""A host's view and its verdicts: journeys, legs, blocks and simulations; both modes equal the reference."""

from random import Random

import numpy as np
import pytest
from captures import both_modes, each_capture, octets_of, packets, read
from hypothesis import given
from hypothesis import strategies as st
from reference import judge as reference_judge
from reference import orient as reference_orient
from test_decode import ip, ip6, tcp

import engine
from engine import HOOKS, VERDICTS, Rule, RuleSet, Test
from engine.kernels import journey, quick

HOME, OTHER_HOME, VIPA, PEER, FAR = 0x0A010102, 0xC0A8014A, 0x0A0A0A0A, 0x0A010002, 0x08080808
ALL_HOSTS = 0xE0000001
HOST = {
    "addresses": [(4, HOME, 0), (4, OTHER_HOME, 1), (4, VIPA, -1), (6, 2, 0)],
    "groups": [(4, ALL_HOSTS, ALL_HOSTS), (4, 0xE0000005, 0xE0000006)],
    "routes": [(4, 0, 2**32 - 1, 1), (4, 0x0A010000, 0x0A01FFFF, 0)],
    "zones": [255, 100],
}
ALL = [Rule(0)]
NO = {"rules": ALL, "block": [], "simulate": [], "deny": [0], "log": [1]}


def place(host, compiled=False):
    return engine.place(host["addresses"], host["groups"], host["routes"], host["zones"], compiled)


def judge(frames, host, sets, arrival=None):
    """Journeys and verdicts of a batch as plain Python, in the form of the reference."""
    headers = engine.decode(frames)
    compiled = headers.compiled
    vantage = place(host, compiled)
    journeyed = engine.orient(headers, vantage, arrival)
    flags = [0] * 1000
    rules, block, simulate = (
        RuleSet(engine.compile_rules(sets[name], compiled), sets["deny"] if name == "rules" else flags, flags)
        for name in ("rules", "block", "simulate")
    )
    judgement = engine.judge(headers, journeyed, vantage, rules, block, simulate)
    journeys = list(
        zip(
            (HOOKS[hook] for hook in journeyed.hook),
            journeyed.arrival.tolist(),
            journeyed.departure.tolist(),
            strict=True,
        )
    )
    legs = [[] for _ in range(headers.count)]
    for leg in judgement.legs:
        for i in range(leg.count):
            seen = packets(leg.headers)[i]
            assert seen["direction"] == leg.direction
            assert seen["routed"] == (journeys[leg.packet[i]][0] == "forward")
            columns = (leg.interface, leg.rule, leg.block, leg.simulate)
            legs[leg.packet[i]].append(
                (leg.direction, *(int(column[i]) for column in columns), VERDICTS[leg.verdict[i]])
            )
    verdicts = [VERDICTS[verdict] for verdict in judgement.verdict]
    return journeys, list(zip(verdicts, legs, strict=True))


def expected(frames, host, sets, arrival=None):
    decoded = packets(engine.decode(frames))
    journeys = [reference_orient(packet, host, arrival) for packet in decoded]
    return journeys, [reference_judge(packet, way, host, sets) for packet, way in zip(decoded, journeys, strict=True)]


JOURNEYS = [
    ("in, on the interface that owns it", PEER, HOME, None, ("in", 0, -1)),
    ("in, on the interface given", PEER, HOME, 1, ("in", 1, -1)),
    ("in to an address of no interface: by the route back", PEER, VIPA, None, ("in", 0, -1)),
    ("in to a group", FAR, ALL_HOSTS, None, ("in", 1, -1)),
    ("out by the route", HOME, FAR, None, ("out", -1, 1)),
    ("out to a group, by the interface of the source", HOME, ALL_HOSTS, None, ("out", -1, 0)),
    ("out to a group from no interface: by the route", VIPA, ALL_HOSTS, None, ("out", -1, 1)),
    ("forwarded, narrowest route first", FAR, PEER, None, ("forward", 1, 0)),
    ("to itself", HOME, OTHER_HOME, None, ("loop", -1, -1)),
    ("a group the host is not in", PEER, 0xE0000009, None, ("forward", 0, 1)),
]


@both_modes
@pytest.mark.parametrize(
    ("src", "dst", "arrival", "way"), [case[1:] for case in JOURNEYS], ids=[case[0] for case in JOURNEYS]
)
def test_orient__journeys(src, dst, arrival, way, compiled):
    frames = engine.frames_of([(0, ip(tcp(), 6, src, dst))], 101, compiled)
    assert judge(frames, HOST, NO, arrival)[0] == [way]


@both_modes
def test_orient__an_address_is_of_one_version(compiled):
    host = HOST | {"addresses": [(4, 2, 0)]}
    frames = engine.frames_of([(0, ip6(tcp(), 6)), (0, ip(tcp(), 6, PEER, 2))], 101, compiled)
    assert [way[0] for way in judge(frames, host, NO)[0]] == ["forward", "in"]


@both_modes
def test_orient__a_host_without_anything(compiled):
    host = {"addresses": [], "groups": [], "routes": [], "zones": []}
    frames = engine.frames_of([(0, ip(tcp(), 6)), (0, b"")], 101, compiled)
    assert judge(frames, host, NO) == ([("forward", -1, -1), ("none", -1, -1)], expected(frames, host, NO)[1])


def only(*tests):
    return [Rule(0, tests)]


VERDICT_CASES = [
    ("permitted in", PEER, HOME, NO, "permitted", [(0, 0, 0, -1, -1, "permitted")]),
    ("denied by a rule", PEER, HOME, NO | {"deny": [1]}, "denied", [(0, 0, 0, -1, -1, "denied")]),
    ("denied by none", PEER, HOME, NO | {"rules": []}, "denied", [(0, 0, -1, -1, -1, "denied")]),
    (
        "forwarded: two legs",
        FAR,
        PEER,
        NO,
        "permitted",
        [(0, 1, 0, -1, -1, "permitted"), (1, 0, 0, -1, -1, "permitted")],
    ),
    (
        "forwarded: denied on the way in",
        FAR,
        PEER,
        NO | {"rules": only(Test("direction", 1, 1))},
        "denied",
        [(0, 1, -1, -1, -1, "denied")],
    ),
    (
        "forwarded: denied on the way out",
        FAR,
        PEER,
        NO | {"rules": only(Test("direction", 0, 0))},
        "denied",
        [(0, 1, 0, -1, -1, "permitted"), (1, 0, -1, -1, -1, "denied")],
    ),
    (
        "zone of the interface crossed",
        FAR,
        PEER,
        NO | {"rules": only(Test("zone", 100, 100))},
        "denied",
        [(0, 1, 0, -1, -1, "permitted"), (1, 0, -1, -1, -1, "denied")],
    ),
    (
        "local is not routed",
        PEER,
        HOME,
        NO | {"rules": only(Test("routed", 1, 1))},
        "denied",
        [(0, 0, -1, -1, -1, "denied")],
    ),
    (
        "blocked: the rules are not asked",
        PEER,
        HOME,
        NO | {"block": [Rule(4)]},
        "blocked",
        [(0, 0, -1, 4, -1, "blocked")],
    ),
    (
        "simulated, then permitted",
        PEER,
        HOME,
        NO | {"simulate": [Rule(4)]},
        "permitted",
        [(0, 0, 0, -1, 4, "permitted")],
    ),
    (
        "simulated before the block",
        PEER,
        HOME,
        NO | {"simulate": [Rule(3)], "block": [Rule(4)]},
        "blocked",
        [(0, 0, -1, 4, 3, "blocked")],
    ),
    (
        "simulated behind the block: not reached",
        PEER,
        HOME,
        NO | {"simulate": [Rule(5)], "block": [Rule(4)]},
        "blocked",
        [(0, 0, -1, 4, -1, "blocked")],
    ),
    ("to itself: no leg", HOME, VIPA, NO, "unfiltered", []),
]


@both_modes
@pytest.mark.parametrize(
    ("src", "dst", "sets", "verdict", "legs"),
    [case[1:] for case in VERDICT_CASES],
    ids=[case[0] for case in VERDICT_CASES],
)
def test_judge__cases(src, dst, sets, verdict, legs, compiled):
    frames = engine.frames_of([(0, ip(tcp(), 6, src, dst))], 101, compiled)
    assert judge(frames, HOST, sets)[1] == [(verdict, legs)]
    assert expected(frames, HOST, sets)[1] == [(verdict, legs)]


@both_modes
def test_judge__what_cannot_be_judged_is_counted_as_such(compiled):
    frames = engine.frames_of([(0, b""), (0, ip(tcp(), 6, first=0x41)), (0, b"\x99")], 101, compiled)
    assert judge(frames, HOST, NO)[1] == [("unjudged", [])] * 3


@both_modes
def test_judge__defensive_sets_may_be_left_out(compiled):
    headers = engine.decode(engine.frames_of([(0, ip(tcp(), 6, PEER, HOME))], 101, compiled))
    vantage = place(HOST, compiled)
    rules = RuleSet(engine.compile_rules(ALL, compiled), b"\0", b"\1")
    judgement = engine.judge(headers, engine.orient(headers, vantage), vantage, rules)
    assert [VERDICTS[verdict] for verdict in judgement.verdict] == ["permitted"]
    assert [leg.count for leg in judgement.legs] == [1, 0]


@both_modes
def test_logged__rows_whose_rule_logs(compiled):
    frames = engine.frames_of([(0, ip(tcp(dport=port), 6, PEER, HOME)) for port in (23, 22, 21, 23)], 101, compiled)
    headers, vantage = engine.decode(frames), place(HOST, compiled)
    tests = [Rule(0, (Test("dst_port", 22, 22),)), Rule(1, (Test("dst_port", 23, 23),))]
    rules = RuleSet(engine.compile_rules(tests, compiled), bytes(2), [0, 1])
    inbound, outbound = engine.judge(headers, engine.orient(headers, vantage), vantage, rules, block=rules).legs
    assert engine.logged(inbound, rules).tolist() == []
    assert engine.logged(inbound, rules, inbound.block).tolist() == [0, 3]
    assert engine.logged(outbound, rules).tolist() == []


ADDRESSES = [HOME, OTHER_HOME, VIPA, PEER, FAR, ALL_HOSTS, 0xE0000005, 0]
an_interface = st.integers(-1, 2)
hosts = st.fixed_dictionaries(
    {
        "addresses": st.lists(st.tuples(st.sampled_from([4, 6]), st.sampled_from(ADDRESSES), an_interface), max_size=4),
        "groups": st.lists(st.sampled_from(ADDRESSES).map(lambda group: (4, group, group + 2)), max_size=2),
        "routes": st.lists(
            st.tuples(
                st.sampled_from([4, 6]),
                st.sampled_from([0, PEER & ~255]),
                st.sampled_from([PEER | 255, 2**32 - 1]),
                st.integers(0, 2),
            ),
            max_size=4,
        ),
        "zones": st.just([255, 100, 7]),
    }
)
some_rules = st.lists(
    st.lists(
        st.sampled_from(
            [
                Test("direction", 0, 0),
                Test("direction", 1, 1),
                Test("routed", 1, 1),
                Test("routed", 0, 0),
                Test("zone", 7, 100),
                Test("src_addr", HOME, HOME),
                Test("dst_addr", PEER, PEER),
                Test("proto", 6, 6),
                Test("dst_port", 23, 23),
            ]
        ),
        max_size=3,
    ),
    max_size=6,
)
frames_between = st.lists(
    st.tuples(
        st.sampled_from(ADDRESSES),
        st.sampled_from(ADDRESSES),
        st.sampled_from([6, 17]),
        st.sampled_from([0, 1, 0x2000]),
    ),
    max_size=8,
).map(lambda ends: [(0, ip(tcp(), proto, src, dst, bits)) for src, dst, proto, bits in ends])


@given(hosts, some_rules, some_rules, some_rules, frames_between, st.one_of(st.none(), st.integers(0, 2)))
def test_judge__both_modes_equal_the_reference(host, rules, block, simulate, frames, arrival):
    sets = {
        "rules": [Rule(number, tuple(tests)) for number, tests in enumerate(rules)],
        "block": [Rule(2 * number, tuple(tests)) for number, tests in enumerate(block)],
        "simulate": [Rule(2 * number + 1, tuple(tests)) for number, tests in enumerate(simulate)],
        "deny": [number % 2 for number in range(len(rules))],
    }
    for compiled in (False, True):
        batch = engine.frames_of(frames, 101, compiled)
        assert judge(batch, host, sets, arrival) == expected(batch, host, sets, arrival)


@each_capture
def test_judge__real_captures(name):
    sets = NO | {
        "rules": [
            Rule(0, (Test("proto", 17, 17), Test("direction", 0, 0))),
            Rule(1, (Test("dst_port", 0, 1023),)),
            Rule(2, (Test("routed", 1, 1),)),
        ],
        "deny": [0, 1, 0],
        "block": [Rule(3, (Test("fragment", 1, 1),))],
    }
    for compiled in (False, True):
        for frames in read([octets_of(name)], compiled=compiled)[0]:
            few = frames._replace(count=min(frames.count, 60))
            headers = engine.decode(few)
            owned = {
                (engine.cell(headers, "version", p), engine.cell(headers, "dst_addr", p), 0)
                for p in (0, headers.count // 2)
            }
            host = HOST | {"addresses": sorted(owned)}
            assert judge(few, host, sets) == expected(few, host, sets)


@given(hosts, frames_between, st.one_of(st.none(), st.integers(0, 2)))
def test_orient__in_one_word_is_what_the_hooks_are(host, frames, arrival):
    """The quick way beside `hooks`, over every two things that can be known of a source and a destination."""
    vantage = place(host, True)
    width, interfaces = vantage.width, len(vantage.zones)
    numbers = np.arange((interfaces + 2) * width, dtype="i4")
    src, dst = (column.ravel().astype("i4") for column in np.meshgrid(numbers, numbers))
    n, given = len(src), -1 if arrival is None else arrival
    hook, arrives, departs, way = np.zeros(n, "u1"), np.zeros(n, "i4"), np.zeros(n, "i4"), np.zeros(n, "i4")
    journey.hooks(np.zeros(n, "u1"), src, dst, n, width.bit_length() - 1, given, interfaces, hook, arrives, departs)
    quick.orient(src, dst, width.bit_length() - 1, given, interfaces, way)
    out = hook == journey.OUT
    crossed = np.where(out, departs, arrives)
    assert (way & 7).tolist() == hook.tolist()
    assert (way >> quick.OUT_BIT & 1).tolist() == out.tolist()
    assert (way >> quick.ROUTED_BIT & 1).tolist() == (hook == journey.FORWARD).tolist()
    assert ((way >> quick.CROSSED & quick.INTERFACE) - 1).tolist() == crossed.tolist()
    forward = hook == journey.FORWARD
    assert ((way >> quick.DEPARTS) - 1)[forward].tolist() == departs[forward].tolist()


@pytest.mark.parametrize("count", [1, 3, 100, 300, 2000])
def test_orient__however_many_addresses_a_host_has(count):
    """Few intervals are searched, many are looked up."""
    random = Random(count)
    own = random.sample(range(0x0A000000, 0x0A080000), count)
    routes = [(4, 0, 2**32 - 1, 0), (4, 0x0A040000, 0x0A04FFFF, 1), (6, 0, 2**128 - 1, 1)]
    host = {"addresses": [(4, each, each % 2) for each in own], "groups": [], "routes": routes, "zones": [1, 2]}
    ends = [own[0], own[-1], 0x0A040001, *(random.choice((*own, random.getrandbits(32))) for _ in range(500))]
    frames = [(0, ip(tcp(), 6, random.choice(ends), each)) for each in ends]
    frames += [(0, ip6(tcp(), 6))] * 3
    found = []
    for compiled in (False, True):
        headers = engine.decode(engine.frames_of(frames, 101, compiled))
        found.append([column.tolist() for column in engine.orient(headers, place(host, compiled))])
    assert found[0] == found[1]
    assert len({*found[0][0]}) == 4  # all kinds of hooks
