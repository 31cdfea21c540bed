"""What became of packets, in forms that other programs read. So far: the annotated capture.

An annotated capture is a pcapng with every frame of the captures as it was, and what zsim has to say about it as a
comment, which Wireshark shows above the packet. Behind a packet that was answered stands the answer. A frame's
number is that in the annotated capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zsim.tcpip import discard
from zsim.tcpip.discard import Reply
from zsim.tcpip.filters import FilterRule
from zsim.tcpip.traffic import STACK, Outcome, Prepared, Rewrite

if TYPE_CHECKING:
    import engine


# What is said of a packet no filter was asked about, by engine.STATUSES.
NOT_JUDGED = {
    "not_ip": "not judged: not IP",
    "truncated": "not judged: the IP header is cut off",
    "malformed": "not judged: the IP header contradicts itself",
}
TO_ITSELF = "not filtered: from this stack to itself"
PART = "fragment {identification:#x} at {offset}: judged with the whole datagram, when it is complete"
_RAW = 101
_NAMES = {4: "ICMP", 6: "ICMPv6"}


@dataclass
class Annotated:
    """An annotated capture while it is made: which interfaces are described, and how many frames it has."""

    prepared: Prepared
    rewrites: Sequence[Rewrite] = ()
    frames: int = 0
    interfaces: dict[str, int] = field(default_factory=dict)

    def head(self) -> bytes:
        """The octets it begins with."""
        from engine import pcapng

        in_force = self.prepared.in_force
        source = in_force.source if in_force else "not filtered"
        return pcapng.section("zsim", f"{self.prepared.stack}: {source}")

    def add(self, frames: engine.Frames, outcome: Outcome) -> bytes:
        """The octets of one batch."""
        import engine
        from engine import pcapng

        replies = {each.packet: each for each in discard.replies(self.prepared, frames, outcome, self.rewrites)}
        blocks: list[bytes] = []
        for p, said in enumerate(comments(self.prepared, outcome)):
            time, linktype, reply = int(frames.time[p]), int(frames.linktype[p]), replies.get(p)
            number = self._interface(engine.name_of(linktype), linktype, blocks)
            comment = said if reply is None else f"{said}, replied {_kind(reply)}"
            blocks.append(pcapng.packet(number, time, engine.frame_of(frames, p), int(frames.length[p]), [comment]))
            self.frames += 1
            if reply is not None:
                answered = f"reply to frame {self.frames}"
                name = f"{engine.name_of(_RAW)} replies" if reply.linktype != linktype else engine.name_of(linktype)
                number = self._interface(name, reply.linktype, blocks)
                blocks.append(pcapng.packet(number, time, reply.frame, len(reply.frame), [answered]))
                self.frames += 1
        return b"".join(blocks)

    def _interface(self, name: str, linktype: int, blocks: list[bytes]) -> int:
        """The number of an interface; it is described where it is first used."""
        from engine import pcapng

        if name not in self.interfaces:
            self.interfaces[name] = len(self.interfaces)
            blocks.append(pcapng.interface(linktype, name))
        return self.interfaces[name]


def _kind(reply: Reply) -> str:
    return f"{_NAMES[reply.version]} {reply.type}/{reply.code}"


def comments(prepared: Prepared, outcome: Outcome) -> list[str]:
    """What is to be said of each packet of a batch: every filter that decided it, or why none was asked."""
    import engine

    said: list[list[str]] = [[] for _ in range(outcome.headers.count)]
    known: dict[tuple[int, int, int, int], str] = {}
    for leg in outcome.judgement.legs:
        routed = engine.values(leg.headers, "routed", range(leg.count)) if leg.count else []
        found = [
            block if block >= 0 else rule for rule, block in zip(leg.rule.tolist(), leg.block.tolist(), strict=True)
        ]
        if outcome.simulates:
            for p, simulate in zip(leg.packet.tolist(), leg.simulate.tolist(), strict=True):
                if simulate >= 0:
                    would = prepared.rows[simulate]
                    said[p].append(f"would be blocked by {would.name} ext {would.extension}")
        rows = zip(leg.packet.tolist(), found, leg.verdict.tolist(), routed, strict=True)
        for p, rule, verdict, is_routed in rows:
            key = rule, verdict, leg.direction, is_routed
            if key not in known:
                decided = prepared.rows[rule] if rule >= 0 else None
                known[key] = decision(engine.VERDICTS[verdict], decided, leg.direction == 0, bool(is_routed))
            said[p].append(known[key])
    whole = {datagram.packet: f", datagram of {datagram.fragments} fragments" for datagram in outcome.datagrams}
    return [("; ".join(each) or _no_decision(outcome, p)) + whole.get(p, "") for p, each in enumerate(said)]


def decision(verdict: str, rule: FilterRule | None, inbound: bool, routed: bool) -> str:
    """`denied by NoTelnet ext 1 (Deny, in, local, policy, USER.Z24C.TCPPARMS(PAGEIPSE):12)`."""
    way = f"{'in' if inbound else 'out'}, {'routed' if routed else 'local'}"
    if rule is None:
        return f"{verdict} ({way}): no filter matches"
    if rule.layer == STACK:
        return f"{verdict} ({way}): {rule.name.strip('()')}"
    where = f"{rule.where.source}:{rule.where.line}" if rule.where.line else rule.where.source
    return f"{verdict} by {rule.name} ext {rule.extension} ({rule.action}, {way}, {rule.layer}, {where})"


def _no_decision(outcome: Outcome, p: int) -> str:
    import engine

    status = engine.STATUSES[outcome.headers.status[p]]
    if status in NOT_JUDGED:
        return NOT_JUDGED[status]
    if engine.VERDICTS[outcome.judgement.verdict[p]] == "unfiltered":
        return TO_ITSELF
    identification, offset = (engine.cell(outcome.headers, name, p) for name in ("identification", "fragment_offset"))
    return PART.format(identification=identification, offset=8 * offset)
