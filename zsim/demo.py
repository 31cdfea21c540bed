"""`zsim demo`: one ping through a system's rules, in well under a screen."""

from __future__ import annotations

from pathlib import Path

from zsim import captures
from zsim.profiles import Place
from zsim.replay import Tally, play
from zsim.system import System
from zsim.tcpip import terms

# Of the 54 fields, what is left of icmpinspecific2 when n/a and the plain defaults are taken away.
LABELS = (
    "FilterName", "Type", "Action", "Direction", "Logging", "Protocol", "ICMPType", "SourceAddress", "DestAddress",
    "DestAddressPrefix", "DiscardAction", "FilterMatches",
)  # fmt: skip

TRY = (
    ("zsim ipsec{system} -f display -c current", "every filter, all 54 fields"),
    ("""zsim send{system} 'IP(src="10.1.0.9", dst="10.1.1.2")/TCP(dport=23)'""", ""),
    ("zsim new mysys", "a system of your own, to change"),
)


def run(system: System, place: Place, capture: str) -> str:
    """Replay the capture and tell of its first logged packet."""
    tally = Tally(system.prepare())
    lines: list[str] = []
    play(system, tally, captures.frames(capture, compiled=False))
    in_force = system.stack.in_force
    assert in_force is not None, "a system without IP security has nothing to demonstrate"
    visible = sum(not rule.hidden for rule in in_force.filters)
    lines.append(
        f"{system.name}: {system.sysname} {system.release}, stack {system.stack.name}, "
        f"{in_force.source} in force with {visible} filters"
    )
    lines.append(f"{Path(capture).name}: {tally.packets} packets, {tally.verdicts['permitted']} permitted, "
                 f"{tally.verdicts['denied']} denied")  # fmt: skip
    lines.append("")
    for rule, kept, now in zip(in_force.filters, in_force.hits, tally.hits, strict=False):
        if now.matches and rule.logs:
            row = terms.row(terms.Shown(rule, kept, in_force.created, in_force.created))
            lines += [f"{label + ':':<30}{row[label]}" for label in LABELS]
    lines.append("")
    for path in tally.files:
        lines += [f"{path}:", *system.files.added(path).splitlines()]
    told = "" if place.bundled else f" -s {place.name}"
    lines += ["", "Try next:", *(f"  {what.format(system=told):<42}{why}".rstrip() for what, why in TRY)]
    return "\n".join(lines) + "\n"
