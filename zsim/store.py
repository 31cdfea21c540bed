"""What a system remembers between commands, in SQLite inside its folder; a command is a transaction.

Installed filters and their counters, interfaces as OBEYFILEs left them, `-f default`, the clock, and the digest of
every file that what is installed came from. Edits of a file act only when installed, as in life. A bundled system
remembers nothing: it is started anew for each command.
"""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from zsim import profiles, undo
from zsim.clock import SECOND
from zsim.later import Later
from zsim.profiles import Place, ProfileError, Remembered
from zsim.racf.database import Racf
from zsim.started import Task, lend
from zsim.system import Reading, System
from zsim.tasks.dmd import Dmd
from zsim.tasks.pagent import Configured
from zsim.tasks.syslogd import Syslogd
from zsim.tcpip.filters import FilterRule, FilterSet, Hits
from zsim.tcpip.stack import Stack

SCHEMA = 2  # PRAGMA user_version
WAIT = 60  # seconds for another command to finish

# Parts of the state, a row each, so that a command reads and writes only what it uses. STATE is everything that is
# small; of the two filter sets of a stack the filters (written when a policy is installed) and the counters.
STATE = "state"
SETS = ("default", "policy")
FILTERS, HITS = "{}.filters", "{}.hits"
CONFIGURED = "configured"
SETTINGS = "settings"  # what system.yaml said, and its text
COMMAND = "command"  # number of the last command that wrote to files (see undo.py)


@dataclass
class State:
    """What STATE holds. The sets in `stack` are without their filters and counters."""

    stack: Stack
    clock: int
    running: dict[str, bool]
    readings: dict[str, Reading]
    dmd: Dmd = field(default_factory=Dmd)
    racf: Racf | None = None
    syslogd: Syslogd = field(default_factory=Syslogd)
    tasks: dict[str, Task] = field(default_factory=dict)  # as they were started; `running` is what older ones have
    jobs: int = 0
    displays: int = 0


def wall_clock() -> int:
    return int(datetime.now(UTC).timestamp()) * SECOND


def started(system: System, now: int | None = None) -> System:
    """The system with every task started, as after an IPL."""
    with uncollected():
        system.start(wall_clock() if now is None else now)
    return system


@contextmanager
def uncollected() -> Iterator[None]:
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
    """A started system. With `write` what it does is kept when the block ends without an exception, files and memory
    together. Commands on one system wait for each other, for up to WAIT seconds."""
    if place.bundled:
        yield started(profiles.open_system(place), now)
        return
    with _transaction(place, write) as (_, kept, old, version):
        # with the files that the last command left
        system = profiles.open_system(place, kept.settings(), kept.put_settings if write else None)
        if version:
            restore(system, kept)
            system.clock.advance_to(wall_clock() if now is None else now)
        else:
            started(system, now)
        yield system
        if write or old:
            profiles.save_files(system, place)
            save(system, kept)


@contextmanager
def changing(place: Place) -> Iterator[tuple[sqlite3.Connection, Kept]]:
    """The database of a folder, to change as one command does."""
    with _transaction(place, True) as (connection, kept, _, _):
        yield connection, kept


@contextmanager
def _transaction(place: Place, write: bool) -> Iterator[tuple[sqlite3.Connection, Kept, bool, int]]:
    """One command's time with the database: its parts, whether it had to be brought up, and from which schema. What the
    block did to the database and to files (see undo.py) is kept together, or not at all. Raises ProfileError."""
    path = place.folder / profiles.STATE
    if not path.exists():
        profiles.open_system(place)  # nothing is made in a folder that cannot be read as a system
    connection = connect(path)
    number, is_kept = 0, False
    try:
        old = _version(connection) < SCHEMA
        alone = write or old or undo.left(place.folder)
        connection.execute("BEGIN IMMEDIATE" if alone else "BEGIN")
        version = _version(connection)
        if version < SCHEMA:
            with damage(path.name):
                _migrate(connection, version)
        kept = Kept(connection, path.name, dict(connection.execute("SELECT name, octets FROM part")))
        if alone:
            last = kept.read(COMMAND, int, b"0")
            with _disk(place):
                undo.recover(place.folder, last)
                undo.begin(place.folder, last + 1)
            number = last + 1
        yield connection, kept, old, version
        if write or old:
            if undo.touched(place.folder, number):
                kept.put(COMMAND, str(number).encode())
            else:
                with _disk(place):
                    undo.forget(place.folder, number)
            connection.execute("COMMIT")
            is_kept = True
            with _disk(place):
                undo.forget(place.folder, number)
    except sqlite3.DatabaseError as why:
        raise ProfileError(f"{path}: {why}; if it is damaged, remove it: the system then starts anew") from None
    finally:
        if number and not is_kept:
            with suppress(OSError):  # what cannot be taken back now, the next command takes back
                undo.recover(place.folder, number - 1)
        connection.close()


@contextmanager
def _disk(place: Place) -> Iterator[None]:
    try:
        yield
    except OSError as why:
        raise ProfileError(f"{place.name}: its folder cannot be written: {why.strerror or why}") from None


def connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    except sqlite3.Error as why:
        raise ProfileError(f"{path}: cannot be opened: {why}") from None


def _version(connection: sqlite3.Connection) -> int:
    """The schema of the database; 0 of one that is new."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA:
        raise ProfileError(f"{profiles.STATE}: made by a later zsim (schema {version}); use that one")
    return version


PART = "CREATE TABLE part (name TEXT PRIMARY KEY, octets BLOB NOT NULL)"


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(PART)


def _migrate_1_to_2(connection: sqlite3.Connection) -> None:
    """What was one JSON text becomes a row for each part."""
    (octets,) = connection.execute("SELECT state FROM system").fetchone()
    state = msgspec.json.decode(octets, type=dict[str, msgspec.Raw])
    stack = msgspec.json.decode(state["stack"], type=dict[str, msgspec.Raw])
    parts = {CONFIGURED: state.pop("configured")}
    for name in SETS:
        found = msgspec.json.decode(stack.get(name, b"null"), type=dict[str, msgspec.Raw] | None)
        if found is not None:
            parts[FILTERS.format(name)], parts[HITS.format(name)] = found.pop("filters"), found.pop("hits")
            stack[name] = msgspec.Raw(msgspec.json.encode({**found, "filters": []}))
    parts[STATE] = msgspec.Raw(msgspec.json.encode({**state, "stack": stack}))
    connection.execute(PART)
    connection.executemany("INSERT INTO part VALUES (?, ?)", [(name, bytes(raw)) for name, raw in parts.items()])
    connection.execute("DROP TABLE system")


STEPS = (_create, _migrate_1_to_2)  # the first makes a database; step n makes schema n + 1 of schema n


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the database to SCHEMA, in the transaction of the command that found it older."""
    for step in STEPS[version:] if version else STEPS[:1]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


class Kept:
    """The parts as the database has them, and what was made of them."""

    def __init__(self, connection: sqlite3.Connection | None, name: str, octets: dict[str, bytes]) -> None:
        self.connection, self.name, self.octets = connection, name, octets
        self.given: dict[str, Later[Any]] = {}

    @classmethod
    def of(cls, parts: Mapping[str, bytes], name: str) -> Kept:
        """Parts that are in no database."""
        return cls(None, name, dict(parts))

    def read(self, part: str, type: Any, otherwise: bytes = b"[]") -> Any:
        """One part. Raises ProfileError when it is damaged."""
        with damage(self.name), uncollected():
            return msgspec.json.decode(self.octets.get(part, otherwise), type=type)

    def later(self, part: str, type: Any) -> Later[Any]:
        """The items of a part, decoded when they are used."""
        self.given[part] = Later(lambda: self.read(part, type))
        return self.given[part]

    def write(self, part: str, items: Sequence[Any]) -> None:
        """Keep a part, if it is another one or was changed."""
        if items is self.given.get(part) and self.given[part].unread:
            return
        self.put(part, msgspec.json.encode(items.items if isinstance(items, Later) else items))

    def settings(self) -> Remembered | None:
        """What system.yaml said. It is read again where that cannot be used."""
        try:
            return msgspec.json.decode(self.octets.get(SETTINGS, b""), type=Remembered)
        except msgspec.MsgspecError:
            return None

    def put_settings(self, told: Remembered) -> None:
        self.put(SETTINGS, msgspec.json.encode(told))

    def put(self, part: str, octets: bytes) -> None:
        if octets != self.octets.get(part):
            assert self.connection is not None
            self.connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?)", (part, octets))


@contextmanager
def damage(name: str) -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, LookupError) as why:
        raise ProfileError(f"{name}: {why}; remove it: the system then starts anew") from None


def restore(system: System, kept: Kept) -> None:
    state = kept.read(STATE, State)
    if state.stack.name != system.stack.name:
        raise ProfileError(
            f"{kept.name}: remembers stack {state.stack.name}, system.yaml names {system.stack.name}; remove it"
        )
    for name in SETS:
        found: FilterSet | None = getattr(state.stack, name)
        if found is not None:
            found.filters = kept.later(FILTERS.format(name), list[FilterRule])
            found.hits = kept.later(HITS.format(name), list[Hits])
    system.stack, system.clock.now, system.readings = state.stack, state.clock, state.readings
    system.configured, system.dmd = kept.later(CONFIGURED, list[Configured]), state.dmd
    system.racf, system.syslogd = state.racf, state.syslogd
    system.start_racf()  # for a memory from before there was one
    _restore_tasks(system, state)


def _restore_tasks(system: System, state: State) -> None:
    """What runs goes on with what it was started with, whatever its procedure says by now."""
    system.jobs, system.displays = state.jobs, state.displays
    if not state.tasks:
        system.read_procedures()
    for name, task in state.tasks.items():
        if task.running or name not in system.tasks or not system.tasks[name].program:
            system.tasks[name] = task
    for task in system.tasks.values():
        task.running = state.running.get(task.name, False)
        lend(system.files, task)


def save(system: System, kept: Kept) -> None:
    stack, running = system.stack, {task.name: task.running for task in system.tasks.values()}
    bare: dict[str, Any] = {}
    for name in SETS:
        found: FilterSet | None = getattr(stack, name)
        bare[name] = replace(found, filters=(), hits=[]) if found is not None else None
        kept.write(FILTERS.format(name), found.filters if found is not None else ())
        kept.write(HITS.format(name), found.hits if found is not None else ())
    kept.write(CONFIGURED, system.configured)
    state = State(
        replace(stack, **bare), system.clock.now, running, system.readings, system.dmd, system.racf, system.syslogd
    )  # fmt: skip
    state.tasks, state.jobs, state.displays = system.tasks, system.jobs, system.displays
    kept.put(STATE, msgspec.json.encode(state))
