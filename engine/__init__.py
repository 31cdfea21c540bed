"""Packets and rules: captures and frames in, headers, first matches, verdicts and counters out.

    for frames in read_capture([octets], "adcd.pcap"):
        headers = decode(frames)
        rule = classify(headers, table)

Everything works in two modes with the same results. Plain mode needs nothing but Python and starts at once;
compiled mode (`compiled=True` where arrays begin: read_capture, frames_of, compile_rules, place, Counters.of)
needs numpy, and numba unless its kernels were compiled before; both are imported when first used. The engine opens no
file but those with its own machine code, and asks no clock.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.arrays import is_compiled, take
    from engine.build import frame_back, frame_of, frames_of, icmp_error, sent_to_many, write_pcap
    from engine.capture import MAGICS, NO_TIME, CaptureError, Frames, Section, part, read_capture, within
    from engine.classify import Counters, FlowCache, classify, count
    from engine.compile import MatchTable, compile_rules
    from engine.datagrams import Datagram, Trains, reassemble
    from engine.decap import decap, ethertypes
    from engine.fields import (
        COLUMN,
        COMPLETE,
        FIELD,
        FIELDS,
        FRAGMENT,
        MALFORMED,
        NOT_IP,
        PARTIAL,
        STATUSES,
        TRUNCATED,
    )
    from engine.headers import Headers, address, cell, decode, packet_of, row, select, values
    from engine.judge import VERDICTS, Judgement, Leg, RuleSet, judge, logged
    from engine.kernels import telling_compilation
    from engine.linktypes import ETHERTYPES, LINKTYPES, name_of
    from engine.moments import all_at, dated
    from engine.outcome import (
        Comments,
        Originals,
        decided,
        deciders,
        every_row,
        keys_of,
        kinds,
        legs_of,
        originals,
        rows_decided,
        rows_with,
        status_of,
        translated,
    )
    from engine.quick import Quick
    from engine.rewrite import rewrite
    from engine.rules import Rule, Test, matches
    from engine.space import Entangled, Packets, Partition, Space
    from engine.sums import sums, tally
    from engine.vantage import HOOKS, Journey, Vantage, orient, place
    from engine.warmth import warm

_HOME = {
    "arrays": "is_compiled take",
    "build": "frame_back frame_of frames_of icmp_error sent_to_many write_pcap",
    "capture": "MAGICS NO_TIME CaptureError Frames Section part read_capture within",
    "classify": "Counters FlowCache classify count",
    "compile": "MatchTable compile_rules",
    "decap": "decap ethertypes",
    "datagrams": "Datagram Trains reassemble",
    "fields": "COLUMN COMPLETE FIELD FIELDS FRAGMENT MALFORMED NOT_IP PARTIAL STATUSES TRUNCATED",
    "headers": "Headers address cell decode packet_of row select values",
    "judge": "VERDICTS Judgement Leg RuleSet judge logged",
    "kernels": "telling_compilation",
    "moments": "all_at dated",
    "linktypes": "ETHERTYPES LINKTYPES name_of",
    "outcome": "Comments Originals decided deciders every_row keys_of kinds legs_of originals rows_decided rows_with "
    "status_of translated",
    "quick": "Quick",
    "rewrite": "rewrite",
    "rules": "Rule Test matches",
    "space": "Entangled Packets Partition Space",
    "sums": "sums tally",
    "vantage": "HOOKS Journey Vantage orient place",
    "warmth": "warm",
}
_MODULE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "COLUMN",
    "COMPLETE",
    "ETHERTYPES",
    "FIELD",
    "FIELDS",
    "FRAGMENT",
    "HOOKS",
    "LINKTYPES",
    "MAGICS",
    "MALFORMED",
    "NOT_IP",
    "NO_TIME",
    "PARTIAL",
    "STATUSES",
    "TRUNCATED",
    "VERDICTS",
    "CaptureError",
    "Comments",
    "Counters",
    "Datagram",
    "Entangled",
    "FlowCache",
    "Frames",
    "Headers",
    "Journey",
    "Judgement",
    "Leg",
    "MatchTable",
    "Originals",
    "Packets",
    "Partition",
    "Quick",
    "Rule",
    "RuleSet",
    "Section",
    "Space",
    "Test",
    "Trains",
    "Vantage",
    "address",
    "all_at",
    "cell",
    "classify",
    "compile_rules",
    "count",
    "dated",
    "decap",
    "decided",
    "deciders",
    "decode",
    "ethertypes",
    "every_row",
    "frame_back",
    "frame_of",
    "frames_of",
    "icmp_error",
    "is_compiled",
    "judge",
    "keys_of",
    "kinds",
    "legs_of",
    "logged",
    "matches",
    "name_of",
    "orient",
    "originals",
    "packet_of",
    "part",
    "place",
    "read_capture",
    "reassemble",
    "rewrite",
    "row",
    "rows_decided",
    "rows_with",
    "select",
    "sent_to_many",
    "status_of",
    "sums",
    "take",
    "tally",
    "telling_compilation",
    "translated",
    "values",
    "warm",
    "within",
    "write_pcap",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for (PEP 562)."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
    return value


class _Face(ModuleType):
    """Keeps `engine.classify` the function when the module of that name is loaded; `judge` and `decap` too."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _MODULE):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
