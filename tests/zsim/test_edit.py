"""Edits keep what they do not touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from zsim.config import edit, policy
from zsim.config.source import Source

MEMBER = Path(__file__).parents[2] / "profiles/adcd/datasets/USER.Z24C.TCPPARMS/PAGEIPSE"


@pytest.fixture
def source() -> Source:
    return Source("PAGEIPSE", MEMBER.read_text())


def attribute(source: Source, type: str, name: str, attr: str) -> policy.Attribute:
    block = next(b for b in policy.parse(source).blocks if (b.type, b.name) == (type, name))
    return next(e for e in block.entries if isinstance(e, policy.Attribute) and e.name == attr)


def test_apply__no_edit_gives_the_text_back(source) -> None:
    assert edit.apply(source, []) == source


def test_replace__changes_one_word_and_no_comment(source) -> None:
    word = attribute(source, "IpAddr", "linux", "Addr").words[0]
    changed = edit.apply(source, [edit.replace(word, "10.1.0.222")])
    assert attribute(changed, "IpAddr", "linux", "Addr").words[0].text == "10.1.0.222"
    before, after = source.text.split("\n"), changed.text.split("\n")
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [
        ("  Addr                      10.1.0.2", "  Addr                      10.1.0.222")
    ]


def test_apply__several_edits_in_any_order(source) -> None:
    first = attribute(source, "IpAddr", "linux", "Addr").words[0]
    second = attribute(source, "IpAddr", "zos", "Addr").words[0]
    edits = [edit.replace(second, "10.9.9.9"), edit.replace(first, "10.8.8.8")]
    both = edit.apply(source, edits)
    assert both == edit.apply(source, edits[::-1])
    assert attribute(both, "IpAddr", "zos", "Addr").words[0].text == "10.9.9.9"
    assert attribute(both, "IpAddr", "linux", "Addr").words[0].text == "10.8.8.8"


def test_lines__deleted_and_inserted(source) -> None:
    line = attribute(source, "IpFilterPolicy", "", "IpFilterRuleRef").where.line
    gone = edit.apply(source, [edit.delete_lines(source, line, line)])
    assert gone.text.count("\n") == source.text.count("\n") - 1
    assert "IpFilterRuleRef           icmpinspecific2" not in gone.text
    back = edit.apply(gone, [edit.insert_line(gone, line, source.text.split("\n")[line - 1])])
    assert back == source


def test_apply__refuses_overlap_and_places_outside(source) -> None:
    word = attribute(source, "IpAddr", "linux", "Addr").words[0]
    with pytest.raises(ValueError, match="overlaps"):
        edit.apply(source, [edit.replace(word, "a"), edit.replace(word, "b")])
    with pytest.raises(ValueError, match="no place"):
        edit.apply(source, [edit.insert_line(source, 10_000, "x")])
