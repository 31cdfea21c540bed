"""What a system remembers: each part is read when used and written when changed, and older databases are brought up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from zsim import profiles, store
from zsim.later import Later
from zsim.profiles import Place, ProfileError
from zsim.tcpip.filters import Hits

NOW = 1_702_476_331_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return profiles.find(str(profiles.new(str(tmp_path / "mysys"), "adcd")))


def parts(place: Place) -> dict[str, bytes]:
    with sqlite3.connect(place.folder / profiles.STATE) as connection:
        return dict(connection.execute("SELECT name, octets FROM part"))


def changed(place: Place, act) -> set[str]:
    """The parts whose rows `act` on a session wrote."""
    path = place.folder / profiles.STATE
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS written (name TEXT)")
        connection.execute("DELETE FROM written")
        connection.execute(
            "CREATE TRIGGER IF NOT EXISTS watch AFTER INSERT ON part BEGIN INSERT INTO written VALUES (NEW.name); END"
        )
    with store.session(place, write=True, now=NOW) as system:
        act(system)
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM written")}


def test_session__remembers_filters_and_counters(place) -> None:
    with store.session(place, write=True, now=NOW) as system:
        filters = list(system.stack.policy.filters)
        system.stack.policy.hits[1] += Hits(3, 180, NOW, NOW)
    with store.session(place, write=False, now=NOW) as system:
        assert isinstance(system.stack.policy.filters, Later)
        assert list(system.stack.policy.filters) == filters
        assert [hits.matches for hits in system.stack.policy.hits][:3] == [0, 3, 0]
        assert system.stack.policy.active(NOW, 0) == list(range(len(filters)))


def test_session__writes_what_changed(place) -> None:
    with store.session(place, write=True, now=NOW):
        pass
    assert changed(place, lambda system: None) == set()
    assert changed(place, lambda system: list(system.stack.policy.filters)) == set()
    assert changed(place, lambda system: system.shell("ipsec -f default")) == {store.STATE}
    assert changed(place, lambda system: system.shell("ipsec -F add srcip 10.9.9.9 destip all dir inbound -N x")) == {
        store.STATE, store.COMMAND
    }

    def count(system):
        system.stack.policy.hits[0] += Hits(1, 60, NOW, NOW)

    assert changed(place, count) == {"policy.hits"}
    policy = place.folder / "datasets/USER.Z24C.TCPPARMS/PAGEIPSE"
    policy.write_text(policy.read_text().replace("IpFilterPolicy", "IpFilterPolicy # all", 1).replace("2008", "2009"))
    assert store.STATE in changed(place, lambda system: system.console("F CPAGENT,REFRESH"))


@pytest.mark.parametrize(
    "line",
    ["ipsec -F add srcip 10.9.9.9 destip all dir inbound -N x", "ipsec -F display", "ipsec -i", "ipsec -f default",
     "ipsec -F delete -N nosuch", "ipsec -f display -c profile"],
)  # fmt: skip
def test_session__filters_that_are_not_used_are_not_read(place, line) -> None:
    with store.session(place, write=True, now=NOW):
        pass
    with store.session(place, write=True, now=NOW) as system:
        system.shell(line)
        system.console("F DMD,DISPLAY")
        system.console("V TCPIP,,STA,PORTA")
        assert system.stack.policy.filters.unread
        assert system.stack.policy.hits.unread


def test_session__a_failed_command_leaves_nothing(place) -> None:
    with store.session(place, write=True, now=NOW):
        pass
    before = parts(place)

    def failing() -> None:
        with store.session(place, write=True, now=NOW) as system:
            system.shell("ipsec -f default")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert parts(place) == before


def test_later__reads_once_and_on_use() -> None:
    asked = []
    made: Later[int] = Later(lambda: asked.append(1) or [1, 2, 3])
    assert made.unread
    assert not asked
    assert (list(made), len(made), made[1], made[-1]) == ([1, 2, 3], 3, 2, 3)
    made[0] = 7
    assert (made.items, asked, made.unread) == ([7, 2, 3], [1], False)


def test_session__a_damaged_part_is_said(place) -> None:
    with store.session(place, write=True, now=NOW):
        pass
    with sqlite3.connect(place.folder / profiles.STATE) as connection:
        connection.execute("UPDATE part SET octets = '[[1]]' WHERE name = 'policy.filters'")
    with pytest.raises(ProfileError, match="remove it"), store.session(place, False, NOW) as system:
        system.ipsec(["-f", "display"])


# ---- older databases ------------------------------------------------------------------------------------------


def as_schema_1(place: Place) -> None:
    """The database as schema 1 had it: all in one JSON text."""
    path = place.folder / profiles.STATE
    with sqlite3.connect(path) as connection:
        found = {name: msgspec.json.decode(octets) for name, octets in connection.execute("SELECT * FROM part")}
        state = found.pop(store.STATE)
        for name in store.SETS:
            if state["stack"][name] is not None:
                state["stack"][name] |= {each: found[f"{name}.{each}"] for each in ("filters", "hits")}
        state["configured"] = found[store.CONFIGURED]
        connection.execute("DROP TABLE part")
        connection.execute("CREATE TABLE system (state BLOB NOT NULL)")
        connection.execute("INSERT INTO system VALUES (?)", (msgspec.json.encode(state),))
        connection.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize("write", [True, False])
def test_migrate__schema_1(place, write) -> None:
    with store.session(place, write=True, now=NOW) as system:
        system.shell("ipsec -F add srcip 10.9.9.9 destip all4 dir inbound -N B1")
        system.shell("ipsec -f default")
        system.stack.policy.hits[2] += Hits(5, 300, NOW, NOW)
        shown = system.shell("ipsec -f display -c policy").text, system.shell("ipsec -f display").text
    as_schema_1(place)
    with store.session(place, write=write, now=NOW) as system:
        again = system.shell("ipsec -f display -c policy").text, system.shell("ipsec -f display").text
        assert again == shown
        assert system.stack.default_forced
        assert len(system.configured) > 0
    with sqlite3.connect(place.folder / profiles.STATE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (store.SCHEMA,)
        assert [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")] == [
            "part"
        ]


@pytest.mark.parametrize("octets", [b"", b"{}", b"[]", b'{"stack": 1}', b"\xff"])
def test_migrate__rubbish_is_said_and_kept(place, octets) -> None:
    path = place.folder / profiles.STATE
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE system (state BLOB NOT NULL)")
        connection.execute("INSERT INTO system VALUES (?)", (octets,))
        connection.execute("PRAGMA user_version = 1")
    before = path.read_bytes()
    with pytest.raises(ProfileError, match="remove it: the system then starts anew"), store.session(place, True, NOW):
        pass
    assert path.read_bytes() == before


def test_migrate__a_memory_that_schema_1_wrote(place) -> None:
    """memory_schema_1.json is what the last zsim of schema 1 kept of adcd, with a defensive filter, TRMD stopped and
    the default rules in force."""
    kept = (Path(__file__).parent / "memory_schema_1.json").read_bytes()
    with sqlite3.connect(place.folder / profiles.STATE) as connection:
        connection.execute("CREATE TABLE system (state BLOB NOT NULL)")
        connection.execute("INSERT INTO system VALUES (?)", (kept,))
        connection.execute("PRAGMA user_version = 1")
    for _ in range(2):
        with store.session(place, write=True, now=NOW) as system:
            assert [each.rule.name for each in system.stack.defensive.filters] == ["B1"]
            assert system.stack.default_forced
            assert len(system.stack.policy.filters) > 30
            assert {task.job for task in system.tasks.values() if task.running} == {
                "TCPIP", "SYSLOGD", "CPAGENT", "DMD",
            }  # fmt: skip
            assert "B1" in system.shell("ipsec -F display").text
