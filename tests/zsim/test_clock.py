"""Whose time it is in a replay: packets are judged at their own, or all at the system's."""

from __future__ import annotations

import json
import struct

import pytest
from click.testing import CliRunner
from systems import NOW, RAW_IP, log_of
from test_dmd import ADD, PING, made, sh

import engine
from zsim import captures, replay
from zsim.cli import main
from zsim.clock import SECOND

both_modes = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])


def verdicts(system, *captures_of_times, compiled=False, at=None) -> list[str]:
    """What becomes of a ping at each time, in seconds since the system was started, in one replay."""
    tally, found = replay.Tally(system.prepare(compiled)), []

    def record(frames, outcome) -> None:
        found.extend(engine.VERDICTS[each] for each in outcome.judgement.verdict.tolist())

    for times in captures_of_times:
        packets = [(engine.NO_TIME if time is None else NOW + time * SECOND, PING) for time in times]
        replay.play(system, tally, [engine.frames_of(packets, RAW_IP, compiled)], record=record, at=at)
    assert tally.packets == len(found)
    return found


def blocked(found: list[str]) -> str:
    return "".join("x" if verdict == "blocked" else "." for verdict in found)


@both_modes
def test_lifetime__one_second_before_and_one_after(compiled) -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    assert blocked(verdicts(system, [0, 59, 60, 61], compiled=compiled)) == "xx.."
    assert system.stack.defensive.filters == []


@both_modes
def test_lifetime__time_that_goes_back_finds_the_filter_again(compiled) -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    assert blocked(verdicts(system, [59, 61, 59, 61, 0], compiled=compiled)) == "x.x.x"
    assert system.clock.now == NOW + 61 * SECOND, "the clock itself never goes back"


@both_modes
def test_lifetime__the_order_of_captures_does_not_matter(compiled) -> None:
    for times, expected in (([[0, 30], [70, 80]], "xx.."), ([[70, 80], [0, 30]], "..xx")):
        system = made()
        sh(system, f"{ADD} lifetime 1 -N one")
        assert blocked(verdicts(system, *times, compiled=compiled)) == expected


def test_lifetime__a_capture_older_than_the_clock_meets_what_is_installed() -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    assert blocked(verdicts(system, [-10_000_000, -1])) == "xx"
    assert system.clock.now == NOW


@both_modes
def test_clock_now__nothing_expires_and_the_clock_stays(compiled) -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    assert blocked(verdicts(system, [0, 59, 600, 10_000], compiled=compiled, at=NOW)) == "xxxx"
    assert system.clock.now == NOW
    assert [each.hits.last for each in system.stack.defensive.filters] == [NOW]


@both_modes
def test_untimed__as_old_as_the_packet_before(compiled) -> None:
    system = made()
    sh(system, f"{ADD} lifetime 1 -N one")
    assert blocked(verdicts(system, [None, 61, None, 10, None], [None], compiled=compiled)) == "x..xx."


def test_log__what_expires_stands_before_what_comes_later() -> None:
    system = made()
    sh(system, f"{ADD} lifetime 9 -N long")
    sh(system, f"{ADD} lifetime 1 -N short")
    verdicts(system, [59, 61])
    told = [line for line in log_of(system) if "short" in line or "long" in line]
    words = ["expired" if "expired" in line else "match" for line in told if "added" not in line]
    assert words == ["match", "expired", "match"]


def _block(kind: int, body: bytes) -> bytes:
    octets = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + octets + body + octets


SECTION = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + _block(1, struct.pack("<HHI", RAW_IP, 0, 0))
SIMPLE = _block(3, struct.pack("<I", len(PING)) + PING)
TIMED = _block(6, struct.pack("<IIIII", 0, 0, 5_000_000, len(PING), len(PING)) + PING)


def _untimed(tmp_path) -> str:
    path = tmp_path / "simple.pcapng"
    path.write_bytes(SECTION + SIMPLE + TIMED + SIMPLE)
    return str(path)


def zsim(*arguments: str):
    return CliRunner().invoke(main, arguments)


@both_modes
def test_untimed__is_null_and_said(compiled, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(captures, "wants_compiled", lambda paths: compiled)
    path = _untimed(tmp_path)
    times = [json.loads(line)["time_ns"] for line in zsim("decode", "--json", path).stdout.splitlines()]
    assert times == [None, 5 * SECOND, None]
    lines = zsim("decode", path).stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["-", "00:00:05.000000", "-"]
    packets = [json.loads(line)["time"] for line in zsim("replay", "--each", "packet", path).stdout.splitlines()]
    assert packets == [None, "1970-01-01T00:00:05.000000000Z", None]
    counted = json.loads(zsim("replay", "--json", path).stdout)
    assert (counted["untimed"], counted["first"], counted["last"]) == (2, packets[1], packets[1])
    limited = zsim("replay", "--json", "--to", "2000-01-01", path)
    assert json.loads(limited.stdout)["packets"] == 1
    assert "2 packets without a time are left out by --from and --to" in limited.stderr
    (flow,) = [json.loads(line) for line in zsim("replay", "--each", "flow", path).stdout.splitlines()]
    assert (flow["packets"], flow["first"], flow["last"]) == (3, packets[1], packets[1])


def test_untimed__a_capture_without_any_time(tmp_path) -> None:
    path = tmp_path / "simple.pcapng"
    path.write_bytes(SECTION + SIMPLE)
    assert f"1 packets, {len(PING)} bytes, without times" in zsim("replay", str(path)).stdout
    counted = json.loads(zsim("replay", "--json", str(path)).stdout)
    assert (counted["packets"], counted["first"]) == (1, None)


def test_clock__help_says_whose_time_it_is() -> None:
    text = " ".join(zsim("replay", "--help").stdout.split())
    assert "Each packet is judged at its own time" in text
    assert "--clock [capture|now]" in text
