"""Mistakes that make no filter, drop a statement or hide another one are said."""

from __future__ import annotations

import pytest
from systems import chain, errors_of, findings_of, policy, rule, source

from zsim.config import profile

PERMIT = policy(rule("r", source="10.1.0.2", dest="10.1.1.2"))


def found(files: dict[str, str], id: str) -> list[tuple[str, int, str]]:
    return [(each.text, each.where.line, each.remedy) for each in findings_of(files) if each.id == id]


# ---- the Policy Agent's own files -----------------------------------------------------------------------------


def test_main_file__with_an_image_file_has_no_ipsecconfig() -> None:
    main = "TcpImage TCPIP //'USER.CONFIG(PAIMAGE)'\nIpSecConfig //'USER.CONFIG(IPSTACK)'\n"
    assert found(chain(PERMIT, PAMAIN=main), "misplaced") == [
        (
            "IpSecConfig has no place in a main file whose TcpImage names an image file: it is ignored", 2,
            "put it in the image file that TcpImage names, or write CommonIpSecConfig here",
        )
    ]  # fmt: skip


def test_main_file__that_serves_as_image_file_has_one() -> None:
    files = chain(PERMIT, PAMAIN="TcpImage TCPIP FLUSH PURGE\nIpSecConfig //'USER.CONFIG(IPSTACK)'\n")
    assert found(files, "misplaced") == []
    assert errors_of(PERMIT, PAMAIN=files["USER.CONFIG(PAMAIN)"]) == []


@pytest.mark.parametrize("name", ["CommonIpSecConfig", "TcpImage", "LogLevel"])
def test_image_file__has_nothing_of_the_main_file(name) -> None:
    image = f"{name} x\nIpSecConfig //'USER.CONFIG(IPSTACK)'\n"
    text = f"{name} has no place in an image file: it is ignored"
    assert found(chain(PERMIT, PAIMAGE=image), "misplaced") == [(text, 1, "put it in the main file")]


# ---- a service of the other family ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "source", "dest", "said"),
    [
        ("Icmpv6", "10.1.0.2", "10.1.1.2", True),
        ("Icmpv6", "10.1.0.2", "", True),
        ("Icmpv6", "2001:db8::1", "2001:db8::2", False),
        ("Icmpv6", "", "", False),
        ("Icmp", "2001:db8::1", "2001:db8::2", True),
        ("Icmp", "10.1.0.2", "", False),
        ("Tcp", "2001:db8::1", "", False),
    ],
)
def test_service__of_the_other_family_makes_no_filter(protocol, source, dest, said) -> None:
    service = f"Protocol {protocol}" + ("; Type 8" if protocol != "Tcp" else "")
    files = chain(policy(rule("r", source=source, dest=dest, service=service)))
    assert len(found(files, "other-family")) == said


# ---- the profile ----------------------------------------------------------------------------------------------


def complaints(text: str) -> list[tuple[int, int, str]]:
    every = profile.parse(source(text)).findings
    return sorted((each.where.line, each.where.column, each.id) for each in every if each.id != "retired")


def test_port__mistakes_behind_a_bad_entry_are_said() -> None:
    text = "PORT\n 21 TCP FTPD1\n 99999 TCP X\n 23 TPC TN3270\n 25 UDP SMTP\n 70000 TCP Y\nIPCONFIG TTL 300\n"
    assert complaints(text) == [(3, 2, "syntax"), (4, 5, "syntax"), (6, 2, "syntax"), (7, 14, "syntax")]
    issued = [each.issued for each in profile.parse(source(text)).findings if each.where.line in (4, 6)]
    assert issued == ["", ""]  # z/OS reads no further


def test_ipconfig__every_bad_value_is_said() -> None:
    text = "IPCONFIG TTL 300 REASSEMBLYTIMEOUT 999\n FROB IPSECURITY\nPORT\n 0 TCP X\n"
    assert [each[:2] for each in complaints(text)] == [(1, 14), (1, 36), (4, 2)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("INTERFACE E DEFINE IPAQENET CHPIDTYPE OSD IPADDR 10.1.1.2 PORTNAME P SECCLASS 256\n", (1, 1)),
        ("DEVICE P MPCIPA\nLINK E IPAQENET P SECCLASS 900\n", (2, 1)),
    ],
)
def test_secclass__that_drops_the_interface_says_so(text, place) -> None:
    assert (*place, "no-effect") in complaints(text)
