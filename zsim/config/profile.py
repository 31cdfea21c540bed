"""The TCPIP profile and OBEYFILE language: free-format words, `;` comments.

    IPCONFIG | IPCONFIG6   parameter ...
    IPSEC                  switches, { IPSECRule | IPSEC6Rule src dest options } ... ENDIPSEC
    INTERFace name         DEFINE type parameter ... | DELEte
    DEVice name type ...   LINK name type device ...   HOME { address link } ...
    BEGINRoutes            { ROUTE destination nexthop link MTU n } ...  ENDRoutes
    START name             STOP name                   INCLUDE data-set
    DELEte                 DEVice | LINK name

`parse` returns statements in file order and findings; it goes on after a mistake. Reading is all it does: the
effect of a statement is in `tcpip.stack` and `tcpip.interfaces`. A statement zsim does not model is kept as
`NotModelled`. In every keyword here the capitals are the shortest accepted abbreviation.

Source: z/OS Communications Server IP Configuration Reference (halz001), one topic per statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.config.source import Source, Token, abbreviates, substitute, tokens
from zsim.findings import Finding, Where, did_you_mean, finding, number


class IpConfig(NamedTuple):
    """IPCONFIG (version 4) or IPCONFIG6 (version 6). A parameter that was not coded is absent."""

    version: int
    parameters: dict[str, tuple[str, ...]]
    where: Where


class Ports(NamedTuple):
    low: int
    high: int


class IpsecRule(NamedTuple):
    """One IPSECRULE or IPSEC6RULE. None stands for `*`; `ordinal` counts the rules of the block from 1."""

    ordinal: int
    version: int
    source: AddressRange
    dest: AddressRange
    log: bool
    protocol: int | None
    source_port: Ports | None
    dest_port: Ports | None
    type: Ports | None
    code: Ports | None
    routing: str  # LOCAL, ROUTED, EITHER
    fragments_only: bool
    secclass: int
    direction: str  # BIDIRECTIONAL, INBOUND, OUTBOUND
    connect: str | None  # INBCONNECT, OUTBCONNECT
    where: Where


class Ipsec(NamedTuple):
    """One IPSEC ... ENDIPSEC block: the default filter policy."""

    dvipsec: bool
    logenable: bool
    logimplicit: bool
    rules: tuple[IpsecRule, ...]
    where: Where


class Interface(NamedTuple):
    """INTERFACE name DEFINE type."""

    name: str
    type: str
    parameters: dict[str, tuple[str, ...]]
    where: Where


class InterfaceDelete(NamedTuple):
    name: str
    where: Where


class Device(NamedTuple):
    name: str
    type: str
    parameters: tuple[str, ...]
    where: Where


class Link(NamedTuple):
    name: str
    type: str
    device: str
    secclass: int
    where: Where


class HomeEntry(NamedTuple):
    version: int
    address: int
    link: str
    where: Where


class Home(NamedTuple):
    entries: tuple[HomeEntry, ...]
    where: Where


class Route(NamedTuple):
    """dest is every address of the version for DEFAULT and DEFAULT6; next_hop None for a directly attached one (=)."""

    dest: AddressRange
    next_hop: int | None
    link: str
    mtu: str
    options: tuple[str, ...]
    where: Where


class Routes(NamedTuple):
    routes: tuple[Route, ...]
    where: Where


class Activation(NamedTuple):
    """START or STOP of a device or interface; done after all other statements of the file."""

    action: str
    name: str
    where: Where


class Delete(NamedTuple):
    """DELETE DEVICE or DELETE LINK."""

    kind: str
    name: str
    where: Where


class NotModelled(NamedTuple):
    name: str
    words: tuple[str, ...]
    where: Where


Statement = (
    IpConfig | Ipsec | Interface | InterfaceDelete | Device | Link | Home | Routes | Activation | Delete | NotModelled
)


class Profile(NamedTuple):
    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]
    sources: tuple[str, ...]  # every file read, in order


# ---- tables ----------------------------------------------------------------------------------------------------

ANY_WORDS = -1  # a parameter that takes words up to the next keyword

# Parameter and how many words follow it. (halz001 ipconfigstatement 2.4, ipconfig6statement 3.2)
IPCONFIG = {
    "ARPTO": 1, "CHECKSUMOFFLoad": 0, "NOCHECKSUMOFFLoad": 0, "CLAWUSEDoublenop": 0,
    "DATAGRamfwd": 0, "NODATAGRamfwd": 0, "FWDMULTipath": 1, "NOFWDMULTipath": 0,
    "DEVRETRYDURation": 1, "DYNAMICXCF": ANY_WORDS, "NODYNAMICXCF": 0, "FORMat": 1, "IGNORERedirect": 0,
    "IPSECURITY": 0, "IQDIORouting": 0, "NOIQDIORouting": 0, "MULTIPATH": ANY_WORDS, "NOMULTIPATH": 0,
    "PATHMTUDISCovery": 0, "NOPATHMTUDISCovery": 0, "QDIOACCELerator": 0, "NOQDIOACCELerator": 0, "QDIOPriority": 1,
    "REASSEMBLytimeout": 1, "SEGMENTATIONOFFLoad": 0, "NOSEGMENTATIONOFFLoad": 0, "SOURCEVIPA": 0, "NOSOURCEVIPA": 0,
    "STOPONclawerror": 0, "SYSPLEXRouting": 0, "NOSYSPLEXRouting": 0, "TCPSTACKSOURCEVipa": 1,
    "NOTCPSTACKSOURCEVipa": 0, "TTL": 1,
}  # fmt: skip
IPCONFIG6 = {
    "DATAGRamfwd": 0, "NODATAGRamfwd": 0, "FWDMULTipath": 1, "NOFWDMULTipath": 0, "DYNAMICXCF": ANY_WORDS,
    "NODYNAMICXCF": 0, "HOPLimit": 1, "ICMPErrorlimit": 1, "IGNORERedirect": 0, "NOIGNORERedirect": 0,
    "IGNOREROUTERHoplimit": 0, "NOIGNOREROUTERHoplimit": 0, "IPSECURITY": 0, "OSMSECCLASS": 1, "MULTIPATH": ANY_WORDS,
    "NOMULTIPATH": 0, "SOURCEVIPA": 0, "NOSOURCEVIPA": 0, "TCPSTACKSOURCEVipa": 1, "NOTCPSTACKSOURCEVipa": 0,
    "TEMPADDRS": ANY_WORDS, "NOTEMPADDRS": 0, "CHECKSUMOFFLoad": 0, "NOCHECKSUMOFFLoad": 0,
    "SEGMENTATIONOFFLoad": 0, "NOSEGMENTATIONOFFLoad": 0,
}  # fmt: skip

# INTERFACE types by IP version; parameters and the number of words after each. CHPIDTYPE, PORTNAME, IPADDR are
# confirmed for IPAQENET and the whole list for IPAQIDIO; the rest is unconfirmed.
INTERFACE_TYPES = {
    "IPAQENET": 4, "IPAQIDIO": 4, "VIRTUAL": 4, "LOOPBACK": 4, "MPCPTP": 4, "EZAZCX": 4,
    "IPAQENET6": 6, "IPAQIDIO6": 6, "VIRTUAL6": 6, "LOOPBACK6": 6, "MPCPTP6": 6, "EZAZCX6": 6,
}  # fmt: skip
INTERFACE = {
    "CHPIDTYPE": 1, "CHPID": 1, "PORTNAME": 1, "TRLENAME": 1, "IPADDR": ANY_WORDS, "TEMPIP": 0, "INTFID": 1,
    "SOURCEVIPAINTerface": 1, "MTU": 1, "VLANID": 1, "INBPERF": ANY_WORDS, "NONRouter": 0, "PRIRouter": 0,
    "SECRouter": 0, "VMAC": ANY_WORDS, "ROUTEALL": 0, "ROUTELCL": 0, "READSTORAGE": 1, "IPBCAST": 0, "SECCLASS": 1,
    "MONSYSPLEX": 0, "NOMONSYSPLEX": 0, "DYNVLANREG": 0, "NODYNVLANREG": 0, "OLM": 0, "NOOLM": 0, "ISOLATE": 0,
    "NOISOLATE": 0, "SMCR": ANY_WORDS, "NOSMCR": 0, "SMCD": 0, "NOSMCD": 0, "DUPADDRDET": 1, "AUTORestart": 0,
    "NOAUTORestart": 0, "TEMPPREFIX": ANY_WORDS, "ADDADDR": 1, "DELADDR": 1,
}  # fmt: skip

# Statements kept but not modelled: END word if a block, and what answers they would change ("" = none).
NOT_MODELLED = {
    "ARPAGE": ("", ""), "ASSORTEDPARMS": ("ENDASSORTEDPARMS", ""), "AUTOLOG": ("ENDAUTOLOG", ""),
    "BSDROUTINGPARMS": ("ENDBSDROUTINGPARMS", "it defines interface subnets"), "BEGINVTAM": ("ENDVTAM", ""),
    "DATASETPREFIX": ("", ""), "DEFADDRTABLE": ("ENDDEFADDRTABLE", ""), "GLOBALCONFIG": ("", ""),
    "GATEWAY": ("", "it defines routes"), "HOSTNAME": ("", ""), "IDYNAMIC": ("", ""), "IPCFGDYN": ("", ""),
    "ITRACE": ("", ""), "KEEPALIVEOPTIONS": ("ENDKEEPALIVEOPTIONS", ""), "NETACCESS": ("ENDNETACCESS", ""),
    "NETMONitor": ("", ""), "OSACFG": ("", ""), "PKTTRACE": ("", ""), "POLICYINFO": ("", ""),
    "PORT": ("", ""), "PORTRange": ("", ""), "PRIMARYINTERFACE": ("", ""), "SACONFIG": ("", ""),
    "SMFCONFIG": ("", ""), "SMFPARMS": ("", ""), "SOMAXCONN": ("", ""),
    "SRCIP": ("ENDSRCIP", "it chooses source addresses"), "TCPCONFIG": ("", ""),
    "TELNETGLOBALS": ("ENDTELNETGLOBALS", ""),
    "TELNETPARMS": ("ENDTELNETPARMS", ""), "TNSACONFIG": ("", ""), "TRANSLATE": ("", ""), "UDPCONFIG": ("", ""),
    "VIPADYNAMIC": ("ENDVIPADYNAMIC", "it adds addresses to the home list"), "VIPASMPARMS": ("", ""),
}  # fmt: skip

# PROTOCOL names of IPSECRULE: number, version it is limited to, sub-parameters. (ipsecstatement 2.4)
PROTOCOLS = {
    "TCP": (6, None, ("SRCPort", "DESTport")),
    "UDP": (17, None, ("SRCPort", "DESTport")),
    "ICMP": (1, 4, ("TYPE", "CODE")),
    "ICMPV6": (58, 6, ("TYPE", "CODE")),
    "OSPF": (89, None, ("TYPE",)),
}
RULE_OPTIONS = ("NOLOG", "LOG", "PROTOcol", "SRCPort", "DESTport", "TYPE", "CODE", "ROUTING", "SECCLASS", "DIRECtion")
ROUTING = ("LOCAL", "ROUTED", "EITHER")
DIRECTIONS = ("BIDIrectional", "INBound", "OUTBound")
CONNECTS = ("INBConnect", "OUTBConnect")
NO_PORTS_LIMIT, TYPE_LIMIT = 65535, 255


# ---- reading ---------------------------------------------------------------------------------------------------

Include = Callable[[str, Where], "Source | Finding"]


class _Bad(Exception):
    """A statement that cannot be read further: what was found, what was expected, where, what to do."""

    def __init__(self, token: Token | None, expected: str, where: Where, hint: str = "") -> None:
        self.found = token.text if token else "the end of the file"
        self.expected, self.where, self.hint = expected, token.where if token else where, hint


class _Reader:
    """A cursor over the words of one file, and what has been read so far."""

    def __init__(self, words: list[Token], end: Where) -> None:
        self.words, self.at, self.end = words, 0, end
        self.findings: list[Finding] = []

    def peek(self) -> Token | None:
        return self.words[self.at] if self.at < len(self.words) else None

    def take(self, expected: str) -> Token:
        token = self.peek()
        if token is None:
            raise _Bad(None, expected, self.end)
        self.at += 1
        return token

    def keyword(self, names: tuple[str, ...] | Mapping[str, object]) -> str | None:
        """Take the next word if it is one of `names`; its full spelling in upper case."""
        token = self.peek()
        name = _named(token.text, names) if token else None
        if name is None:
            return None
        self.at += 1
        return name.upper()

    def read(self, what: str, form: Callable[..., object], *limits: int) -> object:
        """Take one word and read it by `form`, whose ValueError becomes a syntax finding."""
        token = self.take(what)
        try:
            return form(token.text, *limits)
        except ValueError as why:
            raise _Bad(token, what, token.where, f"{why}") from None

    def number(self, what: str, low: int, high: int) -> int:
        value = self.read(f"{what} from {low} to {high}", number, low, high)
        assert isinstance(value, int)
        return value

    def until(self, stop: Callable[[Token], bool]) -> tuple[Token, ...]:
        """The words up to one that `stop` recognises."""
        first = self.at
        while self.at < len(self.words) and not stop(self.words[self.at]):
            self.at += 1
        return tuple(self.words[first : self.at])

    def bad(self, bad: _Bad) -> None:
        line = bad.where.line
        issued = f"EZZ0318I {bad.found} WAS FOUND ON LINE {line} AND {bad.expected.upper()} WAS EXPECTED"
        hint = bad.hint or "correct the statement; the rest of the file was read"
        self.findings.append(finding("syntax", bad.where, issued, found=bad.found, expected=bad.expected, hint=hint))


def parse(source: Source, symbols: Mapping[str, str] | None = None, include: Include | None = None) -> Profile:
    """Read a profile or OBEYFILE. `include` gives the text an INCLUDE names, or the finding why it cannot."""
    statements: list[Statement] = []
    findings: list[Finding] = []
    sources: list[str] = []
    _read_file(source, symbols or {}, include, statements, findings, sources, ())
    findings += _once(statements)
    return Profile(tuple(_first_ipsec(statements)), tuple(findings), tuple(sources))


def _read_file(
    source: Source,
    symbols: Mapping[str, str],
    include: Include | None,
    statements: list[Statement],
    findings: list[Finding],
    sources: list[str],
    within: tuple[str, ...],
) -> None:
    sources.append(source.name)
    text = substitute(source.text, symbols)
    words = list(tokens(Source(source.name, text), ";"))
    reader = _Reader(words, Where(source.name, text.count("\n") + 1, 1))
    while (token := reader.peek()) is not None:
        name = _named(token.text, _STATEMENTS)
        if name == "INCLUDE":
            reader.at += 1
            _include(reader, token.where, symbols, include, statements, sources, (*within, source.name))
        elif name is not None:
            reader.at += 1
            _statement(reader, name, token, statements)
        else:
            _unknown(reader, token)
    findings += reader.findings


def _include(
    reader: _Reader,
    where: Where,
    symbols: Mapping[str, str],
    include: Include | None,
    statements: list[Statement],
    sources: list[str],
    within: tuple[str, ...],
) -> None:
    """INCLUDE data-set: its text stands in place of the statement."""
    try:
        name = reader.take("a data set name")
    except _Bad as bad:
        reader.bad(bad)
        return
    found = include(name.text, name.where) if include else None
    if isinstance(found, Source) and found.name in within:
        reader.findings.append(finding("include-loop", name.where, name=found.name))
    elif isinstance(found, Source):
        _read_file(found, symbols, include, statements, reader.findings, sources, within)
    elif found is not None:
        reader.findings.append(found)
    else:
        reader.findings.append(finding("not-modelled", where, what="INCLUDE", why="no files are at hand"))


def _statement(reader: _Reader, name: str, token: Token, statements: list[Statement]) -> None:
    """One statement; after a mistake the reader goes to the next word that starts one."""
    try:
        if name in NOT_MODELLED:
            statements.append(_not_modelled(reader, name, token.where))
        else:
            _READERS[name](reader, token.where, statements)
    except _Bad as bad:
        reader.bad(bad)
        reader.until(_starts_statement)


def _unknown(reader: _Reader, token: Token) -> None:
    """A word that starts no statement: reported once, skipped with all that follows up to one that does."""
    hint = did_you_mean(
        token.text, _STATEMENTS, "correct it or put ; in front; everything up to the next statement is skipped"
    )
    issued = f"EZZ0318I {token.upper} WAS FOUND ON LINE {token.where.line} AND A STATEMENT WAS EXPECTED"
    reader.findings.append(
        finding("unknown-statement", token.where, issued, word=token.text, language="TCPIP profile", hint=hint)
    )
    reader.at += 1
    reader.until(_starts_statement)


def _not_modelled(reader: _Reader, name: str, where: Where) -> NotModelled:
    end, matters = NOT_MODELLED[name]
    if end:
        words = reader.until(lambda token: token.upper == end)
        if reader.peek() is None:
            reader.findings.append(finding("missing-end", where, statement=name.upper(), end=end))
        else:
            reader.at += 1
    else:
        words = reader.until(_starts_statement)
    if matters:
        reader.findings.append(finding("not-modelled", where, what=name.upper(), why=matters))
    else:
        reader.findings.append(finding("kept", where, what=name.upper()))
    return NotModelled(name.upper(), _texts(words), where)


def _parameters(reader: _Reader, table: Mapping[str, int], statement: str) -> dict[str, tuple[Token, ...]]:
    """Keyword parameters in any order, up to the next statement. A word in no table is reported and skipped."""
    found: dict[str, tuple[Token, ...]] = {}
    while (token := reader.peek()) is not None:
        name = reader.keyword(table)
        if name is None:
            if _starts_statement(token):
                break
            reader.at += 1
            reader.findings.append(
                finding(
                    "not-modelled", token.where, what=f"{token.upper} of {statement}", why="it is not in zsim's table"
                )
            )
            continue
        words = next(count for key, count in table.items() if key.upper() == name)
        if words == ANY_WORDS:
            found[name] = reader.until(lambda next: _named(next.text, table) is not None or _starts_statement(next))
        else:
            found[name] = tuple(reader.take(f"a value for {name}") for _ in range(words))
    return found


def _texts(words: tuple[Token, ...]) -> tuple[str, ...]:
    return tuple(word.upper for word in words)


def _plain(parameters: Mapping[str, tuple[Token, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: _texts(words) for name, words in parameters.items()}


# ---- statements ------------------------------------------------------------------------------------------------


def _ipconfig(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    statements.append(IpConfig(4, _plain(_parameters(reader, IPCONFIG, "IPCONFIG")), where))


def _ipconfig6(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    statements.append(IpConfig(6, _plain(_parameters(reader, IPCONFIG6, "IPCONFIG6")), where))


def _ipsec(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    """IPSEC ... ENDIPSEC. (halz001 ipsecstatement)"""
    switches = {"DVIPSEC": False, "LOGENABLE": False, "LOGIMPLICIT": False}
    off = {"LOGDISABLE": "LOGENABLE", "NOLOGIMPLICIT": "LOGIMPLICIT"}
    names = ("DVIPsec", "DVLOCALFLTR", "LOGENable", "LOGDISable", "LOGImplicit", "NOLOGImplicit")
    rules: list[IpsecRule] = []
    ordinal = 0
    while True:
        token = reader.peek()
        if token is None:
            reader.findings.append(finding("missing-end", where, statement="IPSEC", end="ENDIPSEC"))
            break
        reader.at += 1
        if token.upper == "ENDIPSEC":
            break
        version = 6 if abbreviates(token.text, "IPSEC6Rule") else 4 if abbreviates(token.text, "IPSECRule") else 0
        name = (_named(token.text, names) or "").upper()
        try:
            if version:
                ordinal += 1
                rules.append(_rule(reader, ordinal, version, token.where))
            elif name in switches:
                switches[name] = True
            elif name in off:
                switches[off[name]] = False
            elif name == "DVLOCALFLTR":
                reader.findings.append(finding("kept", token.where, what="DVLOCALFLTR of IPSEC"))
            else:
                raise _Bad(token, "IPSECRULE, IPSEC6RULE, an IPSEC option or ENDIPSEC", token.where,
                           did_you_mean(token.text, (*names, "IPSECRULE", "IPSEC6RULE", "ENDIPSEC")))  # fmt: skip
        except _Bad as bad:
            if version:
                bad.hint = f"{bad.hint + '; ' if bad.hint else ''}rule {ordinal} is not installed"
            reader.bad(bad)
            reader.until(_starts_in_ipsec)
    block = Ipsec(switches["DVIPSEC"], switches["LOGENABLE"], switches["LOGIMPLICIT"], tuple(rules), where)
    if not block.logenable:
        reader.findings += [finding("log-without-logenable", rule.where) for rule in rules if rule.log]
    statements.append(block)


def _rule(reader: _Reader, ordinal: int, version: int, where: Where) -> IpsecRule:
    """src dest options; the options in any order (a simulator choice)."""
    source, dest = _end(reader, version), _end(reader, version)
    values: dict[str, Any] = {}
    protocol: int | None = None
    allowed: tuple[str, ...] = ()
    while (token := reader.peek()) is not None and (name := _named(token.text, RULE_OPTIONS)) is not None:
        reader.at += 1
        key = "LOG" if name == "NOLOG" else name.upper()
        if key in values:
            raise _Bad(token, "each option once", token.where, f"{key} is coded twice in one rule")
        if name in ("LOG", "NOLOG"):
            values[key] = name == "LOG"
        elif name == "PROTOcol":
            protocol, allowed = _protocol(reader, version)
            values[key] = protocol
        elif name in ("SRCPort", "DESTport", "TYPE", "CODE"):
            if name not in allowed:
                raise _Bad(
                    token,
                    "an option of this protocol",
                    token.where,
                    f"{key} needs a PROTOCOL that has it, coded before it",
                )
            values[key] = _range(reader, key, NO_PORTS_LIMIT if name.endswith("ort") else TYPE_LIMIT)
        elif name == "ROUTING":
            values[key] = _choice(reader, ROUTING)
            values["FRAGMENTSONLY"] = values[key] == "ROUTED" and reader.keyword(("FRAGMENTSonly",)) is not None
        elif name == "SECCLASS":
            values[key] = reader.number("a security class", 0, 255)
        else:
            values[key] = _choice(reader, DIRECTIONS)
            values["CONNECT"] = reader.keyword(CONNECTS) if values[key] == "BIDIRECTIONAL" else None
    return IpsecRule(
        ordinal, version, source, dest, bool(values.get("LOG")), protocol,
        values.get("SRCPORT"), values.get("DESTPORT"), values.get("TYPE"), values.get("CODE"),
        values.get("ROUTING", "LOCAL"), bool(values.get("FRAGMENTSONLY")), values.get("SECCLASS", 0),
        values.get("DIRECTION", "BIDIRECTIONAL"), values.get("CONNECT"), where,
    )  # fmt: skip


def _end(reader: _Reader, version: int) -> AddressRange:
    """`*`, address, address/prefix, or `address - address`."""
    what = f"*, an IPv{version} address, prefix or range"
    token = reader.take(what)
    if token.text == "*":
        return addresses.every(version)
    try:
        found = addresses.anything(token.text)
        after = reader.peek()
        if after is not None and after.text == "-":
            reader.at += 1
            found = addresses.span(token.text, reader.take("the upper end of the range").text)
    except ValueError as why:
        raise _Bad(token, what, token.where, str(why)) from None
    if found.version != version:
        statement = "IPSECRULE takes IPv4" if version == 4 else "IPSEC6RULE takes IPv6"
        raise _Bad(token, what, token.where, f"{statement} addresses")
    return found


def _protocol(reader: _Reader, version: int) -> tuple[int | None, tuple[str, ...]]:
    token = reader.take("a protocol")
    if token.text == "*":
        return None, ()
    value = PROTOCOLS.get(token.upper)
    if value is None:
        try:
            given = number(token.text, 0, 255)
        except ValueError as why:
            hint = did_you_mean(token.text, PROTOCOLS, str(why))
            raise _Bad(token, "*, TCP, UDP, ICMP, ICMPV6, OSPF or a number from 0 to 255", token.where, hint) from None
        value = next((row for row in PROTOCOLS.values() if row[0] == given), (given, None, ()))
    protocol, only, allowed = value
    if only not in (None, version):
        raise _Bad(token, f"a protocol of IPv{version}", token.where, f"{token.upper} belongs to IPv{only}")
    return protocol, allowed


def _range(reader: _Reader, key: str, limit: int) -> Ports | None:
    """`*`, `n`, or `n m` with n <= m."""
    token = reader.peek()
    if token is not None and token.text == "*":
        reader.at += 1
        return None
    low = reader.number(f"* or a {key} value", 0, limit)
    after = reader.peek()
    if after is None or not after.text.isdigit():
        return Ports(low, low)
    high = reader.number(f"the upper {key} value", 0, limit)
    if high < low:
        raise _Bad(after, f"a number not below {low}", after.where, "the range runs backwards")
    return Ports(low, high)


def _choice(reader: _Reader, names: tuple[str, ...]) -> str:
    found = reader.keyword(names)
    if found is None:
        token = reader.peek()
        raise _Bad(token, " or ".join(name.upper() for name in names), reader.end)
    return found


def _interface(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    """INTERFACE name DEFINE type parameters | DELETE."""
    name = reader.take("an interface name").upper
    action = _choice(reader, ("DEFINE", "DELEte"))
    if action == "DELETE":
        statements.append(InterfaceDelete(name, where))
        return
    type = reader.take("an interface type")
    if type.upper not in INTERFACE_TYPES:
        hint = did_you_mean(type.text, INTERFACE_TYPES, "see the INTERFACE statement for the types")
        raise _Bad(type, "an interface type", type.where, hint)
    parameters = _parameters(reader, INTERFACE, f"INTERFACE {name}")
    _check_interface(name, INTERFACE_TYPES[type.upper], parameters)
    statements.append(Interface(name, type.upper, _plain(parameters), where))


def _check_interface(name: str, version: int, parameters: Mapping[str, tuple[Token, ...]]) -> None:
    """Values that filtering stands on: addresses and SECCLASS."""
    for token in parameters.get("IPADDR", ()):
        try:
            if addresses.address(token.text.partition("/")[0])[0] != version:
                raise ValueError(f"{token.text} is not IPv{version}")
            if "/" in token.text:
                addresses.prefix(token.text)
        except ValueError as why:
            raise _Bad(token, f"an IPv{version} address", token.where, f"IPADDR of {name}: {why}") from None
    for token in parameters.get("SECCLASS", ()):
        try:
            number(token.text, 1, 255)
        except ValueError as why:
            raise _Bad(token, "SECCLASS from 1 to 255", token.where, f"SECCLASS of {name}: {why}") from None


def _device(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    name, type = reader.take("a device name"), reader.take("a device type")
    statements.append(Device(name.upper, type.upper, _texts(reader.until(_starts_statement)), where))
    reader.findings.append(finding("retired", where, statement="DEVICE, LINK and HOME"))


def _link(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    """LINK name type device [options]; for LAN types a link number or adapter may stand before the device."""
    name, type = reader.take("a link name"), reader.take("a link type")
    words = reader.until(lambda token: _starts_statement(token) or _named(token.text, INTERFACE) is not None)
    if not words:
        raise _Bad(reader.peek(), "a device name", where)
    parameters = _parameters(reader, INTERFACE, f"LINK {name.upper}")
    _check_interface(name.upper, 4, parameters)
    secclass = int(_plain(parameters).get("SECCLASS", ("255",))[0])
    statements.append(Link(name.upper, type.upper, words[-1].upper, secclass, where))


def _home(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    """HOME { address link } ...; a bad entry drops the rest of the list."""
    entries: list[HomeEntry] = []
    while (token := reader.peek()) is not None and not _starts_statement(token):
        try:
            version, address = addresses.address(token.text)
        except ValueError as why:
            statements.append(Home(tuple(entries), where))
            raise _Bad(token, "a home address", token.where, f"{why}; the rest of the list is dropped") from None
        reader.at += 1
        link = reader.take("a link name")
        entries.append(HomeEntry(version, address, link.upper, token.where))
    statements.append(Home(tuple(entries), where))


def _routes(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    """BEGINROUTES { ROUTE ... } ENDROUTES."""
    routes: list[Route] = []
    while (token := reader.peek()) is not None:
        reader.at += 1
        if _named(token.text, ("ENDRoutes",)):
            break
        try:
            if token.upper != "ROUTE":
                raise _Bad(token, "ROUTE or ENDROUTES", token.where)
            routes.append(_route(reader, token.where))
        except _Bad as bad:
            reader.bad(bad)
            reader.until(_starts_in_routes)
    else:
        reader.findings.append(finding("missing-end", where, statement="BEGINROUTES", end="ENDROUTES"))
    statements.append(Routes(tuple(routes), where))


def _route(reader: _Reader, where: Where) -> Route:
    """dest/prefix | dest mask | dest HOST | DEFAULT | DEFAULT6, nexthop | =, link, MTU n, options."""
    token = reader.take("a destination")
    try:
        dest = _destination(reader, token)
        hop = reader.take("a next hop or =")
        next_hop = None if hop.text == "=" else addresses.address(hop.text)[1]
    except ValueError as why:
        raise _Bad(token, "a route", token.where, str(why)) from None
    link = reader.take("a link or interface name").upper
    options = _texts(reader.until(_starts_in_routes))
    mtu = options[1] if len(options) > 1 and options[0] == "MTU" else ""
    return Route(dest, next_hop, link, mtu, options[2:] if mtu else options, where)


def _destination(reader: _Reader, token: Token) -> AddressRange:
    if token.upper in ("DEFAULT", "DEFAULT6"):
        return addresses.every(6 if token.upper == "DEFAULT6" else 4)
    if "/" in token.text:
        return addresses.prefix(token.text)
    version, value = addresses.address(token.text)
    if version == 6:
        raise ValueError("an IPv6 destination is written address/prefix")
    mask = reader.take("a subnet mask or HOST")
    if mask.upper == "HOST":
        return AddressRange(4, value, value, 32)
    return addresses.subnet(token.text, mask.text)


def _activation(action: str) -> Callable[[_Reader, Where, list[Statement]], None]:
    def read(reader: _Reader, where: Where, statements: list[Statement]) -> None:
        statements.append(Activation(action, reader.take("a device or interface name").upper, where))

    return read


def _delete(reader: _Reader, where: Where, statements: list[Statement]) -> None:
    """DELETE DEVICE | LINK name; PORT and PORTRANGE are kept."""
    kind = _choice(reader, ("DEVice", "LINK", "PORT", "PORTRange"))
    if kind in ("PORT", "PORTRANGE"):
        words = reader.until(_starts_statement)
        statements.append(NotModelled(f"DELETE {kind}", _texts(words), where))
        reader.findings.append(finding("kept", where, what=f"DELETE {kind}"))
    else:
        statements.append(Delete(kind, reader.take(f"a {kind.lower()} name").upper, where))


_READERS: dict[str, Callable[[_Reader, Where, list[Statement]], None]] = {
    "IPCONFIG": _ipconfig,
    "IPCONFIG6": _ipconfig6,
    "IPSEC": _ipsec,
    "INTERFace": _interface,
    "DEVice": _device,
    "LINK": _link,
    "HOME": _home,
    "BEGINRoutes": _routes,
    "START": _activation("START"),
    "STOP": _activation("STOP"),
    "DELEte": _delete,
}
_STATEMENTS: tuple[str, ...] = (*_READERS, "INCLUDE", *NOT_MODELLED)


def _named(word: str, names: tuple[str, ...] | Mapping[str, object]) -> str | None:
    """The name that `word` spells or abbreviates; an exact spelling wins over an abbreviation."""
    exact = next((name for name in names if name.upper() == word.upper()), None)
    return exact or next((name for name in names if abbreviates(word, name)), None)


def _starts_statement(token: Token) -> bool:
    return _named(token.text, _STATEMENTS) is not None


def _starts_in_ipsec(token: Token) -> bool:
    return _named(token.text, ("IPSECRule", "IPSEC6Rule", "ENDIPSEC", "DVIPsec", "LOGENable", "LOGDISable",
                               "LOGImplicit", "NOLOGImplicit")) is not None  # fmt: skip


def _starts_in_routes(token: Token) -> bool:
    return _named(token.text, ("ROUTE", "ENDRoutes")) is not None


# ---- checks over the whole file --------------------------------------------------------------------------------


def _first_ipsec(statements: list[Statement]) -> list[Statement]:
    """Without the second and later IPSEC blocks, which z/OS ignores."""
    first = next((statement for statement in statements if isinstance(statement, Ipsec)), None)
    return [statement for statement in statements if not isinstance(statement, Ipsec) or statement is first]


def _once(statements: list[Statement]) -> list[Finding]:
    """EZZ0757I for each further IPSEC block, and the warning for one without IPCONFIG IPSECURITY."""
    blocks = [statement for statement in statements if isinstance(statement, Ipsec)]
    return [
        finding(
            "second-ipsec", block.where,
            f"EZZ0757I IPSEC STATEMENT ON LINE {block.where.line} IS IGNORED BECAUSE IPSEC WAS ALREADY SPECIFIED",
            line=blocks[0].where.line,
        )
        for block in blocks[1:]
    ]  # fmt: skip
