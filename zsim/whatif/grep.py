"""Which statements, filters and reservations have to do with an address, a port or a name.

    for hit in grep.hits(system, grep.query("10.1.1.2")):
        hit.kind, hit.name, hit.what, hit.where, hit.through

Of the policy files, what says the value itself and then what refers to it, by way of what; of the profile its home
list, routes, interfaces, port reservations; and the filters that would match it, with the defensive ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.config import policy
from zsim.config.policy import SCHEMA, Attribute, Block
from zsim.config.source import Source
from zsim.facts import choosing
from zsim.findings import Finding, Where
from zsim.started import PAGENT
from zsim.system import System
from zsim.tcpip import terms
from zsim.tcpip.filters import FilterRule
from zsim.whatif import words

ADDRESS, PORT, NAME = "address", "port", "name"


class Query(NamedTuple):
    """What is looked for. `address` may be a prefix or a range: what overlaps it is found. `whole` asks also for what
    holds any address or any port."""

    kind: str
    text: str
    address: AddressRange | None = None
    port: int | None = None
    whole: bool = False


class Hit(NamedTuple):
    """One statement, filter or reservation; `what` it says, and `through` which other statement it says it."""

    layer: str  # policy, profile, filter, defensive
    kind: str
    name: str
    what: str
    where: Where
    through: str = ""


def query(word: str, whole: bool = False) -> Query:
    """An address, prefix or range; a number up to 65535 as a port; else a name. ValueError: it looks like an address
    and is none."""
    if word.isascii() and word.isdigit():
        if int(word) > 65535:
            raise ValueError(f"{word} is no port; ports are 0 to 65535")
        return Query(PORT, word, port=int(word), whole=whole)
    try:
        return Query(ADDRESS, word, addresses.anything(word), whole=whole)
    except ValueError:
        if ":" in word or (word.replace(".", "").isdigit() and "." in word):
            raise
        return Query(NAME, word, whole=whole)


def hits(system: System, asked: Query) -> list[Hit]:
    """Everything, in the order of the files, then of the filters."""
    with choosing(system.facts):
        return [*_policy(system, asked), *_profile(system, asked), *_filters(system, asked)]


def _holds(asked: Query, end: AddressRange) -> bool:
    """Whether an address range has to do with the one asked for."""
    one = asked.address
    if one is None or one.version != end.version:
        return False
    return one.low <= end.high and end.low <= one.high and (asked.whole or not end.everything)


def _named(asked: Query, name: str) -> bool:
    return asked.kind == NAME and bool(name) and asked.text.upper() in name.upper()


# ---- the policy ------------------------------------------------------------------------------------------------


def _policy(system: System, asked: Query) -> Iterator[Hit]:
    """The statements that say it, then those that refer to them, again and again."""
    agent = system.task_of(PAGENT)
    reading = system.readings.get(agent.name) if agent is not None else None
    blocks = [block for name in (reading.files if reading else ()) for block in _blocks(system, name)]
    found: dict[int, Hit] = {}
    direct = {id(block): list(_said(block, asked)) for block in blocks}
    for block in blocks:
        yield from direct[id(block)]
        if direct[id(block)]:
            found[id(block)] = direct[id(block)][0]
    while True:
        told = {(block.type, block.name): block for block in blocks if id(block) in found and block.name}
        more = [(block, *refers) for block in blocks if id(block) not in found and (refers := _refers(block, told))]
        if not more:
            return
        for block, entry, named in more:
            hit = Hit("policy", block.type, block.name, f"{entry.name} {named.name}", entry.where,
                      f"{named.type} {named.name}")  # fmt: skip
            found[id(block)] = hit
            yield hit


def _blocks(system: System, name: str) -> Iterator[Block]:
    """The statements of a file, if it is a policy."""
    text = system.files.get(name)
    if isinstance(text, str):
        yield from (block for block in policy.parse(Source(name, text)).blocks if block.type in SCHEMA)


def _said(block: Block, asked: Query, inside: str = "") -> Iterator[Hit]:
    """What a statement says itself, inline statements with it."""
    if block.type not in SCHEMA:
        return
    title = block.name or inside
    if _named(asked, block.name):
        yield Hit("policy", block.type, title, "is its name", block.where)
    unchecked: list[Finding] = []
    checked = policy.check(block, unchecked)
    for name, values in checked.values.items():
        for value, where in zip(values, checked.places.get(name, ()), strict=False):
            if _value(asked, name, value):
                yield Hit("policy", block.type, title, f"{name} {_shown(value)}", where)
    for entry in block.entries:
        if isinstance(entry, Block):
            yield from _said(entry, asked, f"{title} ({block.type})" if title else "")


def _value(asked: Query, name: str, value: Any) -> bool:
    if asked.kind == ADDRESS and isinstance(value, tuple):
        return any(isinstance(each, AddressRange) and _holds(asked, each) for each in value)
    if asked.port is not None and name.endswith("PortRange"):
        return value.low <= asked.port <= value.high if value is not None else asked.whole
    return False


def _shown(value: Any) -> str:
    if isinstance(value, policy.Span):
        return str(value.low) if value.low == value.high else f"{value.low} {value.high}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "All" if value is None else str(value)


def _refers(block: Block, told: dict[tuple[str, str], Block]) -> tuple[Attribute, Block] | None:
    """The first entry of a block, or of one inside it, that refers to one of the blocks."""
    for entry in block.entries:
        if isinstance(entry, Block):
            inner = _refers(entry, told)
            if inner is not None:
                return inner
        elif entry.words and entry.name.upper().endswith("REF"):
            for (type, name), named in told.items():
                if name == entry.words[0].text and _of_type(entry.name, type):
                    return entry, named
    return None


def _of_type(reference: str, type: str) -> bool:
    """`IpSourceAddrGroupRef` refers to IpAddrGroup, `IpServiceRef` to IpService."""
    plain = reference.upper().removesuffix("REF")
    for side in ("SOURCE", "DEST"):
        plain = plain.replace(f"IP{side}ADDR", "IPADDR")
    return plain == type.upper() or (plain == "IPADDR" and type == "IpAddrSet")


# ---- the profile and the stack ---------------------------------------------------------------------------------


def _profile(system: System, asked: Query) -> Iterator[Hit]:
    """Home list, interfaces, routes and reserved ports of the stack as it is."""
    here, nowhere = system.stack.interfaces, Where(system.stack.name)
    for home in here.home:
        one = AddressRange(home.version, home.address, home.address)
        if _holds(asked, one) or _named(asked, home.interface):
            yield Hit("profile", "home address", home.interface, str(home), nowhere)
    for each in here.attachments.values():
        for subnet in each.subnets:
            if _holds(asked, subnet) or _named(asked, each.name):
                yield Hit("profile", "subnet", each.name, str(subnet), nowhere)
    for route in here.routes:
        if _holds(asked, route.dest) or _named(asked, route.link):
            yield Hit("profile", "route", route.link, f"to {route.dest}", route.where)
    for entry in system.stack.ports:
        if (asked.port is not None and entry.low <= asked.port <= entry.high) or _named(asked, entry.user):
            ports = str(entry.low) if entry.low == entry.high else f"{entry.low}-{entry.high}"
            yield Hit("profile", "reserved port", entry.user, f"{ports} {entry.protocol}", entry.where)


def _filters(system: System, asked: Query) -> Iterator[Hit]:
    """The filters installed, in search order; then the default rules of the profile, if a policy is in force."""
    stack = system.stack
    for each in stack.defensive.filters:
        yield from _filter(each.rule, asked)
    for exclude in stack.defensive.exclude:
        if _holds(asked, exclude):
            yield Hit("defensive", "Exclude", "DMD", str(exclude), Where(stack.name))
    for filters in (stack.in_force, stack.default if stack.in_force is not stack.default else None):
        for rule in filters.filters if filters else ():
            if not rule.hidden:
                yield from _filter(rule, asked, "" if filters is stack.in_force else " (not in force)")


def _filter(rule: FilterRule, asked: Query, state: str = "") -> Iterator[Hit]:
    service, said = rule.service, []
    for end, word in ((rule.source, "source"), (rule.dest, "destination")):
        if _holds(asked, end):
            said.append(f"{word} {end}")
    for span, word in ((service.source_port, "source port"), (service.dest_port, "destination port")):
        if asked.port is None or (service.protocol not in terms.PORTED and service.protocol is not None):
            continue
        if span is not None and span[0] <= asked.port <= span[1]:
            said.append(f"{word} {span[0]}" + (f"-{span[1]}" if span[1] != span[0] else ""))
        elif span is None and asked.whole:
            said.append(f"any {word}")
    if _named(asked, rule.name) or _named(asked, rule.group):
        said.append("is its name" if _named(asked, rule.name) else f"is in group {rule.group}")
    if said:
        kind = f"{rule.direction.lower()} {rule.action.lower()}"
        if service.protocol is not None and service.protocol >= 0:
            kind += f" {words.protocol(service.protocol)}"
        yield Hit(rule.layer if rule.layer == "defensive" else "filter", kind, f"{rule.name}.{rule.extension}",
                  ", ".join(said) + state, rule.where)  # fmt: skip
