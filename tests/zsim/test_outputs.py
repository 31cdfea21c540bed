"""What a stack sends back about a denied packet (filter-rules.md 6.7), and the annotated capture of a replay."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from systems import (
    NOW,
    PCAPS,
    PROFILE,
    RAW_IP,
    ROOT,
    icmp,
    ip4,
    ip6,
    policy,
    policy_system,
    rule,
    tcp,
    udp,
)
from test_fragments import pieces

import engine
from engine import pcapng
from zsim.addresses import address
from zsim.outputs import Annotated, comments
from zsim.system import System
from zsim.tcpip import discard
from zsim.tcpip.traffic import Rewrite

ZOS, LINUX, BEHIND = "10.1.1.2", "10.1.0.2", "192.168.1.9"
ZOS6, LINUX6 = "2001:db8::2", "2001:db8:1::9"
ETHER = bytes.fromhex("020000000001" + "020000000002")  # to z/OS, from the router
PINGED = str(ROOT / "profiles" / "adcd" / "captures" / "ping.pcap")


def refusing(service: str = "Protocol All;Routing either", **more: str) -> System:
    """Everything of `service` is denied with DiscardAction ICMP, the rest silently."""
    return policy_system(policy(rule("refused", service=service, action="deny-log")), **more)


def replies_to(system: System, *frames: bytes, linktype: int = RAW_IP, rewrites=(), home=()) -> list[discard.Reply]:
    batch = engine.frames_of([(NOW, frame) for frame in frames], linktype)
    prepared = system.prepare(home=home)
    outcome, _ = system.receive(batch, None, prepared, rewrites)
    return list(discard.replies(prepared, batch, outcome, rewrites))


def shown(reply: bytes) -> dict:
    return engine.row(engine.decode(engine.frames_of([(0, reply)], RAW_IP)), 0)


# ---- the reply --------------------------------------------------------------------------------------------------


def test_reply__ipv4_says_who_forbids_what() -> None:
    packet = tcp(LINUX, ZOS, 5000, 23)
    (reply,) = replies_to(refusing(), packet)
    assert (reply.packet, reply.version, reply.type, reply.code, reply.linktype) == (0, 4, 3, 13, RAW_IP)
    row = shown(reply.frame)
    assert [row[name] for name in ("src", "dst", "proto", "icmp_type", "icmp_code")] == [ZOS, LINUX, 1, 3, 13]
    assert reply.frame[8] == 64
    assert reply.frame[28:] == packet[:28], "its header and 8 octets (RFC 792)"


def test_reply__ipv6_quotes_what_fits() -> None:
    packet = udp(LINUX6, ZOS6, 53, 5000, size=1300)
    (reply,) = replies_to(refusing(), packet)
    row = shown(reply.frame)
    assert [row[name] for name in ("src", "dst", "proto", "icmp_type", "icmp_code")] == [ZOS6, LINUX6, 58, 1, 1]
    assert (len(reply.frame), reply.frame[7]) == (1280, 255)
    assert reply.frame[48:] == packet[:1232]


def test_reply__ethernet_goes_back_where_it_came_from() -> None:
    tagged = ETHER + bytes.fromhex("81000007" + "0800") + tcp(LINUX, ZOS, 5000, 23) + bytes(6)
    (reply,) = replies_to(refusing(), tagged, linktype=1)
    assert reply.linktype == 1
    assert reply.frame[:18] == ETHER[6:] + ETHER[:6] + bytes.fromhex("81000007" + "0800")
    assert shown(reply.frame[18:])["dst"] == LINUX


def test_reply__a_forwarded_packet_is_answered_by_the_interface_it_came_in_on() -> None:
    (reply,) = replies_to(refusing(), udp(BEHIND, "10.9.9.9", 53, 5000))
    assert shown(reply.frame)["src"] == "192.168.1.74"


def test_reply__also_when_it_is_denied_on_leaving() -> None:
    only_out = "Protocol All;Routing routed;Direction outbound"
    system = policy_system(policy(
        rule("in", service="Protocol All;Routing routed;Direction inbound"),
        rule("refused", service=only_out, action="deny-log"),
    ))  # fmt: skip
    (reply,) = replies_to(system, udp(BEHIND, "10.9.9.9", 53, 5000))
    assert (shown(reply.frame)["src"], shown(reply.frame)["dst"]) == ("192.168.1.74", BEHIND)


def test_reply__without_an_address_on_the_interface_the_destination_answers() -> None:
    profile = PROFILE.replace("IPADDR 10.1.1.2 ", "IPADDR 10.1.1.2 ").replace(
        "INTERFACE ETH6 DEFINE IPAQENET6 CHPIDTYPE OSD IPADDR 2001:db8::2",
        "INTERFACE ETH6 DEFINE IPAQENET6 CHPIDTYPE OSD",
    )
    extra = address("2001:db8::77")
    (reply,) = replies_to(refusing(profile=profile), udp(LINUX6, "2001:db8::77", 53, 5000), home=[extra])
    assert shown(reply.frame)["src"] == "2001:db8::77"
    assert replies_to(refusing(profile=profile), udp(LINUX6, "2001:db8:5::1", 53, 5000)) == [], "nobody to answer"


@pytest.mark.parametrize("step", [1, -1])
def test_reply__a_datagram_is_answered_once_about_its_first_fragment(step) -> None:
    parts = pieces(udp(LINUX, ZOS, 53, 5000, size=40))
    (reply,) = replies_to(refusing(), *parts[::step])
    assert (reply.packet, reply.frame[28:]) == (2, parts[0][:28])


def test_reply__only_the_first_fragment_of_routed_traffic_is_answered() -> None:
    assert [reply.packet for reply in replies_to(refusing(), *pieces(udp(LINUX, BEHIND, 53, 5000, size=40)))] == [0]


def test_reply__in_a_capture_read_as_another_it_has_the_addresses_of_the_capture() -> None:
    rewrites = [Rewrite(_one("203.0.113.7"), _one(ZOS)), Rewrite(_one("203.0.113.9"), _one(LINUX))]
    (reply,) = replies_to(refusing(), udp("203.0.113.9", "203.0.113.7", 53, 5000), rewrites=rewrites)
    assert (shown(reply.frame)["src"], shown(reply.frame)["dst"]) == ("203.0.113.7", "203.0.113.9")


def _one(word: str):
    from zsim.addresses import one

    return one(word)


def error6(source: str, dest: str, type: int) -> bytes:
    return ip6(source, dest, 58, struct.pack("!BBHI", type, 0, 0, 0))


GROUP = bytes.fromhex("01005e000001" + "020000000002" + "0800")
SILENT = {
    "an ICMP error": icmp(LINUX, ZOS, 3, 3),
    "an ICMP redirect": icmp(LINUX, ZOS, 5),
    "ICMP whose type is cut off": ip4(LINUX, ZOS, 1),
    "an ICMPv6 error": error6(LINUX6, ZOS6, 1),
    "an ICMPv6 error nobody knows": error6(LINUX6, ZOS6, 100),
    "an ICMPv6 redirect": error6(LINUX6, ZOS6, 137),
    "an IPv6 chain that ends too soon": ip6(LINUX6, ZOS6, 0, b"\x06\x05"),
    "multicast": udp(LINUX, "224.0.0.9", 520, 520),
    "broadcast": udp(LINUX, "255.255.255.255", 68, 67),
    "the broadcast of a subnet": udp(LINUX, "192.168.1.255", 68, 67),
    "IPv6 multicast": udp(LINUX6, "ff02::1", 520, 520),
    "from nobody": udp("0.0.0.0", ZOS, 68, 67),
    "from a loopback address": udp("127.1.2.3", ZOS, 68, 67),
    "from a group": udp("224.1.1.1", ZOS, 68, 67),
    "from everybody": udp("255.255.255.255", ZOS, 68, 67),
    "from a subnet": udp("192.168.1.255", ZOS, 68, 67),
    "from class E": udp("240.0.0.1", ZOS, 68, 67),
    "from nobody in IPv6": udp("::", ZOS6, 68, 67),
    "from ::1": udp("::1", ZOS6, 68, 67),
    "from an IPv6 group": udp("ff02::5", ZOS6, 68, 67),
    "a packet of its own": udp(ZOS, LINUX, 53, 5000),
    "a packet of its own to a group": udp(ZOS, "224.0.0.5", 53, 5000),
}


@pytest.mark.parametrize("packet", SILENT.values(), ids=SILENT)
def test_reply__restraint(packet) -> None:
    prepared = (system := refusing()).prepare()
    outcome, _ = system.receive(engine.frames_of([(NOW, packet)], RAW_IP), None, prepared)
    assert [engine.VERDICTS[code] for code in outcome.judgement.verdict] in (["denied"], ["unfiltered"])
    assert replies_to(system, packet) == []


@pytest.mark.parametrize("packet", [
    icmp(LINUX, ZOS, 8), icmp(LINUX, ZOS, 0), error6(LINUX6, ZOS6, 128), ip6(LINUX6, ZOS6, 59),
    tcp(LINUX, BEHIND, 1, 2),
])  # fmt: skip
def test_reply__no_restraint_beyond(packet) -> None:
    assert len(replies_to(refusing(), packet)) == 1


def test_reply__none_to_what_the_link_layer_sent_to_many() -> None:
    assert replies_to(refusing(), GROUP + udp(LINUX, ZOS, 53, 5000), linktype=1) == []


def test_reply__none_about_what_was_permitted_or_denied_silently() -> None:
    system = policy_system(policy(
        rule("allowed", service="Protocol Udp;Routing local"),
        rule("dropped", service="Protocol Tcp;Routing local", action="deny-quiet"),
    ))  # fmt: skip
    assert replies_to(system, udp(LINUX, ZOS, 1, 2), tcp(LINUX, ZOS, 1, 2), icmp(LINUX, ZOS, 8)) == []


def test_reply__the_implicit_deny_replies_when_the_policy_says_so() -> None:
    text = policy(rule("dns", service="Protocol Udp;Routing local"))
    system = policy_system(text.replace("FilterLogging on", "FilterLogging on\n  ImplicitDiscardAction ICMP"))
    assert [reply.packet for reply in replies_to(system, udp(LINUX, ZOS, 1, 2), tcp(LINUX, ZOS, 1, 2))] == [1]


def test_reply__its_form_is_a_fact() -> None:
    system = refusing()
    system.facts.update({"discard-icmp": (3, 10), "discard-icmp-hops": (255, 64), "discard-icmp-data": 28})
    packet = udp(LINUX, ZOS, 53, 5000, size=40)
    (reply,) = replies_to(system, packet)
    assert (reply.type, reply.code, reply.frame[8], reply.frame[28:]) == (3, 10, 255, packet[:48])


def test_reply__lives_as_long_as_the_profile_says() -> None:
    profile = PROFILE.replace("IPCONFIG ", "IPCONFIG TTL 33 ", 1).replace("IPCONFIG6 ", "IPCONFIG6 HOPLIMIT 44 ")
    four, six = replies_to(refusing(profile=profile), udp(LINUX, ZOS, 1, 2), udp(LINUX6, ZOS6, 1, 2))
    assert (four.frame[8], six.frame[7]) == (33, 44)


# ---- the annotated capture -------------------------------------------------------------------------------------

MIXED = (
    tcp(LINUX, ZOS, 5000, 23),
    udp(LINUX, ZOS, 5000, 53),
    udp(BEHIND, "10.9.9.9", 5000, 53),
    udp(ZOS, "192.168.1.74", 5000, 53),
    b"\x45\0\0\x14",
    b"\x44" + bytes(30),
    *pieces(udp(LINUX, ZOS, 53, 5000, size=10)),
)
SAID = (
    "denied by telnet ext 1 (Deny, in, local, policy, USER.CONFIG(IPSTACK):8)",
    "permitted by dns ext 2 (Permit, in, local, policy, USER.CONFIG(IPSTACK):19)",
    "permitted by dns ext 2 (Permit, in, routed, policy, USER.CONFIG(IPSTACK):19); "
    "denied by DenyAllRule_Generated___________Outbnd ext 1 (Deny, out, routed, policy, USER.CONFIG(IPSTACK):1)",
    "not filtered: from this stack to itself",
    "not judged: the IP header is cut off",
    "not judged: the IP header contradicts itself",
    "fragment 0x4d at 0: judged with the whole datagram, when it is complete",
    "permitted by all ext 2 (Permit, in, local, policy, USER.CONFIG(IPSTACK):30), datagram of 2 fragments",
)


def mixed() -> System:
    telnet = "Protocol Tcp;DestinationPortRange 23;Direction inbound;Routing local"
    dns = "Protocol Udp;SourcePortRange 53;Direction bidirectional;Routing either"
    return policy_system(policy(
        rule("telnet", service=telnet, action="deny-log"), rule("dns", service=dns), rule("all"),
    ))  # fmt: skip


def test_comments__say_what_decided() -> None:
    system = mixed()
    prepared = system.prepare()
    frames = engine.frames_of([(NOW, packet) for packet in MIXED], RAW_IP)
    outcome, _ = system.receive(frames, None, prepared)
    assert comments(prepared, outcome) == list(SAID)


def annotated(system: System, *batches: tuple[int, list[bytes]], compiled: bool = False) -> list[tuple]:
    """(octets, time, linktype) of every frame of the annotated capture of batches of (link type, frames)."""
    prepared = system.prepare(compiled)
    made = Annotated(prepared)
    blocks = [made.head()]
    for linktype, packets in batches:
        frames = engine.frames_of([(NOW, packet) for packet in packets], linktype, compiled)
        blocks += map(bytes, made.add(frames, system.receive(frames, None, prepared)[0]))
    found = []
    for frames in engine.read_capture(blocks, "annotated"):
        found += [
            (engine.frame_of(frames, p), int(frames.time[p]), int(frames.linktype[p])) for p in range(frames.count)
        ]
    assert made.frames == len(found)
    return found


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_annotated__every_frame_and_behind_a_denied_one_the_reply(compiled) -> None:
    found = annotated(mixed(), (RAW_IP, list(MIXED)), compiled=compiled)
    assert [each[0] for each in found if each[0] in MIXED] == list(MIXED)
    assert len(found) == len(MIXED) + 1
    assert shown(found[1][0])["icmp_code"] == 13
    assert {each[1] for each in found} == {NOW}


def test_annotated__each_link_type_keeps_its_own() -> None:
    telnet = tcp(LINUX, ZOS, 5000, 23)
    null = b"\2\0\0\0" + telnet
    found = annotated(
        mixed(), (1, [ETHER + b"\x08\0" + telnet]), (0, [null]), (147, [b"user"]), (1, [ETHER + b"\x08\6"])
    )
    assert [each[2] for each in found] == [1, 1, 0, RAW_IP, 147, 1]
    assert found[2][0] == null


def block(order: str, kind: int, body: bytes, *options: tuple[int, bytes]) -> bytes:
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    body += bytes(4) if options else b""
    octets = 12 + len(body)
    return struct.pack(order + "II", kind, octets) + body + struct.pack(order + "I", octets)


def ng(order: str, *named: bytes, flags: int | None = 0x80000001, comment: bytes = b"") -> bytes:
    """A section with an interface of each name, in microseconds, and telnet and DNS packets on each."""
    told = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    for name in named:
        speed = struct.pack(order + "Q", 10**9)
        custom = struct.pack(order + "I", 32473) + b"any"
        options = (2, name), (3, b"of " + name), (8, speed), (9, b"\x06"), (14, bytes(8)), (2988, custom)
        told += block(order, 1, struct.pack(order + "HHI", RAW_IP, 0, 9000), *options)
    for number in range(len(named)):
        for packet in MIXED:
            ticks = NOW // 1000
            head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
            options = [(2, struct.pack(order + "I", flags)), (32768, b"own")] if flags is not None else []
            options += [(1, comment)] if comment else []
            told += block(order, 6, head + packet + bytes(-len(packet) % 4), *options)
    return told


def rewritten(system: System, *captures: bytes, compiled: bool = False) -> list[tuple]:
    """(interface, its options, options of the packet but for the first, which is ours) of every frame that is no
    reply."""
    prepared = system.prepare(compiled)
    made = Annotated(prepared)
    blocks = [made.head()]
    for capture in captures:
        for frames in engine.read_capture([capture], "x", compiled):
            blocks += map(bytes, made.add(frames, system.receive(frames, None, prepared)[0]))
    found = []
    for frames in engine.read_capture([b"".join(blocks)], "annotated"):
        of, section = engine.originals(frames), frames.section
        assert section is not None
        for p in range(frames.count):
            octets = frames.data[of.begin[p] : of.begin[p] + of.octets[p]]
            (code, ours), *others = pcapng.options(octets, "<", {})
            assert code == 1
            if not ours.startswith(b"reply"):
                described = section.interfaces[of.interface[p]]
                options = pcapng.options(described.options, "<", {})
                found.append((of.interface[p], described.snap, dict(options), others))
    return found


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("order", "<>")
def test_annotated__keeps_what_a_pcapng_says_besides(order, compiled) -> None:
    found = rewritten(mixed(), ng(order, b"eth0", b"eth1", comment=b"look"), compiled=compiled)
    assert len(found) == 2 * len(MIXED)
    for at, (number, snap, described, others) in enumerate(found):
        name = b"eth1" if at >= len(MIXED) else b"eth0"
        assert (number, snap) == (at // len(MIXED), 9000)
        custom = struct.pack("<I", 32473) + b"any"
        assert described == {2: name, 3: b"of " + name, 8: struct.pack("<Q", 10**9), 9: b"\x09", 2988: custom}
        assert others == [(2, struct.pack("<I", 0x80000001)), (32768, b"own"), (1, b"look")]


@pytest.mark.parametrize("flags", [None, 1], ids=["without options", "with options"])
def test_annotated__interfaces_of_every_section_and_file(flags) -> None:
    first, second = ng("<", b"eth0", b"eth1", flags=flags), ng(">", b"lo", flags=flags)
    each = len(MIXED)
    expected = [b"eth0"] * each + [b"eth1"] * each + [b"lo"] * each
    for compiled in (False, True):
        found = rewritten(mixed(), first + second, first, compiled=compiled)
        assert [described[2] for _, _, described, _ in found] == [*expected, *expected[: 2 * each]]
        assert max(number for number, *_ in found) <= 3  # of the second file they are those of the first


def test_options__end_where_they_are_cut() -> None:
    whole = struct.pack("<HH4sHH3s", 1, 4, b"abcd", 1, 3, b"abc")
    assert pcapng.options(whole, "<", {}) == [(1, b"abcd"), (1, b"abc")]
    assert pcapng.options(whole[:-1], "<", {}) == [(1, b"abcd")]
    assert pcapng.options(struct.pack(">HHH", 2, 2, 1), ">", pcapng.PACKET_NUMBERS) == [(2, b"\0\1")]


# ---- the command -----------------------------------------------------------------------------------------------


def zsim(*words: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "ZSIM_NOW": "2023-12-13T14:05:31", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "zsim.cli", *words],
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        timeout=120,
    )


def tshark(capture: Path, *fields: str) -> list[list[str]]:
    """Fields of every frame, with checksums looked at."""
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    command = ["tshark", "-n", "-r", str(capture), "-o", "ip.check_checksum:TRUE", "-T", "fields"]
    done = subprocess.run(
        [*command, *(word for field in fields for word in ("-e", field))], capture_output=True, text=True, check=True
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture
def mysys(tmp_path: Path) -> Path:
    """adcd, where telnet to port 2323 and the implicit denies are answered."""
    assert zsim("new", "mysys", cwd=tmp_path).returncode == 0
    member = tmp_path / "mysys" / "datasets" / "USER.Z24C.TCPPARMS" / "PAGEIPSE"
    text = member.read_text()
    assert "ImplicitDiscardAction     Silent" in text
    member.write_text(text.replace("ImplicitDiscardAction     Silent", "ImplicitDiscardAction     ICMP"))
    return tmp_path / "mysys"


def capture_of(folder: Path, *packets: bytes, linktype: int = 1, name: str = "in.pcap") -> Path:
    framed = [
        (NOW + at, ETHER + (b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet if linktype == 1 else packet)
        for at, packet in enumerate(packets)
    ]
    path = folder / name
    path.write_bytes(engine.write_pcap(framed, linktype, nanoseconds=True))
    return path


def test_command__wireshark_shows_verdicts_and_finds_the_replies_right(mysys, tmp_path) -> None:
    capture_of(tmp_path, tcp(LINUX, ZOS, 5000, 135), icmp(LINUX, ZOS, 8), udp(LINUX6, ZOS6, 1, 2, size=1301))
    done = zsim("replay", "-s", "mysys", "--home", ZOS6, "-w", "out.pcapng", "in.pcap", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = tshark(
        tmp_path / "out.pcapng", "frame.comment", "ip.checksum.status", "icmp.checksum.status",
        "icmpv6.checksum.status", "icmp.type", "icmp.code", "icmpv6.type", "frame.time_epoch", "_ws.malformed",
        "ip.src", "eth.dst",
    )  # fmt: skip
    assert "replied ICMP 3/13" in rows[0][0]
    assert rows[0][0].startswith("denied by DenyAllRule_Generated___________Inbnd ext 1 (Deny, in, local, policy, ")
    assert rows[1][0] == "reply to frame 1"
    assert rows[1][2] == "1", "a right ICMP checksum"
    assert (rows[1][1].split(",")[0], rows[1][4], rows[1][5]) == ("1", "3", "13")
    assert rows[1][9].split(",")[0] == ZOS
    assert rows[1][10] == "02:00:00:00:00:02"
    assert rows[2][0].startswith(
        "permitted by icmpinspecific2 ext 1 (Permit, in, local, policy, USER.Z24C.TCPPARMS(PAGE"
    )
    assert "replied ICMPv6 1/1" in rows[3][0]
    assert rows[4][0] == "reply to frame 4"
    assert (rows[4][3], rows[4][6]) == ("1", "1"), "a right ICMPv6 checksum"
    assert not any(row[8] for row in rows)
    assert rows[0][7] == rows[1][7] == "1702476331.000000000"
    assert rows[2][7] == "1702476331.000000001"


def test_command__every_frame_is_there_octet_for_octet(tmp_path) -> None:
    names = [name for name in ("zeek-pcapng-multi-interface.pcapng", "ndpi-dns_fragmented.pcap", "ndpi-nfsv2.pcap",
                               "zeek-wlanmon.pcap", "tcpdump-ikev2four.pcap") if (PCAPS / name).is_file()]  # fmt: skip
    if not names:
        pytest.skip(f"no captures in {PCAPS}")
    paths = [str(PCAPS / name) for name in names]
    assert zsim("replay", "-w", "out.pcapng", *paths, cwd=tmp_path).returncode in (0, 3)
    assert frames_in(tmp_path / "out.pcapng") == [frame for path in paths for frame in frames_in(Path(path))]


def frames_in(path: Path) -> list[tuple[bytes, int, int, int]]:
    return [
        (engine.frame_of(frames, p), int(frames.length[p]), int(frames.time[p]), int(frames.linktype[p]))
        for frames in engine.read_capture([path.read_bytes()], path.name)
        for p in range(frames.count)
    ]


def test_command__to_standard_output(tmp_path) -> None:
    done = zsim("replay", "-w", "-", PINGED, cwd=tmp_path)
    assert done.returncode == 0
    (tmp_path / "out.pcapng").write_bytes(done.stdout)
    assert frames_in(tmp_path / "out.pcapng") == frames_in(Path(PINGED))
    assert b"permitted" in done.stderr, "the table goes where it does not disturb"


def test_command__standard_output_is_not_for_two(tmp_path) -> None:
    done = zsim("replay", "--json", "-w", "-", PINGED, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--json" in done.stderr


@pytest.mark.parametrize("out", ["in.pcap", "./in.pcap", "link.pcap", "hard.pcap"])
def test_command__never_overwrites_what_it_reads(out, tmp_path) -> None:
    path = capture_of(tmp_path, icmp(LINUX, ZOS, 8))
    (tmp_path / "link.pcap").symlink_to("in.pcap")
    os.link(path, tmp_path / "hard.pcap")
    before = path.read_bytes()
    done = zsim("replay", "-w", out, "in.pcap", cwd=tmp_path)
    assert done.returncode == 2
    assert b"is a capture that is read" in done.stderr
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["hard.pcap", "in.pcap", "link.pcap"]


def test_command__never_overwrites_standard_input(tmp_path) -> None:
    path = capture_of(tmp_path, icmp(LINUX, ZOS, 8))
    before = path.read_bytes()
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "zsim.cli", "replay", "-w", "in.pcap", "-"], cwd=tmp_path, stdin=file,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 2
    assert path.read_bytes() == before


@pytest.mark.parametrize(("out", "why"), [
    ("mysys/system.yaml", b"is a file of the system"),
    ("mysys", b"is a folder"),
    ("nowhere/out.pcapng", b"cannot be written"),
])  # fmt: skip
def test_command__what_cannot_be_written_stops_it_before_anything_counts(out, why, mysys, tmp_path) -> None:
    settings = (mysys / "system.yaml").read_bytes()
    done = zsim("replay", "-s", "mysys", "-w", out, PINGED, cwd=tmp_path)
    assert done.returncode == 2
    assert why in done.stderr
    assert (mysys / "system.yaml").read_bytes() == settings
    text = zsim("ipsec", "-s", "mysys", "-f", "display", "-n", "icmpinspecific2", cwd=tmp_path).stdout.decode()
    assert "FilterMatches:                0" in text


def test_command__a_damaged_capture_leaves_what_was_good(tmp_path) -> None:
    path = capture_of(tmp_path, icmp(LINUX, ZOS, 8), icmp(LINUX, ZOS, 8))
    whole = frames_in(path)
    path.write_bytes(path.read_bytes()[:-3])
    assert zsim("replay", "-w", "out.pcapng", "in.pcap", cwd=tmp_path).returncode == 2
    assert frames_in(tmp_path / "out.pcapng") == whole[:1]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.pcap", "out.pcapng"]


def test_command__replaces_an_older_file_and_writes_to_a_device_as_it_is(tmp_path) -> None:
    (tmp_path / "out.pcapng").write_bytes(b"old")
    assert zsim("replay", "-w", "out.pcapng", PINGED, cwd=tmp_path).returncode == 0
    assert frames_in(tmp_path / "out.pcapng") == frames_in(Path(PINGED))
    assert zsim("replay", "-w", os.devnull, PINGED, cwd=tmp_path).returncode == 0
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_command__a_full_device_is_unusable(mysys, tmp_path) -> None:
    done = zsim("replay", "-s", "mysys", "-w", "/dev/full", PINGED, cwd=tmp_path)
    assert done.returncode == 2
    assert b"/dev/full: cannot be written: No space left" in done.stderr


def test_written__leaves_nothing_when_it_fails(tmp_path) -> None:
    from zsim import profiles
    from zsim.cli import writing

    place = profiles.find("adcd")
    (tmp_path / "out.pcapng").write_bytes(b"old")

    def fail() -> None:
        with writing.written(str(tmp_path / "out.pcapng"), place, []) as write:
            write(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("out.pcapng", b"old")]


def test_command__says_the_same_with_and_without_it(tmp_path) -> None:
    with_it, without = (
        zsim("replay", "--json", *words, PINGED, cwd=tmp_path).stdout.decode().splitlines()
        for words in (("-w", "out.pcapng"), ())
    )
    assert [line for line in with_it if "second" not in line] == [line for line in without if "second" not in line]
