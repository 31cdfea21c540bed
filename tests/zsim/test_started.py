"""Started tasks: S and P, and what runs has its effect."""

from __future__ import annotations

import pytest
from systems import NOW, PROFILE, RAW_IP, chain, log_of, policy, policy_system, rule, tcp, unstarted

import engine
import zsim
import zsim.system as image
from zsim.clock import SECOND

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


@pytest.mark.parametrize(
    ("options", "hint"), [("-P TCPIP2", "did you mean TCPIP?"), ("-d 1 -p OTHER", "start OTHER first")]
)
def test_trmd__needs_its_stack(options, hint) -> None:
    """trmd: one TRMD per stack, and the stack must be up first."""
    system = unstarted(chain(PERMIT))
    system.tasks["TRMD"].options = options
    _, findings = system.start(NOW)
    assert [each.remedy for each in findings if each.id == "bad-system"] == [hint]
    send(system)
    assert log_of(system) == []


# ---- without syslogd ------------------------------------------------------------------------------------------


def test_without_syslogd__records_reach_the_console() -> None:
    """seed: behind BPXF024I, the brackets of the process number blank, no host, folded at blanks."""
    system = policy_system(PERMIT)
    assert system.console("P SYSLOGD").done
    send(system)
    assert said(system, "D NOTHING") == [
        "BPXF024I (START1) Dec 13 14:05:31 TRMD.TCPIP 16842781 : EZD0814I\n"
        "Packet permitted: 12/13/2023 14:05:31.00 filter rule= ftp ext= 1\n"
        "sipaddr= 10.1.0.2 dipaddr= 10.1.1.2 proto= tcp(6) sport= 40000 dport=\n"
        "21 -= Interface= 10.1.1.2 (I) secclass= 255 dest= local len= 40\n"
        "vpnaction= N/A tunnelID= N/A ifcname= ETH1 fragment= N"
    ]
    assert said(system, "D NOTHING") == []
    system.console("S SYSLOGD")
    send(system)
    assert said(system, "D NOTHING") == []
    assert len(log_of(system)) == 1


def test_console__folds_as_was_seen() -> None:
    """seed: two records of the AT-TLS post."""
    from zsim.tasks.syslogd import LogRecord, unheard

    at = 1_680_455_823 * 1_000_000_000  # Apr  2 17:17:03
    tag = "TTLS[16842781]"
    text = "17:17:03 TCPIP EZD1281I TTLS Map   CONNID: 0000002F LOCAL: 10.1.1.2..4000 REMOTE: 10.1.0.2..43012 "
    text += "JOBNAME: COLATTLS USERID: START1 TYPE: InBound STATUS: Appl Control RULE: COLATTLJ ACTIONS: TNGA TNEA TNCA"
    assert str(unheard(LogRecord(at, "daemon", "info", "TCPIP", "TCPIP", tag, text), 0)).split("\n") == [
        "BPXF024I (TCPIP) Apr  2 17:17:03 TTLS 16842781 : 17:17:03 TCPIP",
        "EZD1281I TTLS Map   CONNID: 0000002F LOCAL: 10.1.1.2..4000 REMOTE:",
        "10.1.0.2..43012 JOBNAME: COLATTLS USERID: START1 TYPE: InBound",
        "STATUS: Appl Control RULE: COLATTLJ ACTIONS: TNGA TNEA TNCA",
    ]
    text = "17:17:03 TCPIP EZD1283I TTLS Event GRPID: 00000007 ENVID: 00000000 CONNID: 0000002F "
    text += "RC:    0 Connection Init"
    assert str(unheard(LogRecord(at, "daemon", "info", "TCPIP", "TCPIP", tag, text), 0)).split("\n") == [
        "BPXF024I (TCPIP) Apr  2 17:17:03 TTLS 16842781 : 17:17:03 TCPIP",
        "EZD1283I TTLS Event GRPID: 00000007 ENVID: 00000000 CONNID: 0000002F",
        "RC:    0 Connection Init",
    ]


@pytest.mark.parametrize("compiled", [False, True])
def test_console__holds_no_more_than_somebody_reads(compiled) -> None:
    system = policy_system(PERMIT)
    system.console("P SYSLOGD")
    many = [(NOW + at, SYN) for at in range(image.MOST_SHOWN + 7)]
    system.receive(engine.frames_of(many, RAW_IP, compiled))
    shown, more = system.seen()
    assert (len(shown), more) == (image.MOST_SHOWN, 7)
    assert str(shown[0]).startswith("BPXF024I (START1) Dec 13 14:05:31 TRMD.TCPIP 16842781 : EZD0814I\n")


def test_trmd__in_another_time_zone_writes_the_same_in_both_modes() -> None:
    logs = []
    for compiled in (False, True):
        system = policy_system(PERMIT)
        system.tasks["TRMD"].timezone = "EST5"
        system.receive(engine.frames_of([(NOW, SYN), (NOW + SECOND, SYN)], RAW_IP, compiled))
        logs.append(log_of(system))
    assert logs[0] == logs[1]
    assert [line[:15] for line in logs[0]] == ["Dec 13 09:05:31", "Dec 13 09:05:32"]


# ---- the Policy Agent looks at its files ----------------------------------------------------------------------

DENY = policy(rule("ftp", source="10.1.0.2", dest="10.1.1.2", service="Protocol Tcp", action="deny-log"))


def actions(system) -> str:
    return system.shell("ipsec -f display -n ftp | grep Action: | head -1").text.split()[-1]


def test_agent__reads_a_changed_member_when_its_interval_has_passed() -> None:
    system = policy_system(PERMIT)  # TcpImage ... 600
    system.files.text["USER.CONFIG(IPSTACK)"] = DENY
    system.clock.advance_to(NOW + 599 * SECOND)
    assert actions(system) == "Permit"
    system.clock.advance_to(NOW + 600 * SECOND)
    assert actions(system) == "Deny"
    shown, _ = system.seen()
    assert "EZD1586I PAGENT HAS INSTALLED ALL LOCAL POLICIES FOR TCPIP" in [str(each) for each in shown]


def test_agent__whose_interval_passes_without_a_change_installs_nothing() -> None:
    system = policy_system(PERMIT)
    send(system)
    system.clock.advance_to(NOW + 1900 * SECOND)
    assert matches(system) == 1
    assert system.seen() == ((), 0)
    assert system.readings["CPAGENT"].again == NOW + 2400 * SECOND


@pytest.mark.parametrize(("option", "changes"), [("-i", True), ("", False)])
def test_agent__i_reads_a_changed_unix_file_at_once(option, changes) -> None:
    files = chain(PERMIT) | {"USER.CONFIG(PAIMAGE)": "IpSecConfig /etc/ipsec.conf\n", "/etc/ipsec.conf": PERMIT}
    system = unstarted(files)
    system.tasks["CPAGENT"].options = option
    system.start(NOW)
    system.files.text["/etc/ipsec.conf"] = DENY
    assert (actions(system) != "Permit") is changes


@pytest.mark.parametrize(
    ("command", "level"),
    [("F CPAGENT,LOGLEVEL,LEVEL=0", 0), ("F CPAGENT,LOGLEVEL,LEVEL=511", 511), ("F CPAGENT,DEBUG,LEVEL=1", 511)],
)
def test_agent__log_level_changes_what_is_written(command, level) -> None:
    system = policy_system(PERMIT)
    assert said(system, command) == ["EZZ8443I PAGENT MODIFY COMMAND ACCEPTED"]
    before = len(log_of(system, "/tmp/pagent.log"))
    system.console("F CPAGENT,REFRESH")
    assert (len(log_of(system, "/tmp/pagent.log")) > before) is (level > 0)


@pytest.mark.parametrize("word", ["LEVEL=512", "LEVEL=", "512", "LEVEL=x"])
def test_agent__log_level_has_a_range(word) -> None:
    system = policy_system(PERMIT)
    reply = system.console(f"F CPAGENT,LOGLEVEL,{word}")
    assert [str(each) for each in reply.messages] == ["IEE535I MODIFY INVALID PARAMETER"]
    assert not reply.done


# ---- D A ------------------------------------------------------------------------------------------------------


def test_display__of_trmd1() -> None:
    system = policy_system(PERMIT)
    system.clock.advance_to(NOW + 402 * SECOND)
    assert "\n".join(said(system, "D,A,TRMD1")).split("\n") == [
        "IEE115I 14.12.13 2023.347 ACTIVITY 001",
        " JOBS     M/S    TS USERS    SYSAS    INITS   ACTIVE/MAX VTAM     OAS",
        "00000    00004    00000      00033    00030   00000/00040       00001",
        " TRMD1    STEP1    START1   OWT  AO  A=0045   PER=NO   SMC=000",
        "                                     PGN=N/A  DMN=N/A  AFF=NONE",
        "                                     CT=000.010S  ET=00402.00",
        "                                     WUID=STC00004 USERID=START1",
        "                                     WKL=SERVERS  SCL=SRVOMVS  P=1",
        "                                     RGP=N/A      SRVR=NO  QSC=NO",
    ]


@pytest.mark.parametrize("command", ["D A,TRMD", "D A,NOSUCH*", "D A,NOSUCH"])
def test_display__of_what_does_not_run(command) -> None:
    reply = policy_system(PERMIT).console(command)
    assert str(reply.messages[-1]).endswith("NOT FOUND")
    assert not reply.done


def test_display__of_all() -> None:
    lines = "\n".join(said(policy_system(PERMIT), "D A,L")).split("\n")
    assert [word for line in lines[3:] for word in line.split()[::5]] == ["TCPIP", "SYSLOGD", "CPAGENT", "TRMD1"]


# ---- other verbs ----------------------------------------------------------------------------------------------


def test_cancel__ends_a_job() -> None:
    system = policy_system(PERMIT)
    assert said(system, "C CPAGENT")[0] == "IEE301I CPAGENT  CANCEL COMMAND ACCEPTED"
    assert not system.tasks["CPAGENT"].running


@pytest.mark.parametrize("command", ["R 1,Y", "V 402,ONLINE", "V TCPIP,,DROP,CONN=1", "F SYSLOGD,DISPLAY", "D T"])
def test_not_modelled__is_said(command) -> None:
    reply = policy_system(PERMIT).console(command)
    assert [each.id for each in reply.findings] == ["not-modelled"]
    assert (reply.messages, reply.done) == ((), False)


def test_agent__that_starts_again_has_its_own_log_level() -> None:
    system = policy_system(PERMIT)
    system.console("F CPAGENT,LOGLEVEL,LEVEL=511")
    system.console("P CPAGENT")
    system.console("S CPAGENT")
    assert system.tasks["CPAGENT"].loglevel == -1


def test_vary__of_no_stack_names_the_one_there_would_be() -> None:
    system = policy_system(PERMIT)
    system.console("P TCPIP")
    assert said(system, "V TCPIP,,START,ETH1") == ["IEE341I TCPIP NOT ACTIVE"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("S", "write S proc[.id][,name=value]"),
        ("F", "write F job,operands"),
        ("F DMD,FOO", "DMD takes DISPLAY, REFRESH, REFRESH,FILE=name, FORCE_INACTIVE,stack"),
        ("F TRMD1,FOO", "TRMD1 takes no MODIFY"),
        ("F SYSLOGD,FOO", "SYSLOGD takes RESTART"),
    ],
)
def test_console__says_what_a_command_could_be(line: str, expected: str) -> None:
    reply = zsim.load("adcd").console(line)
    assert str(reply.messages[0]).startswith("IEE535I ")
    assert [each.remedy for each in reply.findings] == [expected]
