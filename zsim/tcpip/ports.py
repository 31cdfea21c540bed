"""The port reservations of one stack: PORT and PORTRANGE add, DELETE removes.

A reservation is no filter: it is asked on bind and listen, never for a packet. (halz001 portstatement,
portrangestatement, deletestatement)
"""

from __future__ import annotations

from collections.abc import Iterator

from zsim import messages
from zsim.config import profile
from zsim.config.profile import PortEntry
from zsim.config.profile.tables import UNRSV_DEFAULT
from zsim.facts import fact
from zsim.findings import Finding, finding


def apply(here: list[PortEntry], statement: profile.PortList) -> Iterator[Finding]:
    """One PORT, PORTRANGE or DELETE of them, entry by entry; an entry that cannot be is ignored."""
    for entry in statement.entries:
        if statement.delete:
            yield from _delete(here, entry)
        elif entry.unreserved:
            yield from _unreserved(here, entry)
        else:
            yield from _reserve(here, entry)


def _same(one: PortEntry, other: PortEntry) -> bool:
    """Do both reserve the same ports of the same protocol for the same user?"""
    return one[:4] == other[:4] and one.ranged == other.ranged


def _put(here: list[PortEntry], entry: PortEntry) -> None:
    """Adds the entry, in the place of one for the same user."""
    at = next((at for at, each in enumerate(here) if _same(each, entry) and fact("port-repeated")), len(here))
    here[at : at + 1] = [entry]


def _reserve(here: list[PortEntry], entry: PortEntry) -> Iterator[Finding]:
    """A port may be repeated for other users; a range may overlap neither a port nor another range: the first wins."""
    rival = next((each for each in here if _clash(each, entry)), None)
    if rival is None:
        _put(here, entry)
        return
    port = max(entry.low, rival.low)
    mine, theirs = _statement(entry), _statement(rival)
    issued = messages.EZZ0326I(statement1=mine, statement2=theirs, value=port, line=rival.where.line)
    text = f"{entry.protocol} port {port} is reserved by {theirs} on line {rival.where.line}: this entry is ignored"
    yield finding("conflict", entry.where, str(issued), text=text, hint="reserve it once, or DELETE the first")


def _statement(entry: PortEntry) -> str:
    return "PORTRANGE" if entry.ranged else "PORT"


def _clash(one: PortEntry, other: PortEntry) -> bool:
    if one.protocol != other.protocol or not (one.ranged or other.ranged) or _same(one, other):
        return False
    return one.low <= other.high and other.low <= one.high and not one.unreserved


def _unreserved(here: list[PortEntry], entry: PortEntry) -> Iterator[Finding]:
    """Every UNRSV TCP entry has the same access control. (ezz0147i)"""
    mine = _access(entry)
    current = next((_access(each) for each in here if each.unreserved and each.protocol == entry.protocol), mine)
    if mine == current:
        _put(here, entry)
        return
    issued = messages.EZZ0147I(keyword=mine, current=current)
    text = f"{mine} contradicts the {current} of an earlier UNRSV entry: this entry is ignored"
    yield finding("conflict", entry.where, str(issued), text=text, hint=f"code {current}, or DELETE the earlier ones")


def _access(entry: PortEntry) -> str:
    return next((each for each in ("WHENLISTEN", "WHENBIND") if each in entry.options), UNRSV_DEFAULT[entry.protocol])


def _delete(here: list[PortEntry], entry: PortEntry) -> Iterator[Finding]:
    """Removes the reservation with these ports, protocol and user; options do not count."""
    found = [each for each in here if _same(each, entry)]
    for each in found:
        here.remove(each)
    if not found:
        what = f"{entry.ports} {entry.protocol} {entry.user}"
        users = [each.user for each in here if each.low == entry.low and each.protocol == entry.protocol]
        hint = f"it is reserved for {', '.join(users)}" if users else "see the PORT and PORTRANGE statements"
        yield finding("undefined-name", entry.where, name=what, kind=f"a {_statement(entry)} entry", hint=hint)
