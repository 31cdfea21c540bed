"""What RLIST, LISTUSER, LISTGRP and SETROPTS LIST print. Only ` (G)` behind a generic name is known; the layouts are
those in general use, unconfirmed."""

from __future__ import annotations

from zsim.racf.access import Asked, check
from zsim.racf.database import Group, Profile, Racf, User

PROFILE = """\
CLASS      NAME
-----      ----
{class_name:<8}   {name}

LEVEL  OWNER      UNIVERSAL ACCESS  YOUR ACCESS  WARNING
-----  --------   ----------------  -----------  -------
 {level:<2}    {owner:<8}        {uacc:<8}      {yours:>8}     {warning}

"""
MEMBERS = """\
RESOURCES IN GROUP
--------- -- -----
{members}

"""
ACCESS_HEAD = """\
USER      ACCESS
----      ------
"""
ACCESS = "{user:<8}  {level}\n"
NO_ENTRIES = "NO ENTRIES IN STANDARD ACCESS LIST\n"


def profile(racf: Racf, class_name: str, one: Profile, user: str, everybody: bool) -> str:
    """One profile; with `everybody` its access list too."""
    yours = check(racf, user, Asked(one.name, class_name)).level
    text = PROFILE.format(
        class_name=class_name, name=f"{one.name}{' (G)' if one.generic else ''}", level=one.other.get("LEVEL", "00"),
        owner=one.owner, uacc=one.uacc, yours=one.access.get(user, yours), warning="YES" if one.warning else "NO",
    )  # fmt: skip
    text += MEMBERS.format(members=" ".join(one.members)) if one.members else ""
    if everybody:
        entries = "".join(ACCESS.format(user=name, level=level) for name, level in one.access.items())
        text += ACCESS_HEAD + (entries or NO_ENTRIES) + "\n"
    return text


USER = """\
USER={name}  NAME={text}  OWNER={owner}
 DEFAULT-GROUP={group}
 ATTRIBUTES={attributes}
 UID={uid}
"""
CONNECTED = "  GROUP={group}\n"
GROUP = """\
INFORMATION FOR GROUP {name}
    SUPERIOR GROUP={superior}  OWNER={owner}
    USER(S)= {users}
"""


def user(one: User) -> str:
    text = USER.format(
        name=one.name, text=one.text or "UNKNOWN", owner=one.owner, group=one.group,
        attributes=" ".join(one.attributes) or "NONE", uid="NONE" if one.uid is None else one.uid,
    )  # fmt: skip
    return text + "".join(CONNECTED.format(group=each) for each in one.groups)


def group(racf: Racf, one: Group) -> str:
    users = [each.name for each in racf.users.values() if one.name in each.groups]
    return GROUP.format(
        name=one.name, superior=one.superior or "NONE", owner=one.owner, users=" ".join(users) or "NONE"
    )


OPTIONS = """\
ACTIVE CLASSES = {active}
GENERIC PROFILE CLASSES = {generic}
SETR RACLIST CLASSES = {raclist}
"""


def options(racf: Racf) -> str:
    """SETROPTS LIST."""
    every = sorted(racf.classes.items())
    chosen = {
        "active": [name for name, of in every if of.active],
        "generic": [name for name, of in every if of.generic],
        "raclist": [name for name, of in every if of.storage is not None],
    }
    return OPTIONS.format(**{key: " ".join(names) or "NONE" for key, names in chosen.items()})
