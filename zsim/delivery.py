"""Records on their way, and syslogd as a started task: what S, F, P and kill reach.

    F procname,RESTART                 read the configuration again and open the files anew
    kill -HUP $(cat /etc/syslog.pid)   the same; kill -TERM ends the daemon

An edited syslog.conf acts when it is read again, not before. (halz001 syslogd; the MODIFY command of syslogd)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from zsim import messages
from zsim.clock import Offset
from zsim.commands import Command, Reply, command
from zsim.config import pagentconf, syslogconf
from zsim.config.source import Source
from zsim.facts import fact
from zsim.findings import ERROR, Finding, did_you_mean, finding
from zsim.tasks import records, syslogd
from zsim.tasks.syslogd import Delivery, LogRecord, Syslogd
from zsim.unix import Answer, Usage

if TYPE_CHECKING:
    from zsim.started import Task
    from zsim.system import System
    from zsim.tcpip.logged import Logged
    from zsim.tcpip.traffic import Prepared

PROGRAM, TRMD = "SYSLOGD", "EZATRMD"
SIGNALS = {"HUP": "HUP", "1": "HUP", "SIGHUP": "HUP", "TERM": "TERM", "15": "TERM", "SIGTERM": "TERM"}


# ---- records ---------------------------------------------------------------------------------------------------


def deliver(system: System, told: list[LogRecord], zone: Offset | None = None) -> list[Delivery]:
    """Records to files, hosts and the console, by syslog.conf; without syslogd nothing is kept. `zone` is the writer's,
    the image's where it is None."""
    daemon = system.task_of(PROGRAM)
    if daemon is None or not daemon.running or not told:
        return []
    given, _, _ = _options(daemon.options)
    if given.network_only:
        return []
    offset = system.offset
    zone = offset if zone is None else zone
    rules, _ = rules_in_force(system)
    deliveries = syslogd.deliver(rules, told, offset, system.syslogd.opened)
    if not given.create:
        deliveries = [each for each in deliveries if system.files.there(each.path)]
    lines: dict[str, list[str]] = {}
    for path, record, _ in deliveries:
        if record is not None:
            lines.setdefault(path, []).append(syslogd.line(record, system.sysname, zone, given.users) + "\n")
    for path, written in lines.items():
        system.files.append(path, "".join(written))
    for time in {syslogd.opening(record.time, offset, system.syslogd.opened) for record in told}:
        system.files.modes |= syslogd.modes(rules, daemon.options, time, offset)
    system.elsewhere += syslogd.elsewhere(rules, told, system.sysname, offset, daemon.user)
    return deliveries


def deliver_lines(
    system: System, logged: Logged, prepared: Prepared, writer: LogRecord, zone: Offset
) -> list[Delivery] | None:
    """What TRMD, `writer` in `zone`, logs of a batch in compiled mode, to files, all at once. None where some of it
    goes elsewhere, for which a record each is needed."""
    daemon = system.task_of(PROGRAM)
    given = _options(daemon.options if daemon else "")[0]
    if daemon is None or not daemon.running or not len(logged) or given.network_only:
        return []
    rules, _ = rules_in_force(system)
    key = writer.user, writer.job, writer.facility, syslogconf.PRIORITIES[writer.priority]
    if any(rule.kind != syslogconf.FILE and rule.takes(*key) for rule in rules):
        return None
    host = syslogd.host(writer, system.sysname, given.users)
    if system._form is None or system._form[0] is not prepared.rows or system._form[1] != host:
        system._form = prepared.rows, host, records.form(prepared, host, writer.tag)
    offset, opened = system.offset, system.syslogd.opened
    deliveries: list[Delivery] = []
    routes: dict[int, list[str]] = {}  # by when the files were opened
    for block in records.blocks(logged, system._form[2], zone, offset, writer, system.files.room):
        if isinstance(block, LogRecord):
            deliveries += deliver(system, [block], zone)
            continue
        time = syslogd.opening(block.time, offset, opened)
        if time not in routes:
            paths = syslogd.paths(rules, writer._replace(time=block.time), offset, opened)
            routes[time] = [path for path in paths if given.create or system.files.there(path)]
            system.files.modes |= syslogd.modes(rules, daemon.options, time, offset)
        system.files.append_octets(routes[time], block.octets)
        deliveries += [Delivery(path, None, block.lines) for path in routes[time]]
    return deliveries


def rules_in_force(system: System) -> tuple[tuple[syslogconf.Rule, ...], tuple[Finding, ...]]:
    """The rules of the configuration that syslogd has read; of the file, while it holds none."""
    daemon = system.task_of(PROGRAM)
    if daemon is None:
        return (), ()
    held = system.syslogd
    source = Source(held.name, held.text) if daemon.running and held.name else _configuration(system, daemon)
    if isinstance(source, Finding):
        return (), (source,)
    read = _parsed(source, fact("syslog-comma-lists"))
    return read.rules, read.findings


@lru_cache(maxsize=4)
def _parsed(source: Source, comma_lists: bool) -> syslogconf.Configuration:
    """The configuration, which is asked for with every batch of records; the facts it depends on are given too."""
    return syslogconf.parse(source)


_options = lru_cache(maxsize=4)(syslogd.options)


def _configuration(system: System, task: Task) -> Source | Finding:
    """The file of -f, of SYSLOGD_CONFIG_FILE, or of the task. (syslogd_env)"""
    name = _options(task.options)[0].file
    if not name and task.environment:
        environment = system.files.read(task.environment, task.where)
        if isinstance(environment, Source):
            name = pagentconf.environment(environment).get("SYSLOGD_CONFIG_FILE", "")
    return system.files.read(name or task.file, task.where)


# ---- the started task ------------------------------------------------------------------------------------------


def begin(system: System, task: Task) -> list[Finding]:
    """Start syslogd, or let it read its configuration again: its files are opened, and it says so in its own log."""
    given, wrong, idle = _options(task.options)
    findings = [finding("syntax", task.where, found=f, expected=e, hint=h) for f, e, h in wrong]
    findings += [finding("kept", task.where, what=f"start option {word} of syslogd ({why})") for word, why in idle]
    source = _configuration(system, task)
    if isinstance(source, Finding):
        system.syslogd = Syslogd()
        return [*findings, source]
    system.syslogd = Syslogd(source.name, source.text, system.clock.now)
    rules, found = rules_in_force(system)
    findings += found
    if not given.create:
        exists = system.files.get
        findings += syslogd.missing(rules, lambda name: exists(name) is not None, system.clock.now, system.offset)
    _tell(system, task, str(messages.FSUM1220()))
    return findings


def end(system: System, task: Task) -> None:
    """The last record of syslogd, which still runs."""
    _tell(system, task, str(messages.SYSLOGD_ENDED()))
    system.syslogd = Syslogd()


def show_pid(system: System) -> None:
    """Let the file with the process number be there while syslogd runs; it is made anew with every command."""
    daemon = system.task_of(PROGRAM)
    name = fact("syslogd-pid-file")
    if daemon is not None and daemon.running:
        system.files.text[name] = f"{fact('syslogd-pid')}\n"
    elif name not in system.files.names:
        system.files.text.pop(name, None)


def _tell(system: System, task: Task, text: str) -> None:
    """A record of syslogd about itself."""
    deliver(system, [LogRecord(system.clock.now, "syslog", "info", task.user, task.job, "syslogd", text)])


def _reread(system: System, task: Task) -> list[Finding]:
    from zsim.system import Brought

    _, findings = system._read(task, lambda task: Brought([], begin(system, task)))
    return findings


@command("MODIFY {job},RESTART")
def restart(system: System, job: str) -> Reply | None:
    """Have syslogd read its configuration again and open its files anew."""
    task = system.running(job)
    if task is None:
        return Reply((messages.IEE341I(job=job),), done=False)
    if task.program != PROGRAM:
        return None
    findings = _reread(system, task)
    failed = any(each.severity == ERROR for each in findings)
    return Reply((messages.SYSLOGD_RESTARTED(file=system.syslogd.name or task.file),), tuple(findings), not failed)


def kill(system: System, words: Sequence[str]) -> Answer:
    """`kill [-signal | -s signal] pid...`: HUP and TERM to syslogd, TERM to TRMD. Raises Usage."""
    operands = list(words[1:])
    signal = "TERM"
    if operands and operands[0] == "-s":
        signal, operands = (operands[1] if len(operands) > 1 else ""), operands[2:]
    elif operands and operands[0].startswith("-"):
        signal, operands = operands[0][1:], operands[1:]
    meant = SIGNALS.get(signal.upper())
    if meant is None:
        raise Usage(
            f"signal {signal or '(none)'} is not modelled; {did_you_mean(signal, SIGNALS, 'use HUP or TERM')}"
        )
    if not operands:
        raise Usage("a process number is needed, such as $(cat /etc/syslog.pid)")
    errors = "".join(_signal(system, meant, pid) for pid in operands)
    return Answer("", errors, 1 if errors else 0)


def _signal(system: System, signal: str, pid: str) -> str:
    """Send one signal; what is wrong, or nothing."""
    programs = {str(fact("syslogd-pid")): PROGRAM, str(fact("log-pid")): TRMD}
    task = system.task_of(programs.get(pid, ""))
    if task is None or not task.running:
        return f"kill: {pid[:20]}: no such process\n"
    if signal == "HUP" and task.program == PROGRAM:
        return "".join(f"{each.where}: {each.text}\n" for each in _reread(system, task) if each.severity == ERROR)
    system.stop_task(task)
    return ""


COMMANDS: tuple[Command, ...] = (restart,)
