"""Records for remote syslogds, received by a real UDP socket; the console; what is said of the rest."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from zsim.cli import main

PING = 'IP(src="10.1.0.2", dst="10.1.1.2")/ICMP()'
CAPTURE = str(Path(__file__).parents[2] / "profiles" / "adcd" / "captures" / "ftp.pcap")
RFC_3164 = re.compile(
    r"<166>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d S0W1 TRMD\.TCPIP\[\d+\]: EZD0814I Packet permitted: .+"
)


@pytest.fixture
def syslogd() -> Iterator[socket.socket]:
    """A syslogd of another host, on a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(5)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CliRunner().invoke(main, ["new", str(tmp_path / "sys")])
    return tmp_path / "sys"


def run(folder: Path, destinations: str, *arguments: str):
    (folder / "etc/syslog.conf").write_text("".join(f"*.TRMD1.*.info {each}\n" for each in destinations.split()))
    return CliRunner().invoke(main, [arguments[0], "-s", str(folder), *arguments[1:]])


def test_send__live_sends_one_datagram(folder: Path, syslogd: socket.socket) -> None:
    port = str(syslogd.getsockname()[1])
    done = run(folder, "@127.0.0.1 /var/log/x", "send", "--live", "--live-port", port, PING)
    assert (done.exit_code, f"1 record sent to @127.0.0.1, UDP port {port}" in done.stderr) == (0, True)
    datagram = syslogd.recv(4096).decode("ascii")
    assert RFC_3164.fullmatch(datagram)
    assert datagram[5:] == (folder / "var/log/x").read_text().splitlines()[-1]  # behind TRMD's own start


def test_replay__live_sends_every_record_to_a_named_host(folder: Path, syslogd: socket.socket) -> None:
    port = str(syslogd.getsockname()[1])
    done = run(folder, "@localhost @127.0.0.1", "replay", "--live", "--live-port", port, CAPTURE)
    assert (done.exit_code, done.stderr.count("51 records sent to")) == (0, 2)
    got = [syslogd.recv(4096).decode("ascii") for _ in range(51)]
    assert all(RFC_3164.fullmatch(each) for each in got)


def test_demo__live(folder: Path, syslogd: socket.socket) -> None:
    port = str(syslogd.getsockname()[1])
    run(folder, "@127.0.0.1", "demo", "--live", "--live-port", port)
    assert RFC_3164.fullmatch(syslogd.recv(4096).decode("ascii"))


@pytest.mark.parametrize("arguments", [("send", PING), ("replay", CAPTURE)])
def test_host__without_live_it_is_said_once(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(folder, "@127.0.0.1", *arguments)
    assert done.stderr.count("for @127.0.0.1 not sent: --live sends them") == 1


def test_host__that_cannot_be_found_is_said_and_the_rest_goes_on(folder: Path) -> None:
    done = run(folder, "@no.such.host.invalid /var/log/x", "send", "--live", PING)
    assert (done.exit_code, "1 record for @no.such.host.invalid not sent: " in done.stderr) == (0, True)
    assert (folder / "var/log/x").read_text().count("EZD0814I") == 1


def test_console__shows_the_record_folded(folder: Path) -> None:
    done = run(folder, "/dev/console", "send", PING)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note:")]
    assert lines[0].startswith("BPXF024I (START1) ")
    assert max(map(len, lines)) <= 71


def test_console__a_flood_is_cut(folder: Path) -> None:
    done = run(folder, "/dev/console", "replay", CAPTURE)
    assert (done.stderr.count("BPXF024I"), "41 more messages for the console" in done.stderr) == (10, True)


def test_users__are_said_not_to_be_modelled(folder: Path) -> None:
    done = run(folder, "COLIN", "send", PING)
    assert "1 record for COLIN not sent: zsim does not model this destination" in done.stderr


# ---- logs that cannot be written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["a folder", "a link out of the system", "a file where a folder is needed"])
def test_log__that_cannot_be_written_is_skipped_and_said(what: str, tmp_path: Path) -> None:
    """syslogd goes on with its other destinations."""
    folder = tmp_path / "sys"
    runner = CliRunner(env={"ZSIM_NOW": "2023-12-13T14:05:31"})
    runner.invoke(main, ["new", str(folder)])
    (folder / "etc/syslog.conf").write_text("*.TRMD1.*.info /var/log/bad/x\n*.TRMD1.*.info /var/log/good\n")
    bad, outside = folder / "var/log/bad", tmp_path / "outside"
    bad.parent.mkdir(parents=True, exist_ok=True)
    if what == "a folder":
        (bad / "x").mkdir(parents=True)
    elif what == "a link out of the system":
        outside.mkdir()
        bad.symlink_to(outside)
    else:
        bad.write_text("")
    done = runner.invoke(main, ["replay", "-s", str(folder), str(folder / "captures/ping.pcap")])
    assert done.exit_code == 1, done.output
    assert done.stderr.count("/var/log/bad/x: ") == 1
    assert "its records are lost" in done.stderr
    assert (folder / "var/log/good").read_text().count("EZD0814I") >= 1
    assert not outside.exists() or not list(outside.iterdir())
