"""What a command wrote to the files of a system is taken back when the command did not come to its end.

Files are written while a command works, its memory is kept when it ends. So that a kill in between leaves neither half,
what a file was like is noted in state.db-undo-N before it is touched. N is the number of the command; the database
has it once the command is kept. A note whose number the database has is out of date; one it does not have belongs to
a command that was killed, and is carried out by the next one. (write-ahead undo; everything happens under the
database's lock)

    {"command": 7}                                    the first line
    {"file": "/var/log/errors", "size": 120}          was appended to: cut it back
    {"file": "/u/ibmuser/a", "octets": "..."}         was replaced: what it held, base64
    {"file": "/var/dm/filters/TCPIP.filters"}         was not there

A last line that is torn tells of a file not yet touched.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PREFIX = "state.db-undo-"
PART = "state.db-part"  # a file on its way to replace another
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def begin(folder: Path, command: int) -> None:
    """Command number `command` begins. Raises OSError."""
    (folder / f"{PREFIX}{command}").write_text(json.dumps({"command": command}) + "\n", "utf-8")


def note(folder: Path, path: str, append: bool) -> None:
    """The z/OS UNIX file `path` is about to be touched. Raises OSError."""
    notes = _notes(folder)
    if not notes:
        return  # outside of a session
    target = folder / path.lstrip("/")
    told: dict[str, Any] = {"file": path}
    if target.is_file():
        told |= (
            {"size": target.stat().st_size} if append else {"octets": base64.b64encode(target.read_bytes()).decode()}
        )
    with open(notes[-1], "a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(told) + "\n")


def touched(folder: Path, command: int) -> bool:
    """Has the command noted a file?"""
    return len(_lines(folder / f"{PREFIX}{command}")) > 1


def forget(folder: Path, command: int) -> None:
    """The command is kept, or touched nothing."""
    (folder / f"{PREFIX}{command}").unlink(missing_ok=True)


def left(folder: Path) -> bool:
    """Are there notes of a command that did not come to its end, or of one that is at work?"""
    return bool(_notes(folder))


def recover(folder: Path, kept: int) -> list[str]:
    """Take back what commands above number `kept` did to files; their names. Raises OSError."""
    undone: list[str] = []
    for notes in reversed(_notes(folder)):
        lines = _lines(notes)
        if lines and _number(notes) > kept:
            for told in reversed(lines[1:]):
                if _take_back(folder, told):
                    undone.append(str(told["file"]))
        notes.unlink(missing_ok=True)
    if undone:
        (folder / PART).unlink(missing_ok=True)
    return undone


def _notes(folder: Path) -> list[Path]:
    found = [path for path in folder.glob(f"{PREFIX}*") if path.name[len(PREFIX) :].isdigit() and path.is_file()]
    return sorted(found, key=_number)


def _number(notes: Path) -> int:
    return int(notes.name[len(PREFIX) :])


def _lines(notes: Path) -> list[dict[str, Any]]:
    """The lines that are whole."""
    try:
        text = notes.read_text("utf-8", errors="replace")
    except OSError:
        return []
    return list(_read(text.split("\n")[:-1]))


def _read(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(told, dict):
            return
        yield told


def _take_back(folder: Path, told: dict[str, Any]) -> bool:
    """Bring one file back. Notes may come from outside: nothing but a file below the folder is touched."""
    path = told.get("file")
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        return False
    target = folder / path.lstrip("/")
    top = path.lstrip("/").split("/")[0]
    if target.is_symlink() or not target.resolve().is_relative_to(folder.resolve()) or top.startswith("state.db"):
        return False
    size, octets = told.get("size"), told.get("octets")
    if isinstance(size, int) and not isinstance(size, bool):
        if not target.is_file() or not 0 <= size < target.stat().st_size:
            return False
        os.truncate(target, size)
    elif isinstance(octets, str):
        replace(folder, target, base64.b64decode(octets), 0o600)
    elif target.is_file() and set(told) == {"file"}:
        target.unlink()
    else:
        return False
    return True


def replace(folder: Path, target: Path, octets: bytes, mode: int) -> None:
    """Put another content in place of a file, all of it at once; an existing file keeps its mode. Raises OSError."""
    if target.is_symlink():
        raise OSError(40, "it is a symbolic link")
    if target.exists():
        mode = target.stat().st_mode & 0o7777
    part = folder / PART
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600), "wb") as file:
        file.write(octets)
    try:
        os.chmod(part, mode)
        os.replace(part, target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
