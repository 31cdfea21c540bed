"""`zsim filters --watch`: a table for each look, and an end by Ctrl-C."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from zsim import profiles
from zsim.cli import main, watching

PING = str(profiles.bundle() / "adcd" / "captures" / "ping.pcap")


def zsim(*words: str):
    return CliRunner().invoke(main, words, env={"ZSIM_NOW": "2023-12-13T14:05:31", "NO_COLOR": "1"})


@pytest.fixture
def mysys(tmp_path):
    return str(profiles.new(str(tmp_path / "mysys"), "adcd"))


def test_watch__sees_what_another_command_did(mysys, monkeypatch) -> None:
    def meanwhile(seconds: float) -> None:
        assert seconds == 0.5
        assert zsim("replay", "-s", mysys, PING).exit_code == 0

    monkeypatch.setattr(watching.time, "sleep", meanwhile)
    done = zsim("filters", "-s", mysys, "--matched", "--watch", "--every", "0.5", "--times", "2", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (done.exit_code, first["filters"]) == (0, [])
    assert {row["name"] for row in second["filters"]} >= {"icmpinspecific2"}


def test_watch__is_text_where_there_is_no_terminal(mysys, monkeypatch) -> None:
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: None)
    done = zsim("filters", "-s", mysys, "--layer", "defensive", "--watch", "--times", "3")
    heads = [line for line in done.stdout.splitlines() if line.startswith("2023-12-13T14:05:31  0 of 33 filters; ")]
    assert (done.exit_code, len(heads)) == (0, 3)


def test_watch__ends_by_interruption(mysys, monkeypatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", interrupted)
    done = zsim("filters", "-s", mysys, "--watch")
    assert (done.exit_code, done.stdout.count("of 33 filters")) == (0, 1)


def test_picture__filters_that_matched_since_stand_out() -> None:
    row = {"name": "web", "extension": 1, "layer": "policy", "direction": "Inbound", "action": "Permit",
           "protocol": "TCP(6)", "source": "0.0.0.0/0", "source_port": "all", "dest": "10.1.1.2", "dest_port": "80",
           "type": "all", "code": "all", "expires": None, "matches": 7}  # fmt: skip
    told = watching._picture("in force", [row], 1, {("web", 1, "policy"): 5})
    assert str(told).splitlines()[-1] == "web.1   policy  in   Permit  TCP(6)    any > 10.1.1.2 port 80        7  +2"
    assert "bold" in [span.style for span in told.spans]
    again = watching._picture("in force", [row], 1, {("web", 1, "policy"): 7})
    assert "bold" not in [span.style for span in again.spans]
