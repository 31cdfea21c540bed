"""Every message TRMD can write, for every protocol of both IP versions, beside tests/golden_log/records.txt.

A line is what syslogd's file has. `pytest --accept` rewrites the file; read the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from systems import NOW

from zsim import addresses
from zsim.findings import Where
from zsim.messages import IssuedMessage
from zsim.tasks import trmd
from zsim.tasks.syslogd import LogRecord, line
from zsim.tcpip.defensive import Change
from zsim.tcpip.filters import Defence, FilterRule, Service
from zsim.tcpip.traffic import FilterEvent

GOLDEN = Path(__file__).parents[1] / "golden_log" / "records.txt"
ENDS = {4: ("10.1.0.2", "10.1.1.2"), 6: ("2001:db8::9", "2001:db8:0:1::2")}
# (protocol, IP versions); 47 has no name, None is one that a fragment hides.
PROTOCOLS = [
    (1, (4,)), (58, (6,)), (2, (4,)), (4, (4, 6)), (6, (4, 6)), (17, (4, 6)), (50, (4, 6)), (51, (4, 6)),
    (89, (4, 6)), (94, (4, 6)), (135, (6,)), (47, (4, 6)), (None, (6,)),
]  # fmt: skip
DEFENCE = Defence("Stack", "block", 7, 30, NOW, NOW, NOW + 10**12, "COLIN")


def number(word: str) -> int:
    return addresses.one(word).low


def rule(version: int, protocol: int | None, defence: Defence | None = None, **more) -> FilterRule:
    source, dest = (addresses.one(ENDS[version][0]), addresses.every(version))
    service = Service(protocol, **more)
    action, layer = ("Block", "defensive") if defence else ("Permit", "policy")
    return FilterRule("Servers~2", 3, layer, version, "Inbound", action, "All", source, dest, service,
                      Where("IPSTACK"), vpn_action="" if version == 4 else "vpn1", defence=defence)  # fmt: skip


def event(version: int, protocol: int | None, fragment: bool = False, inbound: bool = True) -> FilterEvent:
    """A packet; a fragment shows no selectors of the upper layer."""
    source, dest = map(number, ENDS[version])
    seen = {} if fragment or protocol is None else {
        1: {"type": 8, "code": 0}, 58: {"type": 128, "code": 0}, 6: {"source_port": 40000, "dest_port": 21},
        17: {"source_port": 52344, "dest_port": 33434}, 89: {"type": 1}, 135: {"type": 5},
    }.get(protocol, {})  # fmt: skip
    selectors = {"source_port": None, "dest_port": None, "type": None, "code": None} | seen
    return FilterEvent(
        time=NOW + 220_000_000, rule=rule(version, protocol), version=version, source=source, dest=dest,
        protocol=protocol, **selectors, interface=f"ETH{version}", interface_address=dest, inbound=inbound,
        secclass=255, routed=not inbound, length=84, fragment=fragment,
    )  # fmt: skip


def packets() -> Iterator[IssuedMessage]:
    for why in trmd.CAUSES:
        for protocol, versions in PROTOCOLS:
            for version in versions:
                yield trmd.message(event(version, protocol), why)
        for protocol in (1, 6, 17, 89):
            yield trmd.message(event(4, protocol, fragment=True, inbound=False), why)
    for protocol, versions in PROTOCOLS:
        for version in versions:
            error = event(version, 1 if version == 4 else 58)._replace(type=3 if version == 4 else 1, code=1)
            yield trmd.tunnel_error(error, event(version, protocol))


def changes() -> Iterator[IssuedMessage]:
    spans = {"source_port": (1024, 65535), "dest_port": (21, 21)}
    for what in (*trmd.CHANGES, "limited"):
        for simulated in (False, True) if what == "limited" else (False,):
            for protocol, versions in PROTOCOLS:
                for version in versions:
                    of = rule(version, protocol, DEFENCE, **(spans if protocol in (6, 17) else {}))
                    yield trmd.change(Change(NOW, what, of, 6, simulated))


def lines() -> list[str]:
    made = [*packets(), *changes()]
    return [
        line(LogRecord(NOW, "local4", "info", "START1", "TRMD1", "TRMD.TCPIP[16842781]", str(each)), "S0W1", 0)
        for each in made
    ]


def test_records__of_every_message_for_every_protocol(accept) -> None:
    text = "\n".join(lines()) + "\n"
    if accept:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_records__have_no_two_blanks_and_a_blank_behind_every_equals_sign() -> None:
    for text in lines():
        body = text.split("]: ", 1)[1]
        assert "  " not in body
        assert all(body[at + 1 : at + 2] in (" ", "") for at, sign in enumerate(body) if sign == "=")


@pytest.mark.parametrize("why", trmd.CAUSES)
def test_causes__each_has_a_message_of_its_own(why) -> None:
    assert [each.name for each in trmd.CAUSES.values() if each.message == trmd.CAUSES[why].message] == [why]
