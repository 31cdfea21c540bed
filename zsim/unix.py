"""A z/OS UNIX command line: programs joined by `|`, output into the system's own files by `>` and `>>`.

Besides what the system offers (`ipsec`), a few filters work as in any UNIX: cat, grep, head, tail, wc, ls.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import NamedTuple

from zsim.files import Files, Problem, unix_path
from zsim.findings import did_you_mean
from zsim.report import Report


class Answer(NamedTuple):
    """What a shell command printed, on standard output and error, and its exit code."""

    text: str
    errors: str = ""
    code: int = 0
    report: Report | None = None


NOT_FOUND, FAILED = 127, 1
Program = Callable[[Sequence[str]], Answer | None]


def home_of(user: str) -> str:
    return f"/u/{user.lower()}"


def run(text: str, program: Program, files: Files, home: str) -> Answer:
    """Carry out one command line. Standard error of all programs is joined; the exit code is the last program's."""
    try:
        stages, target, append = _parse(text)
    except ValueError as why:
        return Answer("", f"sh: {why}\n", 2)
    answer, errors = Answer(""), ""
    for words in stages:
        answer = program(words) or _filter(words, answer.text, files, home)
        errors += answer.errors
    if target is None:
        return answer._replace(errors=errors)
    path = unix_path(target if target.startswith("/") else f"{home}/{target}")
    before = files.get(path) if append else ""
    files.replace(path, (before if isinstance(before, str) else "") + answer.text)
    return Answer("", errors, answer.code, answer.report)


def _parse(text: str) -> tuple[list[list[str]], str | None, bool]:
    """Pipeline stages and the file of a redirection. Raises ValueError."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|>")
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
        elif set(word) <= set("|>"):
            raise ValueError(f"{word} is not understood: | > and >> are")
        else:
            stages[-1].append(word)
    if not all(stages):
        raise ValueError("a program is missing" if len(stages) > 1 else "the command line is empty")
    return stages, target, append


def _filter(words: Sequence[str], text: str, files: Files, home: str) -> Answer:
    name, rest = words[0], list(words[1:])
    if name in ("head", "tail") and "-n" in rest[:-1]:
        rest[rest.index("-n")] += rest.pop(rest.index("-n") + 1)  # -n 5 is -n5
    operands = [word for word in rest if not word.startswith("-")]
    options = [word for word in rest if word.startswith("-")]
    if name == "ls":
        return _ls(operands, files, home)
    if name not in _FILTERS:
        hint = did_you_mean(name, (*_FILTERS, "ipsec", "ls"), "")
        return Answer("", f"{name}: FSUM7351 not found{'; ' + hint if hint else ''}\n", NOT_FOUND)
    pattern = operands.pop(0) if name == "grep" and operands else ""
    for operand in operands:
        found = files.get(unix_path(operand if operand.startswith("/") else f"{home}/{operand}"))
        if not isinstance(found, str):
            why = found.why if isinstance(found, Problem) else "no such file"
            return Answer("", f"{name}: {operand}: {why}\n", FAILED)
        text = found if operand is operands[0] else text + found
    return _FILTERS[name](text.splitlines(keepends=True), pattern, options)


def _ls(operands: list[str], files: Files, home: str) -> Answer:
    place = operands[0] if operands else home
    at = unix_path(place if place.startswith("/") else f"{home}/{place}").rstrip("/") + "/"
    known = {*files.names, *files.appended, *files.replaced}
    below = sorted({name[len(at) :].split("/")[0] for name in known if name.startswith(at)})
    return (
        Answer("".join(f"{name}\n" for name in below))
        if below
        else Answer("", f"ls: {place}: no such directory\n", FAILED)
    )


def _cat(lines: list[str], pattern: str, options: list[str]) -> Answer:
    return Answer("".join(lines))


def _grep(lines: list[str], pattern: str, options: list[str]) -> Answer:
    try:
        wanted = re.compile(pattern, re.IGNORECASE if "-i" in options else 0)
    except re.error as why:
        return Answer("", f"grep: {pattern}: {why}\n", 2)
    kept = [line for line in lines if bool(wanted.search(line)) != ("-v" in options)]
    text = f"{len(kept)}\n" if "-c" in options else "".join(kept)
    return Answer(text, code=0 if kept else FAILED)


def _count_option(options: list[str]) -> int:
    digits = next((option[1:].removeprefix("n") for option in options if option[1:].removeprefix("n").isdigit()), "10")
    return int(digits)


def _head(lines: list[str], pattern: str, options: list[str]) -> Answer:
    return Answer("".join(lines[: _count_option(options)]))


def _tail(lines: list[str], pattern: str, options: list[str]) -> Answer:
    count = _count_option(options)
    return Answer("".join(lines[-count:] if count else []))


def _wc(lines: list[str], pattern: str, options: list[str]) -> Answer:
    if "-l" in options:
        return Answer(f"{len(lines)}\n")
    words = sum(len(line.split()) for line in lines)
    return Answer(f"{len(lines)} {words} {sum(map(len, lines))}\n")


_FILTERS: dict[str, Callable[[list[str], str, list[str]], Answer]] = {
    "cat": _cat, "grep": _grep, "head": _head, "tail": _tail, "wc": _wc,
}  # fmt: skip
