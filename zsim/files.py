"""Data sets and z/OS UNIX files, in memory.

A name is written as z/OS writes it: `//'USER.Z24C.TCPPARMS(DMD)'` for a member, `//'USER.SYSLOG'` for a
sequential data set, `/etc/syslog.conf` for a file. Names come from outside: one that could leave the system's
folder is refused before it reaches a disk.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from zsim.config.source import Source
from zsim.findings import Finding, Where, did_you_mean, finding

_QUALIFIER = r"[A-Z@#$][A-Z0-9@#$-]{0,7}"
_DATASET = re.compile(rf"({_QUALIFIER}(?:\.{_QUALIFIER})*)(?:\(([A-Z@#$][A-Z0-9@#$]{{0,7}})\))?")
LONGEST_DATASET = 44
PAGE = 4 << 20  # octets


class FileName(NamedTuple):
    """dataset and member ("" for a sequential one), or path."""

    dataset: str
    member: str
    path: str

    def __str__(self) -> str:
        return self.path or (f"{self.dataset}({self.member})" if self.member else self.dataset)

    @property
    def quoted(self) -> str:
        """As messages show it: `//'USER.Z24C.TCPPARMS(DMD)'`."""
        return self.path or f"//'{self}'"


def file_name(word: str) -> FileName:
    """Read a name: `//'DSN(MEM)'`, `'DSN(MEM)'`, `DSN(MEM)` or `/path`. Raises ValueError."""
    if word.startswith("/") and not word.startswith("//'"):
        return FileName("", "", unix_path(word))
    inner = word.removeprefix("//")
    if inner.startswith("'"):
        if len(inner) < 2 or not inner.endswith("'"):
            raise ValueError("the closing quote is missing")
        inner = inner[1:-1]
    found = _DATASET.fullmatch(inner.upper())
    if not found or len(found[1]) > LONGEST_DATASET:
        raise ValueError("a data set name is up to 44 characters in qualifiers of 1 to 8, a member name 1 to 8")
    return FileName(found[1], found[2] or "", "")


def unix_path(word: str) -> str:
    """An absolute z/OS UNIX path with `.`, `..` and `//` resolved; it cannot climb above the root."""
    if "\0" in word:
        raise ValueError("a path has no NUL character")
    return "/" + posixpath.normpath("/" + word).lstrip("/")


class Problem(NamedTuple):
    """Why a file that is there cannot be read as text."""

    why: str


Fetch = Callable[[str], "str | Problem"]


@dataclass
class Store:
    """Memory that is used again for the next batch: new memory for each would cost as much as filling it."""

    pages: list[bytearray] = field(default_factory=list)
    used: int = 0  # octets, counted over all pages

    def room(self, octets: int) -> memoryview:
        """Memory for so many octets: what is written at its beginning can be kept without a copy."""
        if octets > PAGE:
            return memoryview(bytearray(octets))
        page, at = divmod(self.used, PAGE)
        if at + octets > PAGE:
            page, at = page + 1, 0
        if page == len(self.pages):
            self.pages.append(bytearray(PAGE))
        self.used = page * PAGE + at
        return memoryview(self.pages[page])[at : at + octets]

    def keep(self, octets: memoryview) -> memoryview:
        """These octets, or a copy, which last until `used` is set back. They stand at the beginning of the latest
        `room`, or elsewhere in memory that is no part of this."""
        count = len(octets)
        page = self.used // PAGE
        if page < len(self.pages) and octets.obj is self.pages[page]:
            self.used += count
            return octets
        if count > PAGE:
            return memoryview(bytes(octets))
        kept = self.room(count)
        kept[:] = octets
        self.used += count
        return kept


@dataclass
class Files:
    """What the system can read and has written. `names` maps the name of every file that is there to its place on
    disk, for messages; `fetch` reads one. `appended` and `replaced` are what the system wrote since the last save."""

    names: dict[str, str] = field(default_factory=dict)
    fetch: Fetch = field(default=lambda name: Problem("no reader"))
    text: dict[str, str | Problem] = field(default_factory=dict)
    appended: dict[str, list[str | memoryview]] = field(default_factory=dict)  # octets are UTF-8
    replaced: dict[str, str] = field(default_factory=dict)
    modes: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)  # of a file and its folders, if made
    unwritable: dict[str, str] = field(default_factory=dict)  # logs that could not be written to, and why
    closed: tuple[str, ...] = ()  # places on disk that hold data sets, where no z/OS UNIX file can be
    streams: dict[str, Source] = field(default_factory=dict)  # by the name DD:task, what stands in its procedure
    asked: dict[str, None] = field(default_factory=dict)  # names that were looked for, there or not, in order
    store: Store = field(default_factory=lambda: Store())  # of the octets in `appended`

    def read(self, word: str, where: Where) -> Source | Finding:
        """The file a configuration statement at `where` names, or the finding why not."""
        if word in self.streams:
            return self.streams[word]
        try:
            name = file_name(word)
        except ValueError as why:
            return finding("bad-file-name", where, name=word, why=why)
        self.asked[str(name)] = None
        found = self.get(str(name))
        if isinstance(found, str):
            return Source(str(name), found)
        if found is not None:
            return finding("not-text", where, name=name.quoted, why=found.why)
        return finding("missing-file", where, name=name.quoted, why="", hint=self._hint(name))

    def get(self, name: str) -> str | Problem | None:
        """The text of one file with what was written to it, None if it does not exist."""
        if name not in self.text and name not in self.replaced and name in self.names:
            self.text[name] = self.fetch(name)
        before = self.replaced.get(name, self.text.get(name))
        if name not in self.appended or isinstance(before, Problem):
            return before
        return (before or "") + self.added(name)

    def added(self, path: str) -> str:
        """What was appended to a file since the last save."""
        return "".join(part if isinstance(part, str) else str(part, "utf-8") for part in self.appended.get(path, ()))

    def there(self, path: str) -> bool:
        """Is there a file whose end text can be written to? It need not be read for that, however long it is."""
        known = path in self.appended or path in self.replaced
        return known or (path in self.names and not isinstance(self.text.get(path), Problem))

    def _hint(self, name: FileName) -> str:
        near = did_you_mean(str(name), (known for known in self.names if known.startswith("/") == bool(name.path)))
        if near:
            return near
        members = sorted(known for known in self.names if known.startswith(f"{name.dataset}(")) if name.dataset else []
        return (
            f"the data set has {', '.join(members[:6])}" if members else "create it, or map the data set in system.yaml"
        )

    def append(self, path: str, text: str) -> None:
        """More text at the end of a z/OS UNIX file, which is created if need be."""
        self.appended.setdefault(path, []).append(text)

    def append_octets(self, paths: Iterable[str], octets: memoryview) -> None:
        """The same for whole lines in UTF-8 at the end of several files; they are copied unless they stand at the
        beginning of `room`."""
        self._begin()
        part = self.store.keep(octets)
        for path in paths:
            self.appended.setdefault(path, []).append(part)

    def room(self, octets: int) -> memoryview:
        """Memory for so many octets that may be appended next."""
        self._begin()
        return self.store.room(octets)

    def _begin(self) -> None:
        if not self.appended:  # all was saved: what is stored is asked for no more
            self.store.used = 0

    def replace(self, path: str, text: str) -> None:
        self.appended.pop(path, None)
        self.replaced[path] = text
