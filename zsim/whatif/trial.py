"""A copy of a system to try something on: whatever is done to it, the system it was made from stays as it is."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from zsim.files import Store
from zsim.system import System
from zsim.tcpip.filters import FilterSet
from zsim.tcpip.traffic import Prepared


def copied(system: System) -> System:
    """The copy. What can be large and is never changed in place, filters and the text of files, is shared."""
    stack, files = system.stack, system.files
    return replace(
        system,
        stack=replace(
            stack, interfaces=deepcopy(stack.interfaces), ipsecurity=dict(stack.ipsecurity),
            forwarding=dict(stack.forwarding), default=_counted(stack.default), policy=_counted(stack.policy),
            ports=list(stack.ports), settings=deepcopy(stack.settings), defensive=deepcopy(stack.defensive),
        ),
        tasks={name: replace(task) for name, task in system.tasks.items()},
        files=replace(
            files, names=dict(files.names), text=dict(files.text), replaced=dict(files.replaced),
            appended={name: [files.added(name)] for name in files.appended}, modes=dict(files.modes),
            asked=dict(files.asked), store=Store(),
        ),
        clock=replace(system.clock), readings=dict(system.readings), dmd=deepcopy(system.dmd),
        syslogd=deepcopy(system.syslogd), elsewhere=list(system.elsewhere), racf=deepcopy(system.racf),
        symbols=dict(system.symbols), facts=dict(system.facts),
    )  # fmt: skip


def apart(prepared: Prepared) -> Prepared:
    """Tables with counters and waiting fragments of their own, so that a packet judged with them leaves no trace."""
    guard = prepared.guard._replace(installed=deepcopy(prepared.guard.installed))
    return prepared._replace(in_force=_counted(prepared.in_force), guard=guard, trains=deepcopy(prepared.trains))


def _counted(filters: FilterSet | None) -> FilterSet | None:
    """A set with counters of its own."""
    return filters and replace(filters, hits=list(filters.hits))
