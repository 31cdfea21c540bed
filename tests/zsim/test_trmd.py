"""What TRMD writes about a packet, character for character (operations.md 7, 9.3)."""

from __future__ import annotations

import pytest
from systems import (
    NOW,
    PROFILE,
    SYN,
    icmp,
    igmp,
    ip4,
    ip6,
    log_of,
    ospf,
    play,
    policy,
    policy_system,
    profile_system,
    rule,
    tcp,
    udp,
)

from zsim.clock import SECOND

ZOS, LINUX = "10.1.1.2", "10.1.0.2"
NOVEMBER = 1_700_226_557 * SECOND  # 2023-11-17 13:09:17 UTC
DENY_ALL = PROFILE + "IPSEC LOGENABLE LOGIMPLICIT\nENDIPSEC\n"


def said(made, packet: bytes, time: int = NOW, path: str | None = None) -> str:
    """The one line that is written about a packet."""
    _, deliveries = play(made, packet, time=time)
    (delivery,) = deliveries
    return log_of(made, delivery.path)[-1]


def text(made, packet: bytes, time: int = NOW) -> str:
    """The record without the syslogd header."""
    return said(made, packet, time).split("]: ", 1)[1]


# ---- the records of the reference -----------------------------------------------------------------------------


def test_record__of_november_17() -> None:
    """7.4, its first record."""
    made = policy_system(policy(rule("Servers", source=ZOS, dest="All4", service="Protocol Icmp", action="deny-log")))
    assert said(made, icmp(LINUX, ZOS, 8), NOVEMBER) == (
        "Nov 17 13:09:17 S0W1 TRMD.TCPIP[16842781]: EZD0815I Packet denied by policy: 11/17/2023 13:09:17.00 "
        "filter rule= Servers ext= 2 sipaddr= 10.1.0.2 dipaddr= 10.1.1.2 proto= icmp(1) type= 8 code= 0 -= "
        "Interface= 10.1.1.2 (I) secclass= 255 dest= local len= 84 vpnaction= N/A tunnelID= N/A ifcname= ETH1 "
        "fragment= N"
    )


def test_record__of_a_permitted_packet() -> None:
    """7.4, its second record."""
    service = "Protocol Tcp;SourcePortRange 21;DestinationPortRange 1024 65535"
    made = policy_system(policy(rule("FTPControl", source=ZOS, dest="All4", service=service)))
    packet = tcp("10.1.0.9", ZOS, 51014, 21, SYN)
    packet = packet[:2] + (60).to_bytes(2, "big") + packet[4:] + bytes(20)
    assert said(made, packet, NOVEMBER + 4 * SECOND + 400_000_000) == (
        "Nov 17 13:09:21 S0W1 TRMD.TCPIP[16842781]: EZD0814I Packet permitted: 11/17/2023 13:09:21.40 "
        "filter rule= FTPControl ext= 2 sipaddr= 10.1.0.9 dipaddr= 10.1.1.2 proto= tcp(6) sport= 51014 dport= 21 -= "
        "Interface= 10.1.1.2 (I) secclass= 255 dest= local len= 60 vpnaction= N/A tunnelID= N/A ifcname= ETH1 "
        "fragment= N"
    )


DECEMBER = 1_702_462_530 * SECOND  # 2023-12-13 10:15:30 UTC
WORKED = [
    (
        ospf(ZOS, "224.0.0.5"), DECEMBER + 220_000_000,
        "EZD0815I Packet denied by policy: 12/13/2023 10:15:30.22 filter rule= SYSDEFAULTDENYRULE ext= 1 "
        "sipaddr= 10.1.1.2 dipaddr= 224.0.0.5 proto= ospf(89) type= 1 -= -= Interface= 10.1.1.2 (O) secclass= 255 "
        "dest= local len= 64 vpnaction= N/A tunnelID= N/A ifcname= ETH1 fragment= N",
    ),
    (
        ip4("192.168.1.254", "224.0.0.1", 2, bytes((0x11, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))),
        DECEMBER + 35 * SECOND + 710_000_000,
        "EZD0815I Packet denied by policy: 12/13/2023 10:16:05.71 filter rule= SYSDEFAULTDENYRULE ext= 2 "
        "sipaddr= 192.168.1.254 dipaddr= 224.0.0.1 proto= igmp(2) -= -= -= Interface= 192.168.1.74 (I) secclass= 255 "
        "dest= local len= 32 vpnaction= N/A tunnelID= N/A ifcname= ETH2 fragment= N",
    ),
    (
        udp("10.1.0.9", ZOS, 52344, 33434, 32), DECEMBER + 134 * SECOND + 90_000_000,
        "EZD0815I Packet denied by policy: 12/13/2023 10:17:44.09 filter rule= SYSDEFAULTDENYRULE ext= 2 "
        "sipaddr= 10.1.0.9 dipaddr= 10.1.1.2 proto= udp(17) sport= 52344 dport= 33434 -= Interface= 10.1.1.2 (I) "
        "secclass= 255 dest= local len= 60 vpnaction= N/A tunnelID= N/A ifcname= ETH1 fragment= N",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("packet", "time", "expected"), WORKED, ids=["ospf", "igmp", "udp"])
def test_record__worked_examples(packet, time, expected) -> None:
    """7.5."""
    assert text(profile_system(DENY_ALL), packet, time) == expected


# ---- tags of each protocol (7.1) ------------------------------------------------------------------------------

TAGS = {
    "icmp": (icmp(LINUX, ZOS, 13, 7), "proto= icmp(1) type= 13 code= 7 -= Interface="),
    "igmp": (igmp(LINUX, "224.0.0.1"), "proto= igmp(2) -= -= -= Interface="),
    "ip in ip": (ip4(LINUX, ZOS, 4, bytes(20)), "proto= ip(4) -= -= -= Interface="),
    "tcp": (tcp(LINUX, ZOS, 65535, 1), "proto= tcp(6) sport= 65535 dport= 1 -= Interface="),
    "udp": (udp(LINUX, ZOS, 0, 53), "proto= udp(17) sport= 0 dport= 53 -= Interface="),
    "esp": (ip4(LINUX, ZOS, 50, bytes(20)), "proto= esp(50) -= -= -= Interface="),
    "ah": (ip4(LINUX, ZOS, 51, bytes(20)), "proto= ah(51) -= -= -= Interface="),
    "ospf": (ospf(LINUX, ZOS, 5), "proto= ospf(89) type= 5 -= -= Interface="),
    "ipip": (ip4(LINUX, ZOS, 94, bytes(20)), "proto= ipip(94) -= -= -= Interface="),
    "number": (ip4(LINUX, ZOS, 47, bytes(20)), "proto= 47 -= -= -= Interface="),
    "protocol zero": (ip4(LINUX, ZOS, 0, bytes(20)), "proto= 0 -= -= -= Interface="),
    "icmpv6": (icmp("2001:db8::9", "2001:db8::2", 128), "proto= icmpv6(58) type= 128 code= 0 -= Interface="),
    "mipv6": (
        ip6("2001:db8::9", "2001:db8::2", 135, bytes((59, 0, 5, 0, 0, 0, 0, 0))),
        "proto= mipv6(135) type= 5 -= -= Interface=",
    ),
    "icmp later fragment": (
        ip4(LINUX, "10.9.9.9", 1, bytes(40), offset=9),
        "proto= icmp(1) type= Unknown code= Unknown -= Interface=",
    ),
    "tcp later fragment": (
        ip4(LINUX, "10.9.9.9", 6, bytes(40), offset=9),
        "proto= tcp(6) sport= Unknown dport= Unknown -= Interface=",
    ),
    "ospf later fragment": (
        ip4(LINUX, "10.9.9.9", 89, bytes(40), offset=9),
        "proto= ospf(89) type= Unknown -= -= Interface=",
    ),
    "first fragment": (
        tcp(LINUX, "10.9.9.9", 1, 2, more=True),
        "proto= tcp(6) sport= 1 dport= 2 -= Interface=",
    ),
    "chain that is cut": (
        ip6("2001:db8:1::9", "2001:db8:2::2", 60, bytes((0, 5)) + bytes(6)),
        "proto= Unknown -= -= -= Interface=",
    ),
}


@pytest.mark.parametrize("name", TAGS)
def test_tags__of_a_protocol(name) -> None:
    packet, expected = TAGS[name]
    assert expected in text(profile_system(DENY_ALL), packet)


@pytest.mark.parametrize(
    ("name", "flag"),
    [("icmp later fragment", "Y"), ("first fragment", "Y"), ("tcp", "N")],
)
def test_fragment__tag(name, flag) -> None:
    assert text(profile_system(DENY_ALL), TAGS[name][0]).endswith(f" fragment= {flag}")


def test_template__no_two_blanks_and_a_blank_behind_every_equals_sign() -> None:
    made = profile_system(DENY_ALL)
    for packet, _ in TAGS.values():
        line = text(made, packet)
        assert "  " not in line
        assert all(line[at + 1] == " " for at, sign in enumerate(line) if sign == "=")


# ---- interface, class, destination ----------------------------------------------------------------------------


def test_interface__of_ipv6() -> None:
    line = text(profile_system(DENY_ALL), icmp("2001:db8::9", "2001:db8::2", 128))
    assert "sipaddr= 2001:db8::9 dipaddr= 2001:db8::2" in line
    assert "Interface= 2001:db8::2 (I)" in line
    assert line.endswith("ifcname= ETH6 fragment= N")


def test_interface__has_its_security_class() -> None:
    made = profile_system(DENY_ALL.replace("PORTNAME PORTB", "PORTNAME PORTB SECCLASS 42"))
    assert "Interface= 192.168.1.74 (I) secclass= 42 dest= local" in text(made, icmp("192.168.1.9", "192.168.1.74", 8))


def test_interface__of_a_link_is_the_link_name() -> None:
    profile = """IPCONFIG IPSECURITY
    DEVICE PORTA MPCIPA
    LINK LINKA IPAQENET PORTA SECCLASS 11
    HOME 10.1.1.2 LINKA
    IPSEC LOGENABLE LOGIMPLICIT ENDIPSEC
    START PORTA
    """
    line = text(profile_system(profile), icmp(LINUX, ZOS, 8))
    assert "Interface= 10.1.1.2 (I) secclass= 11 " in line
    assert "ifcname= LINKA " in line


def test_dest__of_a_forwarded_packet_is_routed_on_both_sides() -> None:
    into = rule("into", service="Routing routed;Direction inbound")
    made = policy_system(policy(into))
    play(made, icmp(LINUX, "192.168.1.9", 8))
    first, second = log_of(made)
    assert "EZD0814I Packet permitted" in first
    assert "Interface= 10.1.1.2 (I) secclass= 255 dest= routed" in first
    assert "EZD0815I Packet denied by policy" in second
    assert "Interface= 192.168.1.74 (O) secclass= 255 dest= routed" in second


def test_length__is_that_of_the_ip_packet() -> None:
    made = profile_system(DENY_ALL)
    assert " len= 28 " in text(made, udp(LINUX, ZOS, 1, 2))
    assert " len= 1048 " in text(made, udp(LINUX, ZOS, 1, 2, 1020))


def test_vpnaction__is_named_where_a_tunnel_was_wanted() -> None:
    rules = policy(rule("r", action="tunnel")).replace(
        "IpGenericFilterActionRef tunnel", "IpGenericFilterActionRef tunnel\n  IpDynVpnActionRef vpn1"
    )
    rules += "IpGenericFilterAction tunnel\n{\n  IpFilterAction IpSec\n  IpFilterLogging Yes\n}\n"
    line = text(policy_system(rules + "IpDynVpnAction vpn1\n{\n}\n"), icmp(LINUX, ZOS, 8))
    assert line.startswith("EZD0821I Packet denied, no tunnel: ")
    assert " vpnaction= vpn1 tunnelID= N/A " in line


def test_rule__is_named_as_coded() -> None:
    made = policy_system(policy(rule("Servers~1", source=LINUX, service="Direction inbound")))
    assert "filter rule= Servers~1 ext= 1 " in text(made, icmp(LINUX, ZOS, 8))


# ---- time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "stamp", "path"),
    [
        ("GMT0", "Dec 13 14:05:31", "/var/log/TRMD1I.2023.12.13"),
        ("EST5", "Dec 13 09:05:31", "/var/log/TRMD1I.2023.12.13"),
        ("CET-1", "Dec 13 15:05:31", "/var/log/TRMD1I.2023.12.13"),
        ("NZST-12", "Dec 14 02:05:31", "/var/log/TRMD1I.2023.12.14"),
        ("IST-5:30", "Dec 13 19:35:31", "/var/log/TRMD1I.2023.12.13"),
    ],
)
def test_time__of_syslogd_is_local_and_that_of_the_stack_is_utc(zone, stamp, path) -> None:
    made = profile_system(DENY_ALL, timezone=zone)
    _, deliveries = play(made, icmp(LINUX, ZOS, 8))
    assert [each.path for each in deliveries] == [path]
    (line,) = log_of(made, path)
    assert line.startswith(f"{stamp} S0W1 TRMD.TCPIP[")
    assert ": 12/13/2023 14:05:31.00 filter rule=" in line


def test_time__day_is_padded_with_a_blank() -> None:
    made = profile_system(DENY_ALL)
    assert said(made, icmp(LINUX, ZOS, 8), 1_704_157_445 * SECOND).startswith("Jan  2 01:04:05 S0W1 ")


@pytest.mark.parametrize(
    ("nanoseconds", "hundredths"), [(0, "00"), (9_999_999, "00"), (10_000_000, "01"), (999_999_999, "99")]
)
def test_time__hundredths_are_cut_not_rounded(nanoseconds, hundredths) -> None:
    line = text(profile_system(DENY_ALL), icmp(LINUX, ZOS, 8), NOW + nanoseconds)
    assert f" 14:05:31.{hundredths} filter rule=" in line


@pytest.mark.parametrize("zone", ["EST5", "JST-9", "GMT0"])
@pytest.mark.parametrize("time", [0, 2**63 - 1])
def test_time__ends_of_the_calendar_do_not_crash(zone, time) -> None:
    made = profile_system(DENY_ALL, timezone=zone)
    assert "EZD0815I" in said(made, icmp(LINUX, ZOS, 8), time)


def test_order__of_records_is_that_of_the_packets() -> None:
    made = profile_system(DENY_ALL)
    play(made, icmp(ZOS, LINUX, 8), icmp(LINUX, ZOS, 8), icmp(ZOS, LINUX, 0), icmp(LINUX, ZOS, 0))
    assert [line.split("Interface= ")[1].split()[1] for line in log_of(made)] == ["(O)", "(I)", "(O)", "(I)"]
