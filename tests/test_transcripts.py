"""Dialogues in Markdown run: tests/transcripts/*.md and the fences of README.md.

    ```zsim SYSTEM seen|manual|ours
    frames> captures/ping.pcap [INTERFACE]      packets, from a file of the system's folder
    clock> +30m                                 time that passes
    console> F CPAGENT,REFRESH                  an operator command
    sh> ipsec -f display | head -3              a z/OS UNIX command line; `zsim ...` is ours, as typed on a PC
    what is printed; `...` stands for any lines, trailing blanks do not count
    ```

The fences of a file that name one system are one dialogue. The last word says where the truth is from: `seen` on a
real system, a `manual`, or `ours`. `pytest --accept` rewrites what differs, but never a `seen` fence.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from zsim import captures, profiles, store
from zsim.cli import main
from zsim.clock import SECOND
from zsim.system import System

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "tests" / "transcripts").glob("*.md"))]
NOW = 1_702_476_331 * SECOND  # 2023-12-13 14:05:31 UTC
FENCE = re.compile(r"^```zsim (\S+) (seen|manual|ours)\n(.*?)^```$", re.M | re.S)
PROMPT = re.compile(r"(console|sh|frames|clock)> ?(.*)")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Exchange(NamedTuple):
    """One prompt with what was typed, and the lines expected under it."""

    prompt: str
    typed: str
    expected: list[str]


def exchanges(body: str) -> list[Exchange]:
    found: list[Exchange] = []
    for line in body.splitlines():
        prompt = PROMPT.fullmatch(line)
        if prompt:
            found.append(Exchange(prompt[1], prompt[2].strip(), []))
        else:
            assert found, f"a fence begins with a prompt, not with {line!r}"
            found[-1].expected.append(line)
    return found


# ---- what the prompts do --------------------------------------------------------------------------------------


def console(system: System, typed: str) -> str:
    return "".join(f"{message}\n" for message in system.console(typed).messages)


def sh(system: System, typed: str) -> str:
    if typed.split()[0] == "zsim":
        env = {"ZSIM_NOW": "2023-12-13T14:05:31", "ZSIM_SYSTEM": None, "NO_COLOR": "1"}
        return CliRunner().invoke(main, shlex.split(typed)[1:], env=env, prog_name="zsim").output
    answer = system.shell(typed)
    return answer.text + answer.errors


def frames(system: System, typed: str) -> str:
    path, _, interface = typed.partition(" ")
    for batch in captures.frames(str(profiles.find(system.name).folder / path), compiled=False):
        system.receive(batch, interface.strip() or None)
    return ""


def clock(system: System, typed: str) -> str:
    found = re.fullmatch(r"\+(\d+)([smhd])", typed)
    assert found, f"clock> takes +30s, +30m, +2h or +1d, not {typed}"
    system.clock.advance_to(system.clock.now + int(found[1]) * UNITS[found[2]] * SECOND)
    return ""


PROMPTS: dict[str, Callable[[System, str], str]] = {"console": console, "sh": sh, "frames": frames, "clock": clock}


# ---- comparing ------------------------------------------------------------------------------------------------


def matches(expected: list[str], actual: list[str]) -> bool:
    """Are the lines as expected, `...` standing for any? Reached places are kept, so that it never runs away."""
    reached = {0}
    for line in expected:
        if line.strip() == "...":
            reached = set(range(min(reached), len(actual) + 1)) if reached else reached
        else:
            reached = {at + 1 for at in reached if at < len(actual) and actual[at] == line}
    return len(actual) in reached


def lines_of(text: str) -> list[str]:
    """Lines without trailing blanks, and without empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n").split("\n") if text.strip() else []


def replayed(text: str, kind_may_change: Callable[[str], bool]) -> tuple[str, list[str]]:
    """The document with the fences that may change rewritten, and what differs."""
    systems: dict[str, System] = {}
    differences: list[str] = []

    def one(fence: re.Match[str]) -> str:
        name, kind, body = fence.groups()
        if name not in systems:
            systems[name] = store.started(profiles.open_system(profiles.find(name)), NOW)
        parts = []
        for exchange in exchanges(body):
            actual = lines_of(PROMPTS[exchange.prompt](systems[name], exchange.typed))
            expected = lines_of("\n".join(exchange.expected))
            shown = exchange.expected
            if not matches(expected, actual):
                at = "\n".join(["expected:", *expected, "printed:", *actual])
                differences.append(f"{exchange.prompt}> {exchange.typed}\n{at}")
                shown = actual if kind_may_change(kind) else exchange.expected
            parts += [f"{exchange.prompt}> {exchange.typed}", *shown]
        return f"```zsim {name} {kind}\n" + "".join(f"{line}\n" for line in parts) + "```"

    return FENCE.sub(one, text), differences


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_transcript__is_what_happens(path: Path, accept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = path.read_text()
    assert FENCE.search(text), "no fence: is it ```zsim SYSTEM seen|manual|ours?"
    assert text.count("```zsim") == len(FENCE.findall(text)), "a fence is not closed, or its last word is not known"
    rewritten, differences = replayed(text, lambda kind: accept and kind != "seen")
    if accept and rewritten != text:
        path.write_text(rewritten)
        _, differences = replayed(rewritten, lambda kind: False)
    assert not differences, "\n\n".join(differences)


# ---- the runner itself ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ([], [], True),
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["...", "b", "...", "c"], ["b", "b", "c"], True),
        (["...", "b", "...", "d"], ["a", "b", "c"], False),
        (["..."], [], True),
        (["a", "..."], [], False),
        (["...", "..."] * 20 + ["x"], ["a"] * 50, False),
    ],
)
def test_runner__dots_stand_for_any_lines(expected, actual, same) -> None:
    assert matches(expected, actual) is same


def test_runner__accept_leaves_what_was_seen() -> None:
    fence = "```zsim adcd {}\nconsole> F NOSUCH,REFRESH\nsomething else\n```"
    for kind, changes in (("seen", False), ("manual", True), ("ours", True)):
        rewritten, differences = replayed(fence.format(kind), lambda kind: kind != "seen")
        assert len(differences) == 1
        assert ("IEE341I NOSUCH NOT ACTIVE" in rewritten) is changes
        assert ("something else" in rewritten) is not changes


def test_runner__a_fence_begins_with_a_prompt() -> None:
    with pytest.raises(AssertionError, match="begins with a prompt"):
        replayed("```zsim adcd ours\nhello\n```", lambda kind: False)
