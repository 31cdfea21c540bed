"""What captures show of a system's traffic: every crossing, and the flows they make up.

    seen = Observed(view)
    seen.add(frames, "trace.pcap")
    seen.flows(), seen.flows(0, len(seen) * 7 // 10)          # of all packets, of the first seven tenths

A flow of TCP or UDP has a client and a server: the client sent the connection request; without one, the server is the
end with more peers, the lower port, the destination of the first packet. Others are one-way, by type and code.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zsim.tcpip.traffic import Rewrite
from zsim.whatif import met
from zsim.whatif.crossings import Numbers, View

if TYPE_CHECKING:
    import engine

TCP, UDP = 6, 17
SYN, RST, ACK = 0x02, 0x04, 0x10
EPHEMERAL = 1024
LATER = -1  # type and code of a flow of later fragments, which show neither
MOST_FRAMES = 6  # frame numbers kept of a flow
KEYS = ("version", "routed", "proto", "src_addr", "src_port", "dst_addr", "dst_port", "type", "code")
End = tuple[int, int]
_Key = tuple[int, int, int, object, int, int]  # version, routed, protocol, ends, type, code


class Kind(NamedTuple):
    """Crossings that are alike: the fields of the packet, who decides, and of TCP whether it opens or refuses."""

    packet: dict[str, int]
    numbers: Numbers
    opens: bool
    refuses: bool


class Flow(NamedTuple):
    """Packets that belong together; `opened` by a connection request. `client` and `server` are (address, port), source
    and destination where there are no ports. `asked` and `answered`: packets from client and server that refuse
    nothing; `kinds` index Observed.kinds. Times are ns."""

    version: int
    routed: int
    proto: int
    client: End
    server: End
    type: int
    code: int
    outbound: bool  # the client is this stack; not for what is forwarded
    opened: bool
    asked: int
    answered: int
    packets: int
    octets: int
    first: int
    last: int
    frames: tuple[tuple[str, int], ...]
    kinds: tuple[int, ...]

    @property
    def ported(self) -> bool:
        return self.proto in (TCP, UDP) and self.type != LATER


@dataclass
class _Talk:
    """A flow while it is gathered; `ends` as they were first seen."""

    ends: tuple[End, End]
    outbound: bool
    opened_by: End | None = None
    packets: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    accepted: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    octets: int = 0
    first: int = 0
    last: int = 0
    frames: list[tuple[str, int]] = field(default_factory=list)
    kinds: dict[int, None] = field(default_factory=dict)


@dataclass
class Observed:
    """All crossings in the order of the captures, a forwarded packet arriving and leaving."""

    view: View
    interface: str | None = None
    rewrites: Sequence[Rewrite] = ()
    seen: int = 0  # packets
    kinds: list[Kind] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    order: array[int] = field(default_factory=lambda: array("L"))  # of each crossing its kind,
    times: array[int] = field(default_factory=lambda: array("q"))
    frames: array[int] = field(default_factory=lambda: array("Q"))
    octets: array[int] = field(default_factory=lambda: array("L"))
    file: array[int] = field(default_factory=lambda: array("L"))
    _known: dict[tuple[object, ...], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.order)

    def add(self, frames: engine.Frames, capture: str) -> None:
        """One batch of frames."""
        self.seen += frames.count
        if not self.files or self.files[-1] != capture:
            self.files.append(capture)
        for each in met.crossings(self.view, frames, self.interface, self.rewrites):
            opens = bool(each.flags & SYN) and not each.flags & ACK
            refuses = bool(each.flags & RST)
            key = (*each.packet.values(), each.numbers, opens, refuses)
            at = self._known.setdefault(key, len(self.kinds))
            if at == len(self.kinds):
                self.kinds.append(Kind(each.packet, each.numbers, opens, refuses))
            self.order.append(at)
            self.times.append(each.time)
            self.frames.append(each.frame)
            self.octets.append(each.octets)
            self.file.append(len(self.files) - 1)

    def flows(self, first: int = 0, last: int | None = None) -> list[Flow]:
        """The flows of the crossings first to last, in the order of their first packets."""
        talks: dict[_Key, _Talk] = {}
        for at in range(first, len(self) if last is None else last):
            kind = self.kinds[self.order[at]]
            packet = kind.packet
            version, routed, proto, src, sport, dst, dport, type, code = (packet[name] for name in KEYS)
            if packet["opaque"]:
                if not (packet["fragment"] and routed):
                    continue  # it shows too little of itself
                type = code = LATER
            ends = (src, sport), (dst, dport)
            pair = frozenset(ends) if proto in (TCP, UDP) and type != LATER else ends
            key = version, routed, proto, pair, type, code
            talk = talks.get(key)
            if talk is None:
                talk = talks[key] = _Talk(ends, bool(packet["direction"]) and not routed, first=self.times[at])
            talk.kinds[self.order[at]] = None
            talk.last = self.times[at]
            if routed and packet["direction"]:
                continue  # the second crossing of a packet that was counted
            talk.packets[ends[0]] += 1
            talk.octets += self.octets[at]
            if not kind.refuses:
                talk.accepted[ends[0]] += 1
            if kind.opens and talk.opened_by is None:
                talk.opened_by = ends[0]
            if len(talk.frames) < MOST_FRAMES:
                talk.frames.append((self.files[self.file[at]], self.frames[at]))
        return list(_flows(talks))


def _flows(talks: dict[_Key, _Talk]) -> Iterator[Flow]:
    peers: dict[tuple[object, End], set[End]] = defaultdict(set)
    for (_, _, proto, *_rest), talk in talks.items():
        for one, other in (talk.ends, talk.ends[::-1]):
            peers[proto, one].add(other)
    for (version, routed, proto, _, type, code), talk in talks.items():
        client, server = talk.ends
        if proto in (TCP, UDP) and type != LATER:
            client, server = _sides(talk, proto, peers)
        yield Flow(
            version, routed, proto, client, server, type, code, talk.outbound == (client == talk.ends[0]),
            talk.opened_by is not None,
            talk.accepted[client], talk.accepted[server], sum(talk.packets.values()), talk.octets, talk.first,
            talk.last, tuple(talk.frames), tuple(talk.kinds),
        )  # fmt: skip


def _sides(talk: _Talk, proto: object, peers: dict[tuple[object, End], set[End]]) -> tuple[End, End]:
    """Client and server."""
    one, other = talk.ends
    if talk.opened_by is not None:
        return (one, other) if talk.opened_by == one else (other, one)
    if proto == UDP and not talk.packets[other] and not one[1] < EPHEMERAL <= other[1]:  # it asks and nobody answers
        return one, other

    def server(end: End) -> tuple[int, bool, int, bool]:
        return len(peers[proto, end]), end[1] < EPHEMERAL, -end[1], end == other

    return (one, other) if server(other) >= server(one) else (other, one)
