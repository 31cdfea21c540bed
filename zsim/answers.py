"""Answers for notebooks: lists of plain records that show themselves as tables, and become pandas frames on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T", bound=tuple[Any, ...])
MOST = 50  # rows that a notebook shows


class Finding(NamedTuple):
    """Something `analyse` found. `where` is file:line:column; `blocking` the filters in the way of `filters`."""

    id: str
    severity: str
    rule: str | None
    action: str | None
    where: str
    text: str
    remedy: str | None
    filters: tuple[str, ...]
    blocking: tuple[str, ...]
    different_action: bool | None
    reason: str | None
    example: str | None


class Difference(NamedTuple):
    """A box of packets that fare otherwise; `packets` is how many, `old` and `new` the deciding filters."""

    kind: str
    box: str
    packets: int
    example: str
    old: str | None
    old_where: str | None
    new: str | None
    new_where: str | None


class Example(NamedTuple):
    """A packet that was searched for: one of `box`."""

    packet: str
    verdict: str
    filter: str | None
    where: str | None
    box: str


class Matches(NamedTuple):
    """What one filter decided in a replay."""

    filter: str
    layer: str
    action: str
    direction: str | None
    matches: int
    octets: int
    where: str


class Learned(NamedTuple):
    """A rule that was learned, and from how much. `denied_today`: explicit denies some of whose packets it permits."""

    rule: str
    services: tuple[str, ...]
    sources: tuple[str, ...]
    dests: tuple[str, ...]
    flows: int
    packets: int
    first: str
    last: str
    denied_today: tuple[str, ...]


class Looked(NamedTuple):
    """A filter that was asked about a packet: `role` is decides, before or after; `missed` the fields that failed."""

    role: str
    filter: str
    action: str
    where: str | None
    missed: str


class Answers(list[T], Generic[T]):
    """Records of one kind. `summary` says them in a line; `details` is the whole answer as plain data."""

    def __init__(self, kind: type[T], rows: Iterable[T], summary: str = "", details: dict[str, Any] | None = None):
        super().__init__(rows)
        self.kind, self.summary, self.details = kind, summary, details or {}

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.kind._fields)  # type: ignore[attr-defined]

    def to_pandas(self) -> Any:
        """A DataFrame, a column a field. ImportError: pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas() needs pandas: pip install 'zsim[pandas]'") from None
        return pandas.DataFrame([list(row) for row in self], columns=list(self.columns))

    def __repr__(self) -> str:
        head = [self.summary] if self.summary else []
        return "\n".join([*head, *map(repr, self)]) or "[]"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        rows = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in self[:MOST])
        more = f"<p>{len(self) - MOST:,} more</p>" if len(self) > MOST else ""
        title = f"<p>{escape(self.summary)}</p>" if self.summary else ""
        return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "<br>".join(escape(str(each)) for each in value)
    return escape(f"{value:,}" if type(value) is int else str(value))


def named(kind: type[T], rows: Sequence[dict[str, Any]]) -> list[T]:
    """Rows of plain data as records: what a record has no field for is left out, lists become tuples."""
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return [
        kind(*(tuple(row[name]) if isinstance(row[name], list) else row[name] for name in fields))
        for row in rows
    ]
