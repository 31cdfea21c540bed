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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from zsim import messages, unix
from zsim.clock import Clock, zone_offset
from zsim.commands import Command, command, match, verb_known
from zsim.config import pagentconf, profile, syslogconf
from zsim.config.source import Source
from zsim.files import Files
from zsim.findings import ERROR, UNKNOWN, Finding, Where, did_you_mean, finding
from zsim.messages import IssuedMessage
from zsim.tasks import pagent, syslogd, trmd
from zsim.tcpip import interfaces, ipsec, stack, traffic
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
PROGRAMS = (TCPIP, PAGENT, TRMD, SYSLOGD, "DMD")


class Reply(NamedTuple):
    """What the console shows for one command, and whether it was carried out."""

    messages: tuple[IssuedMessage, ...]
    findings: tuple[Finding, ...] = ()
    done: bool = True


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
    installed: dict[str, str] = field(default_factory=dict)  # digest of each file that what is installed came from
    doubts: tuple[Finding, ...] = ()  # findings of the last installation that answers depend on

    # ---- starting ----------------------------------------------------------------------------------------------

    def start(self, now: int) -> tuple[list[IssuedMessage], list[Finding]]:
        """Start every task, TCPIP first, as an IPL would: the profile, then the policy."""
        self.clock.advance_to(now)
        issued: list[IssuedMessage] = []
        findings: list[Finding] = []
        for program in PROGRAMS:
            for task in self.tasks.values():
                if task.program == program:
                    task.running = True
                    more, found = self._begin(task)
                    issued += more
                    findings += found
        self.doubts = tuple(each for each in findings if each.severity in (ERROR, UNKNOWN))
        return issued, findings

    def _begin(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        if task.program == TCPIP:
            return self._start_stack(task)
        if task.program == PAGENT:
            issued, findings = self._read_policy(task)
            return [messages.EZZ8431I(), messages.EZZ8432I(), *issued], findings
        if task.program == SYSLOGD:
            return [], list(self.syslog_rules()[1])
        return [], []

    def _start_stack(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        read, issued, findings = self._profile(task.file, task.where, "PROFILE")
        if read is not None:
            findings += stack.start(self.stack, read, self.clock.now)
        return issued, findings

    def _profile(
        self, name: str, where: Where, type: str
    ) -> tuple[profile.Profile | None, list[IssuedMessage], list[Finding]]:
        """Read a profile or OBEYFILE with its INCLUDEs."""
        source = self.files.read(name, where)
        if isinstance(source, Finding):
            return None, [], [source]
        read = profile.parse(source, self.symbols, self.files.read)
        for each in read.sources:
            self._remember(each)
        issued = [messages.EZZ0300I(type=type, name=source.name), messages.EZZ0309I(name=source.name)]
        issued += [messages.EZZ0300I(type="INCLUDE", name=each) for each in read.sources[1:]]
        return read, [*issued, messages.EZZ0316I(name=source.name)], list(read.findings)

    def _read_policy(self, task: Task) -> tuple[list[IssuedMessage], list[Finding]]:
        """Read the whole chain and hand the result to the stack."""
        if not self.stack.versions:
            why = "the stack is not enabled for IP security"
            return [], [finding("no-policy", task.where, why=why, hint="code IPCONFIG IPSECURITY in the profile")]
        environment: dict[str, str] = {}
        findings: list[Finding] = []
        named_at = task.where
        if task.environment:
            source = self.files.read(task.environment, task.where)
            if isinstance(source, Finding):
                findings.append(source)
            else:
                environment = pagentconf.environment(source)
                named_at = _place_of(source, "PAGENT_CONFIG_FILE", task.where)
                self._remember(source.name)
        main = pagent.main_file_name(task.options, environment)
        result = pagent.read(self.files, main, self.stack.name, self.stack.versions, self.clock.now, named_at)
        for name in result.sources:
            self._remember(name)
        findings += result.findings
        image = {"image": self.stack.name, "type": "IPSEC"}
        if result.effect == pagent.KEEP:
            return [messages.EZZ8438I(**image)], findings
        stack.install(self.stack, result.filters)
        done = [messages.EZZ8771I(**image)] if result.effect == pagent.INSTALL else []
        return [*done, messages.EZD1586I(image=self.stack.name)], findings

    def _remember(self, name: str) -> None:
        text = self.files.get(name)
        if isinstance(text, str):
            self.installed[name] = _digest(text)

    def changed_files(self) -> list[str]:
        """Files whose text is no longer what was installed from them."""
        return [name for name, digest in self.installed.items() if _digest(self.files.get(name)) != digest]

    # ---- packets -----------------------------------------------------------------------------------------------

    def prepare(self, compiled: bool = False, home: Sequence[tuple[int, int]] = ()) -> traffic.Prepared:
        """The stack's filters as match tables, for `receive`."""
        return traffic.prepare(self.stack, compiled, home)

    def receive(
        self,
        frames: engine.Frames,
        interface: str | None = None,
        prepared: traffic.Prepared | None = None,
        rewrites: Sequence[traffic.Rewrite] = (),
    ) -> tuple[traffic.Outcome, list[syslogd.Delivery]]:
        """Judge a batch of frames; what is logged goes through TRMD and syslogd. The clock follows the packets."""
        import engine

        prepared = prepared or self.prepare(engine.is_compiled(frames.start))
        outcome = traffic.receive(prepared, frames, interface, rewrites)
        if frames.count:
            self.clock.advance_to(int(max(frames.time)))
        return outcome, self._log(outcome.events)

    def _log(self, events: Iterable[traffic.FilterEvent]) -> list[syslogd.Delivery]:
        """Events to TRMD, records to syslogd, lines to files. Without TRMD nothing is kept."""
        task = self.task_of(TRMD)
        if task is None or not task.running:
            return []
        records = [trmd.record(event, self.stack.name, task.user, task.job) for event in events]
        if not records:
            return []
        daemon = self.task_of(SYSLOGD)
        if daemon is None or not daemon.running:
            return []
        offset = zone_offset(self.timezone) or 0
        rules, _ = self.syslog_rules()
        deliveries = syslogd.deliver(rules, records, offset)
        lines: dict[str, list[str]] = {}
        for path, record in deliveries:
            lines.setdefault(path, []).append(trmd.header(record, self.sysname, offset) + "\n")
        for path, written in lines.items():
            self.files.append(path, "".join(written))
        return deliveries

    def syslog_rules(self) -> tuple[tuple[syslogconf.Rule, ...], tuple[Finding, ...]]:
        daemon = self.task_of(SYSLOGD)
        if daemon is None:
            return (), ()
        source = self.files.read(daemon.file, daemon.where)
        if isinstance(source, Finding):
            return (), (source,)
        configuration = syslogconf.parse(source)
        return configuration.rules, configuration.findings

    def task_of(self, program: str) -> Task | None:
        return next((task for task in self.tasks.values() if task.program == program), None)

    # ---- commands ----------------------------------------------------------------------------------------------

    def console(self, text: str) -> Reply:
        """One operator command."""
        found = match(text, CONSOLE)
        if found is None:
            verb = text.strip().split(" ")[0].upper() or "BLANK"
            message = messages.IEE535I(verb=verb) if verb_known(text, CONSOLE) else messages.IEE305I(verb=verb)
            return Reply((message,), done=False)
        chosen, operands = found
        reply: Reply = chosen.run(self, **operands)
        return reply

    def shell(self, text: str, user: str = "") -> Answer:
        """One z/OS UNIX command line: programs joined by |, output to a file by > or >>."""
        return unix.run(text, self._program, self.files, unix.home_of(user or (self.users or ("IBMUSER",))[0]))

    def _program(self, words: Sequence[str]) -> Answer | None:
        return self.ipsec(words[1:]) if words[0] == "ipsec" else None

    def ipsec(self, words: Sequence[str]) -> Answer:
        """The ipsec command."""
        result = ipsec.run(words, self.stacks, self.stack.name, self.release, self.clock.now)
        if result.action:
            self.stack.default_forced = result.action == "default"
        errors = "".join(f"{line}\n" for line in result.errors)
        return Answer(str(result.report) if result.report else "", errors, result.code, result.report)

    @property
    def stacks(self) -> Mapping[str, Stack]:
        task = self.task_of(TCPIP)
        return {self.stack.name: self.stack} if task and task.running else {}


def _digest(text: object) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if isinstance(text, str) else ""


def _place_of(source: Source, variable: str, otherwise: Where) -> Where:
    """Where a STDENV member sets a variable."""
    for number, line in enumerate(source.text.split("\n"), 1):
        if line.strip().removeprefix("export ").startswith(f"{variable}="):
            return Where(source.name, number, line.index("=") + 2)
    return otherwise


# ---- operator commands -----------------------------------------------------------------------------------------


@command("VARY TCPIP,{job},OBEYfile,{dsn}")
def obeyfile(system: System, job: str, dsn: str) -> Reply:
    """Change the running configuration from a file."""
    return _obey(system, dsn, f"VARY TCPIP,{job},OBEYFILE,{dsn}")


@command("VARY TCPIP,{job},CMD=OBEYfile,{dsn}")
def obeyfile_keyword(system: System, job: str, dsn: str) -> Reply:
    """Change the running configuration from a file, in keyword form."""
    return _obey(system, dsn.removeprefix("DSN="), f"VARY TCPIP,{job},CMD=OBEYFILE,{dsn}")


def _obey(system: System, dsn: str, text: str) -> Reply:
    issued = [messages.EZZ0060I(command=text)]
    here = Where("console", 1, text.index(dsn) + 1 if dsn else 1)
    read, more, findings = system._profile(dsn, here, "OBEYFILE")
    if read is not None:
        findings += stack.obey(system.stack, read, system.clock.now)
    failed = any(each.severity == ERROR for each in findings)
    last = messages.EZZ0059I(command="OBEYFILE") if failed else messages.EZZ0053I(command="OBEYFILE")
    return Reply((*issued, *more, last), tuple(findings), not failed)


@command("VARY TCPIP,{job},STArt,{name}")
def start_device(system: System, job: str, name: str) -> Reply:
    """Start a device or interface."""
    return _activate(system, job, "START", name)


@command("VARY TCPIP,{job},STOp,{name}")
def stop_device(system: System, job: str, name: str) -> Reply:
    """Stop a device or interface."""
    return _activate(system, job, "STOP", name)


def _activate(system: System, job: str, action: str, name: str) -> Reply:
    text = f"VARY TCPIP,{job},{action},{name}"
    statement = profile.Activation(action, name, Where("console", 1, text.rindex(",") + 2))
    findings = interfaces.activate(system.stack.interfaces, statement)
    last = messages.EZZ0059I(command=action) if findings else messages.EZZ0053I(command=action)
    return Reply((messages.EZZ0060I(command=text), last), tuple(findings), not findings)


@command("MODIFY {job},REFRESH")
def refresh(system: System, job: str) -> Reply:
    """Have the Policy Agent read all its files again, as at start."""
    return _reread(system, job)


@command("MODIFY {job},UPDATE")
def update(system: System, job: str) -> Reply:
    """Have the Policy Agent read changed files; nothing is installed, and counters stay, where none changed."""
    return _reread(system, job, only_changed=True)


def _reread(system: System, job: str, only_changed: bool = False) -> Reply:
    task = next((each for each in system.tasks.values() if each.job == job), None)
    if task is None or not task.running:
        hint = did_you_mean(job, (each.job for each in system.tasks.values()), "")
        noted = (
            (finding("bad-system", Where("console", 1, 1), what=f"no task {job} is running", hint=hint),)
            if hint
            else ()
        )
        return Reply((messages.IEE341I(job=job),), noted, False)
    if task.program != PAGENT:
        return Reply((messages.IEE535I(verb="MODIFY"),), done=False)
    if only_changed and not system.changed_files():
        return Reply((messages.EZZ8443I(),))
    issued, findings = system._read_policy(task)
    failed = any(each.severity == ERROR for each in findings)
    return Reply((messages.EZZ8443I(), *issued), tuple(findings), not failed)


CONSOLE: tuple[Command, ...] = (
    obeyfile, obeyfile_keyword, start_device, stop_device, refresh, update,
)  # fmt: skip
