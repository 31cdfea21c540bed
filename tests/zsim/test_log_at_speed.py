"""Records written by the million are those that are written singly: the same octets in plain and in compiled mode."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from systems import PCAPS, RAW_IP, chain, icmp, ip4, ip6, play, policy, rule, system, tcp, udp, unstarted
from test_dmd import conf

import engine
from zsim import captures, replay
from zsim.clock import SECOND, nanoseconds
from zsim.files import PAGE, Files
from zsim.findings import Where
from zsim.system import Task

EVERYTHING = policy(rule("everything", service="Protocol All;Routing Either"), logging="on")
SOME = policy(
    rule("tcp-only", service="Protocol Tcp;Routing Either", action="deny-log"),
    rule("Ärger", service="Protocol Udp;Routing Either"),
)


def logs(files: dict[str, str], path: str, compiled: bool, timezone: str = "GMT0") -> dict[str, str]:
    """What a replay writes, by file."""
    made = system(files, timezone=timezone, now=0)
    tally = replay.Tally(made.prepare(compiled))
    with suppress(engine.CaptureError):
        replay.play(made, tally, captures.frames(path, compiled))
    written = {path: _without_starts(made.files.added(path)) for path in sorted(made.files.appended)}
    assert {path: text.count("\n") for path, text in written.items() if path in tally.files} == dict(tally.files)
    return written


def _without_starts(text: str) -> str:
    """What TRMD says of its own start is no packet's."""
    return "".join(line for line in text.splitlines(keepends=True) if "EZZ8495I" not in line)


@pytest.mark.parametrize("path", sorted(PCAPS.glob("*.pcap*")), ids=lambda path: path.name)
@pytest.mark.parametrize("text", [EVERYTHING, SOME], ids=["everything", "some"])
def test_lines__are_the_same_in_both_modes(path, text) -> None:
    plain, compiled = (logs(chain(text), str(path), mode, "EST5") for mode in (False, True))
    assert compiled == plain


def test_record__of_november_17_in_compiled_mode() -> None:
    """The real record that the reference quotes."""
    servers = rule("Servers", source="10.1.1.2", dest="All4", service="Protocol Icmp", action="deny-log")
    made = system(chain(policy(servers)))
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), compiled=True, time=1_700_226_557 * SECOND)
    assert made.files.added("/var/log/TRMD1I.2023.11.17") == (
        "Nov 17 13:09:17 S0W1 TRMD.TCPIP[16842781]: EZD0815I Packet denied by policy: 11/17/2023 13:09:17.00 "
        "filter rule= Servers ext= 2 sipaddr= 10.1.0.2 dipaddr= 10.1.1.2 proto= icmp(1) type= 8 code= 0 -= "
        "Interface= 10.1.1.2 (I) secclass= 255 dest= local len= 84 vpnaction= N/A tunnelID= N/A ifcname= ETH1 "
        "fragment= N\n"
    )


# ---- made to be hard: midnights, zones, every direction, defensive filters ------------------------------------------

MIDNIGHT = 1_702_511_999 * SECOND  # 2023-12-13 23:59:59 UTC
CONF = """\
*.TRMD1.*.info /var/log/T.%Y.%m.%d
*.* /var/log/all
local4.debug /var/log/all
START1.TRMD*.*.* /var/log/mine
"""
ADD = "ipsec -F add srcip all destip all prot {} dir inbound {} -N {}"
ENDS = (
    ("10.1.0.2", "10.1.1.2", "10.9.9.9", "192.168.1.74", "224.0.0.5"),
    ("2001:db8::9", "2001:db8::2", "::1:0:0:1"),
)


def hard(chance: random.Random) -> bytes:
    """A packet of any protocol in any direction."""
    one, other = chance.sample(chance.choice(ENDS), 2)
    wide = ":" in one
    octets = bytes(chance.randrange(40))
    proto = chance.choice((2, 47, 50, 89, 94, 135))
    return chance.choice(
        (
            lambda: tcp(one, other, chance.randrange(65536), chance.randrange(65536)),
            lambda: udp(one, other, chance.randrange(65536), 53, chance.randrange(900)),
            lambda: icmp(one, other, chance.randrange(256), chance.randrange(256)),
            lambda: ip6(one, other, proto, octets) if wide else ip4(one, other, proto, octets),
            lambda: ip6(one, other, 58, bytes(2)) if wide else ip4(one, other, 6, octets, offset=9),
        )
    )()


@pytest.mark.parametrize("zone", ["GMT0", "EST5", "NZST-12", "IST-5:30"])
@pytest.mark.parametrize("seed", range(6))
def test_lines__are_the_same_for_every_packet_zone_and_filter(seed, zone) -> None:
    chance = random.Random(seed)
    bursts = [MIDNIGHT + chance.randrange(3 * 86_400 * SECOND) for _ in range(30)]
    times = sorted(chance.choice(bursts) + chance.randrange(20 * SECOND) for _ in range(900))
    given = [(time, hard(chance)) for time in times]
    texts = []
    for compiled in (False, True):
        files = chain(SOME, DMD=conf("Active"), DMDENV="DMD_FILE=//'USER.CONFIG(DMD)'\n") | {"/etc/syslog.conf": CONF}
        made = unstarted(files, timezone=zone)
        made.tasks["DMD"] = Task("DMD", "DMD", "START1", Where("", 1, 1), environment="//'USER.CONFIG(DMDENV)'")
        made.start(MIDNIGHT - 600 * SECOND)
        for words in (
            ("udp", "loglimit 2 lifetime 1440", "u"),
            ("icmp", "mode simulate loglimit 9 lifetime 1440", "i"),
        ):
            assert made.shell(ADD.format(*words)).code == 0
        tally = replay.Tally(made.prepare(compiled))
        size = chance.choice((900, 7))
        batches = [engine.frames_of(given[at : at + size], RAW_IP, compiled) for at in range(0, 900, size)]
        replay.play(made, tally, batches)
        texts.append({path: made.files.added(path) for path in made.files.appended})
    assert texts[1] == texts[0]
    words = "".join(texts[0].values())
    assert all(word in words for word in ("EZD0814I", "EZD0815I", "EZD1721I", "EZD0837I", "EZD1722I", "Ärger"))
    assert len([path for path in texts[0] if path.startswith("/var/log/T.")]) >= 3


CHANGES = {
    "EST5EDT": ("2024-03-10T06:59:00", "2024-03-10T04:59:30", "2023-11-05T05:59:30"),
    "LHST-10:30LHDT-11,M10.1.0,M4.1.0": ("2024-04-06T14:59:30", "2023-09-30T15:29:30", "2024-04-06T12:59:30"),
    "XXX3YYY,M10.3.0/0,M2.3.0/0": ("2024-02-18T01:59:30", "2023-10-15T02:59:30", "2023-10-16T01:59:30"),
}


@pytest.mark.parametrize("ours", [*CHANGES, "GMT0", "IST-5:30"])
@pytest.mark.parametrize("image", [*CHANGES, "GMT0", "EST5"])
def test_lines__are_the_same_when_daylight_saving_begins_and_ends(image, ours) -> None:
    """TRMD has a TZ of its own, and the files have dates of the image's."""
    chance = random.Random(1)
    starts = sorted(nanoseconds(at) for each in (image, ours) for at in CHANGES.get(each, ("2024-01-01T00:00:00",)))
    given = [(at + n * SECOND, hard(chance)) for at in starts for n in range(0, 90, 5)]
    texts = []
    for compiled in (False, True):
        made = unstarted(chain(EVERYTHING) | {"/etc/syslog.conf": CONF}, timezone=image)
        made.start(starts[0] - 600 * SECOND)
        made.tasks["TRMD"].timezone = ours
        tally = replay.Tally(made.prepare(compiled))
        replay.play(made, tally, [engine.frames_of(given, RAW_IP, compiled)])
        texts.append({path: made.files.added(path) for path in made.files.appended})
    assert texts[1] == texts[0]


def test_lines__go_on_in_the_file_where_the_last_batch_ended() -> None:
    """Octets, which are copied to memory that is used again, and lines of text alike."""
    files = Files()
    for round in range(3):
        files.append_octets(["/a", "/b"], memoryview(b"one %d\n" % round))
        files.append("/a", "two\n")
        files.append_octets(["/a"], memoryview(b"x" * PAGE))
        files.append_octets(["/a"], memoryview(b"y" * (PAGE + 1)))
        assert files.added("/a") == f"one {round}\ntwo\n" + "x" * PAGE + "y" * (PAGE + 1)
        assert files.added("/b") == f"one {round}\n"
        files.appended.clear()
