"""Policies learned from traffic: what is learned, what is left out, that the text loads and permits what was seen."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import engine
from engine.space import Space
from tests.zsim import systems
from tests.zsim.systems import ACK, NOW, PCAPS, RST, SYN, icmp, ip4, policy, policy_system, rule, tcp, udp
from tests.zsim.test_cli import mysys, zsim
from zsim import addresses
from zsim.clock import SECOND
from zsim.system import System
from zsim.whatif import crossings, emergency, suggest, suggested
from zsim.whatif.observed import Observed
from zsim.whatif.suggest import Settings

__all__ = ["mysys"]  # a fixture
HERE, PEER, FAR = "10.1.1.2", "10.1.0.2", "172.16.5.5"
NOTHING = policy(rule("nothing", source="10.99.99.99", dest=HERE, service="Protocol Tcp;Direction Inbound"))


def observed(packets: list[bytes], system: System | None = None, **options: object) -> Observed:
    made = system or policy_system(NOTHING)
    seen = Observed(crossings.view(Space(), made, **options))  # type: ignore[arg-type]
    given = [(NOW + at * SECOND, packet) for at, packet in enumerate(packets)]
    seen.add(engine.frames_of(given, systems.RAW_IP), "trace.pcap")
    return seen


def learn(packets: list[bytes], system: System | None = None, **settings: object) -> suggested.Made:
    return suggested.made(observed(packets, system), Settings(**settings))  # type: ignore[arg-type]


def session(client: str, server: str, sport: int, dport: int, accepted: bool = True) -> list[bytes]:
    """The first packets of a connection."""
    answer = tcp(server, client, dport, sport, SYN | ACK if accepted else RST | ACK)
    return [tcp(client, server, sport, dport, SYN), answer, tcp(client, server, sport, dport)]


def titles(made: suggested.Made) -> list[str]:
    return [suggested.title(service) for each in made.found.rules for service in each.services]


# ---- what is learned -------------------------------------------------------------------------------------------


def test_suggest__a_service_of_this_stack() -> None:
    made = learn(session(PEER, HERE, 40001, 22) + session(PEER, HERE, 40002, 22))
    assert titles(made) == ["tcp from 22 to 1024-65535 serving"]
    assert "Direction               Bidirectional InboundConnect" in made.text
    assert "IpSourceAddr              10.1.1.2\n  IpDestAddr                10.1.0.2\n" in made.text
    assert "# evidence: 2 flows, 6 packets, 2023-12-13T14:05:31 to 2023-12-13T14:05:36" in made.text
    assert "# frames: trace.pcap 1, 2, 3, 4, 5, 6" in made.text


def test_suggest__a_service_this_stack_uses() -> None:
    made = learn([*session(HERE, FAR, 40001, 1414), udp(HERE, PEER, 40002, 53), udp(PEER, HERE, 53, 40002)])
    assert titles(made) == [
        "tcp from 1024-65535 to 1414 as client",
        "udp from 1024-65535 to 53 bidirectional",
    ]


def test_suggest__one_way_and_messages() -> None:
    made = learn([udp(PEER, HERE, 514, 514), icmp(PEER, HERE, 8), icmp(HERE, PEER, 0)])
    assert sorted(titles(made)) == ["icmp type 0 outbound", "icmp type 8 inbound", "udp from 514 to 514 inbound"]


def test_suggest__what_is_forwarded_is_permitted_on_its_whole_way() -> None:
    made = learn(session(PEER, FAR, 40001, 443))
    assert titles(made) == [
        "tcp from 443 to 1024-65535 serving forwarded",
        "tcp from 1024-65535 to 443 as client forwarded",
    ]
    after, _ = suggest.installed(observed([]).view.system, made.text)
    verdicts = systems.play(after, *session(PEER, FAR, 51000, 443))[0].judgement.verdict
    assert {engine.VERDICTS[each] for each in verdicts} == {"permitted"}
    back = systems.play(after, tcp(FAR, PEER, 443, 51000, SYN))[0]
    assert systems.verdict(back) == "denied"


def test_suggest__later_fragments_that_are_forwarded() -> None:
    first = udp(PEER, FAR, 40000, 53, 24, more=True)
    made = learn([first, ip4(PEER, FAR, 17, bytes(40), offset=4)])
    assert "udp later fragments inbound forwarded" in titles(made)
    assert "FragmentsOnly           Yes" in made.text


def test_suggest__both_kinds_of_ftp() -> None:
    active = [packet for port in (50001, 50777) for packet in session(HERE, PEER, 20, port)]
    passive = [packet for at in range(6) for packet in session(PEER, HERE, 41000 + at, 42000 + 7 * at)]
    assert titles(learn(active)) == ["tcp from 20 to 1024-65535 as client"]
    assert titles(learn(passive)) == ["tcp from 1024-65535 to 1024-65535 serving"]


def test_suggest__hosts_of_a_site_are_a_prefix() -> None:
    packets = [packet for host in (17, 18, 21, 30) for packet in session(f"10.2.3.{host}", HERE, 40000, 22)]
    packets += session("10.7.7.7", HERE, 40000, 22)
    (found,) = learn(packets).found.rules
    assert [str(addresses.text(4, low)) for low, _ in found.dests] == ["10.2.3.16", "10.7.7.7"]
    assert found.dests[0][1] - found.dests[0][0] == 15
    (exact,) = learn(packets, aggregate=9).found.rules
    assert len(exact.dests) == 5


# ---- what is not -----------------------------------------------------------------------------------------------


def left(made: suggested.Made) -> list[tuple[str, int]]:
    return [(each.why, each.flow.server[1]) for each in made.found.left]


def test_suggest__requests_that_nobody_accepts() -> None:
    made = learn(session(PEER, HERE, 40001, 22) + session(PEER, HERE, 40002, 23, accepted=False))
    assert left(made) == [("no answer", 23)]
    assert titles(made) == ["tcp from 22 to 1024-65535 serving"]


def test_suggest__scans() -> None:
    made = learn([udp("10.66.6.6", HERE, 40000, port) for port in range(100, 130)] + session(PEER, HERE, 40001, 22))
    assert {why for why, _ in left(made)} == {"scan"}
    assert "left out, scan: 30 flows, 30 packets" in made.text


DENY = policy(
    rule("notelnet", dest=HERE, service="Protocol Tcp;DestinationPortRange 23;Direction Inbound", action="deny-log")
)


def test_suggest__what_an_explicit_deny_stops_is_left_out() -> None:
    made = learn(session(PEER, HERE, 40001, 23) + session(PEER, HERE, 40001, 22), policy_system(DENY))
    assert left(made) == [("denied today", 23)]
    assert "left out, denied today by notelnet.1 (USER.CONFIG(IPSTACK):6:1)" in " ".join(made.text.split()).replace(
        "# ", ""
    )


def test_suggest__or_said_where_it_is_wanted() -> None:
    made = learn(session(PEER, HERE, 40001, 23), policy_system(DENY), denied=True)
    assert titles(made) == ["tcp from 23 to 1024-65535 serving"]
    assert "# PERMITS WHAT IS DENIED TODAY by notelnet (USER.CONFIG(IPSTACK):6:1), such as" in made.text


def test_suggest__what_generalising_opens_of_a_deny_is_said() -> None:
    text = policy(
        rule("badhost", source="10.2.3.19", dest=HERE, service="Protocol Tcp;Direction Inbound", action="deny-log")
    )
    packets = [packet for host in (17, 18, 21, 30) for packet in session(f"10.2.3.{host}", HERE, 40000, 22)]
    made = learn(packets, policy_system(text))
    (found,) = made.found.rules
    assert [by.split()[0] for by, _ in found.denied] == ["badhost"]
    assert "10.2.3.19:" in found.denied[0][1]


# ---- that it holds ---------------------------------------------------------------------------------------------


def traffic(random: Random, count: int) -> list[bytes]:
    """Random conversations of this stack and others."""
    packets: list[bytes] = []
    for _ in range(count):
        ends = random.choice(((PEER, HERE), (HERE, FAR), (PEER, FAR), ("10.2.3.9", HERE), (HERE, "10.1.0.77")))
        sport = random.choice((random.randrange(1024, 65536), 123, 20))
        dport = random.choice((21, 22, 23, 53, 123, 443, 1414, 50000 + random.randrange(30)))
        kind = random.choice(("tcp", "udp", "oneway", "icmp", "gre", "six", "refused"))
        if kind in ("tcp", "refused"):
            packets += session(*ends, sport, dport, kind == "tcp")
        elif kind == "udp":
            packets += [udp(*ends, sport, dport), udp(*ends[::-1], dport, sport)]
        elif kind == "oneway":
            packets.append(udp(*ends, sport, dport))
        elif kind == "icmp":
            packets.append(icmp(*ends, random.choice((0, 3, 8, 11)), random.choice((0, 1))))
        elif kind == "gre":
            packets.append(ip4(*ends, 47, bytes(8)))
        else:
            packets += [
                tcp("2001:db8::9", "2001:db8::2", sport, dport, SYN),
                tcp("2001:db8::2", "2001:db8::9", dport, sport),
            ]
    return packets


@pytest.mark.parametrize("seed", range(4))
def test_suggest__the_policy_loads_and_permits_all_it_was_learned_from(seed: int) -> None:
    """Through the whole of zsim: the text is installed, and the same packets are played again."""
    packets = traffic(Random(seed), 60)
    seen = observed(packets)
    made = suggested.made(seen, Settings())
    after, findings = suggest.installed(seen.view.system, made.text)
    assert findings == ()
    out = {seen.frames[at] for each in made.found.left for at, kind in enumerate(seen.order) if kind in each.flow.kinds}
    given = [(NOW + at * SECOND, packet) for at, packet in enumerate(packets)]
    outcome, _ = after.receive(engine.frames_of(given, systems.RAW_IP))
    wrong = [
        at for at, verdict in enumerate(outcome.judgement.verdict)
        if engine.VERDICTS[verdict] not in ("permitted", "unfiltered") and at + 1 not in out
    ]  # fmt: skip
    assert wrong == []


def test_suggest__the_exam_finds_what_was_not_learned() -> None:
    early = [packet for at in range(10) for packet in session(PEER, HERE, 40000 + at, 22)]
    made = suggested.made(
        observed(early + session(PEER, HERE, 45000, 22) + session(FAR, HERE, 46000, 992)), Settings(), 80
    )
    assert made.exam.learned[2] == 1
    assert [flow.server[1] for flow in made.exam.missed] == [992]
    assert made.exam.permitted == made.exam.asked[0] - 3
    assert "missed: tcp 172.16.5.5:46000 > 10.1.1.2:992" in suggested.table(made.exam, made.found.left)
    assert made.exam.opened == 4 * 64512 or made.exam.opened > 64512


# ---- as one types it -------------------------------------------------------------------------------------------

MEMBERS = "datasets/USER.Z24C.TCPPARMS"


def test_suggest__the_policy_takes_the_place_of_the_old_one(mysys: Path, tmp_path: Path) -> None:
    captures = sorted(str(path) for path in (mysys / "captures").glob("*.pcap"))
    text = mysys / MEMBERS / "PAGEIPSE"
    done = zsim("suggest", "-s", str(mysys), "--out", str(tmp_path / "learned"), *captures)
    assert (done.exit_code, "exam: learned on the first part" in done.stdout) == (0, True)
    text.write_text((tmp_path / "learned").read_text())
    checked = zsim("check", "-s", str(mysys), "--json")
    assert '"source": "Stack Policy"' in checked.stdout
    assert "PAGEIPSE" not in checked.stdout
    replayed = zsim("replay", "-s", str(mysys), *captures)
    assert any(line.split()[0] == "denied" and line.split()[1] == "0" for line in replayed.stdout.splitlines() if line)


THREE = {
    "zeek-var-services-std-ports.pcap": (),
    "sv-output-eve-ftp-data-input.pcap": (),
    "snabb-sanitized4k.pcap": (),
}


@pytest.mark.skipif(not PCAPS.is_dir(), reason="needs the reference captures")
@pytest.mark.parametrize("name", THREE)
def test_suggest__real_captures_load_without_a_finding(
    name: str, mysys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = mysys / MEMBERS / "PAGEIPSE"
    done = zsim("suggest", "-s", str(mysys), *THREE[name], str(PCAPS / name))
    assert done.exit_code == 0
    with capsys.disabled():
        print("\n" + "\n".join(line[2:] for line in done.stdout.split("IpFilterPolicy")[0].splitlines()[2:]))
    assert "exam: learned on" in done.stdout
    target.write_text(done.stdout)
    findings = [line for line in zsim("check", "-s", str(mysys)).stdout.splitlines() if "PAGEIPSE" in line]
    assert findings == []
    assert "Stack Policy is in force" in zsim("check", "-s", str(mysys)).stdout


# ---- emergencies -----------------------------------------------------------------------------------------------


def test_emergency__scans_and_talkers() -> None:
    scan = [tcp("10.66.6.6", HERE, 40000, port, SYN) for port in range(100, 140)]
    flood = [udp("10.77.7.7", HERE, 5000, 53)] * 200
    seen = observed(scan + flood + session(PEER, HERE, 40001, 22))
    found = emergency.blocks(seen)
    assert [(each.kind, addresses.text(4, each.source), each.packets) for each in found] == [
        ("scan", "10.66.6.6", 40), ("talker", "10.77.7.7", 200),
    ]  # fmt: skip
    assert emergency.command(found[0], 15) == (
        "ipsec -F add srcip 10.66.6.6 destip 10.1.1.2 prot tcp dir inbound routing either "
        "mode simulate lifetime 15 -N scan1"
    )
    assert "prot udp destport 53" in emergency.command(found[1])


def test_emergency__the_command_is_taken(mysys: Path, tmp_path: Path) -> None:
    capture = tmp_path / "attack.pcap"
    packets = [(NOW, tcp("10.66.6.6", HERE, 40000, port, SYN)) for port in range(100, 140)]
    capture.write_bytes(engine.write_pcap(iter(packets), systems.RAW_IP))
    done = zsim("suggest", "-s", str(mysys), "--emergency", str(capture))
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("ipsec"))
    assert zsim("sh", "-s", str(mysys), line).exit_code == 0
    assert "scan1" in zsim("ipsec", "-s", str(mysys), "-F", "display").stdout
    assert "# permitted today: 0 of them" in done.stdout
    assert zsim("suggest", "-s", str(mysys), "--emergency", f"{mysys}/captures/ping.pcap").exit_code == 1
