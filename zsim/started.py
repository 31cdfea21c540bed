"""Operator commands for started tasks: S name, P job.

What runs has its effect and what does not has none: without TRMD packets are judged and nothing is logged, a Policy
Agent that stops leaves its filters in force, a stack that starts again reads its profile anew. (seed; halz002 pbn_stop)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zsim import messages
from zsim.clock import moment, zone_offset
from zsim.commands import Command, command
from zsim.findings import ERROR
from zsim.messages import IssuedMessage

if TYPE_CHECKING:
    from zsim.system import Reply, System

FORKING = "EZATRMD"  # the started task ends at once; its work is done by the job it leaves behind (seed)


@command("START {name}")
def start(system: System, name: str) -> Reply:
    """Start a task from its procedure."""
    from zsim.system import Reply

    task = system.tasks.get(name)
    if task is None:
        return Reply((messages.IEE122I(), messages.IEFC612I(name=name)), done=False)
    if task.running:
        return Reply((messages.RUNNING(job=task.job),), done=False)
    issued, findings = system.start_task(task)
    begun = (
        messages.HASP100(name=name), messages.IEF695I(name=name, user=task.user), messages.HASP373(name=name),
        messages.IEF403I(name=name, time=_time(system)),
    )  # fmt: skip
    ended = _ended(system, name) if task.program == FORKING or not task.running else ()
    failed = any(each.severity == ERROR for each in findings)
    return Reply((*begun, *issued, *ended), tuple(findings), not failed)


@command("STOP {job}")
def stop(system: System, job: str) -> Reply:
    """Stop a running job; TRMD is stopped by the name it runs under, TRMD1."""
    from zsim.system import Reply

    task = system.running(job)
    if task is None:
        return Reply((messages.IEE341I(job=job),), done=False)
    issued = system.stop_task(task)
    return Reply((*issued, *_ended(system, job)))


def _ended(system: System, job: str) -> tuple[IssuedMessage, ...]:
    return messages.IEF404I(name=job, time=_time(system)), messages.HASP395(name=job)


def _time(system: System) -> str:
    return moment(system.clock.now, zone_offset(system.timezone) or 0).strftime("%H.%M.%S")


COMMANDS: tuple[Command, ...] = (start, stop)
