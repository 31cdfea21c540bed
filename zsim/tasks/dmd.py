"""DMD, the Defense Manager daemon: who may have defensive filters, which are global, and the persistent copy.

Filters act in the stack, with DMD or without it; they end by their lifetime. DMD adds, changes and deletes them, keeps
the global ones with their copies in every eligible stack, and writes all of them below DefensiveFilterDirectory, so
that a stack that starts gets them again. (dmd_defensive_filters, dmdcfg, dmdmod)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zsim import messages
from zsim.config import dmd as language
from zsim.config.dmd import INACTIVE, Config
from zsim.facts import fact
from zsim.findings import did_you_mean
from zsim.messages import IssuedMessage
from zsim.tasks.syslogd import LogRecord
from zsim.tcpip import defensive
from zsim.tcpip.defensive import GLOBAL, STACK, Change, Installed, Limits
from zsim.tcpip.filters import VERSIONS
from zsim.tcpip.stack import Stack

Stacks = Mapping[str, Stack]  # those that run


@dataclass
class Dmd:
    """config is what DMD works by, None while it does not run; `forced` the stacks that FORCE_INACTIVE named since the
    last REFRESH; `filters` the global ones, newest first."""

    file: str = ""
    config: Config | None = None
    forced: list[str] = field(default_factory=list)
    filters: list[Installed] = field(default_factory=list)


class Entry(NamedTuple):
    """One line of DMD's own for syslogd; it is written if the bit is on in SyslogLevel."""

    bit: int
    text: str


ERRORS, REQUESTS, EVENTS = 1, 2, 4  # bits of SyslogLevel (a simulator choice)
PRIORITIES = {ERRORS: "err", REQUESTS: "info", EVENTS: "notice"}


class Effect(NamedTuple):
    """What came of something: what the console shows, what the stacks tell TRMD, what DMD tells syslogd."""

    issued: tuple[IssuedMessage, ...] = ()
    changes: tuple[Change, ...] = ()
    told: tuple[Entry, ...] = ()


class Refused(Exception):
    """An ipsec request that is not carried out; `code` is a key of the fact ipsec-exit-codes."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def records(told: Iterable[Entry], config: Config, now: int, user: str, job: str) -> list[LogRecord]:
    """What SyslogLevel lets through, for syslogd."""
    tag = f"{fact('dmd-log-tag')}[{fact('log-pid')}]"
    return [
        LogRecord(now, "local4", PRIORITIES[entry.bit], user, job, tag, entry.text)
        for entry in told
        if entry.bit & config.level
    ]


# ---- configuration --------------------------------------------------------------------------------------------


def configure(dmd: Dmd, config: Config, file: str, stacks: Stacks, now: int) -> Effect:
    """Work by a file that is read without a mistake: a complete replacement. (defdemon, dmdmod)"""
    issued: list[IssuedMessage] = []
    if dmd.config is not None and dmd.config.directory != config.directory:
        issued.append(messages.DMD_DIRECTORY(directory=dmd.config.directory))
        config = config._replace(directory=dmd.config.directory)
    dmd.config, dmd.file, dmd.forced = config, file, []
    changes: list[Change] = []
    for stack in stacks.values():
        changes += manage(dmd, stack, now)
    issued.append(messages.EZD1622I(file=file))
    return Effect(tuple(issued), tuple(changes), (Entry(EVENTS, str(issued[-1])),))


def manage(dmd: Dmd, stack: Stack, now: int) -> list[Change]:
    """Bring one stack in line with the configuration. One that is no longer named keeps its filters until they expire.
    (dmd_disable_filters_for_stack)"""
    assert dmd.config is not None
    own, here = dmd.config.of(stack.name), stack.defensive
    if own is None:
        here.exclude = ()
        here.mode = here.mode if here.filters else ""
        return []
    here.mode = INACTIVE if stack.name in dmd.forced else own.mode
    here.exclude = own.exclude
    if here.mode == INACTIVE:
        return _removed(stack, list(here.filters), now)
    held = {each.key for each in here.filters}
    changes = []
    for each in reversed(dmd.filters):
        if each.key not in held and each.rule.version in stack.versions and stack.name not in each.without:
            changes += _copied(stack, each, own, now)
    return changes


def _copied(stack: Stack, one: Installed, own: language.StackConfig, now: int) -> list[Change]:
    """The stack's copy of a global filter, made now; MaxLifetime of the stack holds for it."""
    latest = now + own.max_lifetime * defensive.MINUTE
    defence = one.defence._replace(expires=min(one.defence.expires, latest))
    return _install(stack, one.rule._replace(defence=defence), now)


def _install(stack: Stack, rule: Any, now: int) -> list[Change]:
    stack.defensive.filters.insert(0, Installed(rule, refilled=now))
    return [Change(now, "added", rule)]


def _removed(stack: Stack, gone: Sequence[Installed], now: int) -> list[Change]:
    keys = {each.key for each in gone}
    stack.defensive.filters = [each for each in stack.defensive.filters if each.key not in keys]
    return [Change(now, "deleted", each.rule) for each in gone]


def force_inactive(dmd: Dmd, name: str, stacks: Stacks, now: int) -> Effect:
    """Remove all filters of a stack, running or not, and refuse further ones until the next REFRESH. (dmdmod)"""
    dmd.forced = sorted({*dmd.forced, name})
    changes: list[Change] = []
    if name in stacks:
        changes = _removed(stacks[name], list(stacks[name].defensive.filters), now)
        stacks[name].defensive.mode = INACTIVE
    message = messages.DMD_INACTIVE(count=len(changes), stack=name)
    return Effect((message,), tuple(changes), (Entry(EVENTS, str(message)),))


def shown(dmd: Dmd) -> Iterator[IssuedMessage]:
    """F DMD,DISPLAY. (defdemon: it shows the values in use; the layout is a simulator choice)"""
    assert dmd.config is not None
    yield messages.DMD_SHOWN()
    yield messages.DMD_SHOWN_VALUE(name="FILE", value=dmd.file)
    yield messages.DMD_SHOWN_VALUE(name="SYSLOGLEVEL", value=dmd.config.level)
    yield messages.DMD_SHOWN_VALUE(name="DEFENSIVEFILTERDIRECTORY", value=dmd.config.directory)
    for each in dmd.config.stacks:
        mode = INACTIVE if each.stack in dmd.forced else each.mode
        yield messages.DMD_SHOWN_STACK(
            stack=each.stack, mode=mode.upper(), lifetime=each.max_lifetime, loglimit=each.log_limit
        )
        for address in each.exclude:
            yield messages.DMD_SHOWN_EXCLUDE(address=address)


# ---- the persistent copy --------------------------------------------------------------------------------------

EVERYWHERE = "global"


def path_of(config: Config, stack: str) -> str:
    """One file a stack, one for the global filters. (names and form are a simulator choice)"""
    return f"{config.directory.rstrip('/')}/{stack}.filters"


def copies(dmd: Dmd, stacks: Stacks) -> Iterator[tuple[str, str]]:
    """Path and text of the persistent copy as it is to be."""
    assert dmd.config is not None
    yield path_of(dmd.config, EVERYWHERE), "".join(defensive.line(each) for each in dmd.filters)
    for name, stack in stacks.items():
        yield path_of(dmd.config, name), "".join(defensive.line(each) for each in stack.defensive.filters)


def kept(text: str, file: str, now: int) -> tuple[list[Installed], list[IssuedMessage]]:
    """The filters of one file that have not expired; a line that is damaged is skipped."""
    found: list[Installed] = []
    issued = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            one = defensive.read_line(line, now)
        except ValueError as why:
            issued.append(messages.DMD_COPY(line=number, file=file, why=str(why)[:100]))
            continue
        if one.defence.expires > now and one.key not in {each.key for each in found}:
            found.append(one)
    return found, issued


def restore(dmd: Dmd, stack: Stack, filters: Sequence[Installed], now: int) -> list[Change]:
    """Give a stack what the persistent copy has for it and it has not; then bring it in line."""
    assert dmd.config is not None
    own = dmd.config.of(stack.name)
    held = {each.key for each in stack.defensive.filters}
    missing = [each for each in filters if each.key not in held and each.rule.version in stack.versions]
    changes: list[Change] = []
    if own is not None and own.mode != INACTIVE and stack.name not in dmd.forced:
        stack.defensive.filters = [*missing, *stack.defensive.filters]
        changes += [Change(now, "added", each.rule) for each in missing]
    return changes + manage(dmd, stack, now)


# ---- requests of the ipsec command ----------------------------------------------------------------------------


class Ask(NamedTuple):
    """-F add, update or delete. `stack` is "" for a global filter."""

    function: str
    name: str
    values: Mapping[str, Any]
    stack: str
    user: str


def carry_out(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> Effect:
    """Do what the ipsec command asks. Raises Refused; then nothing is changed."""
    if dmd.config is None:
        raise Refused("dmd", "the Defense Manager daemon (DMD) is not running")
    changes = REQUESTED[ask.function, bool(ask.stack)](dmd, ask, stacks, now)
    where = ask.stack or "all stacks"
    note = Entry(REQUESTS, f"Request of {ask.user}: {ask.function} {ask.name} for {where}: done")
    return Effect(changes=tuple(changes), told=(note,))


def _eligible(dmd: Dmd, stack: Stack) -> language.StackConfig:
    """What the configuration says of a stack that may have defensive filters. Raises Refused. (ipsectgtopt)"""
    assert dmd.config is not None
    own = dmd.config.of(stack.name)
    if own is None:
        names = [each.stack for each in dmd.config.stacks]
        hint = did_you_mean(stack.name, names, f"add DmStackConfig {stack.name} to {dmd.file}")
        raise Refused("dmd", f"stack {stack.name} is not in the configuration of DMD; {hint}")
    if stack.name in dmd.forced:
        raise Refused("dmd", f"stack {stack.name} is inactive by FORCE_INACTIVE, until the next REFRESH of DMD")
    if own.mode == INACTIVE:
        raise Refused("dmd", f"stack {stack.name} has Mode Inactive in {dmd.file}")
    if not stack.versions:
        raise Refused("stack", f"stack {stack.name} is not enabled for IP security")
    return own


def _long(values: Mapping[str, Any], most: int) -> None:
    if not fact("defensive-lifetime-cut") and values.get("lifetime", 0) > most:
        raise Refused("usage", f"lifetime {values['lifetime']} is above MaxLifetime {most}")


def _versions(ask: Ask, enabled: Sequence[int], who: str) -> list[int]:
    try:
        versions = defensive.versions_of(ask.values, enabled)
    except ValueError as why:
        raise Refused("usage", str(why)) from None
    for version in versions:
        if version not in enabled:
            raise Refused("stack", f"{who} is not enabled for IP security of IPv{version}")
    return versions


def _lists(dmd: Dmd, stacks: Stacks) -> list[list[Installed]]:
    return [dmd.filters, *(each.defensive.filters for each in stacks.values())]


def _add(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> list[Change]:
    stack = stacks[ask.stack]
    own = _eligible(dmd, stack)
    _long(ask.values, own.max_lifetime)
    changes = []
    for version in _versions(ask, stack.versions, f"stack {stack.name}"):
        extension = defensive.next_extension(ask.name, _lists(dmd, stacks))
        limits = Limits(own.log_limit, own.max_lifetime)
        rule = defensive.made(ask.values, ask.name, extension, version, STACK, limits, now, ask.user)
        changes += _install(stack, rule, now)
    return changes


def _managed(dmd: Dmd, stacks: Stacks) -> Iterator[tuple[Stack, language.StackConfig]]:
    for stack in stacks.values():
        try:
            yield stack, _eligible(dmd, stack)
        except Refused:
            continue


def _add_global(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> list[Change]:
    assert dmd.config is not None
    most = max((each.max_lifetime for each in dmd.config.stacks), default=1440)
    _long(ask.values, most)
    changes = []
    for version in _versions(ask, VERSIONS, "the system"):
        extension = defensive.next_extension(ask.name, _lists(dmd, stacks))
        rule = defensive.made(ask.values, ask.name, extension, version, GLOBAL, Limits(0, most), now, ask.user)
        dmd.filters.insert(0, Installed(rule, refilled=now))
        for stack, own in _managed(dmd, stacks):
            if version in stack.versions:
                limits = Limits(own.log_limit, own.max_lifetime)
                copy = defensive.made(ask.values, ask.name, extension, version, GLOBAL, limits, now, ask.user)
                changes += _install(stack, copy, now)
    return changes


def _found(filters: Iterable[Installed], ask: Ask, where: str) -> list[Installed]:
    """The filters a request names. Raises Refused."""
    listed = list(filters)
    found = defensive.named(listed, ask.name)
    if not found:
        hint = did_you_mean(ask.name, [each.rule.name for each in listed], "")
        raise Refused("name", f"{where} has no defensive filter {ask.name}" + (f"; {hint}" if hint else ""))
    return found


def _update(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> list[Change]:
    stack = stacks[ask.stack]
    own = _eligible(dmd, stack)
    _long(ask.values, own.max_lifetime)
    return _change(_found(stack.defensive.filters, ask, f"stack {stack.name}"), ask, own, now)


def _change(found: Iterable[Installed], ask: Ask, own: language.StackConfig, now: int) -> list[Change]:
    changes = []
    for each in found:
        each.rule = defensive.updated(each.rule, ask.values, Limits(own.log_limit, own.max_lifetime), now)
        changes.append(Change(now, "updated", each.rule))
    return changes


def _copies_of(stack: Stack, globals: Iterable[Installed]) -> list[Installed]:
    keys = {each.key for each in globals}
    return [each for each in stack.defensive.filters if each.defence.type == GLOBAL and each.key in keys]


def _update_global(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> list[Change]:
    assert dmd.config is not None
    most = max((each.max_lifetime for each in dmd.config.stacks), default=1440)
    _long(ask.values, most)
    found = _found(dmd.filters, ask, "DMD")
    changes = []
    for stack, own in _managed(dmd, stacks):
        changes += _change(_copies_of(stack, found), ask, own, now)
    for each in found:
        each.rule = defensive.updated(each.rule, ask.values, Limits(0, most), now)
    return changes


def _delete(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> list[Change]:
    """Deleting needs DMD, but not that the stack is still in its configuration. DMD keeps in mind which stacks hold a
    global filter, so a copy that is deleted does not come back. (dmd_defensive_filters)"""
    stack = stacks[ask.stack]
    gone = _found(stack.defensive.filters, ask, f"stack {stack.name}")
    keys = {each.key for each in gone if each.defence.type == GLOBAL}
    for each in dmd.filters:
        if each.key in keys and not fact("defensive-deleted-copy-returns"):
            each.without = sorted({*each.without, stack.name})
    return _removed(stack, gone, now)


def _delete_global(dmd: Dmd, ask: Ask, stacks: Stacks, now: int) -> list[Change]:
    found = _found(dmd.filters, ask, "DMD")
    changes = [change for each in stacks.values() for change in _removed(each, _copies_of(each, found), now)]
    keys = {each.key for each in found}
    dmd.filters = [each for each in dmd.filters if each.key not in keys]
    return changes


# By function, and whether for one stack.
REQUESTED = {
    ("add", True): _add, ("add", False): _add_global, ("update", True): _update, ("update", False): _update_global,
    ("delete", True): _delete, ("delete", False): _delete_global,
}  # fmt: skip
