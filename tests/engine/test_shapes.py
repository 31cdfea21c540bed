"""Every shape of a match table gives the reference's answer, on sets made to be difficult."""

import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import classify as reference
from test_classify import any_packets, headers_of, rule_sets, some_tests

import engine
from engine import Rule, Test
from engine.compile import SHAPES, ahead

TOP = 2**128 - 1
each_shape = pytest.mark.parametrize("shape", SHAPES)

addresses = st.one_of(
    st.sampled_from([0, 1, 2**16, 2**32 - 1, 2**32, 2**64 - 1, 2**64, 2**64 + 1, 2**96, 2**127, TOP - 1, TOP]),
    st.integers(0, TOP),
    st.integers(0, 2**32 - 1),
    st.integers(0, 40).map(lambda low: (0x20010DB8 << 96) + low),
)


def nested(field, top):
    """Ranges around one value, the widest first or last."""
    return st.tuples(st.lists(st.integers(0, top), min_size=2, max_size=12), st.booleans()).map(
        lambda drawn: [
            Test(field, *ends)
            for ends in sorted(
                zip(sorted(drawn[0]), sorted(drawn[0], reverse=True), strict=True), key=lambda e: e[1] - e[0],
                reverse=drawn[1],
            )
        ]
    )  # fmt: skip


def prefix(field):
    return st.tuples(addresses, st.integers(0, 128)).map(
        lambda of: Test(field, of[0] >> of[1] << of[1], (of[0] >> of[1] << of[1]) + (1 << of[1]) - 1)
    )


bad_ports = st.sampled_from([(1, 65534), (1, 65535), (0, 65534), (1023, 1024), (32767, 32768), (65536, 65536)])
difficult = st.lists(
    st.one_of(
        st.just(()),
        st.tuples(prefix("src_addr"), prefix("dst_addr")),
        st.tuples(prefix("src_addr"), bad_ports.map(lambda ends: Test("dst_port", *ends))),
        st.tuples(bad_ports.map(lambda ends: Test("src_port", *ends)), bad_ports.map(lambda e: Test("dst_port", *e))),
        nested("dst_addr", TOP).map(tuple),
        st.sampled_from(["direction", "routed", "connect", "fragment"]).flatmap(
            lambda field: st.integers(0, 2).map(lambda value: (Test(field, value, value),))
        ),
        some_tests(["type", "code", "zone", "proto", "version", "ip_length"]).map(lambda test: (test,)),
    ),
    max_size=40,
).map(lambda sets: [Rule(7 * number, tuple(tests)) for number, tests in enumerate(sets + sets[:5])])


def edges_of(rules):
    """Packets at the ends of what rules ask, and next to them."""
    draw = random.Random(len(rules))
    found = []
    for _ in range(12):
        packet = {"status": "complete", "version": draw.choice((4, 6))}
        for rule in draw.sample(rules, min(3, len(rules))):
            for field, low, high in rule.tests:
                top = min(engine.FIELD[field].unknown, 2 ** (32 * engine.FIELD[field].words) - 1)
                value = draw.choice((low, high, low - 1, high + 1, (low + high) // 2))
                packet[field] = min(top, max(0, value))
        found.append(packet)
    return [{field: packet.get(field, 0) for field in [*(f.name for f in engine.FIELDS), "status"]} | packet
            for packet in found]  # fmt: skip


def answers(packets, rules, shape, memory=2**26):
    """What a table of that shape finds; the shape itself may be too small for the rules."""
    table = engine.compile_rules(rules, True, memory=memory, shapes=(shape,))
    return engine.classify(headers_of(packets, True), table).tolist()


@each_shape
@given(rule_sets, any_packets)
@settings(max_examples=40)
def test_shapes__any_rules_and_packets(shape, rules, packets):
    assert answers(packets, rules, shape) == [reference(packet, rules) for packet in packets]


@each_shape
@given(difficult)
@settings(max_examples=60)
def test_shapes__difficult_rules_at_their_edges(shape, rules):
    packets = edges_of(rules)
    assert answers(packets, rules, shape) == [reference(packet, rules) for packet in packets]


@given(difficult, st.sampled_from([0, 1000, 200_000, 2_000_000]))
@settings(max_examples=40)
def test_shapes__any_bound_of_memory_gives_an_answer(rules, memory):
    packets = edges_of(rules)
    expected = [reference(packet, rules) for packet in packets]
    table = engine.compile_rules(rules, True, memory=memory)
    assert table.shape == "list" or table.octets <= memory
    assert engine.classify(headers_of(packets, True), table).tolist() == expected


@given(difficult, difficult)
@settings(max_examples=40)
def test_ahead__is_the_rules_put_first(first, rules):
    packets = edges_of([*first, *rules])
    expected = [reference(packet, [*first, *rules]) for packet in packets]
    for compiled in (False, True):
        table = ahead(first, engine.compile_rules(rules, compiled))
        assert engine.classify(headers_of(packets, compiled), table).tolist() == expected


def many(field, step, count, others=()):
    return [Rule(number, (Test(field, number * step, number * step), *others)) for number in range(count)]


@pytest.mark.parametrize("shape", ["flat", "parts"])
@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(many("dst_addr", 65_537, 65_530), id="a host in each upper half"),
        pytest.param(many("src_addr", 2**64 + 1, 66_000), id="66,000 long addresses"),
        pytest.param(many("dst_addr", 2**48, 66_000, [Test("proto", 6, 6)]), id="66,000 in one upper word and beyond"),
        pytest.param(many("ip_length", 3, 70_000), id="70,000 lengths"),
        pytest.param(
            [Rule(i, (Test("src_addr", i, i), Test("dst_addr", i * 31, i * 31))) for i in range(70_000)],
            id="70,000 pairs",
        ),
    ],
)
def test_shapes__more_than_65536_classes(rules, shape):
    table = engine.compile_rules(rules, True, shapes=(shape,), memory=2**28)
    if table.shape == "list":
        pytest.skip("does not fit this shape")
    chosen = [0, 1, 2, 65_534, 65_535, 65_529, len(rules) - 1, len(rules) // 2]
    chosen = [number for number in chosen if number < len(rules)]
    packets = [{test.field: test.low for test in rules[number].tests} | {"status": "complete"} for number in chosen]
    packets += [{field: value + 1 for field, value in packet.items() if field != "status"}
                | {"status": "complete"} for packet in packets]  # fmt: skip
    expected = []
    for packet in packets:
        holds = (r.number for r in rules if all(t.low <= packet.get(t.field, 0) <= t.high for t in r.tests))
        expected.append(next(holds, -1))
    assert engine.classify(headers_of(packets, True), table).tolist() == expected


@each_shape
def test_classify__threads_share_a_batch_and_agree(shape):
    rules = many("src_addr", 5, 300, [Test("version", 4, 4)])
    table = ahead([Rule(999, (Test("src_addr", 7, 7),))], engine.compile_rules(rules, True, shapes=(shape,)))
    sources = np.random.default_rng(1).integers(0, 1600, 20_000)
    headers = headers_of([{"src_addr": int(a), "version": 4, "status": "complete"} for a in sources], True)
    alone = engine.classify(headers, table)
    assert 999 in alone
    for threads in (2, 3, 64):
        shared = np.full(20_000, -7, np.int32)
        assert engine.classify(headers, table, shared, threads) is shared
        assert alone.tolist() == shared.tolist()


@given(difficult, st.integers(0, 3), st.booleans())
@settings(max_examples=60)
def test_flow_cache__answers_what_the_table_does(rules, seed, narrow):
    """Few rows, so that flows push each other out; statuses that cannot be judged; wide addresses and narrow ones."""
    draw = random.Random(seed)
    packets = [draw.choice(edges_of(rules or [Rule(0)])) for _ in range(60)]
    if narrow:
        packets = [p | {f: p[f] % 2**32 for f in ("src_addr", "dst_addr")} for p in packets]
    packets = [p | {"status": draw.choice(("complete", "complete", "truncated"))} for p in packets]
    headers = headers_of(packets, True)._replace(wide=not narrow)
    table = engine.compile_rules(rules, True)
    if draw.random() < 0.5:
        table = ahead([Rule(5, (Test("proto", 6, 6),))], table)
    expected, cache = engine.classify(headers, table).tolist(), engine.FlowCache(table, 8)
    for _ in range(4):
        assert engine.classify(headers, table, cache=cache).tolist() == expected


def test_flow_cache__steps_aside_where_nothing_is_asked_twice():
    table = engine.compile_rules(many("src_addr", 5, 300), True)
    packets = [{"src_addr": a, "version": 4, "status": "complete"} for a in range(100_000)]
    cache, headers = engine.FlowCache(table), headers_of(packets, True)
    found = engine.classify(headers, table, cache=cache)
    assert found.tolist() == engine.classify(headers, table).tolist()
    assert cache.patience > 1
    again = headers_of(packets[:50] * 2000, True)
    for _ in range(9):
        engine.classify(again, table, cache=cache)
    assert cache.patience == 1


def test_flow_cache__is_of_one_table():
    tables = [engine.compile_rules(many("src_addr", 5, of), True) for of in (3, 4)]
    with pytest.raises(ValueError, match="of another table"):
        engine.classify(headers_of([], True), tables[0], cache=engine.FlowCache(tables[1]))


def test_classify__allocates_nothing_once_a_thread_has_its_arrays():
    headers = headers_of([{"src_addr": a, "version": 4, "status": "complete"} for a in range(20_000)], True)
    for shape in SHAPES:
        table = engine.compile_rules(many("src_addr", 5, 300), True, shapes=(shape,))
        found = engine.classify(headers, table)
        tracemalloc.start()
        engine.classify(headers, table, found)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 16_000, shape  # a column of this batch has 80,000 octets


def test_compile_rules__chooses_by_size():
    hosts = [Rule(i, (Test("src_addr", i * 9, i * 9), Test("dst_addr", i * 5, i * 5))) for i in range(3000)]
    assert engine.compile_rules(hosts[:50], True).shape == "flat"
    assert engine.compile_rules(hosts, True, memory=1 << 20).shape in ("two", "parts")
    assert engine.compile_rules(hosts[:50], False).shape == "bits"
    assert engine.compile_rules(hosts, True, memory=1000).shape == "list"
