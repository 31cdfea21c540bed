"""`zsim filters`: the installed filters as a table for people, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zsim.clock import iso
from zsim.system import System
from zsim.tcpip import defensive, ipsec_reports, terms
from zsim.tcpip.filters import DEFENSIVE, POLICY, PROFILE, FilterRule, Hits

SCHEMA = "zsim.filters/1"
LAYERS = (DEFENSIVE, POLICY, PROFILE)
Row = dict[str, Any]

# --sort: by what, and whether the largest stands first. Search order is the order as it is.
ORDERS: dict[str, tuple[Callable[[Row], Any], bool]] = {
    "order": (lambda row: row["order"], False),
    "matches": (lambda row: row["matches"], True),
    "name": (lambda row: (row["name"], row["extension"]), False),
    "last": (lambda row: row["last"] or "", True),
}


def rows(system: System) -> list[Row]:
    """Every filter that packets are judged by, in search order."""
    stack = system.stack
    found = [_row(each.rule, each.hits) for each in defensive.grouped(stack.defensive.filters)]
    shown = ipsec_reports.installed(stack.in_force, system.clock.now, system.offset)
    found += [_row(each.rule, each.hits) for each in shown]
    return [{"order": at, **row} for at, row in enumerate(found, 1)]


def _row(rule: FilterRule, hits: Hits) -> Row:
    service = rule.service
    return {
        "name": rule.name, "extension": rule.extension, "layer": rule.layer, "version": rule.version,
        "direction": rule.direction, "action": rule.action, "protocol": terms.protocol(service.protocol),
        "source": str(rule.source), "source_port": defensive.span_word(service.source_port),
        "dest": str(rule.dest), "dest_port": defensive.span_word(service.dest_port),
        "type": defensive.span_word(service.type), "code": defensive.span_word(service.code),
        "matches": hits.matches, "bytes": hits.octets,
        "last": iso(hits.last) if hits.last is not None else None,
        "expires": iso(rule.defence.expires) if rule.defence else None, "where": str(rule.where),
    }  # fmt: skip


def chosen(rows: Sequence[Row], matched: bool | None, layers: Sequence[str], sort: str) -> list[Row]:
    """Only matched or unmatched ones (None: both), only of these layers (none: all), sorted."""
    key, backwards = ORDERS[sort]
    kept = [
        row
        for row in rows
        if (matched is None or bool(row["matches"]) is matched) and (not layers or row["layer"] in layers)
    ]
    return sorted(kept, key=key, reverse=backwards)


def table(rows: Sequence[Row], width: int = 0) -> str:
    """A line a filter: what it tests is written source > destination. Where that takes more than `width` columns (0: as
    many as there are), protocol and addresses stand on a line of their own."""
    lines = []
    for row in rows:
        name = f"{row['name']}.{row['extension']}"
        way = {"Inbound": "in", "Outbound": "out"}[row["direction"]]
        tested = f"{_end(row, 'source')} > {_end(row, 'dest')}"
        kind = "".join(f" {each} {row[each]}" for each in ("type", "code") if row[each] != "all")
        until = f" until {row['expires'][:19]}" if row["expires"] else ""
        kinds = (row["action"], row["protocol"] + kind)
        lines.append((name, row["layer"], way, *kinds, tested + until, str(row["matches"])))
    every = [("filter", "layer", "way", "action", "protocol", "from > to", "matches"), *lines]
    whole = _aligned(every)
    if not width or len(whole[0].rstrip("\n")) <= width:
        return "".join(whole)
    below = [f"    {each[4]}  {each[5]}\n" for each in every]
    return "".join(
        f"{line}{under}" for line, under in zip(_aligned([(*e[:4], e[6]) for e in every]), below, strict=True)
    )


def _aligned(every: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of columns as wide as they need; the last is of numbers."""
    *widths, last = (max(map(len, column)) for column in zip(*every, strict=True))
    form = "".join(f"%-{width}s  " for width in widths) + f"%{last}s\n"
    return [form % line for line in every]


def _end(row: Row, end: str) -> str:
    port = row[f"{end}_port"]
    address = "any" if row[end] in ("0.0.0.0/0", "::/0") else row[end]
    return address if port == "all" else f"{address} port {port}"
