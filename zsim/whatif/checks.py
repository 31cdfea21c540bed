"""Checks of rules: too open, not logged, logged in vain, used by nothing, default rules that differ from the policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from zsim.findings import NOTE, Finding, finding
from zsim.started import PAGENT, SYSLOGD, TRMD
from zsim.system import System
from zsim.tasks import pagent, syslogd, trmd
from zsim.tcpip.filters import DEFENSIVE, POLICY, PROFILE, FilterRule
from zsim.whatif import compare, crossings, words
from zsim.whatif.anomaly import Anomaly, Key, key_of, titles
from zsim.whatif.crossings import View

if TYPE_CHECKING:
    from engine.space import Packets, Space

MOST_BOXES = 3


def checks(space: Space, view: View) -> Iterator[Anomaly]:
    """All of them."""
    yield from _open(view)
    yield from _unlogged(view)
    yield from _lost(view)
    yield from _drift(space, view)
    yield from _unused(view.system)


def written(view: View) -> dict[Key, list[FilterRule]]:
    """The installed filters of each rule that somebody wrote."""
    found: dict[Key, list[FilterRule]] = {}
    for rule in view.rows:
        if rule.layer in (POLICY, PROFILE, DEFENSIVE) and not rule.implicit and not rule.hidden:
            found.setdefault(key_of(rule), []).append(rule)
    return found


def _about(id: str, rule: FilterRule, filters: list[FilterRule], **values: str) -> Anomaly:
    what = f"{rule.action.lower()} {rule.name}"
    return Anomaly(finding(id, rule.where, what=what, **values), rule.layer, rule.name, rule.action, titles(filters))


def _open(view: View) -> Iterator[Anomaly]:
    """Permits of everything, from anywhere to anywhere."""
    for filters in written(view).values():
        found = [each for each in filters if not each.denies and each.layer != DEFENSIVE and _everything(each)]
        if found:
            versions = " and ".join(f"IPv{version}" for version in sorted({each.version for each in found}))
            yield _about("permits-all", found[0], found, version=versions)


def _everything(rule: FilterRule) -> bool:
    service = rule.service
    anywhere = rule.source.everything and rule.dest.everything
    return anywhere and service.protocol is None and not service.secclass and not service.fragments_only


def _unlogged(view: View) -> Iterator[Anomaly]:
    for filters in written(view).values():
        found = [each for each in filters if each.denies and each.layer != DEFENSIVE and not each.logs]
        if found:
            yield _about("denies-unlogged", found[0], found)


def _lost(view: View) -> Iterator[Anomaly]:
    """Log records that are asked for and end nowhere."""
    in_force, system = view.prepared.in_force, view.system
    asked = [rule for rule in view.rows if rule.logs and rule.layer in (POLICY, PROFILE, DEFENSIVE)]
    if not asked:
        return
    off = [rule for rule in asked if rule.layer != DEFENSIVE] if in_force is not None and not in_force.logging else []
    if off and in_force is not None:
        why, hint = {
            POLICY: ("FilterLogging is off in the IpFilterPolicy", "code FilterLogging on"),
            PROFILE: ("the IPSEC statement does not say LOGENABLE", "code IPSEC LOGENABLE"),
        }[in_force.layer]
        yield Anomaly(finding("log-off", off[0].where, count=len(off), why=why, hint=hint), filters=titles(off))
    left = [rule for rule in asked if rule not in off]
    lost = _why_lost(system) if left else None
    if lost:
        why, hint = lost
        yield Anomaly(finding("log-lost", left[0].where, count=len(left), why=why, hint=hint), filters=titles(left))


def _why_lost(system: System) -> tuple[str, str] | None:
    """Why no file would get a record of TRMD, and what to do; None where one gets it."""
    for program, name in ((TRMD, "TRMD"), (SYSLOGD, "syslogd")):
        task = system.task_of(program)
        if task is None:
            return f"the system has no {name}", f"add {name} to its started tasks"
        if not task.running:
            return f"{task.job} is not running", f"S {task.name}"
    task, daemon = system.task_of(TRMD), system.task_of(SYSLOGD)
    assert task is not None
    assert daemon is not None
    rules, _ = system.syslog_rules()
    record = trmd.writer(system.stack.name, task.user, task.job)._replace(time=system.clock.now)
    if syslogd.elsewhere(rules, [record], system.sysname, system.offset, daemon.user):
        return None
    paths = syslogd.paths(rules, record, system.offset, system.syslogd.opened)
    if not paths:
        name = system.syslogd.name or daemon.file
        return (
            f"no rule of {name} takes {record.facility}.{record.priority} of job {record.job}",
            f"add *.{record.job}.*.* and a file to it",
        )
    if not syslogd.creates(daemon.options) and not any(isinstance(system.files.get(path), str) for path in paths):
        return f"{paths[0]} does not exist and syslogd runs without -c", "start syslogd with -c, or make the file"
    return None


def _drift(space: Space, view: View) -> Iterator[Anomaly]:
    """Where the default rules, which wait behind the policy, would treat packets otherwise."""
    system = view.system
    if view.prepared.in_force is None or view.prepared.in_force.layer != POLICY or system.stack.default is None:
        return
    bare = replace(system.stack, default_forced=True)
    waiting = crossings.view(space, replace(system, stack=bare), view.name, few=True)._replace(
        among=view.among, around=view.around
    )
    if not any(not rule.implicit for rule in waiting.rows if rule.layer == PROFILE):
        return
    parts = compare.contrasted(space, view, waiting, view.among).parts()
    opened = parts.get(compare.PERMITTED)
    if opened is not None:
        for _, filters in _profile_rules(waiting):
            numbers = [at for at, rule in enumerate(waiting.rows) if rule in filters]
            mine = _decided_by(space, waiting, numbers, opened)
            if mine:
                yield _about("default-permits", filters[0], filters, packets=_told(view, mine))
    closed = parts.get(compare.DENIED)
    if closed is not None:
        rule = next(rule for rule in waiting.rows if rule.layer == PROFILE)
        said = finding("default-denies", rule.where, packets=_told(view, closed))
        yield Anomaly(said, PROFILE)


def _profile_rules(view: View) -> Iterator[tuple[Key, list[FilterRule]]]:
    yield from ((key, rules) for key, rules in written(view).items() if key[0] == PROFILE)


def _decided_by(space: Space, view: View, numbers: list[int], among: Packets) -> Packets:
    return space.first_match(view.asked.rules, among).where(*numbers)


def _told(view: View, packets: Packets) -> str:
    """A set as its largest boxes."""
    boxes = packets.boxes(view.among)
    told = "; ".join(words.box(box) for box in boxes[:MOST_BOXES])
    return f"{told}; and {len(boxes) - MOST_BOXES} more" if len(boxes) > MOST_BOXES else told


def _unused(system: System) -> Iterator[Anomaly]:
    """Statements of the policy files that nothing refers to."""
    agent = system.task_of(PAGENT)
    if agent is None or agent.name not in system.readings:
        return
    asked = dict(system.files.asked)
    reading = pagent.read(
        system.files, agent.options, agent.environment, agent.where, system.stack.name, system.stack.versions,
        system.clock.now,
    )  # fmt: skip
    system.files.asked.clear()
    system.files.asked.update(asked)
    for found in reading.result.findings:
        if found.id == "unused":
            yield Anomaly(_noted(found), POLICY, found.text.split()[1])


def _noted(found: Finding) -> Finding:
    return found._replace(severity=NOTE, remedy="remove it, or use it")
