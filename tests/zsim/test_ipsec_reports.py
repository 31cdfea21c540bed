"""The reports of ipsec -F, -t, -i, -r short and wide column by column, and the exit codes (operations.md 3.2-3.11).

The samples are those of the reference, with what this system has otherwise: times, names, counts.
"""

from __future__ import annotations

import pytest
from ipsec_samples import DEFENSIVE, EMPTY, EVERYWHERE, INTERFACES, SHORT, TEST
from systems import NOW, icmp, play
from test_dmd import ADD, conf, console, edit, made, sh
from test_ipsec import POLICY as SAMPLE

from zsim import ispf
from zsim.clock import SECOND
from zsim.tcpip import ipsec_reports, terms


def printed(system, words: str) -> str:
    """What ipsec prints, without the empty line in front."""
    text = sh(system, f"ipsec {words}")
    assert text[0] == "\n"
    return text[1:]


@pytest.fixture
def active():
    return made(conf("Active", "Exclude 10.1.0.99"))


def test_defensive__report(active) -> None:
    sh(active, f"{ADD} loglimit 1 routing local -N BLOCK1")
    play(active, *[icmp("10.1.0.2", "10.1.1.2", 8)] * 4, time=NOW - 4 * SECOND)
    text = printed(active, "-p TCPIP -F display")
    expected = DEFENSIVE.replace("14:01:00", "14:05:31").replace("14:31:00", "14:35:31")
    assert text == expected.replace("NatKeepAlive:  0 ", "NatKeepAlive:  20")


def test_defensive__everywhere(active) -> None:
    sh(active, "ipsec -F add srcip 192.0.2.0/24 destip all prot tcp dir inbound -N GLOBAL1 -G")
    expected = EVERYWHERE.replace("14:02:10", "14:05:31").replace("14:32:10", "14:35:31")
    assert printed(active, "-F display -G") == expected


def test_defensive__empty() -> None:
    expected = EMPTY.replace("NatKeepAlive:  0 ", "NatKeepAlive:  20")
    assert printed(made(conf("Simulate")), "-F display") == expected


def sample():
    """The policy of the reference's samples, in a system with DMD."""
    system = made()
    system.files.text["USER.CONFIG(IPSTACK)"] = SAMPLE
    console(system, "F CPAGENT,REFRESH")
    return system


def test_short__report() -> None:
    system = sample()
    text = printed(system, "-p TCPIP -f display -n FTPControl -r short")
    head, entries = text.split("\n\n", 1)
    expected = SHORT.split("\n\n", 1)[1].replace("2023/12/13 13:58:02", "2023/12/13 14:05:31")
    expected = expected.replace("|No|3|", "|No|0|").replace("1 entries", "2 entries")
    out, into = entries.split("FTPControl           |1\n")[0], entries.split("FTPControl           |2\n")[1]
    assert out + "FTPControl           |2\n" + into == expected
    assert head.splitlines()[1].endswith("Format:   Short")


def test_wide__report() -> None:
    lines = printed(sample(), "-f display -n FTPControl -r wide").split("\n\n", 1)[1].splitlines()
    assert lines[0] == "|".join(term.short for term in terms.TERMS)
    assert lines[0].startswith("FilterName|FilterNameExtension|GroupName|LocalStartActionName|VpnActionName|TunnelID")
    assert lines[2].startswith("FTPControl|2|Servers|n/a|n/a|0x00|Generic|n/a|Active|Permit|Local|Inbound|n/a|0|All")
    assert lines[2].endswith("|No|0|n/a|n/a")
    assert len(lines[2].split("|")) == 54


def test_short__has_every_field_once() -> None:
    labels = [label for line in ipsec_reports.SHORT for label in line.split()]
    assert labels == [term.label for term in terms.TERMS]


def test_formats__say_the_same() -> None:
    system = sample()
    reports = [system.shell(f"ipsec -f display -r {each}").report.to_json()["filters"]
               for each in ("detail", "short", "wide")]  # fmt: skip
    assert reports[0] == reports[1] == reports[2]


def test_traffic__report() -> None:
    text = printed(sample(), "-p TCPIP -t 10.1.0.9 10.1.1.2 tcp 1025 21 in 255")
    lines, expected = text.splitlines(), TEST.splitlines()
    assert lines[0] == expected[0]
    assert lines[1:5] == [
        "Primary:  IP Traffic Test Function: Display            Format:   Detail",
        "Source:   Stack Policy    Scope:    n/a                TotAvail: 2",  # the implicit deny matches too
        "TestData: 10.1.0.9  10.1.1.2  tcp 1025 21 in 255",
        "Defensive Mode: Active",
    ]
    end = expected.index("*" * 71)
    shown = [line.replace("14:05:31", "13:58:02").replace("FilterMatches:                0",
             "FilterMatches:                3") for line in lines[5 : end + 1]]  # fmt: skip
    assert shown == expected[5 : end + 1]


def test_interfaces__report(active) -> None:
    lines = printed(active, "-p TCPIP -i").splitlines()
    expected = INTERFACES.splitlines()
    assert lines[:2] == expected[:2]
    assert lines[2] == "Source:   Stack           Scope:    n/a                TotAvail: 3"
    assert lines[4:9] == expected[4:9]
    assert lines[-1] == "3 entries selected"
    assert "InterfaceAddress:             2001:db8::2" in lines


TUNNELS = {
    "-k display": ("IKE tunnel", "Display"), "-k dis -e": ("IKE tunnel", "Display (cascade)"),
    "-y display": ("Dynamic tunnel", "Display"), "-y dis -s": ("Dynamic tunnel", "Display (shadows)"),
    "-m display": ("Manual tunnel", "Display"), "-o": ("NATT Port Trans", "Display"),
    "-y dis -b": ("Dynamic tunnel", "Display"), "-o display": ("NATT Port Trans", "Display"),
    "-x": ("NSS Server", "Display"), "-w": ("Stack NSS", "Display"),
}  # fmt: skip


@pytest.mark.parametrize("words", TUNNELS)
def test_tunnels__are_none(active, words) -> None:
    primary, function = TUNNELS[words]
    lines = printed(active, words).splitlines()
    assert lines[1] == f"Primary:  {primary:<16}Function: {function:<19}Format:   Detail"
    assert lines[2].startswith("Source:   IKED" if words in ("-k display", "-k dis -e", "-y dis -b", "-w") else
                               "Source:   NSSD" if words == "-x" else "Source:   Stack")  # fmt: skip
    assert lines[3:] == ["", "0 entries selected"]
    assert active.shell(f"ipsec {words}").report.to_json()["tunnels"] == []


@pytest.mark.parametrize("format", ["short", "detail", "wide"])
@pytest.mark.parametrize("words", TUNNELS)
def test_tunnels__every_format(active, words, format) -> None:
    lines = printed(active, f"{words} -r {format}").splitlines()
    assert lines[1].endswith(f"Format:   {format.capitalize()}")
    assert lines[-1] == "0 entries selected"


def test_tunnels__name_in_the_heading(active) -> None:
    assert printed(active, "-x").startswith("CS V2R4 ipsec  NSS Client Name: *ALL*  Wed Dec 13 14:05:31 2023\n")
    assert printed(active, "-w").startswith("CS V2R4 ipsec  Stack Name: *ALL*  Wed Dec 13 14:05:31 2023\n")


# ---- order and selection --------------------------------------------------------------------------------------


def names(system, words: str) -> list[str]:
    return [row["FilterName"] for row in system.shell(f"ipsec {words}").report.to_json()["filters"]]


def test_defensive__groups_and_newest_first(active) -> None:
    for name, words in (
        ("out6", "srcip all6 destip all6 dir outbound"), ("in4a", "srcip all4 destip all4 dir inbound"),
        ("out4", "srcip all4 destip all4 dir outbound"), ("in6", "srcip all6 destip all6 dir inbound"),
        ("in4b", "srcip all4 destip all4 dir inbound"),
    ):  # fmt: skip
        sh(active, f"ipsec -F add {words} -N {name}")
    expected = ["in4b", "in4a", "out4", "in6", "out6"]
    assert names(active, "-F display") == expected
    assert names(active, "-f display -c current")[:6] == [*expected, "everything"]
    assert names(active, "-f display -c policy")[0] == "everything"
    assert "in4b" not in names(active, "-f display -c profile")
    assert names(active, "-F display -N in6 in4a") == ["in4a", "in6"]
    assert names(active, "-f display -n out4") == ["out4"]
    assert "TotAvail: 5" in sh(active, "ipsec -F display -N in6")


def test_defensive__all_makes_one_filter_for_each_version(active) -> None:
    sh(active, "ipsec -F add srcip all destip all dir inbound -N both")
    rows = active.shell("ipsec -F display").report.to_json()["filters"]
    assert [(row["FilterNameExtension"], row["SourceAddress"]) for row in rows] == [("1", "0.0.0.0"), ("2", "::")]


TRAFFIC = {
    "10.1.0.2 10.1.1.2 icmp 8 0 in": ["ping", "web", "everything"],
    "10.1.0.2 10.1.1.2 icmp in": ["ping", "web", "everything"],
    "10.1.0.2 10.1.1.2 icmp 0 0 in": ["web", "everything"],
    "10.1.0.2 10.1.1.2 1 8 0 in 0": ["ping", "web", "everything"],
    "10.1.0.2 10.1.1.2 tcp 0 80 in 255": ["web", "everything"],
    "10.1.0.2 10.1.1.2 ospf 1 in": ["web", "everything"],
    "10.1.0.2 10.1.1.2 47 out": ["everything"],
    "10.1.0.2 10.1.1.2 all inbound": ["ping", "web", "everything"],
    "10.1.0.3 10.1.1.2 icmp 8 0 in": ["web", "everything"],
    "2001:db8::9 2001:db8::2 tcp 1 2 in": ["everything"],
}


@pytest.mark.parametrize("words", TRAFFIC)
def test_traffic__all_that_match_in_search_order(active, words) -> None:
    sh(active, "ipsec -F add srcip all4 destip 10.1.1.2 dir inbound -N web")
    sh(active, "ipsec -F add srcip 10.1.0.2 destip all prot icmp type 8 dir inbound -N ping")
    assert [name for name in names(active, f"-t {words}") if "Generated" not in name] == TRAFFIC[words]


# ---- exit codes (3.11) ----------------------------------------------------------------------------------------

CODES = {
    # display ran, control request accepted
    "-F display": 0, "-F display -G": 0, "-F dis -N nosuch": 0, f"{ADD[6:]} -N x": 0, "-F display -r wide": 0, "-?": 0,
    "-h": 0, "-i": 0, "-t 10.1.0.9 10.1.1.2 tcp 0 21 in 0": 0, "-F update mode simulate -N one": 0,
    "-F delete -N one.1": 0, "-F DELETE -N one": 0, f"{ADD[6:]} -N x -p tcpip": 0,
    # usage
    "-F": 1, "-F show": 1, "-F add": 1, "-F add -N x": 1, f"{ADD[6:]}": 1, "-F delete": 1, "-F update -N one": 1,
    "-F update mode blok -N one": 1, "-F update srcip 10.1.0.1 -N one": 1, "-F delete -N one junk": 1,
    "-F delete -N a b": 1, f"{ADD[6:]} -N x -G -p TCPIP": 1, f"{ADD[6:]} mode block mode block -N x": 1,
    f"{ADD[6:]} -N {'x' * 33}": 1, f"{ADD[6:]} lifetime 0 -N x": 1, f"{ADD[6:]} loglimit 10000 -N x": 1,
    f"{ADD[6:]} secclass 256 -N x": 1, f"{ADD[6:]} srcport 1 -N x": 1, f"{ADD[6:]} type 9-3 -N x": 1,
    f"{ADD[6:]} code -N x": 1, f"{ADD[6:]} prot -N x": 1,
    "-F add srcip 10.1.0.1/33 destip all dir inbound -N x": 1,
    "-F add srcip 10.1.0.1 destip 2001:db8::1 dir inbound -N x": 1,
    "-F add srcip 10.1.0.1 destip all prot icmpv6 dir inbound -N x": 1,
    "-F add srcip 10.1.0.1 destip all prot 256 dir inbound -N x": 1,
    "-F add srcip 10.1.0.1 destip all -N x": 1, "-F add srcip 10.1.0.1 destip all dir both -N x": 1,
    "-F display -c current": 1, "-F display -n x": 1, "-F display junk": 1,
    "-F display -z client": 1, "-f display -G": 1,
    "-t": 1, "-t 10.1.0.9 10.1.1.2 tcp 1": 1, "-t 10.1.0.9 10.1.1.2 tcp 1 in": 1, "-t 10.1.0.9 10.1.1 tcp 1 2 in": 1,
    "-t 10.1.0.9 10.1.1.2 tcp 1 65536 in": 1, "-t 10.1.0.9 ::1 tcp 1 2 in": 1, "-t 10.1.0.9 10.1.1.2 tcp 1 2 in 256": 1,
    "-t 10.1.0.9 10.1.1.2 tcp 1 2 in 0 0": 1, "-k": 1, "-k display -s": 1, "-i -n x": 1,
    "-x": 0, "-w": 0, "-x -p TCPIP": 1, "-w dis -r short": 0, "-y dis -e": 1, "-m display -b": 1, "-o -n x": 1,
    "-f default -r short": 1, "-f reload -n x": 1, "-f default -h": 1, "-f default -c policy": 1,
    "-F delete -N one -r short": 1, "-m activate -r short": 1, "-f display -p TCPIP -z x": 1,
    "-f display -r short -r wide": 1, "-f display -p TCPIP -p TCPIP": 1, "-F delete -N one -z x": 1,
    # the stack
    "-F display -p NOSUCH": 3, "-i -p NOSUCH": 3, "-f display -z client": 3, f"{ADD[6:]} -N x -p NOSUCH": 3,
    # names
    "-F delete -N nosuch": 5, "-F update mode block -N nosuch": 5, "-F delete -N one.7": 5, "-F delete -N one -G": 5,
    "-m activate": 5, "-y deactivate": 5, "-k refresh": 5,
}  # fmt: skip


@pytest.mark.parametrize("words", CODES)
def test_exit_code(active, words) -> None:
    sh(active, f"{ADD} -N one")
    before = names(active, "-F display")
    answer = active.shell(f"ipsec {words}")
    assert answer.code == CODES[words], answer
    assert bool(answer.errors) == bool(answer.code)
    if answer.code:
        assert answer.text == ""
        assert names(active, "-F display") == before
        assert "Traceback" not in answer.errors


def test_exit_code__4_where_dmd_does_not_manage_the_stack(active) -> None:
    for text in (conf("Inactive"), conf(stack="OTHER"), ""):
        edit(active, text)
        console(active, "F DMD,REFRESH")
        answer = active.shell(f"{ADD} -N x")
        assert (answer.code, answer.text) == (4, "")


def test_exit_code__3_where_the_version_is_not_filtered() -> None:
    system = made(profile="IPCONFIG IPSECURITY\nINTERFACE E DEFINE IPAQENET CHPIDTYPE OSD IPADDR 10.1.1.2 PORTNAME P\n")
    assert system.shell("ipsec -F add srcip all6 destip all6 dir inbound -N x").code == 3
    assert system.shell("ipsec -F add srcip all destip all dir inbound -N x").code == 0
    assert [row["FilterNameExtension"] for row in system.shell("ipsec -F dis").report.to_json()["filters"]] == ["1"]


def test_usage__is_of_the_option_that_was_wrong(active) -> None:
    assert active.shell("ipsec -F add -N x").errors.count("ipsec -F") == 4
    assert "did you mean lifetime" in active.shell(f"{ADD} lifetme 3 -N x").errors
    assert "srcip" in active.shell("ipsec -F add destip all dir inbound -N x").errors


@pytest.mark.parametrize("name", ["a.b.1", "ä", "%s", "{x}", "x" * 32, "1", "*"])
def test_name__any_printable_one_goes_through_the_reports(active, name) -> None:
    sh(active, f"{ADD} -N '{name}'")
    assert name in sh(active, f"ipsec -F display -N '{name}'")
    play(active, icmp("10.1.0.2", "10.1.1.2", 8))


# ---- na and nafm ----------------------------------------------------------------------------------------------


def test_na__deletes_what_is_not_applicable() -> None:
    text = sh(sample(), "ipsec -f display | na")
    assert "n/a" not in text
    assert text.count("FilterName:") == 8


def test_nafm__hides_deletes_or_keeps_what_was_not_used() -> None:
    system = sample()
    play(system, icmp("10.1.0.2", "10.1.1.2", 8))
    whole = sh(system, "ipsec -f display | na").splitlines()
    hidden = sh(system, "ipsec -f display | na | nafm").splitlines()
    used = sh(system, "ipsec -f display | na | nafm x").splitlines()
    unused = sh(system, "ipsec -f display | na | nafm NX").splitlines()
    assert [line.split()[1] for line in used if line.startswith("FilterName:")] == ["PingIn"]
    assert [line.split()[1] for line in unused if line.startswith("FilterMatches:")] == ["0"] * 7
    assert sorted(used + unused) == sorted(whole)
    counts = [int(line.split("-  ")[-1].split()[0]) for line in hidden if "not Displayed" in line]
    assert sum(counts) == len(unused)
    assert [line for line in hidden if "not Displayed" not in line] == used
    assert sh(system, "ipsec -f display | na | nafm delete all x").splitlines() == used


def test_nafm__text_that_is_no_report() -> None:
    for text in ("", "FilterMatches: 0\n", "FilterName: a\nFilterMatches: 0\n", "FilterMatches:\n"):
        lines = text.splitlines(keepends=True)
        assert ispf.nafm(lines) == lines
