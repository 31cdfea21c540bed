"""The configuration file of the Defense Manager daemon (DMD).

    DMConfig                          at most one; it may be left out
    {
      SyslogLevel 7
      DefensiveFilterDirectory /var/dm/filters
    }
    DmStackConfig TCPIP               one for each stack that is to have defensive filters
    {
      Mode Active|Simulate|Inactive
      MaxLifetime 1440
      DefaultLogLimit 0
      Exclude 10.1.0.99               repeatable: an address or address/prefixLength
    }

Braces stand on lines of their own; `#` begins a comment. (halz001 dmstackconfig, dmdcfg; the seed)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.config.source import Source, Token, lines
from zsim.facts import FACTS, Fact, fact
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding, number

ACTIVE, SIMULATE, INACTIVE = "Active", "Simulate", "Inactive"
EVERY_MODE = (ACTIVE, SIMULATE, INACTIVE)
GLOBAL, STACK = "DMConfig", "DmStackConfig"


class Parameter(NamedTuple):
    name: str
    read: Callable[[str], Any]  # raises ValueError
    default: Any  # a Fact where no source confirms it
    most: int | str = 1  # how often it may stand in a statement; a fact's name where unconfirmed


def _mode(word: str) -> str:
    found = {mode.upper(): mode for mode in EVERY_MODE}.get(word.upper())
    if found is None:
        raise ValueError(did_you_mean(word, EVERY_MODE, f"use {', '.join(EVERY_MODE)}"))
    return found


def _directory(word: str) -> str:
    if not word.startswith("/") or not word.isprintable():
        raise ValueError("an absolute path begins with /")
    return word.rstrip("/") or "/"


def _address(word: str) -> AddressRange:
    return addresses.prefix(word) if "/" in word else addresses.one(word)


def _within(low: int, most: int | str) -> Callable[[str], int]:
    return lambda word: number(word, low, fact(most) if isinstance(most, str) else most)


# Parameters by statement, in the order they are printed. (dmstackconfig, dmdcfg; upper ends unconfirmed)
PARAMETERS: dict[str, tuple[Parameter, ...]] = {
    GLOBAL: (
        Parameter("SyslogLevel", _within(0, 255), FACTS["dmd-sysloglevel"]),
        Parameter("DefensiveFilterDirectory", _directory, FACTS["dmd-directory"]),
    ),
    STACK: (
        Parameter("Mode", _mode, ACTIVE),
        Parameter("MaxLifetime", _within(1, "dmd-lifetime-most"), 1440),
        Parameter("DefaultLogLimit", _within(0, "defensive-loglimit-most"), 0),
        Parameter("Exclude", _address, (), "dmd-exclude-most"),
    ),
}
_STATEMENTS = {name.upper(): name for name in PARAMETERS}


class StackConfig(NamedTuple):
    stack: str
    mode: str
    max_lifetime: int
    log_limit: int
    exclude: tuple[AddressRange, ...]


class Config(NamedTuple):
    """The file with its defaults filled in. Written out, it is the canonical form."""

    level: int
    directory: str
    stacks: tuple[StackConfig, ...] = ()

    def of(self, stack: str) -> StackConfig | None:
        return next((each for each in self.stacks if each.stack == stack), None)

    def __str__(self) -> str:
        blocks: list[tuple[str, str, tuple[Any, ...]]] = [(GLOBAL, "", (self.level, self.directory))]
        blocks += [(STACK, f" {each.stack}", each[1:]) for each in self.stacks]
        text = ""
        for statement, name, values in blocks:
            text += f"{statement}{name}\n{{\n"
            for parameter, value in zip(PARAMETERS[statement], values, strict=True):
                for each in value if isinstance(value, tuple) else (value,):
                    text += f"  {parameter.name} {each}\n"
            text += "}\n"
        return text


class Read(NamedTuple):
    config: Config
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        return any(each.severity == ERROR for each in self.findings)


def parse(source: Source) -> Read:
    """The whole file, going on after a mistake."""
    findings: list[Finding] = []
    rows = list(lines(source, "#", glued=True))
    general: dict[str, Any] | None = None
    stacks: dict[str, tuple[StackConfig, Where]] = {}
    where_general: Where | None = None
    at = 0
    while at < len(rows):
        head = rows[at]
        statement = _STATEMENTS.get(head[0].upper)
        if statement is None:
            hint = did_you_mean(head[0].text, PARAMETERS, "statements are DMConfig and DmStackConfig")
            if head[0].text in ("{", "}"):
                hint = "a brace stands below a statement's name, on a line of its own"
            findings.append(finding("unknown-statement", head[0].where, word=head[0].text, language="DMD", hint=hint))
            at = _after(rows, at + 1)
            continue
        name = _head(head, statement, findings)
        values, at = _block(rows, at, statement, findings)
        if statement == GLOBAL:
            if where_general is not None:
                findings.append(_twice(head[0].where, GLOBAL, where_general))
            general, where_general = values, head[0].where
        elif name:
            if name in stacks:
                findings.append(_twice(head[0].where, f"{STACK} {name}", stacks[name][1]))
            stacks[name] = StackConfig(name, *(values[each.name] for each in PARAMETERS[STACK])), head[0].where
    chosen = general or _values(GLOBAL, {})
    level, directory = (chosen[each.name] for each in PARAMETERS[GLOBAL])
    config = Config(level, directory, tuple(each for each, _ in stacks.values()))
    return Read(config, tuple(findings))


def defaults() -> Config:
    """What an empty file says."""
    return parse(Source("", "")).config


def _twice(where: Where, name: str, first: Where) -> Finding:
    return finding("duplicate-name", where, name=name, line=first.line)


def _after(rows: list[tuple[Token, ...]], at: int) -> int:
    """The row after a block that is skipped: that of the next statement."""
    while at < len(rows) and rows[at][0].upper not in _STATEMENTS:
        at += 1
    return at


def _head(head: tuple[Token, ...], statement: str, findings: list[Finding]) -> str:
    """The stack's name; "" for DMConfig, and after a finding."""
    wanted = 2 if statement == STACK else 1
    extra = head[wanted:]
    if extra:
        findings.append(
            finding("syntax", extra[0].where, found=extra[0].text, expected="the end of the line",
                    hint="put { on a line of its own" if extra[0].text == "{" else "remove it")
        )  # fmt: skip
    if statement == GLOBAL:
        return ""
    if len(head) < 2 or head[1].text == "{":
        findings.append(finding("missing-attribute", head[0].where, statement=STACK, name="stack name"))
        return ""
    if not (head[1].text.isalnum() and head[1].text.isascii() and len(head[1].text) <= 8):
        findings.append(
            finding("syntax", head[1].where, found=head[1].text, expected="a stack name", hint="1 to 8 characters")
        )
        return ""
    return head[1].upper


def _block(
    rows: list[tuple[Token, ...]], at: int, statement: str, findings: list[Finding]
) -> tuple[dict[str, Any], int]:
    """The values of a statement whose head is row `at`, and the row after it."""
    head = rows[at]
    at += 1
    opened = at < len(rows) and rows[at][0].text == "{"
    inline = head[-1].text == "{"  # reported by _head
    if not opened and not inline:
        found = rows[at][0].text if at < len(rows) else "the end of the file"
        findings.append(
            finding("syntax", head[0].where, found=found, expected=f"{{ after {statement}",
                    hint="put { on a line of its own under it")
        )  # fmt: skip
        return _values(statement, {}), at
    if opened:
        _alone(rows[at], findings)
        at += 1
    coded: dict[str, list[Any]] = {}
    while at < len(rows):
        row = rows[at]
        if row[0].text == "}":
            _alone(row, findings)
            return _values(statement, coded), at + 1
        if row[0].upper in _STATEMENTS:
            break
        _parameter(row, statement, coded, findings)
        at += 1
    findings.append(finding("missing-end", head[0].where, statement=statement, end="}"))
    return _values(statement, coded), at


def _alone(row: tuple[Token, ...], findings: list[Finding]) -> None:
    if len(row) > 1:
        hint = "braces and parameters stand on lines of their own"
        findings.append(finding("syntax", row[1].where, found=row[1].text, expected="the end of the line", hint=hint))


def _parameter(row: tuple[Token, ...], statement: str, coded: dict[str, list[Any]], findings: list[Finding]) -> None:
    known = {each.name.upper(): each for each in PARAMETERS[statement]}
    parameter = known.get(row[0].upper)
    if parameter is None:
        names = [each.name for each in PARAMETERS[statement]]
        hint = did_you_mean(row[0].text, names, f"use {', '.join(names)}")
        findings.append(finding("unknown-statement", row[0].where, word=row[0].text, language=statement, hint=hint))
        return
    if len(row) < 2:
        findings.append(
            finding("syntax", row[0].where, found="the end of the line", expected=f"a value for {parameter.name}",
                    hint=f"complete {statement}")
        )  # fmt: skip
        return
    try:
        value = parameter.read(row[1].text)
    except ValueError as why:
        findings.append(
            finding("syntax", row[1].where, found=row[1].text, expected=f"a value for {parameter.name}", hint=str(why))
        )
        return
    _alone(row[1:], findings)
    values = coded.setdefault(parameter.name, [])
    values.append(value)
    most = fact(parameter.most) if isinstance(parameter.most, str) else parameter.most
    if len(values) > most:
        findings.append(finding("too-many", row[0].where, name=parameter.name, count=len(values), most=most))


def _values(statement: str, coded: dict[str, list[Any]]) -> dict[str, Any]:
    """Every parameter: coded (the last one counts), or its default."""
    found: dict[str, Any] = {}
    for each in PARAMETERS[statement]:
        if isinstance(each.most, str):
            found[each.name] = tuple(coded.get(each.name, ()))
        elif each.name in coded:
            found[each.name] = coded[each.name][-1]
        else:
            found[each.name] = fact(each.default.name) if isinstance(each.default, Fact) else each.default
    return found
