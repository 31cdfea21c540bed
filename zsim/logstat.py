"""What a TRMD log says, added up: per filter, per peer, per port, per hour.

The log may be zsim's or a real system's. Joined to the rules that are installed, a filter of the log is found in the
file that defines it, or reported as one that no longer exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zsim import trmdlog
from zsim.clock import SECOND, iso, moment
from zsim.trmdlog import Line

SCHEMA = "zsim.logstat/1"

# Packet messages: what became of the packet. (halmN, one topic a message)
OUTCOMES = {
    "EZD0814I": "permitted", "EZD0815I": "denied", "EZD0821I": "denied", "EZD0822I": "denied", "EZD0832I": "denied",
    "EZD0833I": "denied", "EZD0836I": "permitted", "EZD1721I": "blocked", "EZD1722I": "simulated",
}  # fmt: skip
HOUR = 3600 * SECOND
# A log limit held messages back: how many of which filter.
LIMITED = {"EZD0837I": "filter_rule", "EZD0838I": "filter_rule"}


@dataclass
class Summary:
    """Counts of (key, outcome) by grouping, and of lines that are no packet record."""

    filters: Counter[tuple[tuple[str, str], str]] = field(default_factory=Counter)
    peers: Counter[tuple[str, str]] = field(default_factory=Counter)
    ports: Counter[tuple[str, str]] = field(default_factory=Counter)
    hours: Counter[tuple[int, str]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)  # by filter: messages that its log limit held back
    other: Counter[str] = field(default_factory=Counter)  # message numbers of other records
    unread: int = 0  # lines that syslogd did not write
    first: int | None = None
    last: int | None = None


def add(summary: Summary, lines: Iterable[str]) -> None:
    """Add the lines of one log."""
    for found in trmdlog.read(lines):
        if found is None:
            summary.unread += 1
        elif found.message not in OUTCOMES:
            summary.other[found.message or "(no message number)"] += 1
            count = found.fields.get("suppressed_count", "") if found.message in LIMITED else ""
            if count.isascii() and count.isdigit():
                summary.held[found.fields.get(LIMITED[found.message], "(none)")] += int(count[:18])
        else:
            _packet(summary, found, OUTCOMES[found.message])


def _packet(summary: Summary, found: Line, outcome: str) -> None:
    fields = found.fields
    inbound = fields.get("way", "I") == "I"
    summary.outcomes[outcome] += 1
    summary.filters[(fields.get("rule", "(none)"), fields.get("ext", "")), outcome] += 1
    summary.peers[fields.get("sipaddr" if inbound else "dipaddr", "?"), outcome] += 1
    summary.ports[_service(fields), outcome] += 1
    if found.time is not None:
        summary.hours[found.time // HOUR, outcome] += 1
        summary.first = found.time if summary.first is None else min(summary.first, found.time)
        summary.last = found.time if summary.last is None else max(summary.last, found.time)


def _service(fields: Mapping[str, str]) -> str:
    """`tcp(6) 21`: protocol and the lower port, which is the server's as a rule; type and code for ICMP."""
    protocol = fields.get("proto", "?")
    words = fields.get("sport", ""), fields.get("dport", "")
    ports = [int(word) for word in words if len(word) < 6 and word.isascii() and word.isdigit()]
    if ports:
        return f"{protocol} {min(ports)}"
    return f"{protocol} {fields['type']}/{fields.get('code', '')}".rstrip("/") if "type" in fields else protocol


def document(summary: Summary, defined: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The summary as JSON, most frequent first. `defined` gives the place of each installed rule by its name."""
    return {
        "schema": SCHEMA,
        "records": sum(summary.outcomes.values()),
        "outcomes": dict(summary.outcomes),
        "first": None if summary.first is None else iso(summary.first),
        "last": None if summary.last is None else iso(summary.last),
        "other_records": dict(summary.other),
        "held_back": [{"name": name, "messages": count} for name, count in summary.held.most_common()],
        "unread_lines": summary.unread,
        "filters": [_filter(key, counts, defined) for key, counts in _grouped(summary.filters)],
        "peers": [{"address": key, **counts} for key, counts in _grouped(summary.peers)],
        "services": [{"service": key, **counts} for key, counts in _grouped(summary.ports)],
        "hours": [
            {"hour": moment(key * HOUR).strftime("%Y-%m-%dT%H:00Z"), **counts}
            for key, counts in sorted(_grouped(summary.hours))
        ],
    }


def _filter(key: tuple[str, str], counts: Mapping[str, int], defined: Mapping[str, str] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": key[0], "extension": key[1], **counts}
    return row if defined is None else {**row, "where": defined.get(key[0])}


def _grouped(counts: Counter[tuple[Any, str]]) -> list[tuple[Any, dict[str, int]]]:
    """By key, most frequent first: the count of each outcome and of all."""
    rows: dict[Any, dict[str, int]] = {}
    for (key, outcome), count in counts.items():
        row = rows.setdefault(key, {"records": 0})
        row["records"] += count
        row[outcome] = row.get(outcome, 0) + count
    return sorted(rows.items(), key=lambda row: (-row[1]["records"], str(row[0])))


BAR = 24  # columns of the longest bar
TABLES = (("filters", "filter"), ("peers", "peer"), ("services", "service"), ("hours", "hour (UTC)"))


def table(shown: Mapping[str, Any], most: int) -> str:
    """The summary for a terminal: the `most` frequent rows of each grouping, with bars."""
    outcomes = ", ".join(f"{count:,} {name}" for name, count in shown["outcomes"].items()) or "no packet records"
    lines = [f"{shown['records']:,} records: {outcomes}"]
    if shown["first"]:
        lines.append(f"{shown['first'][:19]} to {shown['last'][:19]} UTC")
    for key, title in TABLES:
        rows = shown[key]
        if not rows:
            continue
        lines += ["", f"{title:<42}{'records':>9}"]
        longest = max(row["records"] for row in rows)
        lines += [_row(row, longest) for row in rows[:most]]
        if len(rows) > most:
            lines.append(f"and {len(rows) - most:,} more (--most shows them)")
    if shown["held_back"]:
        held = ", ".join(f"{row['messages']:,} of {row['name']}" for row in shown["held_back"][:most])
        lines += ["", f"held back by log limits: {held}"]
    if shown["other_records"]:
        other = ", ".join(f"{count:,} {name}" for name, count in shown["other_records"].items())
        lines += ["", f"not packets: {other}"]
    if shown["unread_lines"]:
        lines += ["", f"lines that are no syslogd records: {shown['unread_lines']:,}"]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, Any], longest: int) -> str:
    name = next(str(row[key]) for key in ("name", "address", "service", "hour") if key in row)
    if row.get("extension"):
        name += f" ext {row['extension']}"
    if "where" in row and row["where"] is None:
        name += " (not installed)"
    bar = "#" * max(1, round(row["records"] / longest * BAR))
    return f"{name[:42]:<42}{row['records']:>9,}  {bar}"
