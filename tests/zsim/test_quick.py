"""Counting without a word about each packet: what is settled quickly, by one thread or by several, in memory or read,
adds up to what the way of every packet finds; and a file that changes meanwhile ends nobody."""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import test_dmd
from systems import NOW, PCAPS, ROOT, chain, log_of, unstarted

import engine
from benchmarks.bench_replay import _frame, policy
from benchmarks.bench_replay import filters as some_filters
from engine import quick, ranges
from zsim import captures, replay

SECOND = 10**9
FILES = sorted(path for path in PCAPS.glob("*") if path.suffix in (".pcap", ".pcapng", ".gz")) if PCAPS.is_dir() else []


@pytest.fixture(scope="module")
def system():
    made = unstarted(chain(policy(some_filters(40))))
    made.start(NOW)
    return made


@pytest.fixture(scope="module")
def logging():
    text = policy(some_filters(40)).replace("FilterLogging off", "FilterLogging on")
    made = unstarted(chain(text.replace("IpFilterAction Permit", "IpFilterAction Permit\n  IpFilterLogging yes")))
    made.start(NOW)
    return made


def played(system, path: Path, quickly: bool, submit=None, home=()) -> dict:
    system.clock.now = NOW  # as if nothing had been played before: a first frame without a time is as old as the clock
    tally = replay.Tally(system.prepare(True, home))
    quick = replay.quick_of(tally) if quickly else None
    assert bool(quick) == quickly
    if quick is not None and submit is not None:
        quick.share(submit, 2)
    try:
        replay.play(system, tally, captures.frames(str(path), True, quick=quick), quick=quick)
    except engine.CaptureError as why:
        return {**shown(tally), "error": str(why)}
    return shown(tally)


def shown(tally) -> dict:
    document = replay.document(tally)
    return {name: value for name, value in document.items() if name not in ("seconds", "packets_per_second", "files")}


def settled(path: Path) -> None:
    """As if nobody had written it for long."""
    os.utime(path, (0, 0))


def write(path: Path, count: int, seed: int = 1, order: str = "<") -> Path:
    """Frames to, from and through the stack; some forged ones, that look like records inside."""
    picked = random.Random(seed)
    frames = [_frame(picked, full=True) for _ in range(64)]
    frames.append(frames[0][:60] + struct.pack(order + "IIII", NOW // SECOND, 0, 64, 64) * 12)
    with open(path, "wb") as file:
        file.write(struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for at in range(count):
            frame = frames[picked.randrange(len(frames))]
            file.write(
                struct.pack(order + "IIII", NOW // SECOND + at // 1000, at % 1000, len(frame), len(frame)) + frame
            )
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_quick__counts_as_the_way_of_every_packet(path, system) -> None:
    assert played(system, path, True) == played(system, path, False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_quick__leaves_what_is_logged_to_it(path, logging) -> None:
    assert played(logging, path, True) == played(logging, path, False)


@pytest.mark.parametrize("mode", ["Active", "Simulate"])
def test_quick__leaves_what_defensive_filters_may_match_to_it(mode, tmp_path) -> None:
    """What is counted, logged and shown is the same: of filters that block, that simulate, that expire meanwhile."""
    path = write(tmp_path / "a.pcap", 150_000)  # two and a half minutes
    found = []
    for quickly in (True, False):
        system = test_dmd.made(test_dmd.conf(mode), **{"USER.CONFIG(IPSTACK)": policy(some_filters(40))})
        for number, words in enumerate((
            "srcip 10.0.0.0/18 destip all4 prot all dir inbound",
            "srcip 10.0.64.0/18 destip all4 prot tcp dir inbound mode simulate",
            "srcip all4 destip 10.0.0.0/20 prot all dir outbound log no",
            "srcip all4 destip all4 prot udp dir inbound lifetime 1 loglimit 100",
        )):  # fmt: skip
            test_dmd.sh(system, f"ipsec -F add {words} -N f{number}")
        tally = replay.Tally(system.prepare(True))
        quick = replay.quick_of(tally) if quickly else None
        assert bool(quick) == quickly
        replay.play(system, tally, captures.frames(str(path), True, quick=quick), quick=quick)
        assert quick is None or quick.total().packets > 20_000
        again = replay.quick_of(tally)
        assert quick is None or again.given[0].table is quick.given[0].table  # of the next capture
        records = [line for line in log_of(system) if "EZD" in line]
        filters = test_dmd.shown(system), test_dmd.shown(system, "-f display")
        found.append((shown(tally), records, *filters, system.clock.now))
    for one, other in zip(*found, strict=True):
        assert one == other
    assert len(found[0][1]) > 100


def test_quick__leaves_what_rules_with_times_may_match_to_it(tmp_path) -> None:
    path = write(tmp_path / "a.pcap", 150_000)  # 14:05:31 to 14:08:01
    when = "  IpTimeCondition\n  {\n    TimeOfDayRange 14:06-14:07\n  }\n"
    rules = policy(some_filters(40)).split("IpFilterRule R")
    for at in range(1, len(rules), 3):
        rules[at] = re.sub("    DestinationPortRange .*\n", "", rules[at].replace("{\n", "{\n" + when, 1))
    found = []
    for quickly in (True, False):
        system = unstarted(chain("IpFilterRule R".join(rules)))
        system.start(NOW)
        assert system.stack.in_force.timed
        found.append(played(system, path, quickly))
    assert found[0] == found[1]
    assert {row["name"] for row in found[0]["filters"] if row["matches"]} & {f"R{at}" for at in range(0, 40, 3)}


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    octets = 12 + len(body) + -len(body) % 4
    return struct.pack(order + "II", kind, octets) + body + bytes(-len(body) % 4) + struct.pack(order + "I", octets)


def write_ng(path: Path, count: int, simple: tuple[int, ...] = (), order: str = "<", described: int = 10**9) -> Path:
    """A pcapng of frames to, from and through the stack; those numbered in `simple` (from 0) have no time. Every so
    many frames another interface is described, with times in other units."""
    picked = random.Random(5)
    frames = [_frame(picked, full=True) for _ in range(64)]
    with open(path, "wb") as file:
        file.write(block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order))
        for at in range(count):
            interface, frame = at // described, frames[picked.randrange(len(frames))]
            if at % described == 0:
                unit = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0) if interface % 2 else b""
                file.write(block(1, struct.pack(order + "HHI", 1, 0, 0) + unit, order))
            if at in simple:
                file.write(block(3, struct.pack(order + "I", len(frame)) + frame, order))
                continue
            ticks = (NOW // 1000 + at) * (1000 if interface % 2 else 1)
            head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
            file.write(block(6, head + frame, order))
    return path


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("described", [7, 1000, 10**9])
def test_quick__settles_a_pcapng(order, described, tmp_path, system) -> None:
    path = write_ng(tmp_path / "a.pcapng", 3000, order=order, described=described)
    expected = played(system, path, False)
    assert expected["packets"] == 3000
    assert played(system, path, True) == expected
    settled(path)
    assert played(system, path, True) == expected


def test_quick__is_what_a_pcapng_goes_through(tmp_path, system) -> None:
    path = write_ng(tmp_path / "a.pcapng", 3000)
    tally = replay.Tally(system.prepare(True))
    quick = replay.quick_of(tally)
    assert quick is not None
    assert sum(frames.count for frames in captures.frames(str(path), True, quick=quick)) < 1000
    assert quick.total().packets > 2000


@pytest.mark.parametrize("simple", [(0,), (1,), (511,), (512,), (513,), (700, 701), (2999,), tuple(range(0, 3000, 2))])
def test_quick__a_frame_without_a_time_is_as_old_as_the_one_before(simple, tmp_path, system, logging) -> None:
    path = write_ng(tmp_path / "a.pcapng", 3000, simple)
    for of in (system, logging):
        expected = played(of, path, False)
        assert (expected["packets"], expected["untimed"]) == (3000, len(simple))
        assert played(of, path, True) == expected


def test_quick__damage_in_a_pcapng_is_where_it_is(tmp_path, system) -> None:
    path = write_ng(tmp_path / "a.pcapng", 3000)
    octets = bytearray(path.read_bytes())
    at = 28 + 20
    for _ in range(2000):
        at += struct.unpack_from("<I", octets, at + 4)[0]
    struct.pack_into("<I", octets, at + 4, 13)
    path.write_bytes(octets)
    expected = played(system, path, False)
    assert f"frame 2001 at byte {at}" in expected["error"]
    assert expected["packets"] == 2000
    assert played(system, path, True) == expected


def test_quick__a_host_that_is_in_the_middle(tmp_path, system) -> None:
    path = write(tmp_path / "a.pcap", 20_000)
    for home in ((), [(4, 0x0A000001)], [(6, (0x20010DB8 << 96) + 9)]):
        assert played(system, path, True, home=home) == played(system, path, False, home=home)


@pytest.fixture
def spans(monkeypatch):
    """Ranges of any length for captures of any; the ranges that are settled, as octets they have and octets done."""
    found: list[tuple[int, int]] = []
    settle = engine.Quick.settle_range

    def noted(self, data, at, stop, way):
        count, reached = settle(self, data, at, stop, way)
        found.append((stop - at, reached - at))
        return count, reached

    monkeypatch.setattr(engine.Quick, "settle_range", noted)
    monkeypatch.setattr(ranges, "LEAST", 0)
    monkeypatch.setattr(ranges, "SHORT", 2000)
    return found


@pytest.mark.parametrize("order", "<>")
def test_ranges__find_what_one_thread_finds(order, tmp_path, system, monkeypatch, spans) -> None:
    path = write(tmp_path / "a.pcap", 30_000, order=order)
    settled(path)
    expected = played(system, path, False)
    with ThreadPoolExecutor(2) as pool:
        for octets in (100_000, 1_000_000, 10_000_000):
            monkeypatch.setattr(ranges, "RANGE", octets)
            spans.clear()
            assert played(system, path, True, pool.submit) == expected
            assert len(spans) > 2
            assert sum(done for _, done in spans) >= path.stat().st_size - 24
            assert max(asked for asked, _ in spans) <= octets + 2000


def test_ranges__are_shorter_where_much_is_put_aside_and_end_where_all_is(
    tmp_path, system, monkeypatch, spans
) -> None:
    monkeypatch.setattr(ranges, "RANGE", 1_000_000)
    path = write(tmp_path / "a.pcap", 30_000)
    settled(path)
    expected = played(system, path, False)
    for listed, least in ((200, 3), (3, 1)):
        monkeypatch.setattr(quick, "LISTED", listed)
        monkeypatch.setattr(quick, "FEW", (listed // 2, quick.OCTETS // 2))
        spans.clear()
        with ThreadPoolExecutor(2) as pool:
            assert played(system, path, True, pool.submit) == expected
        asked = [octets for octets, _ in spans]
        assert len(asked) >= least
        assert any(done < octets for octets, done in spans), "some range ended early"
        if listed == 3:
            assert len(asked) <= 9, "soon there are no more ranges"
        else:
            assert min(asked[3:]) < asked[0] // 2


def test_ranges__a_wrong_guess_costs_time_only(tmp_path, system, monkeypatch, spans) -> None:
    monkeypatch.setattr(ranges, "RANGE", 50_000)
    monkeypatch.setattr(ranges, "begins", lambda data, at, end, way: min(at, end))
    path = write(tmp_path / "a.pcap", 1000)
    settled(path)
    with ThreadPoolExecutor(2) as pool:
        assert played(system, path, True, pool.submit) == played(system, path, False)
    assert spans


def test_ranges__damage_is_where_it_is(tmp_path, system, monkeypatch, spans) -> None:
    monkeypatch.setattr(ranges, "RANGE", 100_000)
    path = write(tmp_path / "a.pcap", 3000)
    octets = bytearray(path.read_bytes())
    at = 24
    for _ in range(2000):
        at += 16 + struct.unpack_from("<I", octets, at + 8)[0]
    struct.pack_into("<I", octets, at + 8, 0xFFFFFFFF)
    path.write_bytes(octets)
    settled(path)
    expected = played(system, path, False)
    assert f"frame 2001 at byte {at}" in expected["error"]
    assert expected["packets"] == 2000
    with ThreadPoolExecutor(2) as pool:
        assert played(system, path, True, pool.submit) == expected


def test_read__a_file_being_written_is_not_mapped(tmp_path, system) -> None:
    path = write(tmp_path / "a.pcap", 3000)
    assert not captures._can_be_mapped(str(path))
    fresh = played(system, path, True)
    settled(path)
    assert captures._can_be_mapped(str(path))
    assert played(system, path, True) == fresh


def test_mapped__a_file_that_becomes_shorter_is_told(tmp_path) -> None:
    path = write(tmp_path / "a.pcap", 100_000)
    settled(path)
    batches = captures.frames(str(path), True)
    next(batches)
    os.truncate(path, 1000)
    with pytest.raises(engine.CaptureError, match="became shorter while it was read: 1,000 octets of"):
        list(batches)


STREAM = """
import sys
from zsim.cli import main
sys.argv = ["zsim", "replay", "-"]
try:
    main()
except SystemExit:
    pass
with open("/proc/self/status") as status:  # what getrusage says is also of the process this one came from
    print(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


def peak_of_a_stream(head: bytes, block: bytes, blocks: int, folder: Path) -> int:
    """The most memory, in KiB, of a process that replays so many blocks from standard input."""
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", STREAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=environment
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(head)
    for _ in range(blocks):
        child.stdin.write(block)
    child.stdin.close()
    lines = child.stdout.read().decode().splitlines()
    assert child.wait() == 0
    return int(lines[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory__is_flat_however_long_the_stream(tmp_path) -> None:
    path = write(tmp_path / "a.pcap", 20_000)
    head, block = path.read_bytes()[:24], path.read_bytes()[24:]
    few = 8_000_000 // len(block)
    peak_of_a_stream(head, block, few, tmp_path)  # compiles what is not compiled: that takes more than any capture
    assert peak_of_a_stream(head, block, 100_000_000 // len(block), tmp_path) < 300 * 1024
