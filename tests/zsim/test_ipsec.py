"""The ipsec command: its words, its report to the column, its exit codes (operations.md 2.3, 3)."""

from __future__ import annotations

import pytest
from ipsec_samples import ENTRIES, HEADING
from systems import (
    NOW,
    PROFILE,
    chain,
    icmp,
    play,
    policy,
    policy_system,
    profile_system,
    rule,
    system,
    tcp,
)

from zsim.clock import SECOND
from zsim.report import Report
from zsim.tcpip import terms

POLICY = """\
IpFilterPolicy
{
  NatKeepAliveInterval 0
  IpFilterGroupRef Servers
  IpFilterRuleRef PingIn
}
IpFilterGroup Servers
{
  IpFilterRuleRef FTPControl
}
""" + policy(
    rule("FTPControl", source="10.1.1.2", dest="All4",
         service="Protocol Tcp;SourcePortRange 21;DestinationPortRange 1024 65535"),
    rule("PingIn", source="All4", dest="10.1.0.2", service="Protocol Icmp;Type 8"),
).split("}\n", 1)[1]  # fmt: skip
LABELS = [
    "FilterName", "FilterNameExtension", "GroupName", "LocalStartActionName", "VpnActionName", "TunnelID", "Type",
    "DefensiveType", "State", "Action", "Scope", "Direction", "OnDemand", "SecurityClass", "Logging", "LogLimit",
    "Protocol", "ICMPType", "ICMPTypeGranularity", "ICMPCode", "ICMPCodeGranularity", "OSPFType", "TCPQualifier",
    "ProtocolGranularity", "SourceAddress", "SourceAddressPrefix", "SourceAddressRange", "SourceAddressGranularity",
    "SourcePort", "SourcePortRange", "SourcePortGranularity", "DestAddress", "DestAddressPrefix", "DestAddressRange",
    "DestAddressGranularity", "DestPort", "DestPortRange", "DestPortGranularity", "OrigRmtConnPort", "RmtIDPayload",
    "RmtUdpEncapPort", "CreateTime", "UpdateTime", "DiscardAction", "MIPv6Type", "MIPv6TypeGranularity", "TypeRange",
    "CodeRange", "RemoteIdentityType", "RemoteIdentity", "FragmentsOnly", "FilterMatches", "LifetimeExpires",
    "AssociatedStackCount",
]  # fmt: skip


@pytest.fixture
def sample():
    """The system of the sample report, at its moment."""
    made = system(chain(POLICY), now=NOW - 449 * SECOND)  # 13:58:02
    packets = [tcp("10.1.0.9", "10.1.1.2", 1025, 21)] * 3 + [icmp("10.1.0.2", "10.1.1.2", 8)]
    play(made, *packets, time=NOW - 3 * SECOND)
    assert made.clock.now == NOW
    return made


def blocks(text: str) -> list[str]:
    """The entries of a report, each with its line of asterisks."""
    body = text.removeprefix("\n").split("\n\n")[1]
    return [f"{block}{'*' * 71}\n" for block in body.split("*" * 71 + "\n") if block.strip()]


def fields(block: str) -> dict[str, str]:
    return {line[:30].strip().rstrip(":"): line[30:] for line in block.splitlines() if ":" in line}


def fields_of(made, name: str, extension: int = 1) -> dict[str, str]:
    found = [fields(block) for block in blocks(made.shell(f"ipsec -f display -n {name}").text)]
    return next(row for row in found if row["FilterNameExtension"] == str(extension))


# ---- the sample report ----------------------------------------------------------------------------------------


def test_sample__entries_are_reproduced(sample) -> None:
    text = sample.shell("ipsec -p TCPIP -f display -c current").text
    inbound = [block for block in blocks(text) if "FilterNameExtension:          2\n" in block]
    assert "".join(inbound) == ENTRIES


def test_sample__heading_is_reproduced_but_for_the_count(sample) -> None:
    text = sample.shell("ipsec -p TCPIP -f display -c current").text
    assert text.replace("TotAvail: 8", "TotAvail: 2").startswith("\n" + HEADING + "\n")


# ---- the heading, column by column (3.2) ----------------------------------------------------------------------


def heading(made, words: str = "-f display") -> list[str]:
    return made.shell(f"ipsec {words}").text.split("\n")[1:7]


@pytest.mark.parametrize(
    ("line", "column", "text"),
    [
        (1, 1, "Primary:"), (1, 11, "Filter "), (1, 27, "Function:"), (1, 37, "Display "), (1, 56, "Format:"),
        (1, 66, "Detail"),
        (2, 1, "Source:"), (2, 11, "Stack Policy "), (2, 27, "Scope:"), (2, 37, "Current "), (2, 56, "TotAvail:"),
        (2, 66, "8"),
        (3, 1, "Logging:"), (3, 11, "On "), (3, 27, "Predecap:"), (3, 37, "Off "), (3, 56, "DVIPSec:"), (3, 66, "No"),
        (4, 1, "NatKeepAlive:"), (4, 16, "0 "), (4, 27, "FIPS140:"), (4, 37, "No"),
        (5, 1, "Defensive Mode:"), (5, 17, "Inactive"),
    ],
)  # fmt: skip
def test_heading__stands_at_its_column(sample, line, column, text) -> None:
    found = heading(sample)[line]
    assert found[column - 1 : column - 1 + len(text)] == text
    assert found == found.rstrip()


def test_heading__first_line(sample) -> None:
    assert heading(sample)[0] == "CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023"


def test_heading__day_is_padded_with_a_blank() -> None:
    made = system(chain(POLICY), now=1_701_612_000 * SECOND)
    assert heading(made)[0].endswith("  Sun Dec  3 14:00:00 2023")


@pytest.mark.parametrize(
    ("attribute", "line", "part"),
    [
        ("FilterLogging off", 3, "Logging:  Off "),
        ("PreDecap on", 3, "Predecap: On "),
        ("FIPS140 yes", 4, "FIPS140:  Yes"),
        ("NatKeepAliveInterval 7200", 4, "NatKeepAlive:  7200       FIPS140:"),
    ],
)
def test_heading__shows_the_policy_settings(attribute, line, part) -> None:
    made = system(chain(POLICY.replace("NatKeepAliveInterval 0", attribute)))
    assert part in heading(made)[line]


def test_heading__of_the_default_policy() -> None:
    made = profile_system(PROFILE + "IPSEC LOGENABLE DVIPSEC\nIPSECRULE * *\nENDIPSEC\n")
    assert heading(made)[2:5] == [
        "Source:   Stack Profile   Scope:    Current            TotAvail: 6",
        "Logging:  On              Predecap: Off                DVIPSec:  Yes",
        "NatKeepAlive:  0          FIPS140:  No",
    ]


# ---- the entries (3.1, 3.3) -----------------------------------------------------------------------------------


def test_entry__has_the_54_labels_in_order(sample) -> None:
    lines = blocks(sample.shell("ipsec -f display").text)[0].splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == LABELS
    assert len(LABELS) == 54


def test_entry__labels_stand_in_the_table_of_terms() -> None:
    assert [term.label for term in terms.TERMS] == LABELS


def test_entry__values_stand_at_column_31(sample) -> None:
    for block in blocks(sample.shell("ipsec -f display").text):
        for line, label in zip(block.splitlines(), LABELS, strict=False):
            assert line[:30] == f"{label}:".ljust(30)
            assert line[30] != " "


def test_entry__ends_with_71_asterisks(sample) -> None:
    text = sample.shell("ipsec -f display").text
    stars = [line for line in text.splitlines() if line.startswith("*")]
    assert stars == ["*" * 71] * 8


def test_report__ends_with_a_blank_line_and_the_count(sample) -> None:
    assert sample.shell("ipsec -f display").text.endswith("*" * 71 + "\n\n8 entries selected\n")


def test_report__has_no_leading_and_no_trailing_blanks(sample) -> None:
    lines = sample.shell("ipsec -f display").text.splitlines()
    assert [line for line in lines if line != line.strip()] == []


def test_report__empty_result_of_the_sample(sample) -> None:
    """3.5, Empty result: one blank line between the heading and the count."""
    answer = sample.shell("ipsec -f display -n nosuch")
    assert answer.code == 0
    assert answer.text.endswith("Defensive Mode: Inactive\n\n0 entries selected\n")


VALUES = {
    "all": ("Protocol All", {"Protocol": "All", "ICMPType": "n/a", "ICMPCode": "n/a", "OSPFType": "n/a",
                             "TCPQualifier": "n/a", "SourcePort": "n/a", "DestPort": "n/a", "Scope": "Local",
                             "SecurityClass": "0", "FragmentsOnly": "No", "TypeRange": "n/a"}),
    "tcp": ("Protocol Tcp", {"Protocol": "TCP(6)", "TCPQualifier": "None", "SourcePort": "All", "DestPort": "All",
                             "SourcePortRange": "n/a", "DestPortRange": "n/a", "ICMPType": "n/a"}),
    "udp": ("Protocol Udp;SourcePortRange 53;DestinationPortRange 1 9",
            {"Protocol": "UDP(17)", "TCPQualifier": "n/a", "SourcePort": "53", "SourcePortRange": "n/a",
             "DestPort": "1", "DestPortRange": "9"}),
    "icmp": ("Protocol Icmp", {"Protocol": "ICMP(1)", "ICMPType": "All", "ICMPCode": "All", "SourcePort": "n/a"}),
    "icmp ranges": ("Protocol Icmp;Type 3 5;Code 1 2", {"ICMPType": "3", "TypeRange": "5", "ICMPCode": "1",
                                                        "CodeRange": "2"}),
    "icmpv6": ("Protocol Icmpv6;Type 128;Code 0", {"Protocol": "ICMPv6(58)", "ICMPType": "128", "ICMPCode": "0"}),
    "ospf": ("Protocol Ospf;Type 1", {"Protocol": "OSPF(89)", "OSPFType": "1", "ICMPType": "n/a"}),
    "ospf any": ("Protocol Ospf", {"OSPFType": "All"}),
    "mipv6": ("Protocol MIPv6;Type 5", {"Protocol": "MIPv6(135)", "MIPv6Type": "5", "ICMPType": "n/a"}),
    "igmp": ("Protocol Igmp", {"Protocol": "IGMP(2)"}),
    "ip": ("Protocol Ip", {"Protocol": "IP(4)"}),
    "ipip": ("Protocol Ipip", {"Protocol": "IPIP(94)"}),
    "esp": ("Protocol Esp", {"Protocol": "ESP(50)"}),
    "ah": ("Protocol Ah", {"Protocol": "AH(51)"}),
    "number": ("Protocol 47", {"Protocol": "47"}),
    "number with a name": ("Protocol 6;DestinationPortRange 23", {"Protocol": "TCP(6)", "DestPort": "23"}),
    "routed": ("Protocol All;Routing routed", {"Scope": "Routed"}),
    "either": ("Protocol All;Routing either", {"Scope": "Both"}),
    "class": ("Protocol All;SecurityClass 100", {"SecurityClass": "100"}),
    "fragments": ("Protocol All;FragmentsOnly yes", {"FragmentsOnly": "Yes"}),
    "inbound connect": ("Protocol Tcp;Direction bidirectional InboundConnect", {"TCPQualifier": "ConnectInbound"}),
    "outbound connect": ("Protocol Tcp;Direction bidirectional OutboundConnect", {"TCPQualifier": "ConnectOutbound"}),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_entry__values_of_a_service(name) -> None:
    service, expected = VALUES[name]
    found = fields_of(policy_system(policy(rule("r", service=service))), "r")
    assert {label: found[label] for label in expected} == expected


ENDS = {
    "All4": ("0.0.0.0", "0", "n/a"),
    "10.1.0.2": ("10.1.0.2", "n/a", "n/a"),
    "10.1.0.0/16": ("10.1.0.0", "16", "n/a"),
    "10.1.0.2/32": ("10.1.0.2", "32", "n/a"),
    "10.1.2.10-10.1.2.20": ("10.1.2.10", "n/a", "10.1.2.20"),
    "All6": ("::", "0", "n/a"),
    "2001:DB8:0:0:0:0:0:1": ("2001:db8::1", "n/a", "n/a"),
    "2001:db8::/32": ("2001:db8::", "32", "n/a"),
    "2001:db8::1-2001:db8::f": ("2001:db8::1", "n/a", "2001:db8::f"),
}


@pytest.mark.parametrize("coded", ENDS)
def test_entry__forms_of_address(coded) -> None:
    found = fields_of(policy_system(policy(rule("r", source=coded, service="Direction outbound"))), "r")
    shown = found["SourceAddress"], found["SourceAddressPrefix"], found["SourceAddressRange"]
    assert shown == ENDS[coded]
    found = fields_of(policy_system(policy(rule("r", dest=coded, service="Direction outbound"))), "r")
    assert (found["DestAddress"], found["DestAddressPrefix"], found["DestAddressRange"]) == ENDS[coded]


def test_entry__of_actions() -> None:
    made = policy_system(policy(rule("p", action="permit-quiet"), rule("d", action="deny-log")))
    permit, deny = fields_of(made, "p"), fields_of(made, "d")
    assert (permit["Action"], permit["Logging"], permit["DiscardAction"]) == ("Permit", "None", "Silent")
    assert (deny["Action"], deny["Logging"], deny["DiscardAction"]) == ("Deny", "All", "ICMP")


def test_entry__of_a_vpn_rule() -> None:
    text = policy(rule("r", action="tunnel")).replace(
        "IpGenericFilterActionRef tunnel",
        "IpGenericFilterActionRef tunnel\n  IpDynVpnActionRef vpn\n  IpLocalStartActionRef local",
    )
    text += "IpGenericFilterAction tunnel\n{\n  IpFilterAction IpSec\n}\n"
    text += "IpDynVpnAction vpn\n{\n}\nIpLocalStartAction local\n{\n}\n"
    found = fields_of(policy_system(text), "r")
    assert (found["Action"], found["VpnActionName"], found["LocalStartActionName"]) == ("Permit", "vpn", "local")
    assert found["OnDemand"] in ("Yes", "No")


def test_entry__of_profile_rules() -> None:
    made = profile_system(PROFILE + "IPSEC LOGENABLE\nIPSECRULE * * LOG PROTOCOL TCP SECCLASS 9\nENDIPSEC\n")
    found = fields_of(made, "SYSDEFAULTRULE.1", 2)
    expected = {"Type": "Generic", "State": "Active", "Action": "Permit", "Scope": "Local", "SecurityClass": "9",
                "Logging": "All", "Protocol": "TCP(6)", "SourceAddress": "0.0.0.0", "SourceAddressPrefix": "0",
                "GroupName": "n/a", "TunnelID": "0x00", "FilterMatches": "0"}  # fmt: skip
    assert {label: found[label] for label in expected} == expected
    deny = fields_of(made, "SYSDEFAULTDENYRULE")
    assert (deny["Action"], deny["Protocol"], deny["SourceAddressPrefix"]) == ("Deny", "All", "0")


# ---- selection ------------------------------------------------------------------------------------------------


def names(made, words: str) -> list[str]:
    return [fields(block)["FilterName"] for block in blocks(made.shell(f"ipsec -f display {words}").text)]


@pytest.fixture
def both():
    """A system with rules in the profile and in the policy."""
    profile = PROFILE + "IPSEC\nIPSECRULE * *\nENDIPSEC\n"
    text = POLICY.replace("IpFilterRuleRef PingIn", "IpFilterRuleRef PingIn\n  IpFilterRuleRef FTPControl", 1)
    return policy_system(text, profile)


def test_select__by_name(sample) -> None:
    assert names(sample, "-n PingIn") == ["PingIn", "PingIn"]
    assert "TotAvail: 8" in sample.shell("ipsec -f display -n PingIn").text
    assert sample.shell("ipsec -f display -n PingIn").text.endswith("\n2 entries selected\n")


def test_select__several_names_keep_the_order_of_the_table(sample) -> None:
    assert names(sample, "-n PingIn FTPControl") == ["FTPControl"] * 2 + ["PingIn"] * 2
    assert names(sample, "-n PingIn -n FTPControl") == ["FTPControl"] * 2 + ["PingIn"] * 2


def test_select__names_are_case_sensitive(sample) -> None:
    assert sample.shell("ipsec -f display -n pingin").text.endswith("0 entries selected\n")


def test_select__by_group(both) -> None:
    assert names(both, "-g Servers") == ["FTPControl"] * 2
    assert names(both, "-n FTPControl") == ["FTPControl"] * 4


@pytest.mark.parametrize(
    ("scope", "first", "source", "word"),
    [
        ("current", "FTPControl", "Stack Policy", "Current"),
        ("profile", "SYSDEFAULTRULE.1", "Stack Profile", "Profile"),
        ("policy", "FTPControl", "Stack Policy", "Policy"),
    ],
)
def test_select__scope(both, scope, first, source, word) -> None:
    assert names(both, f"-c {scope}")[0] == first
    assert heading(both, f"-f display -c {scope}")[2].startswith(f"Source:   {source:<16}Scope:    {word:<19}TotAvail:")


def test_select__policy_while_the_default_is_in_force(both) -> None:
    both.shell("ipsec -f default")
    assert names(both, "")[0] == "SYSDEFAULTRULE.1"
    assert names(both, "-c policy")[0] == "FTPControl"


def test_select__policy_where_there_is_none() -> None:
    answer = profile_system(PROFILE).shell("ipsec -f display -c policy")
    assert (answer.code, answer.text.endswith("0 entries selected\n")) == (0, True)


def test_select__ipv4_comes_before_ipv6() -> None:
    made = policy_system(policy(rule("six", source="All6"), rule("four", source="All4")))
    assert names(made, "") == ["four"] * 2 + ["DenyAllRule_Generated___________Outbnd",
                                              "DenyAllRule_Generated___________Inbnd"] + ["six"] * 2 + [
        "DenyAllRule_Generated___________Outbnd", "DenyAllRule_Generated___________Inbnd"]  # fmt: skip


# ---- words and exit codes (2.3, 3.11) -------------------------------------------------------------------------

FINE = [
    "-f display", "-f dis", "-f disp -c cur", "-c policy -f display", "-p TCPIP -f display", "-p tcpip -f display",
    "-f display -h", "-f display -r detail", "-f default", "-f def", "-f reload", "-f reload -p TCPIP",
    "-f display -n nosuch", "-f display -g nosuch", "-f DISPLAY",
]  # fmt: skip


@pytest.mark.parametrize("words", FINE)
def test_words__that_are_right(both, words) -> None:
    answer = both.shell(f"ipsec {words}")
    assert (answer.code, answer.errors) == (0, "")


@pytest.mark.parametrize("words", ["-f default", "-f reload"])
def test_words__control_requests_print_nothing(both, words) -> None:
    assert both.shell(f"ipsec {words}").text == ""


WRONG = [
    "", "-f", "-f show", "-f d", "-f di", "-f de", "-f display -c", "-f display -c all", "-f display -z",
    "-f display -n",
    "-f display -g", "-f display -p", "-f display -r tiny", "-f display -Q", "display", "-f display extra",
    "-f display -f display", "-f -c current", "-c current", "-f display -n -c current",
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_words__that_are_wrong(both, words) -> None:
    answer = both.shell(f"ipsec {words}")
    assert (answer.code, answer.text) == (1, "")
    assert answer.errors.startswith("ipsec: ")
    assert "usage: ipsec -f display" in answer.errors


def test_words__what_is_missing_is_named(both) -> None:
    assert "-c" in both.shell("ipsec -f display -c").errors
    assert "curent" in both.shell("ipsec -f display -c curent").errors
    assert "did you mean current" in both.shell("ipsec -f display -c curent").errors


def test_words__unknown_stack(both) -> None:
    answer = both.shell("ipsec -f display -p TCPIP2")
    assert (answer.code, answer.text) == (3, "")
    assert "TCPIP2" in answer.errors


def test_words__stack_without_ip_security() -> None:
    answer = profile_system("IPCONFIG DATAGRAMFWD\n").shell("ipsec -f display")
    assert (answer.code, answer.text) == (3, "")


def test_words__a_wrong_command_changes_nothing(both) -> None:
    both.shell("ipsec -f default -p NOSUCH")
    both.shell("ipsec -f default junk")
    assert "Stack Policy" in both.shell("ipsec -f display").text


def test_report__its_rows_are_the_json(sample) -> None:
    report = sample.shell("ipsec -f display -n PingIn").report
    assert isinstance(report, Report)
    shown = report.to_json()
    assert [row["FilterNameExtension"] for row in shown["filters"]] == ["1", "2"]
    assert list(shown["filters"][0]) == LABELS


def test_postprocessing__na_lines_and_unused_blocks_can_be_cut(sample) -> None:
    """3.10: delete lines whose value is n/a; hide from FilterName to the asterisks where FilterMatches is 0."""
    kept = [
        [line for line in block.splitlines() if line.split()[-1] != "n/a"]
        for block in blocks(sample.shell("ipsec -f display").text) if fields(block)["FilterMatches"] != "0"
    ]  # fmt: skip
    assert [block[0].split()[1] for block in kept] == ["FTPControl", "PingIn"]
    assert not any(line.endswith("n/a") for block in kept for line in block)
