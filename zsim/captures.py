"""Capture files at the edge: paths, globs, standard input, gzip, zstd, lz4 -> blocks of octets for the engine."""

from __future__ import annotations

import glob
import mmap
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import engine

BLOCK = 1024 * 1024  # octets read at once
SIP = 64 * 1024  # compressed octets looked at together
WINDOW = 16 * 1024 * 1024  # octets of a mapped file kept in this process
HUGE = 2 * 1024 * 1024  # octets of the largest pages a system maps at once; part of one is not given back
COMPILED_FROM = 2 * 1024 * 1024  # octets of input from which loading compiled kernels pays
SETTLED = 60  # seconds without a change after which nobody is taken to be writing a file
WAIT = 0.2  # seconds until a file that is followed is looked at again
Progress = Callable[[int], object]
Tell = Callable[[str], object]


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
        total += octets * (10 if path.endswith(tuple(ending for _, ending, _ in COMPRESSIONS)) else 1)
    return total >= COMPILED_FROM


def named(patterns: Sequence[str]) -> tuple[str, ...]:
    """The captures that are meant, in the order of reading: globs become names, and names side by side that differ in
    numbers only, as of a capture that was rotated, go by these numbers. A glob without a match stays as it is."""
    found: list[str] = []
    for pattern in patterns:
        is_glob = any(sign in pattern for sign in "*?[") and not os.path.lexists(pattern)
        found += sorted(glob.glob(pattern), key=_by_number) or [pattern] if is_glob else [pattern]
    return tuple(path for _, same in groupby(found, _without_numbers) for path in sorted(same, key=_by_number))


def _without_numbers(path: str) -> str:
    return re.sub(r"\d+", "#", path).rstrip("#")


def _by_number(path: str) -> list[tuple[int, str]]:
    """file2 before file10; the file without a number is the first (tcpdump -C)."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", path)]


@dataclass
class Wanted:
    """Which frames of all captures together: those with low <= time < high, and of them the first `left`. `untimed`
    counts those left out because their capture gives them no time."""

    low: int | None = None
    high: int | None = None
    left: int | None = None  # None is all
    untimed: int = 0

    def of(self, batches: Iterable[engine.Frames]) -> Iterator[engine.Frames]:
        """Those of one capture; nothing more is read than has to be."""
        if self.left == 0:
            return
        low = -(2**63) if self.low is None else self.low
        high = 2**63 - 1 if self.high is None else self.high
        limited = self.low is not None or self.high is not None
        for batch in batches:
            if limited:
                self.untimed += engine.dated(batch, 0)[1]
            for run in engine.within(batch, low, high) if limited else (batch,):
                if self.left is None:
                    yield run
                    continue
                some = engine.part(run, 0, min(run.count, self.left))
                self.left -= some.count
                yield some
                if not self.left:
                    return


def frames(
    path: str, compiled: bool, progress: Progress = lambda octets: None, follow: bool = False,
    tell: Tell = lambda line: None, quick: engine.Quick | None = None, fields: Collection[str] = engine.FIELD,
) -> Iterator[engine.Frames]:
    """The frames of one capture, in batches, each to be decoded once. `progress` hears of octets read. With `follow`
    there is no end: a file that was cut short is read from its start again, and another one of that name from its own;
    `tell` hears of it. With `quick`, in compiled mode, only those frames that it does not settle. `fields`: those to be
    decoded.

    Raises engine.CaptureError; where a file is damaged, after the frames before the damage."""
    if not follow or path == "-":
        yield from _once(path, compiled, progress, None, quick, fields)
        return
    while True:
        why: list[str] = []
        try:
            yield from _once(path, compiled, progress, why, quick, fields)
        except engine.CaptureError as error:
            if not why:
                raise
            tell(str(error))
        tell(f"{path} {why[0]}; it is read from its start")


def _once(
    path: str, compiled: bool, progress: Progress, ended: list[str] | None, quick: engine.Quick | None,
    fields: Collection[str],
) -> Iterator[engine.Frames]:
    """The frames of one file. Unless `ended` is None the file is followed, and gets why that ended."""
    damage: list[engine.CaptureError] = []
    unpacked: list[str] = []
    if quick is not None:
        quick.patient = ended is None
    mapped = compiled and ended is None and _can_be_mapped(path)
    if compiled and ended is None and not mapped:
        with _opened(path) as file:
            if _is_plain(file):
                source: Any = _Counted(file, progress)
                yield from engine.read_capture(source, path, compiled, quick, fields)
                return

    def whole() -> Iterator[bytes]:
        try:
            yield from _mapped(path) if mapped else _blocks(path, progress, ended, unpacked)
        except engine.CaptureError as error:
            damage.append(error)

    try:
        with _threads(quick) if mapped else nullcontext():
            batches = engine.read_capture(whole(), path, compiled, quick, fields)
            yield from _let_go(path, batches, progress, quick) if mapped else batches
    except engine.CaptureError as error:
        if unpacked:
            error.name = f"{path} (decompressed)"
        raise (damage or [error])[0] from None
    if damage:
        raise damage[0]


@contextmanager
def _threads(quick: engine.Quick | None) -> Iterator[None]:
    """Let a large capture be settled by as many threads as there are cores and ZSIM_THREADS allows, at most four."""
    count = os.environ.get("ZSIM_THREADS", "")
    threads = min(int(count) if count.isdigit() else 4, len(os.sched_getaffinity(0)), 4)
    if quick is None or threads < 2:
        yield
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        quick.share(pool.submit, threads)
        yield


def _can_be_mapped(path: str) -> bool:
    """Is it a file on disk, as it is, with something in it, that nobody seems to be writing?

    Who reads a mapped file behind its end is ended by the system (SIGBUS), and a writer can make it shorter at any
    time. So a file that has changed lately is read as a pipe is, which costs a third of the speed, and of one
    that is mapped the size is looked at before every batch.
    """
    try:
        with open(path, "rb") as file:
            known = os.fstat(file.fileno())
            settled = time.time() - known.st_mtime > SETTLED
            return stat.S_ISREG(known.st_mode) and settled and file.read(4) in engine.MAGICS
    except OSError:
        return False


def _is_plain(file: IO[bytes]) -> bool:
    """Does it begin as a capture that is not compressed? Nothing is taken from it."""
    peek = getattr(file, "peek", lambda octets: b"")
    return peek(4)[:4] in engine.MAGICS


class _Counted:
    """A file to be read into memory, whose octets are told to `progress`."""

    def __init__(self, file: Any, progress: Progress) -> None:
        self.file, self.progress = file, progress

    def readinto(self, room: memoryview) -> int:
        got: int = self.file.readinto(room) or 0
        self.progress(got)
        return got


def _mapped(path: str) -> Iterator[Any]:
    """A capture on disk as one block, of which nothing is read before it is looked at."""
    with _opened(path) as file:
        yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _let_go(
    path: str, batches: Iterator[engine.Frames], progress: Progress, quick: engine.Quick | None
) -> Iterator[engine.Frames]:
    """The batches of a mapped file; what lies more than a window behind is given back, so that memory stays flat.
    Raises engine.CaptureError if the file has become shorter."""
    done = kept = 0
    octets = size(path) or 0
    for frames in batches:
        yield frames
        if (now := size(path)) is not None and now < octets:
            raise engine.CaptureError(path, f"became shorter while it was read: {now:,} octets of {octets:,}")
        reached = int(frames.start[-1]) + int(frames.captured[-1]) if frames.count else 0
        reached = max(reached, quick.reached if quick is not None else 0)
        block = frames.data.base.obj if hasattr(frames.data.base, "obj") else None
        if isinstance(block, mmap.mmap):
            progress(reached - done)
            done = reached
            if done - kept > WINDOW and hasattr(mmap, "MADV_DONTNEED"):
                whole = (done - kept) // HUGE * HUGE
                block.madvise(mmap.MADV_DONTNEED, kept, whole)
                kept += whole


def _blocks(path: str, progress: Progress, ended: list[str] | None, unpacked: list[str]) -> Iterator[bytes]:
    """The octets of one capture, decompressed, and then named in `unpacked`. With `ended` what is not there yet is
    waited for, and an empty block says so, until there is another file of that name or this one is cut short."""
    with _opened(path) as file:
        read = getattr(file, "read1", file.read) if ended is not None else file.read  # what is asked for, or is there
        head = read(BLOCK)
        while len(head) < 4 and ((more := read(BLOCK)) or (ended is not None and _still(path, file, ended))):
            head += more  # a pipe may begin with less, and a file may be about to begin
        progress(len(head))
        for magic, _, decompressed in COMPRESSIONS:
            if head.startswith(magic):
                if ended is not None:
                    raise engine.CaptureError(path, "is compressed; only captures as they are can be followed")
                unpacked.append(path)
                yield from decompressed(path, Rest(head, file, progress))
                return
        while head or ended is not None:
            yield head
            if not head and (ended is None or not _still(path, file, ended)):
                return
            head = read(BLOCK)
            progress(len(head))


def _still(path: str, file: IO[bytes], ended: list[str]) -> bool:
    """Wait a little for a file to grow; False, and why, where that is no use any more. A name that is gone may come
    back."""
    time.sleep(WAIT)
    here = os.fstat(file.fileno())
    if not stat.S_ISREG(here.st_mode):
        return True
    if here.st_size < file.tell():
        ended.append("was cut short")
        return False
    try:
        there = os.stat(path)
    except OSError:
        return True
    if here.st_size == file.tell() and not os.path.samestat(here, there):
        ended.append("is another file now")
        return False
    return True


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


class Rest:
    """What is left of a file of which `head` has been read."""

    def __init__(self, head: bytes, file: IO[bytes], progress: Progress) -> None:
        self.left, self.file, self.progress = head, file, progress
        self.taken = 0

    def damaged(self, path: str, what: str, why: str) -> engine.CaptureError:
        """Damage somewhere in the last octets that were taken."""
        return engine.CaptureError(path, f"the {what} is damaged: {why}", at=self.taken)

    def read(self, count: int = -1) -> bytes:
        if not self.left:
            self.left = self.file.read(BLOCK)
            self.progress(len(self.left))
        taken, self.left = self.left[:count], self.left[count:]
        self.taken += len(taken)
        return taken


def _gzip(path: str, rest: Rest) -> Iterator[bytes]:
    """Member after member (RFC 1952), never more than BLOCK octets at a time however small the input; zeros between
    them and behind are padding. What comes before damage is handed out."""
    one, begun, any_yet = zlib.decompressobj(31), False, False
    while octets := rest.read(SIP):
        while octets:
            if not begun and any_yet and not (octets := octets.lstrip(b"\0")):
                break
            before, begun, any_yet = one.copy(), True, True
            try:
                block = one.decompress(octets, BLOCK)
            except zlib.error as why:
                yield from _until_damage(before, octets)
                reason = str(why).partition(": ")[2] or str(why)
                raise rest.damaged(path, "gzip", reason) from None
            yield block
            octets = one.unused_data if one.eof else one.unconsumed_tail
            if one.eof:
                one, begun = zlib.decompressobj(31), False
    if begun:
        raise rest.damaged(path, "gzip", "the file ends inside it")


def _until_damage(one: Any, octets: bytes) -> Iterator[bytes]:
    """What becomes of the octets before the one that is wrong."""
    for at in range(len(octets)):
        tail = octets[at : at + 1]
        while tail:
            try:
                yield one.decompress(tail, BLOCK)
            except zlib.error:
                return
            tail = one.unconsumed_tail


def _zstd(path: str, rest: Rest) -> Iterator[bytes]:
    """Frame after frame (RFC 8878); what a few octets become is at most some 64 MiB."""
    try:
        import zstandard
    except ImportError:
        raise engine.CaptureError(path, _MISSING.format(what="zstd")) from None
    one, begun = zstandard.ZstdDecompressor().decompressobj(), False
    try:
        while octets := rest.read(SIP // 32):
            while octets:
                begun = True
                yield one.decompress(octets)
                octets = b""
                if one.eof:
                    octets, begun = one.unused_data, False
                    one = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as why:
        raise rest.damaged(path, "zstd", str(why)) from None
    if begun:
        raise rest.damaged(path, "zstd", "the file ends inside it")


def _lz4(path: str, rest: Rest) -> Iterator[bytes]:
    """Frame after frame, never more than BLOCK octets at a time."""
    try:
        from lz4.frame import LZ4FrameDecompressor
    except ImportError:
        raise engine.CaptureError(path, _MISSING.format(what="lz4")) from None
    one, begun = LZ4FrameDecompressor(), False
    try:
        while octets := rest.read(SIP):
            while octets or not one.needs_input:
                begun = True
                yield one.decompress(octets, BLOCK)
                octets = b""
                if one.eof:
                    octets, begun, one = one.unused_data or b"", False, LZ4FrameDecompressor()
    except RuntimeError as why:
        raise rest.damaged(path, "lz4", str(why)) from None
    if begun:
        raise rest.damaged(path, "lz4", "the file ends inside it")


_MISSING = "is compressed with {what}: pip install 'zsim[{what}]' to read it; gzip needs no more than there is"

Decompressor = Callable[[str, Rest], Iterator[bytes]]

# What a compressed capture begins with, how its name usually ends, and what reads it.
COMPRESSIONS: tuple[tuple[bytes, str, Decompressor], ...] = (
    (b"\x1f\x8b", ".gz", _gzip),
    (b"\x28\xb5\x2f\xfd", ".zst", _zstd),
    (b"\x04\x22\x4d\x18", ".lz4", _lz4),
)
