"""The smallest edits that turn a verdict round, each proven on a copy of the system.

    found = flips(space, why)              # Proposals: flips sorted by what else they change, and what was not tried
    found.flips[0].edit.lines              # the edit, as lines taken out and put in, or a command to type
    found.flips[0].extra                   # how many other packets fare otherwise; boxes in words

An edit is tried as a person would make it: the text of the policy is changed and the Policy Agent told to REFRESH, a
block of IPSECRULEs obeyed, an ipsec -F command typed. Then the same packet is judged again, and the rules before and
after are compared for every possible packet. What does not turn the verdict is not proposed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, NamedTuple

from zsim.config.dmd import ACTIVE, INACTIVE
from zsim.facts import choosing
from zsim.findings import Where
from zsim.started import PAGENT
from zsim.system import System
from zsim.tcpip import defensive, traffic
from zsim.tcpip.filters import DEFENSIVE, PROFILE, FilterRule
from zsim.tcpip.traffic import STACK
from zsim.whatif import compare, words
from zsim.whatif.crossings import View, view
from zsim.whatif.edits import Edit, Texts, named, selectors
from zsim.whatif.trial import copied
from zsim.whatif.why import Leg, Why, called

if TYPE_CHECKING:
    from engine.space import Packets, Space

MOST_TRIED = 24  # edits that are tried
LARGE, FEW = 2_000, 3  # from so many filters on only so many, unless more are asked for
OBEYED = "ZSIM.WHY(IPSEC)"  # the name of the member that is obeyed on trial


class Change(NamedTuple):
    """Packets other than the one asked about that fare otherwise after the edit, in one manner."""

    kind: str  # of compare.KINDS
    packets: int
    boxes: int
    largest: str


class Flip(NamedTuple):
    """An edit that was seen to turn the verdict, and what else it changes; None where the rules are too entangled to
    tell."""

    edit: Edit
    verdict: str
    changes: tuple[Change, ...] | None

    @property
    def extra(self) -> int | None:
        return None if self.changes is None else sum(change.packets for change in self.changes)


class Proposals(NamedTuple):
    """The edits that turn the verdict, least side effects first; how many were tried; and why others were not."""

    flips: tuple[Flip, ...]
    tried: int
    notes: tuple[str, ...] = ()


def flips(space: Space, why: Why, most: int = MOST_TRIED) -> Proposals:
    """Try edits that may turn the verdict of a packet that was judged."""
    notes: list[str] = []
    if why.deciding is None:
        return Proposals((), 0, ("no filter was asked, so no filter decides otherwise",))
    if why.filters > LARGE and most == MOST_TRIED:
        most = FEW
        notes.append(f"at most {FEW} edits were tried, as the system has {why.filters:,} filters (--all tries all)")
    found: list[Flip] = []
    tried: set[tuple[str, ...]] = set()
    with choosing(why.view.system.facts):
        for edit in _candidates(why, notes):
            if edit.lines in tried:
                continue
            if len(tried) == most:
                break
            tried.add(edit.lines)
            flip = prove(space, why, edit)
            if flip is not None:
                found.append(flip)
    found.sort(key=lambda flip: (flip.extra is None, flip.extra or 0, len(flip.edit.lines)))
    return Proposals(tuple(found), len(tried), tuple(notes))


def prove(space: Space, why: Why, edit: Edit) -> Flip | None:
    """The edit made on a copy of the system, and the packet judged again; None where its verdict stays."""
    import engine
    from engine.space import Entangled

    trial, before = copied(why.view.system), why.view
    if not edit.carry(trial):
        return None
    time = int(why.asked.frames.time[0])
    after = view(space, trial, before.name, before.prepared.compiled, why.asked.home, time)
    prepared = after.prepared._replace(trains=deepcopy(before.prepared.trains))
    with choosing(trial.facts):
        outcome = traffic.receive(prepared, why.asked.frames, why.asked.arrival, why.asked.rewrites)
    verdict = engine.VERDICTS[outcome.judgement.verdict[0]]
    if (verdict in ("permitted", "unfiltered")) == why.permits:
        return None
    try:
        return Flip(edit, verdict, tuple(_changes(space, before, after, why)))
    except Entangled:
        return Flip(edit, verdict, None)


def _changes(space: Space, before: View, after: View, why: Why) -> Iterator[Change]:
    """What else fares otherwise."""
    among = before.among | after.among
    own = space.union([space.box(**leg.packet) for leg in why.legs])
    parts: Mapping[object, Packets] = compare.contrasted(space, before, after, among).parts()
    for name in compare.KINDS:
        packets = parts[name] - own if name in parts else space.nothing
        if packets:
            boxes = packets.boxes(among)
            yield Change(name, packets.count(), len(boxes), words.box(boxes[0]))


# ---- what may be done ------------------------------------------------------------------------------------------


def _candidates(why: Why, notes: list[str]) -> Iterator[Edit]:
    leg = why.deciding
    assert leg is not None
    rule, system = leg.rule, why.view.system
    stack_row = next((each.rule for each in why.legs if each.rule and each.rule.layer == STACK), None)
    if stack_row is not None and (stack_row.denies or why.permits):
        notes.append(f"{stack_row.name}: the stack decides this without filters, so no filter turns it")
        return
    if rule is not None and rule.layer == DEFENSIVE:
        yield from _of_defence(rule)
        return
    in_force = system.stack.in_force
    if system.stack.default_forced and system.stack.policy is not None:
        yield _command("put the policy in force again", ["-f", "reload"])
    if why.permits:
        yield from _new_defence(why, notes)
    if in_force is not None and in_force.layer == PROFILE:
        if why.permits:
            notes.append("rules of the profile only permit: a deny needs a policy or a defensive filter")
        else:
            yield from _ipsecrule(why)
        return
    agent = system.task_of(PAGENT)
    if in_force is None or agent is None or not agent.running:
        notes.append("the Policy Agent is not running: edits of the policy were not tried")
        return
    changed = system.changed_files(agent.name)
    if changed:
        notes.append(f"{changed[0]} changed since it was installed: edits of the policy were not tried")
        return
    yield from Texts(system, agent).edits(why, leg)


def _of_defence(rule: FilterRule) -> Iterator[Edit]:
    assert rule.defence is not None
    scope = ["-G"] if rule.defence.type == defensive.GLOBAL else []
    for title, mode in (("let it simulate only", ["update", "mode", "simulate"]), ("delete it", ["delete"])):
        asked = ["-F", *mode, "-N", f"{rule.name}", *scope]
        yield _command(f"{called(rule)}: {title}", asked)


def _command(title: str, asked: Sequence[str]) -> Edit:
    line = f"ipsec {shlex.join(asked)}"
    return Edit("command", title, None, (line,), lambda trial: trial.ipsec(asked).code == 0)


def _new_defence(why: Why, notes: list[str]) -> Iterator[Edit]:
    """Block it with a defensive filter: of no use while the stack's mode is not Active."""
    leg = why.deciding
    assert leg is not None
    mode = why.view.system.stack.defensive.mode or INACTIVE
    if mode != ACTIVE:
        notes.append(f"a defensive filter would not block it: the mode of the stack is {mode}")
        return
    packet = leg.packet
    shown = {"srcip": words.address(packet["version"], (packet["src_addr"],) * 2),
             "destip": words.address(packet["version"], (packet["dst_addr"],) * 2)}  # fmt: skip
    if named(packet) is not None:
        shown["prot"] = defensive.protocol_word(packet["proto"])
        for keyword, name, span in selectors(packet, ("srcport", "destport", "type", "code")):
            shown[keyword] = defensive.span_word(span) if name else ""
    shown |= {"dir": "outbound" if packet["direction"] else "inbound",
              "routing": "routed" if packet["routed"] else "local", "lifetime": "30"}  # fmt: skip
    asked = ["-F", "add", *(word for pair in shown.items() for word in pair), "-N", "why"]
    yield _command("block it with a defensive filter for 30 minutes", asked)


def _ipsecrule(why: Why) -> Iterator[Edit]:
    """One more IPSECRULE, in a member that is obeyed: that block replaces all rules. (blog-allow)"""
    system = why.view.system
    assert system.stack.default is not None
    where = next((rule.where for rule in system.stack.default.filters if rule.implicit), Where(""))
    text = system.files.get(where.source) if where.line else None
    new = [f"  {_rule_words(leg)}" for leg in why.legs if not leg.fate.permits]
    if isinstance(text, str):
        block = text.split("\n")[where.line - 1 :]
        block[0] = block[0][where.column - 1 :]
        end = next((at for at, line in enumerate(block) if "ENDIPSEC" in line.upper().split(";")[0].split()), None)
        if end is None:
            return
        title, place = "one more rule in the IPSEC block, obeyed as a whole", Where(where.source, where.line + end, 1)
        lines = tuple(f"+ {line}" for line in new)
        obeyed = "\n".join([*block[:end], *new, *block[end:], ""])
    else:
        title, place = "an IPSEC block, which the profile has none of, obeyed", None
        lines = tuple(f"+ {line}" for line in ("IPSEC LOGENABLE LOGIMPLICIT", *new, "ENDIPSEC"))
        obeyed = "\n".join(["IPSEC LOGENABLE LOGIMPLICIT", *new, "ENDIPSEC", ""])

    def carry(trial: System) -> bool:
        trial.files.text[OBEYED] = obeyed
        trial.files.names[OBEYED] = OBEYED
        return trial.console(f"V TCPIP,,OBEYFILE,{OBEYED}").done

    yield Edit("add", title, place, lines, carry)


def _rule_words(leg: Leg) -> str:
    packet, version = leg.packet, leg.packet["version"]
    ends = [words.address(version, (packet[name],) * 2) for name in ("src_addr", "dst_addr")]
    asked = [f"IPSEC{'' if version == 4 else '6'}RULE", *ends]
    number = named(packet)
    if number is not None:
        asked += ["PROTOCOL", {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPV6", 89: "OSPF"}.get(number, str(number))]
        for keyword, _, (low, high) in selectors(packet, ("SRCPORT", "DESTPORT", "TYPE", "CODE")):
            asked += [keyword, str(low), *([str(high)] if high != low else [])]
    asked += ["ROUTING", "ROUTED" if packet["routed"] else "LOCAL"]
    return " ".join([*asked, "DIRECTION", "OUTBOUND" if packet["direction"] else "INBOUND"])
