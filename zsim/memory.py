"""What a system remembers, to look at and to carry elsewhere: told in short, written out as JSON, brought back whole.

    {"schema": "zsim.state/1", "memory": 2, "system": {"sysname": "S0W1", "stack": "TCPIP"}, "parts": {...}}

`memory` is the schema of store.py that the parts are of; an older one is brought up as a database would be. A document
comes from outside: it is checked against the types of every part, and displayed once, before anything is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from zsim import profiles, store
from zsim.profiles import Place, ProfileError
from zsim.started import PROGRAMS
from zsim.store import COMMAND, CONFIGURED, FILTERS, HITS, SCHEMA, SETS, SETTINGS, STATE, Kept, State
from zsim.system import System
from zsim.tasks.pagent import Configured
from zsim.tcpip.filters import FilterRule, Hits

DOCUMENT = "zsim.state/1"

# Every part of the memory and what it holds.
PARTS: dict[str, Any] = {STATE: State, CONFIGURED: list[Configured]}
PARTS |= {FILTERS.format(name): list[FilterRule] for name in SETS} | {HITS.format(name): list[Hits] for name in SETS}


class Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    memory: int
    system: dict[str, str]
    parts: dict[str, msgspec.Raw]


class Told(NamedTuple):
    """A memory in short. memory: its schema; clock: ns since 1970; `sound` is what SQLite's integrity_check says."""

    file: str
    octets: int
    memory: int
    sound: str
    clock: int
    running: list[str]
    filters: dict[str, int]
    in_force: str
    matches: int
    defensive: int
    globals: int


def told(place: Place, now: int) -> Told:
    """What a system remembers; of one that never ran, what it remembers from now on."""
    path = place.folder / profiles.STATE
    if not place.bundled and path.exists() and (damage := _integrity(path)) != "ok":
        return Told(str(path), path.stat().st_size, 0, damage, 0, [], {}, "", 0, 0, 0)
    with store.session(place, False, now) as system:
        sets = {name: getattr(system.stack, name) for name in SETS}
        in_force = system.stack.in_force
        shown = Told(
            str(path), 0, SCHEMA, "ok", system.clock.now,
            [task.job for task in system.tasks.values() if task.running],
            {name: sum(not rule.hidden for rule in each.filters) for name, each in sets.items() if each is not None},
            in_force.source if in_force is not None and system.stacks else "",
            sum(hits.matches for each in sets.values() if each is not None for hits in each.hits),
            len(system.stack.defensive.filters), len(system.dmd.filters),
        )  # fmt: skip
    return shown if place.bundled else shown._replace(octets=path.stat().st_size, sound=_integrity(path))


def _integrity(path: Any) -> str:
    connection = store.connect(path)
    try:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError as why:
        return str(why)
    finally:
        connection.close()
    return "; ".join(str(row[0]) for row in rows)


def exported(place: Place, now: int) -> str:
    """The document. Raises ProfileError."""
    _own(place)
    with store.session(place, True, now) as system:
        names = {"sysname": system.sysname, "stack": system.stack.name}
    connection = store.connect(place.folder / profiles.STATE)
    try:
        rows = dict(connection.execute("SELECT name, octets FROM part WHERE name NOT IN (?, ?)", (COMMAND, SETTINGS)))
    finally:
        connection.close()
    parts = {name: msgspec.Raw(octets) for name, octets in sorted(rows.items())}
    return msgspec.json.encode(Document(DOCUMENT, SCHEMA, names, parts)).decode()


def imported(place: Place, octets: bytes, shown: str) -> None:
    """Keep what a document says in place of what is remembered; `shown` names it in messages. Raises ProfileError, and
    then nothing is changed."""
    _own(place)
    try:
        document = msgspec.json.decode(octets, type=Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as why:
        raise ProfileError(f"{shown}: is no export of a system's memory: {why}; nothing is changed") from None
    if document.schema != DOCUMENT:
        raise ProfileError(f"{shown}: has schema {document.schema[:40]!r}, not {DOCUMENT}; nothing is changed")
    if not 2 <= document.memory <= SCHEMA:
        what = "made by a later zsim; use that one" if document.memory > SCHEMA else "of a version that never was"
        raise ProfileError(f"{shown}: its memory has schema {document.memory}, {what}; nothing is changed")
    parts = _brought_up({name: bytes(raw) for name, raw in document.parts.items()}, document.memory)
    with store.changing(place) as (connection, _):
        system = profiles.open_system(place)
        names = {"sysname": system.sysname, "stack": system.stack.name}
        if document.system != names:
            theirs = ", ".join(f"{name} {value[:40]}" for name, value in document.system.items())
            ours = ", ".join(f"{name} {value}" for name, value in names.items())
            raise ProfileError(f"{shown}: is of {theirs}; {place.name} is {ours}; nothing is changed")
        _check(system, parts, shown)
        connection.execute("DELETE FROM part WHERE name != ?", (COMMAND,))
        connection.executemany("INSERT INTO part VALUES (?, ?)", list(parts.items()))


def _own(place: Place) -> None:
    if place.bundled:
        raise ProfileError(f"{place.name}: is bundled and remembers nothing; zsim new DIR makes a system that does")


def _brought_up(parts: dict[str, bytes], schema: int) -> dict[str, bytes]:
    """The parts in the form of SCHEMA, by the steps that bring up a database."""
    if schema == SCHEMA:
        return parts
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(store.PART)
        connection.executemany("INSERT INTO part VALUES (?, ?)", list(parts.items()))
        for step in store.STEPS[schema:]:
            step(connection)
        return dict(connection.execute("SELECT name, octets FROM part"))
    finally:
        connection.close()


# Every display that reads the memory: one that cannot be made would fail with each command from now on.
DISPLAYS = (
    "ipsec -f display -c current", "ipsec -f display -c policy", "ipsec -f display -c profile", "ipsec -F display",
    "ipsec -F display -G", "ipsec -i", "pasearch -v a",
)  # fmt: skip


def _unknown(given: Any, made: Any, at: str = "") -> str:
    """The first name in a part that its record does not have, and that reading it would drop."""
    if isinstance(given, dict) and isinstance(made, dict):
        for name, value in given.items():
            here = f"{at}.{name[:40]}".lstrip(".")
            found = _unknown(value, made[name], here) if name in made else here
            if found:
                return found
    if isinstance(given, list) and isinstance(made, list | tuple):
        return next(filter(None, (_unknown(*pair, at) for pair in zip(given, made, strict=False))), "")
    return ""


def _check(system: System, parts: Mapping[str, bytes], shown: str) -> None:
    """Refuse what a command could not work with."""
    try:
        for name in parts:
            if name not in PARTS:
                raise ValueError(f"part {name[:40]!r} is not known")
        for name, type in PARTS.items():
            if name not in parts:
                raise ValueError(f"part {name} is missing")
            made = msgspec.json.decode(parts[name], type=type)
            unknown = _unknown(msgspec.json.decode(parts[name]), msgspec.to_builtins(made, str_keys=True))
            if unknown:
                raise ValueError(f"part {name} has {unknown}, which is not known")
        for name in SETS:
            counts = [len(msgspec.json.decode(parts[each.format(name)])) for each in (FILTERS, HITS)]
            if counts[0] != counts[1]:
                raise ValueError(f"the {name} set has {counts[0]} filters and {counts[1]} counters")
        kept = Kept.of(parts, shown)
        store.restore(system, kept)
        for task in system.tasks.values():
            if task.program and task.program not in PROGRAMS:
                raise ValueError(f"task {task.name[:40]} has program {task.program[:40]!r}")
        for line in DISPLAYS:
            system.shell(line)
        system.console("D A,L")
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError) as why:
        raise ProfileError(f"{shown}: {why}; nothing is changed") from None
