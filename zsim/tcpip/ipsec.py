"""The `ipsec` z/OS UNIX command: its words, and what each request comes to.

    ipsec -f display [-r short|detail|wide] [-c current|profile|policy] [-h] [-n name ...] [-g group ...] [-p stack]
    ipsec -f default | reload [-p stack]
    ipsec -F display [-r format] [-N name ...] [-p stack | -G]
    ipsec -F add srcip A destip A ... dir D -N name [-p stack | -G]      (keywords: zsim.tcpip.defensive)
    ipsec -F update [mode M] [log L] [loglimit N] [lifetime M] -N name [-p stack | -G]
    ipsec -F delete -N name [-p stack | -G]
    ipsec -t srcip destip prot [srcport destport | type code | type] in|out [secclass] [-r format] [-p stack]
    ipsec -i | -k display [-e] | -y display [-s] [-b] | -m display | -o display [-r format] [-p stack]
    ipsec -x | -w [-r format]
    ipsec -?

`run` reads the words as the shell hands them over and answers with a `Result`. Options may stand in any order;
function keywords may be abbreviated. Source: halu101, the ipsec command; ipsecdefopt and qa_modes for -F.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from zsim.clock import Offset, ctime
from zsim.facts import fact
from zsim.findings import did_you_mean
from zsim.report import Report
from zsim.tcpip import defensive, ipsec_reports
from zsim.tcpip.defensive import Installed
from zsim.tcpip.ipsec_reports import Head
from zsim.tcpip.stack import Stack


class Primary(NamedTuple):
    """A primary option: what it is for, its value in the heading, its functions and the options beside it."""

    purpose: str
    heading: str
    functions: tuple[str, ...]
    options: str  # letters beside a display
    control: str = ""  # letters beside a function that changes something
    default: str = ""  # the function that needs no word


# Primary options. (ipsechd, servauthprofile)
PRIMARIES = {
    "-f": Primary("IP filters", "Filter", ("display", "default", "reload"), "crhngpz", "pz"),
    "-F": Primary("defensive filters", "Defensive Filt", ("display", "add", "update", "delete"), "rNpGz", "NpGz"),
    "-k": Primary("IKE tunnels", "IKE tunnel", ("display", "deactivate", "refresh"), "reapz", "apz"),
    "-y": Primary("dynamic tunnels", "Dynamic tunnel", ("display", "activate", "deactivate", "refresh"), "rsbapz",
                  "apz"),
    "-m": Primary("manual tunnels", "Manual tunnel", ("display", "activate", "deactivate"), "rapz", "apz"),
    "-i": Primary("interfaces", "Interface", ("display",), "rpz", default="display"),
    "-t": Primary("traffic test", "IP Traffic Test", (), "rpz"),
    "-o": Primary("NAT port translation", "NATT Port Trans", ("display",), "rpz", default="display"),
    "-x": Primary("clients of the NSS server", "NSS Server", ("display",), "rz", default="display"),
    "-w": Primary("NSS of stacks", "Stack NSS", ("display",), "rp", default="display"),
}  # fmt: skip
STACKLESS = ("-x", "-w")  # what they show is no stack's
SINGLE, SEVERAL = "crpz", "ngNa"  # options with a value, and with one or more; the others have none
SCOPES = ("current", "profile", "policy")
FORMATS = ("detail", "short", "wide")
_FORMAT = "[-r short|detail|wide]"
USAGES: dict[str, tuple[str, ...]] = {
    "-f": (
        f"display {_FORMAT} [-c current|profile|policy] [-h] [-n name ...] [-g group ...] [-p stack]",
        "default|reload [-p stack]",
    ),
    "-F": (
        f"display {_FORMAT} [-N name ...] [-p stack | -G]",
        "add " + " ".join(
            f"{each.name} {each.example}" if each.required else f"[{each.name} {each.example}]"
            for each in defensive.KEYWORDS
        ) + " -N name [-p stack | -G]",
        "update " + " ".join(f"[{each.name} {each.example}]" for each in defensive.KEYWORDS if each.update)
        + " -N name [-p stack | -G]",
        "delete -N name [-p stack | -G]",
    ),
    "-t": (f"srcip destip prot [srcport destport | type code | type] in|out [secclass] {_FORMAT} [-p stack]",),
    "-i": (f"{_FORMAT} [-p stack]",),
    "-k": (f"display {_FORMAT} [-e] [-p stack]",),
    "-y": (f"display {_FORMAT} [-s] [-b] [-p stack]",),
    "-m": (f"display {_FORMAT} [-p stack]",),
    "-o": (f"{_FORMAT} [-p stack]",),
    "-x": (_FORMAT,),
    "-w": (_FORMAT,),
}  # fmt: skip


def usage(primary: str = "") -> str:
    """How one primary option is written, or all of them."""
    lines = [f"ipsec {name} {text}" for name, texts in USAGES.items() for text in texts if primary in ("", name)]
    return "usage: " + "\n       ".join(part for line in lines for part in _folded(line))


def _folded(line: str) -> list[str]:
    """A usage line within 80 columns; an option stays with its value."""
    kept = re.sub(r"\[[^]]*\]|(?<=-)\w \w+", lambda found: found[0].replace(" ", "\0"), line)
    parts = wrap(kept, 73, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False)
    return [part.replace("\0", " ") for part in parts]


class Request(NamedTuple):
    primary: str
    function: str
    scope: str = "current"
    format: str = "detail"
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    stack: str = ""
    client: str = ""
    everywhere: bool = False  # -G
    variant: str = ""  # of the heading field Function: cascade, shadows
    daemon: bool = False  # -b: from the IKE daemon instead of the stack
    operands: tuple[str, ...] = ()


class Result(NamedTuple):
    """text or report goes to stdout, errors to stderr. `action` is what is to be done: default or reload in the stack,
    add, update or delete by DMD (`stack` is "" for a global filter); or ""."""

    code: int
    report: Report | None = None
    errors: tuple[str, ...] = ()
    action: str = ""
    stack: str = ""
    name: str = ""
    values: Mapping[str, Any] | None = None
    text: str = ""


class _Usage(Exception):
    pass


class Asked(NamedTuple):
    """A request with what it needs to be answered."""

    request: Request
    stack: Stack
    release: str
    now: int
    offset: Offset
    everywhere: Sequence[Installed] | None
    stacks: Mapping[str, Stack]

    def head(self, **values: object) -> Head:
        primary, request = PRIMARIES[self.request.primary], self.request
        variant = f" ({request.variant})" if request.variant else ""
        given: dict[str, object] = {
            "release": self.release, "label": "Stack Name", "stack": self.stack.name,
            "time": ctime(self.now, self.offset), "primary": primary.heading, "function": f"Display{variant}",
            "format": request.format.capitalize(), "source": "Stack", "scope": "n/a",
        }  # fmt: skip
        return {**given, **values}


def run(
    words: Sequence[str], stacks: Mapping[str, Stack], default_stack: str, release: str, now: int, offset: Offset,
    everywhere: Sequence[Installed] | None = None, refused: Callable[[Sequence[Qualifiers]], str] = lambda names: "",
) -> Result:  # fmt: skip
    """Carry out one ipsec command line, without the word `ipsec`. Nothing is changed: a request to change something
    comes back as `action`. `everywhere` are the global defensive filters, None while DMD does not run; `refused` says
    of which of the resources a request needs the user has no READ access to, or ""."""
    codes = fact("ipsec-exit-codes")
    if list(words) in (["-?"], ["-h"]):
        return Result(0, text=f"{usage()}\n")
    try:
        request = parse(words, default_stack)
        why = refused(resources(request, stacks))
        if why:
            return Result(codes["authority"], errors=(f"ipsec: {why}",))
        if request.client:
            why = f"NSS client {request.client} is not known: no NSS server runs"
            return Result(codes["stack"], errors=(f"ipsec: {why}",))
        if request.everywhere and everywhere is None:
            return Result(codes["dmd"], errors=("ipsec: the Defense Manager daemon (DMD) is not running",))
        stack = stacks.get(request.stack)
        elsewhere = request.everywhere or request.primary in STACKLESS
        if stack is None and not elsewhere:
            running = f"running are {', '.join(stacks)}" if stacks else "no stack is running"
            hint = did_you_mean(request.stack, stacks, running)
            return Result(codes["stack"], errors=(f"ipsec: stack {request.stack} is not active; {hint}",))
        if stack is not None and stack.in_force is None and not elsewhere:
            return Result(codes["stack"], errors=(f"ipsec: stack {request.stack} is not enabled for IP security: "
                                                  "its profile has no IPCONFIG IPSECURITY",))  # fmt: skip
        asked = Asked(request, stack or Stack(request.stack), release, now, offset, everywhere, stacks)
        return ANSWERS[request.primary, request.function](asked)
    except _Usage as why:
        primary = next((word for word in words if word in USAGES), "")
        return Result(codes["usage"], errors=(f"ipsec: {why}", usage(primary)))


# The resources of class SERVAUTH behind EZB.IPSECCMD.sysname, READ to each. (NS servauthprofile)
DMD_GLOBAL = "DMD_GLOBAL"
Qualifiers = tuple[str, ...]


def resources(request: Request, stacks: Iterable[str]) -> list[Qualifiers]:
    """What a request needs: qualifiers, with "" for the name of the system. -G changes need the authority over each
    stack too."""
    way = "DISPLAY" if request.function in ("display", "") else "CONTROL"
    if request.client:
        return [("EZB", "NETMGMT", "", request.client.upper(), "IPSEC", way)]
    if not request.everywhere:
        return [("EZB", "IPSECCMD", "", request.stack, way)]
    affected = stacks if way == "CONTROL" else ()
    return [("EZB", "IPSECCMD", "", each, way) for each in (DMD_GLOBAL, *affected)]


def needed(words: Sequence[str], default_stack: str, stacks: Iterable[str]) -> list[Qualifiers]:
    """The resources of a command line. Raises ValueError."""
    try:
        return resources(parse(words, default_stack), stacks)
    except _Usage as why:
        raise ValueError(f"ipsec: {why}") from None


# ---- words ----------------------------------------------------------------------------------------------------


def parse(words: Sequence[str], default_stack: str) -> Request:
    """Read the options. Raises _Usage with what is wrong."""
    primary, given, operands = "", {}, []  # type: str, dict[str, list[str]], list[str]
    pending = list(words)
    while pending:
        word = pending.pop(0)
        letter = word[1:] if len(word) == 2 and word[0] == "-" else ""
        values: list[str] = []
        if word in PRIMARIES:
            if primary:
                raise _Usage(f"{primary} and {word} cannot stand together")
            primary = word
        elif not word.startswith("-"):
            operands.append(word)
        elif letter not in {each for row in PRIMARIES.values() for each in row.options}:
            raise _Usage(f"{word} is not an option of ipsec")
        elif letter in SINGLE:
            if letter in given:
                raise _Usage(f"{word} is given twice")
            if not pending:
                raise _Usage(f"{word} needs a value")
            given.setdefault(letter, []).append(pending.pop(0))
        else:
            while letter in SEVERAL and pending and not pending[0].startswith("-"):
                values.append(pending.pop(0))
                if letter == "N" and primary == "-F" and operands and not _displays(operands[0]):
                    break  # one name; what follows are keywords of add and update
            if letter in SEVERAL and not values:
                raise _Usage(f"{word} needs a name")
            given.setdefault(letter, []).extend(values)
    return _request(primary, given, operands, default_stack)


def _displays(word: str) -> bool:
    return "display".startswith(word.lower())


def _request(primary: str, given: Mapping[str, list[str]], operands: list[str], default_stack: str) -> Request:
    """What the options come to. Raises _Usage."""
    if not primary:
        what = operands[0] if operands else next((f"-{letter}" for letter in given), "")
        raise _Usage(f"{what + ': ' if what else ''}a primary option is missing: use {', '.join(PRIMARIES)}")
    row = PRIMARIES[primary]
    function = ""
    if row.functions:
        word = row.default if row.default and not operands else operands.pop(0) if operands else ""
        function = _keyword(word, row.functions, f"function of {primary}")
    for letter in given:
        if letter not in row.options:
            raise _Usage(f"-{letter} does not belong to {primary}")
        if letter not in row.control and function not in ("display", ""):
            raise _Usage(f"-{letter} does not belong to {primary} {function}")
    if primary == "-F" and "z" in given:
        raise _Usage("defensive filters of NSS clients can neither be displayed nor managed")
    for one, other in ("Gp", "pz"):
        if one in given and other in given:
            raise _Usage(f"-{one} and -{other} exclude each other")
    if operands and not (primary == "-t" or (primary == "-F" and function != "display")):
        raise _Usage(f"{operands[0]} is unexpected")
    variants = [name for letter, name in (("e", "cascade"), ("s", "shadows")) if letter in given]
    variants += ["global"] if "G" in given and function == "display" else []
    return Request(
        primary, function, _keyword(given.get("c", ["current"])[-1], SCOPES, "-c"),
        _keyword(given.get("r", ["detail"])[-1], FORMATS, "-r"),
        tuple(given.get("n", ()) or given.get("N", ())), tuple(given.get("g", ())),
        given.get("p", [default_stack])[-1].upper(), given.get("z", [""])[-1], "G" in given, "".join(variants[:1]),
        "b" in given, tuple(operands),
    )  # fmt: skip


def _keyword(word: str, known: Sequence[str], what: str) -> str:
    found = [name for name in known if name.startswith(word.lower())] if word else []
    if len(found) == 1 and len(word) >= min(fact("ipsec-abbreviation"), len(found[0])):
        return found[0]
    hint = did_you_mean(word, known, "")
    raise _Usage(f"{word or 'nothing'} is no {what}: use {', '.join(known)}" + (f"; {hint}" if hint else ""))


# ---- answers --------------------------------------------------------------------------------------------------


def _display_filters(asked: Asked) -> Result:
    request, stack = asked.request, asked.stack
    chosen = {"current": stack.in_force, "profile": stack.default, "policy": stack.policy}[request.scope]
    shown = [] if request.scope != "current" else list(ipsec_reports.defended(stack.defensive.filters))
    shown += ipsec_reports.installed(chosen, asked.now, asked.offset)
    scope = dict(zip(SCOPES, fact("report-scope-words"), strict=True))[request.scope]
    source = chosen.source if chosen else {"profile": "Stack Profile", "policy": "Stack Policy"}[request.scope]
    head = asked.head(source=source, scope=scope, available=len(shown), **ipsec_reports.settings(stack, chosen))
    rows = ipsec_reports.rows(shown, request.names, request.groups)
    return Result(0, ipsec_reports.filters(head, ipsec_reports.STACK_HEADING, stack.defensive.exclude, rows,
                                           request.format))  # fmt: skip


def _control_filters(asked: Asked) -> Result:
    return Result(0, action=asked.request.function, stack=asked.request.stack)


def _display_defensive(asked: Asked) -> Result:
    request, stack = asked.request, asked.stack
    local, everywhere = fact("report-defensive-sources")
    if request.everywhere:
        shown = list(ipsec_reports.everywhere(asked.everywhere or (), asked.stacks))
        head = asked.head(stack="*ALL*", source=everywhere, available=len(shown))
        rows = ipsec_reports.rows(shown, request.names)
        return Result(0, ipsec_reports.filters(head, "", (), rows, request.format))
    shown = list(ipsec_reports.defended(stack.defensive.filters))
    settings = ipsec_reports.settings(stack, stack.in_force)
    head = asked.head(source=local, available=len(shown), **settings)
    rows = ipsec_reports.rows(shown, request.names)
    return Result(0, ipsec_reports.filters(head, ipsec_reports.STACK_HEADING, stack.defensive.exclude, rows,
                                           request.format))  # fmt: skip


def _control_defensive(asked: Asked) -> Result:
    """add, update, delete: the keywords and the name are read here, the rest is DMD's."""
    request = asked.request
    try:
        if len(request.names) != 1:
            raise ValueError(f"-F {request.function} needs one -N name")
        name = defensive.base_name(request.names[0])
        if request.function == "delete":
            if request.operands:
                raise ValueError(f"{request.operands[0]} is unexpected: -F delete has only -N, -p and -G")
            values = {}
        else:
            values = defensive.pairs(request.operands, request.function == "update")
        if request.function == "update" and not values:
            raise ValueError("-F update needs mode, log, loglimit or lifetime")
        if request.function == "add":
            defensive.versions_of(values, ())
    except ValueError as why:
        raise _Usage(str(why)) from None
    stack = "" if request.everywhere else request.stack
    return Result(0, action=request.function, stack=stack, name=name, values=values)


def _test(asked: Asked) -> Result:
    request, stack = asked.request, asked.stack
    try:
        wanted = ipsec_reports.traffic(request.operands)
    except ValueError as why:
        raise _Usage(f"-t: {why}") from None
    every = [*ipsec_reports.defended(stack.defensive.filters),
             *ipsec_reports.installed(stack.in_force, asked.now, asked.offset)]  # fmt: skip
    shown = [each for each in every if ipsec_reports.meets(each.rule, wanted)]
    source, dest, *rest = request.operands
    assert stack.in_force is not None
    head = asked.head(
        source=stack.in_force.source, available=len(shown), data=f"{source}  {dest}  {' '.join(rest)}",
        mode=stack.defensive_mode,
    )  # fmt: skip
    rows = ipsec_reports.rows(shown)
    return Result(0, ipsec_reports.filters(head, ipsec_reports.TEST_HEADING, (), rows, request.format))


def _interfaces(asked: Asked) -> Result:
    rows = list(ipsec_reports.interfaces(asked.stack))
    return Result(0, ipsec_reports.plain(asked.head(available=len(rows)), rows, asked.request.format, "interfaces"))


def _no_tunnels(asked: Asked) -> Result:
    """zsim has no tunnels and no NSS: displays are empty."""
    request = asked.request
    head = asked.head(available=0, source=fact("report-tunnel-sources")[f"{request.primary}{' -b' * request.daemon}"])
    if request.primary in STACKLESS:
        head["stack"] = fact("report-nss-name")
    if request.primary == "-x":
        head["label"] = "NSS Client Name"
    return Result(0, ipsec_reports.plain(head, [], request.format, "tunnels"))


def _no_tunnel(asked: Asked) -> Result:
    request = asked.request
    name = f" {request.names[0]}" if request.names else ""
    what = f"ipsec: {PRIMARIES[request.primary].purpose}: there is no tunnel{name} to {request.function}"
    return Result(fact("ipsec-exit-codes")["name"], errors=(what,))


ANSWERS: dict[tuple[str, str], Callable[[Asked], Result]] = {
    ("-f", "display"): _display_filters,
    ("-f", "default"): _control_filters,
    ("-f", "reload"): _control_filters,
    ("-F", "display"): _display_defensive,
    ("-F", "add"): _control_defensive,
    ("-F", "update"): _control_defensive,
    ("-F", "delete"): _control_defensive,
    ("-t", ""): _test,
    ("-i", "display"): _interfaces,
    **{(each, "display"): _no_tunnels for each in ("-k", "-y", "-m", "-o", "-x", "-w")},
    **{(each, name): _no_tunnel for each in ("-k", "-y", "-m") for name in PRIMARIES[each].functions[1:]},
}
