"""TRMD's records read back from syslogd files, zsim's or a real system's.

    Dec 13 14:05:31 S0W1 TRMD.TCPIP[16842781]: EZD0814I Packet permitted: 12/13/2023 14:05:31.00 filter rule= ...
    Dec 13 14:05:31 S0W1/START1 TRMD1 TRMD.TCPIP[16842781]: ...                  of a syslogd with -u
    <166>Dec 13 14:05:31 S0W1 TRMD.TCPIP[16842781]: ...                          as it came over the network (RFC 3164)

Both spellings of a field are taken, with and without the blank after `=`. A line that is no such record is counted by
whoever reads, not lost in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from zsim.clock import SECOND


class Line(NamedTuple):
    """One line of the log. `message` is "" where the text has no message number; `time` (ns, UTC) is the stack's own
    stamp, None where there is none; `fields` are the keyword= value pairs as written."""

    stamp: str  # Mmm dd hh:mm:ss, of syslogd
    host: str
    tag: str
    message: str
    time: int | None
    fields: dict[str, str]
    user: str = ""  # of the writer, with -u
    job: str = ""


_HEAD = re.compile(
    r"(?:<\d{1,3}>)?(?P<stamp>[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d) (?P<host>[^\s/]+)"
    r"(?:/(?P<user>[^\s/]{1,8}) +(?P<job>[^\s:]{1,8}))? +(?P<tag>[^\s:][^:]{0,63}): (?P<text>.*)",
    re.S,
)
_MESSAGE = re.compile(r"[A-Z]{3}\d{4}[A-Z]\b")
_STAMP = re.compile(r"\b([0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})\.([0-9]{2})\b")
_FIELD = re.compile(r"([A-Za-z_]+)= ?([^\s=]+)(?=\s|$)")
_WAY = re.compile(r"Interface= ?\S+ \(([IO])\)")


def read(lines: Iterable[str]) -> Iterator[Line | None]:
    """Each line of a log; None for one that syslogd did not write."""
    for text in lines:
        yield line(text.rstrip("\n"))


def line(text: str) -> Line | None:
    head = _HEAD.match(text)
    if head is None:
        return None
    message = _MESSAGE.match(head["text"])
    fields = dict(reversed(_FIELD.findall(head["text"])))  # of two with one name, the first
    way = _WAY.search(head["text"])
    if way is not None:
        fields["way"] = way[1]
    number = message[0] if message else ""
    writer = head["user"] or "", head["job"] or ""
    return Line(head["stamp"], head["host"], head["tag"], number, _time(head["text"]), fields, *writer)


def _time(text: str) -> int | None:
    found = _STAMP.search(text)
    if found is None:
        return None
    second = _second(found[1])
    return None if second is None else second + int(found[2]) * 10_000_000


@lru_cache(maxsize=4096)
def _second(text: str) -> int | None:
    """`12/13/2023 14:05:31` as ns; records come many to a second."""
    month, day, year, hour, minute, second = (int(part) for part in re.split("[/ :]", text))
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * SECOND
