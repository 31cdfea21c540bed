"""The captures of adcd: the script writes the same bytes again, and tshark finds nothing wrong with them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("make_captures.py")
CAPTURES = Path(__file__).parents[1] / "profiles" / "adcd" / "captures"
NAMES = ("ping", "traceroute-udp", "traceroute-icmp", "ftp", "sftp", "x3270", "igmp", "ospf")

# What tshark says of a packet that is not as it should be.
CHECKS = ("ip", "tcp", "udp")
WRONG = (
    "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0"
    " || icmp.checksum.status == 0 || igmp.checksum.status == 0"
    " || tcp.analysis.retransmission || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment"
)


def tshark(capture: Path, *options: str) -> list[str]:
    """The lines tshark prints about a capture."""
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    checks = [word for protocol in CHECKS for word in ("-o", f"{protocol}.check_checksum:TRUE")]
    command = ["tshark", "-n", "-r", str(capture), *checks, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_captures__the_script_writes_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.pcap" for name in NAMES)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (CAPTURES / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", NAMES)
def test_captures__tshark_finds_nothing_wrong(name: str) -> None:
    assert tshark(CAPTURES / f"{name}.pcap", "-Y", WRONG) == []


def test_captures__tshark_would_find_a_bad_checksum(tmp_path: Path) -> None:
    damaged = bytearray((CAPTURES / "ftp.pcap").read_bytes())
    damaged[24 + 16 + 14 + 20 + 16] ^= 0xFF  # the checksum of the first SYN
    (tmp_path / "damaged.pcap").write_bytes(damaged)
    assert len(tshark(tmp_path / "damaged.pcap", "-Y", WRONG)) == 1


# What the standard IP flows are known by: capture, display filter, and how many packets it has.
FLOWS = (
    ("ping", "icmp.type == 8 && ip.src == 10.1.0.2 && ip.dst == 10.1.1.2 && ip.len == 84", 1),
    ("ping", "icmp.type == 0 && ip.src == 10.1.1.2", 1),
    ("traceroute-udp", "udp.dstport >= 33434 && udp.dstport <= 33534 && !icmp", 13),
    ("traceroute-udp", "icmp.type == 3 && icmp.code == 3", 13),
    ("traceroute-icmp", "icmp.type == 8 && ip.ttl < 6", 13),
    ("traceroute-icmp", "icmp.type == 0", 13),
    ("ftp", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 21", 1),
    ("ftp", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.srcport == 20 && ip.src == 10.1.1.2", 1),
    ("ftp", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 1044", 1),
    ("sftp", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport == 22", 1),
    ("x3270", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.dstport in {23, 992}", 2),
    ("x3270", "tn3270", 2),
    ("igmp", "igmp.type == 0x11 && ip.src == 192.168.1.254 && ip.dst == 224.0.0.1 && ip.opt.ra", 1),
    ("ospf", "ospf.msg == 1 && ip.src == 10.1.1.2 && ip.dst == 224.0.0.5 && ip.len == 64", 3),
    ("ospf", "ospf.msg == 1 && ip.src == 10.1.1.1", 1),
)


@pytest.mark.parametrize(("name", "display", "count"), FLOWS)
def test_captures__hold_the_standard_flows(name: str, display: str, count: int) -> None:
    assert len(tshark(CAPTURES / f"{name}.pcap", "-Y", display)) == count


def test_captures__begin_at_the_hour_of_the_system() -> None:
    times = tshark(CAPTURES / "ping.pcap", "-T", "fields", "-e", "frame.time_epoch")
    assert times[0].startswith("1702476331.000000")
