"""The shared captures, and every frame of one as plain bytes, for tests."""

import gzip
from pathlib import Path

import pytest

import engine
from engine.arrays import is_compiled

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "pcaps"
SUFFIXES = (".pcap", ".pcapng", ".gz")
FILES = sorted(path.name for path in SHARED.glob("*") if path.suffix in SUFFIXES) if SHARED.is_dir() else []

each_capture = pytest.mark.parametrize(
    "name",
    FILES or [pytest.param("none", marks=pytest.mark.skip(f"no captures in {SHARED}"))],
)
both_modes = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])


def octets_of(name: str) -> bytes:
    octets = (SHARED / name).read_bytes()
    return gzip.decompress(octets) if name.endswith(".gz") else octets


def read(blocks, name="test", compiled=False):
    """Everything read, as (list of batches, CaptureError or None)."""
    batches = []
    try:
        for frames in engine.read_capture(blocks, name, compiled):
            assert is_compiled(frames.start) == compiled
            batches.append(frames)
    except engine.CaptureError as error:
        return batches, error
    return batches, None


def rows(batches):
    """(number, frame, length on the wire, time, linktype) of every frame, as plain Python."""
    found = []
    for frames in batches:
        for p in range(frames.count):
            start, captured = int(frames.start[p]), int(frames.captured[p])
            assert 0 <= start <= start + captured <= len(frames.data)
            frame = bytes(frames.data[start : start + captured])
            found.append(
                (
                    frames.number + p,
                    frame,
                    int(frames.length[p]),
                    int(frames.time[p]),
                    int(frames.linktype[p]),
                )
            )
    return found


def packets(headers):
    """Headers as dicts, in the form of reference.decode."""
    return [
        {field.name: engine.cell(headers, field.name, p) for field in engine.FIELDS}
        | {"status": engine.STATUSES[headers.status[p]]}
        for p in range(headers.count)
    ]
