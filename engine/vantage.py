"""One host's view of packets: which are for it, which are its own, which it forwards, over which interface.

All of it is asked with match tables: who owns an address is a rule per address, a route is a rule per
destination with the smallest range first, and the "rule number" found is the answer.
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
    owner_src: MatchTable  # finds 0 the host itself, i + 1 its interface i, interfaces + 1 a group
    owner_dst: MatchTable
    route_src: MatchTable  # finds an interface
    route_dst: MatchTable
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
    narrow_first = sorted(routes, key=lambda route: route[2] - route[1])
    return Vantage(
        compile_rules(_rules("src_addr", owned), compiled),
        compile_rules(_rules("dst_addr", owned + joined), compiled),
        compile_rules(_rules("src_addr", narrow_first), compiled),
        compile_rules(_rules("dst_addr", narrow_first), compiled),
        as_array(zones, "i4", compiled),
    )


def _rules(field: str, ranges: Iterable[tuple[int, int, int, int]]) -> list[Rule]:
    return [
        Rule(number, (Test("version", version, version), Test(field, low, high)))
        for version, low, high, number in ranges
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
    found = [classify(headers, table) for table in vantage[:4]]
    journey = Journey(zeros("u1", n, compiled), zeros("i4", n, compiled), zeros("i4", n, compiled))
    given = -1 if arrival is None else int(arrival)
    hooks(headers.status, *found, n, given, len(vantage.zones), *journey)
    return journey
