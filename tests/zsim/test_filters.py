"""From configured rules to installed filters, and which of them decides about a packet (filter-rules.md 2.4, 5, 6)."""

from __future__ import annotations

import pytest
from systems import (
    ACK,
    ACTIONS,
    NOW,
    PROFILE,
    SYN,
    Row,
    chain,
    decided,
    errors_of,
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
    rows,
    rule,
    system,
    tcp,
    udp,
    verdict,
)

import engine

ZOS, LINUX = "10.1.1.2", "10.1.0.2"
IN, OUT = "DenyAllRule_Generated___________Inbnd", "DenyAllRule_Generated___________Outbnd"


# ---- the complete set-up of filter-rules.md section 10 --------------------------------------------------------

FTP_SERVER = """\
IpServiceGroup FTPServer
{
  IpService                               # control connection, client opens it
  {
    Protocol              Tcp
    SourcePortRange       21
    DestinationPortRange  1024 65535
    Direction             bidirectional InboundConnect
    Routing               local
  }
  IpService                               # data connection, server opens it
  {
    Protocol              Tcp
    SourcePortRange       20
    DestinationPortRange  1024 65535
    Direction             bidirectional OutboundConnect
    Routing               local
  }
}
"""
IPSTACK = """\
IpFilterPolicy
{
  FilterLogging            on
  ImplicitDiscardAction    Silent
  IpFilterRuleRef          NoTelnet
  IpFilterGroupRef         Lan
  IpFilterRule             RoutingProtocols
  {
    IpSourceAddr             All4
    IpDestAddr               All4
    IpService
    {
      Protocol               Ospf
      Direction              bidirectional
      Routing                local
    }
    IpGenericFilterActionRef permit-quiet
  }
}
IpFilterGroup              Lan
{
  IpFilterRuleRef          LanFtp
  IpFilterRuleRef          LanPing
}
IpAddr                     ThisHost
{
  Addr                     10.1.1.2
}
IpAddrGroup                Lans
{
  IpAddrSet
  {
    Prefix                 10.1.0.0/24
  }
  IpAddrSet
  {
    Range                  10.1.2.10-10.1.2.20
  }
}
"""
IPCOMMON = """\
IpFilterRule               NoTelnet
{
  IpSourceAddr             All4
  IpDestAddrRef            ThisHost
  IpService
  {
    Protocol               Tcp
    DestinationPortRange   23
    Direction              inbound
  }
  IpGenericFilterActionRef deny-log
}
IpFilterRule               LanFtp
{
  IpSourceAddrRef          ThisHost
  IpDestAddrGroupRef       Lans
  IpServiceGroupRef        FTPServer
  IpGenericFilterActionRef permit-log
}
IpFilterRule               LanPing
{
  IpSourceAddrRef          ThisHost
  IpDestAddrGroupRef       Lans
  IpServiceRef             AnyIcmp
  IpGenericFilterActionRef permit-quiet
}
IpService                  AnyIcmp
{
  Protocol                 Icmp
  Direction                bidirectional
  Routing                  local
}
IpGenericFilterAction      permit-log
{
  IpFilterAction           Permit
  IpFilterLogging          Yes
}
IpGenericFilterAction      permit-quiet
{
  IpFilterAction           Permit
}
IpGenericFilterAction      deny-log
{
  IpFilterAction           Deny
  IpFilterLogging          Yes
  DiscardAction            ICMP
}
"""
COMPLETE = {
    "IPCOMMON": IPCOMMON + FTP_SERVER,
    "PAMAIN": "TcpImage TCPIP //'USER.CONFIG(PAIMAGE)' FLUSH PURGE 600\nCommonIpSecConfig //'USER.CONFIG(IPCOMMON)'\n",
}
LAN, RANGE, HIGH = "10.1.0.0/24", "10.1.2.10-10.1.2.20", "1024-65535"
ANY = "0.0.0.0/0"
INSTALLED = [
    Row("NoTelnet", 1, "Inbound", ANY, "any", ZOS, "23", "Deny"),
    Row("LanFtp", 1, "Outbound", ZOS, "21", LAN, HIGH, "Permit"),
    Row("LanFtp", 2, "Inbound", LAN, HIGH, ZOS, "21", "Permit"),
    Row("LanFtp", 3, "Outbound", ZOS, "20", LAN, HIGH, "Permit"),
    Row("LanFtp", 4, "Inbound", LAN, HIGH, ZOS, "20", "Permit"),
    Row("LanFtp", 5, "Outbound", ZOS, "21", RANGE, HIGH, "Permit"),
    Row("LanFtp", 6, "Inbound", RANGE, HIGH, ZOS, "21", "Permit"),
    Row("LanFtp", 7, "Outbound", ZOS, "20", RANGE, HIGH, "Permit"),
    Row("LanFtp", 8, "Inbound", RANGE, HIGH, ZOS, "20", "Permit"),
    Row("LanPing", 1, "Outbound", ZOS, "any", LAN, "any", "Permit"),
    Row("LanPing", 2, "Inbound", LAN, "any", ZOS, "any", "Permit"),
    Row("LanPing", 3, "Outbound", ZOS, "any", RANGE, "any", "Permit"),
    Row("LanPing", 4, "Inbound", RANGE, "any", ZOS, "any", "Permit"),
    Row("RoutingProtocols", 1, "Outbound", ANY, "any", ANY, "any", "Permit"),
    Row("RoutingProtocols", 2, "Inbound", ANY, "any", ANY, "any", "Permit"),
]


@pytest.fixture(scope="module")
def complete():
    """The system of section 10; tests only ask it."""
    return policy_system(IPSTACK, **COMPLETE)


@pytest.mark.parametrize(("at", "expected"), list(enumerate(INSTALLED)), ids=lambda each: str(each)[:4])
def test_complete__filter_of_the_table(complete, at, expected) -> None:
    assert rows(complete.stack.policy.filters)[at] == expected


def test_complete__closes_with_one_deny_a_direction(complete) -> None:
    last = rows(complete.stack.policy.filters)[len(INSTALLED) :]
    assert sorted((row.name, row.way, row.source, row.dest, row.action) for row in last) == [
        (IN, "Inbound", ANY, ANY, "Deny"),
        (OUT, "Outbound", ANY, ANY, "Deny"),
    ]


def test_complete__groups_of_the_table(complete) -> None:
    groups = {rule.name: rule.group for rule in complete.stack.policy.filters if not rule.implicit}
    assert groups == {"NoTelnet": "", "LanFtp": "Lan", "LanPing": "Lan", "RoutingProtocols": ""}


def test_complete__discard_action_of_the_table(complete) -> None:
    discards = {rule.name: rule.discard for rule in complete.stack.policy.filters}
    assert discards == {"NoTelnet": "ICMP", "LanFtp": "Silent", "LanPing": "Silent", "RoutingProtocols": "Silent",
                        IN: "Silent", OUT: "Silent"}  # fmt: skip


def test_complete__has_no_errors() -> None:
    assert errors_of(IPSTACK, **COMPLETE) == []


PACKETS = {
    "ftp opened by the client": (tcp(LINUX, ZOS, 40000, 21, SYN), [("LanFtp", 2, "Inbound", "Permit")]),
    "ftp opened by the server": (tcp(ZOS, LINUX, 21, 40000, SYN), [(OUT, 1, "Outbound", "Deny")]),
    "ftp answer SYN ACK": (tcp(ZOS, LINUX, 21, 40000, SYN | ACK), [("LanFtp", 1, "Outbound", "Permit")]),
    "ftp data opened by the server": (tcp(ZOS, LINUX, 20, 40001, SYN), [("LanFtp", 3, "Outbound", "Permit")]),
    "ftp data opened by the client": (tcp(LINUX, ZOS, 40001, 20, SYN), [(IN, 1, "Inbound", "Deny")]),
    "telnet": (tcp(LINUX, ZOS, 40000, 23, SYN), [("NoTelnet", 1, "Inbound", "Deny")]),
    "ping": (icmp(LINUX, ZOS, 8), [("LanPing", 2, "Inbound", "Permit")]),
    "ping reply": (icmp(ZOS, LINUX, 0), [("LanPing", 1, "Outbound", "Permit")]),
    "ping, upper end of the range": (icmp("10.1.2.20", ZOS, 8), [("LanPing", 4, "Inbound", "Permit")]),
    "ping, lower end of the range": (icmp("10.1.2.10", ZOS, 8), [("LanPing", 4, "Inbound", "Permit")]),
    "ping from outside the range": (icmp("10.1.2.21", ZOS, 8), [(IN, 1, "Inbound", "Deny")]),
    "forwarded": (tcp(LINUX, "10.9.9.9", 40000, 80, SYN), [(IN, 1, "Inbound", "Deny")]),
    "ospf hello out": (ospf(ZOS, "224.0.0.5"), [("RoutingProtocols", 1, "Outbound", "Permit")]),
    "ospf hello in": (ospf("10.1.1.1", "224.0.0.5"), [("RoutingProtocols", 2, "Inbound", "Permit")]),
}


@pytest.mark.parametrize("name", PACKETS)
def test_complete__packet_and_its_filter(complete, name) -> None:
    packet, expected = PACKETS[name]
    assert decided(complete, packet) == expected


def test_complete__records_of_the_logged_packets() -> None:
    made = policy_system(IPSTACK, **COMPLETE)
    packets = {name: packet for name, (packet, _) in PACKETS.items()}
    play(made, packets["ftp opened by the client"], packets["telnet"], packets["ping"], packets["forwarded"])
    said = [(line.split(": ")[1].split()[0], "dest= routed" in line) for line in log_of(made)]
    assert said == [("EZD0814I", False), ("EZD0815I", False), ("EZD0815I", True)]


@pytest.mark.parametrize("compiled", [False, True])
def test_complete__both_modes_of_the_engine_agree(compiled) -> None:
    made = policy_system(IPSTACK, **COMPLETE)
    frames = engine.frames_of([(NOW, packet) for packet, _ in PACKETS.values()], 101, compiled)
    outcome, _ = made.receive(frames)
    found = [verdict(outcome, at) for at in range(len(PACKETS))]
    assert found == ["permitted" if row[0][3] == "Permit" else "denied" for _, row in PACKETS.values()]
    assert sum(hits.matches for hits in made.stack.policy.hits) == len(PACKETS)


def test_ftp_example__four_filters() -> None:
    text = (
        policy("IpFilterRule LanFtp\n{\n  IpSourceAddr 10.1.1.2\n  IpDestAddr 10.1.0.0/24\n"
               "  IpServiceGroupRef FTPServer\n  IpGenericFilterActionRef permit-log\n}\n") + FTP_SERVER
    )  # fmt: skip
    assert rows(policy_system(text).stack.policy.filters)[:4] == INSTALLED[1:5]


# ---- expansion over addresses, services and families (5.2, 5.3) -----------------------------------------------


def expanded(text: str, version: int = 4) -> list[tuple[int, str, str, str]]:
    found = rows(policy_system(policy(text)).stack.policy.filters, version)
    return [(row.ext, row.way, row.source, row.dest) for row in found if not row.name.startswith("DenyAll")]


def test_expansion__source_outermost_then_dest_then_service() -> None:
    text = rule("r", source="10.0.0.1|10.0.0.2", dest="10.0.1.1|10.0.1.2", service="Direction outbound")
    assert expanded(text) == [
        (1, "Outbound", "10.0.0.1", "10.0.1.1"),
        (2, "Outbound", "10.0.0.1", "10.0.1.2"),
        (3, "Outbound", "10.0.0.2", "10.0.1.1"),
        (4, "Outbound", "10.0.0.2", "10.0.1.2"),
    ]


def test_expansion__outbound_first_and_numbers_run_on_over_services() -> None:
    text = rule("r", source=ZOS, dest=LINUX, service="Protocol Tcp|Protocol Udp;Direction inbound|Protocol Icmp")
    assert [(row[0], row[1]) for row in expanded(text)] == [
        (1, "Outbound"), (2, "Inbound"), (3, "Inbound"), (4, "Outbound"), (5, "Inbound"),
    ]  # fmt: skip


def test_expansion__inbound_service_is_not_swapped() -> None:
    assert expanded(rule("r", source=LINUX, dest=ZOS, service="Direction inbound")) == [(1, "Inbound", LINUX, ZOS)]


def test_expansion__inbound_half_of_bidirectional_is_swapped() -> None:
    assert expanded(rule("r", source=ZOS, dest=LINUX))[1] == (2, "Inbound", LINUX, ZOS)


def test_expansion__all_makes_filters_in_both_families() -> None:
    text = rule("r", service="Direction inbound")
    assert expanded(text, 4) == [(1, "Inbound", ANY, ANY)]
    assert expanded(text, 6) == [(2, "Inbound", "::/0", "::/0")]


def test_expansion__all_takes_the_family_of_the_other_side() -> None:
    text = rule("r", source="All", dest="2001:db8::2", service="Direction inbound")
    assert expanded(text, 4) == []
    assert expanded(text, 6) == [(1, "Inbound", "::/0", "2001:db8::2")]


def test_expansion__icmp_is_skipped_for_ipv6_and_icmpv6_for_ipv4() -> None:
    text = rule("r", service="Protocol Icmp;Direction inbound|Protocol Icmpv6;Direction inbound")
    assert [row[0] for row in expanded(text, 4)] == [1]
    assert [row[0] for row in expanded(text, 6)] == [2]


def test_expansion__families_in_one_rule_are_separate_tables() -> None:
    text = rule("r", source="10.0.0.1|2001:db8::1", dest="All", service="Direction outbound")
    assert expanded(text, 4) == [(1, "Outbound", "10.0.0.1", ANY)]
    assert expanded(text, 6) == [(2, "Outbound", "2001:db8::1", "::/0")]


def test_expansion__without_ipconfig6_only_ipv4_filters() -> None:
    profile = PROFILE.replace("IPCONFIG6 IPSECURITY\n", "")
    made = policy_system(policy(rule("r", service="Direction inbound")), profile)
    assert {each.version for each in made.stack.policy.filters} == {4}


def test_expansion__no_common_family_is_an_error() -> None:
    assert [row[0] for row in errors_of(policy(rule("r", source="10.0.0.1", dest="2001:db8::1")))] == [
        "no-common-family"
    ]


def test_expansion__rule_reached_twice_goes_on_counting() -> None:
    text = policy(rule("r", source="All4", service="Direction inbound")).replace(
        "IpFilterRuleRef r\n", "IpFilterRuleRef r\n  IpFilterRuleRef r\n"
    )
    found = rows(policy_system(text).stack.policy.filters)
    assert [(row.name, row.ext) for row in found if row.name == "r"] == [("r", 1), ("r", 2)]


def test_expansion__stack_statement_wins_over_the_common_one() -> None:
    common = "IpAddr h\n{\n  Addr 10.0.0.1\n}\n" + rule("r", source="10.0.0.7", service="Direction inbound") + ACTIONS
    stack = (
        "IpFilterPolicy\n{\n  IpFilterRuleRef r\n}\nIpAddr h\n{\n  Addr 10.0.0.2\n}\n"
        "IpFilterRule r\n{\n  IpSourceAddrRef h\n  IpService\n  {\n    Direction inbound\n  }\n"
        "  IpGenericFilterActionRef permit-log\n}\n"
    )
    made = policy_system(stack, IPCOMMON=common, PAMAIN=COMPLETE["PAMAIN"])
    assert rows(made.stack.policy.filters)[0].source == "10.0.0.2"


def test_expansion__only_a_common_file() -> None:
    text = policy(rule("r", service="Direction inbound"))
    made = policy_system("", IPCOMMON=text, PAMAIN=COMPLETE["PAMAIN"], PAIMAGE="IpSecConfig\n")
    assert rows(made.stack.policy.filters)[0].name == "r"


# ---- the default rules of the profile (2.4) -------------------------------------------------------------------


def default(block: str, profile: str = PROFILE):
    return profile_system(profile + f"IPSEC {block}\nENDIPSEC\n").stack.default


def test_profile__a_rule_is_a_pair_with_ends_swapped() -> None:
    found = rows(default("IPSECRULE 10.1.1.2 10.1.0.0/16 PROTOCOL TCP SRCPORT 22 DESTPORT 1024 65535").filters)
    assert found[:2] == [
        Row("SYSDEFAULTRULE.1", 1, "Outbound", ZOS, "22", "10.1.0.0/16", "1024-65535", "Permit"),
        Row("SYSDEFAULTRULE.1", 2, "Inbound", "10.1.0.0/16", "1024-65535", ZOS, "22", "Permit"),
    ]


def test_profile__closes_with_the_deny_pair() -> None:
    found = rows(default("").filters)
    assert [(row.name, row.ext, row.way, row.action) for row in found] == [
        ("SYSDEFAULTDENYRULE", 1, "Outbound", "Deny"),
        ("SYSDEFAULTDENYRULE", 2, "Inbound", "Deny"),
    ]


def test_profile__rules_are_numbered_by_position() -> None:
    found = rows(default("IPSECR * *\nIPSECRULE * 10.1.0.2 LOG\nIPSECRULE * *").filters)
    assert [row.name for row in found[:6:2]] == ["SYSDEFAULTRULE.1", "SYSDEFAULTRULE.2", "SYSDEFAULTRULE.3"]


def test_profile__families_share_the_counter_and_ipv4_comes_first() -> None:
    made = default("IPSEC6RULE * *\nIPSECRULE * *")
    names = [(each.version, each.name) for each in made.filters if not each.hidden][::2]
    assert names == [(4, "SYSDEFAULTRULE.2"), (4, "SYSDEFAULTDENYRULE"),
                     (6, "SYSDEFAULTRULE.1"), (6, "SYSDEFAULTDENYRULE")]  # fmt: skip


def test_profile__one_rule_of_each_family_makes_eight() -> None:
    made = profile_system(PROFILE + "IPSEC LOGENABLE\nIPSECRULE * *\nIPSEC6RULE * *\nENDIPSEC\n")
    assert "TotAvail: 8" in made.shell("ipsec -f display").text


@pytest.mark.parametrize("way", ["INBOUND", "OUTBOUND"])
def test_profile__single_direction_is_one_filter_as_coded(way) -> None:
    found = rows(default(f"IPSECRULE 10.1.0.2 10.1.1.2 DIRECTION {way}").filters)
    assert found[0] == Row("SYSDEFAULTRULE.1", 1, way.capitalize(), LINUX, "any", ZOS, "any", "Permit")
    assert found[1].name == "SYSDEFAULTDENYRULE"


@pytest.mark.parametrize(
    ("coded", "shown"),
    [
        ("10.1.0.2", "10.1.0.2"),
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("10.1.0.5 - 10.1.0.9", "10.1.0.5-10.1.0.9"),
        ("*", "0.0.0.0/0"),
    ],
)
def test_profile__forms_of_address(coded, shown) -> None:
    assert rows(default(f"IPSECRULE {coded} *").filters)[0].source == shown
    assert rows(default(f"IPSECRULE * {coded} NOLOG").filters)[0].dest == shown


def test_profile__without_rules_everything_is_dropped() -> None:
    made = profile_system(PROFILE)
    assert decided(made, icmp(LINUX, ZOS, 8)) == [("SYSDEFAULTDENYRULE", 2, "Inbound", "Deny")]
    assert decided(made, icmp(ZOS, LINUX, 8)) == [("SYSDEFAULTDENYRULE", 1, "Outbound", "Deny")]


def test_profile__without_ipsecurity_nothing_is_filtered() -> None:
    made = profile_system(PROFILE.replace(" IPSECURITY", ""))
    outcome, _ = play(made, icmp(LINUX, ZOS, 8))
    assert verdict(outcome) in ("permitted", "unfiltered")
    assert made.shell("ipsec -f display").code == 3


def test_profile__ipsecurity_of_ipv6_may_stand_before_that_of_ipv4() -> None:
    """2.3: IPCONFIG IPSECURITY must be present too; no order is said."""
    made = profile_system("IPCONFIG6 IPSECURITY\nIPCONFIG IPSECURITY\n" + PROFILE.split("\n", 2)[2])
    assert made.stack.versions == (4, 6)


DEFAULTS = """\
IPSEC LOGENABLE LOGIMPLICIT
  IPSECRULE  *  10.1.0.2            NOLOG PROTOCOL *
  IPSECRULE  *  *                   NOLOG PROTOCOL OSPF
  IPSECRULE  *  *                   NOLOG PROTOCOL 2
  IPSECRULE  *  *                   NOLOG PROTOCOL UDP SRCPORT * DESTPORT 53
  IPSECRULE  10.1.1.2  *            LOG   PROTOCOL TCP SRCPORT 22 DESTPORT *
  IPSECRULE  *  10.1.0.0/16         LOG   PROTOCOL ICMP TYPE 8 CODE 0 ROUTING ROUTED SECCLASS 100
ENDIPSEC
"""


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (tcp(ZOS, LINUX, 9, 9), [("SYSDEFAULTRULE.1", 1, "Outbound", "Permit")]),
        (tcp(LINUX, ZOS, 9, 9), [("SYSDEFAULTRULE.1", 2, "Inbound", "Permit")]),
        (ospf("10.1.1.1", "224.0.0.5"), [("SYSDEFAULTRULE.2", 2, "Inbound", "Permit")]),
        (igmp("192.168.1.254", "224.0.0.1"), [("SYSDEFAULTRULE.3", 2, "Inbound", "Permit")]),
        (udp(ZOS, "10.7.7.7", 5000, 53), [("SYSDEFAULTRULE.4", 1, "Outbound", "Permit")]),
        (udp("10.7.7.7", ZOS, 53, 5000), [("SYSDEFAULTRULE.4", 2, "Inbound", "Permit")]),
        (udp("10.7.7.7", ZOS, 5000, 53), [("SYSDEFAULTDENYRULE", 2, "Inbound", "Deny")]),
        (tcp("10.7.7.7", ZOS, 5000, 22, SYN), [("SYSDEFAULTRULE.5", 2, "Inbound", "Permit")]),
        (tcp(ZOS, "10.7.7.7", 22, 5000), [("SYSDEFAULTRULE.5", 1, "Outbound", "Permit")]),
    ],
)
def test_profile__documented_examples_decide(packet, expected) -> None:
    assert decided(profile_system(PROFILE + DEFAULTS), packet) == expected


def test_profile__routed_ping_on_class_100_only() -> None:
    rest = PROFILE.replace("PORTNAME PORTA\nINTERFACE ETH2", "PORTNAME PORTA SECCLASS 100\nINTERFACE ETH2")
    rest = rest.replace("PORTNAME PORTB", "PORTNAME PORTB SECCLASS 100")
    ping = icmp("192.168.1.9", "10.1.0.9", 8)
    hundred = decided(profile_system(rest + DEFAULTS), ping)
    assert hundred[-1][0] == "SYSDEFAULTDENYRULE"  # arriving, the swapped half wants 10.1.0.0/16 as the source
    assert decided(profile_system(PROFILE + DEFAULTS), ping)[0][0] == "SYSDEFAULTDENYRULE"
    single = DEFAULTS.replace("SECCLASS 100", "SECCLASS 100 DIRECTION INBOUND")
    assert decided(profile_system(rest + single), ping)[0][:3] == ("SYSDEFAULTRULE.6", 1, "Inbound")
    assert decided(profile_system(PROFILE + single), ping)[0][0] == "SYSDEFAULTDENYRULE"


def test_profile__ipv6_neighbour_discovery_needs_no_rule() -> None:
    made = profile_system(PROFILE)
    solicitation = icmp("fe80::1", "ff02::1:ff00:2", 135)
    outcome, _ = play(made, solicitation, icmp("2001:db8::9", "2001:db8::2", 128))
    assert [verdict(outcome, at) for at in (0, 1)] == ["permitted", "denied"]
    assert "neighbour" not in made.shell("ipsec -f display").text


# ---- TCP connect qualifiers (6.5) -----------------------------------------------------------------------------


def qualified(way: str):
    text = rule("q", source=ZOS, dest=LINUX, service=f"Protocol Tcp;SourcePortRange 80;Direction {way}")
    return policy_system(policy(text))


REQUEST, ANSWER, DATA, RESET = SYN, SYN | ACK, ACK, 0x04


@pytest.mark.parametrize(
    ("way", "out", "back"),
    [
        #                               SYN    SYN+ACK ACK   RST     SYN    SYN+ACK ACK   RST
        ("bidirectional",                (True, True, True, True), (True, True, True, True)),
        ("bidirectional InboundConnect", (False, True, True, True), (True, True, True, True)),
        ("bidirectional OutboundConnect", (True, True, True, True), (False, True, True, True)),
    ],
)  # fmt: skip
def test_qualifier__who_may_open(way, out, back) -> None:
    made = qualified(way)
    flags = (REQUEST, ANSWER, DATA, RESET)
    leaving = [decided(made, tcp(ZOS, LINUX, 80, 4000, each))[0][0] == "q" for each in flags]
    arriving = [decided(made, tcp(LINUX, ZOS, 4000, 80, each))[0][0] == "q" for each in flags]
    assert (tuple(leaving), tuple(arriving)) == (out, back)


@pytest.mark.parametrize(
    ("way", "source", "opens", "other"),
    [
        ("inbound OutboundConnect", LINUX, False, True),
        ("inbound InboundConnect", LINUX, True, True),
        ("outbound InboundConnect", ZOS, False, True),
        ("outbound OutboundConnect", ZOS, True, True),
    ],
)
def test_qualifier__on_a_single_direction(way, source, opens, other) -> None:
    dest = ZOS if source == LINUX else LINUX
    made = policy_system(policy(rule("q", source=source, dest=dest, service=f"Protocol Tcp;Direction {way}")))
    found = [decided(made, tcp(source, dest, 5, 6, flags))[0][0] == "q" for flags in (SYN, ACK)]
    assert found == [opens, other]


def test_qualifier__what_fails_it_goes_on_to_the_next_filter() -> None:
    strict = rule("strict", source=ZOS, dest=LINUX, service="Protocol Tcp;Direction outbound InboundConnect")
    after = rule("after", source=ZOS, dest=LINUX, service="Protocol Tcp;Direction outbound")
    made = policy_system(policy(strict, after))
    assert decided(made, tcp(ZOS, LINUX, 1, 2, SYN))[0][0] == "after"
    assert decided(made, tcp(ZOS, LINUX, 1, 2, ACK))[0][0] == "strict"


def test_qualifier__other_flags_do_not_hide_a_request() -> None:
    made = qualified("bidirectional InboundConnect")
    assert decided(made, tcp(ZOS, LINUX, 80, 4000, SYN | 0x08 | 0x20))[0][0] == OUT


# ---- fragments, opaque, truncated (6.6) -----------------------------------------------------------------------

FAR = "10.9.9.9"


def routed(*services: str):
    """A policy of routed rules r1, r2, ... with one service each, from anywhere to anywhere."""
    made = [rule(f"r{at}", service=f"{each};Routing routed;Direction inbound") for at, each in enumerate(services, 1)]
    return policy_system(policy(*made))


def first_of(made, packet) -> str:
    return decided(made, packet)[0][0]


LATER = ip4("10.1.0.2", FAR, 6, bytes(40), offset=5)
FIRST = tcp("10.1.0.2", FAR, 4000, 80, SYN, more=True)
WHOLE = tcp("10.1.0.2", FAR, 4000, 80, SYN)


def test_fragment__later_one_matches_no_rule_with_ports() -> None:
    made = routed("Protocol Tcp;DestinationPortRange 80", "Protocol Tcp")
    assert [first_of(made, each) for each in (WHOLE, FIRST, LATER)] == ["r1", "r1", "r2"]


def test_fragment__later_one_matches_no_rule_with_all_ports_coded_as_a_range() -> None:
    made = routed("Protocol Tcp;DestinationPortRange 1 65535", "Protocol All")
    assert first_of(made, LATER) == "r2"


def test_fragment__later_one_matches_its_protocol_only() -> None:
    made = routed("Protocol Udp", "Protocol Tcp")
    assert first_of(made, LATER) == "r2"


def test_fragment__later_icmp_matches_no_type() -> None:
    made = routed("Protocol Icmp;Type 0 255", "Protocol Icmp;Code 0", "Protocol Icmp")
    assert first_of(made, ip4("10.1.0.2", FAR, 1, bytes(40), offset=5)) == "r3"


def test_fragment__fragments_only_takes_any_fragment_and_nothing_whole() -> None:
    made = routed("Protocol Tcp;FragmentsOnly yes", "Protocol All")
    assert [first_of(made, each) for each in (WHOLE, FIRST, LATER)] == ["r2", "r1", "r1"]


def test_fragment__flags_are_unknown_and_no_request() -> None:
    text = rule("q", service="Protocol Tcp;Routing routed;Direction inbound OutboundConnect")
    made = policy_system(policy(text))
    assert [first_of(made, each) for each in (WHOLE, LATER)] == [IN, "q"]


def test_fragment__opaque_takes_indeterminate_selectors_only() -> None:
    made = routed("Protocol Opaque", "Protocol All")
    assert [first_of(made, each) for each in (WHOLE, FIRST, LATER)] == ["r2", "r2", "r1"]


def test_fragment__indeterminate_ipv6_protocol_matches_all_and_opaque_only() -> None:
    made = routed("Protocol Tcp", "Protocol Udp", "Protocol 0", "Protocol All")
    chain_cut = ip6("2001:db8:1::1", "2001:db8:2::1", 60, bytes((0, 5)) + bytes(6))  # options end beyond the packet
    assert first_of(made, chain_cut) == "r4"
    assert first_of(routed("Protocol Opaque", "Protocol All"), chain_cut) == "r1"


def test_fragment__ipv6_later_one_matches_no_ports() -> None:
    made = routed("Protocol Tcp;SourcePortRange 1 65535", "Protocol All")
    assert first_of(made, ip6("2001:db8:1::1", "2001:db8:2::1", 6, bytes(40), offset=5)) == "r2"


def test_fragment__profile_fragmentsonly() -> None:
    text = PROFILE + "IPSEC\nIPSECRULE * * PROTOCOL TCP ROUTING ROUTED FRAGMENTSONLY DIRECTION INBOUND\nENDIPSEC\n"
    made = profile_system(text)
    assert [first_of(made, each) for each in (WHOLE, FIRST, LATER)] == [
        "SYSDEFAULTDENYRULE", "SYSDEFAULTRULE.1", "SYSDEFAULTRULE.1",
    ]  # fmt: skip


# ---- security class, routing, multicast, forwarding (6.2, 6.3) ------------------------------------------------


def classes(one: int, two: int) -> str:
    text = PROFILE.replace("IPADDR 10.1.1.2", f"IPADDR 10.1.1.2 SECCLASS {one}")
    return text.replace("IPADDR 192.168.1.74/24", f"IPADDR 192.168.1.74/24 SECCLASS {two}")


def test_secclass__of_the_interface_crossed() -> None:
    made = policy_system(policy(rule("r", service="SecurityClass 7"), rule("any")), classes(7, 9))
    assert first_of(made, icmp(LINUX, ZOS, 8)) == "r"
    assert first_of(made, icmp(ZOS, LINUX, 0)) == "r"
    assert first_of(made, icmp("192.168.1.9", "192.168.1.74", 8)) == "any"
    assert first_of(made, icmp("192.168.1.74", "192.168.1.9", 0)) == "any"


def test_secclass__is_255_where_none_is_coded() -> None:
    made = policy_system(policy(rule("r", service="SecurityClass 255")))
    assert first_of(made, icmp(LINUX, ZOS, 8)) == "r"


def test_secclass__forwarded_packet_has_that_of_each_side() -> None:
    first = rule("in9", service="SecurityClass 9;Routing routed;Direction inbound")
    second = rule("out7", service="SecurityClass 7;Routing routed;Direction outbound")
    made = policy_system(policy(first, second), classes(7, 9))
    assert [row[0] for row in decided(made, icmp("192.168.1.9", LINUX, 8))] == ["in9", "out7"]


@pytest.mark.parametrize(
    ("routing", "local", "forwarded"), [("local", "r", IN), ("routed", IN, "r"), ("either", "r", "r")]
)
def test_routing__which_packets_it_takes(routing, local, forwarded) -> None:
    made = policy_system(policy(rule("r", service=f"Routing {routing}")))
    assert first_of(made, icmp(LINUX, ZOS, 8)) == local
    assert first_of(made, icmp(LINUX, "192.168.1.9", 8)) == forwarded


def test_routing__default_is_local() -> None:
    made = policy_system(policy(rule("r")))
    assert first_of(made, icmp(LINUX, "192.168.1.9", 8)) == IN


def test_routing__forwarded_packet_needs_both_permits_and_both_count() -> None:
    into = rule("into", service="Routing routed;Direction inbound", action="permit-quiet")
    made = policy_system(policy(into))
    outcome, _ = play(made, icmp(LINUX, "192.168.1.9", 8))
    assert verdict(outcome) == "denied"
    counts = {each.name: hits.matches for each, hits in zip(made.stack.policy.filters, made.stack.policy.hits,
                                                            strict=True) if hits.matches}  # fmt: skip
    assert counts == {"into": 1, OUT: 1}


@pytest.mark.parametrize("dest", ["224.0.0.1", "224.0.0.5", "255.255.255.255", "192.168.1.255", "239.255.255.250"])
def test_multicast__and_broadcast_arriving_are_local(dest) -> None:
    made = policy_system(policy(rule("r", service="Routing local;Direction inbound")))
    assert first_of(made, igmp("192.168.1.254", dest)) == "r"


def test_multicast__of_ipv6_is_local() -> None:
    made = policy_system(policy(rule("r", service="Routing local;Direction inbound")))
    assert first_of(made, icmp("2001:db8::9", "ff02::1", 130)) == "r"


def test_multicast__own_packets_leave_as_local() -> None:
    made = policy_system(policy(rule("r", service="Routing local;Direction outbound")))
    assert decided(made, ospf(ZOS, "224.0.0.5")) == [("r", 1, "Outbound", "Permit")]


def test_nodatagramfwd__drops_after_the_filters_saw_the_packet() -> None:
    profile = PROFILE.replace("DATAGRAMFWD", "NODATAGRAMFWD")
    made = policy_system(policy(rule("r", service="Routing either")), profile)
    outcome, _ = play(made, icmp(LINUX, "192.168.1.9", 8), icmp(LINUX, ZOS, 8))
    assert [verdict(outcome, at) for at in (0, 1)] == ["denied", "permitted"]
    assert made.stack.policy.hits[1].matches == 2  # the inbound filter saw both
    assert "(not forwarded)" not in "".join(log_of(made))


def test_nodatagramfwd__leaves_ipv6_alone() -> None:
    profile = PROFILE.replace("IPCONFIG DATAGRAMFWD", "IPCONFIG NODATAGRAMFWD")
    made = policy_system(policy(rule("r", service="Routing either")), profile)
    outcome, _ = play(made, icmp("2001:db8:1::1", "2001:db8:2::1", 128))
    assert verdict(outcome) == "permitted"


def test_ipv6__is_unfiltered_without_ipconfig6_ipsecurity() -> None:
    profile = PROFILE.replace("IPCONFIG6 IPSECURITY\n", "")
    made = policy_system(policy(rule("r", source="10.0.0.1", action="deny-log")), profile)
    outcome, _ = play(made, icmp("2001:db8::9", "2001:db8::2", 128), icmp(LINUX, ZOS, 8))
    assert verdict(outcome, 0) in ("permitted", "unfiltered")
    assert verdict(outcome, 1) == "denied"
    assert len(log_of(made)) == 1


def test_loopback__local_to_local_is_not_filtered() -> None:
    made = policy_system(policy(rule("r", source="10.0.0.1")))
    for packet in (icmp(ZOS, ZOS, 8), icmp(ZOS, "192.168.1.74", 8), icmp("127.0.0.1", "127.0.0.1", 8)):
        outcome, _ = play(made, packet)
        assert verdict(outcome) in ("permitted", "unfiltered")
    assert not any(hits.matches for hits in made.stack.policy.hits)


# ---- logging (8) ----------------------------------------------------------------------------------------------

GATES = [
    ("LOGENABLE", "LOG", True, False),
    ("LOGENABLE", "NOLOG", False, False),
    ("LOGENABLE", "", False, False),
    ("LOGENABLE LOGIMPLICIT", "NOLOG", False, True),
    ("LOGENABLE LOGIMPLICIT", "LOG", True, True),
    ("LOGDISABLE LOGIMPLICIT", "LOG", False, False),
    ("", "LOG", False, False),
    ("LOGIMPLICIT", "LOG", False, False),
]


@pytest.mark.parametrize(("switches", "option", "rule_logs", "deny_logs"), GATES)
def test_logging__gates_of_the_profile(switches, option, rule_logs, deny_logs) -> None:
    made = profile_system(PROFILE + f"IPSEC {switches}\nIPSECRULE * 10.1.0.2 {option}\nENDIPSEC\n")
    play(made, icmp(LINUX, ZOS, 8), icmp("10.7.7.7", ZOS, 8))
    said = "".join(log_of(made))
    assert ("EZD0814I" in said, "EZD0815I" in said) == (rule_logs, deny_logs)


@pytest.mark.parametrize(
    ("gate", "action", "expected"),
    [
        ("on", "permit-log", ["EZD0814I", "EZD0815I"]),
        ("on", "permit-quiet", ["EZD0815I"]),
        ("on", "deny-log", ["EZD0815I", "EZD0815I"]),
        ("on", "deny-quiet", ["EZD0815I"]),
        ("off", "permit-log", []),
        ("off", "deny-log", []),
    ],
)
def test_logging__gates_of_the_policy(gate, action, expected) -> None:
    made = policy_system(policy(rule("r", source=LINUX, action=action, service="Direction inbound"), logging=gate))
    play(made, icmp(LINUX, ZOS, 8), icmp("10.7.7.7", ZOS, 8))
    assert [line.split("]: ")[1].split()[0] for line in log_of(made)] == expected


def test_logging__without_trmd_the_verdict_stands_and_nothing_is_kept() -> None:
    made = system(chain(policy(rule("r"))), tasks="-TRMD")
    outcome, deliveries = play(made, icmp(LINUX, ZOS, 8))
    assert verdict(outcome) == "permitted"
    assert (deliveries, log_of(made)) == ([], [])


@pytest.mark.parametrize(
    ("word", "with_tunnel"), [("No", "None"), ("Yes", "All"), ("LogPermit", "Permit"), ("LogDeny", "Deny")]
)
def test_logging__words_of_an_ipsec_action(word, with_tunnel) -> None:
    text = policy(rule("r", source=LINUX, action="tunnel")).replace(
        "IpGenericFilterActionRef tunnel", "IpGenericFilterActionRef tunnel\n  IpDynVpnActionRef vpn"
    )
    text += f"IpGenericFilterAction tunnel\n{{\n  IpFilterAction IpSec\n  IpFilterLogging {word}\n}}\n"
    text += "IpDynVpnAction vpn\n{\n  Initiation LocalOnly\n}\n"
    made = policy_system(text)
    assert made.stack.policy.filters[0].logging == with_tunnel
    outcome, _ = play(made, icmp(LINUX, ZOS, 8))
    assert verdict(outcome) == "denied"  # no security association exists


def test_first_match__decides_and_only_it_counts() -> None:
    made = policy_system(policy(rule("a", source=LINUX, service="Direction inbound", action="deny-quiet"),
                                rule("b", source=LINUX, service="Direction inbound")))  # fmt: skip
    play(made, icmp(LINUX, ZOS, 8), icmp(LINUX, ZOS, 8))
    assert [hits.matches for hits in made.stack.policy.hits[:2]] == [2, 0]


def test_policy__never_falls_through_to_the_profile_rules() -> None:
    profile = PROFILE + "IPSEC\nIPSECRULE * * ROUTING EITHER\nENDIPSEC\n"
    made = policy_system(policy(rule("r", source="10.0.0.1")), profile)
    assert decided(made, icmp(LINUX, ZOS, 8)) == [(IN, 1, "Inbound", "Deny")]


def test_ports__zero_alone_is_any() -> None:
    made = policy_system(policy(rule("r", service="Protocol Tcp;DestinationPortRange 0")))
    assert first_of(made, tcp(LINUX, ZOS, 1, 65535)) == "r"


@pytest.mark.parametrize(("port", "name"), [(1023, IN), (1024, "r"), (2000, "r"), (2001, IN)])
@pytest.mark.parametrize("form", ["1024 2000", "1024-2000", "1024:2000"])
def test_ports__range_is_inclusive_in_all_its_forms(form, port, name) -> None:
    made = policy_system(policy(rule("r", service=f"Protocol Udp;DestinationPortRange {form};Direction inbound")))
    assert first_of(made, udp(LINUX, ZOS, 1, port)) == name


def test_type__is_not_mirrored() -> None:
    made = policy_system(policy(rule("r", source=ZOS, dest=LINUX, service="Protocol Icmp;Type 8")))
    assert first_of(made, icmp(LINUX, ZOS, 8)) == "r"
    assert first_of(made, icmp(ZOS, LINUX, 8)) == "r"
    assert first_of(made, icmp(ZOS, LINUX, 0)) == OUT


def test_type__of_ospf_is_byte_one() -> None:
    made = policy_system(policy(rule("r", service="Protocol Ospf;Type 4;Direction inbound")))
    assert [first_of(made, ospf("10.1.1.1", "224.0.0.5", each)) for each in (1, 4, 5)] == [IN, "r", IN]


def test_prefix__host_bits_are_masked() -> None:
    made = policy_system(policy(rule("r", source="10.1.0.77/24", service="Direction inbound")))
    assert rows(made.stack.policy.filters)[0].source == "10.1.0.0/24"


# ---- what is in force (2.4.4, 3.4, 7) -------------------------------------------------------------------------


def source_of(made) -> str:
    return next(line for line in made.shell("ipsec -f display").text.splitlines() if line.startswith("Source:"))[10:25]


BAD = "IpFilterPolicy\n{\n  IpFilterRuleRef nosuch\n}\n"


@pytest.mark.parametrize("text", ["", "# only a comment\n", BAD, "IpFilterPolicy\n{\n}\n", ACTIONS])
def test_in_force__profile_when_the_first_policy_is_no_good(text) -> None:
    assert source_of(system(chain(text))).strip() == "Stack Profile"


def test_in_force__profile_without_an_ipsecconfig() -> None:
    made = system(chain(policy(rule("r")), PAIMAGE="# nothing\n"))
    assert source_of(made).strip() == "Stack Profile"


def test_in_force__an_error_keeps_the_policy_and_its_counts() -> None:
    made = policy_system(policy(rule("r")))
    play(made, icmp(LINUX, ZOS, 8))
    made.files.text["USER.CONFIG(IPSTACK)"] = BAD
    reply = made.console("F CPAGENT,REFRESH")
    assert not reply.done
    assert "EZZ8438I" in str([str(each) for each in reply.messages])
    assert sum(hits.matches for hits in made.stack.policy.hits) == 1


def test_in_force__removing_ipsecconfig_activates_the_default_policy() -> None:
    made = policy_system(policy(rule("r")))
    made.files.text["USER.CONFIG(PAIMAGE)"] = "# removed\n"
    made.console("F CPAGENT,REFRESH")
    assert source_of(made).strip() == "Stack Profile"


def test_in_force__refresh_restarts_counts_and_update_keeps_them() -> None:
    made = policy_system(policy(rule("r")))
    play(made, icmp(LINUX, ZOS, 8))
    assert made.console("F CPAGENT,UPDATE").done
    assert sum(hits.matches for hits in made.stack.policy.hits) == 1
    assert made.console("F CPAGENT,REFRESH").done
    assert sum(hits.matches for hits in made.stack.policy.hits) == 0


def test_in_force__update_installs_what_changed() -> None:
    made = policy_system(policy(rule("r")))
    made.files.text["USER.CONFIG(IPSTACK)"] = policy(rule("other"))
    made.console("F CPAGENT,UPDATE")
    assert made.stack.policy.filters[0].name == "other"


def test_in_force__update_ignores_a_changed_profile() -> None:
    """3.4: UPDATE reads changed policy files; the profile is none of the Policy Agent's."""
    made = policy_system(policy(rule("r")))
    play(made, icmp(LINUX, ZOS, 8))
    made.files.text["USER.CONFIG(PROFILE)"] = PROFILE + "; a comment\n"
    made.console("F CPAGENT,UPDATE")
    assert sum(hits.matches for hits in made.stack.policy.hits) == 1


def test_in_force__update_finds_a_file_that_was_missing() -> None:
    files = chain(policy(rule("r")))
    text = files.pop("USER.CONFIG(IPSTACK)")
    made = system(files)
    assert made.stack.policy is None
    made.files.text["USER.CONFIG(IPSTACK)"] = text
    made.console("F CPAGENT,UPDATE")
    assert made.stack.policy is not None


def test_in_force__refresh_that_succeeds_clears_the_doubts() -> None:
    made = system(chain(BAD))
    assert made.doubts
    made.files.text["USER.CONFIG(IPSTACK)"] = policy(rule("r"))
    assert made.console("F CPAGENT,REFRESH").done
    assert made.doubts == ()


def test_in_force__default_and_reload() -> None:
    made = policy_system(policy(rule("r")))
    assert made.shell("ipsec -f default").code == 0
    assert source_of(made).strip() == "Stack Profile"
    made.console("F CPAGENT,REFRESH")
    assert source_of(made).strip() == "Stack Profile"
    assert made.shell("ipsec -f reload").code == 0
    assert source_of(made).strip() == "Stack Policy"


def test_in_force__obeyfile_with_ipsec_replaces_all_profile_rules() -> None:
    made = profile_system(PROFILE + DEFAULTS)
    made.files.names["USER.CONFIG(NEW)"] = "NEW"
    made.files.text["USER.CONFIG(NEW)"] = "IPSEC\nIPSECRULE * 10.3.3.3\nENDIPSEC\n"
    assert made.console("V TCPIP,,OBEYFILE,USER.CONFIG(NEW)").done
    assert [row.dest for row in rows(made.stack.default.filters)][:3] == ["10.3.3.3", "0.0.0.0/0", "0.0.0.0/0"]


def test_in_force__obeyfile_without_ipsec_leaves_the_rules() -> None:
    made = profile_system(PROFILE + DEFAULTS)
    before = made.stack.default
    made.files.names["USER.CONFIG(NEW)"] = "NEW"
    made.files.text["USER.CONFIG(NEW)"] = "STOP ETH2\n"
    assert made.console("V TCPIP,TCPIP,O,DSN").done is False
    assert made.console("V TCPIP,TCPIP,OBEY,'USER.CONFIG(NEW)'").done
    assert made.stack.default is before
    assert not made.stack.interfaces.attachments["ETH2"].started


def test_obeyfile__names_a_stack_that_is_not_there() -> None:
    made = profile_system(PROFILE)
    made.files.names["USER.CONFIG(NEW)"] = "NEW"
    made.files.text["USER.CONFIG(NEW)"] = "STOP ETH2\n"
    assert not made.console("V TCPIP,NOSUCH,OBEYFILE,USER.CONFIG(NEW)").done
    assert made.stack.interfaces.attachments["ETH2"].started


def test_log__file_written_by_the_shell_and_then_by_syslogd_shows_both() -> None:
    made = policy_system(policy(rule("r")))
    made.shell("ipsec -f display -n nosuch > /var/log/TRMD1I.2023.12.13")
    play(made, icmp(LINUX, ZOS, 8))
    assert log_of(made)[-1].startswith("Dec 13 14:05:31 S0W1 TRMD.TCPIP")
