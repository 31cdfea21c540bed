"""A command that is killed: what was acknowledged stays, what was not is there whole or not at all.

ZSIM_KILLS says how often (20).
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zsim import profiles, store, undo
from zsim.profiles import Place
from zsim.system import System

KILLS = int(os.environ.get("ZSIM_KILLS", "20"))
ROOT = Path(__file__).parents[2]
NOW = 1_702_476_331_000_000_000
LOG = "var/log/TRMD1I.2023.12.13"

# Works on a system without end, and says what is done. A replay is of as many packets as it says.
WORKER = """
import itertools, sys
sys.path[:0] = [sys.argv[3], sys.argv[3] + "/tests/zsim"]
import engine
from zsim import profiles, store
from systems import NOW, RAW_IP, icmp
from zsim.clock import SECOND

place, first = profiles.find(sys.argv[1]), int(sys.argv[2])
PING = engine.frames_of([(NOW, icmp("10.1.0.2", "10.1.1.2", 8))], RAW_IP)

def carry_out(what, name):
    with store.session(place, True, NOW) as system:
        if what == "replay":
            for _ in range(3):
                system.receive(PING)
                profiles.save_files(system, place)
        else:
            rest = {"add": "srcip 192.0.2.1 destip all dir inbound ", "update": "lifetime 99 ", "delete": ""}[what]
            answer = system.shell(f"ipsec -F {what} {rest}-N {name}")
            assert answer.code == 0, answer.errors

print("ready", flush=True)
for number in itertools.count(first):
    for what in ("add", "update", "replay", "delete"):
        if what == "delete" and number % 3 == 0:
            continue
        print("begin", what, f"K{number}", flush=True)
        carry_out(what, f"K{number}")
        print("done", what, f"K{number}", flush=True)
"""


class Expected:
    """What the acknowledgements say; and what the one that was begun last would make of it."""

    def __init__(self) -> None:
        self.filters: dict[str, int] = {}  # lifetime by name
        self.replays = 0
        self.changes = 0

    def apply(self, what: str, name: str) -> None:
        if what == "replay":
            self.replays += 1
            return
        self.changes += 1
        if what == "delete":
            del self.filters[name]
        else:
            self.filters[name] = {"add": 30, "update": 99}[what]

    def seen(self) -> tuple[dict[str, int], int, int]:
        return dict(self.filters), self.replays, self.changes


def killed(place: Place, first: int, after: float) -> list[list[str]]:
    """Let a worker run and kill it some time after its first command began; its lines."""
    command = [sys.executable, "-c", WORKER, str(place.folder), str(first), str(ROOT)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    time.sleep(after)
    worker.send_signal(signal.SIGKILL)
    return [line.split() for line in worker.stdout.read().splitlines() if line.count(" ") == 2]


def found(place: Place) -> tuple[dict[str, int], int, int]:
    """What the system remembers and what its files say, which has to be the same."""
    with store.session(place, write=True, now=NOW) as system:
        filters = {each.rule.name: each.defence.lifetime for each in system.stack.defensive.filters}
        named = zip(system.stack.policy.filters, system.stack.policy.hits, strict=True)
        matches = sum(hits.matches for rule, hits in named if rule.name == "icmpinspecific2")
        copy = system.files.get("/var/log/filters/TCPIP.filters")
    with sqlite3.connect(place.folder / profiles.STATE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not undo.left(place.folder)
    text = (place.folder / LOG).read_text()
    assert text.endswith("\n")
    lines = text.splitlines()
    assert all(re.match(r"Dec 13 14:05:31 S0W1 TRMD\.TCPIP\[\d+\]: (EZ|Defensive filter)", line) for line in lines)
    assert sum("EZD0814I" in line for line in lines) == matches
    changes = sum("EZD1723I" in line or ("Defensive filter" in line and "EZD" not in line) for line in lines)
    assert len((copy or "").splitlines()) == len(filters)
    assert matches % 3 == 0
    return filters, matches // 3, changes


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill__loses_nothing_that_was_acknowledged(tmp_path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    place = profiles.find(str(profiles.new(str(tmp_path / "mysys"), "adcd")))
    with store.session(place, True, NOW):
        pass
    expected, acknowledged = Expected(), 0
    for kill in range(KILLS):
        lines = killed(place, first=1 + 1000 * kill, after=chance.uniform(0, 0.3))
        open_ones = []
        for word, what, name in lines:
            if word == "done":
                expected.apply(what, name)
                acknowledged += 1
                open_ones.clear()
            else:
                open_ones.append((what, name))
        now = found(place)
        if now != expected.seen() and open_ones:
            expected.apply(*open_ones[0])  # it was kept, and killed before it could say so
        assert now == expected.seen(), f"seed {seed}, kill {kill}, last {lines[-1:]}"
    assert acknowledged > KILLS / 2


# ---- taking back ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/log").write_text("one\n")
    return tmp_path


def test_undo__of_what_was_appended_replaced_and_made(folder) -> None:
    undo.begin(folder, 5)
    undo.note(folder, "/var/log", append=True)
    with (folder / "var/log").open("a") as file:
        file.write("two\n")
    undo.note(folder, "/var/log", append=False)
    undo.replace(folder, folder / "var/log", b"another\n", 0o644)
    undo.note(folder, "/var/new", append=True)
    (folder / "var/new").write_text("new\n")
    assert undo.recover(folder, 4) == ["/var/new", "/var/log", "/var/log"]
    assert (folder / "var/log").read_text() == "one\n"
    assert sorted(path.name for path in folder.rglob("*")) == ["log", "var"]


def test_undo__of_a_command_that_is_kept_does_nothing(folder) -> None:
    undo.begin(folder, 5)
    undo.note(folder, "/var/log", append=True)
    (folder / "var/log").write_text("one\ntwo\n")
    assert undo.recover(folder, 5) == []
    assert (folder / "var/log").read_text() == "one\ntwo\n"
    assert not undo.left(folder)


@pytest.mark.parametrize(
    "line",
    [
        '{"file": "/../outside"}', '{"file": "/var/link/outside"}', '{"file": "/state.db"}', '{"file": 7}', "[]", "{",
        '{"file": "/var/log", "size": -1}', '{"file": "/var/log", "size": true}', '{"file": "/var", "octets": "x"',
        '{"file": "/var\\u0000log"}',
    ],
)  # fmt: skip
def test_undo__of_hostile_notes_leaves_the_folder_alone(tmp_path, line) -> None:
    folder = tmp_path / "system"
    (folder / "var").mkdir(parents=True)
    (tmp_path / "outside").write_text("keep\n")
    (folder / "var/link").symlink_to(tmp_path)
    (folder / "state.db").write_text("keep\n")
    (folder / "var/log").write_text("keep\n")
    (folder / f"{undo.PREFIX}1").write_text('{"command": 1}\n' + line + "\n")
    undo.recover(folder, 0)
    assert [path.read_text() for path in (tmp_path / "outside", folder / "state.db", folder / "var/log")] == [
        "keep\n"
    ] * 3


def test_session__that_fails_leaves_no_lines(tmp_path) -> None:
    place = profiles.find(str(profiles.new(str(tmp_path / "mysys"), "adcd")))
    with store.session(place, True, NOW):
        pass
    before = (place.folder / LOG).read_text()

    def fail(system: System) -> None:
        system.shell("ipsec -F add srcip 10.9.9.9 destip all dir inbound -N x > /tmp/a")
        profiles.save_files(system, place)
        assert (place.folder / LOG).read_text() != before
        raise RuntimeError

    with pytest.raises(RuntimeError), store.session(place, True, NOW) as system:
        fail(system)
    assert (place.folder / LOG).read_text() == before
    assert not (place.folder / "tmp/a").exists()
