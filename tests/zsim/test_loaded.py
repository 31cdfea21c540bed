"""The Python face: questions as methods, answers as lists of plain records."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import zsim
from tests.zsim import systems
from tests.zsim.systems import policy, policy_system, rule
from tests.zsim.test_cli import PING, mysys
from zsim.answers import Answers, Example, Finding
from zsim.loaded import Loaded

__all__ = ["mysys"]  # a fixture
HERE = "10.1.1.2"
WEB = "Protocol Tcp;DestinationPortRange 80;Direction Inbound"


def loaded(*rules: str) -> Loaded:
    return Loaded.of(policy_system(policy(*rules)))


def test_loaded__a_sound_system_has_no_findings() -> None:
    assert zsim.load("adcd").analyse() == []
    assert [each.id for each in zsim.load("adcd").analyse(notes=True)][-1] == "no-verdict"


def test_loaded__is_the_system_itself() -> None:
    system = zsim.load("adcd")
    assert isinstance(system, zsim.System)
    assert system.replay(PING).summary == "2 packets: 2 permitted"
    assert "FilterMatches:                1" in system.shell("ipsec -f display -n icmpinspecific2").text
    assert [each.filter for each in system.replay(PING)] == ["icmpinspecific2.1", "icmpreply.1"]


def test_loaded__findings_are_records() -> None:
    made = loaded(
        rule("a", source="10.2.0.0/16", dest=HERE, service=WEB),
        rule("b", source="10.2.1.1", dest=HERE, service=WEB),
    )
    (found,) = made.analyse()
    assert isinstance(found, Finding)
    assert (found.id, found.rule, found.blocking, found.reason) == ("shadowed", "b", ("a.1",), "BLOCKING_LINES")
    assert made.analyse(ignore=["shadowed=b"]) == []
    with pytest.raises(ValueError, match="did you mean shadowed"):
        made.analyse(ignore=["shadow"])


def test_loaded__compare_with_a_system_or_a_policy(mysys: Path) -> None:
    system = zsim.load("adcd")
    assert system.compare("adcd") == []
    assert system.compare(str(mysys)).summary == "equal"
    (found,) = system.compare(policy=policy(rule("a", source="10.2.1.1", dest=HERE, service=WEB))).details["candidates"]
    assert not found["equal"]
    with pytest.raises(ValueError, match="the policy is not taken: line 1: "):
        system.compare(policy="IpFilterRule broken\n{\n")
    with pytest.raises(ValueError, match="with another system, or with policy=TEXT"):
        system.compare()


def test_loaded__search_and_suggest() -> None:
    system = zsim.load("adcd")
    (found,) = system.search(dest=HERE, port=23, protocol="tcp", verdict="permit", most=1)
    assert isinstance(found, Example)
    assert found.filter == "x3270.2"
    assert system.search(source="192.0.2.1", dest=HERE, port=23, verdict="permit") == []
    learned = system.suggest(PING)
    assert "IpFilterRule                learned01" in learned.details["policy"]


def test_loaded__why() -> None:
    found = zsim.load("adcd").why("icmp 10.1.0.2 > 10.1.1.2 type 8", edits=False)
    assert [each.filter for each in found if each.role == "decides"] == ["icmpinspecific2.1"]
    assert "icmpinspecific2" in found.summary
    blocked = zsim.load("adcd").why("tcp 10.1.0.2 > 10.1.1.2:25 in")
    assert blocked.details["verdict"] == "denied"
    assert blocked.details["edits"]
    with pytest.raises(ValueError, match="is no protocol"):
        zsim.load("adcd").why("bogus")


def test_answers__a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [Example("tcp", "permitted", "a.1", None, "any")]
    frame = Answers(Example, rows).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["packet", "verdict", "filter", "where", "box"]
    assert list(Answers(Example, []).to_pandas().columns) == list(frame.columns)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'zsim\[pandas\]'"):
        Answers(Example, rows).to_pandas()


def test_answers__a_table_says_nothing_unescaped() -> None:
    shown = Answers(Example, [Example("<script>", "&", None, None, "any")], "a <b>")._repr_html_()
    assert "<script>" not in shown
    assert "<td>&lt;script&gt;</td><td>&amp;</td><td></td>" in shown
    assert "a &lt;b&gt;" in shown
    assert "1 more" in Answers(Example, [Example("a", "b", None, None, "c")] * 51)._repr_html_()


def test_loaded__shares_state_with_what_it_was_made_of() -> None:
    one = systems.policy_system(policy(rule("a", source="10.2.1.1", dest=HERE, service=WEB)))
    assert Loaded.of(one).stack is one.stack
