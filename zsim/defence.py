"""DMD as a started task: what S, F and P reach, what ipsec asks of it, and what the passing of time does.

    F procname,DISPLAY      F procname,REFRESH[,FILE=//'dataset' | ,FILE='unix-file']
    P procname              F procname,FORCE_INACTIVE,stackname

(halu101 defdemon)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from zsim import messages
from zsim.commands import Command, Reply, command
from zsim.config import dmd as language
from zsim.config import pagentconf
from zsim.config.source import Source
from zsim.facts import fact
from zsim.files import file_name
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding
from zsim.messages import IssuedMessage
from zsim.started import DMD, Task
from zsim.tasks import dmd as daemon
from zsim.tasks.dmd import Ask, Dmd, Effect, Entry, Refused
from zsim.tasks.syslogd import Delivery
from zsim.tcpip import defensive

if TYPE_CHECKING:
    from zsim.system import System

PROGRAM = DMD


def running(system: System) -> Task | None:
    """The task that is DMD, if it runs."""
    return next((task for task in system.tasks.values() if task.program == PROGRAM and task.running), None)


def begin(system: System, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
    """Start DMD: its environment, its configuration, the persistent copy. With mistakes in the file it ends."""
    others = [each for each in system.tasks.values() if each.program == PROGRAM and each.running and each is not task]
    if others:
        task.running = False
        return [messages.DMD_SECOND(job=others[0].job)], []
    findings: list[Finding] = []
    variables, where = {}, task.where
    if task.environment:
        source = system.files.read(task.environment, task.where)
        if isinstance(source, Finding):
            findings.append(source)
        else:
            variables = pagentconf.environment(source)
            where = pagentconf.place_of(source, "DMD_FILE") or where
            findings += _remarks(source, variables)
    system.dmd = Dmd()
    name, read = _configuration(system, variables.get("DMD_FILE") or fact("dmd-file"), where)
    findings += read.findings
    if read.failed:
        task.running = False
        return [*_ctrace(system, variables), messages.DMD_FAILED(file=name), messages.DMD_ENDED()], findings
    system.dmd.config = read.config
    system.dmd.filters, issued = _kept(system, daemon.EVERYWHERE)
    issued = [*_ctrace(system, variables), *issued]
    issued += _restore(system)
    effect = daemon.configure(system.dmd, read.config, name, system.stacks, system.clock.now)
    _deliver(system, effect)
    return [*issued, *effect.issued, messages.DMD_READY()], findings


# Environment variables of DMD; those that change nothing here. (dmd_run_time_environment, ctracedmd)
VARIABLES = ("DMD_FILE", "DMD_PIDFILE", "DMD_CTRACE_MEMBER", "DMD_CODEPAGE")
KEPT_VARIABLES = ("DMD_PIDFILE", "DMD_CODEPAGE")
PARMLIB, CTRACE_MEMBER = "SYS1.PARMLIB", "CTIDMD00"


def _remarks(source: Source, variables: Mapping[str, str]) -> Iterator[Finding]:
    """What is doubtful in an environment: a variable that DMD does not know, one that changes nothing."""
    for name in variables:
        where = pagentconf.place_of(source, name) or Where(source.name)
        if name in KEPT_VARIABLES:
            yield finding("kept", where, what=name)
        elif name.startswith("DMD_") and name not in VARIABLES:
            hint = did_you_mean(name, VARIABLES, f"it knows {', '.join(VARIABLES)}")
            yield finding("ignored-attribute", where, name=name, statement="the environment of DMD", hint=hint)


def _ctrace(system: System, variables: Mapping[str, str]) -> list[IssuedMessage]:
    """Without its member DMD traces with the defaults and says so; a system without SYS1.PARMLIB is not asked."""
    names = system.files.names
    member = variables.get("DMD_CTRACE_MEMBER", CTRACE_MEMBER).upper()
    missing = any(name.startswith(f"{PARMLIB}(") for name in names) and f"{PARMLIB}({member})" not in names
    return [messages.IEE538I(member=member)] if missing else []


def _configuration(system: System, file: str, where: Where) -> tuple[str, language.Read]:
    """The name of the file as messages show it, and what it says."""
    try:
        name = file_name(file).quoted
    except ValueError:
        name = file
    source = system.files.read(file, where)
    if isinstance(source, Finding):
        return name, language.Read(language.defaults(), (source,))
    return name, language.parse(source)


def _configure(system: System, file: str, where: Where) -> tuple[list[IssuedMessage], list[Finding]]:
    """Read the file and work by it; with mistakes in it nothing changes."""
    name, read = _configuration(system, file, where)
    if read.failed:
        return [messages.DMD_FAILED(file=name)], list(read.findings)
    effect = daemon.configure(system.dmd, read.config, name, system.stacks, system.clock.now)
    _deliver(system, effect)
    return list(effect.issued), list(read.findings)


def stack_started(system: System) -> list[IssuedMessage]:
    """A stack came up while DMD runs: it gets its filters again. (dmd_defensive_filters)"""
    return _restore(system) if running(system) and system.dmd.config else []


def _restore(system: System) -> list[IssuedMessage]:
    """Give every running stack what the persistent copy has for it."""
    issued: list[IssuedMessage] = []
    kept = {name: _kept(system, name) for name in system.stacks}  # all, before any is written
    for name, (filters, skipped) in kept.items():
        issued += skipped
        changes = daemon.restore(system.dmd, system.stacks[name], filters, system.clock.now)
        _deliver(system, Effect(changes=tuple(changes), told=(Entry(daemon.EVENTS, f"Stack {name} is managed"),)))
    return issued


def _kept(system: System, name: str) -> tuple[list[defensive.Installed], list[IssuedMessage]]:
    assert system.dmd.config is not None
    path = daemon.path_of(system.dmd.config, name)
    text = system.files.get(path)
    return daemon.kept(text, path, system.clock.now) if isinstance(text, str) else ([], [])


def end(system: System) -> list[IssuedMessage]:
    """DMD ends; filters stay in the stacks and in the persistent copy. (dmd_defensive_filters)"""
    system.dmd = Dmd()
    return [messages.DMD_ENDED()]


def tick(system: System, seen: int | None = None) -> list[Delivery]:
    """Remove what has expired by the system's clock, whether DMD runs or not, and report what log limits held back:
    up to `seen`, where packets of the past are replayed."""
    now = system.clock.now
    changes = defensive.expire(system.stack.defensive, now, now if seen is None else min(now, seen))
    before = len(system.dmd.filters)
    system.dmd.filters = [each for each in system.dmd.filters if each.defence.expires > now]
    if not changes and len(system.dmd.filters) == before:
        return []
    gone = [each.rule for each in changes if each.what == "expired"]
    told = tuple(Entry(daemon.EVENTS, f"Expired: {rule.name} {rule.extension}") for rule in gone)
    return _deliver(system, Effect(changes=tuple(changes), told=told))


def _deliver(system: System, effect: Effect) -> list[Delivery]:
    """Changes to TRMD, entries to syslogd, and the persistent copy to its files where it is another one."""
    deliveries = system._log(effect.changes)
    task, config = running(system), system.dmd.config
    if task is None or config is None:
        return deliveries
    system._to_syslogd(daemon.records(effect.told, config, system.clock.now, task.user, task.job))
    for path, text in daemon.copies(system.dmd, system.stacks):
        if text != (system.files.get(path) or ""):
            system.files.replace(path, text)
    return deliveries


def carry_out(system: System, ask: Ask) -> tuple[int, str]:
    """What ipsec -F asks for: its exit code, and what is wrong."""
    try:
        effect = daemon.carry_out(system.dmd, ask, system.stacks, system.clock.now)
    except Refused as why:
        _deliver(system, Effect(told=(Entry(daemon.ERRORS, f"Request of {ask.user} refused: {why}"),)))
        return fact("ipsec-exit-codes")[why.code], f"ipsec: {why}"
    _deliver(system, effect)
    return 0, ""


# ---- operator commands ----------------------------------------------------------------------------------------


def _task(system: System, job: str) -> Task | Reply | None:
    """The DMD that runs under a job name; the reply that none runs; None for another program."""
    task = system.running(job)
    if task is None:
        return Reply((messages.IEE341I(job=job),), done=False)
    return task if task.program == PROGRAM else None


@command("MODIFY {job},DISPLAY")
def display(system: System, job: str) -> Reply | None:
    """Show the configuration values that DMD uses."""
    task = _task(system, job)
    return Reply(tuple(daemon.shown(system.dmd))) if isinstance(task, Task) else task


@command("MODIFY {job},REFRESH,{file}")
def refresh_from(system: System, job: str, file: str) -> Reply | None:
    """Have DMD read another configuration file: FILE=//'DATA.SET(MEMBER)' or FILE='/unix/file'."""
    task = _task(system, job)
    if not isinstance(task, Task):
        return task
    keyword, equals, name = file.partition("=")
    if keyword != "FILE" or not equals or not name:
        return Reply((messages.IEE535I(verb="MODIFY"),), done=False)
    if name.startswith("'/"):
        name = name.strip("'")
    return refresh(system, task, name)


def refresh(system: System, task: Task, file: str = "") -> Reply:
    """Have DMD read its configuration again, as a complete replacement."""
    from zsim.system import Brought

    wanted = file or system.dmd.file
    issued, findings = system._read(task, lambda task: Brought(*_configure(system, wanted, Where("console", 1, 1))))
    failed = any(each.severity == ERROR for each in findings)
    return Reply(tuple(issued), tuple(findings), not failed)


@command("MODIFY {job},FORCE_INACTIVE,{stack}")
def force_inactive(system: System, job: str, stack: str) -> Reply | None:
    """Remove all defensive filters of a stack, and refuse new ones until the next REFRESH."""
    task = _task(system, job)
    if not isinstance(task, Task):
        return task
    config = system.dmd.config
    if config is None or config.of(stack) is None:
        names = [each.stack for each in config.stacks] if config else []
        hint = did_you_mean(stack, names, f"it names {', '.join(names) or 'none'}")
        found = finding("bad-system", Where("console", 1, 1), what=f"DMD manages no stack {stack}", hint=hint)
        return Reply((messages.DMD_NO_STACK(stack=stack),), (found,), False)
    effect = daemon.force_inactive(system.dmd, stack, system.stacks, system.clock.now)
    _deliver(system, effect)
    path = daemon.path_of(config, stack)
    if system.files.get(path):  # of a stack that is down
        system.files.replace(path, "")
    return Reply(effect.issued)


COMMANDS: tuple[Command, ...] = (display, refresh_from, force_inactive)
