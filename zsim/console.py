"""Operator commands: S, P and C of started tasks, F of what they do, D of what runs, V TCPIP of the stack.

    S proc[.id][,name=value]     P job     C job     F job,operands     D A,L|job     V TCPIP,[stack],command

What runs has its effect and what does not has none: without TRMD packets are judged and nothing is logged, without
syslogd what would be logged reaches the console, a Policy Agent that stops leaves its filters in force, a stack that
starts again reads its profile anew. (seed; halz002 pbn_stop; the reference on the operator console)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from zsim import defence, delivery, messages, started
from zsim.clock import SECOND, moment
from zsim.commands import OTHER_VERBS, VERBS, Command, Reply, command, fitting, split, verb_known
from zsim.config import profile
from zsim.config.source import abbreviates
from zsim.facts import fact
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding, number
from zsim.messages import IssuedMessage
from zsim.started import DMD, PAGENT, SYSLOGD, TCPIP, TRMD, Task
from zsim.tasks import pagentlog
from zsim.tcpip import interfaces, stack

if TYPE_CHECKING:
    from zsim.system import System


def run(system: System, text: str) -> Reply:
    """Carry out one operator command."""
    for candidate, operands in fitting(text, COMMANDS):
        reply: Reply | None = candidate.run(system, **operands)
        if reply is not None:
            return reply
    typed = text.strip().replace(",", " ").split(" ")[0].upper() or "BLANK"
    if typed in OTHER_VERBS:
        return _not_modelled(text.strip())
    if verb_known(text, COMMANDS):
        verb = VERBS.get(typed, typed)
        return Reply((messages.IEE535I(verb=verb),), (_not_understood(system, text.strip(), verb),), False)
    known = sorted({*VERBS, *VERBS.values()})
    hint = did_you_mean(typed, known, "S, P, C, F, D and V are")
    wrong = finding("bad-system", _HERE, what=f"{typed} is no operator command", hint=hint)
    return Reply((messages.IEE305I(verb=typed),), (wrong,), False)


_HERE = Where("console", 1, 1)

# What each verb takes here, and what MODIFY may tell a task.
FORMS = {
    "START": "S proc[.id][,name=value]", "STOP": "P job", "CANCEL": "C job", "MODIFY": "F job,operands",
    "DISPLAY": "D A[,L | ,job]", "VARY": "V TCPIP,[stack],OBEYFILE | SYNTAXCHECK | START | STOP,name",
}  # fmt: skip
MODIFIED = {
    PAGENT: "REFRESH, UPDATE, LOGLEVEL,LEVEL=n, TRACE,LEVEL=n, DEBUG,LEVEL=n", SYSLOGD: "RESTART",
    DMD: "DISPLAY, REFRESH, REFRESH,FILE=name, FORCE_INACTIVE,stack",
}  # fmt: skip


def _not_understood(system: System, text: str, verb: str) -> Finding:
    """Why an operator command has no pattern, with what it could be."""
    hint = f"write {FORMS[verb]}" if verb in FORMS else ""
    names = split(text)[1] if verb == "MODIFY" else []
    task = system.running(names[0]) if names else None
    if task is not None:
        known = MODIFIED.get(task.program, "")
        hint = f"{task.job} takes {known}" if known else f"{task.job} takes no MODIFY"
    return finding("bad-system", _HERE, what=f"{text[:60]} is not understood", hint=hint)


def _not_modelled(what: str) -> Reply:
    found = finding("not-modelled", _HERE, what=what, why="the real system answers it")
    return Reply((), (found,), False)


def _not_active(system: System, job: str) -> Reply:
    names = [task.job for task in system.tasks.values() if task.running]
    hint = did_you_mean(job, names, f"running are {', '.join(names)}" if names else "nothing is running")
    task = system.tasks.get(job)
    if task is not None and task.running:
        hint = f"it runs as {task.job}"
    found = finding("bad-system", _HERE, what=f"no job {job} is running", hint=hint)
    return Reply((messages.IEE341I(job=job),), (found,), False)


def _failed(findings: Sequence[Finding]) -> bool:
    return any(each.severity == ERROR for each in findings)


# ---- START, STOP, CANCEL --------------------------------------------------------------------------------------

# Keywords of START that are no symbolic parameters. (MVS System Commands, START)
START_KEYWORDS = ("JOBNAME", "JOBACCT", "SUB", "KEYWORD", "REUSASID")


@command("START {operands...}")
def start(system: System, operands: str) -> Reply | None:
    """Start a task from its procedure; name=value replaces symbolic parameters of it."""
    words = split(f"S {operands}")[1]
    name = words[0].partition(".")[0] if words else ""
    if not name:
        return None
    given: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if equals and key:
            given[key] = value[1:-1].replace("''", "'") if value.startswith("'") and value.endswith("'") else value
        elif word:
            return Reply((messages.IEE535I(verb="START"),), done=False)
    shown = given.pop("JOBNAME", name)
    for key in START_KEYWORDS:
        given.pop(key, None)
    before = system.tasks.get(shown)
    if before is not None and before.running:
        return Reply((messages.RUNNING(job=before.job),), done=False)
    made, found = _procedure(system, name, given)
    if made is None:
        return found
    task = replace(made, name=shown, loglevel=-1)
    if system.running(task.job) is not None:
        return Reply((messages.RUNNING(job=task.job),), done=False)
    system.tasks[shown] = task
    issued, findings = system.start_task(task)
    begun = (
        messages.HASP100(name=shown), messages.IEF695I(name=name, job=shown, user=task.user),
        messages.HASP373(name=shown), messages.IEF403I(name=shown, time=_time(system)),
    )  # fmt: skip
    over = _ended(system, shown) if task.job != shown or not task.running else ()
    return Reply((*begun, *issued, *over), (*found.findings, *findings), not _failed(findings))


def _procedure(system: System, name: str, given: Mapping[str, str]) -> tuple[Task | None, Reply]:
    """The task that START names, as its procedure is now; or the reply that says why there is none."""
    procedures = started.members(system.files.names, system.proclib)
    if name in procedures:
        task, findings = system.procedure(name, given)
        if task is None and not _failed(findings):
            return None, Reply((), (*findings, *_not_modelled(f"START {name}").findings), False)
        return task, Reply((messages.IEE122I(),) if task is None else (), findings, task is not None)
    row = system.tasks.get(name)
    if row is None or not row.program:
        hint = did_you_mean(
            name, {*procedures, *system.tasks}, "the tasks of a system are in its PROCLIB or system.yaml"
        )
        what = f"there is no procedure {name}"
        missing = finding("bad-system", _HERE, what=what, hint=hint)
        return None, Reply((messages.IEE122I(), messages.IEFC612I(name=name)), (missing,), False)
    if given:
        what = f"{name} comes from system.yaml: it has no symbolic parameters"
        wrong = finding("bad-system", _HERE, what=what, hint="write a procedure for it")
        return None, Reply((messages.IEE122I(),), (wrong,), False)
    return row, Reply(())


@command("STOP {job}")
def stop(system: System, job: str) -> Reply:
    """Stop a running job; TRMD is stopped by the name it runs under, TRMD1."""
    return _end(system, job.partition(".")[0])


@command("CANCEL {job}")
def cancel(system: System, job: str) -> Reply:
    """End a running job, as STOP does."""
    name = job.partition(".")[0]
    return _end(system, name, (messages.IEE301I(job=name),))


def _end(system: System, job: str, accepted: tuple[IssuedMessage, ...] = ()) -> Reply:
    task = system.running(job)
    if task is None:
        return _not_active(system, job)
    issued = system.stop_task(task)
    return Reply((*accepted, *issued, *_ended(system, job)))


def _ended(system: System, job: str) -> tuple[IssuedMessage, ...]:
    return messages.IEF404I(name=job, time=_time(system)), messages.HASP395(name=job)


def _time(system: System) -> str:
    return moment(system.clock.now, system.offset).strftime("%H.%M.%S")


# ---- MODIFY ---------------------------------------------------------------------------------------------------


@command("MODIFY {job},REFRESH")
def refresh(system: System, job: str) -> Reply:
    """Have the Policy Agent read all its files again, as at start; DMD its configuration."""
    return _reread(system, job)


@command("MODIFY {job},UPDATE")
def update(system: System, job: str) -> Reply:
    """Have the Policy Agent read changed files; nothing is installed, and counters stay, where none changed."""
    return _reread(system, job, only_changed=True)


def _reread(system: System, job: str, only_changed: bool = False) -> Reply:
    task = system.running(job)
    if task is None:
        return _not_active(system, job)
    if task.program == defence.PROGRAM and not only_changed:
        return defence.refresh(system, task)
    if task.program != PAGENT:
        return Reply((messages.IEE535I(verb="MODIFY"),), done=False)
    if only_changed and not system.changed_files(task.name):
        return Reply((messages.EZZ8443I(),))
    issued, findings = system.reread(task)
    return Reply((messages.EZZ8443I(), *issued), tuple(findings), not _failed(findings))


@command("MODIFY {job},LOGLEVEL,{level}")
def loglevel(system: System, job: str, level: str) -> Reply | None:
    """Which levels the Policy Agent writes to its log: the sum of their numbers, until it ends. (modpag)"""
    return _level(system, job, level, "LOGLEVEL")


@command("MODIFY {job},TRACE,{level}")
def trace(system: System, job: str, level: str) -> Reply | None:
    """Accepted; what it would trace is not modelled. (modpag)"""
    return _level(system, job, level, "TRACE")


@command("MODIFY {job},DEBUG,{level}")
def debug(system: System, job: str, level: str) -> Reply | None:
    """With 1 all levels are written to the Policy Agent's log. (paenv, modpag)"""
    return _level(system, job, level, "DEBUG")


def _level(system: System, job: str, word: str, what: str) -> Reply | None:
    task = system.running(job)
    if task is None:
        return _not_active(system, job)
    if task.program != PAGENT:
        return None
    name, equals, value = word.partition("=")
    try:
        level = number(value if name == "LEVEL" and equals else "", 0, pagentlog.EVERY_LEVEL)
    except ValueError as why:
        wrong = finding("syntax", _HERE, found=word, expected="LEVEL=n", hint=f"{why}; the levels add up to 511")
        return Reply((messages.IEE535I(verb="MODIFY"),), (wrong,), False)
    if what == "LOGLEVEL":
        task.loglevel = level
    elif what == "DEBUG" and level & 1:
        task.loglevel = pagentlog.EVERY_LEVEL
    else:
        return Reply((messages.EZZ8443I(),), (finding("kept", _HERE, what=f"MODIFY {job},{what}"),))
    return Reply((messages.EZZ8443I(),))


# Operands of MODIFY that the real tasks know and zsim does not model. (modpagnt; seed)
NOT_MODELLED = {
    PAGENT: ("MEMTRC", "QUERY", "SRVLSTN", "MON"),
    TCPIP: (),
    SYSLOGD: ("DISPLAY", "ARCHIVE"),
    TRMD: (),
}


@command("MODIFY {job},{operands...}")
def modify(system: System, job: str, operands: str) -> Reply | None:
    """What a task knows besides; None where it is not known either."""
    task = system.running(job)
    if task is None:
        return _not_active(system, job)
    if operands.split(",")[0] not in NOT_MODELLED.get(task.program, ()):
        return None
    return _not_modelled(f"MODIFY {job},{operands}")


# ---- DISPLAY --------------------------------------------------------------------------------------------------

_PAD = " " * 37
A_ROW = 2  # jobs in a line of D A,L


@command("DISPLAY A")
def activity(system: System) -> Reply:
    """How much runs."""
    return _activity(system, (), messages.IEE114I)


@command("DISPLAY A,{what}")
def activities(system: System, what: str) -> Reply:
    """What runs: L or ALL for all, or the name of one job; a name that ends in * for several."""
    tasks = sorted((task for task in system.tasks.values() if task.running), key=lambda task: task.number)
    if what in ("L", "LIST"):
        rows = [_row(task) for task in tasks]
        lines = ["".join(f"{row:<36}" for row in rows[at : at + A_ROW]).rstrip() for at in range(0, len(rows), A_ROW)]
        return _activity(system, [messages.again(line) for line in lines], messages.IEE114I)
    if what in ("A", "ALL"):
        chosen = tasks
    elif what.endswith("*"):
        chosen = [task for task in tasks if task.job.startswith(what[:-1])]
    else:
        chosen = [task for task in tasks if task.job == what]
    if not chosen:
        reply = _activity(system, [iter([messages.ACTIVITY_NONE(job=what)])], messages.IEE115I)
        return reply._replace(findings=_not_active(system, what).findings, done=False)
    first = fact("display-first-asid")
    shown = [iter([_detail(system, task, first + task.number)]) for task in chosen]
    return _activity(system, shown, messages.IEE115I)


def _activity(system: System, shown: Sequence[Iterator[IssuedMessage]], head: messages.Message) -> Reply:
    """The display: its two heading lines and what is `shown`."""
    counts = fact("display-counts")
    tasks = [task for task in system.tasks.values() if task.running]
    system.displays += 1
    at = moment(system.clock.now, system.offset)
    summary = messages.ACTIVITY_COUNTS(
        jobs=0, tasks=len(tasks), users=0, sysas=counts["sysas"], inits=counts["inits"], active=0,
        most=counts["most-users"], forked=sum(task.program == TRMD for task in tasks),
    )  # fmt: skip
    opened = head(time=f"{at:%H.%M.%S} {at.year:04d}.{at:%j}", number=system.displays)
    return Reply((opened, summary, *(message for each in shown for message in each)))


def _names(task: Task) -> tuple[str, str, str]:
    """Job, step and procedure; a forked job shows STEP1 and its user. (seed)"""
    if task.program == TRMD:
        return task.job, "STEP1", task.user
    return task.job, task.step or task.name, task.name


def _row(task: Task) -> str:
    job, step, user = _names(task)
    status, type = fact("display-state")[task.program], fact("display-type")[task.program]
    return str(messages.ACTIVITY_JOB(job=job, step=step, user=user, status=status, type=type))


def _detail(system: System, task: Task, asid: int) -> IssuedMessage:
    job, step, user = _names(task)
    work = fact("display-workload")
    seconds = (system.clock.now - task.since) / SECOND
    return messages.ACTIVITY_DETAIL(
        job=job, step=step, user=user, status=fact("display-state")[task.program],
        type=fact("display-type")[task.program], asid=asid, pad=_PAD, cpu=fact("display-cpu"),
        elapsed=f"{seconds:08.2f}" if seconds < 100_000 else "NOTAVAIL", number=task.number, owner=task.user,
        workload=work["workload"], service=work["class"], period=work["period"],
    )  # fmt: skip


@command("DISPLAY {operands...}")
def display(system: System, operands: str) -> Reply | None:
    """Other displays of the console."""
    return _not_modelled(f"DISPLAY {operands}") if operands else None


# ---- VARY TCPIP -----------------------------------------------------------------------------------------------


@command("VARY TCPIP,{job},{action},{operand}")
def vary_tcpip(system: System, job: str, action: str, operand: str) -> Reply | None:
    """Change the running stack: Obeyfile,dsn; SYNTAXcheck,dsn; STArt,name; STOp,name."""
    run = next((run for name, run in VARY_TCPIP.items() if action and abbreviates(action, name)), None)
    if run is None:
        return None
    names = [task.job for task in system.tasks.values() if task.program == TCPIP and task.running]
    if not names or job not in ("", system.stack.name, *names):
        hint = did_you_mean(job, names, f"the stack is {names[0]}" if names else "start TCPIP first")
        wanted = job or system.stack.name
        noted = finding("bad-system", Where("console", 1, 9), what=f"no stack {wanted} is running", hint=hint)
        return Reply((messages.IEE341I(job=wanted),), (noted,), False)
    text = f"VARY TCPIP,{job},{action},{operand}"
    where = Where("console", 1, len(text) - len(operand) + 1)
    reply = run(system, operand.removeprefix("DSN="), where)
    return reply._replace(messages=(messages.EZZ0060I(command=text), *reply.messages))


def _obey(system: System, dsn: str, where: Where) -> Reply:
    """Change the running configuration from a file."""
    read, issued, findings = system.open_profile(dsn, where, "OBEYFILE")
    if read is not None:
        findings += stack.obey(system.stack, read, system.clock.now)
        issued += [*stack.announced(read), *profile_end(read, findings, "OBEYFILE")]
    failed = any(each.severity == ERROR for each in findings)
    issued.append(messages.EZZ0059I(command="OBEY") if failed else messages.EZZ0053I(command="OBEYFILE"))
    started = interfaces.activity(system.stack.interfaces, read.statements) if read else ()
    return Reply((*issued, *started), tuple(findings), not failed)


def profile_end(read: profile.Profile, findings: Sequence[Finding], type: str) -> Iterator[IssuedMessage]:
    """The messages of the statements, those that close the file, and those that follow from it."""
    late = [each for each in findings if each.id == "no-home"]
    yield from (message for each in findings if each not in late for message in messages.again(each.issued))
    yield messages.EZZ0316I(name=read.sources[0])
    if any(each.severity == ERROR for each in findings):
        yield messages.EZZ0303I(type=type)
    yield from (message for each in late for message in messages.again(each.issued))


def _syntax_check(system: System, dsn: str, where: Where) -> Reply:
    """Read a profile or OBEYFILE, report its mistakes and change nothing."""
    read, issued, findings = system.open_profile(dsn, where, "SYNTAXCHECK")
    if read is not None:
        issued += profile_end(read, findings, "SYNTAXCHECK")
    failed = any(each.severity == ERROR for each in findings)
    verdict = messages.EZZ0064I() if failed else messages.EZZ0062I()
    return Reply((messages.EZZ0061I(), *issued, verdict, messages.EZZ0065I()), tuple(findings), not failed)


def _activate(system: System, name: str, where: Where, action: str) -> Reply:
    """Start or stop a device or interface."""
    here = system.stack.interfaces
    statement = profile.Activation(action, name, where, {"name": where})
    findings = interfaces.activate(here, statement)
    if findings:
        why = (message for each in findings for message in messages.again(each.issued))
        return Reply((*why, messages.EZZ0059I(command=action)), tuple(findings), False)
    return Reply((messages.EZZ0053I(command=action), *interfaces.activity(here, (statement,))))


VARY_TCPIP: Mapping[str, Callable[[System, str, Where], Reply]] = {
    "Obeyfile": _obey,
    "CMD=Obeyfile": _obey,
    "SYNTAXcheck": _syntax_check,
    "STArt": partial(_activate, action="START"),
    "STOp": partial(_activate, action="STOP"),
}


# Commands of V TCPIP that the real stack knows and zsim does not model. (halu101)
OTHER_VARY_TCPIP = (
    "DATTRACE", "DRop", "EXPORTPROF", "OSAENTA", "PATTERN", "PKTTRACE", "PURGECache", "SYSPLEX", "TELNET", "MODCLIENT",
)  # fmt: skip


TCPIP_WORD = "TCPIP"  # the first operand, whatever the stack is called


@command("VARY {operands...}")
def vary(system: System, operands: str) -> Reply | None:
    """What else VARY does: not modelled; None where it is no command of the stack either."""
    words = operands.split(",")
    if words[0] != TCPIP_WORD:
        return _not_modelled(f"VARY {operands}") if words[0] else None
    if len(words) > 2 and any(words[2] and abbreviates(words[2], each) for each in OTHER_VARY_TCPIP):
        return _not_modelled(f"VARY {operands}")
    known = [name.upper() for name in VARY_TCPIP if "=" not in name]
    hint = did_you_mean(words[2] if len(words) > 2 else "", known, f"V TCPIP,[stack], {', '.join(known)}")
    wrong = finding("bad-system", _HERE, what=f"V {operands} is no command of the stack", hint=hint)
    return Reply((messages.IEE535I(verb="VARY"),), (wrong,), False)


# In this order: the first pattern that fits is meant.
COMMANDS: tuple[Command, ...] = (
    start, stop, cancel, refresh, update, loglevel, trace, debug, *defence.COMMANDS, *delivery.COMMANDS, modify,
    activity, activities, display, vary_tcpip, vary,
)  # fmt: skip
