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
        ("-GD x", "does not go with"),
        ("-DS -A x", "-D and -S cannot stand together"),
        ("-i 1313 x", "is no time"),
        ("-i 12131405311 x", "is no time"),
        ("-f noon x", "is no time"),
        ("-p 99999 x", "is not in 0 to 65535"),
        ("-p 30-20 x", "is no range of ports"),
        ("-h 10.1.0 x", "is no IPv4 or IPv6 address"),
        ("-s x y", "is no IPv4 or IPv6 address"),
        ("-k 10.1.0.2 -T x", "-k does not go with -T"),
        ("-c 7 -I x", "-c does not go with -I"),
        ("-c 7 -AS x", "-c does not go with -AS"),
        ("-n ETH1 -A x", "-n does not go with -A"),
        ("-j a.b x", "is no name of a stack"),
        ("/nosuch", "no such file"),
    ],
)
def test_options__wrong(logged, options, why) -> None:
    answer = logged.shell(f"trmdstat {options}")
    assert (answer.code, answer.text) == (trmdstat.WRONG, "")
    assert why in answer.errors


@pytest.mark.parametrize("options", [
    "-TE", "-T -E", "-AS", "-U -p 1024 -h 10.1.0.2", "-N -D", "-I -i 1213", "-A", "-AD", "-C", "-CD", "-F", "-FD",
    "-FS -n ETH1", "-G", "-I", "-N", "-Q", "-T", "-TD", "-TS -k 10.1.0.2", "-U", "-UD", "-US", "-d 1 -j TCPIP",
    "-A -s 10.1.0.2 -t 2001:db8::1 -c 12 -p 20-25", "-f 1214",
])  # fmt: skip
def test_options__that_go_together(logged, options) -> None:
    assert logged.shell(f"trmdstat {options} {LOG}").code == 0


def scanned(logged, options: str) -> tuple[str, ...]:
    return tuple(line.partition(": ")[2] for line in logged.shell(f"trmdstat {options} {LOG}").text.splitlines()[3:6])


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ("-i 1213140532", 32, 33), ("-f 1213140532", 31, 32), ("-i 1213140532 -f 1213140532", 32, 32),
        ("-i 12131", 31, 33), ("-j TCPIP", 31, 33), ("-j tcpip", 31, 33),
    ],
)  # fmt: skip
def test_filter__of_time_and_stack_selects_records(logged, options, first, last) -> None:
    """The interval is that of the selected records; 12131 is 13 December, 10 o'clock."""
    span = f"Dec 13 14:05:{first}  - Dec 13 14:05:{last}"
    assert scanned(logged, options) == (span, span, "0")


@pytest.mark.parametrize("options", ["-i 1214", "-f 1212", "-j OTHER"])
def test_filter__may_leave_nothing(logged, options) -> None:
    assert scanned(logged, options) == ("n/a", "n/a", "0")


@pytest.mark.parametrize(
    ("options", "title"),
    [("-T", "TCP TR Summary"), ("-TE", "TCP TR Extended Summary"), ("-TD", "TCP TR Events")],
)
def test_report__tcp_has_its_title(logged, options, title) -> None:
    lines = logged.shell(f"trmdstat {options} {LOG}").text.splitlines()
    assert [line.strip() for line in lines[6:]] == ["", title, "", "No TypeActions LOG records to display"]


def test_line__with_user_and_job_of_u() -> None:
    found = trmdlog.line(REAL.replace("S0W1", "S0W1/START1 TRMD1"))
    assert found is not None
    assert (found.host, found.user, found.job, found.tag) == ("S0W1", "START1", "TRMD1", "TRMD.TCPIP[16842781]")
    padded = trmdlog.line(REAL.replace("S0W1", "S0W1/START1   TRMD1   "))
    assert padded == found


def test_line__as_it_came_over_the_network() -> None:
    assert trmdlog.line(f"<166>{REAL}") == trmdlog.line(REAL)


@pytest.mark.parametrize("day", ["Nov  7", "Nov 7", "Nov 17"])
def test_line__day_padded_or_not(day) -> None:
    found = trmdlog.line(REAL.replace("Nov 17", day, 1))
    assert found is not None
    assert (found.stamp, found.message) == (f"{day} 13:09:17", "EZD0815I")
