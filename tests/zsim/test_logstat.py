"""Logs added up: what is counted where, and that nothing is lost in silence."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from zsim import logstat
from zsim.cli import main

HEAD = "Dec 13 {time} S0W1 TRMD.TCPIP[1]: {message} {text}: 12/13/2023 {time}.00 filter rule= {rule} ext= 2 "
TAIL = "Interface= 10.1.1.2 ({way}) secclass= 255 dest= local len= 60 ifcname= ETH1 fragment= N"


def record(
    message: str,
    rule: str,
    tags: str,
    time: str = "14:05:31",
    way: str = "I",
    ends: tuple[str, str] = ("10.1.0.2", "10.1.1.2"),
) -> str:
    head = HEAD.format(time=time, message=message, text="Packet", rule=rule)
    return f"{head}sipaddr= {ends[0]} dipaddr= {ends[1]} {tags} " + TAIL.format(way=way)


LOG = [
    record("EZD0814I", "ftp", "proto= tcp(6) sport= 51014 dport= 21 -="),
    record("EZD0814I", "ftp", "proto= tcp(6) sport= 21 dport= 51014 -=", way="O", ends=("10.1.1.2", "10.1.0.2")),
    record("EZD0815I", "ftp", "proto= tcp(6) sport= 51015 dport= 21 -=", "15:00:00"),
    record("EZD0815I", "deny", "proto= icmp(1) type= 8 code= 0 -=", "15:00:01", ends=("10.1.0.9", "10.1.1.2")),
    record("EZD1721I", "block", "proto= ospf(89) type= 1 -= -=", ends=("10.1.0.9", "224.0.0.5")),
    "Dec 13 14:05:31 S0W1 TRMD.TCPIP[1]: EZZ8495I TRMD STARTED",
    "Dec 13 14:05:31 S0W1 sshd[1]: hello",
    "rubbish",
]


@pytest.fixture
def shown() -> dict:
    summary = logstat.Summary()
    logstat.add(summary, LOG)
    return logstat.document(summary, {"ftp": "X:1:1"})


def test_document__counts_every_line(shown) -> None:
    assert shown["records"] + sum(shown["other_records"].values()) + shown["unread_lines"] == len(LOG)
    assert shown["outcomes"] == {"permitted": 2, "denied": 2, "blocked": 1}
    assert shown["other_records"] == {"EZZ8495I": 1, "(no message number)": 1}


def test_document__groups(shown) -> None:
    assert [(row["name"], row["records"], row["where"]) for row in shown["filters"]] == [
        ("ftp", 3, "X:1:1"),
        ("block", 1, None),
        ("deny", 1, None),
    ]
    assert [(row["address"], row["records"]) for row in shown["peers"]] == [("10.1.0.2", 3), ("10.1.0.9", 2)]
    assert [(row["service"], row["records"]) for row in shown["services"]] == [
        ("tcp(6) 21", 3),
        ("icmp(1) 8/0", 1),
        ("ospf(89) 1", 1),
    ]
    assert [(row["hour"], row["records"]) for row in shown["hours"]] == [
        ("2023-12-13T14:00Z", 3),
        ("2023-12-13T15:00Z", 2),
    ]


def test_table__names_what_is_not_installed_and_fits(shown) -> None:
    text = logstat.table(shown, 1)
    assert "and 2 more" in text
    assert "(not installed)" not in text.split("and 2 more")[0]
    assert "block ext 2 (not installed)" in logstat.table(shown, 10)
    assert max(map(len, text.splitlines())) <= 80


def test_command__reads_files_and_standard_input(tmp_path) -> None:
    (tmp_path / "log").write_text("\n".join(LOG))
    done = CliRunner().invoke(main, ["logstat", "--json", str(tmp_path / "log"), "-"], input=LOG[0] + "\n")
    assert (done.exit_code, json.loads(done.stdout)["records"]) == (0, 6)


def test_command__without_a_record_is_a_finding(tmp_path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\0 no log")
    assert CliRunner().invoke(main, ["logstat", str(tmp_path / "log")]).exit_code == 1
    assert CliRunner().invoke(main, ["logstat", str(tmp_path / "nosuch")]).exit_code == 2


# ---- every template, every layout -----------------------------------------------------------------------------

EMBEDDED = (
    "Dec 13 14:05:31 S0W1 TRMD.TCPIP[1]: EZD0836I Packet permitted: 12/13/2023 14:05:31.00 sipaddr= 10.1.0.7 "
    "dipaddr= 10.1.1.2 proto= icmp(1) type= 3 code= 3 Interface= 10.1.1.2 (I) secclass= 255 dest= local len= 56 "
    "tunnelID= N/A ifcname= ETH1 embsipaddr= 10.1.1.2 embdipaddr= 10.1.0.7 embproto= udp(17) sport= 7 dport= 9 -="
)
LIMITED = (
    "Dec 13 14:10:00 S0W1 TRMD.TCPIP[1]: EZD0838I Defensive filter packet would have been denied messages limited: "
    "12/13/2023 14:10:00.03 filter_rule= STOP filter_ext= 1 filter_sipaddr= 10.1.0.2/32 filter_dipaddr= 0.0.0.0/0 "
    "filter_proto= icmp(1) type= all code= all filter_fragmentsonly= no filter_dir= inbound filter_routing= either "
    "suppressed_count= 6"
)
ADDED = (
    "Dec 13 14:10:00 S0W1 TRMD.TCPIP[1]: EZD1723I Defensive filter added: 12/13/2023 14:10:00.02 filter rule= STOP "
    "ext= 1 sipaddr= 10.1.0.2/32 dipaddr= 0.0.0.0/0 proto= icmp(1) type= all code= all fragmentsonly= no dir= inbound "
    "routing= either mode= block log= yes lifetime= 30 userid= COLIN global= no loglimit= 1"
)


def added_up(*lines: str) -> dict:
    summary = logstat.Summary()
    logstat.add(summary, lines)
    return logstat.document(summary)


@pytest.mark.parametrize(("message", "outcome"), logstat.OUTCOMES.items())
def test_messages__have_an_outcome(message, outcome) -> None:
    assert added_up(record(message, "a", "proto= tcp(6) sport= 1 dport= 21 -="))["outcomes"] == {outcome: 1}


def test_messages__without_a_rule_count_too() -> None:
    shown = added_up(EMBEDDED)
    assert (shown["filters"][0]["name"], shown["peers"][0]["address"]) == ("(none)", "10.1.0.7")
    assert shown["outcomes"] == {"permitted": 1}


def test_messages__of_limits_say_what_was_held_back() -> None:
    shown = added_up(LIMITED, LIMITED, ADDED)
    assert (shown["records"], shown["held_back"]) == (0, [{"name": "STOP", "messages": 12}])
    assert shown["other_records"] == {"EZD0838I": 2, "EZD1723I": 1}


@pytest.mark.parametrize("change", [("S0W1 ", "S0W1/START1 TRMD1 "), ("Dec 13 14", "<166>Dec 13 14"), ("= ", "=")])
def test_layouts__are_all_read(change) -> None:
    plain, other = (added_up(*(line.replace(*with_) for line in LOG)) for with_ in (("", ""), change))
    assert plain == other


def test_hostile__numbers_do_not_stop_it() -> None:
    tags = "proto= tcp(6) sport= \u0661\u0662 dport= 99999999999999999999999999 -="
    shown = added_up(record("EZD0815I", "a", tags), LIMITED.replace("= 6", "= " + "9" * 5000))
    assert (shown["records"], shown["services"][0]["service"]) == (1, "tcp(6)")


def test_large__logs_are_not_kept() -> None:
    """What is held does not grow with the number of lines."""
    import tracemalloc

    def peak(count: int) -> int:
        tracemalloc.start()
        logstat.add(logstat.Summary(), (LOG[at % len(LOG)] for at in range(count)))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(20_000) < peak(200) + 50_000


def test_command__reads_back_what_zsim_wrote(tmp_path) -> None:
    run = CliRunner().invoke
    folder = tmp_path / "sys"
    run(main, ["new", str(folder)])
    run(main, ["replay", "-s", str(folder), "profiles/adcd/captures/ftp.pcap"])
    (log,) = folder.glob("var/log/TRMD1I.2023.*")
    shown = json.loads(run(main, ["logstat", "-s", str(folder), "--json", str(log)]).stdout)
    assert (shown["records"], shown["unread_lines"], shown["other_records"]) == (51, 0, {})
    assert {row["name"]: row["where"] for row in shown["filters"]}["ftpserver"].startswith(
        "USER.Z24C.TCPPARMS(PAGEIPSE):"
    )
