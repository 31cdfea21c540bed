"""Fragments of local traffic are judged as one datagram, forwarded ones each by itself (filter-rules.md 1.16, 6.6)."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from systems import (
    ACK,
    NOW,
    PCAPS,
    PROFILE,
    RAW_IP,
    SYN,
    ip4,
    log_of,
    policy,
    policy_system,
    rule,
    tcp,
    udp,
    verdict,
)

import engine
from zsim import captures
from zsim.clock import SECOND
from zsim.replay import Tally, document, play
from zsim.system import System

ZOS, LINUX, BEHIND = "10.1.1.2", "10.1.0.2", "192.168.1.9"
ZOS6, LINUX6 = "2001:db8::2", "2001:db8:1::9"
EACH = ("permitted", "denied", "blocked", "not_ip", "truncated", "malformed")
PORTS = "Protocol Udp;SourcePortRange 53;DestinationPortRange 1024 65535;Direction bidirectional;Routing either"


def pieces(packet: bytes, size: int = 16) -> list[bytes]:
    """An IPv4 packet without options, or an IPv6 one without extensions, cut into fragments of `size` octets."""
    four = packet[0] >> 4 == 4
    header, data = (packet[:20], packet[20:]) if four else (packet[:40], packet[40:])
    made = []
    for low in range(0, len(data), size):
        part, more = data[low : low + size], low + size < len(data)
        if four:
            front = bytearray(header)
            struct.pack_into("!HHH", front, 2, 20 + len(part), 77, more << 13 | low // 8)
        else:
            front = bytearray(header + struct.pack("!BBHI", header[6], 0, low | more, 77))
            struct.pack_into("!HB", front, 4, 8 + len(part), 44)
        made.append(bytes(front) + part)
    return made


def replayed(system: System, *batches: list[bytes], compiled: bool = False, step: int = SECOND, home=()) -> dict:
    """The packets, `step` apart, in so many batches of one replay: its JSON."""
    tally = Tally(system.prepare(compiled, home))
    times = iter(range(NOW, NOW + 10**9 * step, step))
    frames = [
        engine.frames_of([(next(times), packet) for packet in batch], RAW_IP, compiled) for batch in batches
    ]  # fmt: skip
    play(system, tally, frames)
    shown = document(tally)
    assert sum(shown[name] for name in EACH) == shown["packets"] == sum(map(len, batches))
    return shown


def counts(shown: dict) -> dict[str, int]:
    return {name: shown[name] for name in (*EACH, "datagrams", "incomplete") if shown[name]}


def matches(shown: dict) -> list[tuple[str, int, int, int]]:
    """(filter, extension, packets, octets) of what matched."""
    return [(row["name"], row["extension"], row["matches"], row["bytes"]) for row in shown["filters"] if row["matches"]]


def dns_only() -> System:
    return policy_system(policy(rule("dns", service=PORTS)))


both_modes = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
both_versions = pytest.mark.parametrize(("zos", "peer"), [(ZOS, LINUX), (ZOS6, LINUX6)], ids=["IPv4", "IPv6"])


@both_modes
@both_versions
def test_local__a_datagram_is_one_match_with_the_ports_of_its_first_fragment(zos, peer, compiled) -> None:
    system = dns_only()
    parts = pieces(udp(peer, zos, 5000, 53, size=40))
    shown = replayed(system, parts, compiled=compiled)
    assert len(parts) == 3
    assert counts(shown) == {"permitted": 3, "datagrams": 1}
    (found,) = matches(shown)
    assert found == ("dns", 2 if zos == ZOS else 4, 1, sum(map(len, parts)))
    kept = [hits for hits in system.stack.policy.hits if hits.matches]
    assert [(hits.matches, hits.octets) for hits in kept] == [(1, sum(map(len, parts)))]


def test_local__its_time_is_that_of_the_fragment_that_completed_it() -> None:
    shown = replayed(dns_only(), pieces(udp(LINUX, ZOS, 5000, 53, size=40)))
    (row,) = [row for row in shown["filters"] if row["matches"]]
    assert row["first"] == row["last"] == "2023-12-13T14:05:33.000000000Z"


@both_versions
def test_local__one_record_says_the_whole_length_and_no_fragment(zos, peer) -> None:
    system = dns_only()
    packet = udp(peer, zos, 5000, 53, size=40)
    replayed(system, pieces(packet))
    (line,) = log_of(system)
    assert f"len= {len(packet)} " in line
    assert line.endswith("fragment= N")
    assert "sport= 5000 dport= 53" in line
    assert "12/13/2023 14:05:33.00" in line


@both_versions
def test_local__outbound_is_judged_before_it_was_cut(zos, peer) -> None:
    shown = replayed(dns_only(), pieces(udp(zos, peer, 53, 5000, size=40)))
    assert counts(shown) == {"permitted": 3, "datagrams": 1}
    assert [found[2] for found in matches(shown)] == [1]


@both_versions
def test_local__the_order_of_arrival_does_not_matter(zos, peer) -> None:
    parts = pieces(udp(peer, zos, 5000, 53, size=40))
    shown = replayed(dns_only(), parts[::-1])
    assert counts(shown) == {"permitted": 3, "datagrams": 1}


def test_local__a_denied_datagram_denies_every_fragment() -> None:
    shown = replayed(dns_only(), pieces(udp(LINUX, ZOS, 5000, 54, size=40)))
    assert counts(shown) == {"denied": 3, "datagrams": 1}
    assert [found[2] for found in matches(shown)] == [1]


@both_modes
def test_local__a_datagram_may_span_batches(compiled) -> None:
    first, second, third = pieces(udp(LINUX, ZOS, 5000, 53, size=40))
    whole = udp(LINUX, ZOS, 5001, 53)
    shown = replayed(dns_only(), [first, whole], [], [whole, third], [second], compiled=compiled)
    assert counts(shown) == {"permitted": 5, "datagrams": 1}


def test_local__a_multicast_datagram_is_local() -> None:
    shown = replayed(policy_system(policy(rule("all"))), pieces(udp(LINUX, "224.0.0.9", 520, 520, size=40)))
    assert counts(shown) == {"permitted": 3, "datagrams": 1}


def test_local__fragments_only_takes_no_reassembled_datagram() -> None:
    only = rule("parts", service="Protocol All;FragmentsOnly yes;Routing either")
    system = policy_system(policy(only, rule("all", service="Protocol All;Routing either")))
    assert {found[0] for found in matches(replayed(system, pieces(udp(LINUX, ZOS, 5000, 53, size=40))))} == {"all"}
    routed = replayed(system, pieces(udp(LINUX, BEHIND, 5000, 53, size=40)))
    assert {found[0] for found in matches(routed)} == {"parts"}


def test_local__a_whole_datagram_is_not_opaque() -> None:
    opaque = rule("opaque", service="Protocol Opaque;Routing either")
    system = policy_system(policy(opaque, rule("all", service="Protocol All;Routing either")))
    assert {found[0] for found in matches(replayed(system, pieces(udp(LINUX, ZOS, 5000, 53, size=40))))} == {"all"}


def test_local__a_tiny_first_fragment_leaves_flags_unknown_and_is_no_connection_request() -> None:
    service = "Protocol Tcp;DestinationPortRange 23;Direction inbound OutboundConnect;Routing local"
    system = policy_system(policy(rule("telnet", service=service)))
    assert counts(replayed(system, pieces(tcp(LINUX, ZOS, 5000, 23, SYN), 8)))["permitted"] == 3
    assert counts(replayed(system, pieces(tcp(LINUX, ZOS, 5000, 23, SYN), 16)))["denied"] == 2
    assert counts(replayed(system, pieces(tcp(LINUX, ZOS, 5000, 23, ACK), 16)))["permitted"] == 2


def test_routed__every_fragment_is_judged_by_itself() -> None:
    """The first shows its ports; the later ones match no rule that names some."""
    service = "Protocol Udp;SourcePortRange 5000;DestinationPortRange 5000;Direction bidirectional;Routing either"
    system = policy_system(policy(rule("both", service=service)))
    shown = replayed(system, pieces(udp(LINUX, BEHIND, 5000, 5000, size=40)))
    assert counts(shown) == {"permitted": 1, "denied": 2}
    assert [found for found in matches(shown) if found[0] == "both"] == [("both", 1, 1, 36), ("both", 2, 1, 36)]


# ---- what never becomes complete ---------------------------------------------------------------------------------


@both_modes
def test_incomplete__counts_as_truncated_and_is_matched_by_nothing(compiled) -> None:
    system = dns_only()
    parts = pieces(udp(LINUX, ZOS, 5000, 53, size=40))
    shown = replayed(system, parts[:2], [udp(LINUX, ZOS, 5001, 53)], compiled=compiled)
    assert counts(shown) == {"permitted": 1, "truncated": 2, "incomplete": 1}
    assert [found[2] for found in matches(shown)] == [1]
    assert len(log_of(system)) == 1


def test_incomplete__an_ipv6_overlap_is_never_judged() -> None:
    first, second, third = pieces(udp(LINUX6, ZOS6, 5000, 53, size=40))
    longer = pieces(udp(LINUX6, ZOS6, 5000, 53, size=40), 24)[0]
    shown = replayed(dns_only(), [first, longer, second, third])
    assert counts(shown) == {"truncated": 4, "incomplete": 1}


@pytest.mark.parametrize(("chosen", "expected"), [
    ({}, {"permitted": 3, "datagrams": 1}),
    ({"reassembly-overlap-spoils": True}, {"truncated": 3, "incomplete": 1}),
])  # fmt: skip
def test_incomplete__an_ipv4_overlap_is_a_fact(chosen, expected) -> None:
    system = dns_only()
    system.facts.update(chosen)
    packet = udp(LINUX, ZOS, 5000, 53, size=40)
    shown = replayed(system, [pieces(packet, 16)[0], pieces(packet, 24)[0], pieces(packet, 24)[1]])
    assert counts(shown) == expected


@pytest.mark.parametrize(("step", "expected"), [
    (30 * SECOND, {"permitted": 3, "datagrams": 1}),
    (31 * SECOND, {"truncated": 3, "incomplete": 2}),
])  # fmt: skip
def test_incomplete__after_sixty_seconds(step, expected) -> None:
    assert counts(replayed(dns_only(), pieces(udp(LINUX, ZOS, 5000, 53, size=40)), step=step)) == expected


def test_incomplete__the_time_is_a_fact() -> None:
    system = dns_only()
    system.facts["reassembly-timeout"] = (1, 60)
    assert counts(replayed(system, pieces(udp(LINUX, ZOS, 5000, 53, size=40)))) == {"truncated": 3, "incomplete": 2}


@pytest.mark.parametrize(("zos", "peer", "whole"), [(ZOS, LINUX, False), (ZOS6, LINUX6, True)])
def test_incomplete__reassemblytimeout_of_the_profile_is_that_of_ipv4(zos, peer, whole) -> None:
    profile = PROFILE.replace("IPCONFIG ", "IPCONFIG REASSEMBLYTIMEOUT 3 ", 1)
    system = policy_system(policy(rule("dns", service=PORTS)), profile=profile)
    shown = replayed(system, pieces(udp(peer, zos, 5000, 53, size=40)), step=2 * SECOND)
    assert (shown["datagrams"], shown["incomplete"]) == ((1, 0) if whole else (0, 2))


def test_incomplete__each_replay_begins_with_no_fragments() -> None:
    system = dns_only()
    first, second, third = pieces(udp(LINUX, ZOS, 5000, 53, size=40))
    assert counts(replayed(system, [first, second])) == {"truncated": 2, "incomplete": 1}
    assert counts(replayed(system, [third])) == {"truncated": 1, "incomplete": 1}


def test_unfiltered__a_version_without_ip_security_still_makes_one_datagram() -> None:
    system = policy_system(policy(rule("all")), profile=PROFILE.replace("IPCONFIG6 IPSECURITY\n", ""))
    shown = replayed(system, pieces(udp(LINUX6, ZOS6, 5000, 53, size=40)))
    assert counts(shown) == {"permitted": 3, "datagrams": 1}
    assert shown["unfiltered"] == 1


def test_loop__fragments_between_own_addresses_are_not_put_together() -> None:
    outcome, _ = dns_only().receive(
        engine.frames_of([(NOW, each) for each in pieces(udp("192.168.1.74", ZOS, 5000, 53, size=40))], RAW_IP)
    )
    assert [verdict(outcome, at) for at in range(3)] == ["unfiltered"] * 3


def test_whole_packets__are_left_as_they_are() -> None:
    packets = [udp(LINUX, ZOS, 5000, 53), ip4(LINUX, ZOS, 17), b"", udp(LINUX, BEHIND, 5000, 53)]
    shown = replayed(dns_only(), packets)
    assert (shown["datagrams"], shown["incomplete"], shown["truncated"]) == (0, 0, 1)


# ---- real captures ----------------------------------------------------------------------------------------------

FILES = sorted(path.name for path in PCAPS.iterdir() if "pcap" in path.name) if PCAPS.is_dir() else []
needs_captures = pytest.mark.skipif(not FILES, reason=f"no captures in {PCAPS}")


def ends_of(name: str) -> tuple[tuple[int, int], ...]:
    """The destination of every fragment of a capture."""
    found = set()
    for frames in batches_of(name, False):
        headers = engine.decode(frames)
        for p in range(headers.count):
            if headers.status[p] <= engine.PARTIAL and engine.cell(headers, "fragment", p):
                found.add((engine.cell(headers, "version", p), engine.cell(headers, "dst_addr", p)))
    return tuple(sorted(found))


def batches_of(name: str, compiled: bool) -> list[engine.Frames]:
    found = []
    try:
        for frames in captures.frames(str(PCAPS / name), compiled):
            found.append(frames)
    except engine.CaptureError:
        assert found or name
    return found


@needs_captures
@pytest.mark.parametrize("name", FILES or ["none"])
def test_captures__both_modes_say_the_same_and_every_packet_is_counted(name) -> None:
    said = []
    for compiled in (False, True):
        system = policy_system(policy(rule("dns", service=PORTS), rule("icmp", service="Protocol Icmp;Routing local")))
        tally = Tally(system.prepare(compiled, ends_of(name)))
        play(system, tally, batches_of(name, compiled))
        shown = document(tally)
        assert sum(shown[each] for each in EACH) == shown["packets"] == tally.packets
        said.append((shown, log_of(system)))
    assert said[0] == said[1]


@needs_captures
@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_captures__datagrams_are_those_tshark_puts_together() -> None:
    path = PCAPS / "ndpi-dns_fragmented.pcap"
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.number"]
    command += ["-e", "ip.reassembled.length", "-e", "ipv6.reassembled.length"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    theirs = [(int(number), int(four or six)) for number, four, six in rows if four or six]
    tally = Tally(policy_system(policy(rule("all"))).prepare(False, ends_of(path.name)))
    ours = []
    for frames in batches_of(path.name, False):
        headers = engine.decode(frames)
        journey = engine.orient(headers, tally.prepared.vantage)
        for each in engine.reassemble(frames, headers, journey, tally.prepared.trains):
            header = 20 if engine.cell(headers, "version", each.packet) == 4 else 40
            ours.append((frames.number + each.packet, engine.cell(headers, "ip_length", each.packet) - header))
    assert ours == theirs
    assert len(theirs) == 7


# ---- the command -----------------------------------------------------------------------------------------------


def test_command__fragments_meet_across_captures_and_a_note_tells_of_what_is_missing(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from zsim.cli import main

    parts = [(NOW, each) for each in pieces(udp(LINUX, ZOS, 5000, 53, size=40))]
    names = [str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap")]
    Path(names[0]).write_bytes(engine.write_pcap(parts[:2], RAW_IP))
    Path(names[1]).write_bytes(engine.write_pcap(parts[2:], RAW_IP))
    environment = {"ZSIM_NOW": "2023-12-13T14:05:31"}
    done = CliRunner().invoke(main, ["replay", *names], env=environment)
    assert done.exit_code == 0
    assert "denied                                           3" in done.output
    assert "never became complete" not in done.output
    done = CliRunner().invoke(main, ["replay", names[0]], env=environment)
    assert done.exit_code == 0
    assert "1 datagram to or from this stack never became complete; their 2 fragments count as truncated" in done.output
    assert "truncated                                        2" in done.output
