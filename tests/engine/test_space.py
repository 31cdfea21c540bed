"""Sets of packets: every packet there can be and no other, against the rules themselves, and against a BDD library."""

from __future__ import annotations

from random import Random

import pytest

import engine
from engine import FIELD, Rule, Test, matches
from engine.space import DIMENSIONS, TOP, Entangled, Packets, Space
from engine.specimen import ip_packet

RAW = 101
CONTEXT = ("direction", "routed", "zone")
ADDRESSES = (0, 9, 10, 11, 20, 0x0A000000, 0x0A0000FF, 0x0A000100, 2**32 - 1)
LONG = (*ADDRESSES, 2**32, 0x20010DB8 << 96, (0x20010DB8 << 96) + 255, 2**128 - 1)


@pytest.fixture(scope="module")
def space() -> Space:
    return Space()


def span(random: Random, name: str) -> tuple[int, int]:
    """Values near each other, so that rules overlap."""
    if name in ("src_addr", "dst_addr"):
        known = random.choice((ADDRESSES, LONG))
    elif name == "proto":
        known = (1, 6, 17, 50, 58, 89, 135)
    elif name == "version":
        known = (4, 6)
    elif name in ("src_port", "dst_port"):
        known = (0, 20, 21, 1023, 1024, 65535)
    elif name in ("type", "code"):
        known = (0, 3, 8, 128, 255)
    elif name == "zone":
        known = (0, 1, 2, 255)
    else:
        known = (0, 1)
    low = random.choice(known)
    high = low if name in ("proto", "version") or random.random() < 0.4 else random.choice(known)
    return (low, high) if low <= high or random.random() < 0.1 else (high, low)  # now and then one that never holds


def rule(random: Random, number: int, share: float = 0.3) -> Rule:
    return Rule(number, tuple(Test(name, *span(random, name)) for name in DIMENSIONS if random.random() < share))


def packet(random: Random, packets: Packets) -> dict[str, int]:
    """A packet of a set, with values at the edges more often than not."""
    found, node, space = {}, packets.node, packets.space
    for level, name in enumerate(DIMENSIONS):
        edges, below = space.split(node, level)
        at = random.choice([at for at, child in enumerate(below) if child])
        low, high = edges[at], (edges[at + 1] - 1 if at + 1 < len(edges) else TOP[level])
        known = [each for each in (*LONG, 1, 6, 17, 21, 58, 1024, FIELD[name].unknown) if low <= each <= high]
        found[name] = random.choice((low, high, random.randint(low, high), *known))
        node = below[at]
    return found


def first(rules: list[Rule], packet: dict[str, int]) -> int:
    return next((rule.number for rule in rules if matches(rule, packet)), -1)


# ---- what a set is ---------------------------------------------------------------------------------------------


def test_box__says_what_was_asked(space: Space) -> None:
    telnet = space.box(version=4, proto=6, dst_port=23)
    assert telnet.boxes() == [{"version": ((4, 4),), "proto": ((6, 6),), "dst_port": ((23, 23),)}]
    assert telnet.sample()["dst_port"] == 23


def test_box__a_hole_of_one_address_is_no_reason_for_two(space: Space) -> None:
    net = space.box(version=4, src_addr=(0x0A000000, 0x0A0000FF))
    among = space.everything - space.box(version=4, src_addr=0x0A000007)
    assert (net & among).boxes(among) == [{"version": ((4, 4),), "src_addr": ((0x0A000000, 0x0A0000FF),)}]


def test_box__far_addresses_are_no_range(space: Space) -> None:
    ends = space.box(version=4, dst_addr=10) | space.box(version=4, dst_addr=2000)
    among = ends | space.box(version=4, dst_addr=3000)
    assert ends.boxes(among) == [{"version": ((4, 4),), "dst_addr": ((10, 10), (2000, 2000))}]


def test_everything__is_one_box(space: Space) -> None:
    assert space.everything.boxes() == [{}]
    assert not ~space.everything
    assert (~space.everything).boxes() == []


@pytest.mark.parametrize(
    "impossible",
    [
        {"proto": 1, "src_port": (0, 65535)},
        {"proto": 6, "type": (0, 255)},
        {"version": 6, "proto": 1, "type": (0, 255)},
        {"version": 4, "src_addr": 2**32},
        {"version": 5},
        {"routed": 0, "fragment": 1},
        {"proto": 17, "connect": 1},
        {"version": 4, "proto": 256},
        {"version": 6, "proto": 44},
        {"proto": 6, "connect": 1, "opaque": 1},
        {"proto": 6, "src_port": 65536, "dst_port": 80},
        {"version": 4, "proto": 50, "fragment": 0, "opaque": 1},
    ],
)
def test_everything__has_no_packet_that_cannot_be(space: Space, impossible: dict[str, int]) -> None:
    assert space.box(**impossible) == space.nothing


def test_everything__each_packet_can_be_made(space: Space) -> None:
    random = Random(1)
    for _ in range(3000):
        values = packet(random, space.everything)
        headers = engine.decode(engine.frames_of([(0, ip_packet(values))], RAW))
        read = {name: engine.cell(headers, name, 0) for name in DIMENSIONS if name not in CONTEXT}
        assert read == {name: values[name] for name in read}


def test_everything__holds_whatever_is_decoded(space: Space) -> None:
    """Octets at random, and packets with some octets spoilt or cut off."""
    random = Random(2)
    judged = 0
    for _ in range(4000):
        octets = bytearray(ip_packet(packet(random, space.everything)) + bytes(random.choice((0, 0, 4))))
        for _ in range(random.choice((0, 1, 2, 6))):
            octets[random.choice((6, 9, random.randrange(len(octets))))] = random.choice((0, 1, 6, 17, 44, 60, 255))
        del octets[random.randint(1, len(octets)) if random.random() < 0.3 else len(octets) :]
        headers = engine.decode(engine.frames_of([(0, bytes(octets))], RAW))
        if headers.status[0] > engine.PARTIAL:
            continue
        judged += 1
        read = {name: engine.cell(headers, name, 0) for name in DIMENSIONS}
        read |= {"direction": 0, "routed": 1, "zone": 7}
        assert read in space.everything, octets.hex()
    assert judged > 1000


def test_rule__what_is_no_dimension_is_refused(space: Space) -> None:
    with pytest.raises(ValueError, match="'ip_length' is no dimension"):
        space.rule(Rule(0, (Test("ip_length", 20, 40),)))


def test_sets_of_two_spaces__are_refused(space: Space) -> None:
    with pytest.raises(ValueError, match="two spaces"):
        space.everything & Space().everything


# ---- sets against the rules ------------------------------------------------------------------------------------


def test_operations__are_what_they_are_of_members(space: Space) -> None:
    random = Random(3)
    for _ in range(150):
        one, other = rule(random, 0), rule(random, 1)
        a, b = space.rule(one), space.rule(other)
        assert (a | b) - b == a - b
        assert (a & b) <= a
        assert (a ^ b) == (a | b) - (a & b)
        assert ~~a == a
        assert (a | b).count() == a.count() + b.count() - (a & b).count()
        assert a.isdisjoint(b) == (not a & b)
        for each in (a, b, a & b, a - b, a | b):
            assert (each.sample() in each) if each else each.sample() is None
        for _ in range(20):
            some = packet(random, random.choice([each for each in (a, b, space.everything) if each]))
            held, its = matches(one, some), matches(other, some)
            assert (some in a, some in b) == (held, its)
            assert (some in a - b, some in a | b, some in ~a) == (held and not its, held or its, not held)


def test_first_match__is_the_first_that_matches(space: Space) -> None:
    random = Random(4)
    for _ in range(60):
        rules = [rule(random, number) for number in range(random.randint(0, 14))]
        decided = space.first_match(rules)
        parts = decided.parts()
        assert space.union(parts.values()) == space.everything
        assert sum(part.count() for part in parts.values()) == space.everything.count()
        for number, part in parts.items():
            some = packet(random, part)
            assert first(rules, some) == number == decided[some]
        for _ in range(60):
            some = packet(random, space.everything)
            assert decided[some] == first(rules, some)


def test_first_match__of_some_packets_knows_no_others(space: Space) -> None:
    among = space.box(version=4, proto=6)
    decided = space.first_match([Rule(3)], among)
    assert decided.packets() == decided.where(3) == among
    assert decided.get(packet(Random(5), ~among)) is None


def edited(random: Random, rules: list[Rule]) -> list[Rule]:
    """A few rules gone, new, or elsewhere."""
    found = list(rules)
    for number in range(random.randint(0, 4)):
        what = random.random()
        if found and what < 0.4:
            found.pop(random.randrange(len(found)))
        elif found and what < 0.6:
            found.insert(random.randint(0, len(found) - 1), found.pop(random.randrange(len(found))))
        else:
            found.insert(random.randint(0, len(found)), rule(random, 100 + number))
    return found


def test_contrast__is_where_two_lists_decide_otherwise(space: Space) -> None:
    random = Random(6)

    def odd(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[bool, bool] | None:
        return (old[0] % 2 == 1, new[0] % 2 == 1) if old[0] % 2 != new[0] % 2 else None

    for _ in range(80):
        old = [rule(random, number) for number in range(random.randint(0, 14))]
        new = edited(random, old)
        found = space.contrast([old], [new], odd, alike=lambda a, b: a % 2 == b % 2)
        both = space.first_match(old).zip(space.first_match(new))
        assert found == both.map(lambda pair: odd((pair[0],), (pair[1],)))
        for _ in range(40):
            some = packet(random, space.everything)
            assert found.get(some) == odd((first(old, some),), (first(new, some),))


def test_contrast__a_long_list_and_its_edit(space: Space) -> None:
    """Enough rules that the intervals of all are used and not those of the few alive."""
    random = Random(7)
    old = [
        Rule(number, (Test("version", 4, 4), Test("dst_addr", number * 8, number * 8 + random.choice((0, 7, 40))),
                      Test("dst_port", number % 50, number % 50 + 9)))
        for number in range(400)
    ]  # fmt: skip
    new = edited(random, edited(random, old))
    found = space.contrast([old], [new], lambda a, b: (a, b) if a != b else None)
    assert found.packets()
    for part in list(found.parts().values())[:50]:
        some = packet(random, part)
        assert found[some] == ((first(old, some),), (first(new, some),))
    for _ in range(300):
        some = packet(random, space.box(version=4, dst_addr=(0, 3300)))
        pair = (first(old, some),), (first(new, some),)
        assert found.get(some) == (pair if pair[0] != pair[1] else None)


def test_boxes__are_disjoint_and_all_there_is(space: Space) -> None:
    random = Random(8)
    for _ in range(80):
        rules = [rule(random, number) for number in range(random.randint(1, 8))]
        among = space.rule(rule(random, 0, 0.1)) or space.everything
        packets = space.first_match(rules, among).where(0, 2, 4)
        boxes = [space.boxed(box) & among for box in packets.boxes(among)]
        assert space.union(boxes) == packets
        assert sum(box.count() for box in boxes) == packets.count()


def test_freed__any_value_of_a_dimension(space: Space) -> None:
    net = space.box(version=4, proto=6, src_addr=(10, 20), dst_port=23)
    assert net.freed("src_addr") == space.box(version=4, proto=6, dst_port=23)


def test_first_match__gives_up_where_rules_are_too_entangled(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.decisions.MOST_STATES", 50)
    random = Random(11)
    with pytest.raises(Entangled, match="rules overlap in too many ways"):
        space.first_match([rule(random, number, 0.5) for number in range(40)])
