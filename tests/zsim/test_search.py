"""Search, grep, boundary: a packet or the proof that there is none; what holds a value; the packets at all edges."""

from __future__ import annotations

from random import Random

import pytest

import engine
from engine.space import Space
from tests.engine.test_space import packet
from tests.zsim import test_dmd
from tests.zsim.systems import NOW, PROFILE, RAW_IP, play, policy, policy_system, rule
from tests.zsim.test_compare import FTP, ONWARD, PING, THROUGH, pair
from zsim import addresses
from zsim.system import System
from zsim.whatif import boundary, crossings, grep, search
from zsim.whatif.search import Answer, Wanted


def asked(system: System, **wanted: object) -> Answer:
    space = Space()
    return search.search(space, crossings.view(space, system), Wanted(**wanted))  # type: ignore[arg-type]


# ---- search ----------------------------------------------------------------------------------------------------


def test_search__the_filter_that_permits() -> None:
    space = Space()
    view = crossings.view(space, policy_system(policy(FTP, PING)))
    found = search.search(space, view, Wanted(dest=addresses.one("10.1.1.2"), dest_port=(21, 21), verdict="permit"))
    (row,) = search.document(view, found)["found"]
    assert row["filter"] == "ftp.2"
    assert row["packets"] == "inbound local tcp from 10.1.0.0/16 to 10.1.1.2 port 21"
    assert row["where"].startswith("USER.CONFIG(IPSTACK):")


def test_search__nothing_else_gets_in() -> None:
    system = policy_system(policy(FTP))
    assert not asked(system, direction="Inbound", protocols=(6,), dest_port=(22, 65535), verdict="permit").packets
    assert not asked(system, protocols=(17,), verdict="permit").packets
    assert not asked(system, version=6, verdict="permit").packets


def test_search__a_forwarded_packet_needs_both_crossings() -> None:
    half, whole = policy_system(policy(THROUGH)), policy_system(policy(THROUGH, ONWARD))
    assert not asked(half, routed=True, verdict="permit").packets
    through = asked(whole, routed=True, verdict="permit").packets
    assert all(through & through.space.box(direction=way) for way in (0, 1))
    # what the first crossing denies does not come to the second
    assert not asked(half, routed=True, direction="Outbound", source=addresses.prefix("10.8.0.0/16")).packets


def test_search__by_name_of_a_filter_and_its_extension() -> None:
    system = policy_system(policy(FTP, PING))
    assert {each.example["direction"] for each in asked(system, filter="ftp").found} == {0, 1}
    assert {each.example["direction"] for each in asked(system, filter="ftp.1").found} == {1}
    view = crossings.view(Space(), system)
    with pytest.raises(ValueError, match="no filter fpt; did you mean ftp"):
        search.named(view, "fpt")


def test_search__defensive_filters() -> None:
    system = test_dmd.made()
    test_dmd.sh(system, f"{test_dmd.ADD} -N noping")
    test_dmd.sh(system, "ipsec -F add srcip 10.1.0.3 destip all prot icmp dir inbound mode simulate -N maybe")
    (blocked,) = asked(system, filter="noping").found
    assert (blocked.fate.verdict, blocked.fate.records) == ("blocked", ("blocked",))
    assert all("simulated" in each.fate.records for each in asked(system, filter="maybe").found)


def test_search__other_interface_or_version_is_refused() -> None:
    system = policy_system(policy(FTP))
    with pytest.raises(ValueError, match="no interface ETH9; did you mean ETH"):
        asked(system, interface="ETH9")
    with pytest.raises(ValueError, match="not of one version"):
        asked(system, source=addresses.one("10.1.1.2"), version=6)


def test_search__an_interface_is_its_security_class() -> None:
    profile = PROFILE.replace("PORTNAME PORTB", "PORTNAME PORTB SECCLASS 7")
    system = policy_system(policy(rule("seven", service="Protocol All; SecurityClass 7; Direction Inbound")), profile)
    assert asked(system, interface="ETH2", verdict="permit").packets
    assert not asked(system, interface="ETH1", verdict="permit").packets


@pytest.mark.parametrize("seed", range(6))
def test_reached__is_what_a_packet_meets_on_its_way(seed: int) -> None:
    """Whole journeys through the real judge say which crossings are judged, and which packets are permitted."""
    random = Random(seed)
    system, _, _ = pair(random)
    space = Space()
    view = crossings.view(space, system)
    decided = space.first_matches(view.lists, view.decided, view.among)
    reached, permitted = search.reached(space, view, decided), search.permitted(space, view, decided)
    for _ in range(150):
        some = packet(random, view.among)
        way = crossings.passage(view, some, alone=True)
        if crossings.place_of(view, some) != some["zone"] or (some["routed"] and len(set(view.around.zones)) > 1):
            continue
        judged = dict(way.crossings).get("out" if some["direction"] else "in")
        assert (some in reached) == (judged is not None)
        if judged is not None:
            assert decided[some] == judged
            assert (some in permitted) == (way.verdict == "permitted")


# ---- boundary --------------------------------------------------------------------------------------------------


def edges(system: System, most: int = boundary.MOST) -> tuple[crossings.View, boundary.Edges]:
    space = Space()
    view = crossings.view(space, system)
    return view, boundary.edges(space, view, most)


def test_boundary__first_last_and_beside() -> None:
    low = rule("low", source="10.1.1.2", dest="10.1.0.7", service="Protocol Tcp; SourcePortRange 20-29")
    _, found = edges(policy_system(policy(low)))
    told = {(each.packet["dst_port"], each.verdict) for each in found.edges
            if each.packet["direction"] == 0 and each.packet["src_addr"] == 0x0A010007 and each.packet["proto"] == 6
            and each.packet["dst_addr"] == 0x0A010102}  # fmt: skip
    assert told >= {(19, "denied"), (20, "permitted"), (29, "permitted"), (30, "denied")}


@pytest.mark.parametrize("seed", range(4))
def test_boundary__a_replay_of_the_capture_finds_what_the_labels_say(seed: int) -> None:
    system, _, _ = pair(Random(seed))
    view, found = edges(system, most=400)
    shown = boundary.document(view, found)
    frames = list(engine.read_capture([boundary.capture(shown, found, NOW)], "edges.pcapng"))
    assert sum(each.count for each in frames) == len(found.edges) == len(shown["packets"])
    told = [each.verdict for each in found.edges if not each.packet["fragment"]]
    octets = [octets for each in frames for octets in (engine.frame_of(each, p) for p in range(each.count))]
    kept = [one for one, each in zip(octets, found.edges, strict=True) if not each.packet["fragment"]]
    outcome, _ = play(system, *kept)
    assert [engine.VERDICTS[verdict] for verdict in outcome.judgement.verdict] == told
    assert frames[0].linktype[0] == RAW_IP


def test_boundary__every_filter_that_can_decide_is_there() -> None:
    view, found = edges(policy_system(policy(FTP, PING, THROUGH)))
    names = {view.deciding(numbers).name for each in found.edges for _, numbers in each.crossed}
    assert names >= {"ftp", "ping", "through"}


def test_boundary__no_more_than_asked() -> None:
    _, found = edges(policy_system(policy(FTP, PING)), most=10)
    assert len(found.edges) == 10
    assert found.beyond > 0


# ---- grep ------------------------------------------------------------------------------------------------------

GROUPS = """\
IpAddrGroup branch
{
  IpAddrSetRef lan
}
IpAddrSet lan
{
  Prefix 10.4.0.0/16
}
"""
BRANCH = rule("branch", source="10.1.1.2", service="Protocol Tcp; SourcePortRange 21").replace(
    "  IpService\n", "  IpDestAddrGroupRef branch\n  IpService\n"
)


def hits(system: System, word: str, whole: bool = False) -> list[str]:
    return [
        f"{hit.where.line} {hit.layer} {hit.kind} {hit.name}: {hit.what}" + (f" <{hit.through}>" if hit.through else "")
        for hit in grep.hits(system, grep.query(word, whole))
    ]


def test_grep__an_address_through_sets_and_groups() -> None:
    found = hits(policy_system(policy(BRANCH) + GROUPS), "10.4.5.6")
    assert [each.split(" ", 1)[1] for each in found] == [
        "policy IpAddrSet lan: Prefix 10.4.0.0/16",
        "policy IpAddrGroup branch: IpAddrSetRef lan <IpAddrSet lan>",
        "policy IpFilterRule branch: IpDestAddrGroupRef branch <IpAddrGroup branch>",
        "policy IpFilterPolicy : IpFilterRuleRef branch <IpFilterRule branch>",
        "filter outbound permit tcp branch.1: destination 10.4.0.0/16",
        "filter inbound permit tcp branch.2: source 10.4.0.0/16",
    ]


def test_grep__a_port_and_an_address_of_the_profile() -> None:
    profile = PROFILE + "PORT 21 TCP FTPD1\n"
    system = policy_system(policy(FTP), profile)
    assert any("reserved port FTPD1: 21 TCP" in each for each in hits(system, "21"))
    assert any("home address ETH1: 10.1.1.2" in each for each in hits(system, "10.1.1.2"))
    assert any("route ETH1: to 10.1.0.0/16" in each for each in hits(system, "10.1.7.7"))


def test_grep__what_holds_anything_only_if_asked() -> None:
    system = policy_system(policy(rule("all", service="Protocol Tcp")))
    assert hits(system, "10.99.0.1") == []
    assert any("all.1" in each for each in hits(system, "10.99.0.1", whole=True))


def test_grep__a_defensive_filter() -> None:
    system = test_dmd.made()
    test_dmd.sh(system, f"{test_dmd.ADD} -N noping")
    assert any("defensive inbound block icmp noping.1: source 10.1.0.2" in each for each in hits(system, "10.1.0.2"))


@pytest.mark.parametrize("word", ["10.1.1", "70000", "1::2::3"])
def test_grep__what_is_no_address_and_no_port_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"no |is no port"):
        grep.query(word)


def test_grep__default_rules_behind_a_policy() -> None:
    profile = PROFILE + "IPSEC LOGENABLE\nIPSECRULE 10.1.1.2 10.7.0.0/16 LOG PROTO TCP\nENDIPSEC\n"
    found = hits(policy_system(policy(FTP), profile), "10.7.0.1")
    assert [each.split(" ", 1)[1] for each in found] == [
        "filter outbound permit tcp SYSDEFAULTRULE.1.1: destination 10.7.0.0/16 (not in force)",
        "filter inbound permit tcp SYSDEFAULTRULE.1.2: source 10.7.0.0/16 (not in force)",
    ]


# ---- what the stack does apart from filters --------------------------------------------------------------------


def test_search__what_is_not_filtered_and_what_is_not_forwarded() -> None:
    profile = PROFILE.replace("IPCONFIG6 IPSECURITY\n", "").replace("DATAGRAMFWD", "NODATAGRAMFWD")
    space = Space()
    view = crossings.view(space, policy_system(policy(FTP, THROUGH, ONWARD), profile))
    six = search.search(space, view, Wanted(version=6))
    assert {row["filter"] for row in search.document(view, six)["found"]} <= {
        "(IPv6 is not filtered)",
        "(not forwarded)",
    }
    assert not search.search(space, view, Wanted(version=4, routed=True, verdict="permit")).packets
    stopped = search.search(space, view, Wanted(version=4, routed=True, direction="Outbound", verdict="deny"))
    assert {row["filter"] for row in search.document(view, stopped)["found"]} == {"(not forwarded)"}


def test_search__without_ipsecurity_everything_passes() -> None:
    profile = PROFILE.replace(" IPSECURITY", "").replace("IPCONFIG6\n", "")
    system = test_dmd.unstarted(test_dmd.chain("", profile))
    system.start(NOW)
    assert not asked(system, routed=False, verdict="deny").packets
    assert asked(system, verdict="permit").packets
