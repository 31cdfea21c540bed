"""The commands of the README on folders of one's own: what is kept, what is refused, how each ends."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from systems import PCAPS, ROOT

import engine
from zsim import profiles
from zsim.cli import main

BUNDLED = ROOT / "profiles" / "adcd"
PING = str(BUNDLED / "captures" / "ping.pcap")
MEMBERS = "datasets/USER.Z24C.TCPPARMS"
NOW = "2023-12-13T14:05:31"
LOG = "var/log/TRMD1I.2023.12.13"
COMMANDS = sorted(main.commands)


def zsim(*words: str, stdin: bytes | None = None, **environment: str) -> Result:
    """One command in this process."""
    env = {"ZSIM_NOW": NOW, "ZSIM_SYSTEM": None, "NO_COLOR": "1", **environment}
    done = CliRunner().invoke(main, list(words), input=stdin, env=env)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def command(*words: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """One command in a process of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ZSIM_")}
    env |= {"ZSIM_NOW": NOW, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", "zsim.cli", *words], cwd=cwd, env=env, input=stdin, capture_output=True, timeout=120
    )


@pytest.fixture
def mysys(tmp_path: Path) -> Path:
    """A folder of one's own."""
    folder = tmp_path / "mysys"
    assert zsim("new", str(folder)).exit_code == 0
    return folder


def edit(folder: Path, member: str, old: str, new: str) -> None:
    path = folder / MEMBERS / member
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def matches(folder: Path, name: str = "icmpinspecific2") -> int:
    text = zsim("ipsec", "-s", str(folder), "-f", "display", "-n", name).stdout
    return sum(int(found) for found in re.findall(r"^FilterMatches: +(\d+)$", text, re.M))


def document(done: Result) -> dict:
    return json.loads(done.stdout)


def digest(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


# ---- what a folder remembers ----------------------------------------------------------------------------------


def test_new__then_replay_then_ipsec_counts(mysys) -> None:
    assert matches(mysys) == 0
    assert zsim("replay", "-s", str(mysys), PING).exit_code == 0
    assert matches(mysys) == 1
    assert zsim("replay", "-s", str(mysys), PING, PING).exit_code == 0
    assert matches(mysys) == 3
    assert (mysys / LOG).read_text().count("EZD0814I") == 3


def test_folder__refresh_resets_counts_and_update_keeps_them(mysys) -> None:
    zsim("replay", "-s", str(mysys), PING)
    assert zsim("console", "-s", str(mysys), "F CPAGENT,UPDATE").exit_code == 0
    assert matches(mysys) == 1
    assert zsim("console", "-s", str(mysys), "F CPAGENT,REFRESH").exit_code == 0
    assert matches(mysys) == 0


def test_folder__edits_act_when_they_are_installed(mysys) -> None:
    zsim("replay", "-s", str(mysys), PING)
    edit(mysys, "PAGEIPSE", "icmpinspecific2", "renamed")
    done = zsim("ipsec", "-s", str(mysys), "-f", "display", "-n", "icmpinspecific2")
    assert "1 entries selected" in done.stdout
    assert "F CPAGENT,REFRESH" in done.stderr
    zsim("console", "-s", str(mysys), "F CPAGENT,UPDATE")
    done = zsim("ipsec", "-s", str(mysys), "-f", "display", "-n", "renamed")
    assert "1 entries selected" in done.stdout
    assert "changed" not in done.stderr


def test_folder__default_and_reload_are_remembered(mysys) -> None:
    zsim("ipsec", "-s", str(mysys), "-f", "default")
    assert document(zsim("replay", "-s", str(mysys), "--json", PING))["source"] == "Stack Profile"
    zsim("ipsec", "-s", str(mysys), "-f", "reload")
    assert document(zsim("replay", "-s", str(mysys), "--json", PING))["source"] == "Stack Policy"


def test_folder__edited_profile_asks_for_obeyfile(mysys) -> None:
    zsim("replay", "-s", str(mysys), PING)
    edit(mysys, "PROFILE", "IPSEC LOGENABLE", "IPSEC LOGDISABLE")
    note = zsim("ipsec", "-s", str(mysys), "-f", "display").stderr
    assert "OBEYFILE,USER.Z24C.TCPPARMS(PROFILE)" in note


def test_folder__edited_obeyfile_is_not_the_policy_agents(mysys) -> None:
    (mysys / MEMBERS / "MYOBEY").write_text("IPSEC\nIPSECRULE * 10.1.0.2\nENDIPSEC\n")
    done = zsim("console", "-s", str(mysys), "V TCPIP,,OBEYFILE,USER.Z24C.TCPPARMS(MYOBEY)")
    assert done.exit_code == 0, done.output
    edit(mysys, "MYOBEY", "10.1.0.2", "10.1.0.3")
    note = zsim("ipsec", "-s", str(mysys), "-f", "display").stderr
    assert "REFRESH" not in note


def test_folder__clock_never_goes_back(mysys) -> None:
    zsim("replay", "-s", str(mysys), PING, ZSIM_NOW="2024-06-01T00:00:00")
    heading = zsim("ipsec", "-s", str(mysys), "-f", "display").stdout.splitlines()[1]
    assert heading.endswith("Sat Jun  1 00:00:00 2024")


def test_folder__shell_output_is_kept(mysys) -> None:
    assert zsim("sh", "-s", str(mysys), "ipsec -f display -c current > a").exit_code == 0
    assert (mysys / "u/ibmuser/a").read_text().endswith("33 entries selected\n")
    assert zsim("sh", "-s", str(mysys), "cat a | grep -c FilterName:").stdout == "33\n"
    zsim("sh", "-s", str(mysys), "ipsec -f display -n nosuch >> a")
    assert zsim("sh", "-s", str(mysys), "grep -c selected a").stdout == "2\n"
    assert zsim("sh", "-s", str(mysys), "--user", "START1", "cat a").exit_code == 1


def test_folder__log_can_be_read_with_the_shell(mysys) -> None:
    zsim("replay", "-s", str(mysys), PING)
    done = zsim("sh", "-s", str(mysys), "cat /var/log/TRMD1I.2023.12.13 | grep -c EZD0814I")
    assert (done.stdout, done.exit_code) == ("1\n", 0)
    assert "TRMD1I.2023.12.13" in zsim("sh", "-s", str(mysys), "ls /var/log").stdout


def test_folder__can_be_copied_without_its_memory(mysys, tmp_path) -> None:
    zsim("replay", "-s", str(mysys), PING)
    assert zsim("new", str(tmp_path / "other"), "--from", str(mysys)).exit_code == 0
    assert matches(tmp_path / "other") == 0


def test_folder__named_by_the_environment(mysys) -> None:
    zsim("replay", PING, ZSIM_SYSTEM=str(mysys))
    assert matches(mysys) == 1


def test_folder__option_in_front_of_the_command(mysys) -> None:
    assert zsim("-s", str(mysys), "replay", PING).exit_code == 0
    assert matches(mysys) == 1


def test_folder__edited_procedure_asks_for_a_new_start(mysys) -> None:
    zsim("ipsec", "-s", str(mysys), "-f", "display")
    for name in ("TRMD", "CPAGENT", "DMD", "SYSLOGD", "TCPIP"):
        path = mysys / "datasets/USER.Z24C.PROCLIB" / name
        path.write_text(path.read_text() + "//* changed\n")
    told = zsim("ipsec", "-s", str(mysys), "-f", "display").stderr
    how = 'zsim console "P TRMD1" and "S TRMD" start it anew'
    assert f"USER.Z24C.PROCLIB(TRMD) changed since it was read; {how}" in told
    assert told.count("changed since it was read") == 5
    zsim("console", "-s", str(mysys), "P TRMD1")
    zsim("console", "-s", str(mysys), "S TRMD")
    assert "PROCLIB(TRMD)" not in zsim("ipsec", "-s", str(mysys), "-f", "display").stderr


def test_folder__corrected_policy_leaves_no_doubt(mysys) -> None:
    edit(mysys, "PAGEIPSE", "IpFilterRuleRef           icmpreply", "IpFilterRuleRef           nosuch")
    assert zsim("replay", "-s", str(mysys), PING).exit_code == 1
    edit(mysys, "PAGEIPSE", "IpFilterRuleRef           nosuch", "IpFilterRuleRef           icmpreply")
    assert zsim("console", "-s", str(mysys), "F CPAGENT,REFRESH").exit_code == 0
    done = zsim("replay", "-s", str(mysys), PING)
    assert (done.exit_code, "nosuch" in done.stderr) == (0, False)


def test_bundled__is_never_written() -> None:
    before = digest(ROOT / "profiles")
    zsim("replay", PING)
    zsim("console", "F CPAGENT,REFRESH")
    zsim("console", "V TCPIP,,OBEYFILE,USER.Z24C.TCPPARMS(JFACE41)")
    zsim("ipsec", "-f", "default")
    zsim("sh", "ipsec -f display > a")
    zsim("sh", "cat /etc/syslog.conf > /etc/syslog.conf")
    zsim("send", 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()')
    zsim("demo")
    zsim("check", "-s", str(BUNDLED))
    zsim("replay", "-s", str(BUNDLED), PING)
    assert digest(ROOT / "profiles") == before


def test_bundled__remembers_nothing() -> None:
    zsim("replay", PING)
    assert "FilterMatches:                1" not in zsim("ipsec", "-f", "display").stdout


# ---- every command runs ---------------------------------------------------------------------------------------


def test_demo__on_a_folder_counts(mysys) -> None:
    done = zsim("demo", "-s", str(mysys))
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) <= 24
    assert f"Try next:\n  zsim ipsec -s {mysys} -f display" in done.stdout
    assert matches(mysys) == 1


def test_send__counts_and_logs(mysys) -> None:
    done = zsim("send", "-s", str(mysys), "--json", "--count", "3", 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()')
    assert (done.exit_code, document(done)["permitted"], document(done)["logged"]) == (0, 3, 3)
    assert matches(mysys) == 3


def test_send__expression_is_read_as_data(tmp_path) -> None:
    done = zsim("send", f'__import__("os").system("touch {tmp_path}/x")')
    assert done.exit_code == 2
    assert not (tmp_path / "x").exists()
    assert "^" in done.stderr


def test_decode__lines_and_json() -> None:
    lines = zsim("decode", PING).stdout.splitlines()
    assert [line.split()[3:7] for line in lines] == [
        ["10.1.0.2", ">", "10.1.1.2", "ICMP(1)"], ["10.1.1.2", ">", "10.1.0.2", "ICMP(1)"],
    ]  # fmt: skip
    rows = [json.loads(line) for line in zsim("decode", "--json", PING).stdout.splitlines()]
    assert list(rows[0]) == [
        "frame", "time_ns", "length", "captured", "linktype", "status", "version", "src", "dst", "proto", "sport",
        "dport", "icmp_type", "icmp_code", "tcp_flags", "fragment_offset", "more_fragments", "ethertype",
    ]  # fmt: skip
    assert [(row["frame"], row["icmp_type"], row["sport"]) for row in rows] == [(1, 8, None), (2, 0, None)]


def test_systems__lists_the_bundled_ones() -> None:
    assert zsim("systems").stdout.split() == profiles.bundled_names()
    assert json.loads(zsim("systems", "--json").stdout) == profiles.bundled_names()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion__is_a_script(shell) -> None:
    assert "_ZSIM_COMPLETE" in zsim("completion", shell).stdout


def test_check__of_the_bundled_system_is_clean() -> None:
    done = zsim("check")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Stack Policy is in force" in done.stdout
    shown = json.loads(zsim("check", "--json").stdout)
    assert (shown["schema"], shown["source"], shown["filters"]) == ("zsim.check/1", "Stack Policy", 33)


def test_check__keeps_nothing(mysys) -> None:
    before = digest(mysys)
    zsim("check", "-s", str(mysys))
    assert digest(mysys) == before


def test_ipsec__json_rows() -> None:
    done = zsim("ipsec", "--json", "-f", "display", "-n", "icmpinspecific2")
    assert json.loads(done.stdout)["filters"][0]["FilterName"] == "icmpinspecific2"


@pytest.mark.parametrize(
    ("words", "code"),
    [("-f display", 0), ("-f display -n nosuch", 0), ("-f", 1), ("-Q", 1), ("-f display -p NOSUCH", 3)],
)
def test_ipsec__gives_the_exit_code_of_the_command(words, code) -> None:
    assert zsim("ipsec", *words.split()).exit_code == code


def test_console__as_json() -> None:
    shown = json.loads(zsim("console", "--json", "V TCPIP,,OBEYFILE,USER.Z24C.TCPPARMS(NOSUCH)").stdout)
    assert shown["messages"][0].startswith("EZZ0060I")
    assert shown["findings"][0]["id"] == "missing-file"


@pytest.mark.parametrize(
    ("line", "message"),
    [("F NOSUCH,REFRESH", "IEE341I"), ("HELLO", "IEE305I"), ("", "IEE305I"), ("V TCPIP,,STAR", "IEE535I"),
     ("V TCPIP,,START,NOSUCH", "EZZ0060I")],
)  # fmt: skip
def test_console__refuses(line, message) -> None:
    done = zsim("console", line)
    assert (done.exit_code, done.stdout.startswith(message)) == (1, True)


def test_sh__gives_the_exit_code_of_the_last_program() -> None:
    assert zsim("sh", "ipsec -f display | grep nosuch").exit_code == 1
    assert zsim("sh", "nosuch").exit_code == 127
    assert zsim("sh", "ipsec -f display | grp FilterName").stderr.count("did you mean grep?") == 1
    assert zsim("sh", "cat /etc/nosuch").exit_code == 1
    assert zsim("sh", "cat 'x").exit_code == 2


# ---- what is wrong with a system's files ----------------------------------------------------------------------


SPOILT = {
    # member, old, new, what is to be said besides
    "member": ("PAGENTT", "(PAGEIPSE)", "(PAGEIPSX)", "did you mean USER.Z24C.TCPPARMS(PAGEIPSE)?"),
    "statement": ("PROFILE", "BEGINRoutes", "BEGINROOTS", "did you mean BEGINROUTES?"),
    "first statement": ("PROFILE", "IPCONFIG  DATAGRAMFWD", "IPCONFGI  DATAGRAMFWD", "did you mean IPCONFIG"),
    "parameter": ("PROFILE", "DATAGRAMFWD IPSECURITY", "DATAGRAMFWD IPSECURTY", "did you mean IPSECURITY?"),
    "address": ("PAGEIPSE", "IpDestAddr                224.0.0.1", "IpDestAddr                224.0.0.256", ""),
    "profile address": ("PROFILE", "IPSECRULE  *  10.1.0.2", "IPSECRULE  *  10.1.0.2222", "rule is not installed"),
    "option": ("PROFILE", "PROTOCOL OSPF", "PROTCOL OSPF", "did you mean PROTOCOL?"),
    "attribute": ("PAGEIPSE", "    Type                    8", "    Tpye                    8", "did you mean Type?"),
}


def spoilt(folder: Path, what: str) -> tuple[str, int, str]:
    """Spoil one file; the member that is to be named, the line, and what is to be said of it."""
    member, old, new, words = SPOILT[what]
    text = (folder / MEMBERS / member).read_text()
    (folder / MEMBERS / member).write_text(text.replace(old, new, 1))
    return member, text[: text.index(old)].count("\n") + 1, words


@pytest.mark.parametrize("what", SPOILT)
def test_check__says_file_line_column_reason_and_what_to_do(mysys, what) -> None:
    member, line, words = spoilt(mysys, what)
    done = zsim("check", "-s", str(mysys))
    found = re.findall(rf"^{MEMBERS}/{member}:(\d+):(\d+): (?:error|warning): ", done.stdout, re.M)
    assert (done.exit_code, [int(at) for at, _ in found][:1]) == (1, [line]), done.stdout
    text = (mysys / MEMBERS / member).read_text().splitlines()[line - 1]
    assert 1 <= int(found[0][1]) <= len(text)
    assert f"    {text.rstrip()}\n{' ' * (int(found[0][1]) + 3)}^" in done.stdout
    assert "    -> " in done.stdout
    assert words in done.stdout


@pytest.mark.parametrize("what", SPOILT)
def test_check__one_mistake_is_one_finding(mysys, what) -> None:
    spoilt(mysys, what)
    shown = json.loads(zsim("check", "-s", str(mysys), "--json").stdout)
    told = [each for each in shown["findings"] if each["severity"] != "note"]
    follows = {"parameter": 2, "first statement": 2}  # without IPSECURITY two more statements have no effect
    assert len(told) <= 1 + follows.get(what, 0), told


def test_check__json_has_the_same(mysys) -> None:
    spoilt(mysys, "member")
    (row,) = [each for each in json.loads(zsim("check", "-s", str(mysys), "--json").stdout)["findings"]
              if each["severity"] == "error"]  # fmt: skip
    assert (row["file"], row["line"], row["column"]) == (f"{MEMBERS}/PAGENTT", 2, 14)
    assert "did you mean" in row["remedy"]


@pytest.mark.parametrize("how", ["not utf-8", "a directory"])
def test_check__unreadable_file_is_2(mysys, how) -> None:
    path = mysys / MEMBERS / "PAGEIPSE"
    if how == "a directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    done = zsim("check", "-s", str(mysys))
    assert done.exit_code == 2
    assert f"{MEMBERS}/PAGENTT:2:" in done.stdout
    assert "PAGEIPSE" in done.stdout


def test_check__not_modelled_is_3(mysys) -> None:
    with (mysys / MEMBERS / "PROFILE").open("a") as file:
        file.write("\nSRCIP\n JOBNAME X 10.1.1.2\nENDSRCIP\n")
    assert zsim("check", "-s", str(mysys)).exit_code == 3


def test_replay__bad_policy_is_told_and_ends_with_1(mysys) -> None:
    spoilt(mysys, "address")
    done = zsim("replay", "-s", str(mysys), PING)
    assert done.exit_code == 1
    assert "224.0.0.256" in done.stderr
    assert "Stack Profile" in done.stdout


# ---- captures -------------------------------------------------------------------------------------------------


def test_replay__unsupported_link_type_is_3(tmp_path) -> None:
    path = tmp_path / "user0.pcap"
    path.write_bytes(engine.write_pcap([(0, bytes(60))] * 3, 147))
    done = zsim("replay", "--json", str(path))
    shown = document(done)
    assert (done.exit_code, shown["not_ip"]) == (3, shown["packets"])
    assert "link type" in done.stderr


def test_replay__corrupt_capture_among_good_ones(mysys, tmp_path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(Path(PING).read_bytes()[:-10])
    done = zsim("replay", "-s", str(mysys), "--json", PING, str(broken), PING)
    assert done.exit_code == 2
    assert document(done)["packets"] == 5  # the whole frame before the damage counts
    assert [line for line in done.stderr.splitlines() if "broken.pcap" in line] == done.stderr.splitlines()
    assert len(done.stderr.splitlines()) == 1
    assert matches(mysys) == 3


NO_CAPTURES = (b"", b"x", b"not a capture at all, just some text", b"\x1f\x8b", b"\x1f\x8bxxxxxxx", bytes(24))


@pytest.mark.parametrize("content", NO_CAPTURES)
def test_replay__what_is_no_capture_is_one_line_and_2(tmp_path, content) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    for words in (("replay", "--json"), ("decode",)):
        done = zsim(*words, str(path))
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1
        assert "x.pcap" in done.stderr


@pytest.mark.parametrize("words", [["replay"], ["decode"]])
def test_capture__that_is_missing_or_a_directory(tmp_path, words) -> None:
    for path in (tmp_path / "nosuch.pcap", tmp_path):
        done = zsim(*words, str(path))
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
        assert str(path) in done.stderr


def test_replay__missing_capture_among_good_ones(tmp_path) -> None:
    done = zsim("replay", "--json", str(tmp_path / "nosuch"), PING)
    assert (done.exit_code, document(done)["packets"]) == (2, 2)


def test_replay__standard_input(mysys) -> None:
    octets = Path(PING).read_bytes()
    assert document(zsim("replay", "--json", "-", stdin=octets))["permitted"] == 2
    assert document(zsim("replay", "--json", "-", stdin=gzip.compress(octets)))["permitted"] == 2
    assert len(zsim("decode", "-", stdin=octets).stdout.splitlines()) == 2
    assert zsim("replay", "-", stdin=b"").exit_code == 2


def test_replay__gzip(tmp_path) -> None:
    path = tmp_path / "ping.pcap.gz"
    octets = gzip.compress(Path(PING).read_bytes())
    path.write_bytes(octets)
    assert document(zsim("replay", "--json", str(path)))["permitted"] == 2
    path.write_bytes(octets[:-12])
    done = zsim("replay", "--json", str(path))
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_replay__home_and_map() -> None:
    import engine
    from zsim.packets import packets

    linktype, made = packets('IP(src="192.0.2.9", dst="192.0.2.7")/ICMP()')
    octets = engine.write_pcap([(0, made[0])], linktype)

    def names(*words: str) -> list[str]:
        shown = document(zsim("replay", "--json", *words, "-", stdin=octets))
        return [row["name"] for row in shown["filters"] if row["matches"]]

    assert names("--map", "192.0.2.9=10.1.0.2", "--map", "192.0.2.7=10.1.1.2") == ["icmpinspecific2"]
    assert names("--map", "192.0.2.9=10.1.0.2", "--home", "192.0.2.7") == ["icmpinspecific2"]
    assert names() == ["DenyAllRule_Generated___________Inbnd"]


@pytest.mark.parametrize(
    "words",
    [["--map", "x"], ["--map", "10.1.1.2=x"], ["--map", "10.0.0.0/8=10.1.0.0/16"], ["--map", "10.1.1.2=2001:db8::1"],
     ["--home", "nowhere"], ["--interface", "ETH9"], ["--count"], []],
)  # fmt: skip
def test_replay__wrong_usage_is_2(words) -> None:
    done = zsim("replay", *words, *([PING] if words else []))
    assert (done.exit_code, done.stdout) == (2, "")


def test_replay__interface_may_be_named_in_any_case() -> None:
    assert zsim("replay", "--interface", "eth2", PING).exit_code == 0
    assert "did you mean ETH2?" in zsim("replay", "--interface", "ETH2X", PING).stderr


FIELDS = {
    "schema": str, "packets": int, "permitted": int, "denied": int, "blocked": int, "simulated": int, "not_ip": int,
    "truncated": int, "malformed": int, "bytes": int, "seconds": float, "packets_per_second": float, "source": str,
    "filters": list,
}  # fmt: skip
FILTER = ["name", "extension", "layer", "action", "direction", "matches", "bytes", "first", "last"]


def test_replay__json_schema() -> None:
    shown = document(zsim("replay", "--json", PING))
    assert shown["schema"] == "zsim.replay/1"
    assert {name: type(shown[name]) for name in FIELDS} == FIELDS
    assert all([name for name in row if name in FILTER] == FILTER for row in shown["filters"])
    row = shown["filters"][0]
    assert (row["name"], row["matches"], row["bytes"], row["layer"]) == ("icmpinspecific2", 1, 98, "policy")
    assert row["first"].startswith("2023-12-13T14:05:31")


CAPTURES = sorted(path.name for path in PCAPS.glob("*") if ".pcap" in path.name)


def sums(shown: dict) -> int:
    return sum(shown[name] for name in ("permitted", "denied", "blocked", "not_ip", "truncated", "malformed"))


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_replay__counts_add_up_for_every_capture(compiled, monkeypatch) -> None:
    from zsim import captures

    if not CAPTURES:
        pytest.skip(f"{PCAPS} is not there")
    monkeypatch.setattr(captures, "wants_compiled", lambda paths: compiled)
    wrong = []
    for name in CAPTURES:
        if not compiled and (PCAPS / name).stat().st_size > 1_000_000:
            continue  # plain Python is slow
        done = zsim("replay", "--json", str(PCAPS / name))
        shown = document(done)
        unfiltered = sum(row["matches"] for row in shown["filters"])
        if sums(shown) != shown["packets"] or done.exit_code not in (0, 2, 3) or unfiltered > 2 * shown["packets"]:
            wrong.append((name, done.exit_code, shown["packets"], sums(shown)))
    assert wrong == []


def test_replay__both_modes_say_the_same(monkeypatch) -> None:
    from zsim import captures

    small = [name for name in CAPTURES if (PCAPS / name).stat().st_size < 30_000]
    if not small:
        pytest.skip(f"{PCAPS} is not there")
    said = []
    for compiled in (False, True):
        monkeypatch.setattr(captures, "wants_compiled", lambda paths, mode=compiled: mode)
        shown = document(zsim("replay", "--json", "--home", "10.0.0.1", *(str(PCAPS / name) for name in small)))
        said.append({name: value for name, value in shown.items() if name not in ("seconds", "packets_per_second")})
    assert said[0] == said[1]


# ---- systems that are not there, or hostile -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nosuch", "adc", "/nosuch/folder", ""])
def test_system__that_is_not_there_is_one_line_and_2(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = zsim("replay", "-s", name or str(tmp_path), PING)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "did you mean adcd?" in done.stderr or name != "adc"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "alias bomb": BOMB,
    "alias bomb in a known key": "datasets: &a {x: y}\ntasks: &b {p: *a, q: *a}\nsymbols: {r: *b, s: *b}\n",
    "alias of itself": "users: &a [*a]\n",
    "deep flow": "users: " + "[" * 3000 + "]" * 3000 + "\n",
    "deep blocks": "".join(" " * at + "a:\n" for at in range(900)),
    "no yaml": "a: [\n",
    "a tab": "sysname:\tS0W1\n\tx: y\n",
    "binary": "\x00\x01",
    "python object": "sysname: !!python/object/apply:os.system ['touch /tmp/zsim-was-here']\n",
    "a list": "- a\n- b\n",
    "a word": "adcd\n",
    "unknown key": "sysnam: S0W1\n",
    "unknown program": "tasks: {X: {program: NOSUCH}}\n",
    "task without program": "tasks: {X: {}}\n",
    "task that is a word": "tasks: {X: y}\n",
    "unknown task key": "tasks: {X: {program: PAGENT, fil: x}}\n",
    "profile not named": "tasks: {TCPIP: {program: EZBTCPIP}}\n",
    "data set out of the folder": "datasets: {USER.X: ../../../etc}\n",
    "data set absolute": "datasets: {USER.X: /etc}\n",
    "data set that is not there": "datasets: {USER.X: nosuch}\n",
    "bad data set name": "datasets: {user..x: datasets}\n",
    "data set that is a list": "datasets: {USER.X: [a, b]}\n",
    "codepage": "codepage: nosuch\n",
    "timezone": "timezone: Europe/Berlin\n",
    "stack": "stack: [a]\n",
    "a key that is a list": "? [a, b]\n: c\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_system_yaml__that_is_hostile_is_one_line_and_2(mysys, name) -> None:
    (mysys / "system.yaml").write_text(HOSTILE[name])
    for words in (("check",), ("ipsec",)):
        done = zsim(*words, "-s", str(mysys), *(("-f", "display") if words == ("ipsec",) else ()))
        assert done.exit_code == 2, done.output
        assert len(done.stderr.splitlines()) == 1
        assert "system.yaml" in done.stderr


def test_system_yaml__that_is_empty_is_said(mysys) -> None:
    (mysys / "system.yaml").write_text("")
    done = zsim("replay", "-s", str(mysys), PING)
    assert done.exit_code in (0, 1, 2, 3)
    assert done.stderr or "not filtered" in done.stdout


def test_link__out_of_the_folder_is_not_read(mysys, tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("IPCONFIG IPSECURITY\n; top secret\n")
    (mysys / MEMBERS / "PROFILE").unlink()
    (mysys / MEMBERS / "PROFILE").symlink_to(secret)
    (mysys / "etc" / "passwd").symlink_to("/etc/passwd")
    done = zsim("check", "-s", str(mysys))
    assert done.exit_code == 2
    assert "secret" not in done.stdout.replace("top secret", "SECRET")
    shown = zsim("sh", "-s", str(mysys), "cat /etc/passwd")
    assert (shown.exit_code, shown.stdout) == (1, "")


def test_link__data_set_folder_that_leads_out(mysys, tmp_path) -> None:
    outside = tmp_path / "outside"
    (mysys / MEMBERS).rename(outside)
    (mysys / MEMBERS).symlink_to(outside)
    done = zsim("check", "-s", str(mysys))
    assert (done.exit_code, "leads out" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "destination", ["/../../outside.log", "/var/log/../../../outside.log", "/var/../../outside.log"]
)
def test_log__with_dots_stays_in_the_folder(mysys, tmp_path, destination) -> None:
    (mysys / "etc/syslog.conf").write_text(f"*.TRMD1.*.info {destination}\n")
    done = zsim("replay", "-s", str(mysys), PING)
    assert done.exit_code == 0
    assert not (tmp_path / "outside.log").exists()
    assert (mysys / "outside.log").is_file()


@pytest.mark.parametrize("how", ["folder", "file"])
def test_log__through_a_link_is_refused(mysys, tmp_path, how) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (mysys / "var").mkdir(exist_ok=True)
    if how == "folder":
        (mysys / "var/log").symlink_to(outside)
    else:
        (mysys / "var/log").mkdir()
        (mysys / LOG).symlink_to(outside / "x")
    done = zsim("replay", "-s", str(mysys), PING)
    assert (done.exit_code, list(outside.iterdir())) == (1, [])
    assert "a link in" in done.stderr


@pytest.mark.parametrize("path", ["/system.yaml", "/state.db", "/datasets/USER.Z24C.TCPPARMS/PROFILE", "/captures/x",
                                  "/README.md", "//state.db", "/u/../system.yaml", "/", "/etc",
                                  "/state.db-wal"])  # fmt: skip
def test_sh__writes_no_file_that_is_none_of_zos_unix(mysys, path) -> None:
    before = digest(mysys)
    done = zsim("sh", "-s", str(mysys), f"ipsec -f display > {path}")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    after = digest(mysys)
    assert {name: text for name, text in after.items() if name != "state.db"} == {
        name: text for name, text in before.items() if name != "state.db"
    }
    assert zsim("check", "-s", str(mysys)).exit_code == 0


def test_sh__writes_no_member_of_a_data_set_mapped_elsewhere(mysys) -> None:
    (mysys / "datasets").rename(mysys / "lib")
    text = (mysys / "system.yaml").read_text().replace("datasets/USER", "lib/USER")
    (mysys / "system.yaml").write_text(text)
    before = (mysys / "lib/USER.Z24C.TCPPARMS/PROFILE").read_bytes()
    done = zsim("sh", "-s", str(mysys), "ipsec -f display > /lib/USER.Z24C.TCPPARMS/PROFILE")
    assert done.exit_code == 2
    assert (mysys / "lib/USER.Z24C.TCPPARMS/PROFILE").read_bytes() == before


def test_state__that_is_damaged_is_one_line_and_2(mysys) -> None:
    zsim("replay", "-s", str(mysys), PING)
    (mysys / "state.db").write_bytes(b"no data base at all" * 100)
    done = zsim("replay", "-s", str(mysys), PING)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "state.db" in done.stderr


def test_state__of_a_later_zsim_is_refused(mysys) -> None:
    import sqlite3

    zsim("replay", "-s", str(mysys), PING)
    with sqlite3.connect(mysys / "state.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    done = zsim("replay", "-s", str(mysys), PING)
    assert (done.exit_code, "later zsim" in done.stderr) == (2, True)


def test_state__whose_text_is_rubbish_is_refused(mysys) -> None:
    import sqlite3

    zsim("replay", "-s", str(mysys), PING)
    with sqlite3.connect(mysys / "state.db") as connection:
        connection.execute("UPDATE part SET octets = ? WHERE name = 'state'", (b'{"stack": 5}',))
    done = zsim("replay", "-s", str(mysys), PING)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_new__refuses_a_folder_with_something_in_it(mysys, tmp_path) -> None:
    assert zsim("new", str(mysys)).exit_code == 2
    assert zsim("new", str(tmp_path / "x"), "--from", "nosuch").exit_code == 2
    (tmp_path / "file").write_text("")
    assert zsim("new", str(tmp_path / "file")).exit_code == 2


def test_new__inside_its_source_does_not_run_away(mysys) -> None:
    (mysys / "copy").mkdir()
    done = zsim("new", str(mysys / "copy"), "--from", str(mysys))
    depth = max(len(path.relative_to(mysys).parts) for path in mysys.rglob("*"))
    assert done.exit_code == 2 or depth < 8
    assert depth < 8


def test_new__makes_the_folders_above() -> None:
    with CliRunner().isolated_filesystem():
        assert zsim("new", "a/b/c").exit_code == 0
        assert Path("a/b/c/system.yaml").is_file()


def test_codepage__of_ebcdic_members(mysys) -> None:
    from zsim.profiles import decode

    table = {decode(bytes([octet]), "IBM-1047"): octet for octet in range(256)}
    for path in (*(mysys / "datasets").glob("*/*"), mysys / "etc/syslog.conf"):
        path.write_bytes(bytes(table[sign] for sign in path.read_text()))
    text = (mysys / "system.yaml").read_text()
    (mysys / "system.yaml").write_text(text.replace("codepage: utf-8", "codepage: IBM-1047"))
    done = zsim("replay", "-s", str(mysys), "--json", PING)
    assert (done.exit_code, document(done)["permitted"]) == (0, 2)
    assert "EZD0814I" in zsim("sh", "-s", str(mysys), "cat /var/log/TRMD1I.2023.12.13").stdout


# ---- two at once ----------------------------------------------------------------------------------------------


def test_two_processes__lose_no_counts(mysys, tmp_path) -> None:
    def replay(_: int) -> subprocess.CompletedProcess[bytes]:
        return command("replay", "-s", str(mysys), PING, PING, cwd=tmp_path)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(replay, range(8)))
    assert [each.returncode for each in done] == [0] * 8, [each.stderr for each in done]
    assert matches(mysys) == 16
    assert (mysys / LOG).read_text().count("EZD0814I") == 16


# ---- help, colours, hints -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help__has_an_example_and_fits_80_columns(name) -> None:
    done = zsim(name, "--help")
    assert done.exit_code == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert re.search(rf"^ +zsim {name}\b|^ +.*\| zsim {name}\b", done.stdout, re.M)


def test_help__of_zsim_lists_every_command() -> None:
    text = zsim("--help").stdout
    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", text, re.M)] == []
    assert max(len(line) for line in text.splitlines()) <= 80


def test_help__readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"zsim {name}" not in text] == []


@pytest.mark.parametrize(("word", "meant"), [("repaly", "replay"), ("ipsek", "ipsec"), ("chekc", "check")])
def test_hint__did_you_mean(word, meant) -> None:
    done = zsim(word)
    assert (done.exit_code, f"did you mean {meant}?" in done.stderr) == (2, True)


def test_hint__wrong_option_is_2() -> None:
    assert zsim("replay", "--jsn", PING).exit_code == 2


def test_colour__is_off_when_asked_and_when_piped(tmp_path) -> None:
    assert "\x1b" not in zsim("replay", "nosuch", NO_COLOR="1").output
    assert b"\x1b" not in command("replay", "nosuch", cwd=tmp_path).stderr


def test_now__that_is_no_time_is_2() -> None:
    assert zsim("ipsec", "-f", "display", ZSIM_NOW="yesterday").exit_code == 2


def test_pipe__that_is_closed_early_leaves_no_traceback(tmp_path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "ZSIM_NOW": NOW}
    line = f"'{sys.executable}' -m zsim.cli ipsec -f display | head -1"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=env, capture_output=True, timeout=60)
    assert b"Traceback" not in done.stderr
    assert done.stdout == b"\n"


def test_version__is_said() -> None:
    assert zsim("--version").exit_code == 0


def test_console__is_kept_even_when_nobody_reads_the_answer(mysys) -> None:
    """The reader of a pipe may be gone before the answer is written."""
    program = [sys.executable, "-m", "zsim", "console", "-s", str(mysys), "P TRMD1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"}
    with open(os.devnull) as nothing:  # not writable: every write fails
        subprocess.run(program, stdout=nothing, stderr=subprocess.DEVNULL, env=environment, check=False)
    assert "IEE341I TRMD1 NOT ACTIVE" in zsim("console", "-s", str(mysys), "P TRMD1").stdout
