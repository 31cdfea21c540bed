"""Dialogues in Markdown run: tests/transcripts/*.md and the fences of README.md.

    ```zsim SYSTEM seen|manual|ours
    frames> captures/ping.pcap [INTERFACE]      packets, from a file of the system's folder
    clock> +30m                                 time that passes
    console> F CPAGENT,REFRESH                  an operator command
    sh> ipsec -f display | head -3              a z/OS UNIX command line; `zsim ...` is ours, as typed on a PC
    tso> SETROPTS RACLIST(SERVAUTH) REFRESH     a TSO command
    what is printed; `...` stands for any lines, behind a blank in a line for any text; trailing blanks do not count
    ```

The fences of a file that name one system are one dialogue. The last word says where the truth is from: `seen` on a
real system, a `manual`, or `ours`. `pytest --accept` rewrites what differs, but never a `seen` fence.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from zsim import profiles, store
from zsim.cli import main
from zsim.cli.dialogue import FENCE, PROMPT, Dialogue, Said
from zsim.clock import SECOND

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "tests" / "transcripts").glob("*.md"))]
NOW = 1_702_476_331 * SECOND  # 2023-12-13 14:05:31 UTC


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


def ours(typed: str) -> Said:
    """A line of zsim itself, as typed on a PC."""
    env = {"ZSIM_NOW": "2023-12-13T14:05:31", "ZSIM_SYSTEM": None, "NO_COLOR": "1"}
    return Said(CliRunner().invoke(main, shlex.split(typed)[1:], env=env, prog_name="zsim").output)


def printed(dialogue: Dialogue, exchange: Exchange) -> list[str]:
    """What a line prints: of the console its messages, of the others standard output and error."""
    said = dialogue.run(exchange.prompt, exchange.typed)
    return lines_of(said.text + (said.errors if exchange.prompt in ("sh", "tso") else ""))


def dialogue_with(name: str) -> Dialogue:
    place = profiles.find(name)
    system = store.started(profiles.open_system(place), NOW)
    return Dialogue(place, lambda: nullcontext(system), ours=ours)


# ---- comparing ------------------------------------------------------------------------------------------------


def matches(expected: list[str], actual: list[str]) -> bool:
    """Are the lines as expected, `...` standing for any? Reached places are kept, so that it never runs away."""
    reached = {0}
    for line in expected:
        if line.strip() == "...":
            reached = set(range(min(reached), len(actual) + 1)) if reached else reached
        else:
            reached = {at + 1 for at in reached if at < len(actual) and same(line, actual[at])}
    return len(actual) in reached


def same(expected: str, actual: str) -> bool:
    """Is the line as expected, three dots behind a blank standing for any text?"""
    parts = [re.escape(part) for part in re.split(r"\s+\.\.\.(?=\s|$)\s*", expected)]
    found = re.fullmatch(r"\s.*".join(parts) + r"\s*", f"{actual} ") if len(parts) > 1 else None
    return expected == actual or found is not None


def lines_of(text: str) -> list[str]:
    """Lines without trailing blanks, and without empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n").split("\n") if text.strip() else []


def replayed(text: str, kind_may_change: Callable[[str], bool]) -> tuple[str, list[str]]:
    """The document with the fences that may change rewritten, and what differs."""
    systems: dict[str, Dialogue] = {}
    differences: list[str] = []

    def one(fence: re.Match[str]) -> str:
        name, kind, body = fence.groups()
        if name not in systems:
            systems[name] = dialogue_with(name)
        parts = []
        for exchange in exchanges(body):
            actual = printed(systems[name], exchange)
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
        (["a ... c"], ["a b b c"], True),
        (["a ... c"], ["ab c"], False),
        (["a ..."], ["a b c"], True),
        (["a ..."], ["b a"], False),
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
