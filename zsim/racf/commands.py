"""The RACF commands: RDEFINE, RALTER, RDELETE, PERMIT, RLIST, SEARCH, SETROPTS, and those of users and groups.

    RDEFINE class profile [UACC(level)] [OWNER(id)] [WARNING] [ADDMEM(member ...)]         RALTER the same
    PERMIT profile CLASS(class) ID(id ...) [ACCESS(level) | DELETE] [RESET]
    RLIST class profile|* [AUTHUSER | ALL]          SEARCH CLASS(class) [MASK(start [part])] [FILTER(pattern)]
    SETROPTS [CLASSACT(class ...)] [GENERIC(class ...)] [RACLIST(class ...)] [REFRESH] [LIST]
    ADDUSER, ALTUSER, DELUSER, LISTUSER, ADDGROUP, DELGROUP, LISTGRP, CONNECT, REMOVE

`run` carries one out and answers with a `Result`. Commands change the database; checks of a RACLISTed class go on with
the copy in storage until SETROPTS RACLIST(class) REFRESH. (RACF Command Language Reference)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from zsim import messages
from zsim.facts import fact
from zsim.findings import Finding, did_you_mean, finding
from zsim.messages import IssuedMessage
from zsim.racf import access, lists, tso
from zsim.racf.database import (
    ANYBODY,
    LEVELS,
    RACFVARS,
    BadName,
    Group,
    Profile,
    Racf,
    User,
    checked_name,
    covering,
    is_generic,
    pattern,
    refresh,
)
from zsim.racf.tso import DATE, FLAG, MANY, NESTED, ONE, TEXT, Line, Operands, Syntax

FINE, WARNED, FAILED, USAGE = 0, 4, 8, 12  # return codes: done, done with a doubt, not done, not understood


class Result(NamedTuple):
    """What the terminal shows: lines of a listing, then messages. `findings` say what is kept but not modelled."""

    code: int = FINE
    text: str = ""
    issued: tuple[IssuedMessage, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def shown(self) -> str:
        return self.text + "".join(f"{message}\n" for message in self.issued)


class Who(NamedTuple):
    """Who issues a command. `trusted` is not asked for authority: the commands a system starts from."""

    user: str
    special: bool

    def owns(self, owner: str) -> bool:
        return self.special or self.user == owner


class Told(Exception):
    """A command that is not carried out, with its message."""

    def __init__(self, message: IssuedMessage) -> None:
        super().__init__(str(message))
        self.message = message


Run = Callable[[Racf, Operands, Who], Result]


class Command(NamedTuple):
    """Positional operands; keywords with their kinds; those that are kept and not modelled, since no access depends on
    them; and those that some access does depend on: a command with one of them is not carried out."""

    positional: tuple[str, ...]
    keywords: Mapping[str, str]
    run: Run
    kept: Mapping[str, str] = {}
    unknown: tuple[str, ...] = ()


def run(racf: Racf, command: str | Line, user: str, trusted: bool = False) -> Result:
    """Carry out one command for a user."""
    line = tso.typed(command) if isinstance(command, str) else command
    verb = re.split(r"[ ,\t]", line.text.strip(), maxsplit=1)[0].upper()
    name = ALIASES.get(verb, verb)
    row = COMMANDS.get(name)
    if row is None:
        near = did_you_mean(verb, COMMANDS, f"known are {', '.join(COMMANDS)}")
        if verb in NOT_MODELLED:
            doubt = finding("not-modelled", line.where(0), what=verb, why="")
            text = f"{verb} is not modelled: nothing is done"
            return Result(FAILED, findings=(doubt._replace(text=text, remedy=""),))
        found = finding("bad-system", line.where(0), what=f"{verb or 'nothing'} is no RACF command", hint=near)
        return Result(USAGE, issued=(messages.TSO_NOT_FOUND(verb=verb),), findings=(found,))
    who = Who(user, trusted or "SPECIAL" in (racf.users.get(user) or User(user, "")).attributes)
    try:
        given = tso.operands(
            line.text, row.positional, {**row.keywords, **row.kept, **dict.fromkeys(row.unknown, TEXT)}
        )
        dated = [each for each, kind in row.keywords.items() if kind == DATE and given.given.get(each)]
        for each in (*row.unknown, *dated):
            if each in given:
                text = f"{each}{'(date)' * (each in dated)} of {name} is not modelled: nothing is done"
                doubt = finding("not-modelled", line.where(given.places[each]), what=each, why="")
                return Result(FAILED, findings=(doubt._replace(text=text, remedy=""),))
        done = row.run(racf, given, who)
    except Syntax as why:
        said = messages.TSO_MISSING if why.missing else messages.TSO_INVALID
        found = finding("bad-system", line.where(why.at), what=f"{name}: {why}", hint="")
        return Result(USAGE, issued=(said(why=str(why)),), findings=(found,))
    except Told as told:
        found = finding("bad-system", line.where(0), what=str(told.message), hint="")
        return Result(FAILED, issued=(told.message,), findings=(found,))
    kept = tuple(
        finding("kept", line.where(given.places[each]), what=f"{each} of {name}") for each in row.kept if each in given
    )
    return done._replace(findings=(*done.findings, *kept))


# ---- profiles -------------------------------------------------------------------------------------------------


def _class(word: str) -> str:
    """The name of a class. Raises Told."""
    name = word.upper()
    if name in fact("racf-classes"):
        return name
    hint = did_you_mean(name, fact("racf-classes"), "")
    raise Told(messages.RACF_NO_CLASS(name=f"{name} ({hint})" if hint else name))


def _name(word: str, class_name: str) -> str:
    try:
        return checked_name(word, class_name)
    except BadName as why:
        raise Told(messages.RACF_BAD_NAME(why=str(why))) from None


def _level(word: str) -> str:
    found = [level for level in LEVELS if level.startswith(word.upper())] if word else []
    if word.upper() not in LEVELS and len(found) != 1:
        raise Told(messages.RACF_NO_LEVEL(level=word))
    return word.upper() if word.upper() in LEVELS else found[0]


def _id(word: str) -> str:
    """A user or group id. Raises Told."""
    if not re.fullmatch(r"[A-Za-z@#$][A-Za-z0-9@#$]{0,7}", word):
        raise Told(messages.RACF_BAD_ID(name=word[:20]))
    return word.upper()


def _waits(racf: Racf, name: str, message: messages.Message) -> tuple[IssuedMessage, ...]:
    """The reminder that a RACLISTed class is to be refreshed."""
    return () if racf.of(name).storage is None else (message(name=name),)


def _set(profile: Profile, given: Operands) -> None:
    """The operands that RDEFINE and RALTER share; nothing is changed where one is wrong."""
    uacc, owner = _level(given.one("UACC", profile.uacc)), _id(given.one("OWNER", profile.owner))
    profile.uacc, profile.owner = uacc, owner
    if "WARNING" in given or "NOWARNING" in given:
        profile.warning = "WARNING" in given
    for member in given.given.get("ADDMEM", ()):
        if member.upper() not in profile.members:
            profile.members.append(member.upper())
    gone = {member.upper() for member in given.given.get("DELMEM", ())}
    profile.members = [each for each in profile.members if each not in gone]
    profile.other |= {key: " ".join(given.given[key]) for key in _KEPT if key in given}


def _rdefine(racf: Racf, given: Operands, who: Who) -> Result:
    if not who.special:
        raise Told(messages.ICH06003I(command="RDEFINE"))
    name = _class(given.positional[0][0])
    of, issued = racf.change(name), list[IssuedMessage]()
    for word in _several(given.positional[1][0]):
        profile = _name(word, name)
        if profile in of.profiles:
            raise Told(messages.ICH10102I(profile=profile, name=name))
        generic = is_generic(profile) and of.generic and name != RACFVARS
        made = Profile(profile, generic, who.user or fact("racf-first-user"), fact("racf-uacc"))
        _set(made, given)
        of.profiles[profile] = made
        if is_generic(profile) and not generic and name != RACFVARS:
            issued.append(messages.ICH10321I(profile=profile, name=name))
    return Result(WARNED if issued else FINE, issued=(*issued, *_waits(racf, name, messages.ICH10006I)))


def _several(word: str) -> list[str]:
    """`(A B)` is two profiles. (Syntax is raised where there is none)"""
    if not word.startswith("("):
        return [word]
    found = tso.values(word[1:-1])
    if not found:
        raise Syntax("a profile name is missing", 0, True)
    return found


def _existing(racf: Racf, name: str, word: str, who: Who, message: messages.Message) -> Profile:
    """A profile that somebody may change. Raises Told."""
    found = racf.of(name).profiles.get(_name(word, name))
    if found is None:
        raise Told(message(profile=word.upper(), name=name))
    if not who.owns(found.owner):
        raise Told(messages.ICH06006I(profile=found.name))
    return found


def _ralter(racf: Racf, given: Operands, who: Who) -> Result:
    name = _class(given.positional[0][0])
    for word in _several(given.positional[1][0]):
        _set(_existing(racf, name, word, who, messages.RACF_NO_PROFILE), given)
    return Result(issued=_waits(racf, name, messages.ICH11009I))


def _rdelete(racf: Racf, given: Operands, who: Who) -> Result:
    name = _class(given.positional[0][0])
    gone = [_existing(racf, name, word, who, messages.RACF_NO_PROFILE) for word in _several(given.positional[1][0])]
    for profile in gone:
        racf.change(name).profiles.pop(profile.name, None)
    return Result(issued=_waits(racf, name, messages.ICH12002I))


def _permit(racf: Racf, given: Operands, who: Who) -> Result:
    if "CLASS" not in given:
        raise Syntax("CLASS is missing: without it PERMIT is about data sets, which zsim does not model", 0, True)
    name = _class(given.one("CLASS"))
    profile = _existing(racf, name, given.positional[0][0], who, messages.ICH06004I)
    if "ID" not in given and "RESET" not in given:
        raise Syntax("ID is missing", 0, True)
    level = _level(given.one("ACCESS", "READ"))
    users = [word if word == ANYBODY else _id(word) for word in given.given.get("ID", ())]
    doubts: list[IssuedMessage] = []
    changed = "RESET" in given and bool(profile.access)
    if "RESET" in given:
        profile.access.clear()
    for user in users:
        if "DELETE" in given and user not in profile.access:
            doubts.append(messages.ICH06002I(name=user))
        elif "DELETE" in given:
            del profile.access[user]
            changed = True
        elif user != ANYBODY and user not in racf.users and user not in racf.groups:
            doubts.append(messages.ICH06007I(name=user))
        elif profile.access.get(user) == level:
            doubts.append(messages.ICH06001I(name=user))
        else:
            profile.access[user] = level
            changed = True
    after = _waits(racf, name, messages.ICH06011I) if changed else ()
    if not racf.of(name).active:
        after += (messages.ICH06019I(name=name),)
    return Result(FAILED if doubts and not changed else WARNED if doubts else FINE, issued=(*doubts, *after))


def _rlist(racf: Racf, given: Operands, who: Who) -> Result:
    name, word = _class(given.positional[0][0]), given.positional[1][0].upper()
    of = racf.of(name)
    if word == "*" and word not in of.profiles:
        found = sorted(of.profiles.values(), key=lambda each: each.name)
    else:
        exact = of.profiles.get(word)
        best = next(covering(racf, of, of.profiles, word), None)
        found = [each for each in (exact or best,) if each is not None]
    seen = [each for each in found if who.owns(each.owner)]
    if found and not seen:
        raise Told(messages.ICH06006I(profile=word))
    if not seen:
        raise Told(messages.ICH13003I(profile=word))
    return Result(text="".join(lists.profile(racf, name, each, who.user, "AUTHUSER" in given or "ALL" in given)
                               for each in seen))  # fmt: skip


def _search(racf: Racf, given: Operands, who: Who) -> Result:
    if "CLASS" not in given:
        raise Syntax("CLASS is missing: without it SEARCH is about data sets, which zsim does not model", 0, True)
    name = _class(given.one("CLASS"))
    start, *parts = (each.upper() for each in given.given.get("MASK", [""]))
    chosen = [
        each
        for each in sorted(racf.of(name).profiles.values(), key=lambda each: each.name)
        if (each.name.startswith(start) or start == "*")
        and all(part in each.name for part in parts)
        and ("FILTER" not in given or pattern(_name(given.one("FILTER"), name)).fullmatch(each.name))
        and who.owns(each.owner)
    ]
    if not chosen:
        raise Told(messages.RACF_NO_ENTRIES())
    return Result(text="".join(f"{each.name}{' (G)' if each.generic else ''}\n" for each in chosen))


# ---- SETROPTS -------------------------------------------------------------------------------------------------


def _setropts(racf: Racf, given: Operands, who: Who) -> Result:
    if not who.special:
        raise Told(messages.ICH06003I(command="SETROPTS"))
    names = {key: _classes(racf, given.given.get(key, ())) for key in _SETROPTS if _SETROPTS[key] == MANY}
    if "REFRESH" in given and not any(names[key] for key in ("RACLIST", "GENERIC")):
        raise Syntax("REFRESH needs RACLIST(class) or GENERIC(class)", given.places["REFRESH"], True)
    issued: list[IssuedMessage] = []
    for key, value in (("CLASSACT", True), ("NOCLASSACT", False)):
        for name in names[key]:
            racf.change(name).active = value
    for key, value in (("GENERIC", True), ("NOGENERIC", False)):
        for name in names[key]:
            racf.change(name).generic = value
    unlisted = False
    for name in names["RACLIST"]:
        listed = racf.of(name).storage is not None
        if "REFRESH" in given and not listed and not fact("racf-refresh-lists"):
            unlisted = True
            issued.append(messages.RACF_NOT_RACLISTED(name=name))
        elif "REFRESH" in given or not listed:
            refresh(racf, name)
    if "REFRESH" in given:  # the copy of a RACLISTed class is made anew by RACLIST and REFRESH alone (refrac)
        for name in names["GENERIC"]:
            of = racf.of(name)
            if name not in names["RACLIST"] and of.storage is not None and of.storage != of.profiles:
                issued.append(messages.RACF_STILL_LISTED(name=name))
    for name in names["NORACLIST"]:
        racf.change(name).storage = None
    text = lists.options(racf) if "LIST" in given else ""
    return Result(WARNED if unlisted else FINE, text, tuple(issued))


def _classes(racf: Racf, words: list[str] | tuple[str, ...]) -> list[str]:
    return list(racf.classes) if words == ["*"] else [_class(word) for word in words]


# ---- users and groups -----------------------------------------------------------------------------------------


def _administrator(who: Who, command: str) -> None:
    if not who.special:
        raise Told(messages.ICH06003I(command=command))


def _user(racf: Racf, word: str) -> User:
    found = racf.users.get(_id(word))
    if found is None:
        raise Told(messages.RACF_NO_NAME(kind="USER", name=word.upper()))
    return found


def _group(racf: Racf, word: str) -> Group:
    found = racf.groups.get(_id(word))
    if found is None:
        raise Told(messages.RACF_NO_NAME(kind="GROUP", name=word.upper()))
    return found


def _unused(racf: Racf, word: str) -> str:
    name = _id(word)
    if name in racf.users or name in racf.groups:
        raise Told(messages.RACF_NAME_EXISTS(name=name))
    return name


def _adduser(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "ADDUSER")
    group = _group(racf, given.one("DFLTGRP", fact("racf-first-group"))).name
    for word in _several(given.positional[0][0]):
        made = User(_unused(racf, word), group, [group], who.user or fact("racf-first-user"))
        _set_user(racf, made, given)
        racf.users[made.name] = made
    return Result()


def _altuser(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "ALTUSER")
    if "REVOKE" in given and "RESUME" in given:
        raise Syntax("REVOKE and RESUME exclude each other", given.places["RESUME"])
    for word in _several(given.positional[0][0]):
        _set_user(racf, _user(racf, word), given)
    return Result()


def _set_user(racf: Racf, user: User, given: Operands) -> None:
    """The operands that ADDUSER and ALTUSER share; nothing is changed where one is wrong."""
    owner, group = _id(given.one("OWNER", user.owner)), _group(racf, given.one("DFLTGRP", user.group)).name
    inside = tso.operands(f"OMVS {given.one('OMVS')}", (), _OMVS)
    user.uid = _number(inside, "UID", user.uid)
    user.owner, user.group, user.groups = owner, group, list(dict.fromkeys([*user.groups, group]))
    user.other |= {key: " ".join(inside.given[key]) for key in ("HOME", "PROGRAM") if key in inside}
    if "NAME" in given:
        user.text = given.one("NAME").strip("'")
    if "REVOKE" in given or "RESUME" in given:
        kept = [each for each in user.attributes if each != REVOKED]
        user.attributes = [*kept, REVOKED] if "REVOKE" in given else kept
    for each in ATTRIBUTES:
        if each in given or f"NO{each}" in given:
            kept = [other for other in user.attributes if other != each]
            user.attributes = [*kept, each] if each in given else kept


_OMVS = {"UID": ONE, "GID": ONE, "HOME": ONE, "PROGRAM": ONE, "AUTOUID": FLAG, "AUTOGID": FLAG, "SHARED": FLAG}


def _number(inside: Operands, key: str, otherwise: int | None) -> int | None:
    word = inside.one(key)
    if not word:
        return otherwise
    if not word.isascii() or not word.isdigit() or int(word[:12]) > 2**31 - 1:
        raise Syntax(f"{key} is a number from 0 to 2147483647, not {word[:20]}", 0)
    return int(word)


def _deluser(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "DELUSER")
    gone = [_user(racf, word) for word in _several(given.positional[0][0])]
    for each in gone:
        racf.users.pop(each.name, None)
    return Result()


def _addgroup(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "ADDGROUP")
    superior = _group(racf, given.one("SUPGROUP", fact("racf-first-group"))).name
    for word in _several(given.positional[0][0]):
        inside = tso.operands(f"OMVS {given.one('OMVS')}", (), _OMVS)
        owner = _id(given.one("OWNER", who.user or fact("racf-first-user")))
        name = _unused(racf, word)
        racf.groups[name] = Group(name, superior, owner, _number(inside, "GID", None))
    return Result()


def _delgroup(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "DELGROUP")
    for group in [_group(racf, word) for word in _several(given.positional[0][0])]:
        users = [user.name for user in racf.users.values() if group.name in user.groups]
        if users:
            raise Told(messages.RACF_REMOVE_DEFAULT(group=group.name, name=users[0]))
        racf.groups.pop(group.name, None)
    return Result()


def _connect(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "CONNECT")
    group = _group(racf, given.one("GROUP", fact("racf-first-group"))).name
    for user in [_user(racf, word) for word in _several(given.positional[0][0])]:
        user.groups = list(dict.fromkeys([*user.groups, group]))
    return Result()


def _remove(racf: Racf, given: Operands, who: Who) -> Result:
    _administrator(who, "REMOVE")
    group = _group(racf, given.one("GROUP", fact("racf-first-group"))).name
    for user in [_user(racf, word) for word in _several(given.positional[0][0])]:
        if group not in user.groups:
            raise Told(messages.RACF_NOT_CONNECTED(name=user.name, group=group))
        if user.group == group:
            raise Told(messages.RACF_REMOVE_DEFAULT(group=group, name=user.name))
        user.groups.remove(group)
    return Result()


def _listuser(racf: Racf, given: Operands, who: Who) -> Result:
    names = _several(given.positional[0][0] or who.user)
    users = list(racf.users.values()) if names == ["*"] else [_user(racf, word) for word in names]
    for user in users:
        if not (who.owns(user.owner) or user.name == who.user):
            raise Told(messages.ICH06003I(command="LISTUSER"))
    return Result(text="".join(map(lists.user, users)))


def _listgrp(racf: Racf, given: Operands, who: Who) -> Result:
    own = (racf.users.get(who.user) or User(who.user, fact("racf-first-group"))).group
    names = _several(given.positional[0][0] or own)
    groups = list(racf.groups.values()) if names == ["*"] else [_group(racf, word) for word in names]
    return Result(text="".join(lists.group(racf, each) for each in groups))


# ---- the table ------------------------------------------------------------------------------------------------

_KEPT = {"AUDIT": MANY, "GLOBALAUDIT": MANY, "DATA": TEXT, "APPLDATA": TEXT, "LEVEL": ONE, "NOTIFY": MANY,
         "SECLEVEL": ONE, "STDATA": NESTED, "SINGLEDSN": FLAG, "TIMEZONE": MANY}  # fmt: skip
_DEFINE = {"UACC": ONE, "OWNER": ONE, "WARNING": FLAG, "NOWARNING": FLAG, "ADDMEM": MANY, "DELMEM": MANY}
_CLASSES = ("CLASSACT", "NOCLASSACT", "GENERIC", "NOGENERIC", "RACLIST", "NORACLIST")
REVOKED = access.REVOKED.upper()  # as LISTUSER shows it
ATTRIBUTES = ("SPECIAL", "OPERATIONS", "AUDITOR")
_SETROPTS = {**dict.fromkeys(_CLASSES, MANY), "REFRESH": FLAG, "LIST": FLAG}
_USER = {"NAME": TEXT, "DFLTGRP": ONE, "OWNER": ONE, "OMVS": NESTED,
         **dict.fromkeys((f"{no}{each}" for each in ATTRIBUTES for no in ("", "NO")), FLAG)}  # fmt: skip
_USER_KEPT = {"PASSWORD": TEXT, "PHRASE": TEXT, "NOPASSWORD": FLAG, "TSO": NESTED, "DATA": TEXT, "UACC": ONE}

COMMANDS: Mapping[str, Command] = {
    "RDEFINE": Command(("class", "profile"), _DEFINE, _rdefine, _KEPT, ("FROM", "FCLASS")),
    "RALTER": Command(("class", "profile"), _DEFINE, _ralter, _KEPT),
    "RDELETE": Command(("class", "profile"), {}, _rdelete),
    "PERMIT": Command(
        ("profile",),
        {"CLASS": ONE, "ID": MANY, "ACCESS": ONE, "DELETE": FLAG, "RESET": FLAG, "GENERIC": FLAG},
        _permit, {}, ("WHEN", "FROM", "FCLASS"),
    ),
    "RLIST": Command(("class", "profile"), {"AUTHUSER": FLAG, "ALL": FLAG, "GENERIC": FLAG}, _rlist),
    "SEARCH": Command((), {"CLASS": ONE, "MASK": MANY, "NOMASK": FLAG, "FILTER": ONE, "ALL": FLAG}, _search),
    "SETROPTS": Command((), _SETROPTS, _setropts, {"GRPLIST": FLAG, "AUDIT": MANY, "LOGOPTIONS": NESTED,
                                                   "GENCMD": MANY, "STATISTICS": MANY}),
    "ADDUSER": Command(("user",), _USER, _adduser, _USER_KEPT),
    "ALTUSER": Command(("user",), {**_USER, "REVOKE": DATE, "RESUME": DATE}, _altuser, _USER_KEPT),
    "DELUSER": Command(("user",), {}, _deluser),
    "LISTUSER": Command(("user?",), {}, _listuser),
    "ADDGROUP": Command(("group",), {"SUPGROUP": ONE, "OWNER": ONE, "OMVS": NESTED}, _addgroup, {"DATA": TEXT}),
    "DELGROUP": Command(("group",), {}, _delgroup),
    "LISTGRP": Command(("group?",), {}, _listgrp),
    "CONNECT": Command(("user",), {"GROUP": ONE, "OWNER": ONE}, _connect, {"AUTHORITY": ONE, "UACC": ONE}),
    "REMOVE": Command(("user",), {"GROUP": ONE, "OWNER": ONE}, _remove),
}  # fmt: skip
# Short names of the commands, and commands of RACF that are not there. (unconfirmed)
ALIASES = {
    "RDEF": "RDEFINE", "RALT": "RALTER", "RDEL": "RDELETE", "PE": "PERMIT", "RL": "RLIST", "SR": "SEARCH",
    "SETR": "SETROPTS", "AU": "ADDUSER", "ALU": "ALTUSER", "DU": "DELUSER", "LU": "LISTUSER", "AG": "ADDGROUP",
    "DG": "DELGROUP", "LG": "LISTGRP", "CO": "CONNECT", "RE": "REMOVE",
}  # fmt: skip
NOT_MODELLED = ("RACDCERT", "ADDSD", "ALTDSD", "DELDSD", "LISTDSD", "ALTGROUP", "PASSWORD", "RVARY", "RACMAP")


def carried_out(racf: Racf, lines: Iterator[Line]) -> Iterator[Result]:
    """The commands of a file, in order, without a question of authority."""
    for line in lines:
        yield run(racf, line, "", trusted=True)
