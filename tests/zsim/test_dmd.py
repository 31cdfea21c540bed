"""DMD and defensive filters: the mode table, lifetimes, Exclude, global copies, persistence (operations.md 4, 5)."""

from __future__ import annotations

import pytest
from systems import NOW, PROFILE, SYSLOGCONF, chain, icmp, log_of, play, policy, rule, tcp, udp, unstarted, verdict

import engine
from zsim import replay
from zsim.clock import SECOND
from zsim.config import dmd as language
from zsim.config.source import Source
from zsim.findings import Where
from zsim.store import State
from zsim.system import Task
from zsim.tasks.dmd import Dmd
from zsim.tcpip import defensive
from zsim.tcpip.defensive import EFFECTIVE, Installed
from zsim.tcpip.filters import Hits

MINUTE = 60 * SECOND
POLICY = policy(rule("everything", service="Protocol All;Routing either"))
PING = icmp("10.1.0.2", "10.1.1.2", 8)
ADD = "ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound"
FILE = "USER.CONFIG(DMD)"


def conf(mode: str = "Active", *more: str, stack: str = "TCPIP") -> str:
    lines = "".join(f"  {line}\n" for line in more)
    return f"DmStackConfig {stack}\n{{\n  Mode {mode}\n{lines}}}\n"


def made(text: str | None = None, profile: str = PROFILE, **files: str):
    """A system with DMD, whose configuration file is `text`."""
    members = {"DMD": conf() if text is None else text, "DMDENV": "DMD_FILE=//'USER.CONFIG(DMD)'\n"}
    named = chain(POLICY, profile, **members) | files
    named["/etc/syslog.conf"] = SYSLOGCONF + "*.DMD.*.* /var/log/DMD\n"
    system = unstarted(named)
    here = Where("system.yaml", 1, 1)
    system.tasks["DMD"] = Task("DMD", "DMD", "START1", here, environment="//'USER.CONFIG(DMDENV)'")
    system.start(NOW)
    return system


def edit(system, text: str) -> None:
    system.files.text[FILE] = text


def console(system, text: str) -> list[str]:
    return [str(each) for each in system.console(text).messages]


def sh(system, text: str) -> str:
    answer = system.shell(text)
    assert (answer.code, answer.errors) == (0, ""), answer
    return answer.text


def shown(system, words: str = "-F display") -> list[dict[str, str]]:
    answer = system.shell(f"ipsec {words}")
    assert answer.code == 0, answer
    return answer.report.to_json()["filters"]


def names(system, words: str = "-F display") -> list[str]:
    return [f"{row['FilterName']}.{row['FilterNameExtension']}" for row in shown(system, words)]


def ids(system) -> list[str]:
    """The numbers of the records about packets and defensive filters."""
    return [line.split("]: ")[1].split()[0] for line in log_of(system)]


# ---- section 4 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "stack"), EFFECTIVE)
def test_mode__table(mode, stack) -> None:
    system = made(conf(stack))
    answer = system.shell(f"{ADD} mode {mode} -N one")
    effect = EFFECTIVE[mode, stack]
    assert answer.code == (0 if effect else 4)
    outcome, _ = play(system, PING)
    assert verdict(outcome) == ("blocked" if effect == "block" else "permitted")
    matches = [row["FilterMatches"] for row in shown(system)]
    assert matches == (["1"] if effect else [])


def test_mode__changes_at_once_for_what_is_installed() -> None:
    system = made(conf("Simulate"))
    sh(system, f"{ADD} -N one")
    assert verdict(play(system, PING)[0]) == "permitted"
    edit(system, conf("Active"))
    console(system, "F DMD,REFRESH")
    assert verdict(play(system, PING)[0]) == "blocked"


@pytest.mark.parametrize(
    ("filters", "matches", "expected"),
    [
        # newest last, as they are added; matches in display order, newest first
        (("block",), [1], "blocked"),
        (("block", "block"), [1, 0], "blocked"),
        (("simulate", "simulate"), [1, 0], "permitted"),
        (("block", "simulate"), [1, 1], "blocked"),
        (("simulate", "block"), [1, 0], "blocked"),
        (("block", "simulate", "simulate"), [1, 0, 1], "blocked"),
        (("simulate", "block", "simulate"), [1, 1, 0], "blocked"),
    ],
)
def test_search__at_most_one_simulation_and_a_block_still_blocks(filters, matches, expected) -> None:
    system = made()
    for at, mode in enumerate(filters):
        sh(system, f"{ADD} mode {mode} -N f{at}")
    assert verdict(play(system, PING)[0]) == expected
    assert [row["FilterMatches"] for row in shown(system)] == [str(each) for each in matches]
    policy_hits = [row["FilterMatches"] for row in shown(system, "-f display -n everything")]
    assert sum(map(int, policy_hits)) == (expected == "permitted")


def test_search__is_the_plain_algorithm_in_both_engines() -> None:
    """Section 4 in plain Python against the tables, interpreted and compiled."""
    modes = ("block", "simulate", "simulate", "block", "simulate")
    sources = ("10.1.0.0/30", "10.1.0.0/29", "10.1.0.2", "10.1.0.6", "all4")
    packets = [icmp(f"10.1.0.{last}", "10.1.1.2", 8) for last in range(1, 9)]
    for compiled in (False, True):
        system = made()
        for at, (mode, source) in enumerate(zip(modes, sources, strict=True)):
            sh(system, f"ipsec -F add srcip {source} destip all4 dir inbound mode {mode} -N f{at}")
        rules = [(each.rule, [0]) for each in system.stack.defensive.filters]
        wanted = []
        for last in range(1, 9):
            simulated, blocked = False, False
            for one, count in rules:
                if not one.source.low <= 0x0A010000 + last <= one.source.high:
                    continue
                if one.defence.mode == "block":
                    count[0] += 1
                    blocked = True
                    break
                if not simulated:
                    count[0] += 1
                    simulated = True
            wanted.append("blocked" if blocked else "permitted")
        outcome, _ = play(system, *packets, compiled=compiled)
        assert [verdict(outcome, at) for at in range(len(packets))] == wanted
        assert [each.hits.matches for each in system.stack.defensive.filters] == [count for _, (count,) in rules]


@pytest.mark.parametrize(
    ("words", "packet", "hit"),
    [
        ("srcip 10.1.0.2 destip 10.1.1.2 dir inbound", PING, True),
        ("srcip 10.1.0.3 destip 10.1.1.2 dir inbound", PING, False),
        ("srcip 10.1.0.0/24 destip all dir inbound", PING, True),
        ("srcip all destip all dir outbound", PING, False),
        ("srcip all destip all prot 1 type 8 code 0 dir inbound", PING, True),
        ("srcip all destip all prot icmp type 0 dir inbound", PING, False),
        ("srcip all destip all prot icmp type 0-8 dir inbound", PING, True),
        ("srcip all destip all prot tcp destport 20-21 dir inbound", tcp("10.1.0.2", "10.1.1.2", 4000, 21), True),
        ("srcip all destip all prot tcp destport 22 dir inbound", tcp("10.1.0.2", "10.1.1.2", 4000, 21), False),
        ("srcip all destip all prot udp srcport 53 dir inbound", udp("10.1.0.2", "10.1.1.2", 53, 21), True),
        ("srcip all destip all dir inbound routing routed", PING, False),
        ("srcip all destip all dir inbound routing local", PING, True),
        ("srcip all destip all dir inbound fragmentsonly yes", PING, False),
        ("srcip all destip all dir inbound secclass 7", PING, False),
        ("srcip all destip all dir inbound secclass 255", PING, True),
        ("srcip all6 destip all dir inbound", PING, False),
        ("srcip all6 destip all dir inbound", icmp("2001:db8::1", "2001:db8::2", 128), True),
        ("srcip 2001:db8::/64 destip all prot icmpv6 dir inbound", icmp("2001:db8::1", "2001:db8::2", 128), True),
        ("dir inbound destip all srcip all", icmp("2001:db8::1", "2001:db8::2", 128), True),
    ],
)
def test_keywords__what_they_match(words, packet, hit) -> None:
    system = made()
    sh(system, f"ipsec -F add {words} -N one")
    assert (verdict(play(system, packet)[0]) == "blocked") is hit


# ---- lifetimes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_lifetime__ends_at_the_right_packet_of_a_capture(compiled) -> None:
    system = made()
    sh(system, f"{ADD} lifetime 10 -N one")
    end = NOW + 10 * MINUTE
    times = (NOW - MINUTE, NOW, end - SECOND, end - 1, end, end + SECOND)
    frames = engine.frames_of([(time, PING) for time in times], 101, compiled)
    tally = replay.Tally(system.prepare(compiled))
    replay.play(system, tally, [frames])
    document = replay.document(tally)
    assert (document["blocked"], document["permitted"]) == (4, 2)
    assert names(system) == []
    assert [line for line in log_of(system) if "Defensive filter expired" in line]


def test_lifetime__ends_by_the_clock() -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    system.clock.advance_to(NOW + MINUTE - 1)
    assert names(system) == ["one.1"]
    system.clock.advance_to(NOW + MINUTE)
    assert names(system) == []


def test_lifetime__ends_without_dmd() -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    assert console(system, "P DMD")[0] == "DEFENSE MANAGER DAEMON SHUTDOWN COMPLETE"
    assert verdict(play(system, PING)[0]) == "blocked"
    system.clock.advance_to(NOW + MINUTE)
    assert names(system) == []


def test_lifetime__defaults_and_most() -> None:
    system = made(conf("Active", "MaxLifetime 20"))
    sh(system, f"{ADD} -N default")
    sh(system, f"{ADD} lifetime 15 -N short")
    sh(system, f"{ADD} lifetime 999 -N long")
    expiry = {row["FilterName"]: row["LifetimeExpires"][11:] for row in shown(system)}
    assert expiry == {"default": "14:25:31", "short": "14:20:31", "long": "14:25:31"}


def test_replay__counts_simulated() -> None:
    system = made(conf("Simulate"))
    sh(system, f"{ADD} -N one")
    tally = replay.Tally(system.prepare())
    given = [(NOW, PING), (NOW, tcp("10.1.0.2", "10.1.1.2", 1, 2)), (NOW, PING)]
    replay.play(system, tally, [engine.frames_of(given, 101)])
    document = replay.document(tally)
    assert (document["simulated"], document["blocked"], document["permitted"]) == (2, 0, 3)
    row = next(each for each in document["filters"] if each["layer"] == "defensive")
    assert (row["name"], row["matches"], row["action"]) == ("one", 2, "Block")
    assert "would have been blocked" in replay.table(tally)


def test_replay__keeps_columns_apart_however_large_the_numbers_are() -> None:
    tally = replay.Tally(made(conf("Simulate")).prepare())
    tally.packets, tally.hits[0] = 12_345_678_901, Hits(17_555_825, 10_069_769_745, 1, 2)
    lines = replay.table(tally).splitlines()
    header, row = (next(line for line in lines if part in line) for part in ("matches", "10,069,769,745"))
    assert row.endswith(" 17,555,825 10,069,769,745")
    assert len(header) == len(row) == 80
    assert next(line for line in lines if line.startswith("total")).endswith(" 12,345,678,901")


# ---- Exclude --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exclude", "way", "source", "dest", "expected"),
    [
        ("10.1.0.2", "inbound", "10.1.0.2", "10.1.1.2", "permitted"),
        ("10.1.0.2", "inbound", "10.1.0.1", "10.1.1.2", "blocked"),
        ("10.1.0.2", "inbound", "10.1.0.3", "10.1.1.2", "blocked"),
        ("10.1.0.0/24", "inbound", "10.1.0.255", "10.1.1.2", "permitted"),
        ("10.1.1.2", "inbound", "10.1.0.2", "10.1.1.2", "blocked"),  # the other end
        ("10.1.0.2", "outbound", "10.1.1.2", "10.1.0.2", "permitted"),
        ("10.1.0.2", "outbound", "10.1.1.2", "10.1.0.4", "blocked"),
        ("0.0.0.0/0", "inbound", "10.1.0.2", "10.1.1.2", "permitted"),
        ("2001:db8::/32", "inbound", "10.1.0.2", "10.1.1.2", "blocked"),
    ],
)
def test_exclude__bypasses_all_defensive_filters(exclude, way, source, dest, expected) -> None:
    system = made(conf("Active", f"Exclude {exclude}"))
    sh(system, f"ipsec -F add srcip all4 destip all4 dir {way} -N one")
    assert verdict(play(system, icmp(source, dest, 8))[0]) == expected
    assert f"Exclusion Address: {exclude}\n" in sh(system, "ipsec -F display")
    assert f"Exclusion Address: {exclude}\n" in sh(system, "ipsec -f display")


# ---- what is logged -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stack", "words", "expected"),
    [
        ("Active", "log yes", ["EZD1723I", "EZD1721I"]),
        ("Active", "log no", ["EZD1723I"]),
        ("Simulate", "log yes", ["EZD1723I", "EZD1722I", "EZD0814I"]),
        ("Simulate", "log no", ["EZD1723I", "EZD1722I", "EZD0814I"]),
    ],
)
def test_log__by_mode(stack, words, expected) -> None:
    system = made(conf(stack))
    sh(system, f"{ADD} {words} -N one")
    play(system, PING)
    assert ids(system) == expected


def test_log__templates() -> None:
    """7.4, with this system's clock and user."""
    system = made()
    system.shell(f"{ADD} loglimit 1 -N BLOCK1", user="COLIN")
    play(system, PING)
    head = "Dec 13 14:05:31 S0W1 TRMD.TCPIP[16842781]: "
    assert log_of(system) == [
        f"{head}EZD1723I Defensive filter added: 12/13/2023 14:05:31.00 filter rule= BLOCK1 ext= 1 sipaddr= "
        "10.1.0.2/32 dipaddr= 0.0.0.0/0 proto= icmp(1) type= all code= all fragmentsonly= no dir= inbound routing= "
        "either mode= block log= yes lifetime= 30 userid= COLIN global= no loglimit= 1",
        f"{head}EZD1721I Packet denied by defensive filter: 12/13/2023 14:05:31.00 filter rule= BLOCK1 ext= 1 "
        "sipaddr= 10.1.0.2 dipaddr= 10.1.1.2 proto= icmp(1) type= 8 code= 0 -= Interface= 10.1.1.2 (I) secclass= 255 "
        "dest= local len= 84 ifcname= ETH1 fragment= N",
    ]


@pytest.mark.parametrize(("stack", "number"), [("Active", "EZD0837I"), ("Simulate", "EZD0838I")])
def test_log__limit(stack, number) -> None:
    """An average of n messages in five minutes, bursts of n; what was held back is told once, at the boundary."""
    system = made(conf(stack))
    sh(system, f"{ADD} loglimit 2 -N one")
    play(system, *[PING] * 8)  # a second apart
    told = [each for each in ids(system) if each in ("EZD1721I", "EZD1722I")]
    assert len(told) == 2
    system.clock.advance_to(NOW + 5 * MINUTE - 1)
    system.tick()
    assert number not in ids(system)
    system.clock.advance_to(NOW + 5 * MINUTE)
    system.tick()
    (line,) = [line for line in log_of(system) if number in line]
    assert line.startswith("Dec 13 14:10:31")
    assert line.endswith("filter_dir= inbound filter_routing= either suppressed_count= 6")
    system.clock.advance_to(NOW + 10 * MINUTE)
    system.tick()
    assert ids(system).count(number) == 1
    play(system, PING, time=NOW + 10 * MINUTE)  # by now two are allowed again
    assert len([each for each in ids(system) if each in ("EZD1721I", "EZD1722I")]) == 3


@pytest.mark.parametrize("limit", [1, 2, 7, 300])
def test_log__limit_holds_over_any_time(limit) -> None:
    """Never more than n at once, and over k intervals no more than n * (k + 1)."""
    system = made()
    sh(system, f"{ADD} loglimit {limit} -N one")
    one = system.stack.defensive.filters[0]
    passed = sum(defensive.admitted(one, NOW + second * SECOND) for second in range(0, 3000, 1))
    assert limit * 10 <= passed <= limit * 11


def test_log__nothing_without_trmd_but_packets_are_blocked() -> None:
    system = made()
    console(system, "P TRMD1")
    sh(system, f"{ADD} -N one")
    assert verdict(play(system, PING)[0]) == "blocked"
    assert log_of(system) == []


# ---- commands of the operator ---------------------------------------------------------------------------------

SEEN = "EZD1622I DEFENSE MANAGER DAEMON CONFIGURATION PROCESSING IS COMPLETE USING FILE //'USER.CONFIG(DMD)'"


def test_console__display() -> None:
    system = made("DMConfig\n{\n  SyslogLevel 3\n}\n" + conf("Simulate", "Exclude 10.1.0.99", "Exclude 192.0.2.0/24"))
    assert console(system, "f dmd,display") == [
        "DEFENSE MANAGER DAEMON CONFIGURATION",
        "  FILE: //'USER.CONFIG(DMD)'",
        "  SYSLOGLEVEL: 3",
        "  DEFENSIVEFILTERDIRECTORY: /var/dm/filters",
        "  STACK: TCPIP  MODE: SIMULATE  MAXLIFETIME: 1440  DEFAULTLOGLIMIT: 0",
        "    EXCLUDE: 10.1.0.99",
        "    EXCLUDE: 192.0.2.0/24",
    ]


def test_console__refresh_and_its_file() -> None:
    system = made()
    assert console(system, "F DMD,REFRESH") == [SEEN]
    system.files.names["/etc/security/dmd.conf"] = ""
    system.files.text["/etc/security/dmd.conf"] = conf("Inactive")
    assert console(system, "F DMD,REFRESH,FILE='/etc/security/dmd.conf'")[-1].endswith("FILE /etc/security/dmd.conf")
    assert "MODE: INACTIVE" in console(system, "F DMD,DISPLAY")[-1]
    assert console(system, "F DMD,REFRESH,FILE=//'USER.CONFIG(DMD)'") == [SEEN]


@pytest.mark.parametrize("text", ["F DMD,REFRESH,FIL=X", "F DMD,REFRESH,FILE=", "F DMD,UPDATE", "F TRMD1,DISPLAY"])
def test_console__wrong_operands(text) -> None:
    assert console(made(), text) == ["IEE535I MODIFY INVALID PARAMETER"]


def test_console__an_error_in_the_file_changes_nothing() -> None:
    system = made()
    sh(system, f"{ADD} -N one")
    before = console(system, "F DMD,DISPLAY")
    edit(system, conf("Inactiv"))
    reply = system.console("F DMD,REFRESH")
    assert not reply.done
    assert [each.where.line for each in reply.findings] == [3]
    assert "NOTHING IS CHANGED" in str(reply.messages[0])
    assert console(system, "F DMD,DISPLAY") == before
    assert names(system) == ["one.1"]


def test_console__mode_inactive_removes_and_refuses() -> None:
    system = made()
    sh(system, f"{ADD} -N one")
    edit(system, conf("Inactive"))
    console(system, "F DMD,REFRESH")
    assert names(system) == []
    assert system.files.get("/var/dm/filters/TCPIP.filters") == ""
    assert system.shell(f"{ADD} -N one").code == 4


def test_console__force_inactive_lasts_until_refresh() -> None:
    system = made()
    sh(system, f"{ADD} -N one")
    console(system, "F DMD,FORCE_INACTIVE,TCPIP")
    assert names(system) == []
    assert system.shell(f"{ADD} -N one").code == 4
    assert "Defensive Mode: Inactive" in sh(system, "ipsec -F display")
    assert system.files.get("/var/dm/filters/TCPIP.filters") == ""
    console(system, "F DMD,REFRESH")
    assert system.shell(f"{ADD} -N one").code == 0


def test_console__force_inactive_of_a_stack_it_does_not_know() -> None:
    reply = made().console("F DMD,FORCE_INACTIVE,TCPIQ")
    assert not reply.done
    assert "did you mean TCPIP" in reply.findings[0].remedy


def test_console__a_stack_that_is_no_longer_named_keeps_its_filters() -> None:
    system = made()
    sh(system, f"{ADD} -N one")
    edit(system, conf(stack="OTHER"))
    console(system, "F DMD,REFRESH")
    assert names(system) == ["one.1"]
    assert verdict(play(system, PING)[0]) == "blocked"
    assert system.shell(f"{ADD} -N two").code == 4


def test_console__the_directory_is_not_dynamic() -> None:
    system = made()
    edit(system, "DMConfig\n{\n  DefensiveFilterDirectory /elsewhere\n}\n" + conf())
    assert "KEEPS DEFENSIVEFILTERDIRECTORY /var/dm/filters" in console(system, "F DMD,REFRESH")[0]


def test_console__a_file_with_errors_ends_dmd_at_its_start() -> None:
    system = made("DmStackConfig\n{\n}\n")
    assert not system.tasks["DMD"].running
    assert system.shell(f"{ADD} -N one").code == 4
    assert [each.id for each in system.doubts] == ["missing-attribute"]


def test_console__only_one_dmd() -> None:
    system = made()
    system.tasks["DMD2"] = Task("DMD2", "DMD", "START1", Where("system.yaml", 1, 1))
    assert any("ONLY ONE CAN RUN" in line for line in console(system, "S DMD2"))
    assert not system.tasks["DMD2"].running
    assert system.tasks["DMD"].running


def test_console__stopped() -> None:
    system = made()
    console(system, "P DMD")
    for text in ("F DMD,DISPLAY", "F DMD,REFRESH", "F DMD,FORCE_INACTIVE,TCPIP"):
        assert console(system, text) == ["IEE341I DMD NOT ACTIVE"]
    for words in (
        f"{ADD} -N one",
        "ipsec -F delete -N one",
        "ipsec -F update mode block -N one",
        "ipsec -F display -G",
    ):
        assert system.shell(words).code == 4
    assert system.shell("ipsec -F display").code == 0


# ---- global filters and the persistent copy -------------------------------------------------------------------


def test_global__has_a_copy_in_the_stack() -> None:
    system = made(conf("Active", "DefaultLogLimit 5"))
    sh(system, f"{ADD} -N g -G")
    (copy,), (whole,) = shown(system), shown(system, "-F display -G")
    assert (copy["DefensiveType"], copy["LogLimit"], copy["AssociatedStackCount"]) == ("Global", "5", "n/a")
    assert (whole["DefensiveType"], whole["FilterMatches"], whole["AssociatedStackCount"]) == ("Global", "n/a", "1")
    play(system, PING)
    assert shown(system)[0]["FilterMatches"] == "1"
    assert "global= yes" in log_of(system)[0]
    sh(system, "ipsec -F delete -N g")  # the stack's copy alone
    assert shown(system, "-F display -G")[0]["AssociatedStackCount"] == "0"
    assert names(system) == []


def test_global__update_and_delete_reach_the_copies() -> None:
    system = made()
    sh(system, f"{ADD} -N g -G")
    sh(system, "ipsec -F update mode simulate -N g")
    assert (shown(system)[0]["Action"], shown(system, "-F dis -G")[0]["Action"]) == (
        "Defensive Simulate",
        "Defensive Block",
    )
    sh(system, "ipsec -F update loglimit 3 log no lifetime 90 -N g -G")
    for words in ("-F display", "-F display -G"):
        row = shown(system, words)[0]
        assert (row["LogLimit"], row["Logging"], row["LifetimeExpires"]) == ("3", "None", "2023/12/13 15:35:31")
    sh(system, "ipsec -F delete -N g -G")
    assert (names(system), names(system, "-F display -G")) == ([], [])


def test_global__goes_to_a_stack_that_becomes_eligible() -> None:
    system = made(conf("Inactive"))
    sh(system, f"{ADD} -N g -G")
    assert (names(system), names(system, "-F display -G")) == ([], ["g.1"])
    edit(system, conf("Active"))
    console(system, "F DMD,REFRESH")
    assert names(system) == ["g.1"]


def test_persistence__over_a_restart_of_the_stack_and_of_dmd() -> None:
    system = made()
    sh(system, f"{ADD} lifetime 60 -N one")
    sh(system, f"{ADD} lifetime 1 -N brief")
    sh(system, f"{ADD} lifetime 60 mode simulate -N g -G")
    before = shown(system)
    console(system, "P DMD")
    console(system, "P TCPIP")
    assert system.stack.defensive.filters == []
    system.clock.advance_to(NOW + 2 * MINUTE)
    console(system, "S TCPIP")
    assert names(system) == []
    console(system, "S DMD")
    assert [row for row in before if row["FilterName"] != "brief"] == shown(system)
    assert names(system, "-F display -G") == ["g.1"]
    console(system, "P TCPIP")
    console(system, "S TCPIP")  # DMD is there: the stack gets them at once
    assert names(system) == ["g.1", "one.1"]


def test_persistence__a_damaged_line_is_skipped() -> None:
    system = made()
    sh(system, f"{ADD} -N one")
    console(system, "P DMD")
    console(system, "P TCPIP")
    path = "/var/dm/filters/TCPIP.filters"
    good = system.files.get(path)
    bad = ["", "rubbish", good.replace("ext 1", "ext x"), good.replace("version 4", "version 6"),
           good.replace("10.1.0.2", "10.1.0.999"), good.replace("prot icmp", "prot"), "\x00 \x85"]  # fmt: skip
    system.files.replace(path, "".join(f"{line.strip(chr(10))}\n" for line in (*bad, good)))
    console(system, "S TCPIP")
    issued = console(system, "S DMD")
    assert sum("SKIPS LINE" in line for line in issued) >= len(bad) - 1
    assert names(system) == ["one.1"]


@pytest.mark.parametrize(
    "words",
    [
        "srcip 10.1.0.2 destip all dir inbound",
        "srcip 10.1.0.0/16 destip 10.1.1.2 prot tcp srcport 1-9 destport 80 dir outbound routing routed secclass 3",
        "srcip all6 destip 2001:db8::1 prot icmpv6 type 1-3 code 4 fragmentsonly yes dir inbound mode simulate log no",
        "srcip all4 destip all prot 47 dir inbound loglimit 9 lifetime 44",
    ],
)
def test_persistence__a_line_reads_back(words) -> None:
    system = made()
    sh(system, f"ipsec -F add {words} -N one")
    kept = system.stack.defensive.filters[0]
    assert defensive.read_line(defensive.line(kept)).rule._replace(where=kept.rule.where) == kept.rule


def test_global__a_copy_deleted_in_a_stack_does_not_return() -> None:
    system = made()
    for name in ("one", "two"):
        sh(system, f"{ADD} -N {name} -G")
    sh(system, "ipsec -F delete -N one -p TCPIP")

    def held() -> tuple[list[str], list[str]]:
        rows = [system.shell(f"ipsec -F display {where}").report.to_json()["filters"] for where in ("-G", "-p TCPIP")]
        return tuple(sorted({(row["FilterName"], row["AssociatedStackCount"]) for row in each}) for each in rows)

    expected = [("one", "0"), ("two", "1")], [("two", "n/a")]
    assert held() == expected
    for act in ("F DMD,REFRESH", "P DMD", "S DMD", "P TCPIP", "S TCPIP"):
        system.console(act)
        if act[0] != "P":
            assert held() == expected, act
    sh(system, "ipsec -F delete -N one -G")
    sh(system, f"{ADD} -N one -G")
    assert held() == ([("one", "1"), ("two", "1")], [("one", "n/a"), ("two", "n/a")])


def test_state__survives_the_database() -> None:
    import msgspec

    system = made()
    sh(system, f"{ADD} loglimit 1 -N one")
    sh(system, f"{ADD} -N g -G")
    play(system, PING, PING)
    state = State(system.stack, system.clock.now, {}, {}, system.dmd)
    back = msgspec.json.decode(msgspec.json.encode(state), type=State)
    assert (back.stack.defensive, back.dmd) == (system.stack.defensive, system.dmd)
    old = msgspec.json.decode(msgspec.json.encode({"stack": {"name": "TCPIP"}, "clock": 0, "running": {},
                                                   "readings": {}}), type=State)  # fmt: skip
    assert (old.dmd, old.stack.defensive.filters) == (Dmd(), [])


# ---- its log --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (1, 1), (2, 1), (3, 2)])
def test_syslog__by_its_level(level, expected) -> None:
    system = made(f"DMConfig\n{{\n  SyslogLevel {level}\n}}\n" + conf())
    sh(system, f"{ADD} -N one")
    system.shell("ipsec -F delete -N nosuch")
    assert len(log_of(system, "/var/log/DMD")) == expected


# ---- the configuration file -----------------------------------------------------------------------------------


def test_config__prints_what_it_reads_again() -> None:
    text = "dmconfig # comment\n{\n sysloglevel 1\n}\nDmStackConfig tcpip\n{\n mode simulate\n EXCLUDE 10.1.0.7/24\n}\n"
    once = language.parse(Source("t", text))
    assert once.findings == ()
    again = language.parse(Source("t", str(once.config)))
    assert (again.config, str(again.config)) == (once.config, str(once.config))


def test_config__rubbish_never_crashes() -> None:
    import random

    chance = random.Random(6)
    words = ["DMConfig", "DmStackConfig", "TCPIP", "{", "}", "\n", "\n", "Mode", "Active", "Exclude", "10.1.0.1/33",
             "MaxLifetime", "99999999999999999999999", "\x00", "é", "#", "SyslogLevel", "-1", "//'A'"]  # fmt: skip
    for _ in range(500):
        read = language.parse(Source("t", " ".join(chance.choice(words) for _ in range(chance.randrange(40)))))
        assert language.parse(Source("t", str(read.config))).config == read.config or read.failed


def test_installed__key_is_name_and_extension() -> None:
    system = made()
    for _ in range(3):
        sh(system, f"{ADD} -N one")
    assert names(system) == ["one.3", "one.2", "one.1"]
    sh(system, "ipsec -F delete -N one.2")
    assert names(system) == ["one.3", "one.1"]
    sh(system, "ipsec -F update mode simulate -N one")
    assert {row["Action"] for row in shown(system)} == {"Defensive Simulate"}
    assert isinstance(system.stack.defensive.filters[0], Installed)


def test_console__force_inactive_of_a_stack_that_is_down() -> None:
    system = made()
    sh(system, f"{ADD} -N one")
    console(system, "P TCPIP")
    assert console(system, "F DMD,FORCE_INACTIVE,TCPIP")[0].endswith("REMOVED 0 DEFENSIVE FILTERS FROM STACK TCPIP")
    console(system, "S TCPIP")
    assert names(system) == []
    assert system.shell(f"{ADD} -N one").code == 4


def test_console__a_dmd_that_cannot_start_has_ended() -> None:
    system = made(conf("Activ"))
    issued = console(system, "S DMD")
    assert issued[-1].startswith("$HASP395 DMD")
    assert not system.tasks["DMD"].running


# ---- properties -----------------------------------------------------------------------------------------------


def test_words__rubbish_never_crashes() -> None:
    import random

    chance = random.Random(66)
    words = ["-F", "-t", "-i", "-N", "-G", "-p", "-r", "add", "update", "delete", "display", "srcip", "destip", "prot",
             "dir", "in", "inbound", "all", "10.1.0.1", "10.1.0.0/8", "::1", "tcp", "icmp", "srcport", "type", "code",
             "0", "65536", "9-1", "-", "--", "", "short", "TCPIP", "lifetime", "loglimit", "{x}", "-1",
             "\u2003"]  # fmt: skip
    system = made()
    codes = set()
    for _ in range(3000):
        given = [chance.choice(words) for _ in range(chance.randrange(9))]
        answer = system.ipsec(given)
        codes.add(answer.code)
        assert answer.code in (0, 1, 3, 4, 5), given
        assert bool(answer.errors) == bool(answer.code), given
    assert {0, 1} <= codes


@pytest.mark.parametrize("seed", range(8))
def test_property__tables_do_what_section_4_says(seed) -> None:
    """Random filters, modes and Exclude lists; verdicts and counters as the algorithm in plain Python has them."""
    import random

    chance = random.Random(seed)
    excluded = [f"10.1.0.{chance.randrange(16)}/{chance.choice((28, 30, 31, 32))}" for _ in range(chance.randrange(3))]
    stack = chance.choice(("Active", "Simulate"))
    system = made(conf(stack, *(f"Exclude {each}" for each in excluded)))
    for at in range(chance.randrange(1, 9)):
        far = f"10.1.0.{chance.randrange(16)}/{chance.choice((0, 28, 29, 30, 32))}"
        way = chance.choice(("inbound", "outbound"))
        ends = f"srcip {far} destip all4" if way == "inbound" else f"srcip all4 destip {far}"
        mode = chance.choice(("block", "simulate"))
        sh(system, f"ipsec -F add {ends} dir {way} mode {mode} lifetime {chance.randrange(1, 4)} -N f{at}")
    installed = system.stack.defensive.filters
    spared = (
        language.parse(Source("t", conf(stack, *(f"Exclude {each}" for each in excluded)))).config.stacks[0].exclude
    )
    given, wanted, counts = [], {"blocked": 0, "simulated": 0}, [0] * len(installed)
    for _ in range(60):
        time, last, inbound = NOW + chance.randrange(240) * SECOND, chance.randrange(16), chance.random() < 0.5
        given.append((time, last, inbound))
    given.sort()
    for time, last, inbound in given:
        far, simulated = 0x0A010000 + last, False
        if any(each.low <= far <= each.high for each in spared):
            continue
        for at, each in enumerate(installed):
            end = each.rule.source if inbound else each.rule.dest
            hit = (each.rule.direction == "Inbound") == inbound and end.low <= far <= end.high
            if not hit or time >= each.defence.expires:
                continue
            if EFFECTIVE[each.defence.mode, stack] == "block":
                counts[at] += 1
                wanted["blocked"] += 1
                break
            if not simulated:
                counts[at] += 1
                simulated = True
        wanted["simulated"] += simulated
    packets = [
        (time, icmp(f"10.1.0.{last}", "10.1.1.2", 8) if inbound else icmp("10.1.1.2", f"10.1.0.{last}", 0))
        for time, last, inbound in given
    ]
    tally = replay.Tally(system.prepare())
    replay.play(system, tally, [engine.frames_of(packets, 101)])
    document = replay.document(tally)
    assert {name: document[name] for name in wanted} == wanted
    assert [each.hits.matches for each in installed] == counts
