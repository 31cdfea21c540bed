"""Started tasks and where they come from: a procedure of the system's PROCLIB, or a row of system.yaml.

A procedure is read when it is started, not before: what runs goes on with what it was started with. (the seed)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from zsim.clock import zone
from zsim.config import jcl, pagentconf
from zsim.config.source import Source
from zsim.facts import fact
from zsim.files import Files
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding

# PGM= of the tasks that filtering needs, in the order an IPL starts them.
TCPIP, PAGENT, TRMD, SYSLOGD, DMD = "EZBTCPIP", "PAGENT", "EZATRMD", "SYSLOGD", "DMD"
PROGRAMS = (TCPIP, SYSLOGD, PAGENT, TRMD, DMD)
LONGEST_JOB = 8
SYSLOG_CONF = "/etc/syslog.conf"
USER = "START1"  # a started task runs under it where nothing names another user (seed)


@dataclass
class Task:
    """A started task. `name` is what S names it by, `job` what it runs under: TRMD forks, its step ends and its work is
    done by TRMD1. `stream` is a STDENV that stands in the procedure, on its own lines. (seed; trmd)"""

    name: str
    program: str
    user: str
    where: Where
    options: str = ""  # PARM, after the slash
    environment: str = ""  # the STDENV file; DD: and the name of the task for one that stands in the procedure
    file: str = ""  # the profile of TCPIP, the configuration of syslogd
    running: bool = False
    procedure: str = ""  # the member it was started from; "" for a row of system.yaml
    read: str = ""  # digest of that member
    stream: str = ""
    step: str = ""
    timezone: str = ""  # TZ of its environment
    loglevel: int = -1  # of the Policy Agent, by MODIFY
    since: int = 0  # when it was started
    number: int = 0  # of its job: STC00001 ...
    at_ipl: bool = True

    @property
    def job(self) -> str:
        return f"{self.name}1" if self.program == TRMD and len(self.name) < LONGEST_JOB else self.name


def digest(text: object) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if isinstance(text, str) else ""


# ---- procedures -----------------------------------------------------------------------------------------------


class Made(NamedTuple):
    """The task of a procedure, None if it cannot be started, and what is wrong with the JCL."""

    task: Task | None
    findings: tuple[Finding, ...]


def members(names: Iterable[str], proclib: str) -> list[str]:
    """The procedures among the names of a system's files."""
    start = f"{proclib}("
    return sorted(name[len(start) : -1] for name in names if name.startswith(start)) if proclib else []


def read(
    files: Files, proclib: str, name: str, user: str, given: Mapping[str, str], symbols: Mapping[str, str]
) -> Made:
    """The task that S name starts. `given` are the symbolic parameters of the command."""
    source = files.read(f"//'{proclib}({name})'", Where("console", 1, 1))
    if isinstance(source, Finding):
        return Made(None, (source,))
    procedure = jcl.parse(source, given, symbols)
    findings = list(procedure.findings)
    step = next((each for each in procedure.steps if each.program in PROGRAMS), None)
    if step is None:
        for each in procedure.steps[:1]:
            hint = did_you_mean(each.program, PROGRAMS, f"known are {', '.join(PROGRAMS)}")
            what = f"program {each.program} of procedure {name}"
            if hint.startswith("did you mean"):
                findings.append(finding("bad-system", each.where, what=f"{what} is not known", hint=hint))
            else:
                findings.append(finding("kept", each.where, what=what))
        return Made(None, tuple(findings))
    task = Task(name, step.program, user, step.where, procedure=source.name, read=digest(source.text), step=step.name)
    _equip(task, step, findings)
    failed = any(each.severity == ERROR for each in findings)
    return Made(None if failed else task, tuple(findings))


def _equip(task: Task, step: jcl.Step, findings: list[Finding]) -> None:
    """What the PARM and the DD statements of a step tell the task."""
    if task.program == TCPIP:
        task.options = step.parm
        task.file = next((each.file for each in step.dds.get("PROFILE", ()) if each.file), "")
        if not task.file:
            hint = f"add //PROFILE DD DSN=...,DISP=SHR ({fact('profile-search')})"
            findings.append(
                finding("bad-system", step.where, what=f"procedure {task.name} has no DD PROFILE", hint=hint)
            )
        else:
            task.where = step.dds["PROFILE"][0].where
        return
    parm = jcl.le_parm(step.parm)
    task.options = parm.options
    variables = dict(parm.variables)
    file = variables.pop("_CEE_ENVFILE_S", "") or variables.pop("_CEE_ENVFILE", "")
    variables.pop("_CEE_ENVFILE", "")
    if file.upper().startswith("DD:"):
        _environment(task, step, file[3:].strip().upper(), findings)
    elif file:
        task.environment, task.where = file, step.parm_where
    if variables:
        rows = (task.stream or "").split("\n")
        rows += [""] * (step.parm_where.line - len(rows))
        at = step.parm_where.line - 1
        if task.environment and not task.stream:
            why = f"the variables of {task.environment} are read, ENVAR's own are not"
            findings.append(finding("not-modelled", step.parm_where, what="ENVAR beside an environment file", why=why))
        elif len(variables) == 1 and not rows[at]:
            rows[at] = "".join(f"{name}={value}" for name, value in variables.items())
            task.stream = "\n".join(rows)
        else:
            task.stream = "\n".join([*rows, *(f"{name}={value}" for name, value in variables.items())])
    if task.stream:
        task.environment = f"DD:{task.name}"


def _environment(task: Task, step: jcl.Step, name: str, findings: list[Finding]) -> None:
    """The environment file of a DD statement."""
    found = step.dds.get(name, ())
    if not found:
        hint = did_you_mean(name, step.dds, f"add //{name:<8} DD *")
        findings.append(finding("undefined-name", step.parm_where, name=f"DD:{name}", kind="a DD statement", hint=hint))
    parts = [each for each in found if each.file or each.stream is not None]
    if len(parts) > 1:
        why = "only the first is read"
        findings.append(finding("not-modelled", parts[1].where, what=f"concatenation of {name}", why=why))
    for each in parts[:1]:
        task.where = each.where
        if each.file:
            task.environment = each.file
        else:
            task.stream = each.stream or ""


def lend(files: Files, task: Task) -> None:
    """Let the configuration readers find the STDENV that stands in a procedure, under its own lines."""
    if task.stream:
        files.streams[task.environment] = Source(task.procedure, task.stream)


def settle(files: Files, task: Task) -> list[Finding]:
    """What TRMD and syslogd take from their environment when they start: TZ, and the configuration file unless -f names
    one. (trmd; syslogd_env)"""
    if task.program not in (TRMD, SYSLOGD):
        return []
    source = files.read(task.environment, task.where) if task.environment else Source("", "")
    if isinstance(source, Finding):
        variables, found = {}, [source]
    else:
        variables, found = pagentconf.environment(source), []
    if task.program == TRMD:
        task.timezone = variables.get("TZ", "")
        if task.timezone and zone(task.timezone) is None and not isinstance(source, Finding):
            where = pagentconf.place_of(source, "TZ") or Where(source.name)
            why = "it is no POSIX TZ such as EST5EDT, and records have the time of the image"
            found.append(finding("not-modelled", where, what=f"TZ {task.timezone}", why=why))
    else:
        words = task.options.split()
        named = next((after for word, after in pairwise(words) if word == "-f"), "")
        task.file = named or variables.get("SYSLOGD_CONFIG_FILE", "") or task.file or SYSLOG_CONF
    return found
