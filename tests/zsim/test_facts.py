"""The table of what no source confirms, and what a system may choose instead."""

from __future__ import annotations

import pytest

from zsim.facts import CHOICE, FACTS, UNCONFIRMED, choice, choosing, fact


def test_facts__every_row_is_graded_and_explained() -> None:
    for name, row in FACTS.items():
        assert row.name == name
        assert row.grade in (UNCONFIRMED, CHOICE)
        assert len(row.doc) > 10


def test_choosing__lasts_as_long_as_its_block() -> None:
    with choosing({"profile-inbound-swapped": False}):
        assert fact("profile-inbound-swapped") is False
        assert fact("loopback-filtered") is FACTS["loopback-filtered"].value
    assert fact("profile-inbound-swapped") is True


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("profile-inbound-swapped", "false", False),
        ("policy-nat-keepalive", "30", 30),
        ("report-footer", "{count} rows", "{count} rows"),
        ("report-scope-words", ["A", "B", "C"], ("A", "B", "C")),
        ("profile-deny-extensions", ["2", "1"], (2, 1)),
    ],
)
def test_choice__in_the_form_of_its_row(name, given, value) -> None:
    assert choice(name, given) == value


def test_choice__of_a_dict_changes_what_it_names() -> None:
    codes = choice("ipsec-exit-codes", {"usage": "12"})
    assert codes == {**FACTS["ipsec-exit-codes"].value, "usage": 12}


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("profile-inbound-swaped", "false", "did you mean profile-inbound-swapped"),
        ("profile-inbound-swapped", "perhaps", "true or false"),
        ("policy-nat-keepalive", "often", "no number"),
        ("report-scope-words", ["A"], "list of 3"),
        ("ipsec-exit-codes", {"usge": "1"}, "usage"),
        ("report-footer", ["x"], "one word or text"),
    ],
)
def test_choice__refuses(name, given, why) -> None:
    with pytest.raises(ValueError, match=why):
        choice(name, given)
