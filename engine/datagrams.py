"""Fragments to or from this host -> datagrams, each judged once; fragments it only forwards are left alone.

What is put together again is what rules can test, not the payload: a table of the 8-octet units that have come,
as in the sample procedure of RFC 791 section 3.2, and the selectors of the first fragment. The fragment that
completes a datagram becomes it: its row of Headers gets the selectors of the first fragment and the length of
the whole, and is a fragment no more. Every other fragment is taken off the journey, so that no rule sees it.

A train is all fragments of one datagram: those with its version, addresses and identification, and in IPv4 its
protocol (RFC 791 section 3.2; RFC 8200 section 4.5, where later fragments may name another header). What happens to
    a fragment seen before        it changes nothing (RFC 8200 4.5 allows to drop exact duplicates)
    fragments out of order        they may come in any order, the first one last
    an IPv6 overlap               the datagram never completes, whatever else comes (RFC 5722, RFC 8200 4.5)
    an IPv4 overlap               the later copy counts (RFC 791 3.2), unless Trains.overlap_spoils says as in IPv6
    no data                       a fragment without octets only tells, if it is the last, where the end is
    an end beyond 65,535 octets   the fragment is dropped (RFC 791 3.1, RFC 8200 4.5; the ping of death)
    odd octets before the end     one that is not the last and no multiple of 8 long is dropped (RFC 8200 4.5)
    two different ends            the fragment that contradicts what is known is dropped
    an atomic IPv6 fragment       it is a whole packet and belongs to no train (RFC 6946)
    a tiny first fragment         selectors that are not in it stay unknown: opaque (RFC 1858 section 3)
    an identification used again  after completion a new train begins, also for a late duplicate
    a train too old, or too many  it is given up: so long after its first fragment, by the capture's own time
                                  (RFC 791 3.2; RFC 8200 4.5: 60 seconds), or as the oldest of MOST_TRAINS + 1
A dropped fragment still counts among the packets and octets of its train.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.arrays import zeros
from engine.capture import Frames
from engine.fields import COLUMN, COLUMNS
from engine.headers import Headers, packet_of
from engine.vantage import NONE, Journey

MOST_TRAINS = 1024  # waiting at a time; each takes at most some 6 KiB
MOST_OCTETS = 65_535  # IPv4: of the whole packet; IPv6: of its payload
MOST_KEPT = 1280  # octets of a first fragment that are kept
MINUTE = 60_000_000_000
FRAGMENT_HEADER = 8  # octets, IPv6

SRC, DST, UPPER, IP_LENGTH = COLUMN["src_addr"], COLUMN["dst_addr"], COLUMN["upper"], COLUMN["ip_length"]
PART = tuple(COLUMN[name] for name in ("fragment", "fragment_offset", "more_fragments", "fragment_octets"))

Key = tuple[int, ...]


@dataclass
class Train:
    """The fragments of one datagram that have come so far. Bit u of `units` stands for octets 8u to 8u + 7."""

    begun: int  # ns, by the first of them to come
    packets: int = 0
    octets: int = 0  # on the wire
    units: int = 0
    starts: int = 0  # units at which a fragment begins, and behind which one ends; for duplicates
    ends: int = 0
    total: int | None = None  # octets of data, once the last fragment has come
    first: tuple[list[int], int] | None = None  # columns and status of the first fragment
    quote: bytes = b""  # what there is of the first fragment's packet
    spoilt: bool = False

    @property
    def complete(self) -> bool:
        return (
            self.total is not None
            and self.first is not None
            and not self.spoilt
            and self.units == _ones(0, _units(self.total))
        )


@dataclass
class Trains:
    """All trains that wait for fragments, the oldest first, and how many were given up."""

    timeouts: dict[int, int] = field(default_factory=lambda: {4: MINUTE, 6: MINUTE})  # ns, by IP version
    overlap_spoils: bool = False  # in IPv4 too
    waiting: dict[Key, Train] = field(default_factory=dict)
    given_up: int = 0
    lost: int = 0  # packets of those

    @property
    def incomplete(self) -> int:
        """Datagrams of which something is missing: given up, or still waiting."""
        return self.given_up + len(self.waiting)

    @property
    def packets(self) -> int:
        """The fragments of those."""
        return self.lost + sum(train.packets for train in self.waiting.values())

    def of(self, key: Key, time: int) -> Train:
        """The train a fragment belongs to, new if need be; what has become too old, or too much, is given up."""
        if key in self.waiting and self._too_old(key, time):
            self._give_up(key)
        while self.waiting and self._too_old(self._oldest, time):
            self._give_up(self._oldest)
        if key not in self.waiting:
            if len(self.waiting) == MOST_TRAINS:
                self._give_up(self._oldest)
            self.waiting[key] = Train(time)
        return self.waiting[key]

    @property
    def _oldest(self) -> Key:
        return next(iter(self.waiting))

    def _too_old(self, key: Key, time: int) -> bool:
        return time - self.waiting[key].begun > self.timeouts[key[0]]

    def _give_up(self, key: Key) -> None:
        self.given_up += 1
        self.lost += self.waiting.pop(key).packets


class Datagram(NamedTuple):
    """A datagram completed in a batch."""

    packet: int  # row of the fragment that completed it, which now stands for it
    fragments: int
    octets: int  # of all of them, on the wire
    quote: bytes  # what there is of the first one's packet, at most MOST_KEPT octets


def reassemble(frames: Frames, headers: Headers, journey: Journey, trains: Trains) -> tuple[Datagram, ...]:
    """Take the fragments of local traffic out of a batch, and put the datagrams that became complete in.

    `headers` and `journey` are changed in place; without such fragments nothing happens.
    """
    from engine.kernels.journey import list_parts

    packet = zeros("i4", headers.count, headers.compiled)
    m = list_parts(journey.hook, headers.value, headers.count, packet)
    return tuple(_completed(frames, headers, journey, trains, packet[:m].tolist())) if m else ()


def _completed(
    frames: Frames, headers: Headers, journey: Journey, trains: Trains, packets: list[int]
) -> Iterator[Datagram]:
    for p in packets:
        columns = [int(headers.value[c * headers.count + p]) for c in range(COLUMNS)]
        key, time = _key(columns), int(frames.time[p])
        train = trains.of(key, time)
        train.packets += 1
        train.octets += int(frames.length[p])
        if _add(train, columns, trains.overlap_spoils) and columns[COLUMN["fragment_offset"]] == 0:
            train.first = columns, int(headers.status[p])
            train.quote = packet_of(frames, p)[:MOST_KEPT]
        if train.complete:
            del trains.waiting[key]
            _become_whole(headers, p, train)
            yield Datagram(p, train.packets, train.octets, train.quote)
        else:
            journey.hook[p], journey.arrival[p], journey.departure[p] = NONE, -1, -1


def _key(columns: list[int]) -> Key:
    version = columns[COLUMN["version"]]
    proto = columns[COLUMN["proto"]] if version == 4 else 0
    return (version, proto, columns[COLUMN["identification"]], *columns[SRC : SRC + 4], *columns[DST : DST + 4])


def _add(train: Train, columns: list[int], overlap_spoils: bool) -> bool:
    """Note the octets a fragment brings; False if it is dropped, is no news or has none."""
    start, more = columns[COLUMN["fragment_offset"]], columns[COLUMN["more_fragments"]]
    octets = columns[COLUMN["fragment_octets"]]
    high = 8 * start + octets
    if (more and octets % 8) or _before(columns) + high > MOST_OCTETS or _contradicts(train, high, more):
        return False
    if not more:
        train.total = high
    if not octets:
        return False
    end = _units(high)
    new = _ones(start, end)
    if train.units & new and (columns[COLUMN["version"]] == 6 or overlap_spoils):
        again = train.starts & new == 1 << start and train.ends & (new << 1) == 1 << end
        train.spoilt = train.spoilt or not again
        return False
    train.units |= new
    train.starts |= 1 << start
    train.ends |= 1 << end
    return True


def _contradicts(train: Train, high: int, more: int) -> bool:
    """Whether a fragment that ends at `high` does not go with the end that is known, or with what came before."""
    if train.total is None:
        return not more and train.units >> high // 8 > 0
    return high > train.total or (not more and high < train.total)


def _before(columns: list[int]) -> int:
    """Octets that count towards MOST_OCTETS besides the data of fragments."""
    unfragmentable = columns[IP_LENGTH] - columns[COLUMN["fragment_octets"]]
    return unfragmentable if columns[COLUMN["version"]] == 4 else unfragmentable - 40 - FRAGMENT_HEADER


def _become_whole(headers: Headers, p: int, train: Train) -> None:
    """Write the datagram over the row of the fragment that completed it."""
    assert train.first is not None
    assert train.total is not None
    columns, headers.status[p] = train.first
    header = columns[IP_LENGTH] - columns[COLUMN["fragment_octets"]]
    if columns[COLUMN["version"]] == 6:
        header -= FRAGMENT_HEADER
        columns[UPPER] -= FRAGMENT_HEADER if columns[UPPER] else 0
    columns[IP_LENGTH] = header + train.total
    for c in PART:
        columns[c] = 0
    for c, value in enumerate(columns):
        headers.value[c * headers.count + p] = value


def _units(octets: int) -> int:
    """How many units of 8 octets hold them."""
    return (octets + 7) // 8


def _ones(start: int, end: int) -> int:
    """Bits `start` to `end - 1`."""
    return (1 << end) - (1 << start)
