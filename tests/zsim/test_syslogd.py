"""syslog.conf and where a record lands (operations.md 9)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from systems import NOW, PROFILE, RAW_IP, icmp, log_of, play, source, system, unstarted

import engine
from zsim.cli import main
from zsim.clock import SECOND
from zsim.config import syslogconf
from zsim.facts import choosing
from zsim.findings import Where
from zsim.system import Task
from zsim.tasks import syslogd
from zsim.tasks.trmd import LogRecord

COMMON_SETUP = """\
*.err            /var/log/errors
*.CPAGENT.*.*       /var/log/CPAGENT.%Y.%m.%d
*.TRMD1.*.info      /var/log/TRMD1I.%Y.%m.%d
*.DMD.*.*           /var/log/DMD.%Y.%m.%d
"""
USING_SYSLOGD = """\
*.INETD*.*.*       /var/log/inetd
auth.* /var/log/auth
mail.* /var/log//mail -F 640 -D 770
local1.err       /var/log/local1
*.err            /var/log/errors
*.CPAGENT.*.*       /var/log/CPAGENT.%Y.%m.%d
*.TTLS*.*.*          /var/log/TTLS.%Y.%m.%d
*.Pagent.*.*        /var/log/Pagent.%Y.%m.%d
*.TCPIP.*.debug     /var/log/TCPIPdebug.%Y.%m.%d
*.TCPIP.*.warning   /var/log/TCPIP.%Y.%m.%d
*.TCPIP.*.err       /var/log/TCPIPerr.%Y.%m.%d
*.TCPIP.*.info      /var/log/TCPIPinfo.%Y.%m.%d
*.SYSLOGD*.*.*      /var/log/syslogd.%Y.%m.%d
*.TN3270*.*.*       /var/log/tn3270
*.SSHD*.*.*         /var/log/SSHD
"""


def record(job: str, facility: str, priority: str, user: str = "START1", time: int = NOW) -> LogRecord:
    return LogRecord(time, facility, priority, user, job, "TAG[1]", "text")


def paths(text: str, *given: str, offset: int = 0, time: int = NOW) -> list[str]:
    """Where one record goes: job, facility, priority [, user]."""
    rules = syslogconf.parse(source(text)).rules
    return [each.path for each in syslogd.deliver(rules, [record(*given, time=time)], offset)]


def found(text: str) -> list[tuple[str, int, int]]:
    return [(each.id, each.where.line, each.where.column) for each in syslogconf.parse(source(text)).findings]


# ---- the seed's two files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [COMMON_SETUP, USING_SYSLOGD])
def test_seed__is_read_without_findings(text) -> None:
    read = syslogconf.parse(source(text))
    assert (len(read.rules), read.findings) == (len(text.splitlines()), ())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("TRMD1", "local4", "info"), ["TRMD1I.2023.12.13"]),
        (("TRMD1", "local4", "debug"), []),
        (("TRMD1", "local4", "notice"), ["TRMD1I.2023.12.13"]),
        (("TRMD1", "daemon", "err"), ["TRMD1I.2023.12.13", "errors"]),
        (("CPAGENT", "daemon", "debug"), ["CPAGENT.2023.12.13"]),
        (("CPAGENT", "daemon", "crit"), ["CPAGENT.2023.12.13", "errors"]),
        (("DMD", "local4", "info"), ["DMD.2023.12.13"]),
        (("TRMD", "local4", "info"), []),
        (("OTHER", "mail", "emerg"), ["errors"]),
        (("OTHER", "mail", "warning"), []),
    ],
)
def test_seed__common_setup_routes(given, expected) -> None:
    assert sorted(paths(COMMON_SETUP, *given)) == sorted(f"/var/log/{name}" for name in expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("TCPIP", "daemon", "err"),
         ["errors", "TCPIPdebug.2023.12.13", "TCPIP.2023.12.13", "TCPIPerr.2023.12.13", "TCPIPinfo.2023.12.13"]),
        (("TCPIP", "daemon", "info"), ["TCPIPdebug.2023.12.13", "TCPIPinfo.2023.12.13"]),
        (("TCPIP", "daemon", "debug"), ["TCPIPdebug.2023.12.13"]),
        (("INETD4", "daemon", "info"), ["inetd"]),
        (("SSHD7", "auth", "info"), ["auth", "SSHD"]),
        (("TTLSX", "daemon", "debug"), ["TTLS.2023.12.13"]),
        (("PAGENT", "daemon", "debug"), ["Pagent.2023.12.13"]),
        (("X", "mail", "debug"), ["mail"]),
        (("X", "local1", "err"), ["local1", "errors"]),
        (("X", "local1", "warning"), []),
    ],
)  # fmt: skip
def test_seed__using_syslogd_routes(given, expected) -> None:
    assert sorted(paths(USING_SYSLOGD, *given)) == sorted(f"/var/log/{name}" for name in expected)


def test_seed__modes_of_the_mail_rule() -> None:
    (rule,) = [each for each in syslogconf.parse(source(USING_SYSLOGD)).rules if each.destination.endswith("mail")]
    assert (rule.file_mode, rule.directory_mode) == (0o640, 0o770)


def test_lost_asterisks__are_a_syntax_error() -> None:
    assert found("*.err /e\n.DMD..* /var/log/DMD.%Y.%m.%d\n") == [("syntax", 2, 1)]


# ---- conditions -----------------------------------------------------------------------------------------------

PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


@pytest.mark.parametrize("coded", PRIORITIES)
def test_priority__takes_itself_and_what_is_more_severe(coded) -> None:
    taken = [each for each in PRIORITIES if paths(f"*.{coded} /log", "J", "user", each)]
    assert tuple(taken) == PRIORITIES[: PRIORITIES.index(coded) + 1]


@pytest.mark.parametrize(("alias", "same"), [("panic", "emerg"), ("error", "err"), ("warn", "warning")])
def test_priority__has_aliases(alias, same) -> None:
    for coded in PRIORITIES:
        assert paths(f"*.{alias} /log", "J", "user", coded) == paths(f"*.{same} /log", "J", "user", coded)


def test_priority__asterisk_is_all() -> None:
    assert all(paths("*.* /log", "J", "user", each) for each in PRIORITIES)


def test_priority__in_any_case() -> None:
    assert paths("DAEMON.INFO /log", "J", "daemon", "info") == ["/log"]


@pytest.mark.parametrize(("facility", "taken"), [("mail", False), ("daemon", True), ("local7", True)])
def test_none__excludes_a_facility(facility, taken) -> None:
    assert bool(paths("*.info;mail.none /log", "J", facility, "err")) is taken
    assert bool(paths("mail.none;*.info /log", "J", facility, "err")) is taken


def test_none__alone_takes_nothing() -> None:
    assert paths("*.none /log", "J", "mail", "emerg") == []


def test_list__is_alternatives() -> None:
    text = "mail.err;*.TRMD1.*.info;auth.* /log"
    assert paths(text, "J", "mail", "err") == ["/log"]
    assert paths(text, "J", "mail", "info") == []
    assert paths(text, "TRMD1", "mail", "info") == ["/log"]
    assert paths(text, "J", "auth", "debug") == ["/log"]


def test_list__delivers_once_to_one_rule() -> None:
    assert paths("*.*;mail.*;mail.err /log", "J", "mail", "err") == ["/log"]


def test_rules__every_match_gets_the_record() -> None:
    assert sorted(paths("*.* /a\n*.* /b\nmail.* /c\n", "J", "mail", "err")) == ["/a", "/b", "/c"]


@pytest.mark.parametrize(
    ("pattern", "job", "taken"),
    [
        ("TTLS*", "TTLS", True), ("TTLS*", "TTLSD", True), ("TTLS*", "XTTLS", False), ("*RMD*", "TRMD1", True),
        ("T*1", "TRMD1", True), ("T*1", "TRMD2", False), ("trmd1", "TRMD1", True), ("TRMD?", "TRMD1", False),
        ("[T]RMD1", "TRMD1", False), ("TRMD", "TRMD1", False),
    ],
)  # fmt: skip
def test_job__wildcards(pattern, job, taken) -> None:
    assert bool(paths(f"*.{pattern}.*.* /log", job, "daemon", "info")) is taken


@pytest.mark.parametrize(
    ("pattern", "taken"), [("START1", True), ("start1", True), ("START*", True), ("IBMUSER", False)]
)
def test_user__selects(pattern, taken) -> None:
    assert bool(paths(f"{pattern}.*.*.* /log", "J", "daemon", "info", "START1")) is taken


def test_network__condition_takes_no_local_record() -> None:
    assert paths("(10.1.0.2).*.* /log", "J", "daemon", "err") == []
    assert found("(10.1.0.0/16).daemon.err /log\n(host.example.com).*.info /log\n(2001:db8::1).*.* /log\n") == []


# ---- lines ----------------------------------------------------------------------------------------------------


def test_comment__and_blank_lines_are_no_rules() -> None:
    read = syslogconf.parse(source("# a\n\n   # b\n*.err /log # c\n\t*.info\t/log2\n"))
    assert [rule.destination for rule in read.rules] == ["/log", "/log2"]
    assert read.findings == ()


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("*.err", 1),
        ("*.TRMD1.*  /log", 1),
        ("nosuch.err /log", 1),
        ("*.severe /log", 1),
        ("*.err;mail.severe /log", 7),
        ("a.b.c.d.e /log", 1),
        ("*. /log", 1),
        ("mail.* /log -F 999", 16),
        ("mail.* /log -F", 13),
        ("mail.* /log extra", 13),
        ("(10.1.0.2.*.* /log", 1),
        (";;.;* /log", 3),
    ],
)
def test_line__that_is_no_rule_is_reported_at_its_place(line, column) -> None:
    assert found(f"# first\n{line}\n*.err /errors\n") == [("syntax", 2, column)]
    assert len(syslogconf.parse(source(f"{line}\n*.err /errors\n")).rules) == 1


@pytest.mark.parametrize("destination", ["/dev/operlog", "$SMF", "$SYSOUT", "IBMUSER,COLIN", "*", "a.file", "@"])
def test_destination__that_is_no_file_is_not_modelled(destination) -> None:
    read = syslogconf.parse(source(f"*.err {destination}\n"))
    assert [(each.id, each.severity) for each in read.findings] == [("not-modelled", "unknown")]
    assert paths(f"*.err {destination}\n", "J", "mail", "err") == []


def test_archive__statements_are_kept() -> None:
    text = "ArchiveTimeOfDay 01:00\nBeginArchiveParms\n  DSNPrefix USER\nEndArchiveParms\n"
    text += "*.err /e -N ERRLOG\n*.err /f -X\n"
    read = syslogconf.parse(source(text))
    assert [rule.destination for rule in read.rules] == ["/e", "/f"]
    assert {each.severity for each in read.findings} == {"note"}


def test_archive__needs_its_parameters_before() -> None:
    assert found("*.err /e -N ERRLOG\n") == [("kept", 1, 10), ("no-effect", 1, 10)]
    assert found("*.err /e -N ERRLOG\nBeginArchiveParms\n")[1] == ("no-effect", 1, 10)


# ---- paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("/var/log/x.%Y.%m.%d", "/var/log/x.2024.01.02"),
        ("/var/%Y/%m/%d/x", "/var/2024/01/02/x"),
        ("/var/log//mail", "/var/log/mail"),
        ("/var/log/100%", "/var/log/100%"),
        ("/var/log/%H%M%S", "/var/log/000000"),  # opened at midnight
        ("/var/log/%j.%y.%b.%a", "/var/log/002.24.Jan.Tue"),
        ("/var/log/%C%%", "/var/log/20%"),
        ("/var/log/%Q%c%Z%", "/var/log/%Q%c%Z%"),  # no specifiers, or none for a file name
        ("/var/./log/../x", "/var/x"),
        ("/../../../etc/passwd", "/etc/passwd"),
        ("/var/log/../../../../../elsewhere/x", "/elsewhere/x"),
    ],
)
def test_path__is_written_out(destination, expected) -> None:
    assert paths(f"*.* {destination}", "J", "mail", "err", time=1_704_157_445 * SECOND) == [expected]


def test_path__date_is_local() -> None:
    assert paths("*.* /x.%d", "J", "mail", "err", offset=11 * 3600) == ["/x.14"]


# ---- the daemon -----------------------------------------------------------------------------------------------

FILES = {
    "USER.CONFIG(PROFILE)": PROFILE + "IPSEC LOGENABLE LOGIMPLICIT\nENDIPSEC\n",
    "/etc/syslog.conf": "*.* /var/log/all\n",
}


def test_daemon__that_is_not_there_writes_nothing() -> None:
    made = system(FILES, tasks="-CPAGENT -SYSLOGD")
    _, deliveries = play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    assert (deliveries, made.files.appended) == ([], {})


def test_daemon__creates_no_file_without_c() -> None:
    """9.1: the file must exist before syslogd starts, unless -c is given."""
    made = unstarted(FILES, tasks="-CPAGENT")
    made.tasks["SYSLOGD"].options = "-i"
    made.start(NOW)
    play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    assert made.files.get("/var/log/all") is None


def test_daemon__writes_to_a_file_that_exists_without_c() -> None:
    made = system(FILES | {"/var/log/all": "before\n"}, tasks="-CPAGENT")
    made.tasks["SYSLOGD"].options = "-i"
    play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    before, restart, packet = log_of(made, "/var/log/all")
    assert (before, restart) == ("before", "Dec 13 14:05:31 S0W1 syslogd: FSUM1220 syslogd: restart")
    assert " EZD0815I " in packet


def test_daemon__trmd1_is_the_job_that_writes() -> None:
    conf = {"/etc/syslog.conf": "*.TRMD.*.* /trmd\n*.TRMD1.*.* /trmd1\nSTART1.*.*.* /start1\n"}
    made = system(FILES | conf, tasks="-CPAGENT")
    _, deliveries = play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    assert sorted(each.path for each in deliveries) == ["/start1", "/trmd1"]


def test_daemon__without_its_file_is_a_finding() -> None:
    files = {name: text for name, text in FILES.items() if name != "/etc/syslog.conf"}
    made = system(files, tasks="-CPAGENT")
    assert [each.id for each in made.doubts] == ["missing-file"]


# ---- the table of routes --------------------------------------------------------------------------------------

ROUTES = [
    [part.strip() for part in row.split("|")]
    for row in (Path(__file__).parent / "syslog_routes.txt").read_text().splitlines()
    if not row.startswith("#")
]


def test_routes__are_at_least_sixty() -> None:
    assert len(ROUTES) >= 60


@pytest.mark.parametrize(("condition", "writer", "taken", "why"), ROUTES, ids=lambda text: text.replace(" ", "_"))
def test_routes(condition: str, writer: str, taken: str, why: str) -> None:
    (rule,) = syslogconf.parse(source(f"{condition} /log\n")).rules
    head, priority = writer.rsplit(".", 1)
    if " " in writer:
        address, name, facility = head.split()
        sender = syslogconf.Sender(address, "" if name == "-" else name)
        found = rule.takes("", "", facility, syslogconf.PRIORITIES[priority], sender)
    else:
        found = rule.takes(*head.split("."), syslogconf.PRIORITIES[priority])
    assert found is (taken == "yes"), why


@pytest.mark.parametrize(
    ("condition", "column"),
    [
        ("mail,.info", 1), ("*.info,mail", 8), ("*.info,mail.nosuch", 8), ("a,b.TRMD1.*.info", 1),
        ("(10.1.0.0/33).*.*", 1), ("(10.1.0).*.*", 1), ("(a_b).*.*", 1), ("().*.*", 1),
    ],
)  # fmt: skip
def test_condition__that_is_none(condition: str, column: int) -> None:
    assert found(f"{condition} /log\n") == [("syntax", 1, column)]


@given(st.text(alphabet="*.,;()/@$-ab4%F DX\t", max_size=40))
def test_rubbish__never_crashes(text: str) -> None:
    read = syslogconf.parse(source(f"*.{text}\n{text} /x\n"))
    for rule in read.rules:
        assert str(syslogconf.parse(source(str(rule))).rules[0]) == str(rule) or rule.destination != "/x"
        rule.takes("U", "J", "mail", 3)


# ---- destinations ---------------------------------------------------------------------------------------------


def sent(text: str, *given: str, user: str = "START1") -> list[syslogd.Sent]:
    rules = syslogconf.parse(source(text)).rules
    return syslogd.elsewhere(rules, [record(*given)], "S0W1", 0, user)


def test_host__gets_a_datagram_of_rfc_3164() -> None:
    """PRI of local4.info is 8 * 20 + 6."""
    (one,) = sent("*.* @loghost\n*.err @other\n*.* /log\n", "TRMD1", "local4", "info")
    assert one == ("@loghost", "host", "<166>Dec 13 14:05:31 S0W1 TAG[1]: text")


@pytest.mark.parametrize(
    ("facility", "priority", "number"),
    [("kern", "emerg", 0), ("user", "notice", 13), ("mail", "crit", 18), ("auth", "info", 38), ("syslog", "info", 46),
     ("cron", "debug", 79), ("local0", "alert", 129), ("local7", "debug", 191)],
)  # fmt: skip
def test_host__pri(facility: str, priority: str, number: int) -> None:
    """RFC 3164 section 4.1.1."""
    assert syslogd.priority(record("J", facility, priority)) == number


def test_host__datagram_is_cut_at_1024_octets() -> None:
    long = record("J", "mail", "err")._replace(text="ü" * 3000)
    assert len(syslogd.datagram(long, "S0W1", 0)) == 1024


def test_console__gets_bpxf024i() -> None:
    (one,) = sent("*.err /dev/console", "TRMD1", "daemon", "err")
    assert one == ("/dev/console", "console", "BPXF024I (START1) Dec 13 14:05:31 S0W1 TAG 1 : text")


def test_null__keeps_nothing() -> None:
    assert (paths("*.* /dev/null", "J", "mail", "err"), sent("*.* /dev/null", "J", "mail", "err")) == ([], [])


def test_unmodelled__is_counted() -> None:
    assert [each.kind for each in sent("*.* $SMF\n*.* COLIN,IBMUSER\n*.* $SYSOUT", "J", "mail", "err")] == [
        "smf", "users", "unknown",
    ]  # fmt: skip


# ---- start options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-c -i", {"create": True, "local_only": True}),
        ("-ci", {"create": True, "local_only": True}),
        ("-cuf /etc/x.conf", {"create": True, "users": True, "file": "/etc/x.conf"}),
        ("-f/etc/x.conf -n", {"file": "/etc/x.conf", "network_only": True}),
        ("-F 640 -D 0770", {"file_mode": 0o640, "directory_mode": 0o770}),
        ("", {}),
    ],
)
def test_options(text: str, expected: dict) -> None:
    given, wrong, _ = syslogd.options(text)
    assert (given, wrong) == (syslogd.Options(**expected), [])


@pytest.mark.parametrize("text", ["-z", "-F", "-F 999", "-F 64", "-f", "-i -n", "rubbish", "-", "-cz"])
def test_options__that_are_wrong(text: str) -> None:
    assert syslogd.options(text)[1]


def test_options__wrong_ones_are_errors_at_the_task() -> None:
    made = system(FILES, tasks="-CPAGENT -SYSLOGD")
    task = Task("SYSLOGD", "SYSLOGD", "START1", Where("system.yaml", 7, 3), "-c -y", file="/etc/syslog.conf")
    _, findings = made.start_task(task)
    assert [(each.id, each.where.line) for each in findings] == [("syntax", 7)]


def test_options__idle_ones_are_said() -> None:
    assert [word for word, _ in syslogd.options("-d -x -m 20 -p /dev/log")[2]] == ["-d", "-x", "-m", "-p"]


def started_with(options: str, files: dict[str, str] = {}, **more: str):  # noqa: B006 -- never written to
    made = unstarted(FILES | files, tasks="-CPAGENT")
    made.tasks["SYSLOGD"].options = options
    made.tasks["SYSLOGD"].environment = more.get("environment", "")
    made.start(NOW)
    return made


def test_u__adds_user_id_and_job_name() -> None:
    made = started_with("-c -u")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    restart, packet = log_of(made, "/var/log/all")
    assert restart == "Dec 13 14:05:31 S0W1/START1 SYSLOGD syslogd: FSUM1220 syslogd: restart"
    assert packet.startswith("Dec 13 14:05:31 S0W1/START1 TRMD1 TRMD.TCPIP[16842781]: EZD0815I ")


def test_n__takes_nothing_of_this_system() -> None:
    made = started_with("-c -n")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    assert log_of(made, "/var/log/all") == []


def test_f__names_the_configuration() -> None:
    made = started_with("-cf /etc/other.conf", {"/etc/other.conf": "*.* /var/log/other\n"})
    assert (log_of(made, "/var/log/all"), len(log_of(made, "/var/log/other"))) == ([], 1)


def test_environment__names_the_configuration_and_f_wins() -> None:
    """9.1: SYSLOGD_CONFIG_FILE; the start option wins."""
    files = {"/etc/env": "SYSLOGD_CONFIG_FILE=/etc/e.conf\n", "/etc/e.conf": "*.* /e\n", "/etc/f.conf": "*.* /f\n"}
    assert len(log_of(started_with("-c", files, environment="/etc/env"), "/e")) == 1
    assert len(log_of(started_with("-cf /etc/f.conf", files, environment="/etc/env"), "/f")) == 1


def test_modes__of_a_rule_win_over_start_options() -> None:
    rules = syslogconf.parse(source("*.* /a\n*.* /b -F 600\n*.* /c -D 700\n*.* /d -F 000\n")).rules
    assert syslogd.modes(rules, "-F 640 -D 750", NOW, 0) == {
        "/a": (0o640, 0o750), "/b": (0o600, 0o750), "/c": (0o640, 0o700), "/d": (0, 0o750),
    }  # fmt: skip


# ---- reading again --------------------------------------------------------------------------------------------

SHELL = (
    "kill -HUP 16842780",
    "kill -1 16842780",
    "kill -s HUP $(cat /etc/syslog.pid)",
    "kill -HUP `cat /etc/syslog.pid`",
)


def test_edit__acts_when_it_is_read_again() -> None:
    made = system(FILES, tasks="-CPAGENT")
    made.files.replace("/etc/syslog.conf", "*.* /var/log/new\n")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    assert (len(log_of(made, "/var/log/all")), log_of(made, "/var/log/new")) == (2, [])
    assert made.changed_files("SYSLOGD") == ["/etc/syslog.conf"]
    assert [str(each) for each in made.console("F SYSLOGD,RESTART").messages] == ["SYSLOGD HAS READ /etc/syslog.conf"]
    play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    restart, packet = log_of(made, "/var/log/new")
    assert (restart[21:], packet[21:42]) == ("syslogd: FSUM1220 syslogd: restart", "TRMD.TCPIP[16842781]:")
    assert made.changed_files("SYSLOGD") == []


@pytest.mark.parametrize("typed", SHELL)
def test_sighup__reads_again(typed: str) -> None:
    made = system(FILES, tasks="-CPAGENT")
    assert made.shell(typed)[:3] == ("", "", 0)
    assert len(log_of(made, "/var/log/all")) == 2


def test_sigterm__ends_the_daemon() -> None:
    made = system(FILES, tasks="-CPAGENT")
    made.shell("kill $(cat /etc/syslog.pid)")
    assert not made.tasks["SYSLOGD"].running
    assert log_of(made, "/var/log/all")[-1].endswith("syslogd: terminated")
    assert made.shell("kill -HUP 16842780").code == 1


@pytest.mark.parametrize("typed", ["kill", "kill -9 16842780", "kill -s", "kill -HUP", "kill 1", "kill -HUP x"])
def test_kill__that_cannot_be(typed: str) -> None:
    made = system(FILES, tasks="-CPAGENT")
    assert made.shell(typed).code in (1, 2)
    assert made.tasks["SYSLOGD"].running


def test_restart__of_who_is_not_there() -> None:
    made = system(FILES, tasks="-CPAGENT")
    assert str(made.console("F NOSUCH,RESTART").messages[0]) == "IEE341I NOSUCH NOT ACTIVE"
    assert not made.console("F TRMD1,RESTART").done


def test_restart__a_file_that_went_is_an_error() -> None:
    made = system(FILES, tasks="-CPAGENT")
    made.files.text.pop("/etc/syslog.conf")
    made.files.names.pop("/etc/syslog.conf")
    assert not made.console("F SYSLOGD,RESTART").done


# ---- dates ----------------------------------------------------------------------------------------------------

DAY = 86_400 * SECOND
DATED = {"/etc/syslog.conf": "*.TRMD1.*.* /log.%Y.%m.%d\n*.TRMD1.*.* /hour.%H\n"}


def test_midnight__rolls_dated_files() -> None:
    made = system(FILES | DATED, tasks="-CPAGENT")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), time=NOW)
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), time=NOW + DAY)
    assert [len(log_of(made, f"/log.2023.12.{day}")) for day in (13, 14)] == [1, 1]
    assert [len(log_of(made, f"/hour.{hour}")) for hour in ("14", "00")] == [1, 1]


def test_midnight__files_of_both_days_have_the_modes_of_the_rule() -> None:
    conf = {"/etc/syslog.conf": "*.TRMD1.*.* /log.%d.%H -F 600\n"}
    made = system(FILES | conf, tasks="-CPAGENT")
    given = [(NOW + at * DAY, icmp("10.1.0.2", "10.1.1.2", 8)) for at in range(2)]
    made.receive(engine.frames_of(given, RAW_IP))
    assert {path: made.files.modes.get(path) for path in made.files.appended if path.startswith("/log")} == {
        "/log.13.14": (0o600, None), "/log.14.00": (0o600, None),
    }  # fmt: skip


def test_midnight__is_that_of_the_time_zone() -> None:
    made = system(FILES | DATED, tasks="-CPAGENT", timezone="XXX-10")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), time=NOW)
    assert len(log_of(made, "/log.2023.12.14")) == 1


def test_midnight__needs_a_signal_where_no_cron_job_sends_one() -> None:
    made = system(FILES | DATED, tasks="-CPAGENT")
    made.facts = {"syslog-midnight": False}
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), time=NOW + DAY)
    assert len(log_of(made, "/log.2023.12.13")) == 1
    made.shell("kill -HUP 16842780")
    play(made, icmp("10.1.0.2", "10.1.1.2", 8), time=NOW + DAY)
    assert len(log_of(made, "/log.2023.12.14")) == 1


# ---- what is not known stands in the table of facts -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "conf", "expected"),
    [
        ("syslog-none-excludes", False, "*.info;local4.none /log", ["/log"]),
        ("syslog-file-once", False, "*.* /log\n*.info /log", ["/log", "/log"]),
        ("syslog-specifiers", "Y", "*.* /log.%Y.%m", ["/log.2023.%m"]),
        ("syslog-comma-lists", False, "local4,mail.info /log\n*.* /all", ["/all"]),
        ("syslog-comma-lists", True, "local4,mail.info /log\n*.* /all", ["/all", "/log"]),
    ],
)
def test_facts__decide(name: str, value: object, conf: str, expected: list[str]) -> None:
    with choosing({name: value}):
        assert paths(conf, "TRMD1", "local4", "info") == expected


def test_console__is_written_to_in_one_form_whether_syslogd_runs_or_not() -> None:
    record = LogRecord(NOW, "daemon", "err", "START1", "TRMD1", "TRMD.TCPIP[7]", "a text long enough to be folded " * 3)
    (one,) = syslogd.elsewhere(syslogconf.parse(source("*.* /dev/console")).rules, [record], "S0W1", 0, "START1")
    assert one.text.replace(" S0W1", "", 1).split() == str(syslogd.unheard(record, 0)).split()
    assert one.text.split("\n")[0] == "BPXF024I (START1) Dec 13 14:05:31 S0W1 TRMD.TCPIP 7 : a text long"


def test_console__shows_a_number_in_brackets_further_on_as_it_is() -> None:
    assert str(syslogd.console("a[1]: b [2]: c", "X")) == "BPXF024I (X) a 1 : b [2]: c"


def test_folder__holds_what_was_read_between_commands(tmp_path: Path) -> None:
    """An edit on disk acts after F SYSLOGD,RESTART, whatever command comes between."""
    folder, run = tmp_path / "sys", CliRunner().invoke
    ping = ["send", "-s", str(folder), 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()']
    run(main, ["new", str(folder)])
    run(main, ping)
    (folder / "etc" / "syslog.conf").write_text("*.TRMD1.*.* /var/log/new\n")
    told = run(main, ping).stderr
    assert 'F SYSLOGD,RESTART" installs it' in told
    assert not (folder / "var/log/new").exists()
    assert run(main, ["console", "-s", str(folder), "F SYSLOGD,RESTART"]).exit_code == 0
    assert "RESTART" not in run(main, ping).stderr
    assert len((folder / "var/log/new").read_text().splitlines()) == 1


# ---- no record leaves the folder ------------------------------------------------------------------------------


def logged_to(tmp_path: Path, destination: str, prepare=lambda folder: None) -> tuple[int, str, Path]:
    """A system of one's own whose TRMD records go to `destination`: exit code and complaint of a ping."""
    folder = tmp_path / "sys"
    runner = CliRunner()
    assert runner.invoke(main, ["new", str(folder)]).exit_code == 0
    (folder / "etc" / "syslog.conf").write_text(f"*.TRMD1.*.* {destination}\n")
    prepare(folder)
    done = runner.invoke(main, ["send", "-s", str(folder), 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()'])
    return done.exit_code, done.output, folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("destination", ["/../../outside", "/var/../../../outside", "//..//outside", "/./..//outside"])
def test_escape__dots_cannot_climb(tmp_path: Path, destination: str) -> None:
    code, _, folder = logged_to(tmp_path, destination)
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["sys"]
    assert "EZD08" in (folder / "outside").read_text()


def link_folder(folder: Path) -> None:
    (folder.parent / "out").mkdir()
    (folder / "var").mkdir(exist_ok=True)
    (folder / "var" / "log").symlink_to(folder.parent / "out")


def link_file(folder: Path) -> None:
    (folder.parent / "out").mkdir()
    (folder.parent / "out" / "x").write_text("")
    (folder / "var" / "log").mkdir(parents=True, exist_ok=True)
    (folder / "var" / "log" / "x").symlink_to(folder.parent / "out" / "x")


def link_dangling(folder: Path) -> None:
    (folder.parent / "out").mkdir()
    (folder / "var" / "log").mkdir(parents=True, exist_ok=True)
    (folder / "var" / "log" / "x").symlink_to(folder.parent / "out" / "new")


def link_home(folder: Path) -> None:
    (folder / "var").mkdir(exist_ok=True)
    (folder / "var" / "log").symlink_to(folder)


def pipe(folder: Path) -> None:
    (folder / "var" / "log").mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / "var" / "log" / "x")


@pytest.mark.parametrize("prepare", [link_folder, link_file, link_dangling, pipe])
def test_escape__no_link_is_followed_out(tmp_path: Path, prepare) -> None:
    code, told, _ = logged_to(tmp_path, "/var/log/x", prepare)
    assert (code, "/var/log/" in told) == (1, True)  # syslogd goes on without it
    outside = tmp_path / "out"
    assert not outside.exists() or {path.name: path.read_text() for path in outside.iterdir()} in ({}, {"x": ""})


@pytest.mark.parametrize(
    ("destination", "prepare"),
    [
        ("/system.yaml", lambda folder: None), ("/state.db", lambda folder: None), ("/captures/x", lambda folder: None),
        ("/datasets/USER.Z24C.TCPPARMS/PROFILE", lambda folder: None), ("/var/log/system.yaml", link_home),
        ("/var/log/state.db", link_home), ("/var/log/datasets/USER.Z24C.TCPPARMS/X", link_home),
    ],
)  # fmt: skip
def test_escape__the_system_itself_is_no_log(tmp_path: Path, destination: str, prepare) -> None:
    code, told, folder = logged_to(tmp_path, destination, prepare)
    assert (code, destination in told) == (1, True)
    assert (folder / "system.yaml").read_text() == (Path("profiles/adcd/system.yaml")).read_text()
    assert not (folder / "datasets/USER.Z24C.TCPPARMS/X").exists()


# ---- compiled replays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "conf"),
    [
        ("-c -u", "*.* /x.%Y.%m.%d.%H\n"), ("-c", "*.* /x.%H\n*.info /y\n"), ("-c -n", "*.* /x\n"),
        ("-c", "*.* /x\nlocal4.* @loghost\n"), ("-c", "*.TRMD1.*.* /dev/console\n*.* /x\n"), ("-i", "*.* /x\n"),
    ],
)  # fmt: skip
def test_compiled__writes_and_sends_what_plain_mode_does(options: str, conf: str) -> None:
    """Three days of packets, from before syslogd opened its files on."""
    found = []
    for compiled in (False, True):
        made = started_with(options, {"/etc/syslog.conf": conf})
        given = [(NOW + (at - 4) * 6 * 3600 * SECOND, icmp("10.1.0.2", "10.1.1.2", 8)) for at in range(12)]
        _, deliveries = made.receive(engine.frames_of(given, RAW_IP, compiled))
        counts = {path: sum(each.lines for each in deliveries if each.path == path) for path in made.files.appended}
        found.append(({path: made.files.added(path) for path in made.files.appended}, made.elsewhere, counts))
    assert found[0] == found[1]
