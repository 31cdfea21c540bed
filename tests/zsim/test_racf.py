"""RACF: which profile covers a resource, what the commands do and say, and who may use the ipsec command."""

from __future__ import annotations

import json
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

import zsim
from zsim import authority, profiles
from zsim.cli import main
from zsim.config.source import Source
from zsim.racf import access, commands, database, tso
from zsim.racf.access import Asked
from zsim.racf.database import Class, Profile, Racf
from zsim.system import System

DISPLAY, CONTROL = "EZB.IPSECCMD.S0W1.TCPIP.DISPLAY", "EZB.IPSECCMD.S0W1.TCPIP.CONTROL"
GLOBAL = "EZB.IPSECCMD.S0W1.DMD_GLOBAL.DISPLAY"
LISTED = "SETROPTS CLASSACT(SERVAUTH) GENERIC(SERVAUTH) RACLIST(SERVAUTH)"
UNLISTED = "SETROPTS CLASSACT(SERVAUTH) GENERIC(SERVAUTH)"
REFRESH = "SETROPTS RACLIST(SERVAUTH) REFRESH"


def made(*lines: str) -> Racf:
    """A database after these commands, all of which are done."""
    racf = database.fresh(("IBMUSER", "START1", "COLIN"))
    for line in lines:
        done = commands.run(racf, line, "IBMUSER")
        assert done.code == 0, (line, done)
    return racf


def typed(racf: Racf, line: str, user: str = "IBMUSER") -> list[str]:
    """What the terminal shows."""
    return commands.run(racf, line, user).shown.splitlines()


def answer(racf: Racf, resource: str = DISPLAY, user: str = "START1", intent: str = "READ") -> tuple[bool, str]:
    decision = access.check(racf, user, Asked(resource, intent=intent))
    return decision.allowed, decision.because


# ---- names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # the table of the reference: DISPLAY, DMD_GLOBAL.DISPLAY, CONTROL
        ("EZB.IPSECCMD.*.*.DISPLAY", (True, True, False)),
        ("EZB.IPSECCMD.S0W1.*", (True, True, True)),
        ("EZB.IPSECCMD.**", (True, True, True)),
        ("EZB.IPSECCMD.*.DISPLAY", (False, False, False)),
        ("EZB.IPSEC*", (True, True, True)),
        ("*", (True, True, True)),
        ("**", (True, True, True)),
        ("**.DISPLAY", (True, True, False)),
        ("EZB.**.DISPLAY", (True, True, False)),
        ("EZB.IPSECCMD.S0W1.TCPIP.DISPLAY.**", (True, False, False)),
        ("EZB.IPSECCMD.S0W1.TCPIP.DISPLAY.*", (False, False, False)),
        ("EZB.IPSECCMD.S0W%.TCP%P.DISPLAY", (True, False, False)),
        ("EZB.IPSECCMD.S0W%%.TCPIP.DISPLAY", (False, False, False)),
        ("EZB.IPSECCMD.S*.T*.*", (True, False, True)),
        ("*.IPSECCMD.S0W1.TCPIP.DISPLAY", (True, False, False)),
        ("EZB.IPSECCMD.S0W1%TCPIP.DISPLAY", (False, False, False)),
        ("EZB.IPSECCMD.S0W1.TCPIP.DISPLA*", (True, False, False)),
        ("EZB.IPSECCMD.S0W1.TCPIP.DISPLAY*", (True, False, False)),
    ],
)
def test_covers__the_patterns_of_the_reference(name, expected) -> None:
    profile = Profile(database.checked_name(name, "SERVAUTH"), True, "IBMUSER")
    assert tuple(database.covers(Racf(), profile, each) for each in (DISPLAY, GLOBAL, CONTROL)) == expected


def slow(pattern: list[str], resource: list[str]) -> bool:
    """Qualifier by qualifier: the meaning of a pattern of whole qualifiers, without regular expressions."""
    if not pattern:
        return not resource
    head, rest = pattern[0], pattern[1:]
    if head == "**":
        return any(slow(rest, resource[at:]) for at in range(len(resource) + 1))
    if head == "*" and not rest:
        return len(resource) >= 1
    fits = bool(resource) and (head == "*" or (len(head) == len(resource[0]) and all(
        one in ("%", other) for one, other in zip(head, resource[0], strict=True))))  # fmt: skip
    return fits and slow(rest, resource[1:])


@pytest.mark.parametrize("seed", range(40))
def test_covers__equals_a_slow_twin(seed) -> None:
    random = Random(seed)
    for _ in range(100):
        pattern = [random.choice(("A", "B", "%", "*", "AB", "A%")) for _ in range(random.randint(1, 4))]
        if random.random() < 0.5:
            pattern[random.randrange(len(pattern))] = "**"
        resource = [random.choice(("A", "B", "AB")) for _ in range(random.randint(1, 4))]
        if pattern in (["*"], ["**"]):
            continue
        found = database.pattern(".".join(pattern)).fullmatch(".".join(resource)) is not None
        assert found == slow(pattern, resource), (pattern, resource)


@pytest.mark.parametrize(
    ("names", "decides"),
    [
        (["EZB.**", "EZB.IPSECCMD.**", "EZB.IPSECCMD.*.*.DISPLAY", DISPLAY], DISPLAY),
        (["EZB.**", "EZB.IPSECCMD.**", "EZB.IPSECCMD.*.*.DISPLAY"], "EZB.IPSECCMD.*.*.DISPLAY"),
        (["EZB.IPSECCMD.*.TCPIP.*", "EZB.IPSECCMD.S0W1.*.DISPLAY"], "EZB.IPSECCMD.S0W1.*.DISPLAY"),
        (["EZB.IPSECCMD.S0W%.TCPIP.DISPLAY", "EZB.IPSECCMD.S0W*.TCPIP.DISPLAY"], "EZB.IPSECCMD.S0W%.TCPIP.DISPLAY"),
        (["**", "EZB.**"], "EZB.**"),
        (["*", "EZB*"], "EZB*"),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_covering__the_most_specific_decides(names, decides, backwards) -> None:
    of = Class(True, True, {})
    for name in reversed(names) if backwards else names:
        of.profiles[name] = Profile(name, database.is_generic(name), "IBMUSER")
    assert next(database.covering(Racf(), of, of.profiles, DISPLAY)).name == decides


@pytest.mark.parametrize("name", ["A..B", ".A", "A.", "**.A.**", "A.*B.C", "A B", "A(B)", "", "A" * 300, "Ä.B"])
def test_name__that_is_none(name) -> None:
    with pytest.raises(database.BadName):
        database.checked_name(name, "SERVAUTH")


def test_variables__stand_for_their_members() -> None:
    racf = made(UNLISTED, "RDEFINE RACFVARS &STACKS ADDMEM(TCPIP TCPIP2)",
                "RDEFINE SERVAUTH EZB.IPSECCMD.S0W1.&STACKS.DISPLAY UACC(READ)")  # fmt: skip
    assert answer(racf) == (True, access.UACC)
    assert answer(racf, DISPLAY.replace("TCPIP", "OTHER")) == (False, access.NO_PROFILE)


# ---- the decision ---------------------------------------------------------------------------------------------

GENERIC = "RDEFINE SERVAUTH EZB.IPSECCMD.*.*.DISPLAY"
PERMIT = "PERMIT EZB.IPSECCMD.*.*.DISPLAY CLASS(SERVAUTH)"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], (False, access.INACTIVE)),
        ([UNLISTED], (False, access.NO_PROFILE)),
        ([UNLISTED, GENERIC], (False, access.UACC)),
        ([UNLISTED, f"{GENERIC} UACC(READ)"], (True, access.UACC)),
        ([UNLISTED, f"{GENERIC} UACC(EXECUTE)"], (False, access.UACC)),
        ([UNLISTED, f"{GENERIC} UACC(CONTROL)"], (True, access.UACC)),
        ([UNLISTED, GENERIC, f"{PERMIT} ID(START1)"], (True, access.LIST)),
        ([UNLISTED, GENERIC, f"{PERMIT} ID(START1) ACCESS(NONE)", f"{PERMIT} ID(SYS1)"], (False, access.LIST)),
        ([UNLISTED, GENERIC, f"{PERMIT} ID(SYS1)"], (True, access.GROUP)),
        ([UNLISTED, f"{GENERIC} UACC(ALTER)", f"{PERMIT} ID(SYS1) ACCESS(NONE)"], (False, access.GROUP)),
        ([UNLISTED, GENERIC, f"{PERMIT} ID(*)"], (True, access.EVERYBODY)),
        ([UNLISTED, f"{GENERIC} UACC(READ)", f"{PERMIT} ID(*) ACCESS(NONE)"], (False, access.EVERYBODY)),
        ([UNLISTED, f"{GENERIC} WARNING"], (True, access.WARNING)),
    ],
)
def test_check__steps(lines, expected) -> None:
    assert answer(made(*lines)) == expected


def test_check__id_star_is_not_for_users_unknown_to_racf() -> None:
    racf = made(UNLISTED, GENERIC, f"{PERMIT} ID(*)")
    assert answer(racf, user="NOBODY") == (False, access.UACC)


def test_check__the_highest_of_the_groups() -> None:
    racf = made("ADDGROUP NETADM", "ADDGROUP OPER", "CONNECT START1 GROUP(NETADM)", "CONNECT START1 GROUP(OPER)",
                UNLISTED, GENERIC, f"{PERMIT} ID(NETADM) ACCESS(READ)", f"{PERMIT} ID(OPER) ACCESS(NONE)")  # fmt: skip
    assert access.check(racf, "START1", Asked(DISPLAY)).entry == "NETADM"
    assert answer(racf) == (True, access.GROUP)
    assert answer(racf, user="COLIN") == (False, access.UACC)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [("EZB.STACKACCESS.S0W1.TCPIP", True), ("EZB.NETSTAT.S0W1.TCPIP.HOME", True), (DISPLAY, False),
     ("EZB.PAGENT.S0W1.TCPIP.IPSEC", False), ("EZB.NETMGMT.S0W1.CL1.IPSEC.DISPLAY", False)],
)  # fmt: skip
def test_check__without_a_profile(resource, expected) -> None:
    assert answer(made(UNLISTED), resource) == (expected, access.NO_PROFILE)
    assert answer(made(), resource) == (expected, access.INACTIVE)


def test_check__superusers_see_policy() -> None:
    policy = "EZB.PAGENT.S0W1.TCPIP.IPSEC"
    assert answer(made(), policy, "IBMUSER") == (True, access.SUPERUSER)
    racf = made("SETROPTS CLASSACT(FACILITY)", "RDEFINE FACILITY BPX.SUPERUSER",
                "PERMIT BPX.SUPERUSER CLASS(FACILITY) ID(START1)", "ALTUSER COLIN OMVS(UID(0))")  # fmt: skip
    assert answer(racf, policy, "START1") == (True, access.SUPERUSER)
    assert answer(racf, policy, "COLIN") == (True, access.SUPERUSER)


def test_raclist__acts_after_refresh_in_both_directions() -> None:
    racf = made(LISTED)
    assert typed(racf, GENERIC) == [
        "ICH10006I RACLISTED PROFILES FOR SERVAUTH WILL NOT REFLECT THE ADDITION(S) UNTIL A SETROPTS REFRESH IS ISSUED."
    ]
    typed(racf, f"{PERMIT} ID(START1)")
    assert answer(racf) == (False, access.NO_PROFILE)
    assert access.check(racf, "START1", Asked(DISPLAY)).stale
    assert typed(racf, REFRESH) == []
    assert answer(racf) == (True, access.LIST)
    typed(racf, "RDELETE SERVAUTH EZB.IPSECCMD.*.*.DISPLAY")
    assert answer(racf) == (True, access.LIST)
    typed(racf, REFRESH)
    assert answer(racf) == (False, access.NO_PROFILE)


def test_raclist__again_without_refresh_copies_nothing() -> None:
    racf = made(LISTED)
    typed(racf, f"{GENERIC} UACC(READ)")
    typed(racf, "SETROPTS RACLIST(SERVAUTH)")
    assert not answer(racf)[0]
    typed(racf, "SETROPTS NORACLIST(SERVAUTH)")
    assert answer(racf)[0]


def test_generics_off__makes_a_useless_discrete_profile() -> None:
    racf = made("SETROPTS CLASSACT(SERVAUTH)")
    assert typed(racf, f"{GENERIC} UACC(READ)") == [
        "ICH10321I The profile name EZB.IPSECCMD.*.*.DISPLAY contains generic characters, but generics are not enabled "
        "for class SERVAUTH. A discrete profile has been created."
    ]
    assert answer(racf) == (False, access.NO_PROFILE)
    typed(racf, "SETROPTS GENERIC(SERVAUTH)")
    assert answer(racf) == (False, access.NO_PROFILE)
    assert typed(racf, "SEARCH CLASS(SERVAUTH)") == ["EZB.IPSECCMD.*.*.DISPLAY"]


# ---- commands -------------------------------------------------------------------------------------------------

BASE = (UNLISTED, GENERIC, f"{PERMIT} ID(IBMUSER)")


@pytest.mark.parametrize(
    ("line", "user", "expected"),
    [
        (GENERIC, "IBMUSER", "ICH10102I EZB.IPSECCMD.*.*.DISPLAY ALREADY DEFINED TO CLASS SERVAUTH."),
        ("PERMIT A.B CLASS(SERVAUTH) ID(START1)", "IBMUSER", "ICH06004I A.B NOT DEFINED TO RACF"),
        (f"{PERMIT} ID(NOBODY)", "IBMUSER", "ICH06007I NOBODY NOT DEFINED TO RACF"),
        (f"{PERMIT} ID(START1) DELETE", "IBMUSER", "ICH06002I START1 NOT AUTHORIZED, DELETE IGNORED"),
        (f"{PERMIT} ID(IBMUSER)", "IBMUSER", "ICH06001I IBMUSER ALREADY AUTHORIZED TO RESOURCE - ACCESS UNCHANGED"),
        (f"{PERMIT} ID(START1)", "START1", "ICH06006I NOT AUTHORIZED TO EZB.IPSECCMD.*.*.DISPLAY"),
        ("RDEFINE SERVAUTH A.B", "START1", "ICH06003I NOT AUTHORIZED TO ISSUE RDEFINE"),
        ("SETROPTS LIST", "START1", "ICH06003I NOT AUTHORIZED TO ISSUE SETROPTS"),
        ("RLIST SERVAUTH A.B", "IBMUSER", "ICH13003I A.B NOT FOUND"),
        ("RDELETE SERVAUTH A.B", "IBMUSER", "A.B NOT DEFINED TO CLASS SERVAUTH"),
        ("RDEFINE SERVAUT A.B", "IBMUSER", "SERVAUT (did you mean SERVAUTH?) IS NOT A CLASS"),
        ("RDEFINE SERVAUTH A..B", "IBMUSER", "INVALID PROFILE NAME: A..B has an empty qualifier"),
        ("SEARCH CLASS(SERVAUTH) MASK(X)", "IBMUSER", "NO ENTRIES MEET SEARCH CRITERIA"),
        ("RDEFINE SERVAUTH", "IBMUSER", "MISSING OPERAND: profile is missing"),
        ("RDEFINE SERVAUTH A.B UACK(READ)", "IBMUSER",
         "INVALID OPERAND: UACK is no operand of it; did you mean UACC?"),
        ("RDEFINE SERVAUTH A.B UACC(READ", "IBMUSER", "INVALID OPERAND: the closing parenthesis is missing"),
        ("RDEFNE SERVAUTH A.B", "IBMUSER", "COMMAND RDEFNE NOT FOUND"),
        ("SETROPTS RACLIST(SERVAUTH) REFRESH", "IBMUSER", "CLASS SERVAUTH IS NOT RACLISTED: NOTHING TO REFRESH"),
        ("ADDUSER START1", "IBMUSER", "START1 ALREADY DEFINED TO RACF"),
        ("CONNECT START1 GROUP(NOGROUP)", "IBMUSER", "GROUP NOGROUP NOT DEFINED TO RACF"),
        ("REMOVE START1 GROUP(SYS1)", "IBMUSER", "SYS1 IS THE DEFAULT GROUP OF START1, CONNECT NOT REMOVED"),
        ("ALTUSER START1 NAME('X') DFLTGRP(NOGROUP)", "IBMUSER", "GROUP NOGROUP NOT DEFINED TO RACF"),
        ("ALTUSER START1 SPECIAL OMVS(UID(X))", "IBMUSER",
         "INVALID OPERAND: UID is a number from 0 to 2147483647, not X"),
        ("RALTER SERVAUTH EZB.IPSECCMD.*.*.DISPLAY UACC(READ) OWNER(123)", "IBMUSER",
         "INVALID USER OR GROUP 123: 1 TO 8 OF A-Z 0-9 @ # $, NOT BEGINNING WITH A DIGIT"),
        (f"{PERMIT} RESET ID(START1 1X)", "IBMUSER",
         "INVALID USER OR GROUP 1X: 1 TO 8 OF A-Z 0-9 @ # $, NOT BEGINNING WITH A DIGIT"),
        ("LISTUSER START1", "COLIN", "ICH06003I NOT AUTHORIZED TO ISSUE LISTUSER"),
    ],
)  # fmt: skip
def test_command__refused_changes_nothing(line, user, expected) -> None:
    racf = made(*BASE)
    before = made(*BASE)
    assert typed(racf, line, user) == [expected]
    assert racf == before


def test_permit__reminds() -> None:
    racf = made(LISTED)
    typed(racf, GENERIC)
    assert typed(racf, f"{PERMIT} ID(START1)") == [
        "ICH06011I RACLISTED PROFILES FOR SERVAUTH WILL NOT REFLECT THE UPDATE(S) UNTIL A SETROPTS REFRESH IS ISSUED"
    ]
    other = made("RDEFINE SERVAUTH A.B")
    assert typed(other, "PE A.B CL(SERVAUTH) ID(START1)") == [
        "ICH06019I WARNING: Class SERVAUTH is not currently active."
    ]


def test_permit__several_at_once() -> None:
    racf = made(*BASE)
    assert typed(racf, f"{PERMIT} ID(START1 NOBODY,SYS1) ACC(UPDATE)") == ["ICH06007I NOBODY NOT DEFINED TO RACF"]
    profile = racf.classes["SERVAUTH"].profiles["EZB.IPSECCMD.*.*.DISPLAY"]
    assert profile.access == {"IBMUSER": "READ", "START1": "UPDATE", "SYS1": "UPDATE"}
    typed(racf, f"{PERMIT} ID(START1) DELETE")
    assert profile.access == {"IBMUSER": "READ", "SYS1": "UPDATE"}
    typed(racf, f"{PERMIT} RESET")
    assert profile.access == {}


def test_ralter__and_its_owner() -> None:
    racf = made(UNLISTED, "RDEFINE SERVAUTH A.B OWNER(START1)")
    assert typed(racf, "RALTER SERVAUTH A.B UACC(READ)", "START1") == []
    assert racf.classes["SERVAUTH"].profiles["A.B"].uacc == "READ"
    assert typed(racf, "RDELETE SERVAUTH A.B", "COLIN") == ["ICH06006I NOT AUTHORIZED TO A.B"]
    assert typed(racf, "RDELETE SERVAUTH A.B", "START1") == []


def test_rlist_and_search() -> None:
    racf = made(*BASE, "RDEFINE SERVAUTH EZB.A")
    assert typed(racf, "SEARCH CLASS(SERVAUTH)") == ["EZB.A", "EZB.IPSECCMD.*.*.DISPLAY (G)"]
    assert typed(racf, "SR CLASS(SERVAUTH) MASK(EZB.I)") == ["EZB.IPSECCMD.*.*.DISPLAY (G)"]
    assert typed(racf, "SR CLASS(SERVAUTH) FILTER(EZB.%)") == ["EZB.A"]
    shown = typed(racf, "RLIST SERVAUTH EZB.IPSECCMD.*.*.DISPLAY AUTHUSER")
    assert shown[2] == "SERVAUTH   EZB.IPSECCMD.*.*.DISPLAY (G)"
    assert shown[-2] == "IBMUSER   READ"
    assert typed(racf, f"RLIST SERVAUTH {DISPLAY}")[2] == "SERVAUTH   EZB.IPSECCMD.*.*.DISPLAY (G)"
    assert [line for line in typed(racf, "RL SERVAUTH *") if line.startswith("SERVAUTH")] == [
        "SERVAUTH   EZB.A", "SERVAUTH   EZB.IPSECCMD.*.*.DISPLAY (G)"
    ]  # fmt: skip


def test_setropts__list() -> None:
    assert typed(made(LISTED, "SETR CLASSACT(FACILITY)"), "SETROPTS LIST") == [
        "ACTIVE CLASSES = FACILITY SERVAUTH", "GENERIC PROFILE CLASSES = SERVAUTH", "SETR RACLIST CLASSES = SERVAUTH"
    ]  # fmt: skip


def test_users_and_groups() -> None:
    racf = made("ADDGROUP NETADM OMVS(GID(7))", "ADDUSER (U1 U2) NAME('NET PERSON') DFLTGRP(NETADM) SPECIAL",
                "ALTUSER U1 NOSPECIAL OMVS(UID(42) HOME('/u/u1'))", "DELUSER U2")  # fmt: skip
    assert racf.users["U1"].uid == 42
    assert "U2" not in racf.users
    assert typed(racf, "LU U1") == ["USER=U1  NAME=NET PERSON  OWNER=IBMUSER", " DEFAULT-GROUP=NETADM",
                                    " ATTRIBUTES=NONE", " UID=42", "  GROUP=NETADM"]  # fmt: skip
    assert typed(racf, "LG NETADM")[-1] == "    USER(S)= U1"
    assert commands.run(racf, "RDEFINE SERVAUTH X.Y", "U1").code == commands.FAILED


@pytest.mark.parametrize(
    ("line", "at"), [("PERMIT A.B CLASS(SERVAUTH) ID(START1) WHEN(SYSID(A))", 39), ("RACDCERT LIST", 1)]
)
def test_command__not_modelled_is_said_and_not_done(line, at) -> None:
    racf = made(UNLISTED, "RDEFINE SERVAUTH A.B")
    done = commands.run(racf, line, "IBMUSER")
    assert [(each.severity, each.where.column) for each in done.findings] == [("unknown", at)]
    assert (done.code, racf.classes["SERVAUTH"].profiles["A.B"].access) == (commands.FAILED, {})


def test_command__what_is_kept_is_said() -> None:
    racf = made(UNLISTED)
    done = commands.run(racf, "RDEFINE SERVAUTH A.B DATA('WHO KNOWS')", "IBMUSER")
    assert [each.severity for each in done.findings] == ["note"]
    assert racf.classes["SERVAUTH"].profiles["A.B"].other == {"DATA": "'WHO KNOWS'"}


# ---- files of commands ----------------------------------------------------------------------------------------

JOB = """\
//IBMRACF  JOB 1,MSGCLASS=H
//S1       EXEC PGM=IKJEFT01,REGION=0M
//SYSTSPRT DD SYSOUT=*
//SYSTSIN  DD *
 RDEFINE SERVAUTH  A.B   /* a comment */
 PERMIT  A.B CLASS(SERVAUTH) ID(IBMUSER) -
     ACCESS(READ)
 PERMIT  A.B CLASS(SERVAUTH) ID(+
START1) ACCES(REED)

/*
//S2       EXEC PGM=IEFBR14
"""


def test_lines__of_a_job() -> None:
    assert [each.text for each in tso.lines(Source("X", JOB))] == [
        "RDEFINE SERVAUTH  A.B",
        "PERMIT  A.B CLASS(SERVAUTH) ID(IBMUSER) ACCESS(READ)",
        "PERMIT  A.B CLASS(SERVAUTH) ID( START1) ACCES(REED)",
    ]


def test_lines__know_where_they_stand() -> None:
    text = "RDEFINE SERVAUTH A.B -\n  UACC(READ) -\n  BOGUS(1)\n"
    (line,) = tso.lines(Source("USER.CONFIG(RACF)", text))
    done = commands.run(made(), line, "", trusted=True)
    assert str(done.findings[0].where) == "USER.CONFIG(RACF):3:3"


@pytest.mark.parametrize("text", ["", "\n\n", "//A JOB\n", "//SYSTSIN DD *\n/*\n", "/* all a comment", "-", "+\n-\n"])
def test_lines__of_nothing(text) -> None:
    racf = made()
    for done in commands.carried_out(racf, tso.lines(Source("X", text))):
        assert done.code == commands.USAGE


WORDS = ["RDEFINE", "PERMIT", "SETROPTS", "RLIST", "SEARCH", "ADDUSER", "ALTUSER", "LISTUSER", "CONNECT", "SERVAUTH",
         "A.B", "A.*", "**", "&X", "CLASS(SERVAUTH)", "ID(START1)", "ID(*)", "ACCESS(READ)", "UACC(", ")", "(", "'",
         "OMVS(UID(0))", "RACLIST(SERVAUTH)", "REFRESH", "FILTER(A*)", "MASK(A B)", "DELETE", "RESET", "-", ",", "%",
         "RACLIST(*)", "(A B)", "NAME('X Y')", "\x00", "ADDMEM(A)", "GENERIC(SERVAUTH)",
         "CLASSACT(SERVAUTH)"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=10).map(" ".join))
@example("SEARCH CLASS(SERVAUTH) FILTER(A..B)")
@example("SETROPTS RACLIST(*) REFRESH")
@example("ADDUSER ()")
@example("LISTUSER 'A")
@example("PERMIT () CLASS(SERVAUTH) ID(A)")
def test_anything__is_answered(line) -> None:
    racf = made(UNLISTED, "RDEFINE SERVAUTH A.B")
    done = commands.run(racf, line, "IBMUSER")
    assert done.code in (0, 4, 8, 12)
    for resource in (DISPLAY, "A.B"):
        access.check(racf, "START1", Asked(resource))


# ---- explained, and put right ---------------------------------------------------------------------------------

SITUATIONS = (
    (), (UNLISTED,), (LISTED,), BASE, ("SETROPTS CLASSACT(SERVAUTH)",), ("SETROPTS RACLIST(SERVAUTH)",),
    (UNLISTED, GENERIC, "SETROPTS NOGENERIC(SERVAUTH)"), (UNLISTED, GENERIC, f"{PERMIT} ID(START1) ACCESS(NONE)"),
    (LISTED, "SETROPTS NOCLASSACT(SERVAUTH)"), (UNLISTED, "RDEFINE SERVAUTH EZB.** UACC(NONE)"),
    (*BASE, "SETROPTS RACLIST(SERVAUTH)"),
)  # fmt: skip


@pytest.mark.parametrize("lines", SITUATIONS)
@pytest.mark.parametrize("then", ["", GENERIC, f"{PERMIT} ID(START1)", "RDEFINE SERVAUTH EZB.*"])
def test_remedy__is_tried_out(lines, then) -> None:
    racf = made(*lines)
    commands.run(racf, then, "IBMUSER")
    decision = access.check(racf, "START1", Asked(DISPLAY))
    for command in access.remedy(racf, decision):
        assert commands.run(racf, command, "IBMUSER").code in (0, commands.WARNED)
    assert answer(racf)[0]
    assert access.explained(racf, decision)


def test_remedy__of_a_database_not_refreshed_is_the_refresh() -> None:
    racf = made(LISTED)
    typed(racf, GENERIC)
    typed(racf, f"{PERMIT} ID(START1)")
    decision = access.check(racf, "START1", Asked(DISPLAY))
    assert access.remedy(racf, decision) == [REFRESH]
    assert "allowed after SETROPTS RACLIST(SERVAUTH) REFRESH" in next(access.hindrances(racf, decision))


# ---- the system -----------------------------------------------------------------------------------------------

REFUSED = """\
ICH408I USER(START1  ) GROUP(SYS1    ) NAME(####################)
  EZB.IPSECCMD.S0W1.TCPIP.CONTROL CL(SERVAUTH)
  INSUFFICIENT ACCESS AUTHORITY
  FROM EZB.IPSECCMD.*.*.CONTROL (G)
  ACCESS INTENT(READ   )  ACCESS ALLOWED(NONE   )"""


def test_ipsec__refused_as_captured() -> None:
    system = zsim.load("adcd")
    done = system.shell("ipsec -f default | wc -l", "START1")
    assert [str(each) for each in done.console] == [REFUSED]
    assert not system.stack.default_forced
    done = system.ipsec(["-f", "default"], "start1")
    assert (done.code, done.text, done.report) == (2, "", None)
    assert system.shell("ipsec -f default").code == 0
    assert system.stack.default_forced


def test_ipsec__a_discrete_profile_has_no_from_line() -> None:
    system = zsim.load("adcd")
    system.tso(f"RDEFINE SERVAUTH {CONTROL}")
    system.tso(REFRESH)
    (message,) = system.ipsec(["-f", "default"], "START1").console
    assert "FROM" not in str(message)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-f display", [DISPLAY]), ("-F display", [DISPLAY]), ("-m display", [DISPLAY]), ("-k dis -e", [DISPLAY]),
        ("-y dis", [DISPLAY]), ("-i", [DISPLAY]), ("-o", [DISPLAY]), ("-t 10.1.0.2 10.1.1.2 tcp 0 21 in 0", [DISPLAY]),
        ("-f default", [CONTROL]), ("-f reload -p TCPIP", [CONTROL]), ("-F delete -N x", [CONTROL]),
        ("-m activate -a x", [CONTROL]), ("-k refresh -a x", [CONTROL]), ("-y deactivate -a x", [CONTROL]),
        ("-F display -G", [GLOBAL]), ("-F delete -G -N x", ["EZB.IPSECCMD.S0W1.DMD_GLOBAL.CONTROL", CONTROL]),
        ("-f display -p TCPIP2", ["EZB.IPSECCMD.S0W1.TCPIP2.DISPLAY"]),
        ("-f display -z client", ["EZB.NETMGMT.S0W1.CLIENT.IPSEC.DISPLAY"]),
        ("-f default -z client", ["EZB.NETMGMT.S0W1.CLIENT.IPSEC.CONTROL"]),
    ],
)  # fmt: skip
def test_ipsec__resources(words, expected) -> None:
    from zsim import authority

    found = authority.asked(f"ipsec {words}", "S0W1", "TCPIP", ["TCPIP"])
    assert [each.resource for each in found] == expected
    assert {(each.class_name, each.intent) for each in found} == {("SERVAUTH", "READ")}


def test_ipsec__global_needs_the_stack_too() -> None:
    system = zsim.load("adcd")
    system.tso("RDEFINE SERVAUTH EZB.IPSECCMD.*.DMD_GLOBAL.CONTROL UACC(READ)")
    system.tso(REFRESH)
    done = system.shell("ipsec -F add srcip 10.9.9.9 destip all dir inbound -N x -G", "START1")
    assert done.code == 2
    assert CONTROL in done.errors
    assert system.dmd.filters == []


def test_console__vary_is_protected_where_operatorcommands_are() -> None:
    system = zsim.load("adcd")
    assert system.console("V TCPIP,,SYNTAXCHECK,USER.Z24C.TCPPARMS(JFACE41)", "START1").done
    system.tso("SETROPTS CLASSACT(OPERCMDS) GENERIC(OPERCMDS)")
    system.tso("RDEFINE OPERCMDS MVS.VARY.TCPIP.**")
    reply = system.console("V TCPIP,,SYNTAXCHECK,USER.Z24C.TCPPARMS(JFACE41)", "START1")
    assert [each.message.id for each in reply.messages] == ["ICH408I", "IEE345I"]
    assert system.console("V TCPIP,,SYNTAXCHECK,USER.Z24C.TCPPARMS(JFACE41)").done


def test_system__without_racf_checks_nothing() -> None:
    from tests.zsim.systems import PROFILE, profile_system

    system = profile_system(PROFILE)
    assert system.shell("ipsec -f display", "ANYBODY").code == 0
    assert "no RACF" in system.tso("SETROPTS LIST").errors


# ---- the command line -----------------------------------------------------------------------------------------


def run(*words: str, **more: str):
    return CliRunner().invoke(main, words, env={"ZSIM_NOW": "2023-12-13T14:05:31", "NO_COLOR": "1"}, **more)


@pytest.fixture
def mysys(tmp_path):
    return profiles.new(str(tmp_path / "mysys"), "adcd")


def test_cli__from_refused_to_allowed(mysys) -> None:
    where = ("-s", str(mysys))
    done = run("ipsec", *where, "--user", "START1", "-f", "display")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "console: ICH408I USER(START1  )" in done.stderr
    told = run("explain-access", *where, "START1", "ipsec -f display", "--json")
    shown = json.loads(told.stdout)
    assert (told.exit_code, shown["allowed"], shown["resources"][0]["because"]) == (1, False, "UACC")
    for command in shown["commands"]:
        assert run("tso", *where, command).exit_code == 0
    assert run("explain-access", *where, "START1", "ipsec -f display").exit_code == 0
    assert run("ipsec", *where, "-f", "display", "--user", "START1").exit_code == 0


def test_cli__tso_reads_a_file_of_commands(mysys) -> None:
    done = run("tso", "-s", str(mysys), "-", input="ADDUSER NEW1 -\n  NAME('A B')\nLU NEW1\n\nSETROPTS LIST\n")
    assert done.exit_code == 0
    assert "USER=NEW1  NAME=A B" in done.stdout
    assert "START1, NEW1" in run("sh", "-s", str(mysys), "--user", "NOBODY", "ipsec -i").stderr.replace(
        "IBMUSER, NEW1, START1", "START1, NEW1"
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("tso", "RLIST SERVAUTH *"), 0), (("tso", "RLIST SERVAUTH NO.SUCH"), 1), (("tso", "RDEFINE"), 2),
        (("tso", "RACDCERT LIST"), 3), (("explain-access", "START1", "ls"), 2),
        (("explain-access", "NOBODY", "pasearch"), 2),
        (("explain-access", "START1", "ipsec -q"), 2), (("explain-access", "START1", "EZB.STACKACCESS.S0W1.TCPIP"), 0),
        (("explain-access", "START1", "pasearch"), 1), (("sh", "--user", "START1", "pasearch"), 1),
        (("explain-access", "START1", "netstat -h"), 0), (("explain-access", "START1", "netstat -q"), 2),
        (("ipsec", "--user", "../x", "-f", "display"), 2), (("explain-access", "START1", "V TCPIP,,OBEY,X"), 0),
        (("explain-access", "START1", "pasearch", "--access", "MUCH"), 2),
        (("explain-access", "START1", "BPX.SUPERUSER", "--class", "FACILTY"), 2),
        (("explain-access", "START1", "BPX.SUPERUSER", "--class", "FACILITY"), 1),
    ],
)  # fmt: skip
def test_cli__exit_codes(words, code) -> None:
    assert run(*words).exit_code == code


def test_cli__a_memory_without_racf_gets_it(mysys) -> None:
    settings = mysys / "system.yaml"
    text = settings.read_text()
    settings.write_text("\n".join(line for line in text.splitlines() if not line.startswith("racf:")))
    assert run("ipsec", "-s", str(mysys), "--user", "START1", "-i").exit_code == 0
    settings.write_text(text)
    assert run("ipsec", "-s", str(mysys), "--user", "START1", "-i").exit_code == 2


def test_cli__mistakes_in_the_file_are_found(mysys) -> None:
    member = mysys / "datasets/USER.Z24C.TCPPARMS/RACFCMDS"
    member.write_text(member.read_text().replace("ID(IBMUSER)", "IDD(IBMUSER)", 1))
    done = run("check", "-s", str(mysys))
    assert done.exit_code == 1
    assert "RACFCMDS:10:51: error: PERMIT: IDD is no operand of it" in done.stdout + done.stderr


# ---- revoked users --------------------------------------------------------------------------------------------


@pytest.fixture
def adcd() -> System:
    return zsim.load("adcd")


def test_revoke__keeps_a_user_out_of_everything(adcd) -> None:
    adcd.tso("PERMIT EZB.IPSECCMD.*.*.DISPLAY CLASS(SERVAUTH) ID(START1)")
    adcd.tso("SETROPTS RACLIST(SERVAUTH) REFRESH")
    assert adcd.ipsec(["-f", "display"], "START1").code == 0
    assert adcd.tso("ALTUSER START1 REVOKE").code == 0
    assert "ATTRIBUTES=REVOKED" in adcd.tso("LISTUSER START1").text
    told = [
        "ICH408I USER(START1  ) GROUP(SYS1    ) NAME(####################)",
        "  LOGON/JOB INITIATION - REVOKED USER ACCESS ATTEMPT",
    ]
    for answer, code in (
        (adcd.ipsec(["-f", "display"], "START1"), 2), (adcd.shell("cat /etc/syslog.conf", "START1"), 1),
        (adcd.tso("LISTUSER", "START1"), 8),
    ):  # fmt: skip
        assert (answer.code, answer.text) == (code, "")
        assert "START1 is revoked" in answer.errors
        assert str(answer.console[0]).split("\n") == told
    reply = adcd.console("P TRMD1", "START1")
    assert (reply.done, [str(each) for each in reply.messages]) == (
        False, ["\n".join(told), "IEE345I P        AUTHORITY INVALID, FAILED BY SECURITY PRODUCT"]
    )  # fmt: skip
    adcd.tso("ALTUSER START1 RESUME")
    assert adcd.ipsec(["-f", "display"], "START1").code == 0


def test_revoke__is_explained_with_its_remedy() -> None:
    racf = made(UNLISTED, GENERIC, f"{PERMIT} ID(START1)", "ALTUSER START1 REVOKE")
    decision = access.check(racf, "START1", Asked(DISPLAY))
    assert access.explained(racf, decision) == "START1 is revoked: nobody can log on with it"
    assert access.remedy(racf, decision) == ["ALTUSER START1 RESUME"]
    racf = made(UNLISTED, GENERIC, "ALTUSER START1 REVOKE")
    assert access.remedy(racf, access.check(racf, "START1", Asked(DISPLAY))) == [
        "ALTUSER START1 RESUME", "PERMIT EZB.IPSECCMD.*.*.DISPLAY CLASS(SERVAUTH) ID(START1) ACCESS(READ)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        ("ALTUSER START1 REVOKE RESUME", commands.USAGE, "exclude"),
        ("ALTUSER START1 REVOKE(12/31/24)", commands.FAILED, "not modelled"),
        ("ALTUSER NOSUCH REVOKE", commands.FAILED, "NOSUCH"),
        ("ADDUSER NEW REVOKE", commands.USAGE, "REVOKE"),
    ],
)
def test_revoke__in_a_form_that_is_not_carried_out(line: str, code: int, word: str) -> None:
    racf = made()
    done = commands.run(racf, line, "IBMUSER")
    assert done.code == code
    assert word in done.shown + "".join(each.text for each in done.findings)
    assert not access.revoked(racf, "START1")


# ---- what SETROPTS GENERIC REFRESH does not do, and SYSTSIN ----------------------------------------------------


def test_setropts__generic_refresh_leaves_the_raclisted_copy_and_says_so() -> None:
    """refrac: changes become effective by RACLIST and REFRESH only."""
    racf = made(LISTED)
    typed(racf, f"{GENERIC} UACC(READ)")
    assert typed(racf, "SETROPTS GENERIC(SERVAUTH) REFRESH") == [
        "CLASS SERVAUTH IS RACLISTED: CHECKS GO ON WITH THE COPY UNTIL SETROPTS RACLIST(SERVAUTH) REFRESH"
    ]
    assert answer(racf)[0] is False
    assert typed(racf, "SETROPTS GENERIC(SERVAUTH) RACLIST(SERVAUTH) REFRESH") == []
    assert answer(racf)[0] is True
    assert typed(racf, "SETROPTS GENERIC(SERVAUTH) REFRESH") == []


def test_systsin__sequence_numbers_are_no_part_of_a_command() -> None:
    job = "\n".join(
        f"{line:<72}{number * 100:08d}"
        for number, line in enumerate(
            ["//RACF     JOB 1", "//S1       EXEC PGM=IKJEFT01", "//SYSTSIN  DD *",
             "RDEFINE SERVAUTH EZB.A UACC(NONE)", "PERMIT EZB.A CLASS(SERVAUTH) -", "  ID(START1)", "/*"], 1)
    )  # fmt: skip
    found = list(tso.lines(Source("JOB", job)))
    assert [each.text for each in found] == [
        "RDEFINE SERVAUTH EZB.A UACC(NONE)", "PERMIT EZB.A CLASS(SERVAUTH) ID(START1)"
    ]  # fmt: skip
    assert found[1].where(found[1].text.index("ID")).line == 6


def test_systsin__a_line_that_goes_beyond_column_72_is_kept() -> None:
    line = f"PERMIT {'A' * 70}.B CLASS(SERVAUTH)"
    assert [each.text for each in tso.lines(Source("X", line))] == [line]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("netstat", "EZB.NETSTAT.S0W1.TCPIP.CONN"),
        ("netstat -h", "EZB.NETSTAT.S0W1.TCPIP.HOME"),
        ("NETSTAT HO", "EZB.NETSTAT.S0W1.TCPIP.HOME"),
        ("netstat DE", "EZB.NETSTAT.S0W1.TCPIP.DEVLINKS"),
        ("netstat -p TCPIP2 -f", "EZB.NETSTAT.S0W1.TCPIP2.CONFIG"),
        ("NETSTAT TTLS TCP TCPIP2", "EZB.NETSTAT.S0W1.TCPIP2.TTLS"),
        ("netstat all (port 1414", "EZB.NETSTAT.S0W1.TCPIP.ALL"),
        ("netstat -x GROUP DETAIL", "EZB.NETSTAT.S0W1.TCPIP.TTLS"),
        ("netstat -r DETAIL", "EZB.NETSTAT.S0W1.TCPIP.ROUTE"),
        ("netstat PORTL", "EZB.NETSTAT.S0W1.TCPIP.PORTLIST"),
        ("netstat ALLC", "EZB.NETSTAT.S0W1.TCPIP.ALLCONN"),
        ("netstat -D 12", "MVS.VARY.TCPIP.DROP"),
    ],
)
def test_netstat__needs_the_resource_of_its_report(line: str, expected: str) -> None:
    assert [each.resource for each in authority.asked(line, "S0W1", "TCPIP", ["TCPIP"])] == [expected]


def test_netstat__a_report_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="did you mean DEVLINKS"):
        authority.asked("netstat devlink5", "S0W1", "TCPIP", ["TCPIP"])
