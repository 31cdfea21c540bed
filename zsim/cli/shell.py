"""`zsim shell`: a session with a system at its prompts, typed by a person or read from a script."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zsim import profiles, store
from zsim.cli.dialogue import FIRST, Dialogue, Line, Open, Said, graver_of, read, script
from zsim.cli.terminal import (
    FINE,
    INTERRUPTED,
    colour,
    place_of,
    session,
    system_option,
    tell_note,
    user_of,
    user_option,
    wall_clock,
)
from zsim.profiles import LARGEST_TEXT, Place, ProfileError
from zsim.system import System

if TYPE_CHECKING:
    from zsim.cli.completing import Names

HELP = """\
console>  operator commands: S P F C of tasks, D A, V TCPIP
sh>       z/OS UNIX: ipsec, pasearch, trmdstat, cat, grep, na, nafm ...; zsim ... is zsim's own
tso>      TSO: the RACF commands
frames>   a capture file [and an interface]: its packets pass through the stack
clock>    +30s, +30m, +2h, +1d: time passes
A prompt's name changes to it; in front of a command (sh> ls) it is for that line. exit ends.
"""


@click.command()
@system_option
@user_option
@click.option("--script", "file", metavar="FILE", help="Take the lines from FILE; Markdown with zsim fences too.")
@click.pass_context
def shell(ctx: click.Context, system: str | None, user: str, file: str | None) -> None:
    """A session with a system, at the prompts console>, sh>, tso>, frames> and clock>.

    At a terminal: history over sessions, completion with the tab key. What is piped
    in, or read with --script, is carried out line by line and printed as a
    transcript. A line that fails ends nothing; the exit code is the worst of all.
    A bundled system lives as long as the session; a folder's lines are kept one
    by one, as commands are.

    \b
    Examples:
      zsim shell -s mysys
      printf 'console> F DMD,REFRESH\\nsh> ipsec -F display\\n' | zsim shell
      zsim shell --script dialogue.md
    """
    place = place_of(ctx, system)
    opened = _opener(place)
    with opened() as running:
        who = user_of(running, user) if user else ""
    dialogue = Dialogue(place, opened, who, _ours(place))
    if file is None and sys.stdin.isatty():
        code = _typed(dialogue)
    else:
        code = _read(dialogue, _lines(file))
    ctx.exit(code)


def _opener(place: Place) -> Open:
    """A folder is opened for each line, so that others can work on it too; a bundled system lives in between."""
    if not place.bundled:
        told: set[str] = set()
        return lambda: session(place, write=True, told=told)
    lasting = store.started(profiles.open_system(place), wall_clock())

    @contextmanager
    def opened() -> Iterator[System]:
        lasting.clock.advance_to(wall_clock())
        yield lasting

    return opened


def _ours(place: Place) -> Callable[[str], Said]:
    """A command line of zsim itself, about this system unless it names another."""

    def run(typed: str) -> Said:
        from zsim.cli import main

        try:
            words = shlex.split(typed)[1:]
        except ValueError as why:
            return Said("", f"zsim: {why}\n", 2)
        if words[:1] == ["shell"]:
            return Said("", "zsim: this is the shell already\n", 2)
        before = os.environ.get("ZSIM_SYSTEM")
        os.environ["ZSIM_SYSTEM"] = place.name if place.bundled else str(place.folder)
        try:
            main(words, prog_name="zsim", standalone_mode=True)
        except SystemExit as end:
            return Said("", "", end.code if isinstance(end.code, int) else 1)
        finally:
            os.environ.pop("ZSIM_SYSTEM")
            if before is not None:
                os.environ["ZSIM_SYSTEM"] = before
        return Said()

    return run


def _say(said: Said) -> None:
    click.echo(said.text, nl=False)
    click.echo(said.errors, nl=False, err=True)


# ---- from a script --------------------------------------------------------------------------------------------


def _lines(file: str | None) -> Iterator[Line]:
    try:
        octets = sys.stdin.buffer.read() if file in (None, "-") else Path(str(file)).read_bytes()[: LARGEST_TEXT + 1]
        return script(octets.decode("utf-8").replace("\r\n", "\n"))
    except OSError as why:
        raise ProfileError(f"{file}: cannot be read: {why.strerror}") from None
    except UnicodeDecodeError as why:
        raise ProfileError(f"{file or 'standard input'}: is not UTF-8 text at byte {why.start}") from None


def _read(dialogue: Dialogue, lines: Iterator[Line]) -> int:
    """Carry out a script; standard output is its transcript."""
    code = FINE
    for line in lines:
        click.echo(f"{line.prompt}> {line.typed}")
        said = dialogue.run(line.prompt, line.typed)
        _say(said)
        code = graver_of(code, said)
    return code


# ---- from a person --------------------------------------------------------------------------------------------


def _typed(dialogue: Dialogue) -> int:
    prompt, code = FIRST, FINE
    ask = _asking(dialogue)
    click.echo(f"{dialogue.place.name}: help lists the prompts, exit ends", err=True)
    if dialogue.place.bundled:
        tell_note(f"{dialogue.place.name} is bundled: nothing is kept; zsim new DIR makes a system that remembers")
    while True:
        try:
            text = ask(prompt)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return code
        if text.strip().lower() == "help":
            click.echo(HELP, nl=False)
            continue
        line = read(text, prompt)
        if line is None:
            return code
        if not line.typed:
            prompt = line.prompt if text.strip() else prompt
            continue
        try:
            said = dialogue.run(line.prompt, line.typed)
        except KeyboardInterrupt:
            said = Said("", "interrupted: nothing of this line is kept\n", INTERRUPTED)
            _say(said)
            continue
        _say(said)
        code = graver_of(code, said)


def _asking(dialogue: Dialogue) -> Callable[[str], str]:
    """Asks for a line, with history and completion."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory

    from zsim.cli.completing import names_of, offered

    known: list[Names] = []
    at = [FIRST]

    class Known(Completer):
        def get_completions(self, document: Document, complete_event: Any) -> Iterator[Completion]:
            if not known:
                with dialogue.open() as system:
                    known.append(names_of(system, dialogue.place))
            for each, typed in offered(at[0], document.text_before_cursor, known[0]):
                yield Completion(each, start_position=-typed)

    history: History = InMemoryHistory()
    path = history_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        history = FileHistory(str(path))
    except OSError as why:
        tell_note(f"{path}: no history is kept: {why.strerror}")
    asking: PromptSession[str] = PromptSession(history=history, completer=Known(), complete_while_typing=False)

    def ask(prompt: str) -> str:
        at[0] = prompt
        known.clear()
        return asking.prompt(f"{prompt}> " if colour() is False else [("ansicyan", f"{prompt}> ")])

    return ask


def history_file() -> Path:
    """In the user's state folder: XDG_STATE_HOME, LOCALAPPDATA on Windows, else ~/.local/state."""
    given = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(given) if given else Path.home() / ".local" / "state") / "zsim" / "history"
