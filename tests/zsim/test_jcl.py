"""JCL of procedures: the seed's as they stand there, and what goes wrong in one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from systems import NOW, chain, policy, rule, source, unstarted

from zsim.config import jcl
from zsim.findings import ERROR

PERMIT = policy(rule("ftp", source="10.1.0.2", dest="10.1.1.2", service="Protocol Tcp; Direction Inbound"))

CPAGENT = """\
//CPAGENT  PROC 
//  SET EN='ENVAR("_CEE_ENVFILE_S=DD:STDENV")' 
//PAGENT   EXEC PGM=PAGENT,REGION=0K,TIME=NOLIMIT, 
//       PARM='&EN/  -l /var/log/pagent.log -i -d 1 ' 
//STDENV   DD DISP=SHR,DSN=USER.CONFIG(STDENV) 
//SYSPRINT DD SYSOUT=H 
//* 
//CEEDUMP  DD SYSOUT=*,DCB=(RECFM=FB,LRECL=132,BLKSIZE=132) 
// PEND 
"""
TRMD = """\
//TRMD      PROC  OPT='-P TCPIP -d 1'
//TRMD   EXEC PGM=EZATRMD,REGION=4096K,TIME=NOLIMIT,
//      PARM=('ENVAR("_CEE_ENVFILE_S=DD:STDENV")/&OPT')
//STDENV   DD *
RESOLVER_CONFIG=//'ADCD.Z24C.TCPPARMS(TCPDATA)'
export TZ=EST5
"""


def step(text: str, **given: str) -> jcl.Step:
    read = jcl.parse(source(text), given, {"SYSNAME": "S0W1"})
    assert not read.failed, read.findings
    return read.steps[0]


def wrong(text: str, **given: str) -> list[tuple[str, int, int, str]]:
    """Id, line, column and remedy of each error."""
    found = jcl.parse(source(text), given, {}).findings
    return [(each.id, each.where.line, each.where.column, each.remedy) for each in found if each.severity == ERROR]


# ---- what a procedure says ------------------------------------------------------------------------------------


def test_procedure__of_the_policy_agent() -> None:
    read = step(CPAGENT)
    assert (read.name, read.program) == ("PAGENT", "PAGENT")
    assert jcl.le_parm(read.parm) == ({"_CEE_ENVFILE_S": "DD:STDENV"}, "-l /var/log/pagent.log -i -d 1")
    assert read.dds["STDENV"][0].file == "//'USER.CONFIG(STDENV)'"
    assert read.dds["SYSPRINT"][0][:2] == ("", None)


def test_procedure__of_trmd_with_its_symbol_and_its_stream() -> None:
    read = step(TRMD)
    assert jcl.le_parm(read.parm).options == "-P TCPIP -d 1"
    stream = read.dds["STDENV"][0].stream
    assert stream is not None
    assert stream.split("\n")[5] == "export TZ=EST5"  # on its own line
    assert jcl.le_parm(step(TRMD, OPT="-P TCPIP2").parm).options == "-P TCPIP2"


@pytest.mark.parametrize(
    ("operands", "parm"),
    [
        ("PARM='a b'", "a b"),
        ("PARM='it''s'", "it's"),
        ("PARM=(A,'b c',D)", "A,b c,D"),
        ("PARM=X&SYSNAME.Y", "XS0W1Y"),
        ("PARM='&SYSNAME/&&X'", "S0W1/&X"),
        ("PARM=A a comment, with a comma", "A"),
        ("REGION=0M,TIME=(1,30),PARM=A", "A"),
    ],
)
def test_parm(operands, parm) -> None:
    assert step(f"//X EXEC PGM=DMD,{operands}\n").parm == parm


def test_parm__goes_on_in_column_16_inside_apostrophes() -> None:
    first = "//X        EXEC PGM=DMD,PARM='" + "a" * 41
    assert len(first) == 71
    assert step(first + "\n//             bcd'\n").parm == "a" * 41 + "bcd"


def test_columns__from_72_on_are_no_part_of_it() -> None:
    assert step("//X        EXEC PGM=DMD".ljust(72) + "00000100\n").program == "DMD"


@pytest.mark.parametrize(
    ("parm", "variables", "options"),
    [
        ('ENVAR("A=1","B=x/y")/-c -i', {"A": "1", "B": "x/y"}, "-c -i"),
        ("POSIX(ON) ENVAR('A=1')/", {"A": "1"}, ""),
        ("-p TCPIP", {}, "-p TCPIP"),
        ("/-p TCPIP -f /etc/x", {}, "-p TCPIP -f /etc/x"),
        ("", {}, ""),
    ],
)
def test_parm__of_language_environment(parm, variables, options) -> None:
    assert jcl.le_parm(parm) == (variables, options)


# ---- what is wrong in one -------------------------------------------------------------------------------------

NO_PROGRAM = ("missing-attribute", 1, 5, "add PGM=")
NO_CONTINUATION = ("syntax", 1, 1, "a statement goes on between columns 4 and 16 of the next record")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("//X EXEC PMG=DMD\n", [("syntax", 1, 10, "did you mean PGM?")]),
        ("//X EXCE PGM=DMD\n", [("unknown-statement", 1, 5, "did you mean EXEC?")]),
        ("//X EXEC PGM=DMD\n//Y DD DNS=A.B\n", [("syntax", 2, 8, "did you mean DSN?")]),
        ("//X PROC OPT=A\n//X EXEC PGM=DMD,PARM=&OTP\n", [("undefined-name", 2, 18, "did you mean OPT?")]),
        ("//X EXEC PGM=DMD,\n//Y DD DUMMY\n", [NO_CONTINUATION]),
        ("//X EXEC PGM=DMD,\n//                     PARM=A\n", [NO_CONTINUATION]),
        ("//X EXEC PGM=DMD,PARM='a\n", [NO_CONTINUATION]),
        ("//X EXEC PGM=DMD\nA=B\n", [("syntax", 2, 1, "begin the statement with //, or put DD * in front of data")]),
        ("//X EXEC PGM=DMD" + " " * 70 + "x\n", [("syntax", 1, 81, "records of JCL have 80 columns")]),
        ("//X EXEC REGION=0M\n", [NO_PROGRAM]),
        ("//* nothing\n", [("missing-attribute", 1, 1, "add EXEC PGM=")]),
        ("", [("missing-attribute", 1, 1, "add EXEC PGM=")]),
    ],
)  # fmt: skip
def test_mistake__is_told_with_its_place(text, found) -> None:
    assert wrong(text)[: len(found)] == found


def test_mistake__a_symbol_the_procedure_does_not_have() -> None:
    assert wrong(TRMD, OPTS="x") == [("syntax", 1, 13, "did you mean OPT?")]


@given(st.text(alphabet="/ ,='()&ABCDPGMEXSTR*\n\x00é", max_size=200))
def test_rubbish__never_crashes(text) -> None:
    read = jcl.parse(source(text), {}, {})
    for each in read.findings:
        assert each.where.line >= 1
    for one in read.steps:
        jcl.le_parm(one.parm)


# ---- a system with procedures ---------------------------------------------------------------------------------


def with_procedures(**members: str):
    """A system whose tasks all come from PROCLIB; not started."""
    every = {
        "TCPIP": "//TCPIP EXEC PGM=EZBTCPIP\n//PROFILE DD DSN=USER.CONFIG(PROFILE),DISP=SHR\n",
        "SYSLOGD": "//S EXEC PGM=SYSLOGD,PARM='/-c -i'\n",
        "CPAGENT": CPAGENT,
        "TRMD": TRMD,
    }
    members = every | members
    files = chain(PERMIT) | {f"SYS1.PROCLIB({name})": text for name, text in members.items()}
    made = unstarted(files, tasks="-TCPIP -SYSLOGD -CPAGENT -TRMD")
    made.proclib = "SYS1.PROCLIB"
    return made


def said(system, command: str) -> list[str]:
    return [str(message) for message in system.console(command).messages]


def test_system__starts_what_its_procedures_say() -> None:
    system = with_procedures()
    _, findings = system.start(NOW)
    assert [each for each in findings if each.severity == ERROR] == []
    assert {task.job for task in system.tasks.values() if task.running} == {"TCPIP", "SYSLOGD", "CPAGENT", "TRMD1"}
    assert system.stack.policy is not None
    assert system.files.get("/var/log/pagent.log") is not None  # -l of its PARM


def test_system__trmd_stamps_in_its_own_time_zone() -> None:
    """trmd: TZ of its environment decides the timestamps of syslogd."""
    system = with_procedures()
    system.start(NOW)
    text = system.files.get("/var/log/TRMD1I.2023.12.13")
    assert isinstance(text, str)
    assert text.startswith("Dec 13 09:05:31 S0W1 TRMD.TCPIP")


def test_start__reads_the_procedure_then_and_not_before() -> None:
    system = with_procedures()
    system.start(NOW)
    system.files.text["SYS1.PROCLIB(TRMD)"] = TRMD.replace("-d 1", "-d 7")
    assert system.tasks["TRMD"].options == "-P TCPIP -d 1"
    assert system.changed_files("TRMD") == ["SYS1.PROCLIB(TRMD)"]
    system.console("P TRMD1")
    assert system.console("S TRMD").done
    assert system.tasks["TRMD"].options == "-P TCPIP -d 7"
    assert system.changed_files("TRMD") == []


def test_start__with_symbols_and_a_job_name() -> None:
    system = with_procedures()
    system.start(NOW)
    system.console("P TRMD1")
    assert said(system, "S TRMD,JOBNAME=TRMDX,OPT='-P TCPIP -d 3'")[:3] == [
        "$HASP100 TRMDX    ON STCINRDR",
        "IEF695I START TRMD     WITH JOBNAME TRMDX    IS ASSIGNED TO USER START1  , GROUP SYS1",
        "$HASP373 TRMDX    STARTED",
    ]
    assert system.running("TRMDX1").options == "-P TCPIP -d 3"
    assert said(system, "S TRMD,OTP=X")[0] == "IEE122I START COMMAND JCL ERROR"


def test_start__job_name_of_eight_characters_does_not_grow() -> None:
    system = with_procedures(TRMDTEST=TRMD)
    system.start(NOW)
    assert system.running("TRMDTEST") is not None


def test_start__of_jcl_with_a_mistake() -> None:
    system = with_procedures(BAD="//BAD EXEC PMG=DMD\n")
    _, findings = system.start(NOW)
    assert next((each.where.source, each.remedy) for each in findings if each.severity == ERROR) == (
        "SYS1.PROCLIB(BAD)", "did you mean PGM?",
    )  # fmt: skip
    reply = system.console("S BAD")
    assert [str(each) for each in reply.messages] == ["IEE122I START COMMAND JCL ERROR"]
    assert str(reply.findings[0].where) == "SYS1.PROCLIB(BAD):1:12"


def test_start__of_a_program_nobody_knows_and_of_one_nearly_known() -> None:
    system = with_procedures(OMPROUTE="//O EXEC PGM=OMPROUTE\n", PAG="//P EXEC PGM=PAGNT\n")
    _, findings = system.start(NOW)
    assert [each.id for each in findings if each.where.source == "SYS1.PROCLIB(OMPROUTE)"] == ["kept"]
    assert [each.remedy for each in findings if each.where.source == "SYS1.PROCLIB(PAG)"] == ["did you mean PAGENT?"]
    assert "not-modelled" in [each.id for each in system.console("S OMPROUTE").findings]


def test_stdenv__in_the_procedure_is_placed_on_its_lines() -> None:
    """A file that STDENV names wrongly is told at its line of the procedure."""
    text = CPAGENT.replace(
        "DD DISP=SHR,DSN=USER.CONFIG(STDENV)", "DD *\nPAGENT_CONFIG_FILE=//'USER.CONFIG(NOSUCH)'\n/*"
    )
    system = with_procedures(CPAGENT=text)
    _, findings = system.start(NOW)
    missing = next(each for each in findings if each.id == "missing-file")
    assert str(missing.where) == "SYS1.PROCLIB(CPAGENT):6:20"


def test_stdenv__that_is_missing() -> None:
    system = with_procedures(CPAGENT=CPAGENT.replace("//STDENV ", "//STDEVN "))
    _, findings = system.start(NOW)
    assert [each.remedy for each in findings if each.id == "undefined-name"] == ["did you mean STDEVN?"]


def test_envar__of_the_parm_itself() -> None:
    text = "//C EXEC PGM=PAGENT,\n// PARM='ENVAR(\"PAGENT_CONFIG_FILE=//''USER.CONFIG(PAMAIN)''\")/-d 1'\n"
    system = with_procedures(CPAGENT=text)
    system.start(NOW)
    assert system.stack.policy is not None


def test_syslogd__configuration_by_option_and_by_variable() -> None:
    for parm in ("'/-c -f /etc/other.conf'", "'ENVAR(\"SYSLOGD_CONFIG_FILE=/etc/other.conf\")/-c'"):
        system = with_procedures(SYSLOGD=f"//S EXEC PGM=SYSLOGD,\n// PARM={parm}\n")
        system.files.text["/etc/other.conf"] = "*.TRMD1.*.* /trmd1\n"
        system.files.names["/etc/other.conf"] = "etc/other.conf"
        system.start(NOW)
        assert system.files.get("/trmd1") is not None


# ---- DMD ------------------------------------------------------------------------------------------------------

DMD = """\
//DMD EXEC PGM=DMD,REGION=0K,TIME=NOLIMIT,
// PARM='ENVAR("_CEE_ENVFILE_S=DD:STDENV")/'
//* DMD_FILE=/etc/security/dmd.conf
//STDENV DD *
DMD_FILE=//'USER.CONFIG(DMD)'
DMD_FIEL=/etc/dmd.conf
DMD_CODEPAGE=IBM-1047
//SYSPRINT DD SYSOUT=*
"""


def test_dmd__with_its_environment_in_the_procedure() -> None:
    system = with_procedures(DMD=DMD)
    system.files.text["USER.CONFIG(DMD)"] = "DmStackConfig TCPIP\n{\n  Mode Simulate\n}\n"
    system.files.names["USER.CONFIG(DMD)"] = "DMD"
    _, findings = system.start(NOW)
    assert [(each.id, each.where.line) for each in findings if each.where.source == "SYS1.PROCLIB(DMD)"] == [
        ("ignored-attribute", 6),
        ("kept", 7),
    ]
    assert "  FILE: //'USER.CONFIG(DMD)'" in said(system, "F DMD,DISPLAY")


@pytest.mark.parametrize(("member", "told"), [("CTIDMD00", False), ("CTIOTHER", True)])
def test_dmd__without_its_trace_member_says_so(member, told) -> None:
    system = with_procedures(DMD="//DMD EXEC PGM=DMD\n")
    system.files.names[f"SYS1.PARMLIB({member})"] = member
    issued, _ = system.start(NOW)
    assert ("IEE538I CTIDMD00 MEMBER NOT FOUND IN PARMLIB" in [str(each) for each in issued]) is told
