"""Compiling every kernel ahead of time, by running a few frames through everything."""

from collections.abc import Callable, Iterator
from struct import pack

from engine.arrays import as_array, blank, of_octets
from engine.build import frames_of, write_pcap
from engine.capture import NO_TIME, Frames, read_capture, within
from engine.classify import Counters, FlowCache, classify, count
from engine.compile import SHAPES, MatchTable, ahead, compile_rules
from engine.datagrams import Trains, reassemble
from engine.decap import decap, ethertypes
from engine.fields import FIELD, STATUSES
from engine.headers import Headers, decode
from engine.journal import PLACE, RULE, TIME, Journal, Judged, Plan, Quotas, Source, limited, list_told
from engine.judge import RuleSet, judge, logged
from engine.kernels import telling_compilation
from engine.moments import all_at, dated
from engine.outcome import (
    Comments,
    decided,
    every_row,
    keys_of,
    kinds,
    originals,
    rows_decided,
    rows_with,
    translated,
)
from engine.quick import Quick
from engine.ranges import begins
from engine.rewrite import rewrite
from engine.rules import Rule, Test
from engine.sums import sums, tally
from engine.text import Address, Columns, Number, Stamp, Template, runs, write
from engine.vantage import orient, place

_PING = bytes.fromhex("4500001c00000000400100000a0000010a0000020800f7ff00000000")


def warm(callback: Callable[[str], None] = lambda name: None) -> None:
    """Compile every kernel that is not on disk yet; callback(name) as each is begun."""
    with telling_compilation(callback):
        for capture in (write_pcap([(0, _PING), (0, _PING[:9])], 101), _pcapng(_PING)):
            for frames in read_capture([capture], "warm", compiled=True):
                _use(frames)
            for frames in read_capture([capture], "warm", compiled=True, decoding=FIELD):
                decode(frames)
                if frames.section is not None:
                    originals(frames)
            _settle(capture)
        _use(frames_of([(0, _PING), (0, _PING[:9])], 101, compiled=True))


def _use(frames: Frames) -> None:
    """Run every kernel that follows the walk."""
    headers = decode(frames)
    decap(frames)
    dated(all_at(frames, NO_TIME), 0)
    ethertypes(frames, headers.status)
    rewrite(headers, 4, 0, 0, 0)
    tests = Test("src_addr", 1, 2), Test("proto", 1, 1), Test("ip_length", 1, 99)
    rules = RuleSet(compile_rules([Rule(0, tests)], compiled=True), b"\0", b"\1")
    for table in _tables():
        classify(headers, table)
        classify(headers, table, cache=FlowCache(table, 2))
    vantage = place([(4, 0x0A000002, 0)], [], [(4, 0, 2**32 - 1, 0)], [1], compiled=True)
    journey = orient(headers, vantage)
    reassemble(frames, headers, journey, Trains())
    judgement = judge(headers, journey, vantage, rules, rules, rules)
    for leg in judgement.legs:
        logged(leg, rules)
        assert leg.headers.count == leg.count  # made now
    _write(frames, Judged(headers, journey, vantage.zones), list_told(judgement, rules, rules, rules))
    rows_decided(decided(journey, judgement).rule, b"\1")
    keys = keys_of(headers, journey, judgement, 1)
    list(Comments(str).blocks(frames, keys, every_row(frames.count), translated(frames.linktype, {})))
    rows_with(judgement.verdict, 0)
    kinds(frames.linktype)
    _name(headers)
    _tabulate(headers)
    sums(frames)
    list(within(frames, 0, 1))
    tally(headers.status, STATUSES)
    found = classify(headers, rules.table)
    for counted in (frames.count, 0):  # with as many rules as packets, and with fewer: quicker in another way
        count(found, frames.time, frames.length, Counters.of(counted, compiled=True))


def _write(frames: Frames, judged: Judged, journal: Journal) -> None:
    """Text of a batch, and quotas on it."""
    parts = Number("rule"), Address("version", "src_addr"), Stamp("time", "%S"), Number("place"), Number("a")
    template = Template(parts)
    sources: dict[str, Source] = {"rule": RULE, "place": PLACE, "time": TIME, "a": {1: "type"}}
    Plan(template, sources, True).columns(frames, judged, journal, 0, journal.count)
    made = Columns.of(template, dict.fromkeys(template.columns, (0,)), compiled=True)
    runs(template, made, "time", 1)
    write(template, made)
    limited(journal, frames, Quotas(0, 1, *(as_array([0], "i8", True) for _ in range(7))))


def _name(headers: Headers) -> None:
    """The names of the flows of a batch."""
    from engine.kernels.community import SCRATCH, WORDS, name_flows

    n = headers.count
    rows, has = as_array(range(n), "i4", True), as_array(bytes(n), "u1", True)
    hashed, answer = as_array([1] * 256, "u1", True), as_array([-1] * 512, "i4", True)
    scratch, cells = blank("u4", SCRATCH, True), as_array([0] * (WORDS * n), "i8", True)
    name_flows(headers.value, rows, n, n, hashed, answer, has, scratch, cells, 0)


def _tabulate(headers: Headers) -> None:
    """Columns of a batch for a table."""
    import numpy

    from engine.kernels.columns import addresses, narrowed

    n = headers.count
    for kind in ("u1", "u2"):
        narrowed(headers.value, 0, n, 1, headers.status, numpy.empty(n, kind), blank("u1", n, True))
    addresses(headers.value, 0, n, blank("u4", 4 * n, True))


def _settle(capture: bytes) -> None:
    """Run the kernels that leave out all that follows the walk."""
    rules = RuleSet(compile_rules([Rule(0, (Test("proto", 1, 1),))], compiled=True), b"\0", b"\0")
    quick = Quick(rules, place([(4, 0x0A000002, 0)], [], [], [1], compiled=True), 1)
    list(read_capture([capture], "warm", compiled=True, quick=quick))
    begins(of_octets(capture, True), 24, len(capture), (0, 0, 1000, 16))


def _tables() -> Iterator[MatchTable]:
    """Tables of every shape, whose making and use runs every kernel of both."""
    wide = Test("src_addr", 0, 2**31), Test("dst_addr", 0, 2**31)
    rules = [Rule(i, (Test("src_addr", i, i), Test("dst_addr", i, i), Test("proto", i, i))) for i in range(4)]
    rules += [Rule(9, (wide[0], Test("dst_port", 1, 1))), Rule(10, (wide[1],)), Rule(11, wide)]
    spread = [Rule(i, (Test("src_addr", i << 16 | i % 999, i << 16 | i % 999),)) for i in range(4000)]
    for shape in SHAPES:
        yield ahead(rules[:1], compile_rules(rules, compiled=True, shapes=(shape,)))
    yield compile_rules(spread, compiled=True)
    for memory in (1 << 17, 1 << 26):  # with patterns for want of room, and without
        yield compile_rules(_crowded(), compiled=True, memory=memory, shapes=("parts",))


def _crowded() -> list[Rule]:
    """So many pairs of narrow addresses that their table is packed."""
    return [
        Rule(i, (Test("src_addr", i * 7 % 997, i * 7 % 997), Test("dst_addr", i, i), Test("proto", i % 9, i % 9)))
        for i in range(2000)
    ]


def _pcapng(frame: bytes) -> bytes:
    """The smallest capture with one frame: a section, an interface, a simple packet."""
    section = pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    octets = 16 + len(frame)
    interface = pack("<IIHHII", 1, 20, 101, 0, 0, 20)
    return section + interface + pack("<III", 3, octets, len(frame)) + frame + pack("<I", octets)
