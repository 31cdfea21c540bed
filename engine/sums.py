"""What a batch adds up to: octets, time span, and how many frames of each kind."""

from collections import Counter
from typing import NamedTuple

from engine.arrays import Array, is_compiled, zeros
from engine.capture import Frames


class Sums(NamedTuple):
    """Of a batch that is not empty."""

    octets: int  # on the wire
    first: int | None  # time of the earliest frame, in ns; None where none has a time
    last: int | None
    linktypes: dict[int, int]  # frames of each
    untimed: int  # frames the capture gives no time


def sums(frames: Frames) -> Sums:
    """What the frames of a batch add up to; there is at least one."""
    from engine.kernels.count import sum_up

    total = zeros("i8", 4, is_compiled(frames.start))
    sum_up(frames.length, frames.time, frames.count, total)
    octets, first, last, untimed = total.tolist()
    alike = leading(frames.linktype)  # nearly always all of them
    linktypes = Counter({int(frames.linktype[0]): alike})
    linktypes.update(frames.linktype[alike:].tolist())
    if untimed == frames.count:
        first = last = None
    return Sums(octets, first, last, dict(linktypes), untimed)


def tally(codes: Array, names: tuple[str, ...]) -> dict[str, int]:
    """How many packets have each code (u1[n]), by its name; only what occurs."""
    if is_compiled(codes):
        from numpy import count_nonzero

        total = [int(count_nonzero(codes == code)) for code in range(len(names))]
    else:
        total = [codes.count(code) for code in range(len(names))]
    return {name: count for name, count in zip(names, total, strict=True) if count}


def leading(codes: Array) -> int:
    """How many packets, from the first on, have the code of the first."""
    if not len(codes):
        return 0
    if is_compiled(codes):
        return int((codes != codes[0]).argmax()) or len(codes)
    return next((p for p, code in enumerate(codes) if code != codes[0]), len(codes))
