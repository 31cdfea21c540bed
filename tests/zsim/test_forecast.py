"""The forecast is what a replay then writes, to the octet."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from systems import NOW, PCAPS, PROFILE, RAW_IP, chain, icmp, policy, rule, system, tcp, udp, unstarted

import engine
from zsim import forecast
from zsim.cli import main
from zsim.clock import SECOND
from zsim.findings import Where
from zsim.replay import Tally, play
from zsim.system import Task

ROOT = Path(__file__).parents[2]
CAPTURES = sorted(str(path) for path in (ROOT / "profiles/adcd/captures").glob("*.pcap"))
POLICY = policy(
    rule("quiet", service="Protocol TCP", action="permit-quiet"),
    rule("loud", service="Protocol ICMP", action="permit-log"),
    rule("no", service="Protocol UDP", action="deny-quiet"),
)
PACKETS = [icmp("10.1.0.2", "10.1.1.2", 8), tcp("10.1.0.2", "10.1.1.2", 40000, 21), udp("10.1.0.3", "10.1.1.2", 9, 53),
           udp("10.1.0.3", "10.1.1.2", 9, 53)]  # fmt: skip


def run(*arguments: str):
    return CliRunner().invoke(main, arguments, env={"ZSIM_NOW": "2023-12-13T14:05:31"})


def shown(
    log: str,
    packets=PACKETS,
    step: int = 60,
    conf: str | None = None,
    days: int = 30,
    tasks: str = "",
    options: str = "",
):
    files = chain(POLICY, PROFILE)
    if conf is not None:
        files["/etc/syslog.conf"] = conf
    made = system(files, tasks=tasks)
    if options:
        made.tasks["SYSLOGD"].options = options
    found = forecast.assume(made, log)
    tally = Tally(made.prepare())
    given = [(NOW + at * step * SECOND, packet) for at, packet in enumerate(packets)]
    batches = [engine.frames_of(given, RAW_IP)]
    play(
        made, tally, batches,
        flush=lambda: forecast.measure(found, made),
        record=lambda frames, outcome: forecast.observe(found, made.offset, frames, outcome),
    )  # fmt: skip
    forecast.measure(found, made)
    return forecast.document(found, tally, made, days, 5)


# ---- against the replay ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: Path(path).stem)
def test_forecast__as_configured_is_what_the_replay_writes(capture: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "sys")
    run("new", folder)
    (tmp_path / "sys/etc/syslog.conf").write_text(
        "*.TRMD1.*.info /var/log/T.%Y.%m.%d\n*.TRMD1.*.* /var/log/all\n*.err /e\n"
    )
    told = json.loads(run("forecast", "-s", folder, "--json", "--log", "as-configured", capture).stdout)
    run("replay", "-s", folder, capture)
    written = {
        f"/{path.relative_to(folder)}": (path.read_bytes().count(b"\n"), path.stat().st_size)
        for path in Path(folder).glob("var/log/[Ta]*")
    }
    assert {each["destination"]: (each["records"], each["bytes"]) for each in told["files"]} == written


def test_forecast__all_is_what_a_replay_with_logging_everywhere_writes(tmp_path: Path) -> None:
    folder = tmp_path / "sys"
    run("new", str(folder))
    told = json.loads(run("forecast", "-s", str(folder), "--json", *CAPTURES).stdout)
    member = folder / "datasets/USER.Z24C.TCPPARMS/PAGEIPSE"
    quiet = re.sub(r"(?m)^\s*IpFilterLogging.*\n", "", member.read_text())
    member.write_text(re.sub(r"(?m)^(IpGenericFilterAction\s+\S+\s*\{)", r"\1\n  IpFilterLogging Yes", quiet))
    (folder / "state.db").unlink()
    replayed = json.loads(run("replay", "-s", str(folder), "--json", *CAPTURES).stdout)
    (path,) = folder.glob("var/log/TRMD1I.*")
    (file,) = told["files"]
    assert told["records"] == replayed["logged"] > 200
    lines = [line for line in path.read_text().splitlines(keepends=True) if "EZZ8495I" not in line]
    assert (file["records"], file["bytes"]) == (len(lines), sum(map(len, lines)))


def test_forecast__keeps_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "sys")
    run("new", folder)
    run("systems")
    run("forecast", "-s", folder, CAPTURES[0])
    before = {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    run("forecast", "-s", folder, *CAPTURES)
    assert {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()} == before


# ---- what is told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("log", "count"), [("all", 4), ("as-configured", 1), ("deny", 2)])
def test_log__is_as_asked(log: str, count: int) -> None:
    found = shown(log)
    assert (found["records"], found["files"][0]["records"]) == (count, count)


def test_rate__is_scaled_from_the_span() -> None:
    """Four records in three minutes are 1920 in a day."""
    (file,) = shown("all", days=10)["files"]
    assert (file["per_day"]["records"], file["growth"]["records"]) == (1920, 19200)
    assert file["per_day"]["bytes"] == round(file["bytes"] * 480)


def test_rate__of_a_second_is_not_told() -> None:
    (file,) = shown("all", step=1)["files"]
    assert (file["per_day"], file["growth"]) == (None, None)
    assert "too short to be scaled" in forecast.table(shown("all", step=1))


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0), ([(0, -1)], 0), ([(0, 60)], 60), ([(0, 60), (1000, 1060)], 120), ([(1000, 1060), (0, 60)], 120),
        ([(0, 60), (30, 90)], 90), ([(0, 60), (10, 20)], 60), ([(0, 60), (0, 60), (60, 70)], 70),
    ],
)  # fmt: skip
def test_span__is_what_the_captures_cover(spans, seconds: int) -> None:
    """Years between two captures are no time of traffic."""
    assert forecast.watched([(first * SECOND, last * SECOND) for first, last in spans]) == pytest.approx(seconds)


def test_days__have_files_of_their_own() -> None:
    found = shown("all", step=43_200)
    assert [(each["destination"], each["records"]) for each in found["files"]] == [
        ("/var/log/TRMD1I.2023.12.13", 1), ("/var/log/TRMD1I.2023.12.14", 2), ("/var/log/TRMD1I.2023.12.15", 1),
    ]  # fmt: skip
    assert {each["rules"][0] for each in found["files"]} == {"/etc/syslog.conf:1"}


def test_rules__that_catch_are_named_and_hosts_counted() -> None:
    conf = "# a\n*.err /e\n*.TRMD1.*.* /all\nlocal4.info @loghost\n*.DMD.*.* /dmd\n"
    found = shown("all", conf=conf)
    assert [(each["where"], each["destinations"]) for each in found["rules"]] == [
        ("/etc/syslog.conf:3", ["/all"]), ("/etc/syslog.conf:4", ["@loghost"]),
    ]  # fmt: skip
    assert {each["destination"]: each["records"] for each in found["files"]} == {"/all": 4, "@loghost": 4}


def test_rules__that_catch_nothing_lose_everything() -> None:
    found = shown("all", conf="*.err /e\n")
    assert (found["files"], found["rules"], found["records"]) == ([], [], 4)
    assert "no line of syslog.conf takes TRMD's records" in forecast.table(found)


def test_causes__are_the_talkers() -> None:
    found = shown("all")
    assert found["peers"] == [{"address": "10.1.0.2", "records": 2}, {"address": "10.1.0.3", "records": 2}]
    assert found["services"][0] == {"service": "udp(17) 9", "records": 2}
    assert found["filters"][0] == {"filter": "no", "extension": 2, "records": 2}


def flooded(seconds: int) -> dict:
    """A ping a second against a defensive filter that may log two in five minutes."""
    named = chain(
        POLICY, PROFILE, DMD="DmStackConfig TCPIP\n{\n  Mode Active\n}\n", DMDENV="DMD_FILE=//'USER.CONFIG(DMD)'\n"
    )
    made = unstarted(named)
    made.tasks["DMD"] = Task("DMD", "DMD", "START1", Where("x", 1, 1), environment="//'USER.CONFIG(DMDENV)'")
    made.start(NOW)
    assert made.shell("ipsec -F add srcip 10.1.0.2 destip all prot icmp dir inbound loglimit 2 -N STOP").code == 0
    found = forecast.assume(made, "all")
    tally = Tally(made.prepare())
    given = [(NOW + at * SECOND, PACKETS[0]) for at in range(seconds)]
    play(
        made, tally, [engine.frames_of(given, RAW_IP)], flush=lambda: forecast.measure(found, made),
        record=lambda frames, outcome: forecast.observe(found, made.offset, frames, outcome),
    )  # fmt: skip
    return forecast.document(found, tally, made, 30, 5)


@pytest.mark.parametrize(("seconds", "written"), [(10, 2), (400, 4)])
def test_limits__that_bite_are_named_also_before_their_interval_ends(seconds: int, written: int) -> None:
    """Bursts of two, then one each 150 s; in ten seconds 8 of 10 are held back."""
    found = flooded(seconds)
    assert found["records"] == written
    assert found["limits"] == [{"filter": "STOP", "extension": 1, "loglimit": 2, "held_back": seconds - written}]
    assert "STOP ext 1" in forecast.table(found)


def test_assumed__tasks_that_do_not_run_are_started() -> None:
    made = system(chain(POLICY, PROFILE))
    made.console("P TRMD1")
    assert any("TRMD1 runs, which it does not now" in each for each in forecast.assume(made, "all").assumed)
    missing = system(chain(POLICY, PROFILE), tasks="-TRMD")
    assert any("no TRMD" in each for each in forecast.assume(missing, "all").assumed)


def test_assumed__without_c_is_told() -> None:
    found = shown("all", options="-i")
    assert (found["files"], any("without -c" in each for each in found["assumed"])) == ([], True)


@pytest.mark.parametrize("log", forecast.LOGS)
def test_table__fits(log: str) -> None:
    text = forecast.table(shown(log, conf="*.* /var/log/a.very.long.name.of.a.log.file.that.does.not.end.%Y.%m.%d\n"))
    assert max(map(len, text.splitlines())) <= 80


def test_command__reads_what_is_no_capture(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(b"rubbish")
    assert run("forecast", str(tmp_path / "x.pcap")).exit_code == 2
    assert run("forecast").exit_code == 2


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("tcpdump-OSPFv2_Capture_FINAL.pcapng", ("--interface", "ETH1")),
        ("ndpi-synscan.pcap", ("--map", "172.16.0.8=10.1.1.2")),
        ("snabb-v6.pcap", ("--home", "2001:db8::2")),
        ("ndpi-nfsv2.pcap", ("--map", "139.25.22.102=10.1.1.2", "--interface", "ETH1")),
    ],
)
def test_forecast__of_a_capture_from_elsewhere_is_what_the_replay_writes(name: str, ways, tmp_path: Path) -> None:
    if not (PCAPS / name).exists():
        pytest.skip(f"{PCAPS} is not there")
    folder = str(tmp_path / "sys")
    run("new", folder)
    words = ("-s", folder, "--json", *ways, str(PCAPS / name))
    told = json.loads(run("forecast", "--log", "as-configured", *words).stdout)
    replayed = json.loads(run("replay", *words).stdout)
    assert {each["destination"]: each["records"] for each in told["files"]} == replayed["files"]
    assert sum(each["records"] for each in told["files"]) == replayed["logged"] > 0
