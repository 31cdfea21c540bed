"""Why a packet fares as it does: the filter that decides, what the others wanted, and edits that turn the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import msgspec
import pytest

import engine
from engine.space import Space
from tests.zsim import generator
from tests.zsim.systems import NOW, RAW_IP, policy, policy_system, profile_system, rule
from tests.zsim.systems import PROFILE as INTERFACES
from tests.zsim.test_cli import BUNDLED, PING, edit, mysys, zsim
from tests.zsim.test_evaluator import stack
from zsim.system import System
from zsim.whatif import notation, why, whytold
from zsim.whatif.crossings import view
from zsim.whatif.flips import Flip, flips
from zsim.whatif.trial import copied
from zsim.whatif.why import Question, Why, WhyError, explain

__all__ = ["mysys"]  # a fixture
PING_IN = rule(
    "PingIn", source="10.1.0.2", dest="10.1.1.2", service="Protocol Icmp;Type 8;Direction Inbound;Routing Local"
)
TELNET = rule(
    "NoTelnet", source="All4", dest="10.1.1.2", action="deny-log",
    service="Protocol Tcp;DestinationPortRange 23;Direction Inbound;Routing Local",
)  # fmt: skip
FTP = rule(
    "Ftp", source="10.1.1.2", dest="10.1.0.0/16",
    service="Protocol Tcp;SourcePortRange 21;DestinationPortRange 1024 65535;"
    "Direction Bidirectional InboundConnect;Routing Local",
)  # fmt: skip
ANY_TCP = rule("AnyTcp", source="10.1.0.0/16", dest="10.1.1.2", service="Protocol Tcp;Direction Inbound;Routing Local")


def asked(system: System, line: str) -> Why:
    written = notation.read(line)
    frames = engine.frames_of([(system.clock.now, written.packet)], RAW_IP)
    return explain(view(Space(), system), Question(frames, written))


def turned(system: System, line: str) -> list[Flip]:
    """The edits that turn the verdict on a packet."""
    space, written = Space(), notation.read(line)
    frames = engine.frames_of([(system.clock.now, written.packet)], RAW_IP)
    return list(flips(space, explain(view(space, system), Question(frames, written))).flips)


def told(found: Why) -> str:
    return whytold.text(whytold.document(found, None), True)


# ---- the filter that decides ------------------------------------------------------------------------------------


def test_why__first_match_near_misses_and_what_would_match_next() -> None:
    found = asked(policy_system(policy(PING_IN, TELNET, FTP, ANY_TCP)), "tcp 10.1.0.2:40000 > 10.1.1.2:23 in ETH1 syn")
    (leg,) = found.legs
    assert found.verdict == "denied"
    assert leg.rule is not None
    assert (leg.rule.name, leg.order) == ("NoTelnet", 2)
    assert [(look.rule.name, [miss.label for miss in look.misses]) for look in leg.before] == [
        ("PingIn", ["Protocol", "Type"])
    ]
    assert [look.rule.name for look in leg.after] == ["AnyTcp", "DenyAllRule_Generated___________Inbnd"]
    assert found.reply == "ICMP type 3 code 13 to the sender"
    assert [record.path for record in found.records] == ["/var/log/TRMD1I.2023.12.13"]
    assert found.records[0].text.startswith("EZD0815I")


@pytest.mark.parametrize(
    ("line", "name", "miss"),
    [
        ("icmp 10.1.0.9 > 10.1.1.2 type 8", "PingIn", ("SourceAddress", "10.1.0.2", "10.1.0.9")),
        ("icmp 10.1.0.2 > 10.1.1.2 type 13", "PingIn", ("Type", "8", "13")),
        ("icmp 10.1.0.2 > 10.1.1.2 fragment in", "PingIn", ("Type", "8", "not known")),
        ("tcp 10.1.0.2:40000 > 10.1.1.2:22", "Ftp", ("DestPort", "21", "22")),
        ("udp 10.1.0.2:40000 > 10.1.1.2:21", "Ftp", ("Protocol", "TCP(6)", "UDP(17)")),
        ("tcp 10.1.1.2:21 > 10.1.0.2:40000 syn", "Ftp", ("TCPQualifier", "InboundConnect", "a connection request")),
    ],
)
def test_why__the_one_field_that_failed(line: str, name: str, miss: tuple[str, str, str]) -> None:
    system = policy_system(policy(PING_IN, FTP))
    if "fragment" in line:  # of local traffic only what is complete is judged: ask the filter itself
        packet = {**asked(system, "icmp 10.1.0.2 > 10.1.1.2 type 8").legs[0].packet, "type": 256, "fragment": 1}
        _, seen = why.looks(view(Space(), system), packet)
        looks = [look for _, look in seen]
    else:
        found = asked(system, line)
        assert found.verdict == "denied"
        looks = list(found.legs[0].before)
    near = [look for look in looks if look.rule.name == name and len(look.misses) == 1]
    assert [look.misses[0][1:] for look in near] == [miss]


def test_why__a_forwarded_packet_has_two_crossings() -> None:
    routed = rule("Through", source="All4", dest="All4", service="Protocol Tcp;Direction Inbound;Routing Routed")
    found = asked(policy_system(policy(routed)), "tcp 10.1.0.2 > 192.168.1.5:80 in ETH1")
    assert found.verdict == "denied"
    assert [(leg.direction, leg.interface, leg.fate.verdict, leg.reached) for leg in found.legs] == [
        (0, "ETH1", "permitted", True),
        (1, "ETH2", "denied", True),
    ]
    assert found.deciding is found.legs[1]
    denied = asked(policy_system(policy(PING_IN)), "tcp 10.1.0.2 > 192.168.1.5:80 in ETH1")
    assert [(leg.fate.verdict, leg.reached) for leg in denied.legs] == [("denied", True), ("denied", False)]


def test_why__what_is_taken_for_granted_is_said() -> None:
    system = policy_system(policy(PING_IN))
    assert asked(system, "icmp 10.1.0.2 > 10.1.1.2").assumed == (
        "type 8 (an echo request)", "code 0", "ttl 64", "len 28", "in ETH1, which has 10.1.1.2",
    )  # fmt: skip
    assert "in ETH1, which is where 10.1.0.2 is routed" in asked(system, "icmp 10.1.0.2 > 10.9.9.9").assumed
    assert "out ETH1, which is where 10.1.0.2 is routed" in asked(system, "icmp 10.1.1.2 > 10.1.0.2").assumed
    assert "out ETH2, which has 192.168.1.74" in asked(system, "ospf 192.168.1.74 > 224.0.0.5").assumed


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("tcp 10.1.1.2 > 10.1.0.2:80 in", "does not come in: 10.1.1.2 is an address of this stack"),
        ("tcp 10.1.0.2 > 10.1.1.2:80 out", "does not go out: 10.1.0.2 is no address of this stack"),
        ("tcp 10.1.0.2 > 10.1.1.2:80 routed", "the packet is not routed"),
        ("tcp 10.1.0.2 > 10.9.1.2:80 local", "the packet is not local"),
        ("tcp 10.1.1.2 > 10.1.0.2:80 out ETH2", "leaves by ETH1, not ETH2"),
        ("tcp 10.1.0.2 > 10.1.1.2:80 in ETH9", "no interface ETH9; did you mean ETH"),
    ],
)
def test_why__a_line_that_contradicts_the_stack_is_refused(line: str, what: str) -> None:
    with pytest.raises(WhyError, match=what):
        asked(policy_system(policy(PING_IN)), line)


def test_why__what_no_filter_decides() -> None:
    system = policy_system(policy(PING_IN))
    loop = asked(system, "tcp 10.1.1.2 > 192.168.1.74:80")
    assert (loop.verdict, loop.legs) == ("unfiltered", ())
    assert "from one address of this stack to another" in told(loop)
    part = asked(system, "tcp 10.1.0.2 > 10.1.1.2 fragment")
    assert part.verdict == "unjudged"
    assert "waits for the rest of its datagram" in whytold.sentence(part)


def test_why__leaves_no_trace() -> None:
    system = policy_system(policy(PING_IN))
    before = msgspec.json.encode(system.stack), dict(system.files.appended), system.clock.now
    turned(system, "icmp 10.1.0.2 > 10.1.1.2")
    assert (msgspec.json.encode(system.stack), dict(system.files.appended), system.clock.now) == before


def test_why__the_record_is_lost_without_trmd() -> None:
    system = policy_system(policy(PING_IN))
    system.console("P TRMD1")
    found = asked(system, "icmp 10.1.0.2 > 10.1.1.2")
    assert [(record.path, record.why) for record in found.records] == [("", "TRMD is not running")]
    assert whytold.sentence(found).endswith("; its record is lost, as TRMD is not running.")


def test_why__a_filter_outside_its_time() -> None:
    text = policy(ANY_TCP).replace(
        "  IpGenericFilterActionRef permit-log\n}",
        "  IpTimeCondition\n  {\n    TimeOfDayRange 00:00-01:00\n  }\n  IpGenericFilterActionRef permit-log\n}", 1,
    )  # fmt: skip
    found = asked(policy_system(text), "tcp 10.1.0.2 > 10.1.1.2:80")
    assert found.verdict == "denied"
    assert [look.rule.name for look in found.asleep] == ["AnyTcp"]
    assert "Would match, but is outside its time:\n  AnyTcp.1: Permit" in told(found)


# ---- edits that turn it ------------------------------------------------------------------------------------------


def titles(found: list[Flip]) -> list[str]:
    return [flip.edit.title for flip in found]


def test_edits__a_filter_at_the_end_changes_least() -> None:
    found = turned(policy_system(policy(PING_IN)), "icmp 10.1.0.9 > 10.1.1.2 type 8")
    assert titles(found) == ["add a filter that permits it, at the end", "let PingIn take 10.1.0.9 as its source too"]
    assert (found[0].verdict, found[0].extra) == ("permitted", 0)
    assert found[1].edit.lines == ("+   IpSourceAddr              10.1.0.9",)
    assert found[1].changes[0].kind == "newly permitted"
    assert found[1].extra == 256  # the other codes, and one whose code is cut off


def test_edits__one_field_wider() -> None:
    found = turned(policy_system(policy(FTP)), "tcp 10.1.0.2:40000 > 10.1.1.2:20 ack")
    wider = next(flip for flip in found if flip.edit.title == "change SourcePortRange of Ftp to 20 21")
    assert wider.edit.lines == ("-     SourcePortRange 21", "+     SourcePortRange 20 21")
    assert wider.changes[0].largest.startswith("inbound local tcp from 10.1.0.0/16 port 1024-65535 to 10.1.1.2 port 20")


def test_edits__an_explicit_deny() -> None:
    found = turned(policy_system(policy(TELNET, ANY_TCP)), "tcp 10.1.0.2:40000 > 10.1.1.2:23 syn")
    assert set(titles(found)) == {
        "add a filter that permits it, before NoTelnet.1",
        "let NoTelnet permit",
        "take NoTelnet out of the policy",
        "move AnyTcp before NoTelnet.1",
    }
    move = next(flip for flip in found if flip.edit.kind == "move")
    assert move.edit.lines == ("+   IpFilterRuleRef AnyTcp", "-   IpFilterRuleRef AnyTcp")
    assert [flip.extra for flip in found] == sorted(flip.extra for flip in found)


def test_edits__both_crossings_of_a_forwarded_packet() -> None:
    found = turned(policy_system(policy(PING_IN)), "tcp 10.1.0.2:40000 > 192.168.1.5:80 syn")
    (add,) = found
    assert "+     Direction               Inbound" in add.edit.lines
    assert "+     Direction               Outbound" in add.edit.lines
    assert add.verdict == "permitted"


def test_edits__nothing_makes_a_stack_forward_that_does_not() -> None:
    system = policy_system(policy(PING_IN), INTERFACES.replace("DATAGRAMFWD", "NODATAGRAMFWD"))
    space, written = Space(), notation.read("tcp 10.1.0.2:40000 > 192.168.1.5:80 syn")
    frames = engine.frames_of([(NOW, written.packet)], RAW_IP)
    proposals = flips(space, explain(view(space, system), Question(frames, written)))
    assert proposals.flips == ()
    assert "the stack decides this without filters" in proposals.notes[0]


def test_edits__rules_of_the_profile() -> None:
    system = profile_system(
        INTERFACES + "IPSEC LOGENABLE LOGIMPLICIT ; ours\n  IPSECRULE * 10.1.0.2 PROTOCOL *\nENDIPSEC\n"
    )
    (add,) = turned(system, "ospf 10.1.1.2 > 224.0.0.5")
    assert add.edit.lines == ("+   IPSECRULE 10.1.1.2 224.0.0.5 PROTOCOL OSPF TYPE 1 ROUTING LOCAL DIRECTION OUTBOUND",)
    assert add.extra == 0
    assert turned(system, "tcp 10.1.0.2 > 10.1.1.2:23") == []  # a profile only permits


def test_edits__the_policy_back_in_force() -> None:
    system = policy_system(policy(PING_IN))
    system.shell("ipsec -f default")
    found = turned(system, "icmp 10.1.0.2 > 10.1.1.2 type 8")
    assert ("ipsec -f reload",) in [flip.edit.lines for flip in found]
    (block,) = turned(system, "icmp 10.1.0.9 > 10.1.1.2 type 8")  # here the policy would not help
    assert block.edit.lines == (
        "+ IPSEC LOGENABLE LOGIMPLICIT",
        "+   IPSECRULE 10.1.0.9 10.1.1.2 PROTOCOL ICMP TYPE 8 CODE 0 ROUTING LOCAL DIRECTION INBOUND",
        "+ ENDIPSEC",
    )


def test_edits__of_a_defensive_filter(mysys: Path) -> None:
    edit(mysys, "DMD", "Mode  Simulate", "Mode  Active")
    line = "ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound lifetime 10 -N noping"
    assert zsim("ipsec", "-s", str(mysys), *line.split()[1:]).exit_code == 0
    shown = json.loads(zsim("why", "-s", str(mysys), "icmp 10.1.0.2 > 10.1.1.2 type 8", "--json").stdout)
    assert shown["verdict"] == "blocked"
    assert shown["legs"][0]["filter"]["shown"] == "noping.1"
    lines = [row["lines"] for row in shown["edits"]]
    assert ["ipsec -F delete -N noping"] in lines
    assert ["ipsec -F update mode simulate -N noping"] in lines
    other = json.loads(zsim("why", "-s", str(mysys), "tcp 10.1.0.2 > 10.1.1.2:21 syn", "--json").stdout)
    assert any(
        row["lines"][0].startswith("ipsec -F add srcip 10.1.0.2 destip 10.1.1.2 prot tcp") for row in other["edits"]
    )


def test_edits__are_not_tried_on_files_that_changed(mysys: Path) -> None:
    assert zsim("filters", "-s", str(mysys)).exit_code == 0  # installs
    edit(mysys, "PAGEIPSE", "33434 33533", "33434 33600")
    done = zsim("why", "-s", str(mysys), "tcp 10.1.0.2 > 10.1.1.2:25 syn")
    assert "changed since it was installed: edits of the policy were not tried" in " ".join(done.stdout.split())


@pytest.mark.parametrize("seed", range(12))
def test_edits__of_random_policies_turn_the_verdict_when_made(seed: int) -> None:
    """And the filters, held against the packet one by one, decide what the tables do: `explain` checks that itself."""
    made = stack(seed)
    others = [each.frames[0] for each in generator.packets(Random(-seed), made.here, made.rows, 60)]
    for sent in generator.packets(Random(seed), made.here, made.rows, 4):
        space = Space()
        frames = engine.frames_of([(NOW, sent.frames[0])], RAW_IP)
        found = explain(view(space, made.system, time=NOW), Question(frames))
        proposals = flips(space, found)
        if found.deciding is not None and not found.permits:
            assert proposals.flips or proposals.notes
        for flip in proposals.flips:
            trial = copied(made.system)
            assert flip.edit.carry(trial)
            outcome, _ = trial.receive(frames)
            verdict = engine.VERDICTS[outcome.judgement.verdict[0]]
            assert (verdict in ("permitted", "unfiltered")) != found.permits, (seed, flip)
            if flip.extra == 0:
                assert [each for each in _differing(made.system, trial, others) if each != sent.frames[0]] == []


def _differing(one: System, other: System, packets: list[bytes]) -> list[bytes]:
    """The packets on which the verdicts of two systems differ."""
    frames = engine.frames_of([(NOW, packet) for packet in packets], RAW_IP)
    verdicts = [copied(system).receive(frames)[0].judgement.verdict.tolist() for system in (one, other)]
    return [packet for packet, before, after in zip(packets, *verdicts, strict=True) if before != after]


# ---- the command -------------------------------------------------------------------------------------------------


def test_command__fits_80_columns_and_says_the_same_in_json() -> None:
    line = "tcp 10.1.0.2:40000 > 10.9.9.9:23 syn"
    done, shown = zsim("why", line), json.loads(zsim("why", line, "--json").stdout)
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert " ".join(done.stdout.split()).startswith(shown["sentence"])
    assert shown["legs"][1]["reached"] is False
    assert shown["edits"][0]["lines"][0] in done.stdout


def test_command__a_frame_of_a_capture_and_a_scapy_expression() -> None:
    frame = json.loads(zsim("why", "--frame", "1", PING, "--json", "--no-edits").stdout)
    assert frame["sentence"].startswith("Permitted: a ping request from 10.1.0.2 to 10.1.1.2 comes in")
    assert frame["edits"] is None
    typed = json.loads(zsim("why", 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()', "--json", "--no-edits").stdout)
    assert typed["legs"][0]["filter"] == frame["legs"][0]["filter"]


def test_command__fragments_before_the_frame_wait_for_it(tmp_path: Path) -> None:
    from tests.zsim.systems import ip4

    data = bytes((8, 0, 247, 255)) + bytes(28)
    parts = [ip4("10.1.0.2", "10.1.1.2", 1, data[:16], more=True), ip4("10.1.0.2", "10.1.1.2", 1, data[16:], offset=2)]
    capture = tmp_path / "parts.pcap"
    capture.write_bytes(engine.write_pcap([(NOW + at, part) for at, part in enumerate(parts)], RAW_IP))
    first = json.loads(zsim("why", "--frame", "1", str(capture), "--json").stdout)
    assert first["verdict"] == "unjudged"
    last = json.loads(zsim("why", "--frame", "2", str(capture), "--json").stdout)
    assert last["verdict"] == "permitted"
    assert last["legs"][0]["filter"]["name"] == "icmpinspecific2"
    assert [row["verdict"] for row in last["edits"]] == ["denied"] * len(last["edits"])


def test_command__under_a_candidate_policy(tmp_path: Path) -> None:
    text = (BUNDLED / "datasets" / "USER.Z24C.TCPPARMS" / "PAGEIPSE").read_text()
    candidate = tmp_path / "new.policy"
    candidate.write_text(text.replace("  IpFilterRuleRef           ospf\n", ""))
    shown = json.loads(zsim("why", "ospf 10.1.1.2 > 224.0.0.5", "--under", str(candidate), "--json").stdout)
    assert shown["verdict"] == "denied"
    assert shown["edits"][0]["where"].startswith(f"{candidate}:")


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_command__drawings(form: str) -> None:
    done = zsim("why", "tcp 10.1.0.2:40000 > 10.1.1.2:24 syn", "--format", form)
    assert done.exit_code == 0
    assert done.stdout.startswith({"mermaid": "flowchart TD\n", "dot": "digraph why {\n"}[form])
    assert "ftpserver.2: Permit" in done.stdout
    assert "DestPort 21, seen 24" in done.stdout


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["tcp 10.1.0.2 > 10.1.1.2:21 sny"], "did you mean syn?"),
        (['IP(dst=["10.1.1.2", "10.1.1.3"])/TCP()'], "stands for 2 packets; why explains one"),
        (["IP(src=open('x'))"], "a call"),
        (["--frame", "9", PING], "has 2 frames, no frame 9"),
        (["--frame", "1", "nosuch.pcap"], "cannot be read"),
        (["tcp 10.1.0.2 > 10.1.1.2:21", "--interface", "ETH7"], "no interface ETH7"),
    ],
)
def test_command__mistakes(words: list[str], what: str) -> None:
    done = zsim("why", *words)
    assert done.exit_code == 2
    assert what in done.stderr


def test_command__a_stack_that_is_down(mysys: Path) -> None:
    assert zsim("console", "-s", str(mysys), "P TCPIP").exit_code == 0
    done = zsim("why", "-s", str(mysys), "icmp 10.1.0.2 > 10.1.1.2")
    assert done.exit_code == 2
    assert "is not running" in done.stderr
