"""A copy of a system to try something on: whatever is done to it, the system it was made from stays as it is."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import fields, replace
from typing import Any

from zsim.files import Store
from zsim.system import System
from zsim.tcpip.filters import FilterSet
from zsim.tcpip.traffic import Prepared


def copied(system: System) -> System:
    """The copy. What can be large and is never changed in place, filters and the text of files, is shared."""
    stack, files = system.stack, system.files
    deep = {name: deepcopy(getattr(system, name)) for name in ("dmd", "syslogd", "racf", "screen", "clock")}
    return replace(
        system,
        **{name: value for name, value in _containers(system).items() if name not in ("tasks", *deep)}, **deep,
        stack=replace(
            stack,
            **_containers(stack)
            | {name: deepcopy(getattr(stack, name)) for name in ("interfaces", "settings", "defensive")},
            default=_counted(stack.default), policy=_counted(stack.policy),
        ),
        tasks={name: replace(task) for name, task in system.tasks.items()},
        files=replace(
            files,
            **_containers(files) | {"appended": {name: [files.added(name)] for name in files.appended}},
            store=Store(),
        ),
    )  # fmt: skip


def _containers(state: Any) -> dict[str, Any]:
    """The lists and dictionaries of some state, each as a new one with the same things in it."""
    values = {each.name: getattr(state, each.name) for each in fields(state) if each.init}
    return {name: copy(value) for name, value in values.items() if isinstance(value, list | dict)}


def apart(prepared: Prepared) -> Prepared:
    """Tables with counters and waiting fragments of their own, so that a packet judged with them leaves no trace."""
    guard = prepared.guard._replace(installed=deepcopy(prepared.guard.installed))
    return prepared._replace(in_force=_counted(prepared.in_force), guard=guard, trains=deepcopy(prepared.trains))


def _counted(filters: FilterSet | None) -> FilterSet | None:
    """A set with counters of its own."""
    return filters and replace(filters, hits=list(filters.hits))
