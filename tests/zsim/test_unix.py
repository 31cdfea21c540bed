"""The z/OS UNIX command line: pipes, redirection and the few filters (README, `zsim sh`)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from systems import NOW, policy, policy_system, rule

from zsim import profiles, store
from zsim.cli import main
from zsim.system import System

TEXT = "one 1\ntwo 2\nThree 3\n"


@pytest.fixture
def made() -> System:
    system = policy_system(policy(rule("r")))
    system.files.replace("/u/ibmuser/a", TEXT)
    system.files.replace("/opt/b", "no line end")
    return system


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cat a", TEXT),
        ("cat /u/ibmuser/a", TEXT),
        ("cat ../../opt/b", "no line end"),
        ("cat a /opt/b", TEXT + "no line end"),
        ("grep two a", "two 2\n"),
        ("grep -v two a", "one 1\nThree 3\n"),
        ("grep -i three a", "Three 3\n"),
        ("grep -c . a", "3\n"),
        ("grep 'o.*1' a", "one 1\n"),
        ("grep -ci t a", "2\n"),
        ("cat a | head -1", "one 1\n"),
        ("head -n 2 a", "one 1\ntwo 2\n"),
        ("head -n2 a", "one 1\ntwo 2\n"),
        ("tail -1 a", "Three 3\n"),
        ("tail -n 1 a", "Three 3\n"),
        ("head -0 a", ""),
        ("tail -0 a", ""),
        ("wc -l a", "3\n"),
        ("cat a | wc", "3 6 20\n"),
        ("cat a | grep o | wc -l", "2\n"),
        ("cat a|wc -l", "3\n"),
        ("ls", "a\n"),
        ("ls /u/ibmuser", "a\n"),
        ("ls /opt", "b\n"),
    ],
)
def test_line__prints(made, line, expected) -> None:
    answer = made.shell(line)
    assert (answer.text, answer.errors) == (expected, "")


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        ("cat nosuch", 1, "nosuch"),
        ("ls /nosuch", 1, "/nosuch"),
        ("grep nosuch a", 1, ""),
        ("cta a", 127, "did you mean cat?"),
        ("cat a |", 2, "program is missing"),
        ("| cat", 2, "program is missing"),
        ("", 2, "empty"),
        ("cat a >", 2, "file name"),
        ("cat a || cat b", 2, "||"),
        ("cat 'a", 2, "quot"),
        ("grep '(' a", 2, "("),
        ("wc -l < a", 2, "<"),
        ("head -n x a", 2, "no number"),
        ("cat \0", 2, "NUL"),
    ],
)
def test_line__that_fails(made, line, code, word) -> None:
    answer = made.shell(line)
    assert (answer.code, answer.text) == (code, "")
    assert word in answer.errors


def test_redirection__writes_and_appends(made) -> None:
    made.shell("grep two a > c")
    made.shell("grep one a >> c")
    assert made.shell("cat c").text == "two 2\none 1\n"
    made.shell("grep one a > c")
    assert made.shell("cat c").text == "one 1\n"


def test_redirection__takes_standard_output_only(made) -> None:
    answer = made.shell("ipsec -f nosuch > c")
    assert (answer.code, made.shell("cat c").text) == (1, "")
    assert answer.errors.startswith("ipsec:")


def test_redirection__without_blanks(made) -> None:
    made.shell("cat a>c")
    assert made.shell("cat c").text == TEXT


def test_home__is_that_of_the_user(made) -> None:
    made.shell("ipsec -f display > x", user="START1")
    assert made.shell("cat /u/start1/x | wc -l").text != "0\n"


def test_pipe__hands_the_report_on(made) -> None:
    assert made.shell("ipsec -f display | grep FilterName: | wc -l").text == "8\n"
    assert made.shell("ipsec -f display | grep -c nosuch").text == "0\n"


def test_json__of_a_line() -> None:
    env = {"ZSIM_NOW": "2023-12-13T14:05:31", "NO_COLOR": "1"}
    done = CliRunner().invoke(main, ["sh", "--json", "--user", "START1", "ipsec -f display | wc -l"], env=env)
    found = json.loads(done.stdout)
    assert (found["schema"], found["code"], found["text"]) == ("zsim.sh/1", 0, "0\n")
    assert "START1 is not authorized" in found["errors"]
    assert found["console"][0].startswith("ICH408I USER(START1  )")


def test_damage__of_the_memory_is_no_mistake_in_the_line(tmp_path: Path) -> None:
    place = profiles.find(str(profiles.new(str(tmp_path / "mysys"), "adcd")))
    with store.session(place, write=True, now=NOW):
        pass
    with sqlite3.connect(place.folder / profiles.STATE) as connection:
        connection.execute("UPDATE part SET octets = '[[1]]' WHERE name = 'policy.filters'")
    done = CliRunner().invoke(main, ["sh", "-s", str(place.folder), "ipsec -f display"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("zsim: state.db: ")
