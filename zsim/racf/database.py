"""The RACF database: users, groups, classes with their profiles, and which profile covers a resource.

A class that is RACLISTed is checked by its copy in storage, which SETROPTS RACLIST(class) REFRESH makes anew; commands
change the database only. (RACF Security Administrator's Guide; Command Language Reference, naming of general resources)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache

from zsim.facts import fact

LEVELS = ("NONE", "EXECUTE", "READ", "UPDATE", "CONTROL", "ALTER")  # of access, each with those before it
ANYBODY = "*"  # ID(*): every user defined to RACF
SERVAUTH, FACILITY, OPERCMDS, RACFVARS = "SERVAUTH", "FACILITY", "OPERCMDS", "RACFVARS"


@dataclass
class Profile:
    """A general resource profile. `access` is its access list: user or group -> level. `members` are those of a
    RACFVARS variable; `other` what is kept and not modelled, operand -> value."""

    name: str
    generic: bool
    owner: str
    uacc: str = "NONE"
    warning: bool = False
    access: dict[str, str] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    other: dict[str, str] = field(default_factory=dict)


@dataclass
class Class:
    """A class as SETROPTS left it. `storage` is its RACLISTed copy, None where there is none."""

    active: bool = False
    generic: bool = False
    profiles: dict[str, Profile] = field(default_factory=dict)
    storage: dict[str, Profile] | None = None

    @property
    def checked(self) -> Mapping[str, Profile]:
        """The profiles that checks use."""
        return self.profiles if self.storage is None else self.storage


@dataclass
class User:
    name: str
    group: str  # the default group, one of `groups`
    groups: list[str] = field(default_factory=list)
    owner: str = ""
    text: str = ""  # NAME
    attributes: list[str] = field(default_factory=list)  # SPECIAL, OPERATIONS, AUDITOR, REVOKED
    uid: int | None = None
    other: dict[str, str] = field(default_factory=dict)


@dataclass
class Group:
    name: str
    superior: str = ""
    owner: str = ""
    gid: int | None = None
    other: dict[str, str] = field(default_factory=dict)


@dataclass
class Racf:
    """The database, with what SETROPTS says of each class."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)

    def of(self, name: str) -> Class:
        """A class; one that nobody has touched is inactive and empty."""
        return self.classes.get(name) or Class()

    def change(self, name: str) -> Class:
        return self.classes.setdefault(name, Class())


def fresh(users: Iterable[str]) -> Racf:
    """A database with the group SYS1 and these users in it, of whom the first is SPECIAL and superuser. (what is there
    before the administrator's first command is a simulator choice)"""
    group = fact("racf-first-group")
    racf = Racf(groups={group: Group(group, owner="IBMUSER")})
    for at, name in enumerate(dict.fromkeys(users)):
        attributes, uid = (["SPECIAL"], 0) if at == 0 else ([], None)
        racf.users[name] = User(name, group, [group], "IBMUSER", attributes=attributes, uid=uid)
    return racf


def refresh(racf: Racf, name: str) -> None:
    """Copy the profiles of a class into storage."""
    of = racf.change(name)
    of.storage = deepcopy(of.profiles)


# ---- names ----------------------------------------------------------------------------------------------------


class BadName(ValueError):
    """What is wrong with the name of a profile."""


def checked_name(word: str, class_name: str) -> str:
    """The name of a profile, in capitals. Raises BadName."""
    name = word.upper()
    longest = fact("racf-longest-name")
    if not name or len(name) > longest or not re.fullmatch(r"[!-~]+", name) or re.search(r"[(),;]", name):
        raise BadName(f"{word[:60]!r} is no profile name of 1 to {longest} characters")
    if class_name == RACFVARS:
        if not re.fullmatch(r"&[A-Z0-9@#$]{1,7}", name):
            raise BadName(f"{name} is no RACFVARS name: & and 1 to 7 characters")
        return name
    qualifiers = name.split(".")
    if "" in qualifiers:
        raise BadName(f"{name} has an empty qualifier")
    if qualifiers.count("**") > 1:
        raise BadName(f"{name} has ** more than once")
    if any("*" in each.removesuffix("*") and each != "**" for each in qualifiers):
        raise BadName(f"{name} has an * that does not end a qualifier")
    return name


def is_generic(name: str) -> bool:
    return any(each in name for each in "%*&")


@lru_cache(maxsize=1024)
def pattern(name: str, variables: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> re.Pattern[str]:
    """What the name of a generic profile covers; `variables` are RACFVARS names with their members."""
    if name in ("*", "**"):
        return re.compile(".+", re.DOTALL)
    members = dict(variables)
    qualifiers = name.split(".")
    text = ""
    for at, qualifier in enumerate(qualifiers):
        last, dot = at == len(qualifiers) - 1, r"\." if at and qualifiers[at - 1] != "**" else ""
        if qualifier == "**":
            text += r"(?:.*\.)?" if at == 0 else (r"(?:\..*)?" if last else r"(?:\..*)?\.")
        else:
            text += (dot if at else "") + _qualifier(qualifier, last, members)
    return re.compile(text, re.DOTALL)


def _qualifier(qualifier: str, last: bool, members: Mapping[str, tuple[str, ...]]) -> str:
    if qualifier == "*":
        return ".+" if last else "[^.]+"
    ends = qualifier.endswith("*")
    stem, tail = (qualifier[:-1], ".*" if last else "[^.]*") if ends else (qualifier, "")
    if stem.startswith("&"):
        return "(?:" + "|".join(map(re.escape, members.get(stem, ()))) + ")" + tail if members.get(stem) else "(?!)"
    return "".join("[^.]" if each == "%" else re.escape(each) for each in stem) + tail


def specificity(name: str) -> tuple[int, ...]:
    """The more specific of two generics that cover a resource has the smaller: at the first place where they differ a
    literal stands before %, that before *, and * before **. (unconfirmed in detail)"""
    ranks = {kind: rank for rank, kind in enumerate(fact("racf-specificity"))}
    kinds = re.findall(r"\*\*|.", name, re.DOTALL)
    return (*(ranks.get(kind, 0) for kind in kinds), len(ranks))


def variables(racf: Racf) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = racf.of(RACFVARS).checked
    return tuple((name, tuple(profile.members)) for name, profile in sorted(found.items()))


def covers(racf: Racf, profile: Profile, resource: str) -> bool:
    """Whether a profile is about a resource."""
    if not profile.generic:
        return profile.name == resource
    return pattern(profile.name, variables(racf)).fullmatch(resource) is not None


def covering(racf: Racf, of: Class, profiles: Mapping[str, Profile], resource: str) -> Iterator[Profile]:
    """The profiles about a resource, the one that decides first: the discrete one, then the most specific generic.
    A discrete one whose name has generic characters is unusable once generics are on. (ICH10321I)"""
    exact = profiles.get(resource)
    if exact is not None and not exact.generic and not (of.generic and is_generic(exact.name)):
        yield exact
    if of.generic:
        found = [each for each in profiles.values() if each.generic and covers(racf, each, resource)]
        yield from sorted(found, key=lambda each: specificity(each.name))
