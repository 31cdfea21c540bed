"""The `pasearch` z/OS UNIX command: the Policy Agent's policy as written, before it is expanded.

    pasearch [-v a|f|k|l | -q | -i | -t | -R] [-p image] [-f name] [-r | -a] [-n] [-A] [-C]

It reports from the agent, not from the stack: a rule is shown whole, also outside its time, and nothing here proves
that anything is installed. The layout for IP security rules is zsim's: the header and the time periods are those of
a captured AT-TLS report, the rest lists a rule's attributes in the same columns.

Source: halu101 pasearchcmd (options); the captured report of the AT-TLS reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from zsim import addresses
from zsim.addresses import AddressRange
from zsim.clock import Offset, ctime, moment
from zsim.config import policy
from zsim.tasks.pagent import Configured
from zsim.tcpip.filters import Service
from zsim.tcpip.terms import protocol
from zsim.times import TimeCondition, active

FOUND, WRONG = 0, 1
EMPTY = "No policies retrieved\n"
USAGE = "usage: pasearch [-v a|f|k|l] [-q|-i|-t|-R] [-p image] [-f name] [-r|-a] [-n] [-A] [-C]\n"
_FLAGS = ("-q", "-i", "-t", "-R", "-T", "-d", "-I", "-z", "-r", "-a", "-n", "-A", "-C", "-c", "-e", "-g", "-o", "-w")
_VALUES = ("-v", "-p", "-f", "-s")
_OTHER_TYPES = ("-q", "-i", "-t", "-R")  # policy types the agent has none of
_VIEWS = ("a", "f", "k", "l")

HEAD = """\

TCP/IP pasearch CS {release:<23}Image Name: {image}
  Date:                 {date}        Time:  {time}
  IPSec Instance Id:    {instance}
"""
RULE = """\

policyRule:             {name}
  Rule Type:            IpFilter
  Version:              3                 Status:            {status}
  Weight:               {weight:<18}ForLoadDist:       False
  Priority:             {weight:<18}Sequence Actions:  Don't Care
  No. Policy Action:    1
  policyAction:         {action}
   ActionType:          IpFilter Generic
   Action Sequence:     0
  Time Periods:
   Day of Month Mask:
   First to Last:       {first}
   Last to First:       {last}
   Month of Yr Mask:    {months}
   Day of Week Mask:    {weekdays}  (Sunday - Saturday)
   Start Date Time:     {start}
   End Date Time:       {end}
   Fr TimeOfDay:        {from_time:<18}To TimeOfDay:      {to_time}
   TimeZone:            {zone}
  IpFilter Condition Summary:             NegativeIndicator: Off
   GroupName:           {group}
"""
ENDS = """\
   {side} Address:
    FromAddr:           {low}
    ToAddr:             {high}
"""
SERVICE = """\
   Service:
    Protocol:           {protocol}
    SourcePortFrom:     {sport[0]:<18}SourcePortTo:      {sport[1]}
    DestPortFrom:       {dport[0]:<18}DestPortTo:        {dport[1]}
    Type:               {type:<18}Code:              {code}
    Direction:          {way}
    Routing:            {routing:<18}SecurityClass:     {secclass}
    FragmentsOnly:      {fragments}
"""
ACTION = """\

  IpFilter Action:              {action}
    Version:                    3
    Status:                     Active
    IpFilterAction:             {verdict}
    IpFilterLogging:            {logging}
    DiscardAction:              {discard}
"""
DATES = """\
  Policy created: {created}
  Policy updated: {created}
"""


class Request(NamedTuple):
    view: str
    image: str
    name: str
    rules: bool
    actions: bool
    names_only: bool
    active_only: bool
    images: bool


def run(
    words: Sequence[str], rules: Sequence[Configured], image: str, release: str, created: int, now: int, offset: Offset
) -> tuple[int, str, str]:
    """One command line without the word `pasearch`: exit code, standard output, standard error."""
    request = _parse(words)
    if isinstance(request, str):
        return WRONG, "", f"pasearch: {request}\n{USAGE}"
    if request.images:
        return FOUND, f"{image}\n", ""
    if request.image not in ("", image) or request.view not in ("a", "f"):
        return FOUND, EMPTY, ""
    weighted = [(len(rules) - at, rule) for at, rule in enumerate(rules)]
    chosen = [row for row in weighted if not request.name or row[1].name == request.name]
    if request.active_only:
        chosen = [row for row in chosen if _status(row[1], now, offset) == "Active"]
    if not chosen:
        return FOUND, EMPTY, ""
    head = HEAD.format(
        release=release, image=image, date=moment(now, offset).strftime("%m/%d/%Y"),
        time=moment(now, offset).strftime("%H:%M:%S"), instance=created // 1_000_000_000,
    )  # fmt: skip
    return FOUND, head + "".join(_shown(chosen, request, created, now, offset)), ""


def _parse(words: Sequence[str]) -> Request | str:
    """The options, or what is wrong with them."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word in _VALUES:
            if not pending:
                return f"{word} needs a value"
            values[word] = pending.pop(0)
        elif word in _FLAGS:
            flags.add(word)
        elif word == "-?":
            return "help"
        else:
            return f"{word} is not an option"
    if values.get("-v", "a") not in _VIEWS:
        return f"-v {values['-v']}: use {', '.join(_VIEWS)}"
    view = values.get("-v", "" if flags & set(_OTHER_TYPES) else "a")
    both = not flags & {"-r", "-a"}
    return Request(
        view, values.get("-p", "").upper(), values.get("-f", ""), both or "-r" in flags, both or "-a" in flags,
        "-n" in flags, "-A" in flags, "-C" in flags,
    )  # fmt: skip


def _shown(
    rules: Sequence[tuple[int, Configured]], request: Request, created: int, now: int, offset: Offset
) -> Iterator[str]:
    for weight, rule in rules:
        if request.names_only:
            yield f"\npolicyRule:             {rule.name}\n" if request.rules else ""
            continue
        if request.rules:
            yield _rule(rule, weight, now, offset)
            yield DATES.format(created=ctime(created, offset))
        if request.actions:
            yield ACTION.format(action=rule.action, verdict=rule.verdict, logging=rule.logging, discard=rule.discard)
            yield DATES.replace("  Policy", "    Policy").format(created=ctime(created, offset))


def _status(rule: Configured, now: int, offset: Offset) -> str:
    return "Active" if all(active(each, now, offset) for each in rule.times) else "Inactive"


def _rule(rule: Configured, weight: int, now: int, offset: Offset) -> str:
    when = rule.times[0] if rule.times else TimeCondition()
    text = RULE.format(
        name=rule.name, status=_status(rule, now, offset), weight=weight, action=rule.action,
        first=when.days[:31], last=when.days[31:] or "1" * 31, months=when.months, weekdays=when.weekdays,
        start=_moment(when.start), end=_moment(when.end), from_time=_minute(when.ranges[0][0]),
        to_time=_minute(when.ranges[0][1]), zone="Local" if when.local else "UTC", group=rule.group or "n/a",
    )  # fmt: skip
    text += "".join(_end("Source", each) for each in rule.sources) + "".join(_end("Dest", each) for each in rule.dests)
    return text + "".join(_service(way, service) for way, service in rule.services)


def _moment(second: int | None) -> str:
    return "None" if second is None else moment(second * 1_000_000_000).strftime("%m/%d/%Y %H:%M:%S")


def _minute(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _end(side: str, end: AddressRange) -> str:
    low, high = (addresses.text(end.version, each) for each in (end.low, end.high))
    if end.everything:
        low = high = f"All{end.version}"
    return ENDS.format(side=side, low=low, high=high)


def _service(way: str, service: Service) -> str:
    def span(value: tuple[int, int] | None) -> str:
        return "All" if value is None else str(value[0]) if value[0] == value[1] else f"{value[0]}-{value[1]}"

    return SERVICE.format(
        protocol="Opaque" if service.protocol == policy.OPAQUE else protocol(service.protocol),
        sport=service.source_port or (0, 0), dport=service.dest_port or (0, 0), type=span(service.type),
        code=span(service.code), way=f"{way} {service.connect or ''}".strip(),
        routing="Either" if service.scope == "Both" else service.scope, secclass=service.secclass,
        fragments="Yes" if service.fragments_only else "No",
    )  # fmt: skip
