"""Edits a person would make: of the text of the policy, or as a command; which of them to try for a packet.

    for edit in Texts(system, agent).edits(why, leg): edit.title, edit.lines, edit.carry(trial)

An edit changes one thing: it adds, removes or moves a filter, or changes one field or the action of one. It leaves the
rest of a file as it is. Whether it turns a verdict is for `flips` to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from zsim.config import edit as editing
from zsim.config import policy
from zsim.config.policy import Attribute, Block
from zsim.config.source import Source, lines
from zsim.facts import fact
from zsim.findings import Where
from zsim.started import Task
from zsim.system import System
from zsim.tcpip import defensive
from zsim.tcpip.filters import INBOUND, POLICY, FilterRule
from zsim.whatif import words
from zsim.whatif.why import Leg, Why, called

EPHEMERAL = 1024  # ports from here on belong to clients
PERMIT, DENY = "Permit", "Deny"


class Edit(NamedTuple):
    """What a person would do. `lines` begin with - or +, or are a command; `carry` does it to a system, and says
    whether the system took it."""

    kind: str  # change, move, add, remove, command
    title: str
    where: Where | None
    lines: tuple[str, ...]
    carry: Callable[[System], bool]


_ATTRIBUTES = {"src_port": "SourcePortRange", "dst_port": "DestinationPortRange", "type": "Type", "code": "Code"}


def selectors(packet: Mapping[str, int], keywords: Sequence[str]) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Ports, type and code of a packet as spans: of the two ports a client's stays open."""
    ports = packet["src_port"], packet["dst_port"]
    for keyword, name in zip(keywords, ("src_port", "dst_port", "type", "code"), strict=True):
        value = packet[name]
        if value > (65535 if "port" in name else 255):
            continue
        other = ports[1] if name == "src_port" else ports[0]
        if packet["proto"] not in policy.ONLY_FOR[_ATTRIBUTES[name]]:
            continue
        client = "port" in name and value >= EPHEMERAL and (other < EPHEMERAL or name == "src_port")
        yield keyword, name, (EPHEMERAL, 65535) if client else (value, value)


def named(packet: Mapping[str, int]) -> int | None:
    """The protocol by which a filter can take a packet; None where it takes one for all protocols."""
    number = packet["proto"]
    known = number <= 255 and defensive.ONE_VERSION.get(number, packet["version"]) == packet["version"]
    return number if known else None


class Texts:
    """The policy as files, and edits of it."""

    def __init__(self, system: System, agent: Task) -> None:
        self.system, self.job = system, agent.job
        self.sources: dict[str, Source] = {}
        self.blocks: list[tuple[Source, Block]] = []  # all, nested ones too
        for name in system.readings[agent.name].files:
            text = system.files.get(name)
            if isinstance(text, str) and "{" in text:
                source = Source(name, text)
                self.sources[name] = source
                for block in policy.parse(source).blocks:
                    self.blocks += ((source, each) for each in _nested(block))

    def edits(self, why: Why, leg: Leg) -> Iterator[Edit]:
        """Edits that may turn the verdict, the narrowest first."""
        permits = why.permits
        yield from self._add(why, leg)
        rule = leg.rule
        if rule is not None and not rule.implicit:
            yield from self._action(rule, DENY if permits else PERMIT)
            yield from self._remove(rule)
        for look in leg.after:
            if look.rule.denies == permits and not look.rule.implicit and rule is not None:
                yield from self._move(look.rule, rule)
        near = [look for look in leg.before if len(look.misses) == 1 and look.rule.denies == permits]
        for look in near:
            if look.rule.layer == POLICY and not look.rule.implicit:
                yield from self._widen(look.rule, look.misses[0].field, leg)

    def _edit(self, kind: str, title: str, changes: Sequence[tuple[Source, editing.Edit]]) -> Iterator[Edit]:
        """The edit that makes these changes of texts."""
        texts: dict[str, str] = {}
        for source in self.sources.values():
            own = [change for at, change in changes if at is source]
            if own:
                texts[source.name] = editing.apply(source, own).text
        ordered = sorted(changes, key=lambda each: each[1].where)
        shown = [line for source, change in ordered for line in _difference(source, change)]

        def carry(trial: System) -> bool:
            for name, text in texts.items():
                trial.files.text[name] = text
                trial.files.replaced.pop(name, None)
                trial.files.appended.pop(name, None)
            return trial.console(f"F {self.job},REFRESH").done

        first = min((change.where for _, change in changes), default=None)
        yield Edit(kind, title, first, tuple(shown), carry)

    def _find(self, type: str, name: str) -> tuple[Source, Block] | None:
        return next((each for each in self.blocks if (each[1].type, each[1].name) == (type, name)), None)

    def _rule(self, rule: FilterRule) -> tuple[Source, Block] | None:
        wanted = ("IpFilterRule", rule.where)
        return next((each for each in self.blocks if (each[1].type, each[1].where) == wanted), None)

    @property
    def top(self) -> tuple[Source, Block] | None:
        return next((each for each in self.blocks if each[1].type == "IpFilterPolicy"), None)

    def _entry(self, rule: FilterRule | None) -> tuple[Source, int, Attribute | None] | None:
        """The line of IpFilterPolicy that brings a rule (or where one more may stand), and its reference."""
        if self.top is None:
            return None
        source, block = self.top
        for entry in block.entries:
            if isinstance(entry, Block):
                if rule is not None and entry.where == rule.where:
                    return source, entry.where.line, None
            elif rule is not None and entry.words and not rule.implicit:
                wanted = ("IPFILTERGROUPREF", rule.group) if rule.group else ("IPFILTERRULEREF", rule.name)
                if (entry.name.upper(), entry.words[0].text) == wanted:
                    return source, entry.where.line, entry
        return (source, _end(source, block), None) if rule is None or rule.implicit else None

    # ---- one kind of edit each

    def _add(self, why: Why, leg: Leg) -> Iterator[Edit]:
        """A filter for packets such as this one, in front of the one that decides."""
        denying = [each for each in why.legs if not each.fate.permits]
        places = [(place, each.rule) for each in denying or [leg] if (place := self._entry(each.rule))]
        if not places:
            return
        (source, line, _), ahead = min(places, key=lambda place: place[0][1])
        action = DENY if why.permits else PERMIT
        name = self._free_name(f"why-{action.lower()}")
        block = self._block(name, denying or [leg], action)
        end = len(source.text.split("\n"))
        text = source.text
        tail = "" if text.endswith("\n") else "\n"
        changes = [
            (source, editing.Edit(Where(source.name, line, 1), 0, f"  IpFilterRuleRef           {name}\n")),
            (source, editing.Edit(Where(source.name, end, len(text.split("\n")[-1]) + 1), 0, tail + block)),
        ]
        where = f"before {called(ahead)}" if ahead is not None and not ahead.implicit else "at the end"
        yield from self._edit("add", f"add a filter that {'denies' if why.permits else 'permits'} it, {where}", changes)

    def _free_name(self, name: str) -> str:
        names = {block.name for _, block in self.blocks}
        return name if name not in names else next(f"{name}{n}" for n in range(2, 10_000) if f"{name}{n}" not in names)

    def _block(self, name: str, legs: Sequence[Leg], action: str) -> str:
        """An IpFilterRule for the packet of some crossings."""
        packet = legs[0].packet
        version = packet["version"]
        ends = [words.address(version, (packet[each],) * 2) for each in ("src_addr", "dst_addr")]
        rows = [f"IpFilterRule {name}", "{", f"  IpSourceAddr {ends[0]}", f"  IpDestAddr {ends[1]}"]
        for leg in legs:
            rows += ["  IpService", "  {", *(f"    {row}" for row in _service(leg.packet)), "  }"]
        known = [
            block.name
            for _, block in self.blocks
            if block.type == "IpGenericFilterAction" and block.name and _says(block, "IpFilterAction", action)
        ]
        if known:
            rows.append(f"  IpGenericFilterActionRef {known[0]}")
        else:
            rows += ["  IpGenericFilterAction", "  {", f"    IpFilterAction {action}", "  }"]
        return str(policy.parse(Source("new", "\n".join([*rows, "}", ""]))))

    def _action(self, rule: FilterRule, action: str) -> Iterator[Edit]:
        """Another action for the filter that decides."""
        found = self._rule(rule)
        if found is None:
            return
        source, block = found
        title = f"let {rule.name} {action.lower()}"
        for entry in block.entries:
            if isinstance(entry, Block) and entry.type == "IpGenericFilterAction":
                token = next((each.words[0] for each in _attributes(entry, "IpFilterAction")), None)
                if token is not None:
                    yield from self._edit("change", title, [(source, editing.replace(token, action))])
            elif isinstance(entry, Attribute) and entry.name.upper() == "IPGENERICFILTERACTIONREF" and entry.words:
                for _, other in self.blocks:
                    if other.type == "IpGenericFilterAction" and other.name and _says(other, "IpFilterAction", action):
                        change = editing.replace(entry.words[0], other.name)
                        yield from self._edit("change", title, [(source, change)])
                        break
                else:
                    inline = f"  IpGenericFilterAction\n  {{\n    IpFilterAction          {action}\n  }}\n"
                    gone = editing.delete_lines(source, entry.where.line, entry.where.line)
                    put = editing.Edit(Where(source.name, entry.where.line + 1, 1), 0, inline)
                    yield from self._edit("change", title, [(source, gone), (source, put)])

    def _reference(self, rule: FilterRule) -> tuple[Source, Attribute] | None:
        """The line that brings a rule: in its group, or in the policy."""
        within = self._find("IpFilterGroup", rule.group) if rule.group else self.top
        if within is None:
            return None
        source, block = within
        return next(((source, each) for each in _attributes(block, "IpFilterRuleRef")
                     if each.words and each.words[0].text == rule.name), None)  # fmt: skip

    def _remove(self, rule: FilterRule) -> Iterator[Edit]:
        found = self._reference(rule)
        if found is not None:
            source, entry = found
            gone = editing.delete_lines(source, entry.where.line, entry.where.line)
            yield from self._edit("remove", f"take {rule.name} out of the policy", [(source, gone)])

    def _move(self, rule: FilterRule, ahead: FilterRule) -> Iterator[Edit]:
        """A later filter in front of the one that decides."""
        found, place = self._reference(rule), self._entry(ahead)
        if found is None or place is None or (rule.group and rule.group == ahead.group):
            return
        source, entry = found
        at, line, _ = place
        gone = editing.delete_lines(source, entry.where.line, entry.where.line)
        put = editing.Edit(Where(at.name, line, 1), 0, source.text.split("\n")[entry.where.line - 1] + "\n")
        yield from self._edit("move", f"move {rule.name} before {called(ahead)}", [(source, gone), (at, put)])

    def _widen(self, rule: FilterRule, field: str, leg: Leg) -> Iterator[Edit]:
        """The one field of a filter that failed, wide enough for the packet."""
        found = self._rule(rule)
        if found is None:
            return
        source, block = found
        if field in ("src_addr", "dst_addr"):
            if fact("policy-repeats-allowed"):
                yield from self._address(source, block, rule, field, leg)
            return
        for at, service in self._services(source, block):
            yield from self._attribute(at, service, rule, field, leg.packet)

    def _address(self, source: Source, block: Block, rule: FilterRule, field: str, leg: Leg) -> Iterator[Edit]:
        """One more address beside those coded; which side it is coded on, the trial shows."""
        text = words.address(leg.packet["version"], (leg.packet[field],) * 2)
        coded = ("Source", "Dest") if field == "src_addr" else ("Dest", "Source")
        for side in coded:
            names = {f"IP{side.upper()}ADDR{form}" for form in ("", "SET", "REF", "SETREF", "GROUPREF")}
            entry = next(
                (each for each in block.entries if isinstance(each, Attribute) and each.name.upper() in names), None
            )
            if entry is not None:
                put = editing.insert_line(source, entry.where.line + 1, f"  {f'Ip{side}Addr':<26}{text}")
                title = f"let {rule.name} take {text} as its {'source' if side == 'Source' else 'destination'} too"
                yield from self._edit("change", title, [(source, put)])

    def _services(self, source: Source, block: Block) -> Iterator[tuple[Source, Block]]:
        """The services of a rule, inline and by reference."""
        for entry in block.entries:
            if isinstance(entry, Block):
                if entry.type == "IpService":
                    yield source, entry
            elif entry.words and entry.name.upper() in ("IPSERVICEREF", "IPSERVICEGROUPREF"):
                type = "IpService" if entry.name.upper() == "IPSERVICEREF" else "IpServiceGroup"
                found = self._find(type, entry.words[0].text)
                if found is not None and type == "IpService":
                    yield found
                elif found is not None:
                    yield from self._services(*found)

    def _attribute(
        self, source: Source, service: Block, rule: FilterRule, field: str, packet: Mapping[str, int]
    ) -> Iterator[Edit]:
        """Another value for what a service says of a field."""
        owner = f"{rule.name}" + (f" (IpService {service.name})" if service.name else "")
        for name, value in _wider(rule, field, packet):
            entry = next(iter(_attributes(service, name)), None)
            title = f"change {name} of {owner} to {value}"
            if entry is not None and entry.words:
                last = entry.words[-1] if name.endswith("Range") or name in ("Type", "Code") else entry.words[0]
                old = self._text_between(source, entry.words[0].where, last.where.column + len(last.text))
                change = editing.Edit(entry.words[0].where, len(old), value)
                if name == "Direction":
                    value = f"{value} {entry.words[1].text}" if len(entry.words) > 1 and field != "connect" else value
                    whole = self._text_between(source, entry.words[0].where,
                                               entry.words[-1].where.column + len(entry.words[-1].text))  # fmt: skip
                    title = f"change {name} of {owner} to {value}"
                    change = editing.Edit(entry.words[0].where, len(whole), value)
                yield from self._edit("change", title, [(source, change)])
            elif entry is None and service.entries:
                line = service.entries[0].where.line
                indent = " " * (service.entries[0].where.column - 1)
                put = editing.insert_line(source, line, f"{indent}{name:<24}{value}")
                yield from self._edit("change", title, [(source, put)])

    @staticmethod
    def _text_between(source: Source, start: Where, column: int) -> str:
        return source.text.split("\n")[start.line - 1][start.column - 1 : column - 1]


def _wider(rule: FilterRule, field: str, packet: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Attributes of IpService and the values with which a filter may take the packet."""
    service = rule.service

    def hull(span: tuple[int, int] | None) -> str:
        value = packet[field]
        low, high = (min(span[0], value), max(span[1], value)) if span else (value, value)
        return f"{low} {high}" if low != high else str(low)

    if field == "proto" and packet["proto"] <= 255:
        number = packet["proto"]
        yield "Protocol", next((name for name, known in policy.PROTOCOLS.items() if known == number), str(number))
    elif field in ("src_port", "dst_port") and packet[field] <= 65535:
        own = service.source_port if field == "src_port" else service.dest_port
        names = ("SourcePortRange", "DestinationPortRange")
        for name in names if (field == "src_port") != (rule.direction == INBOUND) else names[::-1]:
            yield name, hull(own)
    elif field in ("type", "code") and packet[field] <= 255:
        yield field.capitalize(), hull(service.type if field == "type" else service.code)
    elif field == "direction":
        yield "Direction", "Bidirectional"
    elif field == "connect":
        for way in ("Bidirectional", "Inbound" if rule.direction == INBOUND else "Outbound"):
            yield "Direction", way
    elif field == "routed":
        yield "Routing", "Either"
    elif field == "zone":
        yield "SecurityClass", "0"
    elif field == "fragment":
        yield "FragmentsOnly", "No"


def _service(packet: Mapping[str, int]) -> Iterator[str]:
    """The attributes of an IpService for one crossing."""
    number = named(packet)
    if number is not None:
        yield f"Protocol {next((name for name, known in policy.PROTOCOLS.items() if known == number), str(number))}"
    else:
        yield "Protocol All"
    for name, _, (low, high) in selectors(packet, tuple(_ATTRIBUTES.values())):
        if number is not None:
            yield f"{name} {low}" + (f" {high}" if high != low else "")
    yield f"Direction {'Outbound' if packet['direction'] else 'Inbound'}"
    yield f"Routing {'Routed' if packet['routed'] else 'Local'}"


def _nested(block: Block) -> Iterator[Block]:
    yield block
    for entry in block.entries:
        if isinstance(entry, Block):
            yield from _nested(entry)


def _attributes(block: Block, name: str) -> Iterator[Attribute]:
    for entry in block.entries:
        if isinstance(entry, Attribute) and entry.name.upper() == name.upper():
            yield entry


def _says(block: Block, name: str, value: str) -> bool:
    return any(each.words and each.words[0].upper == value.upper() for each in _attributes(block, name))


def _end(source: Source, block: Block) -> int:
    """The line of the brace that closes a block."""
    depth = 0
    for row in lines(source, "#", glued=True):
        if row[0].where.line < block.where.line:
            continue
        depth += (row[-1].text == "{") - (row[0].text == "}")
        if depth == 0 and row[0].text == "}":
            return row[0].where.line
    return len(source.text.split("\n"))


def _difference(source: Source, change: editing.Edit) -> Iterator[str]:
    """The lines that an edit takes out and puts in."""
    text = source.text
    rows = text.split("\n")
    start = sum(len(row) + 1 for row in rows[: change.where.line - 1])
    at = start + change.where.column - 1
    end = text.find("\n", at + change.length)
    end = len(text) if end < 0 else end
    old = text[start:end].split("\n")
    new = (text[start:at] + change.text + text[at + change.length : end]).split("\n")
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    yield from (f"- {row}".rstrip() for row in old if row.strip())
    yield from (f"+ {row}".rstrip() for row in new if row.strip())
