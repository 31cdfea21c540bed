"""One host's view of packets: which are for it, which are its own, which it forwards, over which interface.

All of it is asked with match tables, one question per address: who owns it is a rule per address, a route is a
rule per destination with the smallest range first, and the "rule number" found tells both.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.arrays import Array, as_array, zeros
from engine.classify import classify
from engine.compile import MatchTable, compile_rules
from engine.headers import Headers
from engine.rules import Rule, Test

HOOKS = ("none", "in", "out", "forward", "loop")
NONE, IN, OUT, FORWARD, LOOP = range(len(HOOKS))


class Vantage(NamedTuple):
    src: MatchTable  # finds (owner + 1) * width + route + 1; owner -1 nobody here, 0 the host itself, i + 1 its
    dst: MatchTable  # interface i, interfaces + 1 a group; route an interface, or -1
    width: int
    zones: Array  # i4[interfaces]


class Journey(NamedTuple):
    """Where each packet meets the host; an interface that is not crossed, or does not exist, is -1."""

    hook: Array  # u1[n]  a number of HOOKS
    arrival: Array  # i4[n]  interface
    departure: Array  # i4[n]  interface


def place(
    addresses: Iterable[tuple[int, int, int]],
    groups: Iterable[tuple[int, int, int]],
    routes: Iterable[tuple[int, int, int, int]],
    zones: Sequence[int],
    compiled: bool = False,
) -> Vantage:
    """A host with these addresses, groups it listens to, routes, and interfaces with a zone each.

    addresses  (version, address, interface or -1)    groups  (version, low, high)
    routes     (version, low, high, interface), searched smallest range first; of equal ones the first given
    """
    owned = [(version, address, address, interface + 1) for version, address, interface in addresses]
    joined = [(version, low, high, len(zones) + 1) for version, low, high in groups]
    ways = sorted(routes, key=lambda route: route[2] - route[1])
    width = max((way[3] for way in ways), default=-1) + 2
    return Vantage(
        compile_rules(_rules("src_addr", owned, ways, width), compiled),
        compile_rules(_rules("dst_addr", owned + joined, ways, width), compiled),
        width,
        as_array(zones, "i4", compiled),
    )


Range = tuple[int, int, int, int]  # version, low, high, and whose it is or where it leads


def _rules(field: str, owners: list[Range], ways: list[Range], width: int) -> list[Rule]:
    """First what is owned, each range cut by the routes to it, the narrowest first; then the routes themselves."""
    found = []
    for version, low, high, owner in owners:
        for other, first, last, interface in ways:
            if other == version and first <= high and last >= low:
                found.append((version, max(low, first), min(high, last), (owner + 1) * width + interface + 1))
                if first <= low and high <= last:  # no wider route is asked
                    break
        else:
            found.append((version, low, high, (owner + 1) * width))
    found += [(version, low, high, interface + 1) for version, low, high, interface in ways]
    return [
        Rule(number, (Test("version", version, version), Test(field, low, high)))
        for version, low, high, number in found
    ]


def orient(headers: Headers, vantage: Vantage, arrival: int | None = None) -> Journey:
    """Where each packet meets the host; `arrival` is the interface the capture was taken on, if known.

    A packet comes in if an address of the host or a group it listens to is its destination, and goes out if
    its source is one of the host; both is a loop, neither is forwarding. It arrives on `arrival`, or on the
    interface that owns its destination, on that of the route back to its source, on the first one. It
    departs by the route to its destination, or by the interface that owns its source (sent to a group: that
    first), by `arrival`, by the first one.
    """
    from engine.kernels.journey import hooks

    n, compiled = headers.count, headers.compiled
    found = classify(headers, vantage.src), classify(headers, vantage.dst)
    journey = Journey(zeros("u1", n, compiled), zeros("i4", n, compiled), zeros("i4", n, compiled))
    given = -1 if arrival is None else int(arrival)
    hooks(headers.status, *found, n, vantage.width, given, len(vantage.zones), *journey)
    return journey
