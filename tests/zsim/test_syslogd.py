"""syslog.conf and where a record lands (operations.md 9)."""

from __future__ import annotations

import pytest
from systems import NOW, PROFILE, icmp, log_of, play, source, system, unstarted

from zsim.clock import SECOND
from zsim.config import syslogconf
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


@pytest.mark.parametrize("destination", ["@loghost", "/dev/console", "IBMUSER,COLIN", "*"])
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


# ---- paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("/var/log/x.%Y.%m.%d", "/var/log/x.2024.01.02"),
        ("/var/%Y/%m/%d/x", "/var/2024/01/02/x"),
        ("/var/log//mail", "/var/log/mail"),
        ("/var/log/100%", "/var/log/100%"),
        ("/var/log/%H", "/var/log/%H"),
        ("/var/./log/../x", "/var/x"),
        ("/../../../etc/passwd", "/etc/passwd"),
        ("/var/log/../../../../../root/x", "/root/x"),
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
    assert [line[:6] for line in log_of(made, "/var/log/all")] == ["before", "Dec 13"]


def test_daemon__trmd1_is_the_job_that_writes() -> None:
    conf = {"/etc/syslog.conf": "*.TRMD.*.* /trmd\n*.TRMD1.*.* /trmd1\nSTART1.*.*.* /start1\n"}
    made = system(FILES | conf, tasks="-CPAGENT")
    _, deliveries = play(made, icmp("10.1.0.2", "10.1.1.2", 8))
    assert sorted(each.path for each in deliveries) == ["/start1", "/trmd1"]


def test_daemon__without_its_file_is_a_finding() -> None:
    files = {name: text for name, text in FILES.items() if name != "/etc/syslog.conf"}
    made = system(files, tasks="-CPAGENT")
    assert [each.id for each in made.doubts] == ["missing-file"]
