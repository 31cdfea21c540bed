"""A z/OS UNIX command line: programs joined by `|`, output into the system's own files by `>` and `>>`.

Besides what the system offers (`ipsec`), a few filters work as in any UNIX: cat, grep, head, tail, wc, ls, and
the seed's na and nafm.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple

from zsim import ispf
from zsim.files import Files, Problem, unix_path
from zsim.findings import did_you_mean, number
from zsim.messages import IssuedMessage
from zsim.report import Report


class Answer(NamedTuple):
    """What a shell command printed, on standard output and error, its exit code, and what the console shows of it."""

    text: str
    errors: str = ""
    code: int = 0
    report: Report | None = None
    console: tuple[IssuedMessage, ...] = ()


class Usage(ValueError):
    """What is wrong with the words of a program. Any other ValueError is not the user's, and not caught here."""


NOT_FOUND, FAILED, USAGE = 127, 1, 2
Program = Callable[[Sequence[str]], Answer | None]


def home_of(user: str) -> str:
    return f"/u/{user.lower()}"


def path_of(word: str, home: str = "") -> str:
    """The absolute path that somebody in the folder `home` means. Raises Usage."""
    try:
        return unix_path(word if word.startswith("/") else f"{home}/{word}")
    except ValueError as why:
        raise Usage(str(why)) from None


def run(text: str, program: Program, files: Files, home: str, others: Sequence[str]) -> Answer:
    """Carry out one command line. `program` runs the system's own programs, named in `others`. Standard error of all is
    joined; the exit code is the last one's."""
    try:
        stages, target, append = _parse(text)
    except ValueError as why:
        return Answer("", f"sh: {why}\n", 2)
    answer, errors, issued = Answer(""), "", ()  # type: Answer, str, tuple[IssuedMessage, ...]
    for words in stages:
        try:
            answer = program(words) or _filter(words, answer.text, files, home, others)
        except Usage as why:
            answer = Answer("", f"{words[0]}: {why}\n", USAGE)
        errors, issued = errors + answer.errors, issued + answer.console
    answer = answer._replace(console=issued)
    if target is None:
        return answer._replace(errors=errors)
    try:
        path = path_of(target, home)
    except Usage as why:
        return Answer("", f"{errors}sh: {why}\n", FAILED)
    before = files.get(path) if append else ""
    files.replace(path, (before if isinstance(before, str) else "") + answer.text)
    return Answer("", errors, answer.code, answer.report, issued)


_SUBSTITUTION = re.compile(r"\$\(cat ([^\s\0()|<>`]+)\)|`cat ([^\s\0()|<>`]+)`")


def substituted(text: str, files: Files) -> str:
    """A command line with `$(cat FILE)` and its older form replaced by the words of the file. No other command is run
    so."""

    def words(found: re.Match[str]) -> str:
        content = files.get(unix_path(found[1] or found[2]))
        return shlex.join(content.split()) if isinstance(content, str) else ""

    return _SUBSTITUTION.sub(words, text)


def _parse(text: str) -> tuple[list[list[str]], str | None, bool]:
    """Pipeline stages and the file of a redirection. Raises ValueError."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    stages: list[list[str]] = [[]]
    target, append = None, False
    words = list(lexer)
    while words:
        word = words.pop(0)
        if word == "|":
            stages.append([])
        elif word in (">", ">>"):
            if not words:
                raise ValueError(f"{word} needs a file name")
            target, append = words.pop(0), word == ">>"
        elif word and set(word) <= set("|<>"):
            raise ValueError(f"{word} is not understood: | > and >> are")
        else:
            stages[-1].append(word)
    if not all(stages):
        raise ValueError("a program is missing" if len(stages) > 1 else "the command line is empty")
    return stages, target, append


def _filter(words: Sequence[str], text: str, files: Files, home: str, others: Sequence[str]) -> Answer:
    name = words[0]
    if name not in _FILTERS and name != "ls":
        hint = did_you_mean(name, (*_FILTERS, *others, "ls"), "")
        return Answer("", f"{name}: FSUM7351 not found{'; ' + hint if hint else ''}\n", NOT_FOUND)
    letters, operands = _options(name, words[1:])
    if name == "ls":
        return _ls(operands, files, home)
    pattern = operands.pop(0) if name == "grep" and operands else ""
    if name == "nafm" and [word.lower() for word in operands[:2]] == ["delete", "all"]:
        operands = operands[2:]
    if name == "nafm" and operands and operands[0].lower() in ("x", "nx"):
        pattern = operands.pop(0).lower()
    for operand in operands:
        found = files.get(path_of(operand, home))
        if not isinstance(found, str):
            why = found.why if isinstance(found, Problem) else "no such file"
            return Answer("", f"{name}: {operand}: {why}\n", FAILED)
        text = found if operand is operands[0] else text + found
    return _FILTERS[name].run(text.splitlines(keepends=True), pattern, letters)


def _options(name: str, words: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Option letters, joined or apart, with the number of -n; and the operands. Raises Usage."""
    known = _FILTERS[name].options if name in _FILTERS else ""
    letters: dict[str, int] = {}
    operands: list[str] = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if not word.startswith("-") or word == "-":
            operands.append(word)
        elif "#" in known and word[1:].removeprefix("n").isdigit():
            letters["n"] = _count(word[1:].removeprefix("n"))
        elif "#" in known and word == "-n":
            letters["n"] = _count(pending.pop(0) if pending else "")
        else:
            for letter in word[1:]:
                if letter not in known:
                    raise Usage(f"-{letter} is not modelled" + (f"; -{', -'.join(known)} are" if known else ""))
                letters[letter] = 1
    return letters, operands


def _count(word: str) -> int:
    try:
        return number(word, 0, 10**9)
    except ValueError as why:
        raise Usage(f"-n: {why}") from None


def _ls(operands: list[str], files: Files, home: str) -> Answer:
    place = operands[0] if operands else home
    at = path_of(place, home).rstrip("/") + "/"
    known = {*files.names, *files.appended, *files.replaced}
    below = sorted({name[len(at) :].split("/")[0] for name in known if name.startswith(at)})
    return (
        Answer("".join(f"{name}\n" for name in below))
        if below
        else Answer("", f"ls: {place}: no such directory\n", FAILED)
    )


def _cat(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    return Answer("".join(lines))


def _grep(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    try:
        wanted = re.compile(pattern, re.IGNORECASE if "i" in letters else 0)
    except (re.error, OverflowError, RecursionError) as why:
        return Answer("", f"grep: {pattern[:60]}: is no pattern: {why}\n", USAGE)
    kept = [line for line in lines if bool(wanted.search(line)) != ("v" in letters)]
    text = f"{len(kept)}\n" if "c" in letters else "".join(kept)
    return Answer(text, code=0 if kept else FAILED)


def _head(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    return Answer("".join(lines[: letters.get("n", 10)]))


def _tail(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    count = letters.get("n", 10)
    return Answer("".join(lines[-count:] if count else []))


def _wc(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    if "l" in letters:
        return Answer(f"{len(lines)}\n")
    words = sum(len(line.split()) for line in lines)
    return Answer(f"{len(lines)} {words} {sum(map(len, lines))}\n")


def _na(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    return Answer("".join(ispf.na(lines)))


def _nafm(lines: list[str], pattern: str, letters: dict[str, int]) -> Answer:
    return Answer("".join(ispf.nafm(lines, pattern)))


class _Filter(NamedTuple):
    run: Callable[[list[str], str, dict[str, int]], Answer]
    options: str  # the letters it knows; # for a number


_FILTERS = {
    "cat": _Filter(_cat, ""), "grep": _Filter(_grep, "Eicv"), "head": _Filter(_head, "#"), "tail": _Filter(_tail, "#"),
    "wc": _Filter(_wc, "l"), "na": _Filter(_na, ""), "nafm": _Filter(_nafm, ""),
}  # fmt: skip
FILTER_NAMES = (*_FILTERS, "ls")
