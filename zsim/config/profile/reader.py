"""What every reader of a profile statement stands on: the words of a file, a cursor over them, and parameters as data.

A `Form` reads the words of one value and gives them back in canonical spelling. A `Parameter` is a keyword and the
forms that follow it; a `Table` knows the parameters of one statement by every abbreviation. Mistakes are raised as
`Bad` and become findings in one place, `Reader.report`.

Lexical rules (halz001 stmntsynforconfigstatements): free format; `;` begins a comment, before which a blank is
required; case does not matter; no sequence numbers; system symbols are substituted. In every keyword the leading
capitals are the shortest abbreviation, as in the syntax diagrams.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from zsim import addresses, messages
from zsim.config.source import Source, Token, lines, substitute
from zsim.findings import Finding, Where, did_you_mean, finding, number

COMMENT = ";"
SEQUENCE_COLUMN = 73  # where the sequence numbers of a fixed 80 data set begin
LONGEST_SHOWN = 64  # letters of a wrong word in a message
T = TypeVar("T")


# ---- words -----------------------------------------------------------------------------------------------------


def words(source: Source, symbols: Mapping[str, str]) -> list[Token]:
    """All words of a file. What a system symbol stands for has the place of the symbol."""
    return [word for line in lines(source, COMMENT) for word in _substituted(line, symbols)]


def _substituted(line: Sequence[Token], symbols: Mapping[str, str]) -> Iterator[Token]:
    for token in line:
        if "&" not in token.text:
            yield token
            continue
        for text in substitute(token.text, symbols).split():
            if text.startswith(COMMENT):
                return
            yield Token(text, token.where)


def spellings(names: Sequence[str]) -> dict[str, str]:
    """Every accepted spelling in capitals, and the full one it stands for; a full spelling wins over an
    abbreviation, an earlier name over a later one."""
    found: dict[str, str] = {name.upper(): name.upper() for name in names}
    for name in names:
        least = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
        for length in range(least, len(name)):
            found.setdefault(name[:length].upper(), name.upper())
    return found


# ---- the cursor ------------------------------------------------------------------------------------------------


class Bad(Exception):
    """Something that cannot be read: what was found, what was expected there, and what to do about it. `issued` is
    the message z/OS has for it, if it is not EZZ0318I."""

    def __init__(self, found: str, where: Where, expected: str, hint: str = "", issued: object = "") -> None:
        super().__init__(found, where, expected, hint)
        self.found, self.where, self.expected, self.hint, self.issued = found, where, expected, hint, issued


class Elsewhere(Exception):
    """A word that is nothing of this statement, and looks like the beginning of another."""


class Reader:
    """A cursor over the words of one file. `end` is the place behind the last."""

    def __init__(self, name: str, words: list[Token], end: Where, findings: list[Finding]) -> None:
        self.name, self.words, self.at, self.end, self.findings = name, words, 0, end, findings

    def peek(self) -> Token | None:
        return self.words[self.at] if self.at < len(self.words) else None

    @property
    def here(self) -> Where:
        """The place of the next word."""
        token = self.peek()
        return token.where if token else self.end

    @property
    def on_new_line(self) -> bool:
        """Is the next word the first of its line?"""
        return self.at == 0 or self.words[self.at - 1].where.line != self.here.line

    def take(self, expected: str) -> Token:
        token = self.peek()
        if token is None:
            raise self.bad(None, expected)
        self.at += 1
        return token

    def keyword(self, names: Mapping[str, str]) -> str | None:
        """Take the next word if it is one of `names`, by any spelling; its full one."""
        token = self.peek()
        name = names.get(token.upper) if token else None
        self.at += name is not None
        return name

    def choice(self, names: Mapping[str, str], expected: str = "") -> str:
        name = self.keyword(names)
        if name is None:
            token = self.peek()
            full = list(dict.fromkeys(names.values()))
            expected = expected or (f"{', '.join(full[:-1])} or {full[-1]}" if len(full) > 1 else full[0])
            raise self.bad(token, expected, did_you_mean(token.text, full) if token else "")
        return name

    def value(self, expected: str, form: Callable[[str], T]) -> T:
        """Take one word and read it by `form`, whose ValueError says what is wrong with it."""
        token = self.take(expected)
        try:
            return form(token.text)
        except ValueError as why:
            raise self.bad(token, expected, str(why)) from None

    def number(self, what: str, low: int, high: int) -> int:
        return self.value(f"{what} from {low} to {high}", lambda word: number(word, low, high))

    def until(self, stop: Callable[[Token], bool]) -> tuple[Token, ...]:
        """The words up to one that `stop` recognises."""
        first = self.at
        while self.at < len(self.words) and not stop(self.words[self.at]):
            self.at += 1
        return tuple(self.words[first : self.at])

    def bad(self, token: Token | None, expected: str, hint: str = "") -> Bad:
        if token is None:
            return Bad("the end of the file", self.end, expected, hint)
        return Bad(token.text, token.where, expected, hint)

    def note(self, id: str, where: Where, issued: object = "", **values: object) -> None:
        self.findings.append(finding(id, where, str(issued), **values))

    def report(self, bad: Bad, id: str = "syntax", **values: object) -> None:
        """The finding of a mistake, with the message z/OS has for it."""
        found = bad.found if len(bad.found) <= LONGEST_SHOWN else f"{bad.found[:LONGEST_SHOWN]}..."
        hint = _lexical(bad) or bad.hint or "correct the statement; the rest of the file was read"
        expected = messages.EZZ0318I(found=found.upper(), line=bad.where.line, expected=bad.expected.upper())
        self.note(id, bad.where, bad.issued or expected, found=found, expected=bad.expected, hint=hint, **values)


def _lexical(bad: Bad) -> str:
    """A mistake that lies in how the word was written rather than in what it says."""
    if bad.where.column == SEQUENCE_COLUMN and re.fullmatch(r"[0-9]{8}", bad.found):
        return "sequence numbers are read as words: remove columns 73 to 80"
    if COMMENT in bad.found:
        return "a comment needs a blank in front of its ;"
    return ""


# ---- forms of a value ------------------------------------------------------------------------------------------

Form = Callable[[Reader], tuple[str, ...]]


def named(reader: Reader, what: str, longest: int = 16) -> tuple[str, Where]:
    """A name in capitals and its place. (SMF 119 subtype 4: interface names have 16 characters)"""
    where = reader.here
    return a_name(what, longest)(reader)[0], where


def word(what: str, check: Callable[[str], str]) -> Form:
    """One word; `check` gives its canonical spelling or raises ValueError."""
    return lambda reader: (reader.value(what, check),)


def numeric(low: int, high: int) -> Form:
    return lambda reader: (str(reader.number("a number", low, high)),)


def one_of(*names: str) -> Form:
    known = spellings(names)
    return lambda reader: (reader.choice(known),)


def maybe(form: Form) -> Form:
    """The value, if the next words are one."""

    def read(reader: Reader) -> tuple[str, ...]:
        at = reader.at
        try:
            return form(reader)
        except Bad:
            reader.at = at
            return ()

    return read


def several(form: Form) -> Form:
    """One value or more."""
    more = maybe(form)

    def read(reader: Reader) -> tuple[str, ...]:
        found = form(reader)
        while again := more(reader):
            found += again
        return found

    return read


def a_name(what: str = "a name", longest: int = 16) -> Form:
    """A name in capitals."""

    def check(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"a name has at most {longest} characters")
        return text.upper()

    return word(what, check)


def address(version: int, prefix: bool = False) -> Form:
    """An address of one IP version, with `prefix` also address/bits. Host bits stay: they are the interface's."""

    def check(text: str) -> str:
        head, slash, bits = text.partition("/")
        found, value = addresses.address(head)
        if found != version:
            raise ValueError(f"{head} is not IPv{version}")
        if slash and not prefix:
            raise ValueError(f"{text} has a prefix length, which does not belong here")
        shown = addresses.text(version, value)
        return f"{shown}/{number(bits, 0, addresses.WIDTH[version])}" if slash else shown

    return word(f"an IPv{version} address", check)


def subnet_mask(text: str) -> str:
    addresses.subnet("0.0.0.0", text)
    return text


def matching(pattern: str, what: str) -> Form:
    """A word of the given pattern, in capitals."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text.upper()):
            raise ValueError(f"{text!r} is not {what}")
        return text.upper()

    return word(what, check)


# ---- parameters ------------------------------------------------------------------------------------------------


class Parameter(NamedTuple):
    """A keyword, the values after it, then its own parameters in any order. Of the parameters with one `group`
    a statement has one."""

    name: str
    forms: tuple[Form, ...] = ()
    group: str = ""
    options: tuple[Parameter, ...] = ()


def flag(name: str, *options: Parameter) -> tuple[Parameter, Parameter]:
    """A parameter and its NO form."""
    return Parameter(name, (), name, options), Parameter(f"NO{name}", (), name)


class Table:
    """The parameters of one statement; their order is that of the canonical form. `exclusive` are pairs of
    parameters that spoil the whole statement."""

    def __init__(self, *rows: Parameter, exclusive: tuple[tuple[str, str], ...] = ()) -> None:
        self.rows = {row.name.upper(): row for row in rows}
        self.names = spellings([row.name for row in rows])
        self.exclusive = exclusive
        self.options = {row.name.upper(): Table(*row.options) for row in rows if row.options}

    def words(self, reader: Reader, name: str) -> tuple[str, ...]:
        """What follows the keyword `name`: values, then options in canonical order."""
        found = tuple(word for form in self.rows[name].forms for word in form(reader))
        if name not in self.options:
            return found
        return found + self.options[name].all_words(reader)

    def all_words(self, reader: Reader) -> tuple[str, ...]:
        """The parameters that follow, each at most once, as words."""
        found: dict[str, tuple[str, ...]] = {}
        while (key := reader.keyword(self.names)) is not None:
            found[key] = (key, *self.words(reader, key))
        return tuple(word for key in self.rows for word in found.get(key, ()))

    def rivals(self, name: str) -> list[str]:
        """The other parameters of the group of `name`."""
        group = self.rows[name].group
        return [key for key, row in self.rows.items() if group and row.group == group and key != name]

    def sorted(self, found: Mapping[str, T]) -> dict[str, T]:
        return {key: found[key] for key in self.rows if key in found}


class Coded(NamedTuple):
    """Parameters of one statement: their words, the place of each keyword, and the order they were coded in."""

    words: dict[str, tuple[str, ...]]
    places: dict[str, Where]


def parameters(
    reader: Reader, table: Table, stop: Callable[[Token], bool], unknown: Callable[[Token], Bad | None]
) -> tuple[Coded, bool]:
    """Parameters in any order up to a word that `stop` recognises, and whether all of them could be read. A bad one
    is reported and left out (a simulator choice). `unknown` says what is wrong with a word that is none of them, or
    raises `Elsewhere`."""
    found, good = Coded({}, {}), True
    while (token := reader.peek()) is not None:
        key = reader.keyword(table.names)
        try:
            if key is not None:
                read = table.words(reader, key)
                _keep(reader, table, found, key, read, token.where)
                continue
            if stop(token):
                break
            bad = unknown(token)
            reader.at += 1
            if bad is not None:
                raise bad
        except Elsewhere:
            break
        except Bad as bad:
            reader.report(bad)
            good = False
        reader.until(lambda next: next.upper in table.names or stop(next))
    return found, good


def _keep(reader: Reader, table: Table, found: Coded, key: str, words: tuple[str, ...], where: Where) -> None:
    """A parameter joins those found, unless one of its group is there: then it is ignored. (ezz0356i; which of the
    two z/OS keeps is unconfirmed)"""
    rival = next((name for name in table.rivals(key) if name in found.words), None)
    if rival is None:
        found.words[key], found.places[key] = words, where
        return
    issued = messages.EZZ0356I(a=key, b=rival, line=where.line, outcome="ignored")
    reader.note("mutually-exclusive", where, issued, one=key, other=rival, outcome=f"{key} is ignored")


def excluded(reader: Reader, table: Table, found: Coded, statement: str) -> bool:
    """Are two parameters coded that the statement cannot have together? It is ignored then. (ezz0707i)"""
    for one, other in table.exclusive:
        if one in found.words and other in found.words:
            where = max(found.places[one], found.places[other], key=lambda place: (place.line, place.column))
            issued = messages.EZZ0707I(keyword1=one, keyword2=other, statement=statement)
            outcome = f"the {statement} statement is ignored"
            reader.note("mutually-exclusive", where, issued, one=one, other=other, outcome=outcome)
            return True
    return False
