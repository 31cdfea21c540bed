"""The Policy Agent's IP security language: `Type name { ... }` blocks, one attribute a line.

    IpFilterPolicy | IpFilterGroup name | IpFilterRule name | IpService | IpServiceGroup name |
    IpAddr | IpAddrSet | IpAddrGroup name | IpGenericFilterAction | IpTimeCondition      [name]
    {
      Attribute  value ...            text after the value is ignored, so it serves as a comment
      Statement  [name]               an inline statement; or `StatementRef name`
      {
      }
    }

`parse` reads blocks; `check` holds one against `SCHEMA`, which says for every statement its attributes, their
forms, defaults and how often they may stand. As on z/OS an unknown attribute is ignored; zsim reports it, because
a misspelling leaves the default in effect. Resolving references is the Policy Agent's work (`tasks.pagent`).

Source: halz001, general syntax rules for Policy Agent; one topic per statement; halz002 pbn_verify.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from zsim import addresses, times
from zsim.config.source import Source, Token, lines
from zsim.facts import FACTS, Fact, fact
from zsim.findings import WARNING, Finding, Where, did_you_mean, finding, number


class Attribute(NamedTuple):
    """One attribute line, or a reference when its name ends in Ref."""

    name: str
    words: tuple[Token, ...]  # what follows the name on the line
    where: Where


class Block(NamedTuple):
    """One statement with its braces. `name` is "" for an unnamed inline statement."""

    type: str
    name: str
    entries: "tuple[Attribute | Block, ...]"
    where: Where


class Policy(NamedTuple):
    """One file. Written out it is the canonical form: statement and attribute names as IBM spells them, one blank line
    between statements, no comments and no ignored text."""

    blocks: tuple[Block, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return "\n".join("".join(_printed(block, 0)) for block in self.blocks)


Form = Callable[[tuple[Token, ...]], tuple[Any, int]]  # words -> value and how many words it took


class Attr(NamedTuple):
    """One attribute of a statement. `default` may be a row of FACTS. `most` None: any number."""

    name: str
    form: Form
    default: Any = None
    required: bool = False
    most: int | None = 1


class Child(NamedTuple):
    """A statement that may stand inside another, inline and (`ref`) by name."""

    type: str
    inline: bool = True
    ref: bool = True


class Schema(NamedTuple):
    named: bool  # must it have a name when global?
    attributes: tuple[Attr, ...] = ()
    children: tuple[Child, ...] = ()
    needs: str = ""  # what it must contain at least one of


# ---- forms -----------------------------------------------------------------------------------------------------


def _choice(*values: str) -> Form:
    def read(words: tuple[Token, ...]) -> tuple[str, int]:
        for value in values:
            if words[0].upper == value.upper():
                return value, 1
        raise ValueError(did_you_mean(words[0].text, values, f"use one of {', '.join(values)}"))

    return read


def _integer(low: int, high: int) -> Form:
    return lambda words: (number(words[0].text, low, high), 1)


class Span(NamedTuple):
    low: int
    high: int


def _numbers(limit: int, word_for_any: str = "", zero_is_any: bool = False) -> Form:
    """`n`, `n m`, `n-m` or `n:m`; None for any."""

    def read(words: tuple[Token, ...]) -> tuple[Span | None, int]:
        head = words[0].text
        if word_for_any and head.upper() == word_for_any.upper():
            return None, 1
        for mark in "-:":
            if mark in head:
                low, high = (number(part, 0, limit) for part in head.split(mark, 1))
                return _ordered(low, high), 1
        low = number(head, 0, limit)
        if len(words) > 1 and re.fullmatch(r"\d+[-:]\d+", words[1].text):
            raise ValueError("the separators of a range are not mixed: write n m, n-m or n:m")
        if len(words) > 1 and words[1].text.isdigit():
            return _ordered(low, number(words[1].text, 0, limit)), 2
        return (None, 1) if zero_is_any and low == 0 and fact("policy-port-zero-any") else (Span(low, low), 1)

    return read


def _ordered(low: int, high: int) -> Span:
    if low > high:
        raise ValueError(f"the range {low} to {high} runs backwards")
    return Span(low, high)


ANY_ADDRESS = {"ALL": (4, 6), "ALL4": (4,), "ALL6": (6,)}


def _address(words: tuple[Token, ...]) -> tuple[tuple[addresses.AddressRange, ...], int]:
    """All, All4, All6, an address, a prefix or a range; one range for each IP version it stands for."""
    every = ANY_ADDRESS.get(words[0].upper)
    if every:
        return tuple(addresses.every(version) for version in every), 1
    return (addresses.anything(words[0].text),), 1


def _single(words: tuple[Token, ...]) -> tuple[tuple[addresses.AddressRange, ...], int]:
    if words[0].upper in ANY_ADDRESS:
        return _address(words)
    return (addresses.one(words[0].text),), 1


def _prefix(words: tuple[Token, ...]) -> tuple[tuple[addresses.AddressRange, ...], int]:
    return (addresses.prefix(words[0].text),), 1


def _span(words: tuple[Token, ...]) -> tuple[tuple[addresses.AddressRange, ...], int]:
    low, dash, high = words[0].text.partition("-")
    if not dash:
        raise ValueError("write low-high, without blanks")
    return (addresses.span(low, high),), 1


# IpService Protocol names and their numbers. (ipservicestatement; Igmp, Esp, Ah from the log message's list)
PROTOCOLS = {
    "Tcp": 6, "Udp": 17, "Icmp": 1, "Icmpv6": 58, "Ospf": 89, "MIPv6": 135, "Igmp": 2, "Ip": 4, "Ipip": 94,
    "Esp": 50, "Ah": 51,
}  # fmt: skip
OPAQUE = -1  # a protocol value: packets whose upper-layer protocol cannot be determined

# Attributes of IpService that only some protocols have.
ONLY_FOR = {
    "SourcePortRange": (6, 17), "DestinationPortRange": (6, 17), "Type": (1, 58, 89, 135), "Code": (1, 58),
}  # fmt: skip


def _protocol(words: tuple[Token, ...]) -> tuple[int | None, int]:
    word = words[0].upper
    if word in ("ALL", "OPAQUE"):
        return (None if word == "ALL" else OPAQUE), 1
    for name, value in PROTOCOLS.items():
        if word == name.upper():
            return value, 1
    if word.isdigit():
        return number(word, 0, 255), 1
    raise ValueError(did_you_mean(words[0].text, (*PROTOCOLS, "All", "Opaque"), "use a protocol name or 0 to 255"))


CONNECTS = ("InboundConnect", "OutboundConnect")


def _direction(words: tuple[Token, ...]) -> tuple[tuple[str, str | None], int]:
    """bidirectional | inbound | outbound [InboundConnect | OutboundConnect]."""
    way, _ = _choice("Bidirectional", "Inbound", "Outbound")(words)
    if len(words) > 1:
        for connect in CONNECTS:
            if words[1].upper == connect.upper():
                return (way, connect), 2
    return (way, None), 1


def _name(words: tuple[Token, ...]) -> tuple[str, int]:
    name = words[0].text
    if len(name) > NAME_LIMIT:
        raise ValueError(f"names have at most {NAME_LIMIT} characters")
    if name.startswith("-") or "," in name:
        raise ValueError("a name does not start with - and has no comma")
    return name, 1


def _word(read: Callable[..., Any], *limits: int) -> Form:
    """One word in a form of `times`."""
    return lambda words: (read(words[0].text, *limits), 1)


NAME_LIMIT = 32


# ---- schema ----------------------------------------------------------------------------------------------------

_ADDRESSES = (Child("IpAddr"), Child("IpAddrSet"), Child("IpAddrGroup"))


def _ends(side: str) -> tuple[Attr, ...]:
    """The address forms of a rule. The syntax diagram shows one; published policies repeat them."""
    return (
        Attr(f"Ip{side}Addr", _address, most=None),
        Attr(f"Ip{side}AddrSet", _address, most=None),
        Attr(f"Ip{side}AddrRef", _name, most=None),
        Attr(f"Ip{side}AddrSetRef", _name, most=None),
        Attr(f"Ip{side}AddrGroupRef", _name, most=None),
    )


SCHEMA: Mapping[str, Schema] = {
    "IpFilterPolicy": Schema(False, (
        Attr("PreDecap", _choice("off", "on"), FACTS["policy-predecap"]),
        Attr("FilterLogging", _choice("on", "off"), FACTS["policy-filter-logging"]),
        Attr("AllowOnDemand", _choice("no", "yes"), FACTS["policy-allow-on-demand"]),
        Attr("ImplicitDiscardAction", _choice("Silent", "ICMP"), FACTS["policy-implicit-discard"]),
        Attr("FIPS140", _choice("no", "yes"), FACTS["policy-fips140"]),
        Attr("NatKeepAliveInterval", _integer(0, 2147483647), FACTS["policy-nat-keepalive"]),
        Attr("RFC4301Compliance", _choice("no", "yes")),
    ), (Child("IpFilterRule"), Child("IpFilterGroup", inline=False))),
    "IpFilterGroup": Schema(True, (), (Child("IpFilterRule"),), "IpFilterRuleRef"),
    "IpFilterRule": Schema(True, (
        *_ends("Source"), *_ends("Dest"),
        Attr("IpGenericFilterActionRef", _name), Attr("IpTimeConditionRef", _name),
        Attr("IpDynVpnActionRef", _name), Attr("IpManVpnActionRef", _name), Attr("IpLocalStartActionRef", _name),
    ), (Child("IpService"), Child("IpServiceGroup", inline=False), Child("IpTimeCondition", ref=False),
        Child("IpGenericFilterAction", ref=False))),
    "IpService": Schema(True, (
        Attr("Protocol", _protocol),
        Attr("SourcePortRange", _numbers(65535, "All", zero_is_any=True)),
        Attr("DestinationPortRange", _numbers(65535, "All", zero_is_any=True)),
        Attr("Type", _numbers(255, "All")),
        Attr("Code", _numbers(255, "All")),
        Attr("Direction", _direction, FACTS["policy-direction"]),
        Attr("Routing", _choice("Local", "Routed", "Either"), FACTS["policy-routing"]),
        Attr("SecurityClass", _integer(0, 255), FACTS["policy-security-class"]),
        Attr("FragmentsOnly", _choice("No", "Yes"), FACTS["policy-fragments-only"]),
    )),
    "IpServiceGroup": Schema(True, (), (Child("IpService"),), "IpService"),
    "IpAddr": Schema(True, (Attr("Addr", _single, required=True),)),
    "IpAddrSet": Schema(True, (Attr("Prefix", _prefix), Attr("Range", _span))),
    "IpAddrGroup": Schema(True, (), _ADDRESSES[:2], "IpAddr or IpAddrSet"),
    "IpGenericFilterAction": Schema(True, (
        Attr("IpFilterAction", _choice("Permit", "Deny", "IpSec"), required=True),
        Attr("IpFilterLogging", _choice("No", "Yes", "LogPermit", "LogDeny"), "No"),
        Attr("DiscardAction", _choice("Silent", "ICMP"), "Silent"),
    )),
    "IpTimeCondition": Schema(True, (
        Attr("ConditionTimeRange", _word(times.date_range)),
        Attr("MonthOfYearMask", _word(times.mask, 12), "1" * 12),
        Attr("DayOfMonthMask", _word(times.mask, 31, 62), "1" * 31),
        Attr("DayOfWeekMask", _word(times.mask, 7), "1" * 7),
        Attr("TimeOfDayRange", _word(times.day_ranges), ((0, 24 * 60),)),
        Attr("TimeZone", _choice("Local", "Utc"), "Local"),
    )),
}  # fmt: skip

# Statements of IKE and tunnels: read, kept, and without effect on which filter matches.
SKIPPED = (
    "KeyExchangePolicy", "KeyExchangeGroup", "KeyExchangeRule", "KeyExchangeAction", "KeyExchangeOffer",
    "LocalDynVpnPolicy", "LocalDynVpnGroup", "LocalDynVpnRule", "IpDynVpnAction", "IpManVpnAction",
    "IpLocalStartAction", "IpDataOffer", "LocalSecurityEndpoint", "RemoteSecurityEndpoint", "RemoteIdentity",
)  # fmt: skip
_TYPES = {name.upper(): name for name in (*SCHEMA, *SKIPPED)}


# ---- reading ---------------------------------------------------------------------------------------------------


def parse(source: Source) -> Policy:
    """All blocks of one IP security file, in file order, and what is wrong with its form."""
    findings: list[Finding] = []
    rows = list(_rows(source, findings))
    blocks: list[Block] = []
    at = 0
    while at < len(rows):
        head = rows[at]
        if head[0].text in ("{", "}"):
            what = "a statement name"
            findings.append(
                finding("syntax", head[0].where, found=head[0].text, expected=what, hint="remove the extra brace")
            )
            at += 1
            continue
        block, at = _block(rows, at, findings, 0)
        if block is None:
            continue
        if block.type in _TYPES.values():
            blocks.append(block)
        else:
            hint = did_you_mean(block.type, _TYPES.values(), "check the spelling against the statement list")
            findings.append(finding("ignored-statement", block.where, name=block.type, hint=hint))
    return Policy(tuple(blocks), tuple(findings))


def _rows(source: Source, findings: list[Finding]) -> Iterator[tuple[Token, ...]]:
    """The lines of the file. A brace behind a statement's name is an error, and read as if on a line of its own."""
    for row in lines(source, "#", glued=True):
        if len(row) > 1 and row[-1].text == "{" and row[0].upper in _TYPES:
            hint = "put { on a line of its own"
            findings.append(finding("syntax", row[-1].where, found="{", expected="the end of the line", hint=hint))
            yield row[:-1]
            yield row[-1:]
        else:
            yield row


DEEPEST = 16  # nesting beyond this is no policy


def _block(rows: list[tuple[Token, ...]], at: int, findings: list[Finding], depth: int) -> tuple[Block | None, int]:
    """The block whose head is row `at`; also the row after it. A head without `{` is reported and skipped."""
    head = rows[at]
    type = _TYPES.get(head[0].upper, head[0].text)
    name = _block_name(head, findings)
    if not _opens(rows, at + 1):
        hint = "put { on a line of its own under it"
        found = rows[at + 1][0].text if at + 1 < len(rows) else "the end of the file"
        findings.append(finding("syntax", head[0].where, found=found, expected=f"{{ after {head[0].text}", hint=hint))
        return None, at + 1
    _trailing(rows[at + 1], 1, findings)
    entries: list[Attribute | Block] = []
    at += 2
    while at < len(rows):
        row = rows[at]
        if row[0].text == "}":
            _trailing(row, 1, findings)
            return Block(type, name, tuple(entries), head[0].where), at + 1
        if row[0].text == "{":
            findings.append(
                finding("syntax", row[0].where, found="{", expected="an attribute", hint="remove the extra brace")
            )
            at += 1
        elif _opens(rows, at + 1) and depth < DEEPEST:
            inner, at = _block(rows, at, findings, depth + 1)
            entries += [inner] if inner else []
        else:
            entries.append(Attribute(row[0].text, row[1:], row[0].where))
            at += 1
    findings.append(finding("missing-end", head[0].where, statement=f"{type} {name}".strip(), end="}"))
    return None, at


def _opens(rows: list[tuple[Token, ...]], at: int) -> bool:
    return at < len(rows) and rows[at][0].text == "{"


def _block_name(head: tuple[Token, ...], findings: list[Finding]) -> str:
    if len(head) < 2:
        return ""
    try:
        name, taken = _name(head[1:])
    except ValueError as why:
        findings.append(finding("syntax", head[1].where, found=head[1].text, expected="a name", hint=str(why)))
        return str(head[1].text)
    _trailing(head[1:], taken, findings)
    return str(name)


def _trailing(words: tuple[Token, ...], taken: int, findings: list[Finding], attribute: str = "") -> None:
    """Text after the last value: z/OS ignores it, and so does zsim, in a note; in a warning where it was meant."""
    if len(words) > taken:
        text = " ".join(word.text for word in words[taken:])
        found = finding("ignored-text", words[taken].where, text=text)
        meant = _meant(attribute, words[taken].text)
        findings.append(found._replace(severity=WARNING, remedy=meant) if meant else found)


def _meant(attribute: str, word: str) -> str:
    """What to do about ignored text that looks like a value gone astray; "" for a comment."""
    if word[0] in "-:":
        return "write a range without blanks, or put # in front of a comment"
    if attribute.upper() == "DIRECTION":
        return did_you_mean(word, CONNECTS)
    return ""


# ---- writing ---------------------------------------------------------------------------------------------------

_VALUE_COLUMN = 28  # where values stand, as in the samples


def _printed(block: Block, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield _line(indent, block.type, block.name)
    yield f"{indent}{{\n"
    for entry in block.entries:
        if isinstance(entry, Block):
            yield from _printed(entry, depth + 1)
        else:
            name, value = _canonical(block.type, entry)
            yield _line(indent + "  ", name, value)
    yield f"{indent}}}\n"


def _line(indent: str, name: str, value: str) -> str:
    return f"{f'{indent}{name} ':<{_VALUE_COLUMN}}{value}".rstrip() + "\n"


def _canonical(type: str, entry: Attribute) -> tuple[str, str]:
    """An attribute's name as IBM spells it and the words its form takes; one zsim does not know stays as it is."""
    words = entry.words
    schema = SCHEMA.get(type, Schema(False))
    references = [(f"{child.type}Ref", _name) for child in schema.children if child.ref]
    for name, form in (*((attr.name, attr.form) for attr in schema.attributes), *references):
        if name.upper() == entry.name.upper():
            with suppress(ValueError):  # reported by check; printed as it stands
                words = words[: form(words)[1]] if words else words
            return name, " ".join(word.text for word in words)
    return entry.name, " ".join(word.text for word in words)


# ---- one block against the schema ------------------------------------------------------------------------------


class Checked(NamedTuple):
    """A block read by its schema: values by attribute name (a list for each, in order), and its entries that are
    references or inline statements, in order, as (type, name or Block, where)."""

    values: dict[str, list[Any]]
    parts: tuple[tuple[str, str | Block, Where], ...]
    places: dict[str, list[Where]]  # of the attributes that were coded, in step with their values
    value_places: dict[str, Where]  # of the last value of each

    def value(self, name: str) -> Any:
        """The last value coded, or the default."""
        return self.values[name][-1] if self.values.get(name) else None

    def place(self, name: str) -> Where:
        """Where the last value was coded."""
        return self.places[name][-1]


@cache
def _names(type: str) -> tuple[dict[str, Attr], dict[str, str], frozenset[str]]:
    """What may stand in a statement, by name in upper case: attributes, references, inline statements."""
    schema = SCHEMA[type]
    return (
        {attr.name.upper(): attr for attr in schema.attributes},
        {f"{child.type}Ref".upper(): child.type for child in schema.children if child.ref},
        frozenset(child.type for child in schema.children if child.inline),
    )


def check(block: Block, findings: list[Finding]) -> Checked:
    """Read one block by its row of SCHEMA, adding to `findings`. Inline blocks are left for the caller."""
    schema = SCHEMA[block.type]
    title = f"{block.type} {block.name}".strip()
    attributes, refs, inline = _names(block.type)
    values: dict[str, list[Any]] = {}
    places: dict[str, list[Where]] = {}
    value_places: dict[str, Where] = {}
    parts: list[tuple[str, str | Block, Where]] = []
    for entry in block.entries:
        if isinstance(entry, Block):
            if entry.type in inline:
                parts.append((entry.type, entry, entry.where))
            elif entry.type.upper() in attributes:  # ignoring it would leave the default, which is wider
                expected = f"{attributes[entry.type.upper()].name} and its value on one line"
                hint = "write the value behind the name"
                findings.append(finding("syntax", entry.where, found="{", expected=expected, hint=hint))
            else:
                hint = did_you_mean(entry.type, inline, f"{title} cannot contain it")
                findings.append(finding("ignored-attribute", entry.where, name=entry.type, statement=title, hint=hint))
        elif entry.name.upper() in refs:
            name = _read(entry, _name, title, findings)
            parts += [(refs[entry.name.upper()], name, entry.where)] if name is not None else []
        elif (attr := attributes.get(entry.name.upper())) is not None:
            places.setdefault(attr.name, []).append(entry.where)
            value_places[attr.name] = entry.words[0].where if entry.words else entry.where
            value = _read(entry, attr.form, title, findings)
            values.setdefault(attr.name, []).append(value)
        else:
            known = (
                *(attr.name for attr in schema.attributes),
                *inline,
                *(f"{child.type}Ref" for child in schema.children),
            )
            hint = did_you_mean(entry.name, known, "remove the line, or check the spelling")
            findings.append(finding("ignored-attribute", entry.where, name=entry.name, statement=title, hint=hint))
    if schema.needs and not parts:
        findings.append(finding("missing-attribute", block.where, statement=title, name=schema.needs))
    for attr in schema.attributes:
        coded = values.setdefault(attr.name, [])
        if attr.required and not coded:
            findings.append(finding("missing-attribute", block.where, statement=title, name=attr.name))
        if attr.most is not None and len(coded) > attr.most:
            findings.append(
                finding("too-many", places[attr.name][-1], name=attr.name, count=len(coded), most=attr.most)
            )
        if not coded and attr.default is not None:
            coded.append(_default(attr))
    return Checked(values, tuple(parts), places, value_places)


def _default(attr: Attr) -> Any:
    """The value of an attribute that is not coded; a fact is written as in the policy language, so read like it."""
    if not isinstance(attr.default, Fact):
        return attr.default
    return attr.form((Token(str(fact(attr.default.name)), Where("zsim facts")),))[0]


def _read(entry: Attribute, form: Form, title: str, findings: list[Finding]) -> Any:
    """The value of one attribute line, or None after a finding."""
    if not entry.words:
        expected = f"a value for {entry.name}"
        findings.append(
            finding("syntax", entry.where, found="the end of the line", expected=expected, hint=f"complete {title}")
        )
        return None
    try:
        value, taken = form(entry.words)
    except ValueError as why:
        word = entry.words[0]
        expected = f"a value for {entry.name}"
        findings.append(finding("syntax", word.where, found=word.text, expected=expected, hint=str(why)))
        return None
    _trailing(entry.words, taken, findings, entry.name)
    return value


ANY_RANGES = (addresses.every(4), addresses.every(6))  # an address that is not coded
