"""What logging will cost before it is switched on: the records a capture would have made, by file, day and cause.

The capture runs through the filters as a replay does, with the logging that is asked for, TRMD and syslogd running;
records and octets are counted as they are made and not kept. What is scaled to a day says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from zsim import addresses
from zsim.clock import DAY, SECOND, Offset, iso
from zsim.config.syslogconf import PRIORITIES
from zsim.facts import fact
from zsim.started import SYSLOGD, TRMD
from zsim.system import System
from zsim.tasks import syslogd, trmd
from zsim.tasks.syslogd import is_file
from zsim.tcpip.defensive import Change
from zsim.tcpip.filters import FilterSet
from zsim.tcpip.traffic import FilterEvent

if TYPE_CHECKING:
    import engine
    from zsim.replay import Tally
    from zsim.tcpip.traffic import Outcome

SCHEMA = "zsim.forecast/1"
LOGS = ("all", "as-configured", "deny")
SHORTEST, SHORT = 60, 3600  # seconds: a capture below is not scaled to a day, or scaled with a warning
WIDTH = 80


@dataclass
class Forecast:
    """What is counted while a capture runs. Destinations are paths, or @hosts and the like."""

    log: str
    records: Counter[str] = field(default_factory=Counter)  # by destination
    octets: Counter[str] = field(default_factory=Counter)
    logged: int = 0
    peers: Counter[str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    filters: Counter[tuple[str, int]] = field(default_factory=Counter)
    days: set[int] = field(default_factory=set)  # when the files of each day were opened, ns
    spans: list[tuple[int, int]] = field(default_factory=list)  # first and last packet of each capture, ns
    assumed: list[str] = field(default_factory=list)


def assume(system: System, log: str) -> Forecast:
    """Let the system log as asked, and start what writes. `log` is one of LOGS. The system is not to be kept."""
    found = Forecast(log)
    stack = system.stack
    if log != "as-configured":
        stack.policy = _logging(stack.policy, log) if stack.policy else None
        stack.default = _logging(stack.default, log) if stack.default else None
        words = {"all": "every filter logs what it decides", "deny": "filters log what they deny, and nothing else"}
        found.assumed.append(f"{words[log]}, whatever its own logging says; defensive filters log as they are")
    else:
        found.assumed.append("filters log as they are configured now")
    for program, name in ((TRMD, "TRMD"), (SYSLOGD, "syslogd")):
        task = system.task_of(program)
        if task is None:
            found.assumed.append(f"there is no {name} in this system, so nothing is written")
        elif not task.running:
            system.start_task(task)
            found.assumed.append(f"{task.job} runs, which it does not now")
    daemon = system.task_of(SYSLOGD)
    if daemon is not None and not syslogd.creates(daemon.options):
        found.assumed.append("syslogd runs without -c: what goes to a file that does not exist is lost")
    system.files.appended.clear()
    system.elsewhere.clear()
    return found


def _logging(filters: FilterSet, log: str) -> FilterSet:
    """The same filters with other logging."""
    made = tuple(
        rule if rule.hidden else rule._replace(logging="All" if log == "all" or rule.denies else "None")
        for rule in filters.filters
    )
    return replace(filters, filters=made, logging=True, hits=[])


def begin(found: Forecast) -> None:
    """Another capture comes: the time between it and the one before is no time of traffic."""
    found.spans.append((0, -1))


def observe(found: Forecast, offset: Offset, frames: engine.Frames, outcome: Outcome) -> None:
    """Add who causes the records of a batch. `offset` is that of the image's time zone."""
    _extend(found, frames)
    for event in outcome.events:
        if isinstance(event, Change):
            continue
        found.logged += 1
        found.days.add(syslogd.opening(event.time, offset, 0))
        far = event.source if event.inbound else event.dest
        found.peers[addresses.text(event.version, far)] += 1
        found.services[service(event)] += 1
        found.filters[event.rule.name, event.rule.extension] += 1


def _extend(found: Forecast, frames: engine.Frames) -> None:
    import engine

    if not frames.count:
        return
    if not found.spans:
        begin(found)
    sums, (first, last) = engine.sums(frames), found.spans[-1]
    if sums.first is None or sums.last is None:  # no packet of it has a time
        return
    found.spans[-1] = (sums.first, sums.last) if last < first else (min(first, sums.first), max(last, sums.last))


def watched(spans: Sequence[tuple[int, int]]) -> float:
    """The seconds that captures cover, those that two cover once."""
    covered, until = 0, 0
    for first, last in sorted(span for span in spans if span[0] <= span[1]):
        covered += max(0, last - max(first, until))
        until = max(until, last)
    return covered / SECOND


def service(event: FilterEvent) -> str:
    """`tcp(6) 21`: protocol and the lower port, which is the server's as a rule; type and code where there are none."""
    if event.protocol is None:
        return trmd.UNKNOWN
    name = str(trmd.PROTOCOLS.get(event.protocol, event.protocol))
    ports = [port for port in (event.source_port, event.dest_port) if port is not None]
    if ports:
        return f"{name} {min(ports)}"
    kinds = [str(part) for part in (event.type, event.code) if part is not None]
    return f"{name} {'/'.join(kinds)}" if event.protocol in trmd.TAGS and kinds else name


def measure(found: Forecast, system: System) -> None:
    """Count what was written since the last time, and forget it."""
    for path, parts in system.files.appended.items():
        for part in parts:
            octets = part.encode() if isinstance(part, str) else bytes(part)
            found.records[path] += octets.count(b"\n")
            found.octets[path] += len(octets)
    for destination, _, text in system.elsewhere:
        found.records[destination] += 1
        found.octets[destination] += len(text.encode())
    system.files.appended.clear()
    system.elsewhere.clear()


def document(found: Forecast, tally: Tally, system: System, days: int, most: int) -> dict[str, Any]:
    """The forecast as JSON: exact for the capture; `per_day` and `growth` are scaled, null for too short a capture."""
    span = watched(found.spans)
    scale = DAY / span if span >= SHORTEST else None
    caught = _caught(found, system)
    files = [
        {
            "destination": name,
            "records": count,
            "bytes": found.octets[name],
            "rules": [rule for rule, _, names in caught if name in names],
            "per_day": None if scale is None else _scaled(count, found.octets[name], scale),
            "growth": None if scale is None else _scaled(count, found.octets[name], scale * days),
        }
        for name, count in sorted(found.records.items())
    ]
    return {
        "schema": SCHEMA, "log": found.log, "packets": tally.packets, "span_seconds": span,
        "first": None if tally.first is None else iso(tally.first),
        "last": None if tally.last is None else iso(tally.last), "records": found.logged, "growth_days": days,
        "files": files,
        "rules": [{"where": where, "rule": text, "destinations": sorted(names)} for where, text, names in caught],
        "limits": _limits(found, tally),
        "peers": [{"address": name, "records": count} for name, count in found.peers.most_common(most)],
        "services": [{"service": name, "records": count} for name, count in found.services.most_common(most)],
        "filters": [
            {"filter": name, "extension": extension, "records": count}
            for (name, extension), count in found.filters.most_common(most)
        ],
        "assumed": found.assumed,
    }  # fmt: skip


def _limits(found: Forecast, tally: Tally) -> list[dict[str, Any]]:
    """The log limits that bite: of a filter that logs, matches without a record were held back."""
    rows = []
    for rule, hits in zip(tally.prepared.rows, tally.hits, strict=True):
        logged = found.filters[rule.name, rule.extension]
        if rule.defence is not None and rule.defence.loglimit and logged and hits.matches > logged:
            rows.append({"filter": rule.name, "extension": rule.extension, "loglimit": rule.defence.loglimit,
                         "held_back": hits.matches - logged})  # fmt: skip
    return sorted(rows, key=lambda row: (-int(str(row["held_back"])), str(row["filter"])))


def _scaled(records: int, octets: int, scale: float) -> dict[str, int]:
    return {"records": round(records * scale), "bytes": round(octets * scale)}


def _caught(found: Forecast, system: System) -> list[tuple[str, str, set[str]]]:
    """The rules of syslog.conf that take TRMD's records: place, text, and the destinations they name on these days."""
    task = system.task_of(TRMD)
    if task is None:
        return []
    rules, _ = system.syslog_rules()
    key = task.user, task.job, fact("log-facility"), PRIORITIES[fact("log-priority")]
    made = []
    for rule in rules:
        if rule.takes(*key):
            names = {rule.destination}
            if is_file(rule.destination):
                names = {syslogd.path(rule.destination, day, system.offset) for day in found.days}
            made.append((f"{rule.where.source}:{rule.where.line}", str(rule), names))
    return made


# ---- for a terminal --------------------------------------------------------------------------------------------


def table(shown: Mapping[str, Any]) -> str:
    """The forecast for a terminal."""
    lines = [f"{shown['packets']:,} packets in {_span(shown['span_seconds'])} would make {shown['records']:,} records"]
    lines += ["", f"{'destination':<40}{'records':>10}{'bytes':>12}{'a day':>10}", *map(_file, shown["files"])]
    growing = [row for row in shown["files"] if row["growth"]]
    if growing:
        octets = sum(row["growth"]["bytes"] for row in growing)
        lines.append(f"in {shown['growth_days']} days of such traffic: {_size(octets)} in all")
    if not shown["files"]:
        lines.append("nothing is written")
    lines += ["", "caught by"]
    lines += [f"  {row['where']}  {' '.join(row['rule'].split())}"[:WIDTH] for row in shown["rules"]]
    if not shown["rules"]:
        lines.append("  no line of syslog.conf takes TRMD's records: they are lost")
    if shown["limits"]:
        lines += ["", f"{'log limit':<50}{'limit':>8}{'held back':>16}"]
        lines += [
            f"{row['filter'][:42]} ext {row['extension']}".ljust(50) + f"{row['loglimit']:>8}{row['held_back']:>16,}"
            for row in shown["limits"]
        ]
    for key, name in (("filters", "filter"), ("peers", "address"), ("services", "service")):
        if shown[key]:
            lines += ["", f"{key:<46}{'records':>10}", *(_cause(row, name, shown["records"]) for row in shown[key])]
    lines += ["", "assumed", *(part for text in shown["assumed"] for part in _wrapped(text))]
    if 0 < shown["span_seconds"] < SHORT:
        scaled = "is too short to be scaled to a day" if shown["span_seconds"] < SHORTEST else "says little about a day"
        lines += _wrapped(f"a capture of {_span(shown['span_seconds'])} {scaled}")
    return "\n".join(lines) + "\n"


def _file(row: Mapping[str, Any]) -> str:
    a_day = _size(row["per_day"]["bytes"]) if row["per_day"] else "n/a"
    return f"{row['destination'][:39]:<40}{row['records']:>10,}{row['bytes']:>12,}{a_day:>10}"


def _cause(row: Mapping[str, Any], name: str, every: int) -> str:
    shown = f"{row[name]} ext {row['extension']}" if "extension" in row else row[name]
    return f"{shown[:45]:<46}{row['records']:>10,}{100 * row['records'] / every:>7.1f} %"


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _size(octets: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if octets < 1000:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1000
    return f"{octets:.1f} TB"


def _span(seconds: float) -> str:
    for unit, size in (("days", DAY), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
