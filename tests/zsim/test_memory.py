"""What a system remembers, written out and brought back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from zsim import memory, profiles, store
from zsim.cli import main
from zsim.profiles import Place, ProfileError

NOW = 1_702_476_331_000_000_000
ADD = "ipsec -F add srcip 10.9.9.9 destip all dir inbound -N B1"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = profiles.find(str(profiles.new(str(tmp_path / "mysys"), "adcd")))
    with store.session(found, True, NOW) as system:
        system.shell(ADD)
        system.shell("ipsec -f default")
        system.console("F CPAGENT,LOGLEVEL,LEVEL=64")
    return found


def displayed(place: Place) -> list[str]:
    with store.session(place, False, NOW) as system:
        return [system.shell(line).text for line in memory.DISPLAYS]


def remembered(place: Place) -> str:
    return memory.exported(place, NOW)


def test_export__is_brought_back_in_another_folder(place, tmp_path) -> None:
    copy = profiles.find(str(profiles.new(str(tmp_path / "copy"), "adcd")))
    text = remembered(place)
    memory.imported(copy, text.encode(), "x")
    assert displayed(copy) == displayed(place)
    assert remembered(copy) == text
    with store.session(copy, False, NOW) as system:
        assert (system.tasks["CPAGENT"].loglevel, system.stack.default_forced) == (64, True)


def test_export__names_its_schema_and_system(place) -> None:
    found = json.loads(remembered(place))
    assert found["schema"] == "zsim.state/1"
    assert found["memory"] == store.SCHEMA
    assert found["system"] == {"sysname": "S0W1", "stack": "TCPIP"}
    assert set(found["parts"]) == set(memory.PARTS)
    assert "command" not in found["parts"]


def edited(text: str, change) -> bytes:
    document = json.loads(text)
    change(document)
    return json.dumps(document).encode()


def without(name):
    return lambda document: document["parts"].pop(name)


def put(*path, value):
    def change(document):
        at = document
        for each in path[:-1]:
            at = at[each]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("state"),
        without("policy.hits"),
        put("schema", value="zsim.state/2"),
        put("memory", value=999),
        put("memory", value=-1),
        put("system", "stack", value="OTHER"),
        put("parts", "command", value=7),
        put("parts", "surprise", value=[]),
        put("parts", "policy.hits", value=[]),
        put("parts", "policy.filters", value=[[1]]),
        put("parts", "policy.filters", 0, value={}),
        put("parts", "state", "clock", value="soon"),
        put("parts", "state", "clock", value=None),
        put("parts", "state", "stack", value=None),
        put("parts", "state", "tasks", "DMD", "program", value="FORMAT"),
        put("more", value=1),
        put("parts", "state", "dmd", "filtres", value=[]),
        put("parts", "state", "stack", "xdefensive", value={}),
        put("parts", "state", "racf", "users", "START1", "special", value=True),
    ],
)
def test_import__of_rubbish_changes_nothing(place, change) -> None:
    before = remembered(place)
    with pytest.raises(ProfileError, match=r"x: .*nothing is changed"):
        memory.imported(place, edited(before, change), "x")
    assert remembered(place) == before


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_import__of_what_is_no_document(place, octets) -> None:
    with pytest.raises(ProfileError, match="is no export of a system's memory"):
        memory.imported(place, octets, "x")


def test_bundled__remembers_nothing() -> None:
    with pytest.raises(ProfileError, match="is bundled"):
        memory.exported(profiles.find("adcd"), NOW)


def zsim(*words: str, input: str | None = None):
    return CliRunner().invoke(main, ["state", *words], env={"ZSIM_NOW": "2023-12-13T14:05:31"}, input=input)


def test_command__show(place) -> None:
    done = zsim("show", "-s", str(place.folder))
    assert done.exit_code == 0
    assert "running            TCPIP, CPAGENT, DMD, SYSLOGD, TRMD1\n" in done.stdout
    assert "in force           Stack Profile\n" in done.stdout
    found = json.loads(zsim("show", "--json", "-s", str(place.folder)).stdout)
    assert (found["schema"], found["memory"], found["defensive"]) == ("zsim.memory/1", store.SCHEMA, 1)


def test_command__show_of_a_damaged_database(place) -> None:
    octets = bytearray((place.folder / "state.db").read_bytes())
    octets[4096:8192] = bytes(4096)
    (place.folder / "state.db").write_bytes(octets)
    done = zsim("show", "-s", str(place.folder))
    assert done.exit_code == 1
    assert "sound              ok" not in done.stdout


def test_command__export_and_import_through_a_pipe(place) -> None:
    done = zsim("export", "-s", str(place.folder), "-")
    again = zsim("import", "-s", str(place.folder), "-", input=done.stdout)
    assert (done.exit_code, again.exit_code) == (0, 0)
    assert zsim("export", "-s", str(place.folder), "-").stdout == done.stdout


def test_command__refuses_in_words(place, tmp_path) -> None:
    done = zsim("import", "-s", str(place.folder), str(tmp_path / "nosuch"))
    assert (done.exit_code, "cannot be read" in done.stderr) == (2, True)
    done = zsim("export", "-s", str(place.folder), str(tmp_path / "no/such"))
    assert (done.exit_code, "cannot be written" in done.stderr) == (2, True)
