"""Bars of what a log says: for a terminal, as one SVG, and as a page of HTML that needs nothing from elsewhere.

`Panel`s are tables of counts by outcome; the outcomes have one colour and one sign everywhere, so that a picture
without colours still tells them apart. The page and the picture follow the reader's choice of light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any, NamedTuple

# Outcomes in the order of a bar: sign and colour in a terminal, colour on light and on dark ground.
OUTCOMES = {
    "permitted": ("█", "cyan", "#2b7a9b", "#5fb3d4"), "denied": ("▓", "yellow", "#c8711a", "#f0a04b"),
    "blocked": ("▒", "red", "#b02a3c", "#ef6b7b"), "simulated": ("░", "magenta", "#7a5aa6", "#b79be0"),
}  # fmt: skip
WIDTH = 80  # columns of a terminal
MOST_REMARKS = 12  # of a kind


class Bar(NamedTuple):
    label: str
    counts: tuple[int, ...]  # by OUTCOMES
    note: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts)


class Panel(NamedTuple):
    """Bars under a title; `more` bars are left out."""

    title: str
    bars: tuple[Bar, ...]
    upright: bool = False  # columns over time
    more: int = 0


def panels(shown: Mapping[str, Any], most: int) -> list[Panel]:
    """The panels of a document of logstat, with the `most` frequent rows of each."""

    def bar(row: Mapping[str, Any], label: str, note: str = "") -> Bar:
        return Bar(label, tuple(row.get(name, 0) for name in OUTCOMES), note)

    def name(row: Mapping[str, Any]) -> str:
        return f"{row['name']} ext {row['extension']}" if row["extension"] else row["name"]

    def cut(title: str, bars: Iterable[Bar]) -> Panel:
        every = tuple(bars)
        return Panel(title, every[:most], more=max(0, len(every) - most))

    def where(row: Mapping[str, Any]) -> str:
        return "" if "where" not in row else row["where"] or "not installed"

    found = [
        Panel("Records per hour (UTC)", _every_hour([bar(row, row["hour"]) for row in shown["hours"]]), upright=True),
        cut("Filters", (bar(row, name(row), where(row)) for row in shown["filters"])),
        cut("Peers", (bar(row, row["address"]) for row in shown["peers"])),
        cut("Services", (bar(row, row["service"]) for row in shown["services"])),
    ]
    return [panel for panel in found if panel.bars]


def _every_hour(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """With the hours between that have no records, unless that would be more than a year of them."""
    if not bars:
        return ()
    known = {datetime.fromisoformat(bar.label): bar for bar in bars}
    first, last = min(known), max(known)
    if last - first > timedelta(days=366):
        return tuple(bars)
    hours = (first + timedelta(hours=at) for at in range(int((last - first).total_seconds()) // 3600 + 1))
    nothing = (0,) * len(OUTCOMES)
    return tuple(known.get(hour) or Bar(f"{hour:%Y-%m-%dT%H:00Z}", nothing) for hour in hours)


def headline(shown: Mapping[str, Any]) -> str:
    """How many records, and of when."""
    span = f", {shown['first'][:19]} to {shown['last'][:19]} UTC" if shown["first"] else ""
    return f"{shown['records']:,} records{span}"


def remarks(shown: Mapping[str, Any]) -> list[str]:
    """What the bars do not show."""
    held, others = shown["held_back"], list(shown["other_records"].items())
    found = [f"held back by the log limit of {row['name']}: {row['messages']:,}" for row in held[:MOST_REMARKS]]
    found += [f"about no packet: {count:,} {name}" for name, count in others[:MOST_REMARKS]]
    if shown["unread_lines"]:
        found.append(f"lines that are no syslogd records: {shown['unread_lines']:,}")
    return found


# ---- a terminal ------------------------------------------------------------------------------------------------


def terminal(shown: Mapping[str, Any], most: int) -> Any:
    """The bars as a rich Text."""
    from rich.text import Text

    text = Text(f"{headline(shown)}\n")
    for name, (sign, colour, _, _) in OUTCOMES.items():
        if shown["outcomes"].get(name):
            text.append(f"{sign} ", colour).append(f"{name} {shown['outcomes'][name]:,}   ")
    text.append("\n")
    for panel in panels(shown, most):
        text.append(f"\n{panel.title}\n", "bold")
        longest = max(bar.total for bar in panel.bars)
        for one in panel.bars[-48:] if panel.upright else panel.bars:
            text.append(f"{one.label[:30]:<31}{one.total:>10,}  ")
            for (sign, colour, _, _), width in zip(
                OUTCOMES.values(), _shares(one.counts, longest, WIDTH - 43), strict=True
            ):
                text.append(sign * width, colour)
            text.append("\n")
        left_out = max(0, len(panel.bars) - 48) if panel.upright else panel.more
        if left_out:
            text.append(f"and {left_out:,} more\n", "dim")
    for remark in remarks(shown):
        text.append(f"\n{remark}")
    return text


def _shares(counts: Sequence[int], longest: int, width: int) -> list[int]:
    """Cells for each count of a bar; a count that is not 0 has one at least, as long as there is room."""
    ends, cells, run = 0, [], 0
    for count in counts:
        run += count
        end = max(ends, round(run / longest * width)) if longest else 0
        if count and end == ends and end < width:
            end += 1
        cells.append(end - ends)
        ends = end
    return cells


# ---- SVG -------------------------------------------------------------------------------------------------------

_ROW, _LABEL, _BARS, _COUNT, _HIGH, _GAP = 20, 250, 420, 90, 130, 34  # pixels
_ACROSS = _LABEL + _BARS + _COUNT
_STYLE = (
    "svg{--ink:#1c2430;--dim:#5b6675;--ground:#ffffff;--line:#d5dbe3;"
    + "".join(f"--{name}:{light};" for name, (_, _, light, _) in OUTCOMES.items())
    + "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    + "@media (prefers-color-scheme:dark){svg{--ink:#e6eaf0;--dim:#9aa5b4;--ground:#12161c;--line:#323b47;"
    + "".join(f"--{name}:{dark};" for name, (_, _, _, dark) in OUTCOMES.items())
    + "}}svg text{fill:var(--ink);font-size:13px}svg .dim{fill:var(--dim);font-size:12px}"
    + "svg .title{font-size:15px;font-weight:600}svg .axis{stroke:var(--line)}svg .ground{fill:var(--ground)}"
    + "".join(f"svg .{name}{{fill:var(--{name})}}" for name in OUTCOMES)
)


def svg(shown: Mapping[str, Any], most: int, title: str = "What the log says") -> str:
    """All panels as one picture; the whole label of a bar and its counts show when the pointer rests on it."""
    parts, y = _legend(shown, title)
    for panel in panels(shown, most):
        drawn, y = _columns(panel, y) if panel.upright else _rows(panel, y)
        parts += drawn
    for remark in remarks(shown):
        parts.append(f'<text class="dim" x="0" y="{y + 12}">{_safe(remark)}</text>')
        y += _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-16 -16 {_ACROSS + 32} {y + 32}" width="{_ACROSS + 32}" '
        f'role="img" aria-label="{_safe(title)}: {_safe(headline(shown))}"><style>{_STYLE}</style>'
        f'<rect class="ground" x="-16" y="-16" width="{_ACROSS + 32}" height="{y + 32}"/>{"".join(parts)}</svg>\n'
    )


def _legend(shown: Mapping[str, Any], title: str) -> tuple[list[str], int]:
    parts = [f'<text class="title" x="0" y="14">{_safe(title)}</text>',
             f'<text class="dim" x="0" y="34">{_safe(headline(shown))}</text>']  # fmt: skip
    x = 0
    for name in OUTCOMES:
        count = shown["outcomes"].get(name, 0)
        if count:
            label = f"{name} {count:,}"
            parts.append(f'<rect class="{name}" x="{x}" y="48" width="12" height="12" rx="2"/>')
            parts.append(f'<text x="{x + 18}" y="59">{label}</text>')
            x += 18 + 8 * len(label) + 22
    return parts, 60 + _GAP


def _rows(panel: Panel, y: int) -> tuple[list[str], int]:
    parts = [f'<text class="title" x="0" y="{y}">{_safe(panel.title)}</text>']
    y += 12
    longest = max(bar.total for bar in panel.bars)
    for bar in panel.bars:
        tip = _tip(bar)
        parts.append(f'<g><title>{tip}</title><text x="0" y="{y + 14}">{_safe(_short(bar.label, 32))}</text>')
        x = float(_LABEL)
        for name, count in zip(OUTCOMES, bar.counts, strict=True):
            if count:
                width = count / longest * _BARS
                parts.append(f'<rect class="{name}" x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}"/>')
                x += width
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 14}">{bar.total:,}</text></g>')
        y += _ROW
    if panel.more:
        parts.append(f'<text class="dim" x="0" y="{y + 14}">and {panel.more:,} more</text>')
        y += _ROW
    return parts, y + _GAP


def _columns(panel: Panel, y: int) -> tuple[list[str], int]:
    """Columns over the hours, with gaps where hours have no records; neighbours are joined when they are many."""
    bars = _joined(panel.bars, _ACROSS // 4)
    parts = [f'<text class="title" x="0" y="{y}">{_safe(panel.title)}</text>']
    top, longest = y + 24, max(bar.total for bar in bars)
    step = min(_ACROSS / len(bars), 60)
    wide = max(1.0, step - (3 if step > 8 else 0.5))
    parts.append(f'<text class="dim" x="0" y="{top - 6}">most {longest:,}</text>')
    for number, bar in enumerate(bars):
        floor = float(top + _HIGH)
        parts.append(f"<g><title>{_tip(bar)}</title>")
        for name, count in zip(OUTCOMES, bar.counts, strict=True):
            if count:
                height = count / longest * _HIGH
                floor -= height
                at = f'x="{number * step:.1f}" y="{floor:.1f}" width="{wide:.1f}" height="{height:.1f}"'
                parts.append(f'<rect class="{name}" {at}/>')
        parts.append("</g>")
    bottom = top + _HIGH
    parts.append(f'<line class="axis" x1="0" y1="{bottom}.5" x2="{_ACROSS}" y2="{bottom}.5"/>')
    parts.append(f'<text class="dim" x="0" y="{bottom + 16}">{_safe(panel.bars[0].label)}</text>')
    if len(bars) > 1:
        end = max(len(bars) * step, 300)
        parts.append(
            f'<text class="dim" x="{end:.0f}" y="{bottom + 16}" text-anchor="end">{_safe(panel.bars[-1].label)}</text>'
        )
    return parts, bottom + 16 + _GAP


def _joined(bars: Sequence[Bar], most: int) -> list[Bar]:
    """At most `most` columns: neighbours are added up."""
    size = -(-len(bars) // most)
    found = []
    for at in range(0, len(bars), size):
        some = bars[at : at + size]
        label = some[0].label if size == 1 else f"{some[0].label} to {some[-1].label}"
        found.append(Bar(label, tuple(map(sum, zip(*(bar.counts for bar in some), strict=True)))))
    return found


def _tip(bar: Bar) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in zip(OUTCOMES, bar.counts, strict=True) if count)
    return _safe(f"{bar.label}: {counts}" + (f" ({bar.note})" if bar.note else ""))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _safe(text: str) -> str:
    """Text for XML: escaped, and without the characters that XML has no place for."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))


# ---- HTML ------------------------------------------------------------------------------------------------------

_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title>
<style>
:root{{--ink:#1c2430;--dim:#5b6675;--ground:#fff;--line:#d5dbe3}}
@media (prefers-color-scheme:dark){{:root{{--ink:#e6eaf0;--dim:#9aa5b4;--ground:#12161c;--line:#323b47}}}}
body{{margin:2rem auto;max-width:800px;padding:0 1rem;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}}
svg{{max-width:100%;height:auto}}
summary{{cursor:pointer;font-weight:600;margin-top:1rem}}
.wide{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}}
th,td{{text-align:right;padding:.2rem .6rem;border-bottom:1px solid var(--line)}}
th:first-child,td:first-child,th:last-child,td:last-child{{text-align:left}}
th{{color:var(--dim);font-weight:600}}
</style></head>
<body>
{picture}{tables}</body></html>
"""


def page(shown: Mapping[str, Any], most: int, title: str = "What the log says") -> str:
    """The picture and, below it, every number as a table. No script, nothing from elsewhere."""
    tables = "".join(_table(panel) for panel in panels(shown, 10**9))
    return _PAGE.format(title=_safe(title), picture=svg(shown, most, title), tables=tables)


def _table(panel: Panel) -> str:
    heads = "".join(f"<th>{_safe(text)}</th>" for text in ("", *OUTCOMES, "all", ""))
    rows = "".join(
        f"<tr><td>{_safe(bar.label)}</td>{''.join(f'<td>{count:,}</td>' for count in (*bar.counts, bar.total))}"
        f"<td>{_safe(bar.note)}</td></tr>\n"
        for bar in panel.bars[:MOST_ROWS]
    )
    left_out = len(panel.bars) - MOST_ROWS
    note = f"<p>and {left_out:,} more</p>" if left_out > 0 else ""
    return (
        f'<details><summary>{_safe(panel.title)}: {len(panel.bars):,}</summary><div class="wide"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>{note}</details>\n"
    )


MOST_ROWS = 1000  # of a table of the page
