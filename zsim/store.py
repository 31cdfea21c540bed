"""What a system remembers between commands, in SQLite inside its folder; a command is a transaction.

Installed filters and their counters, interfaces as OBEYFILEs left them, `-f default`, the clock, and the digest of
every file that what is installed came from. Edits of a file act only when installed, as in life. A bundled system
remembers nothing: it is started anew for each command.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from zsim import profiles
from zsim.clock import SECOND
from zsim.profiles import Place, ProfileError
from zsim.system import Reading, System
from zsim.tasks.dmd import Dmd
from zsim.tasks.pagent import Configured
from zsim.tasks.syslogd import Syslogd
from zsim.tcpip.stack import Stack

SCHEMA = 1  # PRAGMA user_version
WAIT = 60  # seconds for another command to finish


@dataclass
class State:
    stack: Stack
    clock: int
    running: dict[str, bool]
    readings: dict[str, Reading]
    configured: tuple[Configured, ...]
    dmd: Dmd = field(default_factory=Dmd)
    syslogd: Syslogd = field(default_factory=Syslogd)


def wall_clock() -> int:
    return int(datetime.now(UTC).timestamp()) * SECOND


def started(system: System, now: int | None = None) -> System:
    """The system with every task started, as after an IPL."""
    with _uncollected():
        system.start(wall_clock() if now is None else now)
    return system


@contextmanager
def _uncollected() -> Iterator[None]:
    """A large policy is hundreds of thousands of records that all stay: the cycle collector would walk them over and
    over, for more than half of the time, and find nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def session(place: Place, write: bool, now: int | None = None) -> Iterator[System]:
    """A started system. With `write` what it does is kept when the block ends without an exception."""
    system = profiles.open_system(place)
    if place.bundled:
        yield started(system, now)
        return
    path = place.folder / profiles.STATE
    try:
        connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    except sqlite3.Error as why:
        raise ProfileError(f"{path}: cannot be opened: {why}") from None
    try:
        fresh = not _has_state(connection)
        if write or fresh:
            connection.execute("BEGIN IMMEDIATE")
        if _has_state(connection):
            _restore(system, connection, path.name)
            system.clock.advance_to(wall_clock() if now is None else now)
        else:
            started(system, now)
        yield system
        if write or fresh:
            profiles.save_files(system, place)
            _save(system, connection)
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as why:
        raise ProfileError(f"{path}: {why}; if it is damaged, remove it: the system then starts anew") from None
    finally:
        connection.close()


def _has_state(connection: sqlite3.Connection) -> bool:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise ProfileError(f"{profiles.STATE}: made by a later zsim (schema {version}); use that one")
    return version == SCHEMA


def _restore(system: System, connection: sqlite3.Connection, name: str) -> None:
    (octets,) = connection.execute("SELECT state FROM system").fetchone()
    try:
        with _uncollected():
            state = msgspec.json.decode(octets, type=State)
    except msgspec.MsgspecError as why:
        raise ProfileError(f"{name}: {why}; remove it: the system then starts anew") from None
    if state.stack.name != system.stack.name:
        raise ProfileError(
            f"{name}: remembers stack {state.stack.name}, system.yaml names {system.stack.name}; remove it"
        )
    system.stack, system.clock.now, system.readings = state.stack, state.clock, state.readings
    system.configured, system.dmd, system.syslogd = state.configured, state.dmd, state.syslogd
    for task in system.tasks.values():
        task.running = state.running.get(task.name, False)


def _save(system: System, connection: sqlite3.Connection) -> None:
    running = {task.name: task.running for task in system.tasks.values()}
    state = State(
        system.stack, system.clock.now, running, system.readings, system.configured, system.dmd, system.syslogd
    )  # fmt: skip
    connection.execute("CREATE TABLE IF NOT EXISTS system (state BLOB NOT NULL)")
    connection.execute("DELETE FROM system")
    connection.execute("INSERT INTO system VALUES (?)", (msgspec.json.encode(state),))
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
