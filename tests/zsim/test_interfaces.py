"""Devices, links, interfaces, the home list and routes, at start and by OBEYFILE (filter-rules.md 2.2, 2.5 to 2.9)."""

from __future__ import annotations

import pytest
from systems import NOW, decided, icmp, policy, policy_system, profile_system, rule, source

from zsim.config import profile
from zsim.system import System
from zsim.tcpip import stack

LINKED = """\
IPCONFIG IPSECURITY
DEVICE PORTA MPCIPA
LINK ETH1 IPAQENET PORTA
DEVICE PORTB MPCIPA
LINK ETH2 IPAQENET PORTB
HOME
  10.1.1.2 ETH1
  192.168.1.74 ETH2
BEGINROUTES
  ROUTE 10.1.0.0/16 = ETH1 MTU 1492
ENDROUTES
START PORTA
START PORTB
"""


def obey(made: System, text: str) -> list[str]:
    """Ids of the errors of an OBEYFILE with this text."""
    read = profile.parse(source(text))
    findings = [*read.findings, *stack.obey(made.stack, read, NOW)]
    return [each.id for each in findings if each.severity == "error"]


def home(made: System) -> list[str]:
    return [f"{each} {each.interface}" for each in made.stack.interfaces.home if "LOOP" not in each.interface]


def test_seed__device_and_link_give_way_to_an_interface() -> None:
    """The steps of the seed, each an OBEYFILE or a command of its own."""
    made = profile_system(LINKED)
    assert not made.console("V TCPIP,TCPIP,STOP,ETH1").done  # it says device not found
    assert made.console("V TCPIP,TCPIP,STOP,PORTA").done
    assert obey(made, "HOME 192.168.1.74 ETH2") == []
    assert home(made) == ["192.168.1.74 ETH2"]
    assert obey(made, "DELETE LINK ETH1") == []
    assert obey(made, "DELETE DEVICE PORTA") == []
    jface41 = "INTERFACE JFPORTCP4 DEFINE IPAQENET CHPIDTYPE OSD IPADDR 10.1.1.2 PORTNAME PORTA"
    assert obey(made, jface41) == []
    assert made.console("V TCPIP,TCPIP,STA,JFPORTCP4").done
    assert home(made) == ["192.168.1.74 ETH2", "10.1.1.2 JFPORTCP4"]
    assert made.stack.interfaces.attachments["JFPORTCP4"].started


@pytest.mark.parametrize(
    "text",
    [
        "DELETE LINK ETH1",  # it has a HOME entry
        "DELETE DEVICE PORTA",  # it has a link
        "HOME 192.168.1.74 ETH2\nDELETE LINK ETH1",  # its device is started
        "STOP PORTA\nHOME 192.168.1.74 ETH2\nDELETE LINK ETH1\nDELETE DEVICE PORTA",  # STOP comes last
        "DEVICE PORTA MPCIPA",
        "DELETE LINK NOSUCH",
        "DELETE DEVICE ETH1",
        "INTERFACE ETH1 DELETE",
    ],
)
def test_delete__that_must_fail(text) -> None:
    made = profile_system(LINKED)
    before = set(made.stack.interfaces.attachments), set(made.stack.interfaces.devices)
    assert obey(made, text) != []
    assert (set(made.stack.interfaces.attachments), set(made.stack.interfaces.devices)) == before


def test_delete__link_and_device_in_one_file_leaves_the_device() -> None:
    made = profile_system(LINKED)
    made.console("V TCPIP,TCPIP,STOP,PORTA")
    obey(made, "HOME 192.168.1.74 ETH2")
    assert obey(made, "DELETE LINK ETH1\nDELETE DEVICE PORTA") != []
    assert "PORTA" in made.stack.interfaces.devices


def test_home__first_of_a_file_replaces_and_later_ones_add() -> None:
    made = profile_system(LINKED)
    assert obey(made, "HOME 10.1.1.7 ETH1\nHOME 10.1.1.8 ETH1") == []
    assert home(made) == ["10.1.1.7 ETH1", "10.1.1.8 ETH1"]


def test_home__that_is_empty_clears_the_list() -> None:
    made = profile_system(LINKED)
    assert obey(made, "HOME\n") == []
    assert home(made) == []


def test_home__of_loopback_is_replaced_too() -> None:
    made = profile_system(LINKED.replace("HOME", "HOME 127.0.0.9 LOOPBACK"))
    assert [str(each) for each in made.stack.interfaces.home if each.interface == "LOOPBACK"] == [
        "127.0.0.1",
        "127.0.0.9",
    ]
    obey(made, "HOME 10.1.1.2 ETH1")
    assert [str(each) for each in made.stack.interfaces.home if each.interface == "LOOPBACK"] == ["127.0.0.1"]


def test_home__does_not_touch_interfaces() -> None:
    made = profile_system(LINKED + "INTERFACE I1 DEFINE IPAQENET IPADDR 10.2.0.1 PORTNAME PORTC\n")
    obey(made, "HOME 10.1.1.2 ETH1")
    assert home(made) == ["10.2.0.1 I1", "10.1.1.2 ETH1"]


def test_home__entries_before_a_bad_one_stay() -> None:
    made = profile_system(LINKED.replace("  192.168.1.74 ETH2", "  192.168.1.74"))
    assert "10.1.1.2 ETH1" in home(made)


def test_home__bad_link_drops_the_rest_of_the_list() -> None:
    """2.1: for most list statements, HOME is the documented example, the rest of the list is dropped."""
    made = profile_system(LINKED.replace("10.1.1.2 ETH1", "10.1.1.2 ETH9"))
    assert home(made) == []


def test_routes__first_of_a_file_replaces_and_later_ones_add() -> None:
    made = profile_system(LINKED)
    routes = "BEGINROUTES\nROUTE {} = ETH2 MTU 1492\nENDROUTES\n"
    obey(made, routes.format("10.7.0.0/16") + routes.format("10.8.0.0/16"))
    assert [str(each.dest) for each in made.stack.interfaces.routes] == ["10.7.0.0/16", "10.8.0.0/16"]


def test_interface__is_deleted_when_stopped() -> None:
    made = profile_system("INTERFACE I1 DEFINE IPAQENET IPADDR 10.2.0.1 PORTNAME P\nSTART I1\n")
    assert obey(made, "INTERFACE I1 DELETE") == ["conflict"]
    assert made.console("V TCPIP,,STOP,I1").done
    assert obey(made, "INTERFACE I1 DELETE") == []
    assert home(made) == []


def test_ipsecurity__is_not_turned_on_by_an_obeyfile() -> None:
    made = profile_system(LINKED.replace("IPCONFIG IPSECURITY\n", ""))
    assert obey(made, "IPCONFIG IPSECURITY\nIPSEC\nENDIPSEC") == ["conflict"]
    assert made.stack.versions == ()
    assert made.shell("ipsec -f display").code == 3


def test_ipconfig__by_obeyfile_changes_only_what_is_named() -> None:
    made = profile_system("IPCONFIG NODATAGRAMFWD IPSECURITY\n")
    assert obey(made, "IPCONFIG TTL 60") == []
    assert (made.stack.forwarding[4], made.stack.versions) == (False, (4,))
    assert obey(made, "IPCONFIG DATAGRAMFWD") == []
    assert made.stack.forwarding[4] is True


def test_dvipsec__is_for_the_initial_profile_only() -> None:
    made = profile_system(LINKED + "IPSEC ENDIPSEC")
    assert obey(made, "IPSEC DVIPSEC\nENDIPSEC") == ["conflict"]
    assert "DVIPSec:  No" in made.shell("ipsec -f display").text


def test_include__is_read_in_place() -> None:
    files = {"PROFILE": LINKED + "INCLUDE USER.CONFIG(RULES)\n", "RULES": "IPSEC\nIPSECRULE * *\nENDIPSEC\n"}
    made = policy_system(policy(rule("r")), files["PROFILE"], RULES=files["RULES"])
    assert made.stack.default is not None
    assert made.stack.default.filters[0].name == "SYSDEFAULTRULE.1"
    assert str(made.stack.default.filters[0].where) == "USER.CONFIG(RULES):2:1"


def test_packet__arrives_on_the_link_that_owns_its_destination() -> None:
    made = policy_system(policy(rule("r", source="All4", service="SecurityClass 9;Direction inbound")),
                         LINKED.replace("IPAQENET PORTB", "IPAQENET PORTB SECCLASS 9"))  # fmt: skip
    assert decided(made, icmp("10.1.0.9", "192.168.1.74", 8))[0][0] == "r"
    assert decided(made, icmp("10.1.0.9", "10.1.1.2", 8))[0][0] != "r"
