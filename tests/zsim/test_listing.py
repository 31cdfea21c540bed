"""zsim filters: the installed filters for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from systems import icmp, play
from test_dmd import ADD, conf, made, sh

from zsim import listing
from zsim.cli import main


@pytest.fixture
def rows():
    system = made(conf("Simulate"))
    sh(system, f"{ADD} -N noping")
    play(system, icmp("10.1.0.2", "10.1.1.2", 8), icmp("10.1.0.3", "10.1.1.2", 8))
    return listing.rows(system)


@pytest.mark.parametrize(
    ("matched", "layers", "sort", "expected"),
    [
        (None, ("defensive",), "order", ["noping.1"]),
        (True, (), "order", ["noping.1", "everything.2"]),
        (True, (), "matches", ["everything.2", "noping.1"]),
        (True, (), "last", ["everything.2", "noping.1"]),
        (True, ("policy",), "order", ["everything.2"]),
        (False, ("policy",), "name", sorted),
        (None, ("profile",), "order", []),
    ],
)
def test_chosen(rows, matched, layers, sort, expected) -> None:
    found = [f"{row['name']}.{row['extension']}" for row in listing.chosen(rows, matched, layers, sort)]
    assert found == (sorted(found) if expected is sorted else expected)
    assert expected is not sorted or len(found) == len(rows) - 2


def test_rows__stand_in_search_order(rows) -> None:
    assert [row["order"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["layer"] == "defensive"


def test_table__columns(rows) -> None:
    lines = listing.table(rows[:1]).splitlines()
    assert lines[0].split() == ["filter", "layer", "way", "action", "protocol", "from", ">", "to", "matches"]
    assert lines[1].split() == ["noping.1", "defensive", "in", "Block", "ICMP(1)", "10.1.0.2", ">", "any", "until",
                                "2023-12-13T14:35:31", "1"]  # fmt: skip


def test_table__that_is_too_wide_has_the_addresses_below(rows) -> None:
    whole = listing.table(rows).splitlines()
    assert listing.table(rows, len(whole[0])).splitlines() == whole
    lines = listing.table(rows[:1], 60).splitlines()
    assert [line.split() for line in lines] == [
        ["filter", "layer", "way", "action", "matches"], ["protocol", "from", ">", "to"],
        ["noping.1", "defensive", "in", "Block", "1"],
        ["ICMP(1)", "10.1.0.2", ">", "any", "until", "2023-12-13T14:35:31"],
    ]  # fmt: skip
    assert max(map(len, lines)) <= 60


def run(*words: str):
    env = {"ZSIM_NOW": "2023-12-13T14:05:31", "NO_COLOR": "1"}
    return CliRunner().invoke(main, words, env=env)


def test_command__over_restarts_of_zsim(tmp_path: Path) -> None:
    """A filter added by one process is there in the next, blocks in a replay, and is in the listing."""
    folder = str(tmp_path / "mine")
    run("new", folder)
    member = tmp_path / "mine" / "datasets" / "USER.Z24C.TCPPARMS" / "DMD"
    member.write_text(conf("Active"))
    assert run("ipsec", "-s", folder, *f"{ADD[6:]} lifetime 10 -N noping".split()).exit_code == 0
    ping = f"{folder}/captures/ping.pcap"
    shown = json.loads(run("replay", "-s", folder, "--json", ping).stdout)
    assert (shown["blocked"], shown["permitted"], shown["packets"]) == (1, 1, 2)
    listed = json.loads(run("filters", "-s", folder, "--json", "--matched", "--layer", "defensive").stdout)
    assert [(row["name"], row["matches"]) for row in listed["filters"]] == [("noping", 1)]
    assert (tmp_path / "mine" / "var" / "dm" / "filters" / "TCPIP.filters").read_text().startswith("noping ext 1")
    report = json.loads(run("ipsec", "-s", folder, "--json", "-F", "display").stdout)
    assert report["filters"][0]["FilterMatches"] == "1"
    later = {"ZSIM_NOW": "2023-12-13T14:15:31", "NO_COLOR": "1"}
    gone = CliRunner().invoke(main, ["ipsec", "-s", folder, "-F", "display"], env=later)
    assert "0 entries selected" in gone.stdout
    assert (tmp_path / "mine" / "var" / "dm" / "filters" / "TCPIP.filters").read_text() == ""


def test_command__annotated_capture_names_the_filter(tmp_path: Path) -> None:
    folder, out = str(tmp_path / "mine"), tmp_path / "out.pcapng"
    run("new", folder)
    run("ipsec", "-s", folder, *f"{ADD[6:]} -N noping".split())
    run("replay", "-s", folder, "-w", str(out), f"{folder}/captures/ping.pcap")
    assert b"would be blocked by noping ext 1" in out.read_bytes()
    (tmp_path / "mine" / "datasets" / "USER.Z24C.TCPPARMS" / "DMD").write_text(conf("Active"))
    run("console", "-s", folder, "F DMD,REFRESH")
    run("replay", "-s", folder, "-w", str(out), f"{folder}/captures/ping.pcap")
    assert b"blocked by noping ext 1 (Block, in, local, defensive" in out.read_bytes()


@pytest.mark.parametrize("words", [["--sort", "size"], ["--layer", "x"], ["extra"]])
def test_command__wrong_words(words) -> None:
    assert run("filters", *words).exit_code == 2


def test_command__json_of_a_request_that_prints_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "mine")
    run("new", folder)
    done = run("ipsec", "-s", folder, "--json", *f"{ADD[6:]} -N noping".split())
    assert json.loads(done.stdout) == {"code": 0, "text": "", "errors": ""}
    refused = run("ipsec", "-s", folder, "--json", "-F", "delete", "-N", "nosuch")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (5, 5)
    assert "no defensive filter nosuch" in json.loads(refused.stdout)["errors"]
