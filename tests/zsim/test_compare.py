"""What differs between two systems: exact sets, few boxes, true examples, and one word about recorded packets."""

from __future__ import annotations

from random import Random

import pytest

import engine
from engine.space import Space
from tests.engine.test_space import packet
from tests.zsim import evaluator, generator, test_dmd
from tests.zsim.systems import NOW, PROFILE, RAW_IP, chain, icmp, policy, policy_system, rule, tcp, udp, unstarted
from tests.zsim.test_evaluator import installed
from zsim.system import System
from zsim.whatif import compare, compared, crossings
from zsim.whatif.compare import Differences, Recorded

FTP = rule("ftp", source="10.1.1.2", dest="10.1.0.0/16", service="Protocol Tcp; SourcePortRange 21; Routing Local")
TELNET = rule("telnet", source="10.1.1.2", dest="10.1.0.0/16", service="Protocol Tcp; SourcePortRange 23")
PING = rule("ping", source="10.1.0.2", dest="All4", service="Protocol Icmp; Type 8; Direction Inbound")
QUIET = rule("ping", source="10.1.0.2", dest="All4", service="Protocol Icmp; Type 8; Direction Inbound",
             action="permit-quiet")  # fmt: skip
THROUGH = rule("through", source="10.9.0.0/16", dest="All4", service="Protocol Tcp; Routing Routed; Direction Inbound")
ONWARD = rule("onward", source="10.9.0.0/16", dest="All4", service="Protocol Tcp; Routing Routed; Direction Outbound")


def differences(old: System, new: System, most: int = 20) -> Differences:
    space = Space()
    views = [crossings.view(space, system, name) for system, name in ((old, "old"), (new, "new"))]
    return compare.possible(space, *views, most)


def told(old: System, new: System) -> list[str]:
    """Each difference in a line."""
    shown = compared.document([compared.Compared(differences(old, new), None)])
    return [f"{row['kind']}: {row['packets']}" for row in shown["candidates"][0]["differences"]]


# ---- any possible packet ---------------------------------------------------------------------------------------


def test_possible__the_same_text_is_equal() -> None:
    found = differences(policy_system(policy(FTP, PING)), policy_system(policy(FTP, PING)))
    assert found.equal
    assert not any(found.alone)
    assert found.shown == ()


def test_possible__the_same_rules_in_other_words_are_equal() -> None:
    """Two prefixes for one, and rules that cannot meet in another order."""
    halves = FTP.replace("IpDestAddr 10.1.0.0/16", "IpDestAddr 10.1.0.0/17\n  IpDestAddr 10.1.128.0/17")
    assert differences(policy_system(policy(FTP, TELNET)), policy_system(policy(TELNET, halves))).equal


def test_possible__a_rule_more_is_its_own_boxes() -> None:
    assert told(policy_system(policy(FTP)), policy_system(policy(FTP, TELNET))) == [
        "newly permitted: inbound local tcp from 10.1.0.0/16 to 10.1.1.2 port 23",
        "newly permitted: outbound local tcp from 10.1.1.2 port 23 to 10.1.0.0/16",
    ]


def test_possible__a_rule_less_names_both_filters() -> None:
    found = differences(policy_system(policy(FTP, TELNET)), policy_system(policy(FTP)))
    assert [each.kind for each in found.shown] == [compare.DENIED, compare.DENIED]
    for each in found.shown:
        first = each.pairs[0]
        old, new = found.old.deciding(first.old), found.new.deciding(first.new)
        assert (old.name, new.name[:19]) == ("telnet", "DenyAllRule_Generat")
        assert found.old.place(old.where).startswith("USER.CONFIG(IPSTACK):")


def test_possible__only_the_log_differs() -> None:
    assert told(policy_system(policy(PING)), policy_system(policy(QUIET))) == [
        "no longer logged: inbound local icmp from 10.1.0.2 type 8",
    ]


def test_possible__without_filter_logging_nothing_is_logged() -> None:
    off = policy_system(policy(PING, logging="off"))
    assert {line.split(":")[0] for line in told(off, policy_system(policy(PING)))} == {"newly logged"}


def test_possible__a_discard_with_an_answer() -> None:
    deny = rule("deny", source="10.7.0.1", dest="All4", service="Protocol All; Direction Inbound", action="deny-log")
    lines = told(policy_system(policy(PING)), policy_system(policy(deny, PING)))
    assert lines == ["discarded otherwise: inbound local from 10.7.0.1"]


def test_possible__a_filter_for_addresses_that_are_not_here_changes_nothing() -> None:
    elsewhere = rule("elsewhere", source="10.1.1.99", dest="All4", service="Protocol Tcp; Routing Local")
    old, new = policy_system(policy(PING)), policy_system(policy(PING, elsewhere))
    assert differences(old, new).equal
    space = Space()
    views = [crossings.view(space, system, anywhere=True) for system in (old, new)]
    assert not compare.possible(space, *views).equal


def test_possible__a_forwarded_packet_passes_only_if_both_crossings_do() -> None:
    found = differences(policy_system(policy(PING)), policy_system(policy(PING, THROUGH)))
    assert [each.passages[1].verdict for each in found.shown] == ["denied"]
    found = differences(policy_system(policy(PING, THROUGH)), policy_system(policy(PING, THROUGH, ONWARD)))
    assert [each.passages[1].verdict for each in found.shown] == ["permitted"]
    assert "crosses twice" in compared.text(compared.document([compared.Compared(found, None)]))


def test_possible__defensive_filters_count() -> None:
    """A block denies what the policy permits; a simulation changes the log only."""

    def defended(mode: str) -> System:
        system = test_dmd.made()
        if mode:
            test_dmd.sh(system, f"{test_dmd.ADD} mode {mode} -N noping")
        return system

    plain, block, simulate = defended(""), defended("block"), defended("simulate")
    assert {each.split(":")[0] for each in told(plain, block)} >= {"newly denied"}
    assert {each.split(":")[0] for each in told(plain, simulate)} <= {"newly logged", "logged otherwise"}
    assert {each.split(":")[0] for each in told(block, simulate)} >= {"newly permitted"}
    assert differences(block, defended("block")).equal


@pytest.mark.parametrize("seed", range(12))
def test_possible__random_policies_and_packets(seed: int) -> None:
    """Packets at random are decided as the set of differences says, by both systems' own tables."""
    random = Random(seed)
    old, new, _ = pair(random)
    found = differences(old, new, most=40)
    among = found.among
    sample = [packet(random, among) for _ in range(150)]
    sample += [packet(random, part) for part in found.partition.parts().values() for _ in range(100)]
    fates = [[view.fate(numbers) for numbers in crossings.judged(view, sample)] for view in (found.old, found.new)]
    for some, before, after in zip(sample, *fates, strict=True):
        assert found.partition.get(some) == compare.kind(before, after), some
    for each in found.shown:
        assert each.example in found.partition.where(each.kind)
        assert each.size == (among.space.boxed(each.box) & found.partition.where(each.kind)).count()


# ---- recorded packets ------------------------------------------------------------------------------------------


def recorded(found: Differences, *frames: bytes, **options: object) -> Recorded:
    seen = Recorded(found, **options)  # type: ignore[arg-type]
    seen.add(engine.frames_of([(NOW + at, frame) for at, frame in enumerate(frames)], RAW_IP), "test.pcap")
    return seen


def test_recorded__flows_with_their_frames() -> None:
    found = differences(policy_system(policy(FTP, TELNET, PING)), policy_system(policy(FTP, QUIET)))
    seen = recorded(
        found, tcp("10.1.0.2", "10.1.1.2", 40000, 23), tcp("10.1.0.2", "10.1.1.2", 40000, 21),
        tcp("10.1.1.2", "10.1.0.2", 23, 40000), icmp("10.1.0.2", "10.1.1.2", 8), udp("10.1.0.2", "10.1.1.2", 53, 53),
    )  # fmt: skip
    assert seen.packets == 5
    assert seen.same == 2
    kinds = sorted((what.kind, group.packets, [frame for _, frame in group.frames])
                   for what, group in seen.groups.items())  # fmt: skip
    assert kinds == [("newly denied", 1, [1]), ("newly denied", 1, [3]), ("no longer logged", 1, [4])]


def test_recorded__another_filter_with_the_same_verdict_is_told() -> None:
    found = differences(policy_system(policy(PING)), policy_system(policy(PING.replace("ping", "echo"))))
    assert found.equal
    seen = recorded(found, icmp("10.1.0.2", "10.1.1.2", 8))
    assert [(what.kind, what.old, what.new) for what in seen.groups] == [("by another filter", ("ping",), ("echo",))]


def test_recorded__a_contradiction_would_be_seen() -> None:
    found = differences(policy_system(policy(PING)), policy_system(policy(QUIET)))
    blind = found._replace(partition=found.partition.within(found.among.space.nothing))
    with pytest.raises(RuntimeError, match="the systems say no longer logged"):
        recorded(blind, icmp("10.1.0.2", "10.1.1.2", 8))


def pair(random: Random) -> tuple[System, System, generator.World]:
    """Two systems in one place: unlike policies, or one and its edit."""
    here = generator.world(random)
    made = [generator.policy(random, random.choice((1, 3, 6))) for _ in range(2)]
    systems = []
    for each in made:
        system = unstarted(chain(each.text, here.profile), tasks="-TRMD")
        system.start(NOW)
        systems.append(system)
    return systems[0], systems[1], here


@pytest.mark.parametrize("seed", range(20))
def test_recorded__both_parts_agree_and_so_does_the_reference(seed: int) -> None:
    """10,000 packets in all: `Recorded` looks up each and would raise; the verdicts are those of the plain reading."""
    random = Random(100 + seed)
    old, new, here = pair(random)
    found = differences(old, new, most=3)
    rows = [installed(system) for system in (old, new)]
    sent = [each for each in generator.packets(random, here, rows[0] + rows[1], 500) if len(each.frames) == 1]
    seen = recorded(found, *(frame for each in sent for frame in each.frames))
    verdicts = [tuple(evaluator.legs(each.view, None, here, side)[0] for side in rows) for each in sent if each.whole]
    changed = sum(group.packets for what, group in seen.groups.items() if what.kind in compare.KINDS[:2])
    assert changed == sum(before != after for before, after in verdicts)
    assert seen.changed + seen.same == seen.packets == len(sent)


# ---- written out -----------------------------------------------------------------------------------------------


def test_written__every_form_says_the_same() -> None:
    found = differences(policy_system(policy(FTP)), policy_system(policy(FTP, TELNET)))
    shown = compared.document([compared.Compared(found, recorded(found, tcp("10.1.0.2", "10.1.1.2", 40000, 23)))])
    for form in compared.FORMS.values():
        text = form(shown)
        assert "inbound local tcp from 10.1.0.0/16 to 10.1.1.2 port 23" in text
        assert "test.pcap" in text


def test_written__html_lets_nothing_out_of_its_place() -> None:
    found = differences(policy_system(policy(FTP)), policy_system(policy(FTP, TELNET)))
    shown = compared.document([compared.Compared(found, None)])
    shown["baseline"]["name"] = "</script><script>alert(1)</script>"
    page = compared.html(shown)
    assert "<script>alert" not in page
    assert page.count("http") == 0  # nothing from elsewhere


def test_written__several_candidates_side_by_side() -> None:
    space = Space()
    texts = policy(FTP), policy(FTP, TELNET), policy(FTP)
    old, one, other = (
        crossings.view(space, policy_system(text), name) for text, name in zip(texts, "abc", strict=True)
    )
    pairs = [compared.Compared(compare.possible(space, old, each), None) for each in (one, other)]
    lines = compared.text(compared.document(pairs)).splitlines()
    assert [line.split() for line in lines if line.startswith(("newly permitted", "equal"))] == [
        ["newly", "permitted", "2", "0"], ["equal", "no", "yes"],
    ]  # fmt: skip


def test_view__other_addresses_are_said() -> None:
    moved = PROFILE.replace("IPADDR 10.1.1.2", "IPADDR 10.1.1.3")
    found = differences(policy_system(policy(PING)), policy_system(policy(PING), moved))
    assert not found.equal
    text = compared.text(compared.document([compared.Compared(found, None)]))
    assert "Only old has these crossings" in text
    assert "inbound local to 10.1.1.2" in " ".join(text.split())
    assert "crosses the same interfaces in both: equal" in text


NIGHT = """\
IpTimeCondition night
{
  TimeOfDayRange 20:00-24:00
}
"""


def test_possible__rules_of_another_time_of_day() -> None:
    """By day the rule is not installed, and the answer says of when it is."""
    timed = TELNET.replace("  IpGenericFilterActionRef", "  IpTimeConditionRef night\n  IpGenericFilterActionRef")
    old, new = policy_system(policy(FTP)), policy_system(policy(FTP, timed) + NIGHT)
    assert differences(old, new).equal
    space = Space()
    views = [crossings.view(space, system, time=NOW + 7 * 3600 * 10**9) for system in (old, new)]
    found = compare.possible(space, *views)
    assert {each.kind for each in found.shown} == {compare.PERMITTED}
    assert "as of 2023-12-13T21:05:31" in compared.text(compared.document([compared.Compared(found, None)]))
