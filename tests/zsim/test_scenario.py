"""Scenarios: what a file may say, what holds and what does not, with counterexamples; the command."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import jsonschema
import pytest
import yaml

import engine
from tests.zsim.systems import policy, policy_system, rule
from tests.zsim.test_cli import BUNDLED, PING, mysys, zsim
from zsim import captures
from zsim.system import System
from zsim.whatif.scenario import ScenarioError, read, schema
from zsim.whatif.story import ERROR, FAILED, NOT_MODELLED, PASSED, Coverage, Result, World, run

__all__ = ["mysys"]  # a fixture
ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((BUNDLED / "scenarios").glob("*.zsim.yaml"))
FTP = rule(
    "Ftp", source="10.1.1.2", dest="10.1.0.0/16",
    service="Protocol Tcp;SourcePortRange 21;DestinationPortRange 1024 65535;"
    "Direction Bidirectional InboundConnect;Routing Local",
)  # fmt: skip
TELNET = rule(
    "NoTelnet", source="10.1.0.66", dest="10.1.1.2", action="deny-log",
    service="Protocol Tcp;DestinationPortRange 23;Direction Inbound;Routing Local",
)  # fmt: skip
ANY_TCP = rule("AnyTcp", source="10.1.0.0/16", dest="10.1.1.2", service="Protocol Tcp;Direction Inbound;Routing Local")
POLICY = policy(FTP, TELNET, ANY_TCP)


def results(text: str, system: System | None = None, other: System | None = None) -> list[Result]:
    """What comes of a scenario on a system; `against: other` is the other one."""
    made = system or policy_system(POLICY)

    def start(name: str | None, now: int | None) -> System:
        if name == "other" and other is not None:
            return other
        if name is not None:
            raise ValueError(f"{name}: no such system")
        return made

    def frames(path: str) -> Iterator[engine.Frames]:
        yield from captures.frames(path, False)

    return list(run(read(text, "x.zsim.yaml"), World(start, frames), Coverage()))


def only(text: str, **systems: System) -> Result:
    (result,) = results(text, **systems)
    return result


# ---- the language ------------------------------------------------------------------------------------------------


def test_read__every_mistake_with_its_place() -> None:
    text = """\
name: x
asert: []
assert:
  - permit: icpm 10.1.0.2 > 10.1.1.2
    filter: a
  - deny: {frm: 10.0.0.0/8, port: 25-}
  - unchanged: any
  - {permit: any, deny: any}
  - deny: {port: 23}
    filter: b
story:
  - send: tcp 10.1.0.2 > 10.1.1.2:21
    expect: {verdikt: permitted}
  - clock: 30m
  - console: D A,L
    expect: {code: 3}
  - sh: ls
    interface: ETH1
"""
    with pytest.raises(ScenarioError) as told:
        read(text, "x.yaml")
    assert str(told.value).split("\n") == [
        "x.yaml:2:1: asert is no key of a scenario; did you mean assert?",
        "x.yaml:4:13: column 1 of the packet: 'icpm' is no protocol; did you mean icmp?",
        "x.yaml:6:12: frm is no key of a set of packets; did you mean from?",
        "x.yaml:6:35: '25-': '' is no number; write n or n-m",
        "x.yaml:7:5: unchanged needs against: the system to compare with",
        "x.yaml:8:5: an assertion has one of permit, deny, unchanged, not several",
        "x.yaml:10:5: filter goes with permit or deny of one packet",
        "x.yaml:13:14: verdikt is no key of expect; did you mean verdict?",
        "x.yaml:14:12: '30m' is no time that passes; write +30s, +30m, +2h or +1d",
        "x.yaml:16:14: code can be expected of sh and tso only",
        "x.yaml:18:5: interface goes with send and capture",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "x:1:1: is empty"),
        ("name: x", "says nothing"),
        ("- a", "x:1:1: a scenario has keys and values"),
        ("a: [", "is no YAML"),
        ("assert: {}", "a list is expected"),
        ("assert:\n- deny: &x {port: 23}\n- deny: *x", "an alias"),
        ("now: soon\nassert: [{deny: any}]", "'soon' is no time"),
        ("assert: [{deny: {}}]", "which packets?"),
        ("assert: [{deny: {capture: a, port: 3}}]", "port does not go with capture"),
        ("story: [{name: x}]", "a step has one of"),
        ("story: [{send: [a]}]", "one value is expected"),
        ("story: [{expect: {packets: {permited: 1}}}]", "packets can be expected of send and capture only"),
        ("story: [{capture: a, expect: {packets: {permited: 1}}}]", "did you mean permitted?"),
        ("assert: " + "[" * 300 + "]" * 300, "nested too deep"),
    ],
)
def test_read__what_is_no_scenario(text: str, what: str) -> None:
    with pytest.raises(ScenarioError) as told:
        read(text, "x")
    assert what in str(told.value)


def test_read__rubbish_raises_nothing_else() -> None:
    random = Random(3)
    texts = [path.read_text() for path in SCENARIOS]
    for _ in range(400):
        text = list(random.choice(texts)[: random.randint(50, 900)])
        for _ in range(random.randint(1, 6)):
            text[random.randrange(len(text))] = random.choice("\0\n:-[]{}&*!|>%@`'\"#, ~é\ud800\U0001f600x9")
        with suppress(ScenarioError):
            read("".join(text), "x")


def test_schema__is_published() -> None:
    assert json.loads((ROOT / "zsim" / "schemas" / "scenario.json").read_text("utf-8")) == schema()
    assert json.loads(zsim("schema", "scenario").stdout) == schema()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_schema__takes_the_examples(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    scenario = yaml.safe_load(path.read_text().replace("now: 2", "now: '2").replace("14:05:31", "14:05:31'"))
    assert [each.message for each in validator.iter_errors(scenario)] == []
    scenario["assert"] = [{"deny": {"prot": 23}}]
    assert not validator.is_valid(scenario)


# ---- assertions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "status", "what"),
    [
        ("permit: tcp 10.1.0.2 > 10.1.1.2:21 syn", PASSED, ""),
        ("{permit: tcp 10.1.0.2 > 10.1.1.2:21 syn, filter: Ftp.2, logged: true}", PASSED, ""),
        ("{permit: tcp 10.1.0.2 > 10.1.1.2:21 syn, filter: AnyTcp}", FAILED, "decided by Ftp.2, not AnyTcp"),
        ("{permit: tcp 10.1.0.2 > 10.1.1.2:21 syn, logged: false}", FAILED, "is logged."),
        ("permit: udp 10.1.0.2 > 10.1.1.2:21", FAILED, "Denied: a UDP packet"),
        ("deny: tcp 10.1.0.66 > 10.1.1.2:23", PASSED, ""),
        ("""permit: 'IP(src="10.1.0.2", dst="10.1.1.2")/TCP(sport=4000, dport=[21, 22])'""", PASSED, ""),
        ("""deny: 'IP(src="10.1.0.2", dst="10.1.1.2")/TCP(dport="http")'""", ERROR, "names of ports"),
        ("deny: tcp 10.1.1.2 > 10.1.0.2:23 in", ERROR, "does not come in"),
        ("deny: {from: 192.0.2.0/24, way: in}", PASSED, ""),
        ("deny: {from: 10.0.0.0/8, proto: tcp, port: 23}", FAILED, "counterexample: tcp 10.1.0.2:"),
        ("permit: {from: 10.1.0.0/16, to: 10.1.1.2, proto: tcp, port: 22, way: in, fragment: false}", PASSED, ""),
        ("permit: {from: 10.1.0.0/16, to: 10.1.1.2, proto: tcp, port: 23}", FAILED, "NoTelnet.1 decides"),
        ("deny: {from: 192.0.2.1, to: 198.51.100.1, scope: local}", FAILED, "says nothing: no such packet"),
        ("deny: {interface: ETH9}", ERROR, "no interface ETH9"),
        ("deny: {from: 10.1.0.2, ip: 6}", ERROR, "not of one version"),
        (f"deny: {{capture: {PING}}}", PASSED, ""),
        (f"permit: {{capture: {PING}}}", FAILED, "frame 1 is denied by DenyAllRule_Generated___________Inbnd.1"),
        ("permit: {capture: nosuch.pcap}", ERROR, "nosuch.pcap"),
    ],
)
def test_assert__holds_or_says_why_not(entry: str, status: str, what: str) -> None:
    result = only(f"assert:\n- {entry}\n")
    assert (result.status, what in result.text) == (status, True), result
    assert result.where.line == 2


def test_assert__a_set_is_what_its_packets_are() -> None:
    """The counterexample is real: asked about alone, it fares as the failure says."""
    text = only("assert: [{deny: {from: 10.0.0.0/8, proto: tcp, port: 23}}]").text
    line = text.split("counterexample: ")[1].split("\n")[0]
    assert only(f"assert:\n- permit: {line}\n").status == PASSED


def test_assert__unchanged() -> None:
    other = policy_system(policy(FTP, ANY_TCP))
    changed = only("assert: [{unchanged: any, against: other}]", other=other)
    assert changed.status == FAILED
    assert "newly denied" in changed.text
    assert "from 10.1.0.66 to 10.1.1.2 port 23" in changed.text
    assert "decided by AnyTcp.1 before, NoTelnet.1 now" in changed.text
    assert only("assert: [{unchanged: {port: 21}, against: other}]", other=other).status == PASSED
    packet = only("assert: [{unchanged: tcp 10.1.0.66 > 10.1.1.2:23, against: other}]", other=other)
    assert packet.text.startswith("tcp 10.1.0.66:40000 > 10.1.1.2:23 in ETH1\nbefore: Permitted")
    assert only(f"assert: [{{unchanged: {{capture: {PING}}}, against: other}}]", other=other).status == PASSED
    assert only("assert: [{unchanged: any, against: nobody}]").status == ERROR


def test_assert__unchanged_but_for_the_log() -> None:
    other = policy_system(policy(FTP, TELNET, ANY_TCP.replace("permit-log", "permit-quiet")))
    assert only("assert: [{unchanged: any, against: other}]", other=other).status == FAILED
    assert only("assert: [{unchanged: any, against: other, verdicts_only: true}]", other=other).status == PASSED


@pytest.mark.parametrize("compiled", [False, True])
def test_capture__is_the_same_plain_and_compiled(compiled: bool) -> None:
    path = BUNDLED / "captures" / "ftp.pcap"
    text = f"""\
assert:
- permit: {{capture: {path}}}
story:
- capture: {path}
  expect: {{packets: {{permitted: 50, denied: 10}}, log: EZD0814I, counter: {{Ftp.2: 9}}, reply: none}}
"""
    world = World(lambda name, now: policy_system(POLICY), lambda path: captures.frames(path, compiled))
    told = [(each.status, each.text.split(":\n")[-1]) for each in run(read(text, "x"), world, Coverage())]
    assert told == [
        (FAILED, "frame 19 is denied by DenyAllRule_Generated___________Outbnd.1 (10 like it)"),
        (FAILED, "FilterMatches of Ftp.2: 21, not 9"),
    ]


# ---- stories -----------------------------------------------------------------------------------------------------


def test_story__steps_build_on_each_other() -> None:
    text = """\
story:
- send: tcp 10.1.0.2 > 10.1.1.2:21 syn
  expect: {verdict: permitted, filter: Ftp, log: EZD0814I, log_file: /var/log/TRMD1I.2023.12.13, counter: {Ftp.2: 1}}
- send: tcp 10.1.0.66 > 10.1.1.2:23 syn
  expect: {verdict: denied, filter: NoTelnet.1, reply: icmp, packets: {denied: 1}, no_log: EZD0814I}
- clock: +1d
- send: tcp 10.1.0.2 > 10.1.1.2:21 syn
  expect: {log_file: /var/log/TRMD1I.2023.12.14, counter: {Ftp: 2}}
- sh: ipsec -f default
- send: tcp 10.1.0.2 > 10.1.1.2:21 syn
  expect: {verdict: denied, no_log: any, reply: none}
- sh: ipsec -f display -c current | grep Source
  expect: {output: Stack Profile, no_output: Stack Policy, code: 0}
- console: P TRMD1
  expect: {message: EZZ8501I, no_message: EZZ8495I}
- expect: {file: {/var/log/TRMD1I.2023.12.13: [EZD0814I, EZD0815I]}, no_file: /var/log/nosuch}
"""
    assert [(result.name, result.text) for result in results(text) if result.status != PASSED] == []


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (
            "{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {verdict: denied}}",
            "packet 1 is permitted by Ftp.2, logged, not denied",
        ),
        ("{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {filter: AnyTcp}}", "not AnyTcp"),
        ("{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {log: EZD0815I}}", "log: 'EZD0815I' is not in\n  Dec 13"),
        ("{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {no_log: any}}", "no_log: there is\n  Dec 13"),
        ("{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {counter: {Ftp: 7}}}", "FilterMatches of Ftp: 1, not 7"),
        ("{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {counter: {Ftq: 1}}}", "no filter Ftq; did you mean Ftp?"),
        ("{send: tcp 10.1.0.2 > 10.1.1.2:21, expect: {reply: icmp}}", "reply: none, not icmp"),
        ("{send: tcp 10.1.0.2 > 10.1.1.2 fragment, expect: {verdict: denied}}", "no packet was judged"),
        ("console: F NOSUCH,REFRESH", "the system refused it:\nIEE341I NOSUCH NOT ACTIVE"),
        ("{console: 'F NOSUCH,REFRESH', expect: {message: EZZ8443I}}", "message: 'EZZ8443I' is not in\n  IEE341I"),
        ("sh: nosuch", "it ended with code 127"),
        ("{sh: ipsec -f display, expect: {code: 4}}", "code: 0, not 4"),
        ("expect: {file: {/var/log/x: y}}", "file: /var/log/x is not there"),
        (f"{{capture: {PING}, expect: {{packets: {{denied: 3}}}}}}", "packets denied: 2, not 3"),
        (f"{{capture: {PING}, interface: ETH9}}", "no interface ETH9"),
    ],
)
def test_story__what_differs_is_shown(step: str, what: str) -> None:
    result = only(f"story:\n- {step}\n")
    assert result.status in (FAILED, ERROR)
    assert what in result.text


def test_story__what_is_not_modelled_is_no_failure() -> None:
    assert only("story: [console: 'F CPAGENT,QUERY']").status == NOT_MODELLED


def test_story__leaves_the_system_as_it_was() -> None:
    system = policy_system(POLICY)
    results("story: [{send: tcp 10.1.0.2 > 10.1.1.2:21}, {sh: ipsec -f default}, {clock: +1d}]", system)
    assert sum(hits.matches for hits in system.stack.policy.hits) == 0  # type: ignore[union-attr]
    assert not system.stack.default_forced
    assert "EZD0814I" not in system.files.added("/var/log/TRMD1I.2023.12.13")


def test_coverage__filters_and_the_fields_that_mattered() -> None:
    coverage = Coverage()
    scenario = read("assert: [{permit: tcp 10.1.0.2 > 10.1.1.2:23 syn}]", "x")
    world = World(lambda name, now: policy_system(POLICY), lambda path: [])
    assert [each.status for each in run(scenario, world, coverage)] == [PASSED]
    assert coverage.decided["AnyTcp.1"] == 1
    assert coverage.edged["NoTelnet.1"] == {"SourceAddress"}
    assert coverage.edged["Ftp.2"] == {"DestPort"}
    assert coverage.tested["AnyTcp.1"] == ("Direction", "Scope", "Protocol", "SourceAddress", "DestAddress")


# ---- the command ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_examples__of_the_bundled_system_pass(path: Path) -> None:
    done = zsim("test", str(path), "-v")
    assert done.exit_code == 0, done.output


def write(folder: Path, text: str, name: str = "a.zsim.yaml") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


GOOD = "name: good\nassert: [{permit: icmp 10.1.0.2 > 10.1.1.2 type 8}]\n"
BAD = "name: bad <&>\nassert: [{name: 'no \"telnet\" & <co>', deny: {from: 10.0.0.0/8, proto: tcp, port: 23}}]\n"


def test_command__exit_codes(tmp_path: Path) -> None:
    good, bad = write(tmp_path, GOOD, "g.zsim.yaml"), write(tmp_path, BAD, "b.zsim.yaml")
    unknown = write(tmp_path, "story: [console: 'F CPAGENT,QUERY']", "u.yaml")
    broken = write(tmp_path, "assert: [{deny: icpm}]", "x.yaml")
    for files, code in (([good], 0), ([good, bad], 1), ([unknown], 3), ([bad, broken], 2), (["nosuch"], 2)):
        assert zsim("test", *files).exit_code == code
    assert "x.yaml:1:17: column 1 of the packet: 'icpm' is no protocol" in zsim("test", broken).stdout
    assert zsim("test", str(tmp_path)).stdout.splitlines()[-1] == "1 passed, 1 failed"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "has no *.zsim.yaml in it" in zsim("test", str(empty)).stderr


def test_command__json_and_junit_hold_the_same(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "g.zsim.yaml"), write(tmp_path, BAD, "b.zsim.yaml")
    report = tmp_path / "report.xml"
    shown = json.loads(zsim("test", str(tmp_path), "--json", "--coverage", "--junit", str(report)).stdout)
    assert shown["counts"] == {"passed": 1, "failed": 1, "error": 0, "not_modelled": 0}
    suites = ElementTree.parse(report).getroot()
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("bad <&>", "1", "1"),
        ("good", "1", "0"),
    ]
    (case,) = suites[0]
    failed = shown["scenarios"][0]["results"][0]
    assert (case.get("name"), case[0].text) == (failed["name"], failed["text"])
    assert [row["filter"] for row in shown["coverage"] if row["decided"]][:1] == ["icmpinspecific2.1"]


def test_command__nothing_is_kept(mysys: Path, tmp_path: Path) -> None:
    text = "story: [{send: icmp 10.1.0.2 > 10.1.1.2 type 8}, {sh: ipsec -f default}]"
    before = sorted(str(path) for path in mysys.rglob("*"))
    assert zsim("test", "-s", str(mysys), write(tmp_path / "s", text)).exit_code == 0
    assert sorted(str(path) for path in mysys.rglob("*")) == before


def test_command__the_system_of_the_file_and_one_to_compare_with(mysys: Path) -> None:
    policy = mysys / "datasets" / "USER.Z24C.TCPPARMS" / "PAGEIPSE"
    policy.write_text(policy.read_text().replace("33434 33533", "33434 33600"))
    text = "system: ..\nassert:\n- {unchanged: {proto: tcp}, against: adcd}\n- {unchanged: any, against: adcd}\n"
    shown = json.loads(zsim("test", write(mysys / "scenarios", text), "--json").stdout)
    assert [row["status"] for row in shown["scenarios"][0]["results"]] == [PASSED, FAILED]
    assert "port 33534-33600" in shown["scenarios"][0]["results"][1]["text"]
