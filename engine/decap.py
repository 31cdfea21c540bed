"""What frames carry that are not IP to the host that sees them: counted by ethertype, or opened when asked.

PPPoE and MPLS end before an IP stack; a filter never sees what is inside unless somebody takes it off first. `decap`
does, and hands on frames of the IP packets; everything else follows as for any frame.
"""

from copy import copy

from engine.arrays import Array, blank, is_compiled, take
from engine.capture import Frames
from engine.fields import NOT_IP
from engine.headers import carried

MOST_LENGTH = 1500  # up to that an ethertype is a length (IEEE 802.3 3.2.6)


def decap(frames: Frames) -> Frames:
    """The frames, with those of IP in PPPoE or MPLS as frames of the IP packet alone; one that is cut before it has no
    octets. Their times and numbers stay; their data is the same."""
    from engine.kernels.decap import unwrap

    net, ether = carried(frames)
    start, captured, length, linktype = (
        copy(column) for column in (frames.start, frames.captured, frames.length, frames.linktype)
    )
    unwrap(frames.data, net, ether, frames.count, start, captured, length, linktype)
    return frames._replace(start=start, captured=captured, length=length, linktype=linktype)


def ethertypes(frames: Frames, status: Array) -> list[tuple[int, int]]:
    """(row, ethertype) of every frame that is not IP by `status` (u1[n]): what is behind the link header and VLAN
    tags; 0 where there is none."""
    from engine.kernels.count import rows_of

    rows = blank("i4", frames.count, is_compiled(status))
    listed = rows[: rows_of(status, NOT_IP, frames.count, rows)]
    if not len(listed):
        return []
    start, captured, length, time, linktype = (take(column, listed) for column in frames[1:6])
    some = Frames(frames.data, start, captured, length, time, linktype, frames.number, len(listed))
    _, ether = carried(some)
    known = [each if each > MOST_LENGTH else 0 for each in ether.tolist()]
    return list(zip(listed.tolist(), known, strict=True))
