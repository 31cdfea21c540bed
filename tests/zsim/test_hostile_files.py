"""Captures that lie, given to the commands: what was good is counted, one line says what is wrong, and where."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from zsim import captures
from zsim.cli import main

sys.path.insert(0, str(Path(__file__).parents[1]))
from make_hostile import Hostile, files

FILES = {each.name: each for each in files()}


def zsim(*arguments: str):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("name", sorted(FILES))
def test_replay__counts_what_is_good(name: str, compiled: bool, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(captures, "wants_compiled", lambda paths: compiled)
    hostile: Hostile = FILES[name]
    path, out = tmp_path / name, tmp_path / "out.pcapng"
    path.write_bytes(hostile.octets)
    for more in ([], ["--decap"]):
        done = zsim("replay", "--json", "-w", str(out), *more, str(path))
        assert done.exit_code == (2 if hostile.said else 0), done.stderr
        complaints = [line for line in done.stderr.splitlines() if "incomplete" not in line and "complete;" not in line]
        assert len([line for line in complaints if name in line]) == bool(hostile.said)
        if hostile.said:
            assert hostile.said in done.stderr
            assert f"{hostile.frames:,} packet" in done.stderr or hostile.frames == 0
        shown = json.loads(done.stdout)
        parts = ("permitted", "denied", "blocked", "not_ip", "truncated", "malformed")
        assert sum(shown[part] for part in parts) == shown["packets"] == hostile.frames
        written = sum(frames.count for frames in captures.frames(str(out), False))
        assert written >= hostile.frames, "what was good is written, and the file is whole"
    assert zsim("decode", str(path)).exit_code == (2 if hostile.said else 0)
