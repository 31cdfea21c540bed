"""A pcap in memory, settled by several threads: ranges that begin where a record seems to begin.

Where a record begins only the record before can say. So the beginning of a range is guessed, by a row of plausible
record headers, and what a thread found in it counts only if the range before ended exactly there; otherwise it is
thrown away, and reading goes on from where it is known to be right. Ranges are taken in their order, so everything
is as one thread would have it, and in the same order.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any

from engine.capture import Frames
from engine.quick import Quick

RANGE = 3 << 24  # octets at most; threads that map pages of one folio wait for each other, and where ranges end they do
SHORT = 1 << 23  # at least; towards the end ranges become shorter, so that no thread is left alone with a long one
LEAST = 1 << 25  # octets of a capture for which it pays
LOOKED_AT = 1 << 18  # octets in which a record must be found to begin, which is the longest one there can be

Submit = Callable[..., Any]


def settle_ranges(stream: Any, way: tuple[int, ...]) -> Iterator[Frames]:
    """Settle as much of a pcap as is undamaged; `stream.at` is where that ends. Where a range has more to be put aside
    than there is room for, the next are shorter, and that is the end where they would be too short to pay. `way` as
    walk_pcap has it."""
    end, span, before = len(stream.data), RANGE, -1
    while before < stream.at < end and span >= SHORT:
        before = stream.at
        span = yield from _run(stream, stream.quick, way, span, end)


def _run(stream: Any, quick: Quick, way: tuple[int, ...], span: int, end: int) -> Generator[Frames, None, int]:
    """Range after range, of `span` octets at most, until one does not begin where the one before has ended, or ends
    early; returns how long the next may be."""
    submit, free = quick.submit, list(quick.helpers)
    assert submit is not None
    begin, waiting = stream.at, deque[tuple[int, int, Quick, Any]]()
    try:
        while waiting or begin < end:
            while free and begin < end:
                at, helper = begin, free.pop()
                begin = begins(stream.data, at + min(span, max(SHORT, (end - at) // len(quick.helpers))), end, way)
                waiting.append((at, begin, helper, submit(helper.settle_range, stream.data, at, begin, way)))
            at, stop, helper, future = waiting.popleft()
            count, reached = future.result()
            free.append(helper)
            if at != stream.at:
                break
            stream.at = reached
            if count:
                yield from quick.absorb(helper, count, stream)
                yield from quick.some(stream)
            if reached < stop:
                return int(reached - at) * 3 // 4
    finally:
        for _, _, _, future in waiting:
            future.result()
    return span


def begins(data: Any, at: int, end: int, way: tuple[int, ...]) -> int:
    """Where the first record from byte `at` on seems to begin; the end of the capture if none does."""
    from engine.kernels.quick import seek_record

    if at >= end:
        return end
    big, _, scale, header, *_ = way
    found = int(seek_record(data, at, min(at + LOOKED_AT, end), big, scale, header))
    return found if found >= 0 else end
