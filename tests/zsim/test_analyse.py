"""What is wrong with rules: planted defects are found, none is invented, and what is told to be superfluous is."""

from __future__ import annotations

from random import Random

import pytest

from engine.rules import Rule, matches
from engine.space import Space
from tests.zsim import generator, systems
from tests.zsim.systems import PROFILE, policy, policy_system, profile_system, rule, tcp
from zsim.findings import WARNING, Where
from zsim.system import System, Task
from zsim.whatif import analyse, compare, crossings, usage
from zsim.whatif.analyse import Analysis, Ignore
from zsim.whatif.reach import DEAD, LIVE, REDUNDANT, conflicts

HERE = "10.1.1.2"
INBOUND = "Protocol All;Direction Inbound"


def web(port: str, way: str = "Inbound") -> str:
    return f"Protocol Tcp;DestinationPortRange {port};Direction {way}"


def analysis(system: System, **options: object) -> Analysis:
    return analyse.analyse(Space(), system, **options)  # type: ignore[arg-type]


def told(system: System, **options: object) -> set[tuple[str, str]]:
    """Id and rule of everything that is told but notes."""
    return {(each.id, each.rule) for each in analysis(system, **options).told if each.severity == WARNING}


def noted(system: System, **options: object) -> set[tuple[str, str]]:
    return {(each.id, each.rule) for each in analysis(system, **options).told}


# ---- one by one ------------------------------------------------------------------------------------------------


def test_analyse__a_rule_behind_a_wider_one_is_shadowed() -> None:
    made = policy_system(policy(
        rule("wide", source="10.2.0.0/16", dest=HERE, service=web("80 90")),
        rule("narrow", source="10.2.3.4", dest=HERE, service=web("85"), action="deny-log"),
    ))  # fmt: skip
    (found,) = (each for each in analysis(made).told if each.severity == WARNING)
    assert (found.id, found.rule, found.blocking, found.different_action) == ("shadowed", "narrow", ("wide.1",), True)
    why = "wide (line 7) matches all its packets before it, with another action"
    assert found.text == f"deny narrow never decides: {why}"
    assert found.finding.remedy == "remove it, or move it before wide"


def test_analyse__several_that_cover_are_a_set_of_which_none_can_be_spared() -> None:
    made = policy_system(policy(
        rule("unrelated", source="10.2.3.4", dest=HERE, service=web("1500")),
        rule("low", source="10.2.0.0/16", dest=HERE, service=web("1000 1999")),
        rule("high", source="10.2.0.0/16", dest=HERE, service=web("2000 2999")),
        rule("between", source="10.2.3.0/24", dest=HERE, service=web("1500 2500")),
    ))  # fmt: skip
    (found,) = (each for each in analysis(made).told if each.id == "unreachable")
    assert (found.rule, found.blocking) == ("between", ("low.1", "high.1"))


def test_analyse__specific_before_general_is_how_filters_are_written() -> None:
    made = policy_system(policy(
        rule("badhost", source="10.2.3.4", dest=HERE, service=INBOUND, action="deny-log"),
        rule("badport", source="10.2.0.0/16", dest=HERE, service=web("23"), action="deny-log"),
        rule("subnet", source="10.2.0.0/16", dest=HERE, service=INBOUND),
    ))  # fmt: skip
    assert not {id for id, _ in noted(made)} & {"permits-denied", "overlap", "shadowed", "redundant", "partly-dead"}


def test_analyse__a_permit_for_all_before_a_deny_for_some() -> None:
    made = policy_system(policy(
        rule("webserver", dest=HERE, service=web("80")),
        rule("blacklist", source="10.66.0.0/16", dest=HERE, service=INBOUND, action="deny-log"),
    ))  # fmt: skip
    (found,) = (each for each in analysis(made).told if each.id == "permits-denied")
    assert (found.rule, found.blocking) == ("webserver", ("blacklist.1",))
    assert found.example.startswith("tcp 10.66.0.1:40000 > 10.1.1.2:80 in syn")


def test_analyse__what_is_the_same_without_it_is_redundant() -> None:
    made = policy_system(policy(
        rule("narrow", source="10.2.3.4", dest=HERE, service=web("80")),
        rule("wide", source="10.2.0.0/16", dest=HERE, service=web("80 90")),
    ))  # fmt: skip
    assert told(made) == {("redundant", "narrow")}


def test_analyse__another_log_is_no_redundancy() -> None:
    made = policy_system(policy(
        rule("narrow", source="10.2.3.4", dest=HERE, service=web("80"), action="permit-quiet"),
        rule("wide", source="10.2.0.0/16", dest=HERE, service=web("80 90")),
    ))  # fmt: skip
    assert told(made) == set()


def test_analyse__of_two_that_stand_for_each_other_one_may_go() -> None:
    twice = {"source": "10.2.3.4", "dest": HERE, "service": web("80")}
    made = policy_system(policy(rule("one", **twice), rule("two", **twice), rule("three", **twice)))
    assert told(made) == {("shadowed", "two"), ("shadowed", "three")}


def test_analyse__a_rule_is_dead_only_if_all_its_filters_are() -> None:
    made = policy_system(policy(
        rule("wide", source="10.2.0.0/16", dest=HERE, service=web("80")),
        rule("two", source="10.2.3.4|10.3.3.4", dest=HERE, service=web("80")),
    ))  # fmt: skip
    found = {each.rule: each for each in analysis(made).told if each.id == "partly-dead"}
    assert told(made) == set()
    assert found["two"].filters == ("two.1",)


def test_analyse__what_no_packet_here_can_be() -> None:
    made = policy_system(policy(
        rule("elsewhere", source="10.9.9.9", dest="10.8.8.8", service=web("80")),
        rule("contradiction", source="10.9.9.9", dest=HERE, service="Protocol Tcp;SecurityClass 7;Direction Inbound"),
    ))  # fmt: skip
    found = {each.rule: each.text for each in analysis(made).told if each.id == "never-matches"}
    assert set(found) == {"elsewhere", "contradiction"}
    assert "its destination address" in found["elsewhere"]
    assert "its security class" in found["contradiction"]


def test_analyse__a_policy_rule_behind_a_defensive_filter() -> None:
    text = policy(rule("client", source="10.66.1.1", dest=HERE, service=web("80")))
    assert ("behind-defence", "client") not in noted(defended(text))
    made = defended(text, "srcip 10.66.0.0/16 destip all -N attack")
    (found,) = (each for each in analysis(made).told if each.id == "behind-defence")
    assert (found.rule, found.blocking) == ("client", ("attack.1",))
    assert "until 2023-12-13T14:35:31" in found.text


def defended(text: str, *lines: str) -> System:
    """A system with this policy, and defensive filters that block."""
    mode = "DmStackConfig TCPIP\n{\n  Mode Active\n}\n"
    files = systems.chain(text, DMD=mode, DMDENV="DMD_FILE=//'USER.CONFIG(DMD)'\n")
    system = systems.unstarted(files)
    here = Where("system.yaml", 1, 1)
    system.tasks["DMD"] = Task("DMD", "DMD", "START1", here, environment="//'USER.CONFIG(DMDENV)'")
    system.start(systems.NOW)
    for line in lines:
        answer = system.shell(f"ipsec -F add {line} prot all dir inbound lifetime 30")
        assert answer.code == 0, answer.errors
    return system


def test_analyse__defensive_filters_among_themselves() -> None:
    text = policy(rule("client", source="10.2.1.1", dest=HERE, service=web("80")))
    made = defended(text, "srcip 10.66.1.1 destip all -N one", "srcip 10.66.0.0/16 destip all -N all")
    (found,) = (each for each in analysis(made).told if each.layer == "defensive")
    assert (found.id, found.rule, found.blocking) == ("shadowed", "one", ("all.1",))


# ---- checks ----------------------------------------------------------------------------------------------------


def test_analyse__a_permit_of_everything() -> None:
    assert ("permits-all", "open") in told(policy_system(policy(rule("open"))))
    assert ("permits-all", "half") not in told(policy_system(policy(rule("half", source="10.0.0.0/8"))))


def test_analyse__a_deny_that_nobody_sees() -> None:
    made = policy_system(policy(rule("quiet", source="10.9.9.9", action="deny-quiet"), rule("rest", dest=HERE)))
    assert ("denies-unlogged", "quiet") in noted(made)


def test_analyse__log_records_that_nobody_keeps() -> None:
    made = policy_system(policy(rule("logged", source="10.9.9.9", dest=HERE)))
    assert ("log-lost", "") not in told(made)
    made.stop_task(made.tasks["TRMD"])
    (found,) = (each for each in analysis(made).told if each.id == "log-lost")
    assert "TRMD1 is not running" in found.text


def test_analyse__log_records_that_no_line_of_syslog_conf_takes() -> None:
    files = systems.chain(policy(rule("logged", source="10.9.9.9", dest=HERE)))
    files["/etc/syslog.conf"] = "*.OMPROUTE.*.info /var/log/other\n"
    assert ("log-lost", "") in told(systems.system(files))


def test_analyse__log_records_that_go_to_another_host() -> None:
    files = systems.chain(policy(rule("logged", source="10.9.9.9", dest=HERE)))
    files["/etc/syslog.conf"] = "*.TRMD1.*.info @10.1.0.9\n"
    assert ("log-lost", "") not in told(systems.system(files))


def test_analyse__records_asked_for_while_logging_is_off() -> None:
    made = policy_system(policy(rule("logged", source="10.9.9.9", dest=HERE), logging="off"))
    assert ("log-off", "") in noted(made)


def test_analyse__objects_that_nothing_uses() -> None:
    made = policy_system(policy(rule("a", source="10.9.9.9", dest=HERE)) + "IpAddr idle\n{\n  Addr 10.1.1.9\n}\n")
    assert ("unused", "idle") in noted(made)


def test_analyse__default_rules_that_open_what_the_policy_closes() -> None:
    profile = PROFILE + "IPSEC LOGENABLE\n  IPSECRULE * 10.1.0.9 NOLOG PROTOCOL TCP SRCPORT 23\nENDIPSEC\n"
    made = policy_system(policy(rule("a", source="10.9.9.9", dest=HERE, service=web("80"))), profile)
    found = {each.id: each for each in analysis(made).told}
    assert found["default-permits"].rule == "SYSDEFAULTRULE.1"
    assert "port 23" in found["default-permits"].text
    assert "10.9.9.9" in found["default-denies"].text


def test_analyse__the_default_rules_where_they_are_in_force() -> None:
    profile = (
        PROFILE
        + "IPSEC LOGENABLE\n  IPSECRULE * * LOG PROTOCOL TCP\n  IPSECRULE * 10.1.0.9 LOG PROTOCOL TCP\nENDIPSEC\n"
    )
    assert told(profile_system(profile)) == {("shadowed", "SYSDEFAULTRULE.2")}


# ---- what is not told ------------------------------------------------------------------------------------------


def test_analyse__comments_and_ids_keep_findings_quiet() -> None:
    twice = {"source": "10.2.3.4", "dest": HERE, "service": web("80")}
    text = policy(rule("one", **twice), rule("two", **twice))
    assert told(policy_system(text)) == {("shadowed", "two")}
    quiet = text.replace("IpFilterRule two", "# kept for the audit; zsim: ignore shadowed\nIpFilterRule two")
    assert told(policy_system(quiet)) == set()
    assert len(analysis(policy_system(quiet)).ignored) == 1
    other = text.replace("IpFilterRule two", "# zsim: ignore redundant\nIpFilterRule two")
    assert told(policy_system(other)) == {("shadowed", "two")}
    assert told(policy_system(text), ignore=[Ignore("shadowed", "two")]) == set()
    assert told(policy_system(text), ignore=[Ignore("shadowed", "one")]) == {("shadowed", "two")}


def test_analyse__ignore_files() -> None:
    assert analyse.read_ignored("# why\nshadowed two\n\nunused  # all\n") == [
        Ignore("shadowed", "two"),
        Ignore("unused"),
    ]
    with pytest.raises(ValueError, match="line 1: no finding is called shadow; did you mean shadowed"):
        analyse.read_ignored("shadow\n")


# ---- what was seen ---------------------------------------------------------------------------------------------


def watched(made: System, packets: list[bytes], times: list[int]) -> usage.Traffic:
    import engine

    traffic = usage.Traffic(crossings.view(Space(), made))
    traffic.add(engine.frames_of(list(zip(times, packets, strict=True)), systems.RAW_IP))
    return traffic


def test_analyse__never_hit_needs_a_long_watch_and_traffic() -> None:
    made = policy_system(policy(
        rule("used", source="10.2.3.4", dest=HERE, service=web("80")),
        rule("idle", source="10.2.3.5", dest=HERE, service=web("80")),
    ))  # fmt: skip
    packets = [tcp("10.2.3.4", HERE, 40000, 80)] * 2000
    short = watched(made, packets, [systems.NOW + at for at in range(2000)])
    space = short.view.among.space
    ids = {each.id for each in analyse.analyse(space, made, short, view=short.view).told}
    assert "no-verdict" in ids
    assert "never-hit" not in ids
    long = watched(made, packets, [systems.NOW + at * usage.DAY // 50 for at in range(2000)])
    space = long.view.among.space
    found = [each for each in analyse.analyse(space, made, long, view=long.view).told if each.id == "never-hit"]
    assert [each.rule for each in found] == ["idle"]
    assert "captures, 39 days, 2,000 matches in all" in found[0].text


def test_analyse__permits_wider_than_what_was_seen() -> None:
    made = policy_system(policy(rule("wide", source="10.2.0.0/16", dest=HERE, service=web("1 1023"))))
    seen = watched(made, [tcp("10.2.3.4", HERE, 40000, port) for port in (21, 22)], [systems.NOW] * 2)
    found = analyse.analyse(seen.view.among.space, made, seen, view=seen.view)
    (wider,) = (each for each in found.told if each.id == "wider-than-traffic")
    assert "source 10.2.0.0/16, seen: 10.2.3.4" in wider.text
    assert "destination port 1-1023, seen: 21, 22" in wider.text


# ---- many at once ----------------------------------------------------------------------------------------------


def planted(count: int, random: Random) -> tuple[str, set[tuple[str, str]]]:
    """A policy of some thousand rules, each about a network of its own, and the defects in it by id and rule."""
    rules: list[str] = []
    defects: set[tuple[str, str]] = set()

    def add(name: str, source: str, port: str, action: str = "permit-log") -> None:
        rules.append(rule(name, source=source, dest=HERE, service=web(port), action=action))

    for at in range(count):
        net, name = f"10.{20 + at // 200}.{at % 200}", f"r{at}"
        low = random.randrange(100, 30_000)
        kind = random.choice(("plain",) * 8 + ("specific", "shadowed", "contradicts", "redundant", "union", "attack"))
        if kind == "plain":
            peer = random.choice((f"{net}.7", f"{net}.0/24"))
            if random.random() < 0.5:
                add(name, peer, f"{low} {low + random.choice((0, 9))}")
            else:
                service = f"Protocol Tcp;SourcePortRange {low};Direction Bidirectional InboundConnect"
                rules.append(rule(name, source=HERE, dest=peer, service=service))
        elif kind == "specific":
            add(f"{name}a", f"{net}.9", f"{low} {low + 50}", "deny-log")
            add(f"{name}b", f"{net}.0/24", f"{low} {low + 90}")
        elif kind == "shadowed":
            add(f"{name}a", f"{net}.0/24", f"{low} {low + 90}")
            add(f"{name}b", f"{net}.9", f"{low + 5}", random.choice(("permit-log", "deny-log", "permit-quiet")))
            defects.add(("shadowed", f"{name}b"))
        elif kind == "contradicts":
            add(f"{name}a", f"{net}.0/24", f"{low}", "permit-log")
            add(f"{name}b", f"{net}.9", f"{low - 5} {low + 5}", "deny-log")
            defects.add(("permits-denied", f"{name}a"))
        elif kind == "redundant":
            add(f"{name}a", f"{net}.9", f"{low + 5}")
            add(f"{name}b", f"{net}.0/24", f"{low} {low + 90}")
            defects.add(("redundant", f"{name}a"))
        elif kind == "union":
            add(f"{name}a", f"{net}.0/25", f"{low} {low + 90}")
            add(f"{name}b", f"{net}.128/25", f"{low} {low + 60}")
            add(f"{name}c", f"{net}.128/25", f"{low + 50} {low + 90}", random.choice(("permit-log", "deny-log")))
            add(f"{name}d", f"{net}.64-{net}.200", f"{low + 10} {low + 80}")
            defects.add(("unreachable", f"{name}d"))
        else:
            add(name, f"10.66.{at % 200}.{1 + at // 200}", f"{low}")
            defects.add(("behind-defence", name))
    return policy(*rules), defects


PLANTED = {"shadowed", "unreachable", "redundant", "never-matches", "permits-denied", "behind-defence", "partly-dead",
           "denied-on-arrival"}  # fmt: skip


def first(rules: list[Rule], packet: dict[str, int]) -> int:
    return next((each.number for each in rules if matches(each, packet)), -1)


@pytest.fixture(scope="module")
def large() -> tuple[Analysis, set[tuple[str, str]]]:
    text, defects = planted(700, Random(8))
    return analysis(defended(text, "srcip 10.66.0.0/16 destip all -N attack")), defects


def test_analyse__planted_defects_are_found_and_none_is_invented(large: tuple[Analysis, set[tuple[str, str]]]) -> None:
    found, defects = large
    assert len({rule.name for rule in found.view.rows}) > 1000
    seen = {(each.id, each.rule) for each in found.told if each.id in PLANTED}
    assert len(defects) > 200
    assert seen == defects


def test_analyse__every_filter_not_told_decides_something(large: tuple[Analysis, set[tuple[str, str]]]) -> None:
    """By asking the rules one after the other, without sets of packets."""
    found, _ = large
    rules = found.view.asked.rules
    for standing in found.reach.standings:
        if standing.state in (LIVE, REDUNDANT):
            assert standing.example is not None
            assert first(rules, standing.example) == standing.row


def test_analyse__nothing_changes_when_all_told_superfluous_are_gone(
    large: tuple[Analysis, set[tuple[str, str]]],
) -> None:
    found, _ = large
    view, rules = found.view, found.view.asked.rules
    gone = {each.row for each in found.reach.standings if each.state in (*DEAD, REDUNDANT)}
    assert len(gone) > 100
    left = view._replace(asked=view.asked._replace(rules=[each for each in rules if each.number not in gone]))
    space = view.among.space
    assert compare.contrasted(space, view, left, view.among).values() == []
    random = Random(3)
    for each in random.sample(rules, 300):  # and packet by packet, in and beside the boxes of rules
        packet = (space.rule(each) & view.among).sample()
        if packet is not None:
            for port in (packet["dst_port"], random.randrange(65536)):
                near = {**packet, "dst_port": port} if packet["dst_port"] < 65536 else packet
                before, after = first(rules, near), first(left.asked.rules, near)
                assert view.fate((-1, -1, before)) == view.fate((-1, -1, after))


def test_analyse__without_any_live_filter_something_changes(large: tuple[Analysis, set[tuple[str, str]]]) -> None:
    found, _ = large
    view = found.view
    gone = {each.row for each in found.reach.standings if each.state in (*DEAD, REDUNDANT)}
    kept = [each for each in view.asked.rules if each.number not in gone]
    live = [each.row for each in found.reach.standings if each.state == LIVE]
    space = view.among.space
    for row in Random(5).sample(live, 60):
        near = [each for each in kept if each.number == row or _meet(each, view.asked.rules, row)]
        without = [each for each in near if each.number != row]
        mine = space.first_match(near, view.among & space.rule(next(e for e in kept if e.number == row))).where(row)
        after = {view.fate((-1, -1, int(each))) for each in space.first_match(without, mine).values()}  # type: ignore[call-overload]
        assert after != {view.fate((-1, -1, row))}


def _meet(one: Rule, rules: list[Rule], row: int) -> bool:
    other = {name: (low, high) for name, low, high in next(each for each in rules if each.number == row).tests}
    return all(name not in other or (low <= other[name][1] and other[name][0] <= high) for name, low, high in one.tests)


# ---- forwarding, time, many ------------------------------------------------------------------------------------


def test_analyse__what_is_denied_before_it_could_be_forwarded() -> None:
    way = "Protocol Tcp;DestinationPortRange 80;Routing Routed;Direction"
    onward = rule("onward", source="10.2.0.0/16", dest="172.16.5.5", service=f"{way} Outbound")
    inward = rule("inward", source="10.2.0.0/16", dest="172.16.5.5", service=f"{way} Inbound")
    assert told(policy_system(policy(onward))) == {("denied-on-arrival", "onward")}
    assert told(policy_system(policy(onward, inward))) == set()


def test_analyse__ipv6() -> None:
    made = policy_system(policy(
        rule("wide", source="2001:db8:1::/48", dest="2001:db8::2", service=web("80 90")),
        rule("narrow", source="2001:db8:1::7", dest="2001:db8::2", service=web("85"), action="deny-log"),
    ))  # fmt: skip
    assert told(made) == {("shadowed", "narrow")}


def test_analyse__a_rule_outside_its_time_is_not_looked_at() -> None:
    text = policy(rule("nightly", source="10.2.3.4", dest=HERE, service=web("80")),
                  rule("wide", source="10.2.0.0/16", dest=HERE, service=web("80")))  # fmt: skip
    night = "IpTimeConditionRef night\n  IpGenericFilterActionRef"
    timed = (
        text.replace("IpGenericFilterActionRef", night, 1)
        + "IpTimeCondition night\n{\n  TimeOfDayRange 01:00-02:00\n}\n"
    )
    assert told(policy_system(text)) == {("redundant", "nightly")}
    found = analysis(policy_system(timed))
    assert [each for each in found.told if each.severity == WARNING] == []
    assert [each.name for each in found.missing] == ["nightly"]


def test_conflicts__says_where_there_are_more() -> None:
    rules = [rule(f"p{at}", dest=HERE, service=web(f"{100 + at}")) for at in range(5)]
    rules.append(rule("deny", source="10.66.0.0/16", dest=HERE, service=INBOUND, action="deny-log"))
    found = analysis(policy_system(policy(*rules))).reach
    pairs, more = conflicts(found, 3)
    assert (len(pairs), more) == (3, True)
    pairs, more = conflicts(found, 5)
    assert (len(pairs), more) == (5, False)
    assert all(pair.harm for pair in pairs)


def test_analyse__what_a_time_condition_decides_is_a_note() -> None:
    wide = rule("wide", source="10.2.0.0/16", dest=HERE, service=web("80"))
    text = policy(wide, rule("narrow", source="10.2.3.4", dest=HERE, service=web("80")))
    day = "IpTimeConditionRef day\n  IpGenericFilterActionRef"
    timed = text.replace("IpGenericFilterActionRef", day, 1)
    timed += "IpTimeCondition day\n{\n  TimeOfDayRange 01:00-23:00\n}\n"
    (found,) = (each for each in analysis(policy_system(timed)).told if each.id == "shadowed")
    assert (found.rule, found.severity) == ("narrow", "note")
    assert found.text.endswith("so it is now, by rules that have a time condition")


@pytest.mark.parametrize("seed", range(24))
def test_analyse__random_policies_of_every_kind(seed: int) -> None:
    """Live filters decide something, dead ones nothing, and without all that is superfluous nothing changes."""
    made = systems.system(systems.chain(generator.policy(Random(seed)).text))
    found = analysis(made)
    rules, view = found.view.asked.rules, found.view
    space = view.among.space
    gone = set()
    for standing in found.reach.standings:
        if standing.state in (*DEAD, REDUNDANT):
            gone.add(standing.row)
        if standing.state in DEAD:
            covering = [space.rule(each) for each in rules if each.number in standing.blocking]
            own = space.rule(next(each for each in rules if each.number == standing.row)) & view.among
            assert own <= space.union(covering)
            for left_out in range(len(covering)):
                rest = space.union(covering[:left_out] + covering[left_out + 1 :])
                assert not own or not own <= rest
        else:
            assert standing.example is not None
            assert first(rules, standing.example) == standing.row
    left = view._replace(asked=view.asked._replace(rules=[each for each in rules if each.number not in gone]))
    assert compare.contrasted(space, view, left, view.among).values() == []
