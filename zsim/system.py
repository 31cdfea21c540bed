"""One z/OS image: its stack, its started tasks, its files, its clock. It passes things along.

    system = zsim.load("adcd")
    system.console("F CPAGENT,REFRESH")
    system.receive(frames)
    print(system.shell("ipsec -f display -c current").text)

A command, a task, a batch of packets *returns* what is to be done; only `System` delivers it: to the console,
to syslogd's files, to the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from zsim import defence, delivery, messages, started
from zsim.clock import SECOND, Clock, Offset, zone
from zsim.commands import Reply
from zsim.config import profile, syslogconf
from zsim.facts import choosing
from zsim.files import Files, unix_path
from zsim.findings import ERROR, UNKNOWN, Finding, Where, did_you_mean, finding
from zsim.messages import IssuedMessage
from zsim.racf import access, database
from zsim.racf.access import Asked
from zsim.racf.database import Racf
from zsim.started import PAGENT, PROGRAMS, SYSLOGD, TCPIP, TRMD, Task, digest
from zsim.tasks import pagent, records, syslogd, trmd
from zsim.tasks.dmd import Ask, Dmd
from zsim.tasks.syslogd import Delivery, LogRecord, Sent, Syslogd
from zsim.tcpip import interfaces, stack, traffic
from zsim.tcpip.defensive import Change
from zsim.tcpip.filters import FilterRule, Hits
from zsim.tcpip.logged import Logged
from zsim.tcpip.stack import Stack
from zsim.unix import Answer

if TYPE_CHECKING:
    import engine


RACF = "RACF"  # no task: under this name stands what its files had


class Reading(NamedTuple):
    """The files a task last read, with a digest of each ("" for one that was missing), what was doubtful, and in words
    what came of it. The Policy Agent looks at them again at `again`, 0 for never, and every `interval` seconds."""

    files: dict[str, str]
    doubts: tuple[Finding, ...]
    outcome: str = ""
    again: int = 0
    interval: int = 0


class Brought(NamedTuple):
    """What reading its files brought a task: console messages, findings, and in words what came of it."""

    issued: list[IssuedMessage]
    findings: list[Finding]
    outcome: str = ""
    interval: int = 0  # seconds until the files are looked at again


MOST_SHOWN = 1000  # messages the console holds until somebody looks

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
    proclib: str = ""  # the data set of the procedures
    jobs: int = 0  # how many were started
    displays: int = 0  # how many D A were answered
    screen: list[IssuedMessage] = field(default_factory=list)  # what the console shows unasked, not yet looked at
    unseen: int = 0  # how much more there was than it holds
    _form: tuple[tuple[FilterRule, ...], str, records.Format] | None = None  # of the lines of these filters, by host

    # ---- starting ----------------------------------------------------------------------------------------------

    @_by_its_facts
    def start(self, now: int) -> tuple[list[IssuedMessage], list[Finding]]:
        """Start every task, TCPIP first, as an IPL would: the profile, then the policy."""
        self.clock.advance_to(now)
        issued: list[IssuedMessage] = []
        findings = [*self.start_racf(), *self.read_procedures()]
        for program in PROGRAMS:
            for task in list(self.tasks.values()):
                if task.program == program and task.at_ipl:
                    more, found = self.start_task(task)
                    issued += more
                    findings += found
        self.elsewhere.clear()  # what the daemons say of their start is sent nowhere
        return issued, findings

    @_by_its_facts
    def start_racf(self) -> list[Finding]:
        """Make the database from the commands of its files, once; afterwards it is part of the memory."""
        if self.racf is not None or not self.racf_files:
            return []
        from zsim.racf import commands, tso

        self.racf = database.fresh(self.users or ("IBMUSER",))
        self.files.asked.clear()
        findings: list[Finding] = []
        for name, where in self.racf_files:
            source = self.files.read(name, where)
            if isinstance(source, Finding):
                findings.append(source)
                continue
            for done in commands.carried_out(self.racf, tso.lines(source)):
                findings += done.findings
        self.readings[RACF] = self._reading(Brought([], findings))
        return findings

    def read_procedures(self) -> list[Finding]:
        """Make the tasks of PROCLIB known; what is wrong with the JCL."""
        findings: list[Finding] = []
        for name in started.members(self.files.names, self.proclib):
            task, found = self.procedure(name, {})
            findings += found
            if task is not None:
                self.tasks[name] = task
        return findings

    def procedure(self, name: str, given: Mapping[str, str]) -> started.Made:
        """The task of a procedure as its member is now. `given` are its symbolic parameters."""
        row = self.tasks.get(name)
        user = row.user if row else started.USER
        made = started.read(self.files, self.proclib, name, user, given, self.symbols)
        if made.task is not None and row is not None:
            made.task.at_ipl = row.at_ipl
        return made

    def start_task(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        """Start one task: its messages, and what is wrong with its files."""
        task.running, task.since = True, self.clock.now
        self.jobs += 1
        task.number = self.jobs
        started.lend(self.files, task)
        found = started.settle(self.files, task)
        issued, findings = self._begin(task)
        findings = [*found, *findings]
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
        if task.program == TRMD:
            self._to_syslogd(self._told([messages.EZZ8501I()]), self._zone(task))
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
        if task.program == TRMD:
            return self._start_trmd(task)
        return [], []

    def _start_trmd(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        """There is one TRMD for a stack, which has to be up; the default stack without -p. (trmd)"""
        wanted = trmd.stack_of(task.options) or self.stack.name
        if wanted in self.stacks:
            self._to_syslogd(self._told([messages.EZZ8495I()]), self._zone(task))
            return [messages.EZZ8495I(), messages.EZZ8500I()], []
        task.running = False
        hint = did_you_mean(wanted, self.stacks, f"start {wanted} first")
        found = finding("bad-system", task.where, what=f"{task.name} is for stack {wanted}, which is not up", hint=hint)
        return [messages.EZZ8495I(), messages.EZZ8501I()], [found]

    def _read(self, task: Task, reader: Callable[[Task], Brought]) -> tuple[list[IssuedMessage], list[Finding]]:
        """Let a task read its files, and remember which they were and what was doubtful in them."""
        self.files.asked.clear()
        brought = reader(task)
        self.readings[task.name] = self._reading(brought)
        return brought.issued, brought.findings

    def _reading(self, brought: Brought) -> Reading:
        files = {name: digest(self.files.get(name)) for name in self.files.asked}
        doubts = tuple(each for each in brought.findings if each.severity in (ERROR, UNKNOWN))
        again = self.clock.now + brought.interval * SECOND if brought.interval else 0
        return Reading(files, doubts, brought.outcome, again, brought.interval)

    def reread(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        """Let the Policy Agent read all its files."""
        return self._read(task, self._read_policy)

    def _start_stack(self, task: Task) -> Brought:
        from zsim import console

        read, opened, findings = self.open_profile(task.file, task.where, "PROFILE")
        if read is None:
            return Brought([], findings)
        findings += stack.start(self.stack, read, self.clock.now)
        issued = [*opened, *stack.announced(read), *console.profile_end(read, findings, "PROFILE")]
        return Brought([*issued, *interfaces.activity(self.stack.interfaces, read.statements)], findings)

    def open_profile(
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
        return Brought(list(reading.issued), list(result.findings), result.why, reading.interval)

    def _agent_log(self, task: Task, reading: pagent.Reading) -> None:
        from zsim.tasks import pagentlog

        path = pagentlog.file_of(task.options, reading.environment)
        level = task.loglevel if task.loglevel >= 0 else pagentlog.level_of(task.options, reading.result.loglevel)
        told = pagentlog.entries(self.files.asked, reading)
        offset = self.offset
        if path != pagentlog.SYSLOGD:
            self.files.append(unix_path(path), pagentlog.lines(told, level, self.clock.now, offset))
            return
        self._to_syslogd(
            [pagentlog.record(entry, self.clock.now, task.user, task.job) for entry in pagentlog.passed(told, level)]
        )

    @property
    def offset(self) -> Offset:
        """The image's time zone."""
        return zone(self.timezone) or 0

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """What answers depend on: errors, and what is not modelled, in the files that are installed."""
        return tuple(doubt for reading in self.readings.values() for doubt in reading.doubts)

    def changed_files(self, name: str) -> list[str]:
        """Files whose text is no longer what a task, or RACF, read in them; one that was missing may be there now."""
        task, read = self.tasks.get(name), dict(self.readings.get(name, Reading({}, ())).files)
        if task is not None and task.procedure and task.running:
            read[task.procedure] = task.read
        return [file for file, before in read.items() if digest(self.files.get(file)) != before]

    # ---- packets -----------------------------------------------------------------------------------------------

    @_by_its_facts
    def prepare(self, compiled: bool = False, home: Sequence[tuple[int, int]] = ()) -> traffic.Prepared:
        """The stack's filters as match tables, for `receive`."""
        self._tick()
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
        """Let what is due by the clock happen: defensive filters expire, the Policy Agent looks at its files."""
        self._tick()

    def _tick(self) -> None:
        self._look_again()
        defence.tick(self)

    def _look_again(self) -> None:
        """The Policy Agent reads changed files when its interval has passed, and with -i changed z/OS UNIX files at
        once. Nothing is installed where nothing changed. (tcpimage, paenv, qa_425700)"""
        agent = self.task_of(PAGENT)
        reading = self.readings.get(agent.name) if agent is not None and agent.running else None
        if agent is None or reading is None:
            return
        due = bool(reading.again) and self.clock.now >= reading.again
        at_once = pagent.at_once(agent.options)
        looked_at = [name for name in reading.files if due or (at_once and name.startswith("/"))]
        if any(digest(self.files.get(name)) != reading.files[name] for name in looked_at):
            self.show(self._read(agent, self._read_policy)[0])
        elif due:
            step = reading.interval * SECOND
            again = reading.again + ((self.clock.now - reading.again) // step + 1) * step
            self.readings[agent.name] = reading._replace(again=again)

    def show(self, issued: Iterable[IssuedMessage]) -> None:
        """Put messages on the console that no command asked for."""
        for message in issued:
            if len(self.screen) < MOST_SHOWN:
                self.screen.append(message)
            else:
                self.unseen += 1

    def seen(self) -> tuple[tuple[IssuedMessage, ...], int]:
        """What the console has shown unasked since somebody last looked, and how much more there was."""
        shown = tuple(self.screen), self.unseen
        self.screen, self.unseen = [], 0
        return shown

    def _zone(self, task: Task) -> Offset:
        """The TZ a task was started with, else the image's. (trmd)"""
        own = zone(task.timezone) if task.timezone else None
        return self.offset if own is None else own

    def _told(self, issued: Iterable[IssuedMessage]) -> list[LogRecord]:
        """What TRMD says of itself, for syslogd. (trmdstat_fltopt)"""
        task = self.task_of(TRMD)
        assert task is not None
        return [trmd.own(each, self.clock.now, self.stack.name, task.user, task.job) for each in issued]

    def _log(self, events: Iterable[traffic.FilterEvent | Change]) -> list[Delivery]:
        """Events to TRMD, records to syslogd, lines to files. Without TRMD nothing is kept."""
        task = self.task_of(TRMD)
        if task is None or not task.running:
            return []
        records = [trmd.record(event, self.stack.name, task.user, task.job) for event in events]
        return self._to_syslogd(records, self._zone(task))

    def _log_lines(self, logged: Logged, prepared: traffic.Prepared) -> list[Delivery]:
        """The same for a batch in compiled mode, whose records are written all at once."""
        task, daemon = self.task_of(TRMD), self.task_of(SYSLOGD)
        if task is None or not task.running or not len(logged):
            return []
        if daemon is None or not daemon.running:  # a console shows no more than somebody reads
            shown = list(islice(logged, max(0, MOST_SHOWN - len(self.screen))))
            self.unseen += len(logged) - len(shown)
            return self._log(shown)
        writer = trmd.writer(self.stack.name, task.user, task.job)
        found = delivery.deliver_lines(self, logged, prepared, writer, self._zone(task))
        return self._log(logged) if found is None else found

    def _to_syslogd(self, records: list[LogRecord], zone: Offset | None = None) -> list[Delivery]:
        """Records to files, by syslog.conf; without syslogd they reach the console. `zone` is the writer's."""
        daemon = self.task_of(SYSLOGD)
        if not records:
            return []
        zone = self.offset if zone is None else zone
        if daemon is None or not daemon.running:
            room = max(0, MOST_SHOWN - len(self.screen))
            self.show(syslogd.unheard(record, zone) for record in records[:room])
            self.unseen += len(records[room:])
            return []
        return delivery.deliver(self, records, zone)

    def syslog_rules(self) -> tuple[tuple[syslogconf.Rule, ...], tuple[Finding, ...]]:
        return delivery.rules_in_force(self)

    def running(self, job: str) -> Task | None:
        """The task that runs under a job name."""
        return next((task for task in self.tasks.values() if task.job == job and task.running), None)

    def task_of(self, program: str) -> Task | None:
        """The task of a program, one that runs if there is one."""
        found = [task for task in self.tasks.values() if task.program == program]
        return next((task for task in found if task.running), found[0] if found else None)

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
                if decision.because == access.REVOKED:
                    return self._out(decision.user), tuple(issued)
                what = f"{each.intent} access to {each.resource} in class {each.class_name}"
                return f"user {decision.user} is not authorized: it needs {what}", tuple(issued)
        return "", tuple(issued)

    @staticmethod
    def _out(user: str) -> str:
        return f"user {user} is revoked: ALTUSER {user} RESUME lets it log on again"

    @_by_its_facts
    def tso(self, line: str, user: str = "") -> Answer:
        """One TSO command: those of RACF."""
        from zsim.racf import commands

        verb = (line.split() or [""])[0]
        if self.racf is None:
            return Answer("", f"{verb}: this system has no RACF: name a file of commands as racf: in system.yaml\n", 8)
        who = self.user(user)
        if access.revoked(self.racf, who):
            return Answer("", f"{verb}: {self._out(who)}\n", 8, console=(access.logon_refused(self.racf, who),))
        done = commands.run(self.racf, line, who)
        told = {str(each) for each in done.issued}
        doubts = (each for each in done.findings if each.text not in told)
        said = [f"{each.where.column}: {each.text}; {each.remedy}".rstrip("; ") for each in doubts]
        return Answer(done.shown, "".join(f"{verb}: column {each}\n" for each in said), done.code)

    @_by_its_facts
    def console(self, text: str, user: str = "") -> Reply:
        """One operator command, with what the console shows unasked; without a user it comes from the master console,
        which has all authority."""
        from zsim import authority, console

        self._tick()
        why, issued = self.refused(user, authority.of_console(text)) if user else ("", ())
        if user and self.racf is not None and not why and access.revoked(self.racf, self.user(user)):
            why, issued = self._out(user), (access.logon_refused(self.racf, self.user(user)),)
        if why:
            verb = text.strip().split(" ")[0].upper()
            return Reply((*issued, messages.IEE345I(verb=verb)), done=False)
        reply = console.run(self, text)
        return reply._replace(messages=(*issued, *reply.messages, *self.seen()[0]))

    @_by_its_facts
    def shell(self, text: str, user: str = "") -> Answer:
        """One z/OS UNIX command line: programs joined by |, output to a file by > or >>."""
        from zsim import unix

        who = self.user(user)
        if self.racf is not None and access.revoked(self.racf, who):
            return Answer("", f"sh: {self._out(who)}\n", unix.FAILED, console=(access.logon_refused(self.racf, who),))
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
            return self.trmdstat(words[1:], user)
        if words[0] == "kill":
            return delivery.kill(self, words)
        return None

    @_by_its_facts
    def trmdstat(self, words: Sequence[str], user: str = "") -> Answer:
        """The trmdstat command."""
        from zsim import unix
        from zsim.tasks import trmdstat

        request = trmdstat.parse(words)
        if isinstance(request, str):
            return Answer("", f"trmdstat: {request}\n{trmdstat.USAGE}", trmdstat.WRONG)
        text = self.files.get(unix.path_of(request.file, unix.home_of(self.user(user))))
        if not isinstance(text, str):
            why = text.why if text is not None else "no such file"
            return Answer("", f"trmdstat: {request.file}: {why}\n", trmdstat.WRONG)
        code, report = trmdstat.run(request, words, text.splitlines(), self.release, self.clock.now, self.offset)
        ids = "the log holds IDS records, whose reports are not modelled"
        return Answer(report, f"trmdstat: {ids}\n" if code == trmdstat.NOT_MODELLED else "", code)

    @_by_its_facts
    def pasearch(self, words: Sequence[str], user: str = "") -> Answer:
        """The pasearch command."""
        from zsim import authority
        from zsim.tasks import pasearch

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
        from zsim import authority
        from zsim.tcpip import ipsec

        self._tick()
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


