"""trmdstat on a log of filter records, and the reading back of TRMD's records."""

from __future__ import annotations

import pytest
from systems import ACTIONS, LOG, NOW, RAW_IP, policy, policy_system, rule, tcp

import engine
from zsim import trmdlog
from zsim.clock import SECOND
from zsim.tasks import trmdstat

# The published record, with its missing blank after sipaddr=. (reference 7.2)
REAL = (
    "Nov 17 13:09:17 S0W1 TRMD.TCPIP[16842781]: EZD0815I Packet denied by policy: 11/17/2023 13:09:17.00 filter rule= "
    "Servers ext= 2 sipaddr=10.1.0.2 dipaddr= 10.1.1.2 proto= icmp(1) type= 8 code= 0 -= Interface= 10.1.1.2 (I) "
    "secclass= 255 dest= local len= 84 vpnaction= N/A tunnelID= N/A ifcname= ETH1 fragment= N"
)


@pytest.fixture
def logged():
    """A system that has logged three packets, a second apart."""
    system = policy_system(policy(rule("all", source="All4", dest="All4")) if ACTIONS else "")
    packets = [(NOW + at * SECOND, tcp("10.1.0.2", "10.1.1.2", 40000, 21, 2)) for at in range(3)]
    system.receive(engine.frames_of(packets, RAW_IP))
    return system


def test_line__of_a_real_record() -> None:
    found = trmdlog.line(REAL)
    assert found is not None
    assert (found.stamp, found.host, found.tag, found.message) == (
        "Nov 17 13:09:17",
        "S0W1",
        "TRMD.TCPIP[16842781]",
        "EZD0815I",
    )
    assert found.time == 1_700_226_557 * SECOND
    assert found.fields == {
        "rule": "Servers", "ext": "2", "sipaddr": "10.1.0.2", "dipaddr": "10.1.1.2", "proto": "icmp(1)", "type": "8",
        "code": "0", "Interface": "10.1.1.2", "way": "I", "secclass": "255", "dest": "local", "len": "84",
        "vpnaction": "N/A", "tunnelID": "N/A", "ifcname": "ETH1", "fragment": "N",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "no log line", "Nov 17 S0W1 x: y", "\0" * 50, "Nov 17 13:09:17 S0W1"])
def test_line__that_is_none(text) -> None:
    assert trmdlog.line(text) is None


def test_line__with_an_impossible_date_has_no_time() -> None:
    found = trmdlog.line(REAL.replace("11/17/2023 13", "13/32/2023 25"))
    assert found is not None
    assert found.time is None


def test_report__heading_and_nothing_below_it(logged) -> None:
    answer = logged.shell(f"trmdstat {LOG}")
    assert answer.code == 0
    assert answer.text == (
        "trmdstat for z/OS CS V2R4  Wed Dec 13 14:05:33 2023\n\n"
        f"Command Entered     : trmdstat {LOG}\n"
        "Log Time Interval   : Dec 13 14:05:31  - Dec 13 14:05:33\n"
        "Stack Time Interval : Dec 13 14:05:31  - Dec 13 14:05:33\n"
        "TRM Records Scanned : 0\n"
    )


def test_report__tcp_says_that_there_is_nothing(logged) -> None:
    assert logged.shell(f"trmdstat -T {LOG}").text.endswith("\n\nNo TypeActions LOG records to display\n")


def test_report__of_ids_records_is_not_modelled(logged) -> None:
    logged.files.append(LOG, "Dec 13 14:05:31 S0W1 TRMD.TCPIP[1]: EZZ8643I TRMD SCAN ...\n")
    answer = logged.shell(f"trmdstat -N {LOG}")
    assert answer.code == trmdstat.NOT_MODELLED
    assert "TRM Records Scanned : 1" in answer.text
    assert "not modelled" in answer.errors


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("", "one log file name"),
        ("a b", "one log file name"),
        ("-Z x", "-Z is not an option"),
        ("-A -U x", "cannot stand together"),
        ("-IE x", "does not go with"),
        ("-p", "-p needs a value"),
        ("-? x", "help"),
        ("/nosuch", "no such file"),
    ],
)
def test_options__wrong(logged, options, why) -> None:
    answer = logged.shell(f"trmdstat {options}")
    assert (answer.code, answer.text) == (trmdstat.WRONG, "")
    assert why in answer.errors


@pytest.mark.parametrize("options", ["-TE", "-T -E", "-AS", "-U -p 1024 -h 10.1.0.2", "-N -D", "-I -i 1213"])
def test_options__that_go_together(logged, options) -> None:
    assert logged.shell(f"trmdstat {options} {LOG}").code == 0
