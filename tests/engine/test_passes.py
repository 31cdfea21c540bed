"""The passes of engine.products and engine.addresses, each alone: data in, data out, against the plain meaning."""

from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_classify import any_packets, headers_of, rule_sets
from test_shapes import answers, difficult, edges_of, reference

import engine
from engine import Rule, Test, addresses, products
from engine.addresses import Arena
from engine.fields import COLUMN
from engine.kernels import cells, passes, vectors

WORD = 2**32 - 1
words = st.one_of(st.integers(0, WORD), st.integers(0, 300), st.sampled_from([WORD, WORD - 1, 65535, 65536]))
long_words = st.one_of(
    st.integers(0, 2**128 - 1),
    st.tuples(*[st.sampled_from([0, 1, 5, WORD])] * 4).map(lambda w: w[0] << 96 | w[1] << 64 | w[2] << 32 | w[3]),
)


def search_of(edge, number, values, before, first):
    """What the pass of these tables leaves in a register that held `before`."""
    arena = Arena()
    row = addresses.searched(arena, 0, edge, np.array(number), 0, first)
    operation, _, _, at, levels, keep, factor = row
    assert passes.OPERATIONS[operation] == "search"
    out = np.array(before, np.uint32)
    table = arena.block().view(np.uint32)[at:]
    vectors.search(np.array(values, np.uint32), table, levels, np.uint32(factor), np.uint32(keep), out)
    return out.tolist()


@given(
    st.sets(words.filter(bool), min_size=1, max_size=255),
    st.lists(words, max_size=150),
    st.integers(1, 70_000),
    st.booleans(),
)
@settings(max_examples=60)
def test_search__finds_the_interval_in_registers_and_in_what_is_left(inner, values, factor, first):
    if not vectors.quick():
        pytest.skip("no AVX-512 BW here")
    edge = [0, *sorted(inner)]
    number = [(i * 7 + 1) % 256 * factor for i in range(len(edge))]
    values += [one - k for one in edge[1:] for k in (0, 1)]
    before = list(range(len(values)))
    expected = [number[bisect_right(edge, v) - 1] + (0 if first else b) for v, b in zip(values, before, strict=True)]
    assert search_of(edge, number, values, before, first) == [one & WORD for one in expected]


def test_search__is_left_alone_where_edges_or_numbers_are_too_many():
    for edge, number in (
        ([0], [7]),
        (list(range(257)), list(range(257))),
        (list(range(9)), [1, *range(70_000, 70_008)]),
    ):
        assert addresses.searched(Arena(), 0, edge, np.array(number), 0, True) is None


@given(difficult)
@settings(max_examples=30)
def test_shapes__right_on_machines_without_such_registers(rules):
    packets = edges_of(rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "quick", lambda: False)
        found = [answers(packets, rules, shape) for shape in ("flat", "parts", "scan")]
    assert found == [[reference(packet, rules) for packet in packets]] * 3


@given(st.sets(long_words, max_size=40), st.lists(long_words, max_size=20))
@settings(max_examples=80)
def test_by_word__is_the_same_map(inner, values):
    edge = [0, *sorted(inner - {0})]
    number = np.array([i % 7 for i in range(len(edge))])
    levels = addresses.by_word(edge, number)
    assert levels is not None
    assert len(levels) == 4
    for value in [*values, *edge, *(one - 1 for one in edge[1:])]:
        state = 0
        for (cuts, columns, table), shift in zip(levels, (96, 64, 32, 0), strict=True):
            state = int(table[state + columns[bisect_right(cuts, value >> shift & WORD) - 1]])
        assert state == number[bisect_right(edge, value) - 1]


def test_by_word__gives_up_where_tables_would_be_large():
    g = np.random.default_rng(1)
    parts = [int.from_bytes(g.bytes(8), "big") << 64 | int.from_bytes(g.bytes(8), "big") for _ in range(6000)]
    edge = [0, *sorted(parts)]
    assert addresses.by_word(edge, np.arange(len(edge))) is None


def test_of_address__short_and_long_batches_have_steps_of_their_own():
    edge = [0, 9, 10, 2**32, 2**64, 2**64 + 5, 2**127]
    steps = addresses.of_address(Arena(), "src_addr", edge, np.arange(7), 1, 5)
    of = {
        which: [(passes.OPERATIONS[one[0]], one[2]) for one in addresses.meant(steps, which)]
        for which in (addresses.SHORT, addresses.LONG)
    }
    assert [column for _, column in of[addresses.SHORT]] == [COLUMN["src_addr"] + 3]
    assert {column for name, column in of[addresses.LONG] if name != "dense"} <= set(range(1, 5))


@given(st.lists(st.sets(st.integers(0, 30), max_size=6), max_size=40))
def test_displace__no_two_rows_share_a_cell_or_a_place(rows):
    start = np.cumsum([0, *(len(row) for row in rows)])
    column = np.array([c for row in rows for c in sorted(row)], np.int64)
    order = np.argsort([-len(row) for row in rows], kind="stable")
    place = np.zeros(len(rows), np.int64)
    free = np.arange(4000, dtype=np.int32), np.zeros(4000, np.uint8), np.zeros(62, np.int64)
    size = cells.displace(start, column, order, *free, place)
    held = [place[r] + c for r, row in enumerate(rows) for c in row]
    assert len(set(held)) == len(held)
    assert max(held, default=0) < size
    placed = [int(place[r]) for r, row in enumerate(rows) if row]
    assert len(set(placed)) == len(placed)
    assert min(placed, default=1) >= 1


def test_displace__says_when_there_is_no_room():
    free = np.arange(5, dtype=np.int32), np.zeros(5, np.uint8), np.zeros(8, np.int64)
    one = np.array([0, 3]), np.array([0, 1, 3]), np.array([0])
    assert cells.displace(*one, *free, np.zeros(1, np.int64)) == 5
    free = np.arange(4, dtype=np.int32), np.zeros(4, np.uint8), np.zeros(8, np.int64)
    assert cells.displace(*one, *free, np.zeros(1, np.int64)) == -1


def services(count):
    """Between many hosts, each rule with a port of its own, and a last one that takes all."""
    return [
        Rule(
            r,
            (
                Test("src_addr", r % 700, r % 700),
                Test("dst_addr", r // 3, r // 3),
                Test("dst_port", r * 7 % 65536, min(65535, r * 7 % 65536 + r % 3)),
                Test("src_port", r % 60_000, 65535),
            ),
        )
        for r in range(count)
    ] + [Rule(count)]


def test_compile_rules__many_services_are_short_lists_searched():
    rules = services(20_000)
    table = engine.compile_rules(rules, True)
    assert table.shape == "scan"
    assert table.octets < 1 << 24
    chosen = [*range(0, 20_000, 997), 19_999]
    packets = [
        {test.field: test.low + off for test in rules[r].tests} | {"status": "complete"}
        for r in chosen
        for off in (0, 1)
    ]
    expected = []
    for packet in packets:
        holds = (r.number for r in rules if all(t.low <= packet.get(t.field, 0) <= t.high for t in r.tests))
        expected.append(next(holds, -1))
    assert engine.classify(headers_of(packets, True), table).tolist() == expected


def test_compile_rules__long_lists_are_not_searched():
    rules = [Rule(r, (Test("dst_port", r, r), Test("src_port", r, 65535))) for r in range(9000)]
    assert engine.compile_rules(rules, True, shapes=("scan", "list")).shape == "list"


@pytest.mark.parametrize("shape", ["bits", "index", "list"])
@given(difficult, rule_sets, any_packets)
@settings(max_examples=40)
def test_shapes__of_plain_mode(shape, rules, others, some_packets):
    for given_rules, packets in ((rules, edges_of(rules)), (others, some_packets)):
        table = engine.compile_rules(given_rules, False, shapes=(shape,))
        expected = [reference(packet, given_rules) for packet in packets]
        assert engine.classify(headers_of(packets, False), table).tolist() == expected


def test_compile_rules__plain_mode_takes_a_list_for_few_and_an_index_for_very_many():
    rules = services(20_000)
    assert engine.compile_rules(rules[:12], False).shape == "list"
    assert engine.compile_rules(rules[:100], False).shape == "bits"
    table = engine.compile_rules(rules, False)
    assert table.shape == "index"
    packets = [{test.field: test.low for test in rule.tests} | {"status": "complete"} for rule in rules[::1999]]
    compiled = engine.classify(headers_of(packets, True), engine.compile_rules(rules, True)).tolist()
    assert engine.classify(headers_of(packets, False), table).tolist() == compiled


def test_index__a_rule_stands_where_it_has_fewest_neighbours():
    from engine.compile import intervals, spans
    from engine.index import indexed

    rules = [Rule(r, (Test("proto", 6, 6), Test("dst_port", r, r))) for r in range(9)] + [Rule(9)]
    tested = spans(rules)
    made = indexed(tested, {"proto": intervals(tested["proto"], 256), "dst_port": [*range(10)]}, 10)
    assert [(side.column, side.rules) for side in made.sides] == [(COLUMN["dst_port"], [[r] for r in range(9)] + [[]])]
    assert made.rest == [9]


def lines_of(edge, number, values):
    """What the pass of these tables says of each value."""
    arena = Arena()
    begin, different, rank = np.array(edge), *np.unique(np.array(number), return_inverse=True)
    top, most = np.zeros(65536, np.uint32), 2 * len(edge) + 65536
    edges, entry = np.zeros(32 * most, np.uint16), np.zeros(32 * most, np.uint32)
    spare = np.full(33, -1), np.zeros(most, np.int64), np.zeros(65536, np.int64), np.zeros(65536, np.int64)
    known = np.full(len(different), -1)
    made = cells.lines(begin, np.array(number), rank.ravel(), known, top, edges, entry, *spare)
    at = [arena.put(top, "u4"), arena.put(edges[: 32 * made], "u2"), arena.put(entry[: 32 * made], "u4")]
    whole, out = arena.block(), np.zeros(len(values), np.uint32)
    tables = (whole.view(kind)[first:] for kind, first in zip((np.uint32, np.uint16, np.uint32), at, strict=True))
    passes.lines(np.array(values, np.uint32), *tables, out, np.zeros(len(values), np.uint32))
    return out.tolist()


@pytest.mark.parametrize(
    "edge",
    [
        pytest.param([0], id="none"),
        pytest.param([0, 1, 65535, 65536, 65537, WORD], id="at the ends of upper halves"),
        pytest.param([*range(0, 32 * 2048, 2048)], id="32 intervals in one upper half: one node"),
        pytest.param([*range(0, 33 * 1900, 1900)], id="33: a second level"),
        pytest.param([*range(7 << 16, (7 << 16) + 65536)], id="every address of one: four levels"),
        pytest.param([*range(0, WORD, 70_001)], id="one nearly everywhere"),
    ],
)
def test_lines__find_the_interval_at_every_edge(edge):
    edge = sorted({0, *edge})
    number = [(i * 7 + 1) % 1000 for i in range(len(edge))]
    values = sorted({min(WORD, max(0, one + k)) for one in edge for k in (-1, 0, 1)} | {WORD})
    assert lines_of(edge, number, values) == [number[bisect_right(edge, v) - 1] for v in values]


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.lists(st.sampled_from([2, 5, 8]), min_size=1, max_size=3).map(sorted),
)
def test_sift__keeps_what_a_later_part_may_still_decide(found, bounds):
    """Parts that would all find 4: what was found before a bound stays, and packets keep their numbers."""
    n = len(found)
    numbers = [np.arange(n, dtype=np.uint32) for _ in range(3)]
    which, left, result = np.zeros(n, np.uint32), np.zeros(n, np.uint32), np.array(found, np.uint32)
    kept, expected = n, list(found)
    for turn, least in enumerate(bounds):
        if turn:
            passes.unite(left[:kept], which[:kept], result)
        sides = (one[:kept] for one in numbers)
        kept = passes.sift(result, np.uint32(least), *sides, which, left, turn > 0)
        assert [one[:kept].tolist() for one in numbers] == [which[:kept].tolist()] * 3
        left[:kept] = np.minimum(left[:kept], 4)
        expected = [min(one, 4) if one > least else one for one in expected]
    passes.unite(left[:kept], which[:kept], result)
    assert result.tolist() == expected


@pytest.mark.parametrize(("bits", "operation"), [(64, "displaced_packed"), (0, "displaced_words")])
def test_displaced__cells_of_one_word_and_of_three_say_the_same(bits, operation, monkeypatch):
    """Pairs enough for a packed table, half of them with two rules, and rules with a wide address behind."""
    monkeypatch.setattr(products, "PACKED", bits)
    monkeypatch.setattr(products, "PART_OCTETS", 0)
    monkeypatch.setattr(products, "DENSE_OCTETS", 1 << 16)
    rules = [
        Rule(i, (Test("src_addr", i % 1000, i % 1000), Test("dst_addr", i % 997, i % 997), Test("proto", i % 9, i % 9)))
        for i in range(1500)
    ]
    rules += [Rule(r.number + 1500, (*r.tests[:2], Test("dst_port", 0, 99))) for r in rules[::2]]
    rules += [Rule(3000, (Test("src_addr", 5, 500), Test("dst_port", 0, 9))), Rule(3001, (Test("dst_addr", 0, 2**31),))]
    table = engine.compile_rules(rules, True, shapes=("parts",))
    used = {passes.OPERATIONS[one] for one in table.body.narrow[:: passes.WIDTH]}
    assert {operation, "sift", "unite"} <= used
    draw = np.random.default_rng(2)
    packets = [
        {"src_addr": i % 1000, "dst_addr": (i + int(draw.integers(0, 2))) % 997, "proto": i % 9 if i % 3 else 1,
         "dst_port": int(draw.integers(0, 200)), "version": 4, "status": "complete"}
        for i in range(0, 1500, 7)
    ]  # fmt: skip
    zero = {field.name: 0 for field in engine.FIELDS}
    packets = [zero | packet for packet in packets]
    assert engine.classify(headers_of(packets, True), table).tolist() == [reference(one, rules) for one in packets]
