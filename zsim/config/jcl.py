"""JCL of a procedure: which program a started task runs, with what PARM and which data sets.

    //DMD      PROC OPT='...'            symbolic parameters and their defaults
    //  SET    EN='...'                  further symbols
    //DMD      EXEC PGM=DMD,REGION=0K,   a statement goes on behind a comma, from column 4 to 16 of the next record
    //             PARM='ENVAR("_CEE_ENVFILE_S=DD:STDENV")/&OPT'
    //STDENV   DD *                      in-stream: the records up to /* or the next //
    //SYSIN    DD DSN=A.B(C),DISP=SHR    a data set; PATH='/x' is a z/OS UNIX file, DUMMY nothing
    //         PEND

Columns 1 to 71 count; //* begins a comment, and so does a blank behind the operands. What the operands of a DD say of
printing and space has no part in networking and is skipped. (the seed's procedures; MVS JCL Reference, statement
fields, continuing statements, symbolic parameters)
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from zsim.config.source import Source
from zsim.findings import ERROR, Finding, Where, did_you_mean, finding

LAST_COLUMN, LONGEST, CONTINUE_BY, QUOTED_FROM = 71, 80, 16, 16

OPERATIONS = (
    "PROC", "PEND", "EXEC", "DD", "SET", "INCLUDE", "JCLLIB", "OUTPUT", "IF", "ELSE", "ENDIF", "JOB", "EXPORT",
    "COMMAND", "CNTL", "ENDCNTL", "XMIT",
)  # fmt: skip
OTHER_PROCEDURES = ("INCLUDE", "IF", "ELSE", "ENDIF", "XMIT")  # they change which statements there are
EXEC_KEYWORDS = (
    "PGM", "PROC", "PARM", "PARMDD", "REGION", "REGIONX", "TIME", "COND", "ACCT", "ADDRSPC", "CCSID", "DYNAMNBR",
    "MEMLIMIT", "PERFORM", "RD", "RLSTMOUT", "TVSMSG", "TVSAMCOM", "DPRTY",
)  # fmt: skip
DD_KEYWORDS = (
    "DSN", "DSNAME", "PATH", "PATHOPTS", "PATHMODE", "PATHDISP", "DISP", "SYSOUT", "DCB", "DLM", "DUMMY", "UNIT",
    "VOL", "VOLUME", "SPACE", "LRECL", "RECFM", "BLKSIZE", "DSORG", "FREE", "HOLD", "OUTLIM", "OUTPUT", "DEST",
    "COPIES", "CHARS", "FCB", "UCS", "LABEL", "LIKE", "REFDD", "DATACLAS", "MGMTCLAS", "STORCLAS", "DSNTYPE", "AVGREC",
    "SUBSYS", "FILEDATA", "SPIN", "SEGMENT", "BURST", "MODIFY", "FLASH", "ACCODE", "AMP", "CCSID", "EXPDT", "RETPD",
    "KEYLEN", "KEYOFF", "PROTECT", "QNAME", "RLS", "TERM", "BUFNO", "DDNAME", "CNTL", "DSID", "SECMODEL", "SYMBOLS",
)  # fmt: skip


class Dd(NamedTuple):
    """A DD statement: a data set or path as a Policy Agent would name it, or the records in the stream, kept on their
    lines; neither for DUMMY and SYSOUT."""

    file: str
    stream: str | None
    where: Where


class Step(NamedTuple):
    """An EXEC statement under its name. dds by name; several of one name are read one after the other."""

    name: str
    program: str
    parm: str
    dds: Mapping[str, tuple[Dd, ...]]
    where: Where
    parm_where: Where


class Procedure(NamedTuple):
    symbols: Mapping[str, str]
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        return any(each.severity == ERROR for each in self.findings)


class _Statement(NamedTuple):
    name: str
    operation: str
    operands: str
    places: tuple[tuple[int, Where], ...]  # from which character of the operands on they stand where
    where: Where
    stream: str | None = None  # of DD * and DD DATA

    def at(self, offset: int) -> Where:
        start, where = max((each for each in self.places if each[0] <= offset), key=lambda each: each[0])
        return where._replace(column=where.column + offset - start)


def parse(source: Source, given: Mapping[str, str], system: Mapping[str, str]) -> Procedure:
    """The procedure with its symbols replaced. `given` are those of the START command, `system` the system symbols.
    It goes on after a mistake."""
    findings: list[Finding] = []
    symbols: dict[str, str] = {}
    steps: list[Step] = []
    dds: dict[str, tuple[Dd, ...]] = {}
    last = ""
    for each in _statements(source, findings):
        if each.operation == "PROC":
            symbols |= {name: _unquoted(value) for name, value, _ in _pairs(each, findings)}
            unknown = [name for name in given if name not in symbols]
            for name in unknown:
                hint = did_you_mean(name, symbols, f"it has {', '.join(symbols) or 'none'}")
                findings.append(_wrong(each.where, name, "a symbolic parameter of the procedure", hint))
            symbols |= given
        elif each.operation == "SET":
            symbols |= {
                name: _symbols(_unquoted(value), {**system, **symbols}, each.at(offset), findings)
                for name, value, offset in _pairs(each, findings)
            }
        elif each.operation == "EXEC":
            dds, last = {}, ""
            steps += _exec(each, {**system, **symbols}, dds, findings)
        elif each.operation == "DD":
            last = each.name or last
            if last:
                dds[last] = (*dds.get(last, ()), _dd(each, {**system, **symbols}, findings))
        elif each.operation in OTHER_PROCEDURES:
            why = "the statements are read as they stand"
            findings.append(finding("not-modelled", each.where, what=each.operation, why=why))
        elif each.operation == "PEND":
            break
    if not steps and not any(each.severity == ERROR for each in findings):
        start = Where(source.name, 1, 1)
        findings.append(finding("missing-attribute", start, statement="the procedure", name="EXEC PGM="))
    return Procedure(symbols, tuple(steps), tuple(findings))


def _wrong(where: Where, found: str, expected: str, hint: str) -> Finding:
    return finding("syntax", where, found=found, expected=expected, hint=hint)


# ---- records and statements -----------------------------------------------------------------------------------


def _statements(source: Source, findings: list[Finding]) -> Iterator[_Statement]:
    rows = source.text.split("\n")
    at = 0
    while at < len(rows):
        row = rows[at]
        here = Where(source.name, at + 1, 1)
        if len(row.rstrip()) > LONGEST:
            late = here._replace(column=LONGEST + 1)
            findings.append(_wrong(late, f"column {LONGEST + 1}", "80 columns", "records of JCL have 80 columns"))
        if not row.strip() or row.startswith(("//*", "/*")) or row.rstrip() == "//":
            at += 1
            continue
        if not row.startswith("//"):
            hint = "begin the statement with //, or put DD * in front of data"
            findings.append(_wrong(here, row.split()[0], "//", hint))
            at += 1
            continue
        at, statement = _statement(source, rows, at, findings)
        if statement is None:
            continue
        if statement.operation == "DD" and re.match(r"(\*|DATA)(?=[, ]|$)", statement.operands):
            at, stream = _stream(rows, at, statement.operands)
            statement = statement._replace(stream=stream)
        yield statement


def _statement(source: Source, rows: list[str], at: int, findings: list[Finding]) -> tuple[int, _Statement | None]:
    """The statement that begins in row `at`, and the row after it."""
    first = at
    row = rows[at][:LAST_COLUMN]
    head = re.match(r"//(\S*)(\s*)(\S*)(\s*)", row)
    assert head is not None
    where = Where(source.name, at + 1, head.start(3) + 1)
    operation = head[3].upper()
    if operation not in OPERATIONS:
        hint = did_you_mean(head[3], OPERATIONS, "statements are PROC, SET, EXEC, DD and PEND")
        findings.append(finding("unknown-statement", where, word=head[3] or "nothing", language="JCL", hint=hint))
        return _skipped(rows, at), None
    operands, places, column = "", [], head.end()
    while True:
        places.append((len(operands), Where(source.name, at + 1, column + 1)))
        text, quoted = _field(row[column:], operands)
        operands += text
        at += 1
        if quoted:
            operands += " " * (LAST_COLUMN - column - len(text))
        if not quoted and not operands.endswith(","):
            break
        while not quoted and at < len(rows) and rows[at].startswith("//*"):
            at += 1
        more = re.match(r"//( +)(?=\S)", rows[at][:LAST_COLUMN]) if at < len(rows) else None
        if more is None or (more.end() >= CONTINUE_BY and not quoted):
            hint = f"a statement goes on between columns 4 and {CONTINUE_BY} of the next record"
            what = "an apostrophe that is not closed" if quoted else "a comma at the end"
            findings.append(_wrong(Where(source.name, first + 1, 1), what, "a continuation", hint))
            break
        row, column = rows[at][:LAST_COLUMN], QUOTED_FROM - 1 if quoted else more.end()
    return at, _Statement(head[1].upper(), operation, operands, tuple(places), where)


def _skipped(rows: list[str], at: int) -> int:
    """The row after a statement that is not read: continuations go with it."""
    at += 1
    while at < len(rows) and re.match(r"// +\S+=", rows[at]) and rows[at - 1].rstrip().endswith(","):
        at += 1
    return at


def _field(text: str, before: str) -> tuple[str, bool]:
    """The operands at the start of `text`, up to a blank outside apostrophes; and whether an apostrophe is open."""
    quoted = before.count("'") % 2 == 1
    for at, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif character == " " and not quoted:
            return text[:at], False
    return text, quoted


def _stream(rows: list[str], at: int, operands: str) -> tuple[int, str]:
    """The records after DD *, on their own lines of a text as long as the member; and the row after them."""
    delimiter = next((part[4:].strip("'") for part in operands.split(",") if part.startswith("DLM=")), "/*")
    first = at
    data = operands.startswith("DATA") or delimiter != "/*"
    while at < len(rows) and not rows[at].startswith(delimiter) and (data or not rows[at].startswith("//")):
        at += 1
    return at + (at < len(rows) and rows[at].startswith(delimiter)), "\n" * first + "\n".join(rows[first:at])


# ---- operands -------------------------------------------------------------------------------------------------


def _split(text: str) -> list[tuple[str, int]]:
    """The parts between the commas that stand in no apostrophes and parentheses, each with its offset."""
    parts, start, depth, quoted = [], 0, 0, False
    for at, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if character == "," and depth <= 0:
                parts.append((text[start:at], start))
                start = at + 1
    return [*parts, (text[start:], start)] if text[start:] else parts


def _pairs(statement: _Statement, findings: list[Finding]) -> Iterator[tuple[str, str, int]]:
    for part, offset in _split(statement.operands):
        name, equals, value = part.partition("=")
        if not equals or not name:
            findings.append(_wrong(statement.at(offset), part, "NAME=value", f"correct the {statement.operation}"))
        else:
            yield name.upper(), value, offset


def _unquoted(value: str) -> str:
    """The value without its apostrophes; two stand for one."""
    if len(value) >= 2 and value.startswith("'") and value.endswith("'"):
        return value[1:-1].replace("''", "'")
    return value


def _plain(value: str) -> str:
    """The value of PARM: in apostrophes, or parts in parentheses, joined by commas."""
    if value.startswith("(") and value.endswith(")"):
        return ",".join(_unquoted(part) for part, _ in _split(value[1:-1]))
    return _unquoted(value)


_SYMBOL = re.compile(r"&(&|[A-Za-z@#$][A-Za-z0-9@#$]{0,7})(\.?)")


def _symbols(text: str, symbols: Mapping[str, str], where: Where, findings: list[Finding]) -> str:
    """Symbols replaced, && by one &; a symbol that nothing defines is a mistake."""

    def one(found: re.Match[str]) -> str:
        if found[1] == "&":
            return "&" + found[2]
        if found[1].upper() not in symbols:
            hint = did_you_mean(found[1], symbols, "define it on PROC or with SET")
            findings.append(finding("undefined-name", where, name=found[0], kind="a symbol", hint=hint))
            return found[0]
        return symbols[found[1].upper()]

    return _SYMBOL.sub(one, text)


def _keyword(statement: _Statement, part: str, offset: int, known: tuple[str, ...], findings: list[Finding]) -> str:
    """The keyword of one operand, without the step it may be qualified with; "" after a finding."""
    name = part.partition("=")[0].upper().partition(".")[0]
    if name not in known:
        hint = did_you_mean(name, known, f"see {statement.operation} in the JCL Reference")
        findings.append(_wrong(statement.at(offset), name, f"an operand of {statement.operation}", hint))
        return ""
    return name


def _exec(
    statement: _Statement, symbols: Mapping[str, str], dds: dict[str, tuple[Dd, ...]], findings: list[Finding]
) -> Iterator[Step]:
    program, parm, parm_where, before = "", "", statement.where, len(findings)
    for part, offset in _split(statement.operands):
        if "=" not in part:
            why = "a procedure inside a procedure is not read"
            findings.append(finding("not-modelled", statement.at(offset), what=f"EXEC {part}", why=why))
            return
        keyword = _keyword(statement, part, offset, EXEC_KEYWORDS, findings)
        value = part.partition("=")[2]
        if keyword == "PGM":
            program = _symbols(value, symbols, statement.at(offset), findings).upper()
        elif keyword == "PARM":
            parm_where = statement.at(offset)
            parm = _symbols(_plain(value), symbols, parm_where, findings)
        elif keyword in ("PROC", "PARMDD"):
            findings.append(finding("not-modelled", statement.at(offset), what=part, why="it is not read"))
    if not program and len(findings) == before:
        findings.append(finding("missing-attribute", statement.where, statement="EXEC", name="PGM="))
    if not program:
        return
    yield Step(statement.name, program, parm, dds, statement.where, parm_where)


def _dd(statement: _Statement, symbols: Mapping[str, str], findings: list[Finding]) -> Dd:
    file, where = "", statement.where
    for at, (part, offset) in enumerate(_split(statement.operands)):
        if at == 0 and (part.upper() in ("*", "DATA", "DUMMY") or not part):
            continue
        keyword = _keyword(statement, part, offset, DD_KEYWORDS, findings)
        if keyword in ("DSN", "DSNAME", "PATH"):
            where = statement.at(offset + len(part) - len(part.partition("=")[2]))
            name = _symbols(_unquoted(part.partition("=")[2]), symbols, where, findings)
            file = name if keyword == "PATH" else f"//'{name}'"
    return Dd(file, statement.stream, where)


# ---- PARM of a program of Language Environment ----------------------------------------------------------------

_ENVAR = re.compile(r"ENVAR\(((?:\"[^\"]*\"|'[^']*'|[^()\"'])*)\)", re.IGNORECASE)


class Parm(NamedTuple):
    """variables of ENVAR, and what stands behind the slash: the program's own options."""

    variables: Mapping[str, str]
    options: str


def le_parm(parm: str) -> Parm:
    """Runtime options stand before the slash; without one all is the program's. (the seed's procedures)"""
    runtime, slash, options = _outside_quotes(parm)
    variables = {}
    for found in _ENVAR.finditer(runtime):
        for one in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^,\"']+)", found[1]):
            name, equals, value = "".join(one).strip().partition("=")
            if equals:
                variables[name.strip()] = value
    return Parm(variables, " ".join((options if slash else runtime).split()))


def _outside_quotes(parm: str) -> tuple[str, str, str]:
    """Split at the first slash that stands in no quotes."""
    quote = ""
    for at, character in enumerate(parm):
        if character in "\"'":
            quote = "" if quote == character else quote or character
        elif character == "/" and not quote:
            return parm[:at], "/", parm[at + 1 :]
    return parm, "", ""
