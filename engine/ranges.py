"""A pcap in memory, settled by several threads: ranges that begin where a record seems to begin.

Where a record begins only the record before can say. So the beginning of a range is guessed, by a row of plausible
record headers, and what a thread found in it counts only if the range before ended exactly there; otherwise it is
thrown away, and reading goes on from where it is known to be right. Ranges are taken in their order, so everything
is as one thread would have it, and in the same order.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from engine.capture import Frames
from engine.quick import Quick

RANGE = 3 << 24  # octets at most; threads that map pages of one folio wait for each other, and where ranges end they do
SHORT = 1 << 23  # at least; towards the end ranges become shorter, so that no thread is left alone with a long one
LEAST = 1 << 25  # octets of a capture for which it pays
LOOKED_AT = 1 << 18  # octets in which a record must be found to begin, which is the longest one there can be

Submit = Callable[..., Any]


def settle_ranges(stream: Any, way: tuple[int, ...]) -> Iterator[Frames]:
    """Settle as much of a pcap as is undamaged; `stream.at` is where that ends. `way` as walk_pcap has it."""
    quick: Quick = stream.quick
    end, before = len(stream.data), -1
    while stream.at < end and stream.at != before:
        before = stream.at
        yield from _run(stream, quick, way, end)


def _run(stream: Any, quick: Quick, way: tuple[int, ...], end: int) -> Iterator[Frames]:
    """Range after range, until one does not begin where the one before has ended, or is damaged."""
    submit, free = quick.submit, list(quick.helpers)
    assert submit is not None
    begin, waiting = stream.at, deque[tuple[int, Quick, Any]]()
    try:
        while waiting or begin < end:
            while free and begin < end:
                span = min(RANGE, max(SHORT, (end - begin) // len(quick.helpers)))
                stop = begins(stream.data, begin + span, end, way)
                helper = free.pop()
                waiting.append((begin, helper, submit(helper.settle_range, stream.data, begin, stop, way)))
                begin = stop
            at, helper, future = waiting.popleft()
            count, reached = future.result()
            free.append(helper)
            if at != stream.at:
                return
            stream.at = reached
            if count:
                yield from quick.absorb(helper, count, stream)
                yield from quick.some(stream)
    finally:
        for _, _, future in waiting:
            future.result()


def begins(data: Any, at: int, end: int, way: tuple[int, ...]) -> int:
    """Where the first record from byte `at` on seems to begin; the end of the capture if none does."""
    from engine.kernels.quick import seek_record

    if at >= end:
        return end
    big, _, scale, header, *_ = way
    found = int(seek_record(data, at, min(at + LOOKED_AT, end), big, scale, header))
    return found if found >= 0 else end
