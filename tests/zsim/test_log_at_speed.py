"""Records written by the million are those that are written singly: the same octets in plain and in compiled mode."""

from __future__ import annotations

from contextlib import suppress

import pytest
from systems import PCAPS, chain, policy, rule, system

import engine
from zsim import captures, replay

EVERYTHING = policy(rule("everything", service="Protocol All;Routing Either"), logging="on")
SOME = policy(
    rule("tcp-only", service="Protocol Tcp;Routing Either", action="deny-log"),
    rule("Ärger", service="Protocol Udp;Routing Either"),
)


def logs(files: dict[str, str], path: str, compiled: bool, timezone: str = "GMT0") -> dict[str, str]:
    """What a replay writes, by file."""
    made = system(files, timezone=timezone, now=0)
    tally = replay.Tally(made.prepare(compiled))
    with suppress(engine.CaptureError):
        replay.play(made, tally, captures.frames(path, compiled))
    written = {path: made.files.added(path) for path in sorted(made.files.appended)}
    assert {path: text.count("\n") for path, text in written.items() if path in tally.files} == dict(tally.files)
    return written


@pytest.mark.parametrize("path", sorted(PCAPS.glob("*.pcap*")), ids=lambda path: path.name)
@pytest.mark.parametrize("text", [EVERYTHING, SOME], ids=["everything", "some"])
def test_lines__are_the_same_in_both_modes(path, text) -> None:
    plain, compiled = (logs(chain(text), str(path), mode, "EST5") for mode in (False, True))
    assert compiled == plain
