"""IPSEC ... ENDIPSEC: the default filter rules of the profile.

    IPSEC [DVIPsec] [DVLOCALFLTR] [LOGENable | LOGDISable] [LOGImplicit | NOLOGImplicit]
       { IPSECRule | IPSEC6Rule  source dest
            [LOG | NOLOG] [PROTOcol protocol sub-parameters] [ROUTING LOCAL | ROUTED [FRAGMENTSonly] | EITHER]
            [SECCLASS n] [DIRECtion BIDIrectional [INBConnect | OUTBConnect] | INBound | OUTBound] } ...
    ENDIPSEC

Source and dest come first, options in any order (a simulator choice). A rule with a mistake is not installed and does
not count; the reader goes on at the next word that starts an entry of the block. (halz001 ipsecstatement 2.4)
"""

from __future__ import annotations

from typing import Any

from zsim import addresses, messages
from zsim.addresses import AddressRange
from zsim.config.profile.reader import Bad, Reader, spellings
from zsim.config.profile.statements import ANY_SECCLASS, Ipsec, IpsecRule, Places, Ports
from zsim.config.profile.tables import (
    CONNECTS,
    DIRECTIONS,
    FRAGMENTS,
    LIMITS,
    OSPF,
    PROTOCOLS,
    ROUTING,
    RULE_OPTIONS,
    RULES,
    SWITCHES,
    TCP,
)
from zsim.config.source import Token
from zsim.facts import fact
from zsim.findings import Where, did_you_mean, number

END = "ENDIPSEC"
VERSIONS = {name.upper(): version for name, version in RULES.items()}
ENTRIES = spellings((*RULES, END, *(row.name for row in SWITCHES.rows.values())))
EXPECTED = "IPSECRULE, IPSEC6RULE, an IPSEC option or ENDIPSEC"


def read_ipsec(reader: Reader, where: Where) -> Ipsec:
    """The whole block, up to ENDIPSEC or the end of the file."""
    switches: dict[str, str] = {}
    places: Places = {}
    rules: list[IpsecRule] = []
    while (token := reader.peek()) is not None:
        name = reader.keyword(ENTRIES)
        if name == END:
            break
        try:
            if name in VERSIONS:
                rules.append(_rule(reader, VERSIONS[name], token.where))
            elif name is not None:
                _switch(reader, switches, name, token.where)
                places.setdefault(name, token.where)
            else:
                reader.at += 1
                raise reader.bad(token, EXPECTED, _hint(token))
        except Bad as bad:
            if name in VERSIONS:
                bad.hint = f"{bad.hint}; the rule is not installed".removeprefix("; ")
            reader.report(bad)
            last = reader.words[reader.at - 1]
            if _starts_entry(last) and last is not token:
                reader.at -= 1  # the word at fault starts what comes next, or ends the block
            reader.until(_starts_entry)
    else:
        reader.note("missing-end", where, statement="IPSEC", end=END)
    on = set(switches.values())
    block = Ipsec(
        "DVIPSEC" in on, "LOGENABLE" in on, "LOGIMPLICIT" in on, tuple(_counted(rules)), where, "DVLOCALFLTR" in on,
        places,
    )  # fmt: skip
    _remarks(reader, block)
    return block


def _starts_entry(token: Token) -> bool:
    return token.upper in ENTRIES


def _hint(token: Token) -> str:
    if token.upper == "INCLUDE":
        return "a statement lies wholly in one file: include all from IPSEC to ENDIPSEC"
    return did_you_mean(token.text, set(ENTRIES.values()))


def _switch(reader: Reader, switches: dict[str, str], name: str, where: Where) -> None:
    """A switch of the block; of two that contradict each other the first holds. (ezz0356i)"""
    group = SWITCHES.rows[name].group or name
    rival = switches.setdefault(group, name)
    if rival != name:
        issued = messages.EZZ0356I(a=name, b=rival, line=where.line, outcome="ignored")
        reader.note("mutually-exclusive", where, issued, one=name, other=rival, outcome=f"{name} is ignored")
    elif name == "DVLOCALFLTR":
        reader.note("kept", where, what="DVLOCALFLTR of IPSEC")


def _counted(rules: list[IpsecRule]) -> list[IpsecRule]:
    """The rules with the n of SYSDEFAULTRULE.n, from 1 in file order."""
    shared, counts = fact("profile-shared-ordinal"), {4: 0, 6: 0}
    counted = []
    for rule in rules:
        family = 4 if shared else rule.version
        counts[family] += 1
        counted.append(rule._replace(ordinal=counts[family]))
    return counted


def _remarks(reader: Reader, block: Ipsec) -> None:
    """What is accepted and has no effect."""
    for rule in block.rules:
        if rule.log and not block.logenable:
            reader.note("log-without-logenable", rule.places["LOG"])
        if rule.connect and rule.protocol not in (None, TCP):
            reader.note("wrong-protocol", rule.places["DIRECTION"], name=rule.connect, protocol=rule.protocol)


# ---- one rule --------------------------------------------------------------------------------------------------


def _rule(reader: Reader, version: int, where: Where) -> IpsecRule:
    """source dest options, up to the next entry of the block."""
    source, dest = _end(reader, version), _end(reader, version)
    values: dict[str, Any] = {}
    places: Places = {}
    allowed: tuple[str, ...] = ()
    while (token := reader.peek()) is not None and token.upper not in ENTRIES:
        name = reader.keyword(RULE_OPTIONS)
        if name is None:
            raise reader.bad(token, f"an option of the rule, {EXPECTED}", _option_hint(token))
        key = "LOG" if name == "NOLOG" else name
        if key in values:
            raise reader.bad(token, "each option once", f"{key} is coded twice in one rule")
        places[key] = token.where
        if key == "LOG":
            values[key] = name == "LOG"
        elif key == "PROTOCOL":
            values[key], allowed = _protocol(reader, version)
        elif key in LIMITS:
            if key not in allowed:
                raise reader.bad(token, "an option of this protocol", f"{key} needs a PROTOCOL that has it before it")
            values[key] = _range(reader, key, pair=values["PROTOCOL"] != OSPF)
        elif key == "ROUTING":
            values[key] = reader.choice(ROUTING)
            values["FRAGMENTS"] = _fragments(reader, values[key])
        elif key == "SECCLASS":
            values[key] = reader.number("a security class", 0, 255)
        else:
            values[key] = reader.choice(DIRECTIONS)
            values["CONNECT"] = _connect(reader, values[key])
    return IpsecRule(
        0, version, source, dest, values.get("LOG", False), values.get("PROTOCOL"),
        values.get("SRCPORT"), values.get("DESTPORT"), values.get("TYPE"), values.get("CODE"),
        values.get("ROUTING", "LOCAL"), values.get("FRAGMENTS", False), values.get("SECCLASS", ANY_SECCLASS),
        values.get("DIRECTION", "BIDIRECTIONAL"), values.get("CONNECT"), where, places,
    )  # fmt: skip


def _option_hint(token: Token) -> str:
    """What a word that is no option may have been meant for."""
    if token.upper in FRAGMENTS:
        return "FRAGMENTSONLY stands behind ROUTING ROUTED"
    if token.upper in CONNECTS:
        return "INBCONNECT and OUTBCONNECT stand behind DIRECTION BIDIRECTIONAL"
    return did_you_mean(token.text, {*RULE_OPTIONS.values(), *ENTRIES.values()})


def _end(reader: Reader, version: int) -> AddressRange:
    """`*`, address, address/prefix, or `address - address` with blanks."""
    what = f"*, an IPv{version} address, prefix or range"
    token = reader.take(what)
    if token.text == "*":
        return addresses.every(version)
    try:
        found = addresses.prefix(token.text) if "/" in token.text else addresses.one(token.text)
        after = reader.peek()
        if after is not None and after.text == "-":
            reader.at += 1
            found = reader.value("the upper end of the range", lambda upper: addresses.span(token.text, upper))
    except ValueError as why:
        glued = "-" in token.text
        raise reader.bad(token, what, "the - of a range stands between blanks" if glued else str(why)) from None
    if found.version != version:
        statement = "IPSECRULE takes IPv4" if version == 4 else "IPSEC6RULE takes IPv6"
        raise reader.bad(token, what, f"{statement} addresses")
    return found


def _protocol(reader: Reader, version: int) -> tuple[int | None, tuple[str, ...]]:
    """The protocol and the sub-parameters it has; a number may stand for a name."""
    what = "*, TCP, UDP, ICMP, ICMPV6, OSPF or a number from 0 to 255"
    token = reader.take(what)
    if token.text == "*":
        return None, ()
    row = PROTOCOLS.get(token.upper)
    if row is None:
        try:
            given = number(token.text, 0, 255)
        except ValueError as why:
            raise reader.bad(token, what, did_you_mean(token.text, PROTOCOLS, str(why))) from None
        named = (row for row in PROTOCOLS.values() if row[0] == given and row[1] in (None, version))
        row = next(named, (given, None, ()))
    protocol, only, allowed = row
    if only not in (None, version):
        raise reader.bad(token, f"a protocol of IPv{version}", f"{token.upper} belongs to IPv{only}")
    return protocol, allowed


def _range(reader: Reader, key: str, pair: bool) -> Ports | None:
    """`*`, `n`, or `n m` with n <= m where the protocol has pairs."""
    token = reader.peek()
    if token is not None and token.text == "*":
        reader.at += 1
        return None
    low = reader.number(f"* or a {key} value", 0, LIMITS[key])
    after = reader.peek()
    if after is None or not (after.text.isascii() and after.text.isdigit()):
        return Ports(low, low)
    if not pair:
        raise reader.bad(after, "an option of the rule", f"{key} of OSPF is one value, not a range")
    high = reader.number(f"the upper {key} value", 0, LIMITS[key])
    if high < low:
        raise reader.bad(after, f"a number not below {low}", "the range runs backwards")
    return Ports(low, high)


def _fragments(reader: Reader, routing: str) -> bool:
    return routing == "ROUTED" and reader.keyword(FRAGMENTS) is not None


def _connect(reader: Reader, direction: str) -> str | None:
    return reader.keyword(CONNECTS) if direction == "BIDIRECTIONAL" else None
