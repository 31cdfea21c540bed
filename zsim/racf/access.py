"""May this user use that resource: the profile that decides, and why; and the commands that would change the answer.

    check(racf, "IBMUSER", Asked("EZB.IPSECCMD.S0W1.TCPIP.DISPLAY"))  -> Decision
    remedy(racf, decision)  -> ["PERMIT EZB.IPSECCMD.** CLASS(SERVAUTH) ID(IBMUSER) ACCESS(READ)", ...]

Source: RACF Security Administrator's Guide; ipsec command SERVAUTH profile; Configuration Guide, TCP/IP resources.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

from zsim import messages
from zsim.facts import fact
from zsim.messages import IssuedMessage
from zsim.racf.database import (
    ANYBODY,
    FACILITY,
    LEVELS,
    OPERCMDS,
    SERVAUTH,
    Class,
    Profile,
    Racf,
    User,
    covering,
    is_generic,
)


class Asked(NamedTuple):
    """A resource, and the access that is needed."""

    resource: str
    class_name: str = SERVAUTH
    intent: str = "READ"


# Why, in Decision.
INACTIVE, NO_PROFILE, LIST, GROUP, EVERYBODY, UACC, WARNING, SUPERUSER, REVOKED = (
    "class inactive", "no profile", "access list", "group", "ID(*)", "UACC", "WARNING", "superuser", "revoked",
)  # fmt: skip


class Decision(NamedTuple):
    """`because` is one of the words above; `entry` the user or group of the access list that counted; `level` what is
    allowed. `stale`: after a SETROPTS REFRESH the answer is another one."""

    user: str
    asked: Asked
    allowed: bool
    because: str
    profile: Profile | None = None
    entry: str = ""
    level: str = "NONE"
    stale: bool = False


# What it means that RACF does not protect a resource, by the beginning of its name. Functions that need authority are
# refused, those that are merely restricted are open. (NS servauthprofile; CG security_tcpip_resrcs_stack; rest [U])
REFUSED, OPEN, SUPERUSERS = "refused", "open", "superusers"
UNPROTECTED = (
    (SERVAUTH, "EZB.IPSECCMD.", REFUSED),
    (SERVAUTH, "EZB.NETMGMT.", REFUSED),
    (SERVAUTH, "EZB.INITSTACK.", REFUSED),
    (SERVAUTH, "EZB.PAGENT.", SUPERUSERS),
    (SERVAUTH, "", OPEN),
    (OPERCMDS, "", OPEN),
    (FACILITY, "", REFUSED),
)


def unprotected(asked: Asked) -> str:
    """What happens to a resource without a profile, or in a class that is not active."""
    rows = (what for name, start, what in UNPROTECTED if name == asked.class_name and asked.resource.startswith(start))
    return next(rows, REFUSED)


def check(racf: Racf, user: str, asked: Asked) -> Decision:
    """The answer, by what checks use now."""
    now = _decide(racf, user, asked)
    of = racf.of(asked.class_name)
    if of.storage is None:
        return now
    later = _decide(racf, user, asked, fresh=True)
    return now._replace(stale=later.allowed != now.allowed)


def _decide(racf: Racf, user: str, asked: Asked, fresh: bool = False) -> Decision:
    if revoked(racf, user):
        return Decision(user, asked, False, REVOKED)
    of = racf.of(asked.class_name)
    profiles = of.profiles if fresh else of.checked
    profile = next(covering(racf, of, profiles, asked.resource), None) if of.active else None
    if profile is None:
        what = unprotected(asked)
        because = NO_PROFILE if of.active else INACTIVE
        if what == SUPERUSERS and superuser(racf, user):
            return Decision(user, asked, True, SUPERUSER)
        return Decision(user, asked, what == OPEN, because)
    because, entry, level = _granted(racf, racf.users.get(user) or User(user, ""), profile)
    allowed = LEVELS.index(level) >= LEVELS.index(asked.intent)
    if not allowed and profile.warning and fact("racf-warning-allows"):
        return Decision(user, asked, True, WARNING, profile, entry, level)
    return Decision(user, asked, allowed, because, profile, entry, level)


def _granted(racf: Racf, user: User, profile: Profile) -> tuple[str, str, str]:
    """Why, by which entry, and which level: the user's own entry, else the highest of the groups', else ID(*), else
    UACC. (the order is unconfirmed)"""
    if user.name in profile.access:
        return LIST, user.name, profile.access[user.name]
    groups = user.groups if fact("racf-list-of-groups") else [user.group]
    found = [(LEVELS.index(profile.access[each]), each) for each in groups if each in profile.access]
    if found:
        level, entry = max(found)
        return GROUP, entry, LEVELS[level]
    if ANYBODY in profile.access and user.name in racf.users:
        return EVERYBODY, ANYBODY, profile.access[ANYBODY]
    return UACC, "", profile.uacc


def revoked(racf: Racf, user: str) -> bool:
    """ALTUSER REVOKE: the user cannot log on, so nothing is done for it."""
    found = racf.users.get(user)
    return found is not None and REVOKED.upper() in found.attributes


def superuser(racf: Racf, user: str) -> bool:
    """UID 0, or may become it by BPX.SUPERUSER."""
    found = racf.users.get(user)
    if found is not None and found.uid == 0:
        return True
    return bool(fact("racf-superuser-switches")) and _decide(racf, user, Asked("BPX.SUPERUSER", FACILITY)).allowed


def refusal(racf: Racf, decision: Decision) -> list[IssuedMessage]:
    """ICH408I on the console, where a profile refused or the user is revoked."""
    if decision.because == REVOKED:
        return [logon_refused(racf, decision.user)]
    if decision.profile is None or (decision.allowed and decision.because != WARNING):
        return []
    user = racf.users.get(decision.user) or User(decision.user, "")
    origin = f"  FROM {decision.profile.name} (G)\n" if decision.profile.generic else ""
    return [
        messages.ICH408I(
            user=user.name, group=user.group, name=(user.text or "#" * 20)[:20], resource=decision.asked.resource,
            class_name=decision.asked.class_name, origin=origin, intent=decision.asked.intent, allowed=decision.level,
        )
    ]  # fmt: skip


def logon_refused(racf: Racf, user: str) -> IssuedMessage:
    """ICH408I of a revoked user."""
    found = racf.users[user]
    return messages.ICH408I_REVOKED(user=user, group=found.group, name=(found.text or "#" * 20)[:20])


# ---- what would change it -------------------------------------------------------------------------------------


def explained(racf: Racf, decision: Decision) -> str:
    """The reason in a sentence."""
    asked, profile = decision.asked, decision.profile
    if decision.because == REVOKED:
        return f"{decision.user} is revoked: nobody can log on with it"
    unprotected_means = {
        REFUSED: "this function needs a profile that permits it", OPEN: "this function is then open to everybody",
        SUPERUSERS: "only superusers may then use it",
    }[unprotected(asked)]  # fmt: skip
    if decision.because == INACTIVE:
        return f"class {asked.class_name} is not active: RACF protects nothing in it, and {unprotected_means}"
    if decision.because in (NO_PROFILE, SUPERUSER):
        who = f"; {decision.user} is a superuser" if decision.because == SUPERUSER else ""
        return f"no profile of class {asked.class_name} covers it: {unprotected_means}{who}"
    assert profile is not None
    shown = f"profile {profile.name}{' (G)' if profile.generic else ''}"
    by = {
        LIST: f"the entry of {decision.entry} in the access list of {shown}",
        GROUP: f"the entry of group {decision.entry}, to which {decision.user} is connected, in the access list of "
        f"{shown}",
        EVERYBODY: f"the entry ID(*) in the access list of {shown}",
        UACC: f"the universal access of {shown}, whose access list has neither {decision.user} nor a group of it,",
        WARNING: f"{shown} in WARNING mode, though its list",
    }[decision.because]
    return f"{by} gives {decision.level}; {asked.intent} is needed"


def hindrances(racf: Racf, decision: Decision) -> Iterator[str]:
    """What is in the way besides: a database that is not refreshed, profiles that are not what they look like."""
    of = racf.of(decision.asked.class_name)
    if decision.stale:
        then = "refused" if decision.allowed else "allowed"
        yield (
            f"the database says otherwise: {then} after SETROPTS RACLIST({decision.asked.class_name}) REFRESH, because "
            "checks use the RACLISTed copy"
        )
    waiting = next(covering(racf, of, of.profiles, decision.asked.resource), None) if of.active else None
    if of.storage is not None and waiting is not None and waiting != decision.profile and not decision.stale:
        yield f"profile {waiting.name} in the database is another than in the RACLISTed copy that checks use"
    for profile in useless(of, decision.asked):
        yield (
            f"profile {profile.name} looks generic but is discrete: generics were not enabled for class "
            f"{decision.asked.class_name} when it was defined"
        )
    if not of.generic and any(each.generic for each in of.profiles.values()):
        yield f"generic profiles of class {decision.asked.class_name} are not used: SETROPTS GENERIC is off"


def useless(of: Class, asked: Asked) -> list[Profile]:
    """Discrete profiles that would cover the resource, had they been made generic."""
    found = []
    for profile in of.profiles.values():
        if not profile.generic and is_generic(profile.name):
            meant = Class(True, True, {profile.name: Profile(profile.name, True, profile.owner)})
            if next(covering(Racf(), meant, meant.profiles, asked.resource), None):
                found.append(profile)
    return found


def remedy(racf: Racf, decision: Decision) -> list[str]:
    """The commands that would allow it, in order; none where it is allowed. They are tried on a copy."""
    if decision.allowed:
        return []
    from zsim.racf.commands import run

    asked, tried, done = decision.asked, deepcopy(racf), list[str]()
    for command in _steps(racf, decision):
        if _decide(tried, decision.user, asked).allowed:
            break
        if command.startswith("SETROPTS RACLIST") and tried.of(asked.class_name).storage is None:
            continue
        if command.startswith("PERMIT") and _decide(tried, decision.user, asked, fresh=True).allowed:
            continue
        run(tried, command, user="", trusted=True)
        done.append(command)
    return done


def _steps(racf: Racf, decision: Decision) -> Iterator[str]:
    """Commands that may be needed."""
    asked, user = decision.asked, decision.user
    name = asked.class_name
    of = racf.of(name)
    if revoked(racf, user):
        yield f"ALTUSER {user} RESUME"
    if not of.active:
        yield f"SETROPTS CLASSACT({name})"
    spoilt = useless(of, asked)
    if not of.generic and (spoilt or any(each.generic for each in of.profiles.values())):
        yield f"SETROPTS GENERIC({name})"
    later = deepcopy(racf)
    later.change(name).active = True
    later.change(name).generic |= bool(spoilt) or any(each.generic for each in of.profiles.values())
    profile = next(covering(later, later.of(name), of.profiles, asked.resource), None)
    if profile is None and spoilt:
        yield f"RDELETE {name} {spoilt[0].name}"
        yield f"RDEFINE {name} {spoilt[0].name} UACC(NONE)"
        target = spoilt[0].name
    elif profile is None:
        yield f"RDEFINE {name} {asked.resource} UACC(NONE)"
        target = asked.resource
    else:
        target = profile.name
    yield f"PERMIT {target} CLASS({name}) ID({user}) ACCESS({asked.intent})"
    yield f"SETROPTS RACLIST({name}) REFRESH"
