"""What a capture may come as: compressed, rotated, growing, cut to a time or a number."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

import engine
from zsim import captures
from zsim.clock import SECOND, nanoseconds

PING = Path(__file__).parents[2] / "profiles" / "adcd" / "captures" / "ping.pcap"
FRAMES = [(number * SECOND, bytes([number]) * 60) for number in range(1, 10)]


def _zstd(octets: bytes) -> bytes:
    return pytest.importorskip("zstandard").compress(octets)


def _lz4(octets: bytes) -> bytes:
    return pytest.importorskip("lz4.frame").compress(octets)


def _times(path: Path | str, compiled: bool, wanted: captures.Wanted | None = None) -> list[int]:
    batches = (wanted or captures.Wanted()).of(captures.frames(str(path), compiled))
    return [int(time) // SECOND for frames in batches for time in frames.time]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, _zstd, _lz4])
def test_frames__a_compressed_capture_is_known_by_its_first_octets(
    compress: Callable[[bytes], bytes], compiled: bool, tmp_path: Path
) -> None:
    path = tmp_path / "no-ending"
    path.write_bytes(compress(engine.write_pcap(FRAMES)))
    assert _times(path, compiled) == list(range(1, 10))


@pytest.mark.parametrize("compress", [gzip.compress, _zstd, _lz4])
def test_frames__two_compressed_parts_are_one_capture(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    whole, path = engine.write_pcap(FRAMES), tmp_path / "x"
    path.write_bytes(compress(whole[:300]) + compress(whole[300:]))
    assert _times(path, False) == list(range(1, 10))


@pytest.mark.parametrize("compress", [gzip.compress, _zstd, _lz4])
def test_frames__a_compressed_capture_cut_anywhere_is_damage(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    octets, path = compress(engine.write_pcap(FRAMES)), tmp_path / "x"
    for cut in range(len(octets)):
        path.write_bytes(octets[:cut])
        with pytest.raises(engine.CaptureError):
            _times(path, False)


@pytest.mark.parametrize(
    ("module", "compress", "said"), [("zstandard", _zstd, "zsim[zstd]"), ("lz4.frame", _lz4, "zsim[lz4]")]
)
def test_frames__a_missing_extra_says_what_to_install(
    module: str, compress: Callable[[bytes], bytes], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(compress(b"anything"))
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(engine.CaptureError) as error:
        _times(path, False)
    assert f"pip install '{said}'" in str(error.value)
    assert "\n" not in str(error.value)


def test_named__rotated_captures_go_by_number_and_others_stay(tmp_path: Path) -> None:
    names = ["t.pcap", "t.pcap1", "t.pcap2", "t.pcap10"]
    for name in reversed(names):
        (tmp_path / name).touch()
    there = [str(tmp_path / name) for name in names]
    assert captures.named([str(tmp_path / "t.pcap*")]) == tuple(there)
    assert captures.named(sorted(there)) == tuple(there), "as the shell writes a glob out"
    assert captures.named(["b.pcap", "a.pcap", "-"]) == ("b.pcap", "a.pcap", "-")
    assert captures.named(["none*.pcap"]) == ("none*.pcap",)


@pytest.mark.parametrize("compiled", [False, True])
def test_wanted__time_and_count_over_all_captures(compiled: bool, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(engine.write_pcap([*FRAMES, *FRAMES]))
    assert _times(path, compiled, captures.Wanted(3 * SECOND, 5 * SECOND)) == [3, 4, 3, 4]
    one = captures.Wanted(low=8 * SECOND, left=5)
    assert _times(path, compiled, one) == [8, 9, 8, 9]
    assert _times(path, compiled, one) == [8]
    assert _times(path, compiled, one) == []
    assert _times("not there", compiled, captures.Wanted(left=0)) == []


@pytest.mark.parametrize("compiled", [False, True])
def test_wanted__frames_keep_their_numbers(compiled: bool, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(engine.write_pcap(FRAMES))
    runs = captures.Wanted(low=4 * SECOND).of(captures.frames(str(path), compiled))
    assert [(run.number, run.count) for run in runs] == [(4, 6)]


@pytest.mark.parametrize("compiled", [False, True])
def test_frames__what_a_file_grows_by_is_read(
    compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = tmp_path / "x", engine.write_pcap(FRAMES)
    path.write_bytes(whole[:110])  # one frame and a part of the next
    cuts = iter([150, 400, len(whole)])

    def sleep(seconds: float) -> None:
        path.write_bytes(whole[: next(cuts)])

    monkeypatch.setattr(captures.time, "sleep", sleep)
    batches = captures.frames(str(path), compiled, follow=True)
    seen = list(itertools.islice((int(time) // SECOND for each in batches for time in each.time), 9))
    assert seen == list(range(1, 10))


def _following(path: Path, compiled: bool, monkeypatch: pytest.MonkeyPatch, steps: list[Callable[[], object]]):
    """The times of 9 frames while something happens to the file each time its end is reached; and what was told."""
    happening, told = iter(steps), []
    monkeypatch.setattr(captures.time, "sleep", lambda seconds: next(happening)())
    batches = captures.frames(str(path), compiled, follow=True, tell=told.append)
    seen = list(itertools.islice((int(time) // SECOND for each in batches for time in each.time), 9))
    return seen, told


def _pcapng(frames: list[tuple[int, bytes]]) -> bytes:
    from engine import pcapng

    blocks = [pcapng.packet(0, time, frame, len(frame)) for time, frame in frames]
    return pcapng.section("test") + pcapng.interface(1, "ETH1") + b"".join(blocks)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("write", [engine.write_pcap, _pcapng])
def test_follow__a_file_that_begins_empty_and_grows_octet_by_octet(
    write: Callable[..., bytes], compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = tmp_path / "x", write(FRAMES)
    path.touch()
    steps = [lambda end=end: path.write_bytes(whole[:end]) for end in (*range(1, 60), *range(60, len(whole), 37))]
    seen, told = _following(path, compiled, monkeypatch, [*steps, lambda: path.write_bytes(whole)])
    assert (seen, told) == (list(range(1, 10)), [])


@pytest.mark.parametrize("compiled", [False, True])
def test_follow__a_file_cut_short_begins_again(
    compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(engine.write_pcap(FRAMES[:5]))
    steps = [lambda: path.write_bytes(b""), lambda: None, lambda: path.write_bytes(engine.write_pcap(FRAMES[5:]))]
    seen, told = _following(path, compiled, monkeypatch, steps)
    assert seen == list(range(1, 10))
    assert told == [f"{path} was cut short; it is read from its start"]


@pytest.mark.parametrize("compiled", [False, True])
def test_follow__a_file_that_was_rotated_is_finished_and_the_new_one_begun(
    compiled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, whole = tmp_path / "x", engine.write_pcap(FRAMES[:5])
    path.write_bytes(whole[:200])

    def rotate() -> None:
        path.rename(tmp_path / "x.1")
        (tmp_path / "x.1").open("ab").write(whole[200:])

    steps = [rotate, lambda: None, lambda: path.write_bytes(engine.write_pcap(FRAMES[5:])), lambda: None]
    seen, told = _following(path, compiled, monkeypatch, steps)
    assert seen == list(range(1, 10))
    assert told == [f"{path} is another file now; it is read from its start"]


def test_follow__a_compressed_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(engine.write_pcap(FRAMES)))
    with pytest.raises(engine.CaptureError, match="is compressed; only captures as they are can be followed"):
        list(captures.frames(str(path), False, follow=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", 0), ("1970-01-01T00:00:01.5", 1_500_000_000), ("1970-01-01T01:00:00+01:00", 0),
        ("1700000000.000000001", 1_700_000_000_000_000_001), ("7", 7 * SECOND),
    ],
)  # fmt: skip
def test_nanoseconds__of_a_text(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


def test_nanoseconds__rubbish_is_refused() -> None:
    for text in ("", "now", "-5", "12:00"):
        with pytest.raises(ValueError):
            nanoseconds(text)
