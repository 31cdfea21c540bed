"""The commands analyse and suggest as one types them: arguments, answers, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.zsim.test_cli import PING, mysys, zsim

__all__ = ["mysys"]  # a fixture
POLICY = "datasets/USER.Z24C.TCPPARMS/PAGEIPSE"
LATE = """
IpFilterRule                late
{
  IpSourceAddrRef           linux
  IpDestAddr                10.1.1.2
  IpService
  {
    Protocol                Icmp
    Type                    8
    Direction               Inbound
    Routing                 Local
  }
  IpGenericFilterActionRef  permit-quiet
}
"""


@pytest.fixture
def late(mysys: Path) -> Path:
    """A system with a rule that comes too late."""
    path = mysys / POLICY
    path.write_text(path.read_text().replace("ospf\n}", "ospf\n  IpFilterRuleRef           late\n}", 1) + LATE)
    return mysys


def test_analyse__nothing_but_notes_is_fine() -> None:
    done = zsim("analyse")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "adcd: Stack Policy, 33 filters: 0 warnings, 4 notes"
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_analyse__a_finding_is_exit_code_1(late: Path) -> None:
    done = zsim("analyse", "-s", str(late))
    assert done.exit_code == 1
    first, text, *_ = done.stdout.splitlines()
    line = (late / POLICY).read_text().split("\n").index("IpFilterRule                late") + 1
    assert first == f"{POLICY}:{line}:1: warning: shadowed"
    assert text == "  permit late never decides: icmpinspecific2 (line 23) matches all its packets"


def test_analyse__columns_of_a_table_of_unreachable_lines(late: Path) -> None:
    shown = json.loads(zsim("analyse", "-s", str(late), "--json").stdout)
    (line,) = shown["lines"]
    where = line.pop("where")
    assert line == {
        "Sources": [f"{late}: policy"], "Unreachable_Line": "late.1", "Unreachable_Line_Action": "PERMIT",
        "Blocking_Lines": ["icmpinspecific2.1"], "Different_Action": False, "Reason": "BLOCKING_LINES",
        "Additional_Info": None,
    }  # fmt: skip
    (found,) = (each for each in shown["findings"] if each["severity"] == "warning")
    assert (found["id"], found["filters"], found["where"]) == ("shadowed", ["late.1"], where)
    assert shown["standing"] == {"live": 33 - 4, "shadowed": 1}  # without the implicit denies


def test_analyse__sarif_and_markdown(late: Path) -> None:
    (run,) = json.loads(zsim("analyse", "-s", str(late), "--format", "sarif").stdout)["runs"]
    places = {each["ruleId"]: each["locations"][0]["physicalLocation"] for each in run["results"]}
    assert places["shadowed"]["artifactLocation"]["uri"] == POLICY
    table = zsim("analyse", "-s", str(late), "--format", "markdown").stdout
    assert "| warning: shadowed | permit late never decides" in table
    assert "| late.1 | PERMIT | icmpinspecific2.1 | False | BLOCKING_LINES |" in table


def test_analyse__what_is_ignored(late: Path, tmp_path: Path) -> None:
    assert zsim("analyse", "-s", str(late), "--ignore", "shadowed").exit_code == 0
    assert zsim("analyse", "-s", str(late), "--ignore", "shadowed=other").exit_code == 1
    file = tmp_path / "ignored"
    file.write_text("# agreed\nshadowed late\n")
    done = zsim("analyse", "-s", str(late), "--ignore-file", str(file))
    assert (done.exit_code, "1 ignored" in done.stdout) == (0, True)
    file.write_text("shadowd\n")
    wrong = zsim("analyse", "--ignore-file", str(file))
    assert "line 1: no finding is called shadowd; did you mean shadowed" in wrong.stderr
    assert zsim("analyse", "--ignore-file", str(tmp_path / "none")).exit_code == 2
    assert zsim("analyse", "--ignore", "shade").exit_code == 2


def test_analyse__with_captures() -> None:
    done = zsim("analyse", PING)
    assert done.exit_code == 0
    assert "permit icmpinspecific2 permits more than was seen (1 packet)" in done.stdout


@pytest.mark.parametrize("window", ["", "7", "d", "-1d", "1w", "1000000d"])
def test_analyse__a_window_that_is_none(window: str) -> None:
    assert zsim("analyse", "--window", window).exit_code == 2


def test_analyse__damage_and_what_is_no_capture(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pcap"
    damaged.write_bytes(Path(PING).read_bytes()[:-7])
    assert zsim("analyse", str(damaged)).exit_code == 2
    assert zsim("suggest", str(damaged)).exit_code == 2
    assert zsim("suggest", str(tmp_path / "none.pcap")).exit_code == 2
    assert zsim("analyse", "--interface", "ETH9", PING).exit_code == 2


def test_analyse__is_not_known_where_something_is_not_modelled(mysys: Path) -> None:
    path = mysys / POLICY
    path.write_text(path.read_text().replace("Routing                 Local", "Routing                 Lcal", 1))
    assert zsim("analyse", "-s", str(mysys)).exit_code == 3


def test_analyse__without_rules(mysys: Path) -> None:
    path = mysys / "datasets/USER.Z24C.TCPPARMS/PROFILE"
    path.write_text(path.read_text().replace("IPSECURITY", ""))
    done = zsim("analyse", "-s", str(mysys))
    assert (done.exit_code, "no packet is filtered" in done.stderr) == (2, True)
    assert zsim("suggest", "-s", str(mysys), PING).exit_code == 2


def test_suggest__says_what_it_learned_from() -> None:
    done = zsim("suggest", PING)
    assert done.exit_code == 0
    words = " ".join(done.stdout.replace("#", "").split())
    assert f"frames: {PING} 1 IpFilterRule learned01" in words
    assert f"frames: {PING} 2 IpFilterRule learned02" in words
    shown = json.loads(zsim("suggest", PING, "--json").stdout)
    assert shown["policy"] == done.stdout
    assert shown["exam"]["asked"]["crossings"] == 1


def test_suggest__writes_over_no_capture(mysys: Path) -> None:
    capture = str(mysys / "captures" / "ping.pcap")
    before = Path(capture).read_bytes()
    assert zsim("suggest", capture, "--out", capture).exit_code == 2
    assert Path(capture).read_bytes() == before
