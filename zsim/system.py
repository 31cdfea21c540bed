"""One z/OS image: its stack, its started tasks, its files, its clock. It passes things along.

    system = zsim.load("adcd")
    system.console("F CPAGENT,REFRESH")
    system.receive(frames)
    print(system.shell("ipsec -f display -c current").text)

A command, a task, a batch of packets *returns* what is to be done; only `System` delivers it: to the console,
to syslogd's files, to the stack.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from zsim import authority, defence, delivery, messages, started, unix
from zsim.clock import Clock, zone_offset
from zsim.commands import Command, command, match, verb_known
from zsim.config import profile, syslogconf
from zsim.config.source import abbreviates
from zsim.facts import choosing
from zsim.files import Files, unix_path
from zsim.findings import ERROR, UNKNOWN, Finding, Where, did_you_mean, finding
from zsim.messages import IssuedMessage
from zsim.racf import access, database, tso
from zsim.racf import commands as racf_commands
from zsim.racf.access import Asked
from zsim.racf.database import Racf
from zsim.tasks import pagent, pagentlog, pasearch, records, trmd, trmdstat
from zsim.tasks.dmd import Ask, Dmd
from zsim.tasks.syslogd import Delivery, LogRecord, Sent, Syslogd
from zsim.tcpip import interfaces, ipsec, stack, traffic
from zsim.tcpip.defensive import Change
from zsim.tcpip.filters import FilterRule, Hits
from zsim.tcpip.logged import Logged
from zsim.tcpip.stack import Stack
from zsim.unix import Answer

if TYPE_CHECKING:
    import engine


@dataclass
class Task:
    """A started task. `job` is the name it runs under: TRMD forks and lives on as TRMD1. (seed)"""

    name: str
    program: str
    user: str
    where: Where
    options: str = ""  # PARM, after the slash
    environment: str = ""  # the STDENV file
    file: str = ""  # the profile of TCPIP, the configuration of syslogd
    running: bool = False

    @property
    def job(self) -> str:
        return f"{self.name}1" if self.program == TRMD else self.name


# PGM= of the tasks that filtering needs.
TCPIP, PAGENT, TRMD, SYSLOGD = "EZBTCPIP", "PAGENT", "EZATRMD", "SYSLOGD"
RACF = "RACF"  # no task: under this name stands what its files had
PROGRAMS = (TCPIP, PAGENT, TRMD, SYSLOGD, defence.PROGRAM)


class Reading(NamedTuple):
    """The files a task last read, with a digest of each ("" for one that was missing), what was doubtful, and in words
    what came of it."""

    files: dict[str, str]
    doubts: tuple[Finding, ...]
    outcome: str = ""


class Brought(NamedTuple):
    """What reading its files brought a task: console messages, findings, and in words what came of it."""

    issued: list[IssuedMessage]
    findings: list[Finding]
    outcome: str = ""


class Reply(NamedTuple):
    """What the console shows for one command, and whether it was carried out."""

    messages: tuple[IssuedMessage, ...]
    findings: tuple[Finding, ...] = ()
    done: bool = True


P = ParamSpec("P")
R = TypeVar("R")


def _by_its_facts(method: Callable[Concatenate[System, P], R]) -> Callable[Concatenate[System, P], R]:
    """The method works by the facts its system has chosen."""

    @wraps(method)
    def chosen(self: System, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with choosing(self.facts):
            return method(self, *args, **kwargs)

    return chosen


@dataclass
class System:
    """sysname, release and zone are the image's; `tasks` by name; `stack` its one TCP/IP stack."""

    name: str
    sysname: str
    release: str
    timezone: str
    stack: Stack
    tasks: dict[str, Task]
    files: Files
    symbols: dict[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    clock: Clock = field(default_factory=Clock)
    readings: dict[str, Reading] = field(default_factory=dict)  # by task
    configured: Sequence[pagent.Configured] = ()  # the policy the agent holds
    dmd: Dmd = field(default_factory=Dmd)
    syslogd: Syslogd = field(default_factory=Syslogd)
    elsewhere: list[Sent] = field(default_factory=list)  # records for hosts and the console, for the edge to take
    facts: dict[str, Any] = field(default_factory=dict)  # what system.yaml chooses instead of zsim.facts
    racf: Racf | None = None  # None: there is no security product, and everybody may do everything
    racf_files: tuple[tuple[str, Where], ...] = ()  # the commands RACF starts from
    _form: tuple[tuple[FilterRule, ...], str, records.Format] | None = None  # of the lines of these filters, by host

    # ---- starting ----------------------------------------------------------------------------------------------

    @_by_its_facts
    def start(self, now: int) -> tuple[list[IssuedMessage], list[Finding]]:
        """Start every task, TCPIP first, as an IPL would: the profile, then the policy."""
        self.clock.advance_to(now)
        issued: list[IssuedMessage] = []
        findings = self.start_racf()
        for program in PROGRAMS:
            for task in self.tasks.values():
                if task.program == program:
                    more, found = self.start_task(task)
                    issued += more
                    findings += found
        return issued, findings

    @_by_its_facts
    def start_racf(self) -> list[Finding]:
        """Make the database from the commands of its files, once; afterwards it is part of the memory."""
        if self.racf is not None or not self.racf_files:
            return []
        self.racf = database.fresh(self.users or ("IBMUSER",))
        self.files.asked.clear()
        findings: list[Finding] = []
        for name, where in self.racf_files:
            source = self.files.read(name, where)
            if isinstance(source, Finding):
                findings.append(source)
                continue
            for done in racf_commands.carried_out(self.racf, tso.lines(source)):
                findings += done.findings
        self.readings[RACF] = self._reading(Brought([], findings))
        return findings

    def start_task(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        """Start one task: its messages, and what is wrong with its files."""
        task.running = True
        issued, findings = self._begin(task)
        agent = self.task_of(PAGENT)
        if task.program == TCPIP and agent is not None and agent.running:  # it installs again in a stack that comes up
            more, found = self._read(agent, self._read_policy)
            issued += more
            findings += found
        if task.program == TCPIP:
            issued += defence.stack_started(self)
        return issued, findings

    def stop_task(self, task: Task) -> list[IssuedMessage]:
        """Stop one task. A stopped Policy Agent leaves its policy in the stack; a stopped stack forgets all but
        `ipsec -f default`. (halz002 pbn_stop; halz002 ipsecurity_modify_ipsec_f_default_cmd)"""
        if task.program == SYSLOGD:
            delivery.end(self, task)
        task.running = False
        if task.program == defence.PROGRAM:
            return defence.end(self)
        if task.program == TCPIP:
            self.stack = Stack(self.stack.name, default_forced=self.stack.default_forced)
        return [messages.EZZ8501I()] if task.program == TRMD else []

    def _begin(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        if task.program == TCPIP:
            return self._read(task, self._start_stack)
        if task.program == PAGENT:
            issued, findings = self._read(task, self._read_policy)
            return [messages.EZZ8431I(), messages.EZZ8432I(), *issued], findings
        if task.program == SYSLOGD:
            return self._read(task, lambda task: Brought([], delivery.begin(self, task)))
        if task.program == defence.PROGRAM:
            return self._read(task, lambda task: Brought(*defence.begin(self, task)))
        return ([messages.EZZ8495I(), messages.EZZ8500I()] if task.program == TRMD else []), []

    def _read(self, task: Task, reader: Callable[[Task], Brought]) -> tuple[list[IssuedMessage], list[Finding]]:
        """Let a task read its files, and remember which they were and what was doubtful in them."""
        self.files.asked.clear()
        brought = reader(task)
        self.readings[task.name] = self._reading(brought)
        return brought.issued, brought.findings

    def _reading(self, brought: Brought) -> Reading:
        files = {name: _digest(self.files.get(name)) for name in self.files.asked}
        doubts = tuple(each for each in brought.findings if each.severity in (ERROR, UNKNOWN))
        return Reading(files, doubts, brought.outcome)

    def _start_stack(self, task: Task) -> Brought:
        read, opened, findings = self._profile(task.file, task.where, "PROFILE")
        if read is None:
            return Brought([], findings)
        findings += stack.start(self.stack, read, self.clock.now)
        issued = [*opened, *stack.announced(read), *_profile_end(read, findings, "PROFILE")]
        return Brought([*issued, *interfaces.activity(self.stack.interfaces, read.statements)], findings)

    def _profile(
        self, name: str, where: Where, type: str
    ) -> tuple[profile.Profile | None, list[IssuedMessage], list[Finding]]:
        """Read a profile or OBEYFILE with its INCLUDEs; what the console shows until its statements are applied."""
        source = self.files.read(name, where)
        if isinstance(source, Finding):
            return None, [], [source]
        read = profile.parse(source, self.symbols, self.files.read)
        opened = [messages.EZZ0300I(type=type, name=source.name), messages.EZZ0309I(name=source.name)]
        opened += [messages.EZZ0300I(type="INCLUDE", name=each) for each in read.sources[1:]]
        return read, opened, list(read.findings)

    def _read_policy(self, task: Task) -> Brought:
        """Let the Policy Agent read the whole chain; the result goes to the stack, to its log and to the console."""
        reading = pagent.read(
            self.files, task.options, task.environment, task.where, self.stack.name, self.stack.versions, self.clock.now
        )
        result = reading.result
        if result.effect != pagent.KEEP:
            stack.install(self.stack, result.built.filters if result.built else None)
            self.configured = result.built.rules if result.built else ()
        self._agent_log(task, reading)
        return Brought(list(reading.issued), list(result.findings), result.why)

    def _agent_log(self, task: Task, reading: pagent.Reading) -> None:
        path = pagentlog.file_of(task.options, reading.environment)
        level = pagentlog.level_of(task.options, reading.result.loglevel)
        told = pagentlog.entries(self.files.asked, reading)
        offset = self.offset
        if path != pagentlog.SYSLOGD:
            self.files.append(unix_path(path), pagentlog.lines(told, level, self.clock.now, offset))
            return
        self._to_syslogd(
            [pagentlog.record(entry, self.clock.now, task.user, task.job) for entry in pagentlog.passed(told, level)]
        )

    @property
    def offset(self) -> int:
        """Seconds east of UTC of the image's time zone."""
        return zone_offset(self.timezone) or 0

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """What answers depend on: errors, and what is not modelled, in the files that are installed."""
        return tuple(doubt for reading in self.readings.values() for doubt in reading.doubts)

    def changed_files(self, name: str) -> list[str]:
        """Files whose text is no longer what a task, or RACF, read in them; one that was missing may be there now."""
        reading = self.readings.get(name, Reading({}, ()))
        return [name for name, digest in reading.files.items() if _digest(self.files.get(name)) != digest]

    # ---- packets -----------------------------------------------------------------------------------------------

    @_by_its_facts
    def prepare(self, compiled: bool = False, home: Sequence[tuple[int, int]] = ()) -> traffic.Prepared:
        """The stack's filters as match tables, for `receive`."""
        defence.tick(self)
        return traffic.prepare(self.stack, compiled, home, self.clock.now, self.offset)

    @_by_its_facts
    def parts(self, frames: engine.Frames, prepared: traffic.Prepared) -> list[tuple[engine.Frames, traffic.Prepared]]:
        """A batch in runs during which the same rules are installed; each goes to `receive` with its tables."""
        return list(traffic.parts(prepared, frames, self.offset))

    @_by_its_facts
    def receive(
        self,
        frames: engine.Frames,
        interface: str | None = None,
        prepared: traffic.Prepared | None = None,
        rewrites: Sequence[traffic.Rewrite] = (),
    ) -> tuple[traffic.Outcome, list[Delivery]]:
        """Judge a batch of frames; what is logged goes through TRMD and syslogd. The clock follows the packets. Without
        `prepared` the rules are those installed now."""
        import engine

        prepared = prepared or self.prepare(engine.is_compiled(frames.start))
        deliveries = []
        last = self.clock.now
        if frames.count:  # what is due before the first packet stands before what is logged of it
            self.clock.advance_to(int(frames.time[0]))
            deliveries = defence.tick(self, int(frames.time[0]))
            last = engine.sums(frames).last or last
        outcome = traffic.receive(prepared, frames, interface, rewrites)
        self.clock.advance_to(last)
        if isinstance(outcome.events, Logged):
            deliveries += self._log_lines(outcome.events, prepared)
        else:
            deliveries += self._log(outcome.events)
        return outcome, deliveries + defence.tick(self, last)

    @_by_its_facts
    def settled(self, prepared: traffic.Prepared, quick: engine.Quick) -> tuple[Hits, ...]:
        """What `quick` has counted of packets about which nothing is to be said: it goes to the filters in force, and
        the clock follows."""
        last = quick.total().last
        if last is not None:
            self.clock.advance_to(last)
        defence.tick(self)
        return traffic.settled(prepared, quick.counters)

    @_by_its_facts
    def tick(self) -> None:
        """Let what is due by the clock happen: defensive filters expire."""
        defence.tick(self)

    def _log(self, events: Iterable[traffic.FilterEvent | Change]) -> list[Delivery]:
        """Events to TRMD, records to syslogd, lines to files. Without TRMD nothing is kept."""
        task = self.task_of(TRMD)
        if task is None or not task.running:
            return []
        return self._to_syslogd([trmd.record(event, self.stack.name, task.user, task.job) for event in events])

    def _log_lines(self, logged: Logged, prepared: traffic.Prepared) -> list[Delivery]:
        """The same for a batch in compiled mode, whose records are written all at once."""
        task = self.task_of(TRMD)
        if task is None or not task.running:
            return []
        writer = trmd.writer(self.stack.name, task.user, task.job)
        found = delivery.deliver_lines(self, logged, prepared, writer)
        return self._log(logged) if found is None else found

    def _to_syslogd(self, records: list[LogRecord]) -> list[Delivery]:
        """Records to files, by syslog.conf; without syslogd nothing is kept."""
        return delivery.deliver(self, records)

    def syslog_rules(self) -> tuple[tuple[syslogconf.Rule, ...], tuple[Finding, ...]]:
        return delivery.rules_in_force(self)

    def running(self, job: str) -> Task | None:
        """The task that runs under a job name."""
        return next((task for task in self.tasks.values() if task.job == job and task.running), None)

    def task_of(self, program: str) -> Task | None:
        return next((task for task in self.tasks.values() if task.program == program), None)

    # ---- commands ----------------------------------------------------------------------------------------------

    def user(self, name: str = "") -> str:
        """A user id in capitals; the first of system.yaml where none is named."""
        return (name or (self.users or ("IBMUSER",))[0]).upper()

    @_by_its_facts
    def refused(self, user: str, asked: Iterable[Asked]) -> tuple[str, tuple[IssuedMessage, ...]]:
        """What a user has no access to of all that is asked: in words ("" when nothing), and for the console."""
        issued: list[IssuedMessage] = []
        for each in asked if self.racf is not None else ():
            assert self.racf is not None
            decision = access.check(self.racf, self.user(user), each)
            issued += access.refusal(self.racf, decision)
            if not decision.allowed:
                what = f"{each.intent} access to {each.resource} in class {each.class_name}"
                return f"user {decision.user} is not authorized: it needs {what}", tuple(issued)
        return "", tuple(issued)

    @_by_its_facts
    def tso(self, line: str, user: str = "") -> Answer:
        """One TSO command: those of RACF."""
        verb = (line.split() or [""])[0]
        if self.racf is None:
            return Answer("", f"{verb}: this system has no RACF: name a file of commands as racf: in system.yaml\n", 8)
        done = racf_commands.run(self.racf, line, self.user(user))
        told = {str(each) for each in done.issued}
        doubts = (each for each in done.findings if each.text not in told)
        said = [f"{each.where.column}: {each.text}; {each.remedy}".rstrip("; ") for each in doubts]
        return Answer(done.shown, "".join(f"{verb}: column {each}\n" for each in said), done.code)

    @_by_its_facts
    def console(self, text: str, user: str = "") -> Reply:
        """One operator command; without a user it comes from the master console, which has all authority."""
        defence.tick(self)
        why, issued = self.refused(user, authority.of_console(text)) if user else ("", ())
        if why:
            verb = text.strip().split(" ")[0].upper()
            return Reply((*issued, messages.IEE345I(verb=verb)), done=False)
        found = match(text, CONSOLE)
        reply: Reply | None = found[0].run(self, **found[1]) if found else None
        if reply is None:
            verb = text.strip().split(" ")[0].upper() or "BLANK"
            message = messages.IEE535I(verb=verb) if verb_known(text, CONSOLE) else messages.IEE305I(verb=verb)
            return Reply((message,), done=False)
        return reply._replace(messages=(*issued, *reply.messages))

    @_by_its_facts
    def shell(self, text: str, user: str = "") -> Answer:
        """One z/OS UNIX command line: programs joined by |, output to a file by > or >>."""
        who = self.user(user)
        program = partial(self._program, user=who)
        delivery.show_pid(self)
        names = ("ipsec", "pasearch", "trmdstat", "kill")
        return unix.run(unix.substituted(text, self.files), program, self.files, unix.home_of(who), names)

    def _program(self, words: Sequence[str], user: str) -> Answer | None:
        if words[0] == "ipsec":
            return self.ipsec(words[1:], user)
        if words[0] == "pasearch":
            return self.pasearch(words[1:], user)
        if words[0] == "trmdstat":
            return self.trmdstat(words[1:])
        if words[0] == "kill":
            return delivery.kill(self, words)
        return None

    @_by_its_facts
    def trmdstat(self, words: Sequence[str]) -> Answer:
        """The trmdstat command."""
        request = trmdstat.parse(words)
        if isinstance(request, str):
            return Answer("", f"trmdstat: {request}\n{trmdstat.USAGE}", trmdstat.WRONG)
        text = self.files.get(unix_path(request.file))
        if not isinstance(text, str):
            why = text.why if text is not None else "no such file"
            return Answer("", f"trmdstat: {request.file}: {why}\n", trmdstat.WRONG)
        code, report = trmdstat.run(request, words, text.splitlines(), self.release, self.clock.now, self.offset)
        ids = "the log holds IDS records, whose reports are not modelled"
        return Answer(report, f"trmdstat: {ids}\n" if code == trmdstat.NOT_MODELLED else "", code)

    @_by_its_facts
    def pasearch(self, words: Sequence[str], user: str = "") -> Answer:
        """The pasearch command."""
        why, issued = self.refused(user, authority.of_pasearch(self.sysname, self.stack.name))
        if why:
            return Answer("", f"pasearch: {why}\n", pasearch.WRONG, console=issued)
        created = self.stack.policy.created if self.stack.policy else 0
        offset = self.offset
        args = words, self.configured, self.stack.name, self.release, created, self.clock.now, offset
        code, text, errors = pasearch.run(*args)
        return Answer(text, errors, code)

    @_by_its_facts
    def ipsec(self, words: Sequence[str], user: str = "") -> Answer:
        """The ipsec command."""
        defence.tick(self)
        everywhere = self.dmd.filters if defence.running(self) else None
        issued: tuple[IssuedMessage, ...] = ()

        def refused(resources: Sequence[tuple[str, ...]]) -> str:
            nonlocal issued
            why, issued = self.refused(user, authority.of_resources(self.sysname, resources))
            return why

        args = self.stacks, self.stack.name, self.release, self.clock.now, self.offset, everywhere
        result = ipsec.run(words, *args, refused)
        code, said = result.code, list(result.errors)
        if result.action in ("default", "reload"):
            self.stack.default_forced = result.action == "default"
        elif result.action:
            ask = Ask(result.action, result.name, result.values or {}, result.stack, self.user(user))
            code, why = defence.carry_out(self, ask)
            said += [why] if why else []
        errors = "".join(f"{line}\n" for line in said)
        return Answer(str(result.report) if result.report else result.text, errors, code, result.report, issued)

    @property
    def stacks(self) -> Mapping[str, Stack]:
        task = self.task_of(TCPIP)
        return {self.stack.name: self.stack} if task and task.running else {}


def _digest(text: object) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if isinstance(text, str) else ""


# ---- operator commands -----------------------------------------------------------------------------------------


@command("VARY TCPIP,{job},{action},{operand}")
def vary_tcpip(system: System, job: str, action: str, operand: str) -> Reply:
    """Change the running stack: Obeyfile,dsn; SYNTAXcheck,dsn; STArt,name; STOp,name."""
    run = next((run for name, run in VARY_TCPIP.items() if action and abbreviates(action, name)), None)
    if run is None:
        return Reply((messages.IEE535I(verb="VARY"),), done=False)
    names = [task.job for task in system.tasks.values() if task.program == TCPIP and task.running]
    if not names or job not in ("", system.stack.name, *names):
        hint = did_you_mean(job, names, f"the stack is {names[0]}" if names else "start TCPIP first")
        noted = finding("bad-system", Where("console", 1, 9), what=f"no stack {job or TCPIP} is running", hint=hint)
        return Reply((messages.IEE341I(job=job or TCPIP),), (noted,), False)
    text = f"VARY TCPIP,{job},{action},{operand}"
    where = Where("console", 1, len(text) - len(operand) + 1)
    reply = run(system, operand.removeprefix("DSN="), where)
    return reply._replace(messages=(messages.EZZ0060I(command=text), *reply.messages))


def _obey(system: System, dsn: str, where: Where) -> Reply:
    """Change the running configuration from a file."""
    read, issued, findings = system._profile(dsn, where, "OBEYFILE")
    if read is not None:
        findings += stack.obey(system.stack, read, system.clock.now)
        issued += [*stack.announced(read), *_profile_end(read, findings, "OBEYFILE")]
    failed = any(each.severity == ERROR for each in findings)
    issued.append(messages.EZZ0059I(command="OBEY") if failed else messages.EZZ0053I(command="OBEYFILE"))
    started = interfaces.activity(system.stack.interfaces, read.statements) if read else ()
    return Reply((*issued, *started), tuple(findings), not failed)


def _profile_end(read: profile.Profile, findings: Sequence[Finding], type: str) -> Iterator[IssuedMessage]:
    """The messages of the statements, those that close the file, and those that follow from it."""
    late = [each for each in findings if each.id == "no-home"]
    yield from (message for each in findings if each not in late for message in messages.again(each.issued))
    yield messages.EZZ0316I(name=read.sources[0])
    if any(each.severity == ERROR for each in findings):
        yield messages.EZZ0303I(type=type)
    yield from (message for each in late for message in messages.again(each.issued))


def _syntax_check(system: System, dsn: str, where: Where) -> Reply:
    """Read a profile or OBEYFILE, report its mistakes and change nothing."""
    read, issued, findings = system._profile(dsn, where, "SYNTAXCHECK")
    if read is not None:
        issued += _profile_end(read, findings, "SYNTAXCHECK")
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


@command("MODIFY {job},REFRESH")
def refresh(system: System, job: str) -> Reply:
    """Have the Policy Agent read all its files again, as at start."""
    return _reread(system, job)


@command("MODIFY {job},UPDATE")
def update(system: System, job: str) -> Reply:
    """Have the Policy Agent read changed files; nothing is installed, and counters stay, where none changed."""
    return _reread(system, job, only_changed=True)


def _reread(system: System, job: str, only_changed: bool = False) -> Reply:
    task = system.running(job)
    if task is None:
        return Reply((messages.IEE341I(job=job),), done=False)
    if task.program == defence.PROGRAM and not only_changed:
        return defence.refresh(system, task)
    if task.program != PAGENT:
        return Reply((messages.IEE535I(verb="MODIFY"),), done=False)
    if only_changed and not system.changed_files(task.name):
        return Reply((messages.EZZ8443I(),))
    issued, findings = system._read(task, system._read_policy)
    failed = any(each.severity == ERROR for each in findings)
    return Reply((messages.EZZ8443I(), *issued), tuple(findings), not failed)


# Operands of MODIFY and DISPLAY that the real tasks know and zsim does not model. (modpagnt; seed)
NOT_MODELLED = {
    PAGENT: ("LOGLEVEL", "TRACE", "DEBUG", "MEMTRC", "QUERY", "SRVLSTN", "MON"),
    TCPIP: (),
    SYSLOGD: ("DISPLAY", "ARCHIVE"),
    TRMD: (),
}


@command("MODIFY {job},{operands...}")
def modify(system: System, job: str, operands: str) -> Reply | None:
    """What a task knows besides; None where it is not known either."""
    task = system.running(job)
    if task is None:
        return Reply((messages.IEE341I(job=job),), done=False)
    if operands.split(",")[0] not in NOT_MODELLED.get(task.program, ()):
        return None
    return _not_modelled(f"MODIFY {job},{operands}")


@command("DISPLAY {operands...}")
def display(system: System, operands: str) -> Reply | None:
    """Displays of the console."""
    return _not_modelled(f"DISPLAY {operands}") if operands else None


def _not_modelled(what: str) -> Reply:
    found = finding("not-modelled", Where("console", 1, 1), what=what, why="the real system answers it")
    return Reply((), (found,), False)


CONSOLE: tuple[Command, ...] = (
    refresh, update, *started.COMMANDS, *defence.COMMANDS, *delivery.COMMANDS, vary_tcpip, modify, display,
)  # fmt: skip
