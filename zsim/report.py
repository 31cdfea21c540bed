"""Green-screen reports: layouts with named holes, rows that fill them.

A `Report` is a list of sections; each is a layout and its rows. Written out it is the text the system prints;
its rows are the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from typing import Any, NamedTuple


class Table(Sequence[Mapping[str, Any]]):
    """Many rows that have the same labels: only their values are kept."""

    def __init__(self, labels: Sequence[str], values: Sequence[tuple[str, ...]]) -> None:
        self.labels, self.values = tuple(labels), values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return Table(self.labels, self.values[at])
        return dict(zip(self.labels, self.values[at], strict=True))

    def written(self, layout: str) -> Iterator[str]:
        """Every row in the layout."""
        form, labels = _positional(layout)
        if labels == self.labels:
            return (form % row for row in self.values)
        order = [self.labels.index(label) for label in labels]
        return (form % tuple(row[at] for at in order) for row in self.values)


@lru_cache(maxsize=16)
def _positional(layout: str) -> tuple[str, tuple[str, ...]]:
    """`{name:<8}|{type}` -> `%-8s|%s` and the labels in their order: the same text, faster."""
    form, labels = "", []
    for text, label, width, _ in Formatter().parse(layout):
        form += text.replace("%", "%%")
        if label is not None:
            form += f"%-{width[1:]}s" if width else "%s"
            labels.append(label)
    return form, tuple(labels)


class Section(NamedTuple):
    name: str
    layout: str  # text with {label} holes, in a Table of strings with {label:<width} at most; one copy a row
    rows: Sequence[Mapping[str, Any]]

    def written(self) -> Iterator[str]:
        if isinstance(self.rows, Table):
            return self.rows.written(self.layout)
        return (self.layout.format(**row) for row in self.rows)


class Report(NamedTuple):
    sections: tuple[Section, ...]

    def __str__(self) -> str:
        return "".join(text for section in self.sections for text in section.written())

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        return {section.name: [dict(row) for row in section.rows] for section in self.sections if section.name}
