"""Text with a name, and the readers the languages share.

A `Source` is one file or data set member as text. `tokens` is for free-format languages (the TCPIP profile),
`lines` for one-statement-a-line languages (Policy Agent, DMD, syslog.conf).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from zsim.findings import Where


class Source(NamedTuple):
    name: str
    text: str


class Token(NamedTuple):
    text: str
    where: Where

    @property
    def upper(self) -> str:
        return self.text.upper()


_WORD = re.compile(r"\S+")
_SYMBOL = re.compile(r"&([A-Za-z@#$][A-Za-z0-9@#$]{0,7})\.?")


def substitute(text: str, symbols: Mapping[str, str]) -> str:
    """Static system symbols such as `&SYSNAME.` replaced; unknown ones stay as they are."""
    return _SYMBOL.sub(lambda found: symbols.get(found[1].upper(), found[0]), text)


def tokens(source: Source, comment: str) -> Iterator[Token]:
    """All words of the source. A word that starts with `comment` ends its line; one that merely contains it
    does not, because z/OS wants a blank in front of a comment."""
    for line in lines(source, comment):
        yield from line


def lines(source: Source, comment: str, glued: bool = False) -> Iterator[tuple[Token, ...]]:
    """The words of each line that has any. With `glued` a comment may follow a word without a blank."""
    for number, line in enumerate(source.text.split("\n"), 1):
        words = []
        for found in _WORD.finditer(line):
            if found[0].startswith(comment):
                break
            word = found[0].split(comment, 1)[0] if glued else found[0]
            words.append(Token(word, Where(source.name, number, found.start() + 1)))
            if word != found[0]:
                break
        if words:
            yield tuple(words)


def abbreviates(word: str, keyword: str) -> bool:
    """Is `word` the keyword or an abbreviation of it? The leading capitals of `keyword` are the shortest form:
    `IPSECRule` admits IPSECR ... IPSECRULE. (halz001, statement syntax: reading of the diagrams)"""
    least = len(keyword) - len(keyword.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    return len(word) >= least and keyword.upper().startswith(word.upper())
