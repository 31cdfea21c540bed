"""Templates: what the kernel writes is what the slow twin writes, octet by octet, in both modes."""

from __future__ import annotations

import base64
import hashlib
import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest
import reference

from engine.text import Address, Base64, Choice, Columns, Fraction, Number, Stamp, Template, runs, write

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])


def ns(year: int, month: int = 1, day: int = 1, *clock: int) -> int:
    return int(datetime(year, month, day, *clock, tzinfo=UTC).timestamp()) * 10**9


def lines(template: Template, values: dict[str, list[int]], compiled: bool, offset: int = 0) -> list[str]:
    """The rows, cut where they end."""
    octets, ends = write(template, Columns.of(template, values, compiled), offset)
    cuts = [0, *(int(end) for end in ends)]
    assert cuts[-1] == len(octets)
    return [bytes(octets[first:last]).decode() for first, last in pairwise(cuts)]


def test_write__the_example_of_the_module() -> None:
    template = Template(("port ", Number("port", ("none",)), " of ", Address("version", "src_addr"), "\n"))
    values = {"port": [21, -1], "version": [4, 4], "src_addr": [0x0A010002, 1]}
    assert lines(template, values, False) == ["port 21 of 10.1.0.2\n", "port none of 0.0.0.1\n"]


NUMBERS = [0, 9, 10, 99, 100, 65535, 2**32 - 1, 10**18 - 1, 10**18, 2**63 - 1]


@MODES
@pytest.mark.parametrize("wide", [0, 2, 7, 19])
def test_number__of_every_size(compiled, wide) -> None:
    assert lines(Template((Number("n", wide=wide),)), {"n": NUMBERS}, compiled) == [f"{n:0{wide}d}" for n in NUMBERS]


ADDRESSES = {
    0: "::", 1: "::1", 1 << 112: "1::", 0xFFFF_0A01_0102: "::ffff:a01:102", 0x0A010102: "::a01:102",
    0x20010DB8 << 96 | 9: "2001:db8::9",
    0x2001_0DB8_0000_0001_0000_0000_0000_0002: "2001:db8:0:1::2",
    0x2001_0000_0000_0001_0000_0000_0001_0001: "2001::1:0:0:1:1",
    0x2001_0DB8_0000_0001_0001_0001_0001_0001: "2001:db8:0:1:1:1:1:1",
    0x0001_0002_0003_0004_0005_0006_0000_0000: "1:2:3:4:5:6::",
    2**128 - 1: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
}  # fmt: skip


@MODES
def test_address__of_ipv6_is_shortened_as_rfc_5952_says(compiled) -> None:
    values = {"version": [6] * len(ADDRESSES), "a": list(ADDRESSES)}
    assert lines(Template((Address("version", "a"),)), values, compiled) == list(ADDRESSES.values())


@MODES
def test_address__of_no_version_is_nothing(compiled) -> None:
    values = {"version": [4, 0, 6], "a": [0xFFFFFFFF, 7, 7]}
    assert lines(Template((Address("version", "a"), ".")), values, compiled) == ["255.255.255.255.", ".", "::7."]


@MODES
def test_base64__of_five_words_and_of_nothing(compiled) -> None:
    hashes = [hashlib.sha1(bytes([n]), usedforsecurity=False).digest() for n in range(200)]
    values = {"there": [n % 7 for n in range(200)], "hash": [int.from_bytes(each, "big") for each in hashes]}
    expected = [base64.b64encode(each).decode() + "." if n % 7 else "." for n, each in enumerate(hashes)]
    assert lines(Template((Base64("there", "hash"), ".")), values, compiled) == expected


TIMES = [
    -5, 0, 10**9 - 1, ns(1999, 12, 31, 23, 59, 59) + 999_999_999, ns(2000, 2, 29), ns(2023, 3, 12, 7), ns(2023, 3, 1),
    ns(2024, 2, 29, 23, 59, 59), ns(2024, 3, 1), ns(2100, 2, 28, 23, 59, 59), ns(2100, 3, 1), ns(2262, 4, 11), 2**63 -
    1, ]  # fmt: skip


@MODES
@pytest.mark.parametrize("offset", [0, -18_000, 19_800, 43_200, -43_200, 1])
def test_stamp__over_midnights_leap_days_and_ends_of_years(compiled, offset) -> None:
    parts = (Stamp("t", "%b %e %H:%M:%S", True), " | ", Stamp("t", "%m/%d/%Y %H:%M:%S"), ".", Fraction("t", 2))
    expected = [reference.text(parts, {"t": time}, offset) for time in TIMES]
    assert lines(Template(parts), {"t": TIMES}, compiled, offset) == expected
    if offset == 0:
        assert expected[3] == "Dec 31 23:59:59 | 12/31/1999 23:59:59.99"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((Stamp("t", "%Y" * 40),), "too long"),
        ((Stamp("t", "%H:%j"),), "has %j"),
        ((Stamp("t", "100%"),), "has %;"),
        ((Fraction("t", 10),), "9 digits"),
        ((Number("a"), Address("version", "a")), "in 4 and in 1 words"),
    ],
)
def test_template__that_cannot_be_written_is_refused(parts, why) -> None:
    with pytest.raises(ValueError, match=why):
        Template(parts)


def test_template__makes_one_part_of_neighbours() -> None:
    of = Choice("c", (b"x", b"y"))
    assert Template(("a", "b", of, "c", of, "d")).parts == [Choice("c", (b"abxcxd", b"abycyd"))]
    assert len(Template((of, Choice("other", (b"1",)))).parts) == 2


@pytest.mark.parametrize(("part", "value"), [(Choice("c", (b"x",)), 1), (Choice("c", (b"x",)), -1),
                                             (Number("c", ("none",)), -2)])  # fmt: skip
def test_columns__that_ask_for_what_is_not_there_are_refused(part, value) -> None:
    with pytest.raises(ValueError, match="column c has"):
        Columns.of(Template((part,)), {"c": [value]})


@MODES
def test_write__of_no_rows_is_nothing(compiled) -> None:
    assert lines(Template(("x", Number("n"))), {"n": []}, compiled) == []


@MODES
def test_runs__change_at_midnight_of_the_zone(compiled) -> None:
    template = Template((Stamp("t", "%S"),))
    day = 86_400 * 10**9
    values = Columns.of(template, {"t": [day - 1, day, day + 1, 2 * day, day]}, compiled)
    assert runs(template, values, "t", day) == [(0, 1), (1, 3), (3, 4), (4, 5)]
    assert runs(template, values, "t", day, 10**9) == [(0, 3), (3, 4), (4, 5)]
    assert runs(template, Columns.of(template, {"t": []}, compiled), "t", day) == []


def some_parts(chance: random.Random) -> list:
    """A template of any parts, columns named so that what they hold fits."""

    def one():
        at = chance.randrange(3)
        texts = tuple("äbc"[: chance.randrange(4)].encode() * chance.choice((1, 9)) for _ in range(4))
        return chance.choice((
            "," * chance.randrange(40), b"\xc3\xa4", Choice(f"choice{at}", texts), Number(f"number{at}", ("none", "Ä")),
            Number(f"number{at}", ("", "x" * 30), chance.randrange(8)), Address(f"version{at}", f"address{at}"),
            Stamp(f"time{at}", chance.choice(("%b %e %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "on %d", "")), chance.random() <
            0.5), Fraction(f"time{at}", chance.randrange(10)),
        ))  # fmt: skip

    return [one() for _ in range(chance.randrange(1, 25))]


def some_rows(chance: random.Random, names, n: int) -> list[dict[str, int]]:
    draw = {
        "choice": lambda: chance.randrange(4),
        "number": lambda: chance.choice((-1, -2, chance.randrange(10), chance.randrange(65536),
        chance.randrange(2**63))), "version": lambda: chance.choice((4, 6, 6, 0)),
        "time": lambda: chance.choice((ns(2023, 12, 31, 23, 59, 59) + chance.randrange(2 * 10**9),
        chance.randrange(2**63))), }  # fmt: skip
    rows = []
    for _ in range(n):
        row = {name: draw[name[:-1]]() for name in names if name[:-1] != "address"}
        for name in names:
            if name[:-1] == "address":
                groups = [chance.choice((0, 0, 1, chance.randrange(65536))) for _ in range(8)]
                wide = sum(group << 16 * at for at, group in enumerate(groups))
                row[name] = wide if row[f"version{name[-1]}"] == 6 else chance.randrange(2**32)
        rows.append(row)
    return rows


@pytest.mark.parametrize("seed", range(150))
def test_write__is_what_the_twin_writes(seed) -> None:
    chance = random.Random(seed)
    parts = some_parts(chance)
    template = Template(parts)
    rows = some_rows(chance, template.columns, chance.choice((1, 2, 63, 64, 65, 200)))
    values = {name: [row[name] for row in rows] for name in template.columns}
    offset = chance.randrange(-50_000, 50_000)
    expected = [reference.text(parts, row, offset) for row in rows] if values else []
    for compiled in (False, True):
        assert lines(template, values, compiled, offset) == expected
