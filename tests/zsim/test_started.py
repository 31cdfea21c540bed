"""Started tasks: S and P, and what runs has its effect."""

from __future__ import annotations

import pytest
from systems import NOW, PROFILE, RAW_IP, log_of, policy, policy_system, rule, tcp

import engine

PERMIT = policy(rule("ftp", source="10.1.0.2", dest="10.1.1.2", service="Protocol Tcp; Direction Inbound"))
SYN = tcp("10.1.0.2", "10.1.1.2", 40000, 21, 2)


def said(system, command: str) -> list[str]:
    return [str(message) for message in system.console(command).messages]


def matches(system) -> int:
    text = system.shell("ipsec -f display -n ftp").text
    return int(text.split("FilterMatches:")[1].split()[0]) if "FilterMatches:" in text else -1


def send(system) -> None:
    system.receive(engine.frames_of([(NOW, SYN)], RAW_IP))


def test_trmd__ends_and_leaves_trmd1() -> None:
    system = policy_system(PERMIT)
    assert said(system, "P TRMD1") == [
        "EZZ8501I TRMD ENDED",
        "IEF404I TRMD1 - ENDED - TIME=14.05.31",
        "$HASP395 TRMD1    ENDED - RC=0000",
    ]
    assert said(system, "S TRMD") == [
        "$HASP100 TRMD     ON STCINRDR",
        "IEF695I START TRMD     WITH JOBNAME TRMD     IS ASSIGNED TO USER START1  , GROUP SYS1",
        "$HASP373 TRMD     STARTED",
        "IEF403I TRMD - STARTED - TIME=14.05.31",
        "EZZ8495I TRMD STARTED",
        "EZZ8500I TRMD INITIALIZATION COMPLETE",
        "IEF404I TRMD - ENDED - TIME=14.05.31",
        "$HASP395 TRMD     ENDED - RC=0000",
    ]


@pytest.mark.parametrize("job", ["TRMD1", "SYSLOGD"])
def test_without_it__packets_are_judged_and_nothing_is_logged(job) -> None:
    system = policy_system(PERMIT)
    assert system.console(f"P {job}").done
    send(system)
    assert matches(system) == 1
    assert log_of(system) == []


def test_agent__that_stops_leaves_its_filters() -> None:
    system = policy_system(PERMIT)
    send(system)
    assert system.console("P CPAGENT").done
    assert said(system, "F CPAGENT,REFRESH") == ["IEE341I CPAGENT NOT ACTIVE"]
    send(system)
    assert matches(system) == 2
    assert system.console("S CPAGENT").done  # at start all policy is replaced
    assert matches(system) == 0


def test_stack__that_starts_again_reads_its_profile_and_gets_its_policy() -> None:
    system = policy_system(PERMIT)
    send(system)
    assert system.shell("ipsec -f default").code == 0
    assert system.console("P TCPIP").done
    assert system.shell("ipsec -f display").code == 3
    reply = system.console("S TCPIP")
    assert reply.done
    assert "EZD1586I PAGENT HAS INSTALLED ALL LOCAL POLICIES FOR TCPIP" in [str(each) for each in reply.messages]
    assert "Source:   Stack Profile" in system.shell("ipsec -f display").text  # -f default is remembered
    assert system.shell("ipsec -f reload").code == 0
    assert matches(system) == 0


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("S NOSUCH", "IEE122I"),
        ("S TCPIP", "TCPIP IS RUNNING ALREADY"),
        ("P TRMD", "IEE341I TRMD NOT ACTIVE"),
        ("P NOSUCH", "IEE341I NOSUCH NOT ACTIVE"),
    ],
)
def test_refused(command, first) -> None:
    reply = policy_system(PERMIT, PROFILE).console(command)
    assert not reply.done
    assert str(reply.messages[0]).startswith(first)
