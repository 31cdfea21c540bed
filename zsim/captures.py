"""Capture files at the edge: paths, standard input, gzip -> blocks of octets for the engine."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import engine

BLOCK = 4 * 1024 * 1024  # octets read at once
COMPILED_FROM = 2 * 1024 * 1024  # octets of input from which loading compiled kernels pays
GZIP_MAGIC = b"\x1f\x8b"
Progress = Callable[[int], object]


def size(path: str) -> int | None:
    """Octets of a capture on disk; None for standard input and what cannot be asked."""
    try:
        return Path(path).stat().st_size if path != "-" else None
    except OSError:
        return None


def wants_compiled(paths: tuple[str, ...]) -> bool:
    """Is there enough input for compiled kernels? A compressed octet counts tenfold; standard input is unknown."""
    total = 0
    for path in paths:
        octets = size(path)
        if octets is None:
            return path == "-"
        total += octets * (10 if path.endswith(".gz") else 1)
    return total >= COMPILED_FROM


def frames(path: str, compiled: bool, progress: Progress = lambda octets: None) -> Iterator[engine.Frames]:
    """The frames of one capture, in batches. `progress` hears of octets read.

    Raises engine.CaptureError; where a file is damaged, after the frames before the damage."""
    damage: list[engine.CaptureError] = []

    def whole() -> Iterator[bytes]:
        try:
            yield from _blocks(path, progress)
        except engine.CaptureError as error:
            damage.append(error)

    try:
        yield from engine.read_capture(whole(), path, compiled)
    except engine.CaptureError as error:
        raise (damage or [error])[0] from None
    if damage:
        raise damage[0]


def _blocks(path: str, progress: Progress) -> Iterator[bytes]:
    """The octets of one capture, decompressed."""
    with _opened(path) as file:
        head = file.read(BLOCK)
        progress(len(head))
        if head.startswith(GZIP_MAGIC):
            yield from _inflated(path, head, file, progress)
            return
        while head:
            yield head
            head = file.read(BLOCK)
            progress(len(head))


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 -- closed below; here only its own failure is caught
    except OSError as why:
        raise engine.CaptureError(path, f"cannot be read: {why.strerror}") from None
    with file:
        try:
            yield file
        except OSError as why:
            raise engine.CaptureError(path, f"cannot be read: {why.strerror}") from None


def _inflated(path: str, head: bytes, file: IO[bytes], progress: Progress) -> Iterator[bytes]:
    """gzip, member after member, never more than BLOCK octets at a time however small the input."""

    class Rest:
        def __init__(self) -> None:
            self.left = head

        def read(self, count: int = -1) -> bytes:
            if not self.left:
                self.left = file.read(BLOCK)
                progress(len(self.left))
            taken, self.left = self.left[:count], self.left[count:]
            return taken

    try:
        with gzip.GzipFile(fileobj=Rest(), mode="rb") as inflated:  # type: ignore[call-overload]
            while block := inflated.read(BLOCK):
                yield block
    except (EOFError, gzip.BadGzipFile, zlib.error) as why:
        raise engine.CaptureError(path, f"is damaged gzip: {why}") from None
