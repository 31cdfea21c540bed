"""The `ipsec` z/OS UNIX command.

    ipsec -f display [-r detail] [-c current|profile|policy] [-h] [-n name ...] [-g group ...] [-p stack]
    ipsec -f default | reload [-p stack]

`run` reads the words as the shell hands them over and answers with a `Result`. Options may stand in any order;
function keywords may be abbreviated. Source: halu101, the ipsec command; layouts verified on its samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from zsim.clock import ctime
from zsim.facts import fact
from zsim.findings import did_you_mean
from zsim.report import Report, Section
from zsim.tcpip import terms
from zsim.tcpip.filters import FilterSet
from zsim.tcpip.stack import Stack

# Primary options: what each is for, and its value in the heading. (ipsechd, servauthprofile)
PRIMARIES = {
    "-f": ("IP filters", "Filter"),
    "-F": ("defensive filters", "Defensive Filt"),
    "-k": ("IKE tunnels", "IKE tunnel"),
    "-y": ("dynamic tunnels", "Dynamic tunnel"),
    "-m": ("manual tunnels", "Manual tunnel"),
    "-i": ("interfaces", "Interface"),
    "-t": ("traffic test", "IP Traffic Test"),
    "-o": ("NAT port translation", "NATT Port Trans"),
    "-x": ("NSS server", "NSS Server"),
    "-w": ("NSS of stacks", "Stack NSS"),
}
FUNCTIONS = ("display", "default", "reload")
SCOPES = ("current", "profile", "policy")
FORMATS = ("detail", "short", "wide")

# Columns of the heading, from 0, verified on the samples. (ipsechd, verify_active)
HEADING = """\

CS {release} ipsec  Stack Name: {stack}  {time}
Primary:  {primary:<16}Function: {function:<19}Format:   {format}
Source:   {source:<16}Scope:    {scope:<19}TotAvail: {available}
"""
HEADING_FILTER = """\
Logging:  {logging:<16}Predecap: {predecap:<19}DVIPSec:  {dvipsec}
NatKeepAlive:  {keepalive:<11}FIPS140:  {fips}
Defensive Mode: {mode}
"""
DETAIL = "".join(f"{term.label + ':':<30}{{{term.label}}}\n" for term in terms.TERMS) + "*" * 71 + "\n"
FOOTER = "\n{footer}\n"


class Request(NamedTuple):
    primary: str
    function: str
    scope: str
    format: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    stack: str


class Result(NamedTuple):
    """text goes to stdout, errors to stderr; `action` is what the stack is to do (default, reload) or ""."""

    code: int
    report: Report | None = None
    errors: tuple[str, ...] = ()
    action: str = ""
    stack: str = ""


class _Usage(Exception):
    pass


def run(
    words: Sequence[str], stacks: Mapping[str, Stack], default_stack: str, release: str, now: int, offset: int
) -> Result:
    """Carry out one ipsec command line, without the word `ipsec`. Nothing is changed: a request to change the stack
    comes back as `action`."""
    codes = fact("ipsec-exit-codes")
    try:
        request = parse(words, default_stack)
    except _Usage as why:
        return Result(codes["usage"], errors=(f"ipsec: {why}", USAGE))
    stack = stacks.get(request.stack)
    if stack is None:
        running = f"running are {', '.join(stacks)}" if stacks else "no stack is running"
        hint = did_you_mean(request.stack, stacks, running)
        return Result(codes["stack"], errors=(f"ipsec: stack {request.stack} is not active; {hint}",))
    if stack.in_force is None:
        return Result(codes["stack"], errors=(f"ipsec: stack {request.stack} is not enabled for IP security: "
                                              "its profile has no IPCONFIG IPSECURITY",))  # fmt: skip
    if request.function != "display":
        return Result(0, action=request.function, stack=request.stack)
    return Result(0, display(stack, request, release, now, offset))


USAGE = "usage: ipsec -f display|default|reload [-c current|profile|policy] [-n name ...] [-g group ...] [-p stack]"


def parse(words: Sequence[str], default_stack: str) -> Request:
    """Read the options. Raises _Usage with what is wrong."""
    primary, function, values = "", "", _Values()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word in PRIMARIES:
            if primary:
                raise _Usage(f"{primary} and {word} cannot stand together")
            primary = word
            if at < len(words) and not words[at].startswith("-"):
                function = words[at]
                at += 1
        elif word in ("-c", "-r", "-p"):
            if at == len(words):
                raise _Usage(f"{word} needs a value")
            values.single[word] = words[at]
            at += 1
        elif word in ("-n", "-g"):
            first = at
            while at < len(words) and not words[at].startswith("-"):
                at += 1
            if first == at:
                raise _Usage(f"{word} needs a name")
            values.several.setdefault(word, []).extend(words[first:at])
        elif word != "-h":  # -h adds NAT resolution filters, of which there are none
            raise _Usage(f"{word} is not an option of ipsec" if word.startswith("-") else f"{word} is unexpected")
    if primary != "-f":
        what = (
            f"{primary} ({PRIMARIES[primary][0]}) is not modelled"
            if primary
            else "a primary option such as -f is missing"
        )
        raise _Usage(what)
    return Request(
        primary, _keyword(function, FUNCTIONS, "function of -f"),
        _keyword(values.single.get("-c", "current"), SCOPES, "-c"),
        _format(values.single.get("-r", "detail")), tuple(values.several.get("-n", ())),
        tuple(values.several.get("-g", ())), values.single.get("-p", default_stack).upper(),
    )  # fmt: skip


class _Values:
    def __init__(self) -> None:
        self.single: dict[str, str] = {}
        self.several: dict[str, list[str]] = {}


def _keyword(word: str, known: Sequence[str], what: str) -> str:
    found = [name for name in known if name.startswith(word.lower())]
    if len(found) == 1 and len(word) >= min(fact("ipsec-abbreviation"), len(found[0])):
        return found[0]
    hint = did_you_mean(word, known, "")
    raise _Usage(f"{word or 'nothing'} is no {what}: use {', '.join(known)}" + (f"; {hint}" if hint else ""))


def _format(word: str) -> str:
    format = _keyword(word, FORMATS, "-r")
    if format != "detail":
        raise _Usage(f"-r {format} is not modelled; -r detail is")
    return format


def display(stack: Stack, request: Request, release: str, now: int, offset: int) -> Report:
    """`ipsec -f display` in the detail format: heading, one block of 54 fields a filter, selection count."""
    chosen = {"current": stack.in_force, "profile": stack.default, "policy": stack.policy}[request.scope]
    rows = [terms.row(shown) for shown in _shown(chosen, now, offset)]
    available = len(rows)
    if request.names:
        rows = [row for row in rows if row["FilterName"] in request.names]
    if request.groups:
        rows = [row for row in rows if row["GroupName"] in request.groups]
    scope = dict(zip(SCOPES, fact("report-scope-words"), strict=True))[request.scope]
    in_force = stack.in_force
    assert in_force is not None
    source = chosen.source if chosen else {"profile": "Stack Profile", "policy": "Stack Policy"}[request.scope]
    settings = chosen or in_force
    head = {
        "release": release, "stack": stack.name, "time": ctime(now, offset), "primary": PRIMARIES[request.primary][1],
        "function": "Display", "format": request.format.capitalize(), "source": source, "scope": scope,
        "available": available, "logging": "On" if settings.logging else fact("report-logging-off"),
        "predecap": "On" if settings.predecap else "Off", "dvipsec": "Yes" if _dvipsec(stack) else "No",
        "keepalive": settings.nat_keepalive, "fips": "Yes" if settings.fips140 else "No", "mode": stack.defensive_mode,
    }  # fmt: skip
    return Report((
        Section("heading", HEADING + HEADING_FILTER, (head,)),
        Section("", "\n", ({},) if rows else ()),
        Section("filters", DETAIL, tuple(rows)),
        Section("footer", FOOTER, ({"footer": fact("report-footer").format(count=len(rows)), "count": len(rows)},)),
    ))  # fmt: skip


def _shown(chosen: FilterSet | None, now: int, offset: int) -> Iterator[terms.Shown]:
    """What is installed now: rules outside their time are not. (ipfdisplay)"""
    for at in chosen.active(now, offset) if chosen is not None else ():
        assert chosen is not None
        if not chosen.filters[at].hidden:
            yield terms.Shown(chosen.filters[at], chosen.hits[at], chosen.created, chosen.created)


def _dvipsec(stack: Stack) -> bool:
    return stack.default is not None and stack.default.dvipsec
