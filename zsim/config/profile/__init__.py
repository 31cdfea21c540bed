"""The TCPIP profile and OBEYFILE language: free-format words, `;` comments.

    IPCONFIG | IPCONFIG6        parameter ...
    GLOBALCONFIG | NETMONITOR   parameter ...
    IPSEC                       switches, { IPSECRule | IPSEC6Rule src dest options } ... ENDIPSEC
    INTERFace name              DEFINE type parameter ... | DELEte | ADDADDR address | DELADDR address
    DEVice name type ...        LINK name type device ...        HOME { address link } ...
    BEGINRoutes                 { ROUTE destination nexthop link MTU n options } ...  ENDRoutes
    PORT                        { number | UNRSV  TCP | UDP  job options } ...
    PORTRange                   { first count  TCP | UDP  job options } ...
    START name                  STOP name                        INCLUDE data-set
    DELEte                      DEVice | LINK name | PORT ... | PORTRange ...

`parse` returns statements in file order and findings; it goes on after a mistake: in a block at the next word that
starts an entry of it, else at the next word that starts a statement. Reading is all it does: the effect of a
statement is in `tcpip.stack`, `tcpip.interfaces` and `tcpip.ports`. A statement zsim does not model is kept as
`NotModelled`. INCLUDE is replaced by what it names; each file is read by itself, because a statement must lie wholly
in one. `print(parse(source))` is the canonical form, see `statements`. The readers of lists are in `lists`, that of
IPSEC in `ipsec`, what all stand on in `reader`, the keywords in `tables`.

Source: z/OS Communications Server IP Configuration Reference (halz001), one topic per statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from zsim import addresses, messages
from zsim.config.profile.ipsec import read_ipsec
from zsim.config.profile.lists import Partly, read_home, read_ports, read_routes
from zsim.config.profile.reader import (
    COMMENT,
    Bad,
    Coded,
    Elsewhere,
    Reader,
    Table,
    excluded,
    named,
    parameters,
    spellings,
    words,
)
from zsim.config.profile.statements import (
    DEFAULT_SECCLASS,
    Activation,
    Delete,
    Device,
    Home,
    HomeEntry,
    Interface,
    InterfaceAddress,
    InterfaceDelete,
    IpConfig,
    Ipsec,
    IpsecRule,
    Link,
    NotModelled,
    PortEntry,
    PortList,
    Ports,
    Route,
    Routes,
    Settings,
    Statement,
)
from zsim.config.profile.tables import (
    DEVICES,
    INTERFACE,
    INTERFACE_TYPES,
    IPCONFIG,
    IPCONFIG6,
    NOT_MODELLED,
    PORT_OF,
    SETTINGS,
    STATEMENTS,
    misspelt,
    starts_statement,
)
from zsim.config.source import Source, Token
from zsim.facts import fact
from zsim.findings import Finding, Where, did_you_mean, finding

__all__ = [
    "DEFAULT_SECCLASS", "INTERFACE_TYPES", "Activation", "Delete", "Device", "Home", "HomeEntry", "Interface",
    "InterfaceAddress", "InterfaceDelete", "IpConfig", "Ipsec", "IpsecRule", "Link", "NotModelled", "PortEntry",
    "PortList", "Ports", "Profile", "Route", "Routes", "Settings", "Statement", "parse",
]  # fmt: skip

Include = Callable[[str, Where], "Source | Finding"]
MOST_INCLUDES = 1000  # files that may include each other twice and twice again


class Profile(NamedTuple):
    """What was read. As text it is the canonical form."""

    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]
    sources: tuple[str, ...]  # every file read, in order

    def __str__(self) -> str:
        return "\n".join(map(str, self.statements))


# ---- files -----------------------------------------------------------------------------------------------------


def parse(source: Source, symbols: Mapping[str, str] | None = None, include: Include | None = None) -> Profile:
    """Read a profile or OBEYFILE. `include` gives the text an INCLUDE names, or the finding why it cannot."""
    reading = _Reading(symbols or {}, include)
    reading.open(source)
    while reading.files:
        reader = reading.files[-1]
        token = reader.peek()
        if token is None:
            _glued(reading.files.pop())
        elif (name := STATEMENTS.get(token.upper)) == "INCLUDE":
            _include(reading, reader)
        elif name is not None:
            _statement(reader, name, reading.statements)
        else:
            _unknown(reader, token)
    statements = _first_ipsec(reading.statements, reading.findings)
    return Profile(tuple(statements), tuple(_once(reading.findings)), tuple(reading.sources))


class _Reading:
    """The files that are open, an INCLUDE above the one it stands in, and what they gave so far."""

    def __init__(self, symbols: Mapping[str, str], include: Include | None) -> None:
        self.symbols, self.include = symbols, include
        self.files: list[Reader] = []
        self.statements: list[Statement] = []
        self.findings: list[Finding] = []
        self.sources: list[str] = []

    def open(self, source: Source) -> None:
        end = Where(source.name, source.text.count("\n") + 1, 1)
        self.files.append(Reader(source.name, words(source, self.symbols), end, self.findings))
        self.sources.append(source.name)


def _include(reading: _Reading, reader: Reader) -> None:
    """INCLUDE data-set: its text stands in place of the statement. A file may not include itself, at any depth."""
    where = reader.take("INCLUDE").where
    try:
        name = reader.take("a data set name")
    except Bad as bad:
        reader.report(bad)
        return
    found = reading.include(name.text, name.where) if reading.include else None
    if isinstance(found, Finding):
        reading.findings.append(found)
    elif found is None:
        reading.statements.append(NotModelled("INCLUDE", (name.text,), where))
        reader.note("not-modelled", where, what="INCLUDE", why="no files are at hand")
    elif any(found.name == open.name for open in reading.files):
        reader.note("include-loop", name.where, name=found.name)
    elif len(reading.sources) >= MOST_INCLUDES:
        reader.note("too-many", where, name="INCLUDE", count=len(reading.sources), most=MOST_INCLUDES - 1)
    else:
        reading.open(found)


def _statement(reader: Reader, name: str, statements: list[Statement]) -> None:
    """One statement; after a mistake the reader goes to the next word that starts one."""
    where = reader.take(name).where
    try:
        if name in KEPT:
            statements.append(_not_modelled(reader, name, where))
        elif (read := READERS[name](reader, where)) is not None:
            statements.append(read)
    except Partly as partly:
        statements.append(partly.statement)
        reader.report(partly.bad)
        reader.until(starts_statement)
    except Bad as bad:
        reader.report(bad)
        reader.until(starts_statement)


def _unknown(reader: Reader, token: Token) -> None:
    """A word that starts no statement: reported once, skipped with all that follows up to one that does."""
    hint = did_you_mean(
        token.text, STATEMENTS.values(), "correct it or put ; in front; everything up to the next statement is skipped"
    )
    bad = reader.bad(token, "a statement", hint)
    reader.report(bad, "unknown-statement", word=bad.found, language="TCPIP profile")
    reader.at += 1
    reader.until(starts_statement)


def _glued(reader: Reader) -> None:
    """A word with a ; in it was meant to be two; where it did no harm it is said here."""
    told = {each.where for each in reader.findings}
    for token in reader.words:
        if COMMENT in token.text and token.where not in told:
            reader.note("glued-comment", token.where, word=token.text)


def _ends_unread(start: Where) -> Callable[[Token], bool]:
    """Where a statement that is kept unread ends: at the next one, though it be misspelt, if that stands in a line of
    its own and no further in than the statement did."""
    line = start.line

    def ends(token: Token) -> bool:
        nonlocal line
        first, line = token.where.line != line, token.where.line
        return starts_statement(token) or (first and token.where.column <= start.column and misspelt(token))

    return ends


# ---- checks over the whole profile -----------------------------------------------------------------------------


def _first_ipsec(statements: list[Statement], findings: list[Finding]) -> list[Statement]:
    """Without the second and later IPSEC blocks, which z/OS ignores. (ezz0757i)"""
    blocks = [statement for statement in statements if isinstance(statement, Ipsec)]
    for block in blocks[1:]:
        issued = str(messages.EZZ0757I(line=block.where.line))
        findings.append(finding("second-ipsec", block.where, issued, line=blocks[0].where.line))
    return [statement for statement in statements if not isinstance(statement, Ipsec) or statement is blocks[0]]


def _once(findings: list[Finding]) -> list[Finding]:
    """Statements that are kept are reported once a name."""
    told: set[tuple[str, str]] = set()
    kept = []
    for each in findings:
        key = (each.id, each.text)
        if each.id not in ("kept", "not-modelled") or key not in told:
            kept.append(each)
        told.add(key)
    return kept


# ---- statements made of parameters -----------------------------------------------------------------------------


def _unread(reader: Reader, table: Table, statement: str) -> Callable[[Token], Bad]:
    """A word that is no parameter is a mistake; at the start of a line it is meant as a statement, unless it looks
    like a parameter."""

    def bad(token: Token) -> Bad:
        hint = did_you_mean(token.text, table.rows)
        if misspelt(token, table.rows) or (reader.on_new_line and not hint):
            raise Elsewhere
        return Bad(token.text, token.where, f"a parameter of {statement}", hint)

    return bad


def _ipconfig(reader: Reader, where: Where) -> IpConfig | None:
    found = _coded(reader, IPCONFIG, "IPCONFIG")
    return None if excluded(reader, IPCONFIG, found, "IPCONFIG") else IpConfig(4, found.words, where, found.places)


def _ipconfig6(reader: Reader, where: Where) -> IpConfig:
    found = _coded(reader, IPCONFIG6, "IPCONFIG6")
    return IpConfig(6, found.words, where, found.places)


def _settings(statement: str) -> Callable[[Reader, Where], Settings]:
    def read(reader: Reader, where: Where) -> Settings:
        reader.note("kept", where, what=statement)
        return Settings(statement, _coded(reader, SETTINGS[statement], statement).words, where)

    return read


def _coded(reader: Reader, table: Table, statement: str) -> Coded:
    """The parameters of a statement in canonical order."""
    found, _ = parameters(reader, table, starts_statement, _unread(reader, table, statement))
    return found._replace(words=table.sorted(found.words))


# ---- INTERFACE -------------------------------------------------------------------------------------------------

_ACTIONS = spellings(("DEFINE", "DELEte", "ADDADDR", "DELADDR"))


def _interface(reader: Reader, where: Where) -> Statement | None:
    """INTERFACE name DEFINE type parameters | DELETE | ADDADDR address | DELADDR address."""
    name, place = named(reader, "an interface name")
    action = reader.choice(_ACTIONS)
    if action == "DELETE":
        return InterfaceDelete(name, where, {"name": place})
    if action != "DEFINE":
        places = {"name": place, "address": reader.here}
        return InterfaceAddress(name, action, reader.value("an IPv6 address", _ipv6), where, places)
    token = reader.take("an interface type")
    if token.upper not in INTERFACE_TYPES:
        hint = did_you_mean(token.text, INTERFACE_TYPES, "see the INTERFACE statement for the types")
        raise reader.bad(token, "an interface type", hint)
    found = _interface_parameters(reader, INTERFACE_TYPES[token.upper].version, f"INTERFACE {name}", where)
    if found is None or not _complete(reader, f"INTERFACE {name}", token.upper, found, where):
        return None
    return Interface(name, token.upper, INTERFACE[4].sorted(found.words), where, {"name": place, **found.places})


def _ipv6(text: str) -> str:
    version, value = addresses.address(text)
    if version != 6:
        raise ValueError(f"{text} is not IPv6")
    return addresses.text(version, value)


def _interface_parameters(reader: Reader, version: int, statement: str, where: Where) -> Coded | None:
    """None if one is bad: the interface is not defined then, which is told (a simulator choice). A word that resembles
    no parameter may be one that zsim's table lacks."""
    table = INTERFACE[version]

    def unknown(token: Token) -> Bad | None:
        if misspelt(token, table.rows):
            raise Elsewhere
        hint = did_you_mean(token.text, table.rows)
        if hint or COMMENT in token.text or not token.text[0].isalpha():
            return Bad(token.text, token.where, f"a parameter of {statement}", hint)
        reader.note("not-modelled", token.where, what=f"{token.upper} of {statement}", why="it is not in zsim's table")
        return None

    found, good = parameters(reader, table, starts_statement, unknown)
    for word in found.words.get("IPADDR", ()):
        good = _no_ipv4_compatible(reader, word, found.places["IPADDR"]) and good
    if not good:
        why = "a parameter of it cannot be read, so it is not defined"
        reader.note("no-effect", where, what=statement, why=why, hint="correct the parameter")
    return found if good else None


def _no_ipv4_compatible(reader: Reader, word: str, where: Where) -> bool:
    """::10.1.1.1 cannot be an address of the stack. (ezz0714i; which statements it holds for is unconfirmed)"""
    version, value = addresses.address(word.partition("/")[0])
    if version == 4 or value <= 1 or value >= 2**32:
        return True
    issued = messages.EZZ0714I(address=word, line=where.line)
    text = f"{word} is an IPv4-compatible IPv6 address"
    reader.note("conflict", where, issued, text=text, hint="use a global, unique local or link-local address")
    return False


def _complete(reader: Reader, statement: str, type: str, found: Coded, where: Where) -> bool:
    """Required parameters are there, first and in order. (ipaqidio)"""
    required = [
        PORT_OF[found.words.get("CHPIDTYPE", ("OSD",))[0]] if each == "PORTNAME" else each
        for each in INTERFACE_TYPES[type].required
    ]
    needed = [each.split("|") for each in required if each]
    missing = [" or ".join(names) for names in needed if not any(each in found.words for each in names)]
    for each in missing:
        reader.note("missing-attribute", where, statement=statement, name=each)
    if missing or type not in fact("interface-order-enforced").split():
        return not missing
    wanted = [each for names in needed for each in names if each in found.words]
    coded = [each for each in found.words if each != "CHPIDTYPE"]
    late, due = next((pair for pair in zip(coded, wanted, strict=False) if pair[0] != pair[1]), ("", ""))
    if late:
        raise Bad(late, found.places[late], due, f"the required parameters come first: {' '.join(wanted)}")
    return True


# ---- DEVICE, LINK, HOME ----------------------------------------------------------------------------------------


def _device(reader: Reader, where: Where) -> Device:
    """DEVICE name type parameters."""
    name, place = named(reader, "a device name")
    type, _ = named(reader, "a device type")
    _retired(reader, "DEVICE", "DEVICE, LINK and HOME", where)
    table = DEVICES.get(type)
    if table is None:
        parameters = tuple(word.upper for word in reader.until(_ends_unread(where)))
    else:
        parameters = tuple(_coded(reader, table, f"DEVICE {name}").words)
    return Device(name, type, parameters, where, {"name": place})


def _retired(reader: Reader, statement: str, called: str, where: Where) -> None:
    """EZZ0717I; which statements get it at which release is unconfirmed."""
    issued = messages.EZZ0717I(statement=statement, line=where.line)
    shown = issued if statement in fact("retired-statements").split() else ""
    reader.note("retired", where, shown, statement=called)


def _link(reader: Reader, where: Where) -> Link | None:
    """LINK name type [number] device parameters."""
    name, place = named(reader, "a link name")
    places = {"name": place, "type": reader.here}
    type, _ = named(reader, "a link type")
    token = reader.peek()
    number = reader.take("a link number").text if token is not None and re.fullmatch("[0-9]+", token.text) else ""
    device, places["device"] = named(reader, "a device name")
    found = _interface_parameters(reader, 4, f"LINK {name}", where)
    if found is None:
        return None
    return Link(name, type, device, INTERFACE[4].sorted(found.words), where, number, {**found.places, **places})


# ---- START, STOP, DELETE ---------------------------------------------------------------------------------------


def _activation(action: str) -> Callable[[Reader, Where], Activation]:
    def read(reader: Reader, where: Where) -> Activation:
        name, place = named(reader, "a device or interface name")
        return Activation(action, name, where, {"name": place})

    return read


_DELETABLE = spellings(("DEVice", "LINK", "PORT", "PORTRange"))


def _delete(reader: Reader, where: Where) -> Statement | None:
    """DELETE DEVICE | LINK name; DELETE PORT | PORTRANGE entries, whose options are read and mean nothing."""
    kind = reader.choice(_DELETABLE)
    if kind in ("PORT", "PORTRANGE"):
        return read_ports(reader, where, kind, delete=True)
    name, place = named(reader, f"a {kind.lower()} name")
    return Delete(kind, name, where, {"name": place})


# ---- statements that are kept ----------------------------------------------------------------------------------


def _not_modelled(reader: Reader, statement: str, where: Where) -> NotModelled:
    end, why, retired = KEPT[statement]
    words = reader.until(lambda token: token.upper == end) if end else reader.until(_ends_unread(where))
    if end and reader.peek() is None:
        reader.note("missing-end", where, statement=statement, end=end)
    elif end:
        reader.take(end)
    if retired:
        _retired(reader, statement, statement, where)
    if why:
        reader.note("not-modelled", where, what=statement, why=why)
    else:
        reader.note("kept", where, what=statement)
    return NotModelled(statement, tuple(word.text for word in words), where, end)


# ---- the statements --------------------------------------------------------------------------------------------

READERS: dict[str, Callable[[Reader, Where], Statement | None]] = {
    "IPCONFIG": _ipconfig,
    "IPCONFIG6": _ipconfig6,
    "GLOBALCONFIG": _settings("GLOBALCONFIG"),
    "NETMONITOR": _settings("NETMONITOR"),
    "IPSEC": read_ipsec,
    "INTERFACE": _interface,
    "DEVICE": _device,
    "LINK": _link,
    "HOME": read_home,
    "BEGINROUTES": read_routes,
    "PORT": partial(read_ports, statement="PORT"),
    "PORTRANGE": partial(read_ports, statement="PORTRANGE"),
    "START": _activation("START"),
    "STOP": _activation("STOP"),
    "DELETE": _delete,
}
KEPT = {name.upper(): kept for name, kept in NOT_MODELLED.items()}
