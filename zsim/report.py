"""Green-screen reports: layouts with named holes, rows that fill them.

A `Report` is a list of sections; each is a layout and its rows. Written out it is the text the system prints;
its rows are the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Section(NamedTuple):
    name: str
    layout: str  # text with {label} holes; one copy a row
    rows: tuple[Mapping[str, Any], ...]


class Report(NamedTuple):
    sections: tuple[Section, ...]

    def __str__(self) -> str:
        written = (section.layout.format(**row) for section in self.sections for row in section.rows)
        return "".join(written)

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        return {section.name: [dict(row) for row in section.rows] for section in self.sections if section.name}
