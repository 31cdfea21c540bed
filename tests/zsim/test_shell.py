"""The session: prompts, scripts, completion, and lines that fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from zsim import profiles, store
from zsim.cli import main
from zsim.cli.completing import completions, names_of, offered
from zsim.cli.dialogue import Line, read, script
from zsim.cli.shell import history_file

NOW = 1_702_476_331_000_000_000
ROOT = Path(__file__).parents[2]


def shell(text: str, *words: str):
    env = {"ZSIM_NOW": "2023-12-13T14:05:31", "ZSIM_SYSTEM": None, "NO_COLOR": "1"}
    return CliRunner().invoke(main, ["shell", *words], env=env, input=text)


# ---- scripts --------------------------------------------------------------------------------------------------


def test_script__lines_at_their_prompts() -> None:
    text = "# a comment\nF DMD,REFRESH\nsh>\nls\n\nconsole> D A,L\ncat a\ntso\nSETROPTS LIST\nexit\nnever\n"
    assert list(script(text)) == [
        Line("console", "F DMD,REFRESH"), Line("sh", "ls"), Line("console", "D A,L"), Line("sh", "cat a"),
        Line("tso", "SETROPTS LIST"),
    ]  # fmt: skip


def test_script__of_markdown_is_its_fences() -> None:
    text = "# Title\n```zsim adcd ours\nconsole> D A\nIEE114I ...\nsh> ls\n```\nls\n```\nls\n```\n"
    assert list(script(text)) == [Line("console", "D A"), Line("sh", "ls")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("sh", Line("sh", "")),
        ("SH>", Line("sh", "")),
        ("clock> +30m", Line("clock", "+30m")),
        ("  D A ", Line("console", "D A")),
        ("quit", None),
    ],
)
def test_read(text, line) -> None:
    assert read(text, "console") == line


# ---- sessions -------------------------------------------------------------------------------------------------


def test_session__is_printed_as_a_transcript() -> None:
    done = shell("console> F DMD,REFRESH\nframes> captures/ping.pcap\nsh> ipsec -f display | grep -c FilterName:\n")
    file = "//'USER.Z24C.TCPPARMS(DMD)'"
    assert done.stdout == (
        "console> F DMD,REFRESH\n"
        f"EZD1622I DEFENSE MANAGER DAEMON CONFIGURATION PROCESSING IS COMPLETE USING FILE {file}\n"
        "frames> captures/ping.pcap\n"
        "sh> ipsec -f display | grep -c FilterName:\n"
        "33\n"
    )
    assert "2 packets: 2 permitted" in done.stderr
    assert done.exit_code == 0


def test_session__of_a_bundled_system_lives_between_lines() -> None:
    text = "sh> ipsec -F add srcip 10.9.9.9 destip all dir inbound lifetime 10 -N x\nclock> +9m\n"
    shown = (
        text + "sh> ipsec -F display | grep -c FilterName:\nclock> +1m\nsh> ipsec -F display | grep -c FilterName:\n"
    )
    assert [line for line in shell(shown).stdout.splitlines() if line.isdigit()] == ["1", "0"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("D A", 0),
        ("HELLO\nD A", 1),
        ("D T\nD A", 3),
        ("sh> ipsec -Q", 1),
        ("D T\nHELLO", 1),
        ("HELLO\nframes> nosuch.pcap\nD T", 2),
        ("clock> yesterday", 2),
        ("frames> captures/ping.pcap NOSUCH", 2),
        ("sh> zsim decode nosuch.pcap", 2),
        ("sh> zsim systems", 0),
        ("tso> HELLO", 2),
    ],
)
def test_session__goes_on_after_a_mistake_and_ends_with_the_worst(lines, code) -> None:
    done = shell(lines + "\nD A,TRMD1\n")
    assert "TRMD1    STEP1    START1   OWT" in done.stdout
    assert (done.exit_code != 0, done.exit_code in (code, 1)) == (code != 0, True)


def test_session__of_a_folder_keeps_each_line(tmp_path) -> None:
    folder = profiles.new(str(tmp_path / "mysys"), "adcd")
    shell("sh> ipsec -f default\nP TRMD1\n", "-s", str(folder))
    with store.session(profiles.find(str(folder)), False, NOW) as system:
        assert system.stack.default_forced
        assert system.running("TRMD1") is None


def test_session__runs_a_transcript_of_the_tests() -> None:
    done = shell("", "--script", str(ROOT / "tests/transcripts/dmd.md"))
    assert done.stdout.count("FilterName:                   noping") >= 1


def test_session__script_that_is_not_there() -> None:
    done = shell("", "--script", "nosuch")
    assert (done.exit_code, "cannot be read" in done.stderr) == (2, True)


# ---- completion -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def names():
    place = profiles.find("adcd")
    system = store.started(profiles.open_system(place), NOW)
    system.shell("ipsec -F add srcip 10.9.9.9 destip all dir inbound -N blocked")
    return names_of(system, place)


@pytest.mark.parametrize(
    ("prompt", "text", "found"),
    [
        ("console", "S C", ["CPAGENT"]),
        ("console", "P T", ["TCPIP", "TRMD1"]),
        ("console", "f dmd,d", ["DISPLAY"]),
        ("console", "F DMD,FORCE_INACTIVE,", ["TCPIP"]),
        ("console", "F CPAGENT,R", ["REFRESH"]),
        ("console", "V TCPIP,TCPIP,ST", ["START", "STOP"]),
        ("console", "V TCPIP,,OBEY,USER.Z24C.TCPPARMS(J", ["USER.Z24C.TCPPARMS(JFACE41)"]),
        ("console", "V TCPIP,,STOP,P", ["PORTA"]),
        ("console", "D A,T", ["TCPIP", "TRMD1"]),
        ("console", "cl", ["clock>"]),
        ("sh", "ips", ["ipsec"]),
        ("sh", "ipsec -f d", ["default", "display"]),
        ("sh", "ipsec -f display -n icmpins", ["icmpinspecific2"]),
        ("sh", "ipsec -F delete -N b", ["blocked"]),
        ("sh", "ipsec -f display -r w", ["wide"]),
        ("sh", "ipsec -F add srcip 1.2.3.4 dir i", ["inbound"]),
        ("sh", "ipsec -F add loglim", ["loglimit"]),
        ("sh", "ipsec -f display | naf", ["nafm"]),
        ("sh", "cat /etc/sys", ["/etc/syslog.conf"]),
        ("tso", "RDEF", ["RDEFINE"]),
        ("frames", "captures/pi", ["captures/ping.pcap"]),
        ("frames", "captures/ping.pcap ETH2", ["ETH2"]),
        ("clock", "+1", ["+1d"]),
    ],
)
def test_completion(names, prompt, text, found) -> None:
    assert completions(prompt, text, names) == found


@pytest.mark.parametrize("prompt", ["console", "sh", "tso", "frames", "clock"])
@pytest.mark.parametrize("text", ["", " ", ",", "F ", "F X,", "V ,,,,", "ipsec", "ipsec -f", "|", "x | ", "D A,B,C,"])
def test_completion__of_anything(names, prompt, text) -> None:
    assert isinstance(completions(prompt, text, names), list)


def test_offered__takes_the_place_of_the_last_word(names) -> None:
    assert offered("console", "F DMD,DIS", names) == [("DISPLAY", 3)]
    assert offered("console", "sh> ipsec -f dis", names) == [("display", 3)]
    assert offered("sh", "console> P TR", names) == [("TRMD1", 2)]
    assert offered("clock", "", names)[0][1] == 0


# ---- at a terminal --------------------------------------------------------------------------------------------


def test_history__is_in_the_state_folder_of_the_user(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert history_file() == tmp_path / "zsim" / "history"


PERSON = """
import os, sys
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from zsim import profiles
from zsim.cli import shell
from zsim.cli.dialogue import Dialogue

place = profiles.find("adcd")
with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
    keys.send_text("F DMD,DISPLAY\\rsh\\rls /etc\\r\\x03HELLO\\rhelp\\rexit\\r")
    print("code", shell._typed(Dialogue(place, shell._opener(place))))
"""


def test_terminal__keys_are_read_and_remembered(tmp_path) -> None:
    env = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path), "PATH": "", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", PERSON], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DEFENSE MANAGER DAEMON CONFIGURATION\n" in done.stdout
    assert "syslog.conf\n" in done.stdout
    assert "HELLO: FSUM7351 not found" in done.stderr
    assert done.stdout.endswith("code 1\n")
    assert "+F DMD,DISPLAY\n" in (tmp_path / "zsim/history").read_text()


def test_prompt_toolkit__waits_for_a_terminal() -> None:
    text = "import sys; from zsim.cli import shell, dialogue, completing; print('prompt_toolkit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n"
