"""What is logged and what is not: switches, rules, and the log limits of defensive filters, in both modes
(operations.md 4 and 7.2)."""

from __future__ import annotations

import pytest
from systems import NOW, PROFILE, RAW_IP, icmp, log_of, play, policy, policy_system, profile_system, rule, tcp, udp
from test_dmd import PING, conf, made, sh

import engine
from zsim import replay
from zsim.clock import SECOND

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
PAST = NOW - 86_400 * SECOND
OTHER = icmp("10.1.0.9", "10.1.1.2", 8)


def ids(lines: list[str]) -> list[str]:
    return [line.split("]: ", 1)[1].split(" ", 1)[0] for line in lines if "]: EZD" in line]


# ---- switches -------------------------------------------------------------------------------------------------

# IpFilterAction, IpFilterLogging, and what is logged. LogPermit and LogDeny go with IpSec only.
POLICY_CASES = [
    ("Permit", "Yes", "EZD0814I"), ("Permit", "No", ""), ("Deny", "Yes", "EZD0815I"), ("Deny", "No", ""),
    ("IpSec", "Yes", "EZD0821I"), ("IpSec", "No", ""), ("IpSec", "LogDeny", "EZD0821I"), ("IpSec", "LogPermit", ""),
]  # fmt: skip


@MODES
@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize(("action", "word", "message"), POLICY_CASES)
def test_policy__logs_where_the_switch_and_the_rule_say_so(switch, action, word, message, compiled) -> None:
    more = "  IpDynVpnActionRef vpn1\n" if action == "IpSec" else ""
    text = policy(rule("r", action="mine"), logging=switch)
    text = text.replace("  IpGenericFilterActionRef mine\n", f"  IpGenericFilterActionRef mine\n{more}")
    text += f"IpGenericFilterAction mine\n{{\n  IpFilterAction {action}\n  IpFilterLogging {word}\n}}\n"
    made = policy_system(text + "IpDynVpnAction vpn1\n{\n}\n" * bool(more))
    play(made, PING, compiled=compiled)
    assert ids(log_of(made)) == [message] * (switch == "on" and bool(message))


# IPSEC operands, and what is logged of a packet that a rule with LOG permits and of one that the implicit deny denies.
PROFILE_CASES = [
    ("", []),
    ("LOGENABLE", ["EZD0814I"]),
    ("LOGIMPLICIT", []),
    ("LOGENABLE LOGIMPLICIT", ["EZD0814I", "EZD0815I"]),
    ("LOGENABLE NOLOGIMPLICIT", ["EZD0814I"]),
    ("LOGDISABLE LOGIMPLICIT", []),
]


@MODES
@pytest.mark.parametrize(("operands", "expected"), PROFILE_CASES)
def test_profile__logs_where_its_switches_say_so(operands, expected, compiled) -> None:
    text = f"{PROFILE}IPSEC {operands}\n  IPSECRULE * * LOG PROTOCOL ICMP\nENDIPSEC\n"
    made = profile_system(text)
    play(made, PING, tcp("10.1.0.2", "10.1.1.2", 1, 2), compiled=compiled)
    assert ids(log_of(made)) == expected


@MODES
def test_profile__a_rule_with_nolog_is_not_logged(compiled) -> None:
    made = profile_system(PROFILE + "IPSEC LOGENABLE\n  IPSECRULE * * NOLOG PROTOCOL ICMP\nENDIPSEC\n")
    play(made, PING, compiled=compiled)
    assert ids(log_of(made)) == []


# ---- limits ---------------------------------------------------------------------------------------------------

# Words of -F add, the seconds at which its packets come, what is logged: + second of a record, or second: count of a
# report. Credit is the limit over five minutes: one message in 300, 150, 100 seconds.
CASES = {
    "no limit": ("loglimit 0", "0 0 0 1 2 3", "+0 +0 +0 +1 +2 +3"),
    "one": ("loglimit 1", "0 1 2 301", "+0 300:2 +301"),
    "burst": ("loglimit 3", "0 0 0 0 0", "+0 +0 +0 300:2"),
    "average": ("loglimit 2", "0 0 149 150 299", "+0 +0 +150 300:2"),
    "exactly refilled": ("loglimit 1", "0 300", "+0 +300"),
    "nearly refilled": ("loglimit 1", "1 300 301", "+1 +301 600:1"),
    "quiet saves no more than one interval": ("loglimit 2 lifetime 99", "0 3000 3000 3000", "+0 +3000 +3000 3300:1"),
    "nothing held back, nothing told": ("loglimit 2", "0 400 800", "+0 +400 +800"),
    "two intervals": ("loglimit 1", "0 5 299 300 301 650", "+0 300:2 +300 600:1 +650"),
    "an interval without packets": ("loglimit 1", "0 5 1300", "+0 300:1 +1300"),
    "boundary of its own interval": ("loglimit 1", "299 299 301", "+299 300:1 600:1"),
    "large": ("loglimit 9999", "0 0 0", "+0 +0 +0"),
    "expires first": ("loglimit 1 lifetime 2", "0 5 100", "+0 120:2"),
    "block without log": ("loglimit 1 log no", "0 5 301", ""),
    "simulate without log": ("mode simulate loglimit 1 log no", "0 5 301", "+0 300:1 +301"),
    "simulate": ("mode simulate loglimit 2", "0 0 0 1", "+0 +0 300:2"),
    "simulate, no limit, no log": ("mode simulate log no", "0 0", "+0 +0"),
}
LAST = 4000  # a second by which all is told


def told(system) -> str:
    """The log in the form of CASES."""
    words = []
    for line in log_of(system):
        body = line.split("]: ", 1)[1]
        hour, minute, second = map(int, body.split(": ", 1)[1].split(" ")[1].split(".")[0].split(":"))
        at = hour * 3600 + minute * 60 + second - NOW // SECOND % 86_400
        if body.startswith(("EZD1721I", "EZD1722I")):
            words.append(f"+{at}")
        elif body.startswith(("EZD0837I", "EZD0838I")):
            words.append(f"{at}:{body.rsplit(' ', 1)[1]}")
    return " ".join(words)


def send(system, seconds: str, compiled: bool, start: int = NOW, size: int = 10**6, packets=(PING,)) -> None:
    """Pings at these seconds, in batches of `size`, as a replay would."""
    given = [(start + int(at) * SECOND, packet) for at in seconds.split() for packet in packets]
    batches = [engine.frames_of(given[at : at + size], RAW_IP, compiled) for at in range(0, len(given), size)]
    replay.play(system, replay.Tally(system.prepare(compiled)), batches)


@MODES
@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("name", CASES)
def test_limit__table(name, size, compiled) -> None:
    words, seconds, expected = CASES[name]
    system = made()
    sh(system, f"ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound {words} -N one")
    send(system, seconds, compiled, size=size)
    system.clock.advance_to(NOW + LAST * SECOND)
    system.tick()
    assert told(system) == expected


@MODES
@pytest.mark.parametrize("size", [1, 3, 100])
def test_limit__reports_stand_where_their_time_is(size, compiled) -> None:
    """Before the first record of a later packet, whichever filter that is of; of two the earlier first."""
    system = made()
    sh(system, "ipsec -F add srcip 10.1.0.9 destip all prot icmp dir inbound loglimit 1 -N other")
    system.clock.advance_to(NOW + 10 * SECOND)
    sh(system, "ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound loglimit 1 -N one")
    send(system, "20 21 305 600", compiled, size=size, packets=(PING, OTHER))
    lines = [line for line in log_of(system) if "EZD17" in line or "EZD08" in line]
    short = [f"{line[7:15]} {line.split(']: ')[1][:8]} {line.split('rule= ')[1].split()[0]}" for line in lines]
    assert [each for each in short if "EZD1723I" not in each] == [
        "14:05:51 EZD1721I one", "14:05:51 EZD1721I other", "14:10:31 EZD0837I other", "14:10:41 EZD0837I one",
        "14:15:31 EZD0837I other", "14:15:31 EZD1721I one", "14:15:31 EZD1721I other",
    ]  # fmt: skip


@MODES
@pytest.mark.parametrize("size", [1, 4, 100])
def test_limit__of_packets_of_the_past_goes_by_their_time(size, compiled) -> None:
    """A capture of yesterday: credit and intervals are those of its packets, whatever the batches."""
    system = made()
    sh(system, "ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound loglimit 1 -N one")
    send(system, "0 1 2 3 100 301 302 303 900", compiled, PAST, size)
    lines = log_of(system, "/var/log/TRMD1I.2023.12.12")
    stamps = [f"{line[7:15]} {line.split(']: ')[1][:8]} {line.rsplit(' ', 1)[1]}" for line in lines]
    assert stamps == [
        "14:05:31 EZD1721I N", "14:10:31 EZD0837I 4", "14:10:32 EZD1721I N", "14:15:31 EZD0837I 2",
        "14:20:31 EZD1721I N",
    ]  # fmt: skip


@MODES
def test_expiry__stands_before_the_records_of_later_packets(compiled) -> None:
    system = made()
    sh(system, "ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound lifetime 1 -N one")
    send(system, "0 59 60 61", compiled)
    told = [line.split("]: ", 1)[1].split(":")[0] for line in log_of(system)]
    block, permit = "EZD1721I Packet denied by defensive filter", "EZD0814I Packet permitted"
    assert told == ["EZD1723I Defensive filter added", block, block, "Defensive filter expired", permit, permit]


@MODES
def test_limit__is_kept_per_filter(compiled) -> None:
    system = made(conf("Active", "DefaultLogLimit 1"))
    for name, protocol in (("a", "icmp"), ("b", "udp")):
        sh(system, f"ipsec -F add srcip 10.1.0.2 destip all prot {protocol} dir inbound -N {name}")
    send(system, "0 1 2", compiled, packets=(PING, udp("10.1.0.2", "10.1.1.2", 1, 2), OTHER))
    assert told(system) == "+0 +0"
    assert ids(log_of(system)).count("EZD0814I") == 3
    system.clock.advance_to(NOW + LAST * SECOND)
    system.tick()
    assert told(system) == "+0 +0 300:2 300:2"
