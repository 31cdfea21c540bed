"""Reading a capture as if it had been taken between other hosts."""

from engine.arrays import Array, as_array
from engine.fields import COLUMN
from engine.headers import Headers


def rewrite(headers: Headers, version: int, low: int, high: int, new: int) -> None:
    """Source and destination addresses of `version` from low to high become those from `new` on, in place."""
    from engine.kernels.rewrite import shift_addresses

    for name in ("src_addr", "dst_addr"):
        ends = (_words(number, headers.compiled) for number in (low, high, new))
        shift_addresses(headers.value, COLUMN[name], headers.count, version, *ends)


def _words(number: int, compiled: bool) -> Array:
    return as_array([number >> 32 * (3 - w) & 0xFFFFFFFF for w in range(4)], "i8", compiled)
