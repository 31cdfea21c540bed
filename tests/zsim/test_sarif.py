"""Findings for review tools."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from zsim.cli import main
from zsim.findings import KINDS, Where, finding
from zsim.sarif import LEVELS, document


def test_document__one_result_a_finding() -> None:
    findings = [
        finding("syntax", Where("X(Y)", 3, 7), "EZZ0318I ...", found="a", expected="b", hint="c"),
        finding("missing-file", Where("system.yaml"), name="X", why="", hint=""),
        finding("syntax", Where("X(Y)", 4, 1), found="d", expected="e", hint=""),
    ]
    run = document(findings, lambda name: f"at/{name}", "1.2.3")["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["missing-file", "syntax"]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == ["syntax", "missing-file", "syntax"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "at/X(Y)"
    assert place["region"] == {"startLine": 3, "startColumn": 7}
    assert run["results"][0]["message"]["text"] == "a found where b was expected. EZZ0318I .... c"
    assert "region" not in run["results"][1]["locations"][0]["physicalLocation"]


def test_levels__every_severity_has_one_of_the_standard() -> None:
    assert {LEVELS[kind.severity] for kind in KINDS.values()} <= {"error", "warning", "note"}


def test_command__names_files_of_the_system(tmp_path: Path) -> None:
    runner = CliRunner()
    folder = str(tmp_path / "s")
    assert runner.invoke(main, ["new", folder]).exit_code == 0
    member = Path(folder) / "datasets/USER.Z24C.TCPPARMS/PAGEIPSE"
    member.write_text(member.read_text().replace("Protocol                Udp", "Protocol                Upd"))
    done = runner.invoke(main, ["check", "-s", folder, "--format", "sarif"])
    assert done.exit_code == 1
    errors = [each for each in json.loads(done.stdout)["runs"][0]["results"] if each["level"] == "error"]
    place = errors[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "datasets/USER.Z24C.TCPPARMS/PAGEIPSE"
    line = member.read_text().split("\n")[place["region"]["startLine"] - 1]
    assert line[place["region"]["startColumn"] - 1 :].startswith("Upd")
