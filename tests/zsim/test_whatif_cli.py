"""The commands compare, search, boundary and grep as one types them: arguments, answers, exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.zsim.test_cli import BUNDLED, MEMBERS, PING, mysys, zsim

__all__ = ["mysys"]  # a fixture
POLICY = f"{MEMBERS}/PAGEIPSE"
LARGER = ("33434 33533", "33434 33600")


def change(folder: Path, old: str = LARGER[0], new: str = LARGER[1]) -> str:
    """Change the policy of a folder; its text."""
    path = folder / POLICY
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path.read_text()


def test_compare__equal_is_a_proof(mysys: Path) -> None:
    done = zsim("compare", "adcd", str(mysys))
    assert done.exit_code == 0
    assert "equal. No packet fares otherwise; this is a proof." in done.stdout


def test_compare__a_port_range_made_larger(mysys: Path) -> None:
    change(mysys)
    done = zsim("compare", "adcd", str(mysys), PING)
    assert done.exit_code == 1
    assert "newly permitted: inbound local udp from 10.1.0.2 to 10.1.1.2, 192.168.1.74" in done.stdout
    assert "port 33534-33600" in done.stdout
    assert "Recorded traffic: 2 packets, 0 changed, 2 the same" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if str(mysys) not in line) <= 80


def test_compare__what_is_installed_and_what_the_files_say(mysys: Path) -> None:
    assert zsim("filters", "-s", str(mysys)).exit_code == 0  # installs
    change(mysys)
    assert zsim("compare", f"{mysys}@installed", str(mysys)).exit_code == 1
    assert zsim("console", "-s", str(mysys), "F CPAGENT,REFRESH").exit_code == 0
    assert zsim("compare", f"{mysys}@installed", str(mysys)).exit_code == 0


def test_compare__a_policy_file_in_the_place_of_the_policy(mysys: Path, tmp_path: Path) -> None:
    candidate = tmp_path / "new.policy"
    candidate.write_text(change(mysys))
    done = zsim("compare", str(candidate), "--json")
    shown = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [row["kind"] for row in shown["candidates"][0]["kinds"]] == ["newly permitted"]
    assert shown["candidates"][0]["differences"][0]["new"]["filter"]["where"].startswith(str(candidate))
    assert zsim("compare", "-s", str(mysys), str(candidate)).exit_code == 0


def test_compare__git_revisions(mysys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mysys)
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1")):
        subprocess.run(["git", *words], check=True, cwd=mysys)
    change(mysys)
    done = zsim("compare", f"HEAD:{POLICY}", f"{mysys}")
    assert (done.exit_code, "newly permitted" in done.stdout) == (1, True)
    assert zsim("compare", "HEAD:./", str(mysys)).exit_code == 1
    assert zsim("compare", "adcd", "HEAD:./").exit_code == 0
    wrong = zsim("compare", "adcd", "HEAD:nothere")
    assert wrong.exit_code == 2
    assert "git does not have it" in wrong.stderr


def test_compare__more_than_two_and_every_form(mysys: Path, tmp_path: Path) -> None:
    change(mysys)
    done = zsim("compare", "adcd", str(mysys), "adcd")
    assert done.exit_code == 1
    assert "equal" in done.stdout
    page = tmp_path / "report.html"
    assert zsim("compare", "adcd", str(mysys), "--format", "html", "--out", str(page)).exit_code == 1
    assert page.read_text().startswith("<!doctype html>")
    assert "| newly permitted | 1 |" in zsim("compare", "adcd", str(mysys), "--format", "markdown").stdout


def test_compare__wrong_words() -> None:
    done = zsim("compare", "adcd", "adcdd")
    assert done.exit_code == 2
    assert "did you mean adcd?" in done.stderr


def test_compare__a_policy_that_is_refused_is_not_known(tmp_path: Path) -> None:
    """The stack keeps the default rules then, and the answer depends on an error."""
    candidate = tmp_path / "bad.policy"
    candidate.write_text("IpFilterPolicy\n{\n  IpFilterRuleRef nobody\n}\n")
    done = zsim("compare", "adcd", str(candidate))
    assert done.exit_code == 1
    assert "error at" in done.stderr
    same = zsim("compare", str(candidate), str(candidate))
    assert same.exit_code == 3


def test_search__found_and_not() -> None:
    done = zsim("search", "--to", "10.1.1.2", "--port", "23", "--permit")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "tcp 10.1.0.2:40000 > 10.1.1.2:23 in ETH1 syn"
    assert "x3270.2" in done.stdout
    none = zsim("search", "--to", "10.1.1.2", "--port", "25", "--permit", "--json")
    assert (none.exit_code, json.loads(none.stdout)["exists"]) == (1, False)


@pytest.mark.parametrize("words", [("--port", "99999"), ("--port", "9-3"), ("--to", "10.1.1"), ("--proto", "tpc"),
                                   ("--filter", "nobody"), ("--interface", "ETH9")])  # fmt: skip
def test_search__wrong_words_say_what_is_right(words: tuple[str, str]) -> None:
    done = zsim("search", *words)
    assert done.exit_code == 2
    assert done.stderr


def test_boundary__the_capture_replays_as_its_labels_say(tmp_path: Path) -> None:
    capture = tmp_path / "edges.pcapng"
    done = zsim("boundary", "--json", "-w", str(capture))
    shown = json.loads(done.stdout)
    replayed = json.loads(zsim("replay", "--json", str(capture)).stdout)
    assert done.exit_code == 0
    assert replayed["packets"] == len(shown["packets"]) > 400
    assert replayed["permitted"] == sum(row["verdict"] == "permitted" for row in shown["packets"])
    plain = tmp_path / "edges.pcap"
    assert zsim("boundary", "-w", str(plain)).exit_code == 0
    assert json.loads(zsim("replay", "--json", str(plain)).stdout)["permitted"] == replayed["permitted"]


def test_boundary__spares_the_files_of_the_system(mysys: Path) -> None:
    done = zsim("boundary", "-s", str(mysys), "-w", str(mysys / "system.yaml"))
    assert done.exit_code == 2
    assert (mysys / "system.yaml").read_bytes() == (BUNDLED / "system.yaml").read_bytes()


def test_grep__file_line_and_column() -> None:
    done = zsim("grep", "21")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"{POLICY}:119:5: policy: IpService FTPServer (IpServiceGroup): SourcePortRange 21"
    nothing = zsim("grep", "ftpsrver")
    assert nothing.exit_code == 1
    assert "did you mean ftpserver?" in nothing.stderr
