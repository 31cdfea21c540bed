"""TSO command lines: `VERB operand KEYWORD(value ...) KEYWORD -` and the jobs that have them in SYSTSIN.

Keywords may be shortened to any prefix that fits one of them only. A line that ends in `-` or `+` goes on in the next;
`/* ... */` is a comment. Sequence numbers in columns 73 to 80 are no part of a command.
(TSO/E: command syntax, continuation)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zsim.config.source import Source
from zsim.findings import Where, did_you_mean


class Line(NamedTuple):
    """One command of a file, its lines joined; `starts` says where each piece of it begins: offset, line, column."""

    text: str
    source: str
    starts: tuple[tuple[int, int, int], ...]

    def where(self, at: int) -> Where:
        """The place in the file of an offset in the text."""
        offset, line, column = [start for start in self.starts if start[0] <= at][-1]
        return Where(self.source, line, column + at - offset)


class Word(NamedTuple):
    """An operand: a value, or a keyword with what stands between its parentheses (None without them)."""

    text: str
    inside: str | None
    at: int  # offset in the command


class Syntax(ValueError):
    """What is wrong with a command, where in it, and the message of TSO for it."""

    def __init__(self, what: str, at: int, missing: bool = False) -> None:
        super().__init__(what)
        self.at, self.missing = at, missing


def typed(text: str, source: str = "terminal") -> Line:
    """A command as somebody types it."""
    return Line(text, source, ((0, 1, 1),))


def lines(source: Source) -> Iterator[Line]:
    """The commands of a file: one that is a job has them in the SYSTSIN of IKJEFT01."""
    text, starts = "", list[tuple[int, int, int]]()
    for number, row in _rows(source):
        row = re.sub(r"/\*.*?(\*/|$)", lambda found: " " * len(found[0]), row).rstrip()
        body = row.lstrip()
        if not body and not text:
            continue
        goes_on = body.endswith(("-", "+"))
        piece = body[:-1] if goes_on else body
        starts.append((len(text), number, len(row) - len(body) + 1))
        text += piece
        if goes_on:
            text = text.rstrip() + " "
            continue
        yield Line(text, source.name, tuple(starts))
        text, starts = "", []
    if text.strip():
        yield Line(text, source.name, tuple(starts))


_SEQUENCE = re.compile(r"(.{72})[0-9]{8} *", re.DOTALL)


def _unnumbered(row: str) -> str:
    found = _SEQUENCE.fullmatch(row)
    return found[1] if found else row


def _rows(source: Source) -> Iterator[tuple[int, str]]:
    """Numbered lines: those of the file, or of the in-stream data of SYSTSIN, without the sequence numbers that an
    editor with NUMBER ON leaves behind."""
    rows = [(number, _unnumbered(row)) for number, row in enumerate(source.text.split("\n"), 1)]
    job = next((row for _, row in rows if row.strip()), "").startswith("//")
    inside = not job
    for number, row in rows:
        if not job:
            yield number, row
        elif re.match(r"//SYSTSIN\s+DD\s+(\*|DATA)", row):
            inside = True
        elif row.startswith(("//", "/*")):
            inside = False
        elif inside:
            yield number, row


def words(text: str) -> list[Word]:
    """The operands of a command, its verb first. Raises Syntax."""
    found: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] in " ,\t":
            at += 1
            continue
        begin = at
        while at < len(text) and text[at] not in " ,\t(":
            at = _behind_quote(text, at) if text[at] == "'" else at + 1
        word, inside = text[begin:at], None
        ahead = len(text) - len(text[at:].lstrip())
        if ahead < len(text) and text[ahead] == "(" and word and (ahead == at or found):
            close = _closing(text, ahead)
            inside, at = text[ahead + 1 : close], close + 1
        elif at < len(text) and text[at] == "(":
            close = _closing(text, at)
            word, at = text[at : close + 1], close + 1
        found.append(Word(word, inside, begin))
    return found


def _behind_quote(text: str, at: int) -> int:
    end = text.find("'", at + 1)
    if end < 0:
        raise Syntax("the closing quote is missing", at)
    return end + 1


def _closing(text: str, at: int) -> int:
    """The parenthesis that closes the one at `at`."""
    depth, here = 0, at
    while here < len(text):
        if text[here] == "'":
            here = _behind_quote(text, here)
            continue
        depth += {"(": 1, ")": -1}.get(text[here], 0)
        if depth == 0:
            return here
        here += 1
    raise Syntax("the closing parenthesis is missing", at)


def values(inside: str) -> list[str]:
    """`A B, 'C D'` -> A, B, C D. Raises Syntax."""
    return [each.text.strip("'") if each.inside is None else f"{each.text}({each.inside})" for each in words(inside)]


# ---- operands by name -----------------------------------------------------------------------------------------

# What a keyword has in parentheses; a date need not be there.
FLAG, ONE, MANY, TEXT, NESTED, DATE = "flag", "one", "many", "text", "nested", "date"


@dataclass(frozen=True)
class Operands:
    """What a command was given: positional values, keywords with their values, and where each keyword stands."""

    positional: tuple[tuple[str, int], ...]
    given: Mapping[str, list[str]]
    places: Mapping[str, int]

    def __contains__(self, name: object) -> bool:
        return name in self.given

    def one(self, name: str, default: str = "") -> str:
        return (self.given.get(name) or [default])[0]


def operands(text: str, positional: Sequence[str], keywords: Mapping[str, str]) -> Operands:
    """Read the operands behind the verb: `positional` names those that stand first (`name?` need not), `keywords` their
    kinds. A positional one may be a list in parentheses. Raises Syntax."""
    rest = words(text)[1:]
    first: list[tuple[str, int]] = []
    for name in positional:
        if name.endswith("?") and (not rest or rest[0].inside is not None):
            first.append(("", len(text)))
            continue
        if not rest:
            raise Syntax(f"{name} is missing", len(text), True)
        word = rest.pop(0)
        if word.inside is not None:
            raise Syntax(f"{name} is missing: {word.text}(...) stands in its place", word.at, True)
        first.append((word.text.strip("'") if word.text[0] == "'" else word.text, word.at))
    given: dict[str, list[str]] = {}
    places: dict[str, int] = {}
    for word in rest:
        name = keyword(word.text, keywords, word.at)
        if name in given:
            raise Syntax(f"{name} is given twice", word.at)
        kind = keywords[name]
        if kind == FLAG and word.inside is not None and word.inside.strip():
            raise Syntax(f"{name} takes no value", word.at)
        if kind not in (FLAG, DATE) and not (word.inside or "").strip():
            raise Syntax(f"{name} needs a value in parentheses", word.at, True)
        inside = word.inside or ""
        found = values(inside) if kind in (ONE, MANY) else [inside] if inside.strip() else []
        if kind == ONE and len(found) != 1:
            raise Syntax(f"{name} takes one value", word.at)
        given[name], places[name] = [each.strip() for each in found], word.at
    return Operands(tuple(first), given, places)


def keyword(word: str, known: Mapping[str, str], at: int = 0) -> str:
    """The keyword that a word, or the beginning of one, means. Raises Syntax."""
    upper = word.upper()
    found = [name for name in known if name.startswith(upper)]
    if upper in known or len(found) == 1:
        return upper if upper in known else found[0]
    if found:
        raise Syntax(f"{word} may be {' or '.join(found)}", at)
    near = did_you_mean(word, known, f"known are {', '.join(known)}")
    raise Syntax(f"{word} is no operand of it; {near}", at)
