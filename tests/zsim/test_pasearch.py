"""pasearch: options, and the policy as written."""

from __future__ import annotations

import pytest
from systems import PROFILE, policy_system, profile_system

POLICY = """\
IpFilterPolicy
{
  IpFilterRuleRef ftp
  IpFilterGroupRef g
}
IpFilterGroup g
{
  IpFilterRuleRef ping
}
IpFilterRule ftp
{
  IpSourceAddr 10.1.1.2
  IpDestAddrSet 10.1.0.0/24
  IpService
  {
    Protocol Tcp
    SourcePortRange 21
    DestinationPortRange 1024 65535
    Direction bidirectional InboundConnect
  }
  IpGenericFilterActionRef permit
}
IpFilterRule ping
{
  IpService
  {
    Protocol Icmp
    Type 8
    Routing either
  }
  IpGenericFilterActionRef deny
}
IpGenericFilterAction permit
{
  IpFilterAction Permit
}
IpGenericFilterAction deny
{
  IpFilterAction Deny
  IpFilterLogging Yes
  DiscardAction ICMP
}
"""
EMPTY = "No policies retrieved\n"


def test_rules__whole_and_in_order() -> None:
    text = policy_system(POLICY).shell("pasearch -v f").text
    assert text.startswith("\nTCP/IP pasearch CS V2R4                   Image Name: TCPIP\n")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("policyRule:")] == ["ftp", "ping"]
    ftp, ping = text.split("policyRule:")[1:]
    for line in (
        "    FromAddr:           10.1.0.0\n    ToAddr:             10.1.0.255\n",
        "    SourcePortFrom:     21                SourcePortTo:      21\n",
        "    DestPortFrom:       1024              DestPortTo:        65535\n",
        "    Direction:          Bidirectional InboundConnect\n",
        "   GroupName:           n/a\n",
        "  policyAction:         permit\n",
    ):
        assert line in ftp
    for line in (
        "    FromAddr:           All4\n",
        "    FromAddr:           All6\n",
        "    Type:               8                 Code:              All\n",
        "    Routing:            Either            SecurityClass:     0\n",
        "   GroupName:           g\n",
        "    DiscardAction:              ICMP\n",
    ):
        assert line in ping


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ("", ["ftp", "ping"]),
        ("-v a", ["ftp", "ping"]),
        ("-f ping", ["ping"]),
        ("-v f -p TCPIP", ["ftp", "ping"]),
    ],
)
def test_options__select(options, shown) -> None:
    text = policy_system(POLICY).shell(f"pasearch {options} -n").text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("policyRule:")] == shown


@pytest.mark.parametrize("options", ["-v k", "-v l", "-q", "-i", "-t", "-R", "-f nosuch", "-p TCPIP2", "-f PING"])
def test_options__that_select_nothing(options) -> None:
    answer = policy_system(POLICY).shell(f"pasearch {options}")
    assert (answer.text, answer.code) == (EMPTY, 0)


def test_options__rules_or_actions_only() -> None:
    system = policy_system(POLICY)
    assert "IpFilter Action:" not in system.shell("pasearch -v f -r").text
    assert "policyRule:" not in system.shell("pasearch -v f -a").text


@pytest.mark.parametrize("options", ["-y", "-v", "-v x", "-?"])
def test_options__wrong(options) -> None:
    answer = policy_system(POLICY).shell(f"pasearch {options}")
    assert (answer.text, answer.code) == ("", 1)
    assert "usage: pasearch" in answer.errors


def test_images__named() -> None:
    assert policy_system(POLICY).shell("pasearch -C").text == "TCPIP\n"


def test_nothing__without_an_agent() -> None:
    assert profile_system(PROFILE).shell("pasearch -v f").text == EMPTY
