"""A record for each packet or flow: the same in both modes, and with tshark's Community ID."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zsim import captures, flows, outputs
from zsim.cli import main

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "profiles" / "adcd" / "captures"
FTP, X3270 = str(CAPTURES / "ftp.pcap"), str(CAPTURES / "x3270.pcap")


def zsim(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def records(*arguments: str) -> list[dict]:
    done = zsim("replay", "--each", "packet", *arguments)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_packet__has_every_column_once_a_packet() -> None:
    found = records(FTP, X3270)
    counted = json.loads(zsim("replay", "--json", FTP, X3270).stdout)
    assert len(found) == counted["packets"]
    assert all(tuple(each) == outputs.PACKET for each in found)
    for verdict in ("permitted", "denied"):
        assert sum(each["verdict"] == verdict for each in found) == counted[verdict]
    assert [each["frame"] for each in found if each["file"] == FTP] == list(range(1, 61))


def test_each_packet__both_modes_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for compiled in (False, True):
        monkeypatch.setattr(captures, "wants_compiled", lambda paths, mode=compiled: mode)
        said.append(records(*sorted(map(str, CAPTURES.glob("*.pcap")))))
    assert said[0] == said[1]


def test_each_packet__only_some(tmp_path: Path) -> None:
    whole = records(X3270)
    for only, keep in (
        ("permitted", lambda each: each["verdict"] == "permitted"),
        ("filter=x3270", lambda each: each["filter"] == "x3270"),
        ("denied", lambda each: each["verdict"] == "denied"),
    ):
        assert records("--only", only, X3270) == [each for each in whole if keep(each)]
        out = tmp_path / "part.pcapng"
        assert zsim("replay", "-w", str(out), "--only", only, X3270).exit_code == 0
        written = sum(frames.count for frames in captures.frames(str(out), False))
        assert written == sum(map(keep, whole))
    assert zsim("replay", "--only", "filter", X3270).exit_code == 2


def test_each__csv_is_json_lines_again() -> None:
    text = zsim("replay", "--each", "packet", "--as", "csv", FTP).stdout
    shown = list(csv.DictReader(io.StringIO(text)))
    assert shown == [{key: "" if value is None else str(value) for key, value in each.items()} for each in records(FTP)]


def test_each_flow__adds_up_to_its_packets() -> None:
    done = zsim("replay", "--each", "flow", FTP)
    flows = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(tuple(flow) == outputs.FLOW for flow in flows)
    for flow in flows:
        mine = [each for each in records(FTP) if each["community_id"] == flow["community_id"]]
        assert flow["packets"] == len(mine) == sum(flow["verdicts"].values())
        assert flow["bytes"] == sum(each["length"] for each in mine)
        assert (flow["first"], flow["last"]) == (mine[0]["time"], mine[-1]["time"])
    assert len({flow["community_id"] for flow in flows}) == len(flows) == 3


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", ["ftp", "ping", "traceroute-icmp", "traceroute-udp", "igmp", "ospf"])
def test_community_id__equals_tshark(name: str) -> None:
    path = str(CAPTURES / f"{name}.pcap")
    command = ["tshark", "--enable-protocol", "communityid", "-r", path, "-T", "fields", "-e", "communityid"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    if not any(theirs):
        pytest.skip("this tshark has no Community ID")
    mine = [each["community_id"] for each in records(path)]
    different = [(p, a, b) for p, (a, b) in enumerate(zip(mine, theirs, strict=True), 1) if b and a != b]
    assert different == []


# The example packets of the specification's baseline file, seed 0, and the names it gives them.
VECTORS = (
    (4, 6, ("128.232.110.120", 34855), ("66.35.250.204", 80), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (4, 6, ("66.35.250.204", 80), ("128.232.110.120", 34855), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (4, 17, ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (4, 132, ("192.168.170.8", 7), ("192.168.170.56", 7), "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
)


@pytest.mark.parametrize(("version", "proto", "source", "dest", "name"), VECTORS)
def test_community_id__vectors(version: int, proto: int, source: tuple, dest: tuple, name: str) -> None:
    from ipaddress import ip_address

    ends = [(int(ip_address(address)), port) for address, port in (source, dest)]
    assert flows.community_id(version, proto, *ends) == name


def test_replay__ctrl_c_says_what_was_counted_and_leaves_whole_files(tmp_path: Path) -> None:
    command = "import signal as s; s.signal(s.SIGINT, s.default_int_handler); from zsim.cli import main; main()"
    live, out, rows = tmp_path / "live.pcap", tmp_path / "out.pcapng", tmp_path / "rows.jsonl"
    live.write_bytes((CAPTURES / "ftp.pcap").read_bytes())
    words = ["replay", "--follow", "--json", "-w", str(out), "--each", "packet", "--out", str(rows), str(live)]
    with subprocess.Popen(
        [sys.executable, "-c", command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.glob(".rows*")):
            assert time.monotonic() < deadline, "it never began"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    shown = json.loads(stdout)
    assert shown["packets"] == 60
    assert sum(frames.count for frames in captures.frames(str(out), False)) == 60
    assert len(rows.read_text().splitlines()) == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live.pcap", "out.pcapng", "rows.jsonl"]


def test_each__octets_are_those_written_packet_by_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = ROOT.parent / "shared" / "data" / "pcaps"
    paths = sorted(map(str, [*CAPTURES.glob("*.pcap"), *shared.glob("*.pcap"), *shared.glob("*.pcapng")]))
    for form in ("jsonl", "csv"):
        for more in ([], ["--only", "denied"]):
            for path in paths:
                said = []
                for compiled in (False, True):
                    monkeypatch.setattr(captures, "wants_compiled", lambda paths, mode=compiled: mode)
                    said.append(zsim("replay", "--each", "packet", "--as", form, *more, path).stdout)
                assert said[0] == said[1], path


def test_annotated__both_modes_write_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ftp", "x3270", "igmp", "ospf"):
        for more in ([], ["--only", "denied"], ["--only", "filter=x3270"]):
            written = []
            for compiled in (False, True):
                monkeypatch.setattr(captures, "wants_compiled", lambda paths, mode=compiled: mode)
                out = tmp_path / "out.pcapng"
                assert zsim("replay", "-w", str(out), *more, str(CAPTURES / f"{name}.pcap")).exit_code == 0
                written.append(out.read_bytes())
            assert written[0] == written[1]


def test_parquet__has_the_rows_of_json_lines(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "x.parquet"
    paths = sorted(map(str, CAPTURES.glob("*.pcap")))
    assert zsim("replay", "--each", "packet", "--as", "parquet", "--out", str(out), *paths).exit_code == 0
    table, said = parquet.read_table(out).to_pylist(), records(*paths)
    same = ("file", "frame", "length", "status", "verdict", "version", "proto", "sport", "dport", "tcp_flags")
    assert [[row[key] for key in same] for row in table] == [[each[key] for key in same] for each in said]
    named = [each["filter"] and f"{each['filter']} ext {each['extension']}" for each in said]
    assert [row["filter"] for row in table] == named


def test_parquet__a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    done = zsim("replay", "--each", "packet", "--as", "parquet", "--out", str(tmp_path / "x"), FTP)
    assert done.exit_code == 2
    assert "pip install 'zsim[parquet]'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_replay__interrupted_says_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    real = captures.frames

    def cut(*arguments: object, **more: object):  # type: ignore[no-untyped-def]
        yield from real(*arguments, **more)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(captures, "frames", cut)
    done = zsim("replay", "--json", FTP, X3270)
    assert done.exit_code == 130
    assert json.loads(done.stdout)["packets"] == 60
