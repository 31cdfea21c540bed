"""The times of frames: those the capture does not give, and one time for all."""

from copy import copy

from engine.arrays import as_array, is_compiled
from engine.capture import Frames


def dated(frames: Frames, before: int) -> tuple[Frames, int]:
    """The frames, each without a time as old as the one before it, the first as old as `before` (ns); and how many
    those were."""
    from engine.kernels.count import date, untimed

    if not untimed(frames.time, frames.count):
        return frames, 0
    time = copy(frames.time)
    without = date(time, frames.count, before)
    return frames._replace(time=time), without


def all_at(frames: Frames, time: int) -> Frames:
    """The frames as if all had come at `time` (ns)."""
    one = as_array([time], "i8", is_compiled(frames.time))
    return frames._replace(time=one.repeat(frames.count) if is_compiled(one) else one * frames.count)
