"""Rules -> MatchTable -> first matches: compiled = plain = reference = what a rule means."""

import random

import pytest
from captures import both_modes, each_capture, octets_of, packets, read
from hypothesis import given
from hypothesis import strategies as st
from reference import classify as reference
from test_decode import CORPUS, ip, tcp

import engine
from engine import Counters, Rule, Test
from engine.arrays import as_array, zeros
from engine.compile import bits, classes, intervals, spans
from engine.fields import COLUMN, COLUMNS, FIELD, FIELDS, STATUSES
from engine.headers import Headers

EDGES = {field.name: sorted({0, 1, 2, field.limit - 1, field.limit, field.limit // 2}) for field in FIELDS}
EDGES["src_addr"] += [2**32 - 1, 2**32, 2**64, 2**96 - 1, 2**96, 2**127 + 5, 0x0A010002]
EDGES["dst_addr"] += EDGES["src_addr"]
SCARCE = ["version", "src_addr", "dst_addr", "dst_port", "tcp_flags", "ip_length", "opaque"]


def value_of(name):
    """Values a column can have, likely ones often; the unknown among them."""
    top = min(FIELD[name].unknown, 2 ** (32 * FIELD[name].words) - 1)
    return st.one_of(st.sampled_from([*EDGES[name], top]), st.integers(0, top), st.integers(0, min(top, 3)))


def some_tests(names):
    def bounds(name):
        ends = value_of(name)
        ordered = st.tuples(ends, ends).map(sorted)
        exact = ends.map(lambda value: (value, value))
        return st.one_of(ordered, exact, st.tuples(ends, ends)).map(lambda ends: Test(name, *ends))

    return st.sampled_from(names).flatmap(bounds)


rule_sets = st.lists(st.lists(some_tests(SCARCE), max_size=4), max_size=80).map(
    lambda tests: [Rule(number * 3, tuple(of)) for number, of in enumerate(tests)]
)
any_packets = st.lists(
    st.fixed_dictionaries({name: value_of(name) for name in SCARCE} | {"status": st.sampled_from(STATUSES)}),
    max_size=6,
)


def headers_of(some_packets, compiled):
    """Headers with these values, whether or not a frame could have them; what is not given is 0."""
    n = len(some_packets)
    value = [0] * (COLUMNS * n)
    for p, packet in enumerate(some_packets):
        for name in packet.keys() - {"status"}:
            for word in range(FIELD[name].words):
                shift = 32 * (FIELD[name].words - 1 - word)
                value[(COLUMN[name] + word) * n + p] = packet[name] >> shift & 0xFFFFFFFF
    status = [STATUSES.index(packet["status"]) for packet in some_packets]
    return Headers(as_array(value, "u4", compiled), as_array(status, "u1", compiled), n)


def random_rules(count, seed=1):
    """Rules as filters have them: version, prefixes, protocol, a port range."""
    draw = random.Random(seed)

    def prefix(field):
        bits = draw.choice([0, 8, 16, 24, 32])
        low = draw.getrandbits(32) >> 32 - bits << 32 - bits if bits else 0
        return Test(field, low, low + 2 ** (32 - bits) - 1)

    return [
        Rule(
            number,
            (
                Test("version", 4, 4),
                prefix("src_addr"),
                prefix("dst_addr"),
                Test("proto", 6, 6),
                Test("dst_port", low := draw.randrange(65536), min(low + draw.choice([0, 9, 9999]), 65535)),
            ),
        )
        for number in range(count)
    ]


@given(rule_sets, any_packets)
def test_classify__compiled_equals_plain_equals_reference(rules, some_packets):
    expected = [reference(packet, rules) for packet in some_packets]
    for compiled in (False, True):
        table = engine.compile_rules(rules, compiled)
        assert engine.classify(headers_of(some_packets, compiled), table).tolist() == expected


@given(st.lists(some_tests(SCARCE), max_size=5), any_packets)
def test_matches__is_what_the_reference_says(tests, some_packets):
    for packet in some_packets:
        expected = reference(packet | {"status": "complete"}, [(7, tests)]) == 7
        assert engine.matches(Rule(7, tuple(tests)), packet) == expected


@each_capture
def test_classify__real_packets(name):
    rules = [*random_rules(70), Rule(70, (Test("version", 6, 6), Test("dst_addr", 2**120, 2**128 - 1)))]
    rules += [
        Rule(71, (Test("dst_port", 0, 1023),)),
        Rule(72, (Test("type", 256, 256), Test("proto", 17, 255))),
    ]
    for compiled in (False, True):
        table = engine.compile_rules(rules, compiled)
        for frames in read([octets_of(name)], compiled=compiled)[0]:
            headers = engine.decode(frames)
            assert engine.classify(headers, table).tolist() == [reference(packet, rules) for packet in packets(headers)]


@both_modes
@pytest.mark.parametrize("count", [63, 64, 65, 129, 2048, 2049, 2500])
def test_classify__any_rule_can_be_the_first(count, compiled):
    """The lowest bit of a row is found wherever it stands, the sign bit included."""
    rules = [Rule(number, (Test("dst_port", number, number),)) for number in range(count)]
    headers = headers_of([{"dst_port": number, "status": "complete"} for number in range(count + 1)], compiled)
    found = engine.classify(headers, engine.compile_rules(rules, compiled)).tolist()
    assert found == [*range(count), -1]


@both_modes
def test_classify__no_rules_and_rules_without_tests(compiled):
    headers = engine.decode(engine.frames_of([(0, CORPUS[0])], 101, compiled))
    for rules, expected in (
        ([], -1),
        ([Rule(9)], 9),
        ([Rule(5, (Test("proto", 1, 1),)), Rule(4), Rule(3)], 4),
    ):
        assert engine.classify(headers, engine.compile_rules(rules, compiled)).tolist() == [expected]


def test_classify__an_unknown_port_matches_no_range_and_no_rule_asks_in_vain():
    headers = engine.decode(engine.frames_of([(0, ip(tcp(), 6, bits=2))], 101))
    ports, unknown, proto = Test("dst_port", 0, 65535), Test("dst_port", 65536, 65536), Test("proto", 6, 6)
    for test, expected in ((ports, -1), (unknown, 1), (proto, 1)):
        assert engine.classify(headers, engine.compile_rules([Rule(1, (test,))])).tolist() == [expected]


def test_classify__modes_do_not_mix():
    headers = engine.decode(engine.frames_of([(0, CORPUS[0])], 101))
    with pytest.raises(ValueError, match="different modes"):
        engine.classify(headers, engine.compile_rules([], compiled=True))


# the passes


def test_spans__tests_of_one_field_meet():
    rules = [Rule(0, (Test("proto", 1, 20), Test("proto", 6, 99))), Rule(1), Rule(2, (Test("code", 0, 0),))]
    assert spans(rules) == {"proto": {0: (6, 20)}, "code": {2: (0, 0)}}


def test_intervals__begin_where_a_rule_begins_or_has_ended():
    assert intervals({0: (6, 17), 1: (17, 256), 2: (9, 8)}, 256) == [0, 6, 17, 18]


def test_classes__intervals_with_the_same_rules_share_one():
    assert classes({0: (1, 1), 1: (3, 3), 2: (9, 8)}, [0, 1, 2, 3, 4], 4) == (
        [0, 1, 0, 2, 0],
        [0b1000, 0b1001, 0b1010],
    )


def test_bits__are_words_behind_a_summary_of_them():
    first, second = b"\1" + bytes(7), b"\2" + bytes(7)
    assert bits([1, 1 << 64], 2) == first + first + bytes(8) + second + bytes(8) + first
    assert bits([1 << 64 * 33], 34) == bytes(8) + second + bytes(8 * 33) + first


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule(1, (Test("port", 1, 2),)), "rule 1 tests 'port', which is no field"),
        (Rule(-1), "rule number -1 is not within"),
    ],
)
def test_compile_rules__refuses(rule, message):
    with pytest.raises(ValueError, match=message):
        engine.compile_rules([rule])


def test_compile_rules__falls_back_to_a_list_where_nothing_else_fits():
    for compiled in (False, True):
        assert engine.compile_rules(random_rules(200), compiled, memory=1000).shape == "list"


# counters


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(-5, 5), st.integers(0, 1500)), max_size=20),
    st.integers(0, 20),
)
def test_counters__add_up_in_any_parts_and_modes(matched, cut):
    expected = [(0, 0, 0, 0)] * 5
    for rule, time, length in matched:
        packets_, octets, first, last = expected[rule]
        now = (min(first, time), max(last, time)) if packets_ else (time, time)
        expected[rule] = (packets_ + 1, octets + length, *now)
    for compiled in (False, True):
        parts = []
        for part in (matched[:cut], matched[cut:]):
            counters = Counters.of(4, compiled)
            rule, time, length = ([row[i] for row in part] for i in range(3))
            engine.count(
                as_array(rule, "i4", compiled),
                as_array(time, "i8", compiled),
                as_array(length, "u4", compiled),
                counters,
            )
            parts.append(counters)
        total = parts[0].plus(parts[1])
        assert total.to_rows() == expected
        assert sum(row[0] for row in total.to_rows()) == len(matched)


@pytest.mark.parametrize("begins", [(0,), (50, 0), (-9, 3, 7)])
def test_counters__batches_in_order_of_time_count_as_single_packets_do(begins):
    """The quick way and the plain one, in both modes; batches may be before what was counted, and rules new."""
    from engine.kernels.count import add_up

    draw, n = random.Random(len(begins)), 4096
    for compiled in (False, True):
        slow, quick = Counters.of(40), Counters.of(40, compiled)._replace(batch=zeros("i8", 4 * 41, compiled))
        for begin in begins:
            times = sorted(begin + draw.randrange(30) for _ in range(n + 5))
            rule = [draw.choice((-1, 0, 1, draw.randrange(20), draw.randrange(begin % 7, 40))) for _ in times]
            length = [draw.randrange(1500) for _ in times]
            arrays = (as_array(*of, compiled) for of in ((rule, "i4"), (times, "i8"), (length, "u4")))
            assert add_up(*arrays, n + 5, 40, quick.batch, *quick[:4]) == n
            engine.count(rule[:n], times[:n], length[:n], slow)
        assert quick.to_rows() == slow.to_rows()


def test_count__goes_on_where_time_turns_back_or_octets_are_many():
    for times, lengths in (
        ([*range(5000), *range(5000)], [60] * 10_000),
        ([5] * 6000, [2**32 - 1] * 6000),
        ([9, 8, 7] * 2000, [1, 2, 3] * 2000),
        ([*range(2048), *range(2048)], [9] * 4096),
    ):
        rule = [p % 4 - 1 for p in range(len(times))]
        slow, quick = Counters.of(3), Counters.of(3, compiled=True)
        for counters in (slow, quick):
            engine.count(rule, times, lengths, counters)
        assert quick.to_rows() == slow.to_rows()
        assert sum(row[1] for row in quick.to_rows()) == sum(lengths)


def test_counters__of_different_sizes_do_not_add_up():
    with pytest.raises(ValueError, match="of 1 and of 2 rules"):
        Counters.of(1).plus(Counters.of(2))


@pytest.mark.parametrize("compiled", [False, True])
def test_sums__equal_those_of_plain_python(compiled):
    packets = [(time, bytes(60 + time % 7)) for time in (5, -3, 9, 2, 2)]
    frames = engine.frames_of([(max(time, 0), octets) for time, octets in packets], 1, compiled)
    assert engine.sums(frames) == (sum(len(octets) for _, octets in packets), 0, 9, {1: 5}, 0)
    mixed = frames._replace(linktype=as_array([1, 1, 101, 1, 113], "i4", compiled))
    assert engine.sums(mixed).linktypes == {1: 3, 101: 1, 113: 1}
    assert engine.tally(as_array([2, 0, 2], "u1", compiled), ("a", "b", "c")) == {"a": 1, "c": 2}
