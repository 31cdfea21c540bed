"""Edits of a file that leave everything else as it is: comments, blanks, order.

Statements and attributes know where they stand, so a change is a piece of text put in place of another. Applying no
edit gives the text back, octet for octet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from zsim.config.source import Source, Token
from zsim.findings import Where


class Edit(NamedTuple):
    """`length` characters from `where` on become `text`. Length 0 inserts."""

    where: Where
    length: int
    text: str


def replace(token: Token, text: str) -> Edit:
    """Another word in place of this one."""
    return Edit(token.where, len(token.text), text)


def delete_lines(source: Source, first: int, last: int) -> Edit:
    """Lines first to last, numbered from 1, with their ends."""
    lines = source.text.split("\n")
    length = sum(len(line) + 1 for line in lines[first - 1 : last])
    return Edit(Where(source.name, first, 1), min(length, len(source.text) - _offset(source, first, 1)), "")


def insert_line(source: Source, before: int, line: str) -> Edit:
    """A new line in front of line `before`."""
    return Edit(Where(source.name, before, 1), 0, f"{line}\n")


def apply(source: Source, edits: Iterable[Edit]) -> Source:
    """The source with all edits made. Raises ValueError when two overlap or one lies outside the text."""
    text, end = source.text, len(source.text)
    places = sorted(
        ((_offset(source, edit.where.line, edit.where.column), edit) for edit in edits), key=lambda each: each[0]
    )
    for start, edit in reversed(places):
        if start + edit.length > end:
            raise ValueError(f"{edit.where}: the edit overlaps another one, or runs past the end of the text")
        text, end = text[:start] + edit.text + text[start + edit.length :], start
    return source._replace(text=text)


def _offset(source: Source, line: int, column: int) -> int:
    lines = source.text.split("\n")
    if not 1 <= line <= len(lines) or not 1 <= column <= len(lines[line - 1]) + 1:
        raise ValueError(f"{source.name}:{line}:{column} is no place in the text")
    return sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
