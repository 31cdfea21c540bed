"""Rubbish never crashes a reader, and every finding has a place inside the text."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from systems import NOW, PROFILE, chain, policy, policy_system, rule, source, unstarted

from zsim.config import pagentconf, profile, syslogconf
from zsim.config import policy as policies
from zsim.config.source import Source
from zsim.files import file_name, unix_path
from zsim.findings import Finding
from zsim.system import System
from zsim.tasks import pagent

quickly = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

VALUES = [
    "10.1.1.2", "10.1.0.0/16", "10.1.0.1-10.1.0.9", "10.1.0.9-10.1.0.1", "-", "=", "*", "0", "1", "6", "58", "255",
    "256", "65535", "65536", "99999999999999999999999", "-1", "2001:db8::1", "::/0", "fe80::1%eth0", "All", "TCP",
    "ICMP",
    "A", "X" * 33, "²", "１", "é", "{", "}", ";", "#", ";x", "#x", "&SYSNAME.", "&X", "'", '"', "//'A.B(C)'", "/etc/x",
    "a,b", ".", "..", "*.*", "\x00", "\x85", "\u2028", "\ufeff",
]  # fmt: skip
SEPARATORS = [" ", "\n", "\n\n", "\t", "  ", "\r\n", "\x0c", "\x0b", "\u3000"]


def texts(words: list[str]) -> st.SearchStrategy[str]:
    """Text of a language's own words and of what may stand between them, or of anything."""
    word = st.one_of(st.sampled_from(words), st.sampled_from(VALUES), st.text(max_size=6))
    pairs = st.lists(st.tuples(word, st.sampled_from(SEPARATORS)), max_size=40)
    return st.one_of(pairs.map(lambda found: "".join(a + b for a, b in found)), st.text(max_size=200))


PROFILE_WORDS = [
    "IPCONFIG", "IPCONFIG6", "IPSECURITY", "DATAGRAMFWD", "DYNAMICXCF", "IPSEC", "IPSECRULE", "IPSECR", "IPSEC6RULE",
    "ENDIPSEC", "LOGENABLE", "LOGIMPLICIT", "DVIPSEC", "DVLOCALFLTR", "LOG", "NOLOG", "PROTOCOL", "PROTO", "SRCPORT",
    "DESTPORT", "TYPE", "CODE", "ROUTING", "ROUTED", "EITHER", "FRAGMENTSONLY", "SECCLASS", "DIRECTION", "INBOUND",
    "BIDIRECTIONAL", "INBCONNECT", "INTERFACE", "ETH1", "DEFINE", "DELETE", "IPAQENET", "IPAQENET6", "IPADDR",
    "PORTNAME",
    "MTU", "VMAC", "DEVICE", "LINK", "MPCIPA", "HOME", "LOOPBACK", "BEGINROUTES", "ROUTE", "DEFAULT", "DEFAULT6",
    "HOST",
    "ENDROUTES", "START", "STOP", "INCLUDE", "PORT", "AUTOLOG", "ENDAUTOLOG", "GATEWAY", "SRCIP", "VIPADYNAMIC",
]  # fmt: skip
POLICY_WORDS = [
    *policies.SCHEMA, *policies.SKIPPED, *(f"{name}Ref" for name in policies.SCHEMA),
    *(attr.name for schema in policies.SCHEMA.values() for attr in schema.attributes),
    "{\n", "}\n", "\n{\n", "\n}\n", "Permit", "Deny", "IpSec", "LogDeny", "bidirectional", "inbound", "InboundConnect",
    "Icmp", "Opaque", "on", "off", "r", "a", "1-2", "2-1", "1:2", "All6",
]  # fmt: skip
PAGENT_WORDS = [
    "TcpImage", "PEPInstance", "TCPIP", "FLUSH", "PURGE", "600", "LogLevel", "CommonIpSecConfig", "IpSecConfig",
    "TTLSConfig", "//'USER.CONFIG(IPSTACK)'", "//'USER.CONFIG(PAMAIN)'", "//'USER.CONFIG(NOSUCH)'",
]  # fmt: skip
SYSLOG_WORDS = [
    "*.err", "*.TRMD1.*.info", "mail.none", ";", "(10.1.0.2).*.*", "(", ").", "/var/log/%Y.%m.%d", "-F", "-D", "-N",
    "-X",
    "640", "@host", "/dev/console", "BeginArchiveParms",
]  # fmt: skip


def placed(findings: tuple[Finding, ...] | list[Finding], given: Source) -> None:
    """Every finding points at a character of the text, or at its end, or at the source as a whole."""
    lines = given.text.split("\n")
    for each in findings:
        if each.where.source != given.name:
            continue
        assert 0 <= each.where.line <= len(lines), each
        if each.where.line:
            line = lines[each.where.line - 1]
            assert 1 <= each.where.column <= len(line) + 1, each
        assert each.text
        assert "\n" not in each.text


@quickly
@given(texts(PROFILE_WORDS))
@example("IPSEC IPSECRULE * * SRCPORT")
@example("HOME 10.1.1.2")
@example("INTERFACE A DEFINE IPAQENET IPADDR /")
@example("IPSEC IPSECRULE * * PROTOCOL ² ENDIPSEC")
@example("ROUTE BEGINROUTES ROUTE 10.0.0.0 1.0.1.0 = X ENDROUTES")
def test_profile__takes_anything(text: str) -> None:
    placed(profile.parse(source(text)).findings, source(text))


@quickly
@given(texts(PROFILE_WORDS))
@example("&SYSNAME. IPSEC X ENDIPSEC")
def test_profile__substituted_symbols_do_not_move_places_out_of_the_text(text: str) -> None:
    read = profile.parse(source(text), {"SYSNAME": "A-VERY-LONG-VALUE-OF-A-SYMBOL", "X": ""})
    placed(read.findings, source(text))


def test_profile__place_behind_a_substituted_symbol() -> None:
    given = source("DEVICE &SYSNAME.P MPCIPA\nSTART &SYSNAME. NOSUCH\n")
    (found,) = [each for each in profile.parse(given, {"SYSNAME": "LONGNAME"}).findings if each.severity == "error"]
    assert (found.where.line, found.where.column) == (2, 17)


@quickly
@given(texts(PROFILE_WORDS))
def test_profile__is_started_and_obeyed_whatever_it_says(text: str) -> None:
    files = {"USER.CONFIG(PROFILE)": text, "USER.CONFIG(OBEY)": text, "/etc/syslog.conf": ""}
    made = unstarted(files, tasks="-CPAGENT")
    _, findings = made.start(NOW)
    placed(findings, Source("USER.CONFIG(PROFILE)", text))
    reply = made.console("V TCPIP,,OBEYFILE,USER.CONFIG(OBEY)")
    placed(reply.findings, Source("USER.CONFIG(OBEY)", text))
    assert all(str(each) for each in reply.messages)
    made.shell("ipsec -f display")
    made.prepare()


@quickly
@given(texts(POLICY_WORDS))
@example("IpFilterPolicy\n{")
@example("{\n}\n}")
@example("A\n{\nA\n{\n" * 20)
def test_policy__takes_anything(text: str) -> None:
    read = policies.parse(source(text))
    findings = list(read.findings)
    for block in read.blocks:
        if block.type in policies.SCHEMA:
            policies.check(block, findings)
    placed(findings, source(text))


_NAMES = st.sampled_from(["a", "b", "c", "", "X" * 33, "-x", "a,b"])
_LINES = st.sampled_from([
    *(f"{attr.name} {value}" for schema in policies.SCHEMA.values() for attr in schema.attributes
      for value in ("", "All", "a", "0", "1 2", "10.1.0.0/16", "10.1.0.1-10.1.0.2", "Permit", "yes", "Udp", "-")),
    *(f"{name}Ref {value}" for name in policies.SCHEMA for value in ("a", "b", "nosuch", "")),
])  # fmt: skip


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> str:
    """A policy block with lines of any statement in it, and blocks in blocks."""
    head = f"{draw(st.sampled_from(list(policies.SCHEMA)))} {draw(_NAMES)}".strip()
    lines = draw(st.lists(_LINES, max_size=5))
    if depth < 2:
        lines += draw(st.lists(blocks(depth + 1), max_size=2))
    return "\n".join([head, "{", *lines, "}"])


@quickly
@given(st.lists(blocks(), max_size=6).map("\n".join))
def test_policy__of_blocks_is_installed_or_refused(text: str) -> None:
    made = unstarted(chain(text))
    _, findings = made.start(NOW)
    placed(findings, Source("USER.CONFIG(IPSTACK)", text))
    assert (made.stack.policy is None) == any(each.severity == "error" for each in findings)
    made.shell("ipsec -f display")
    made.prepare()


@quickly
@given(texts(POLICY_WORDS))
def test_policy__is_read_through_the_chain(text: str) -> None:
    made = unstarted(chain(text))
    _, findings = made.start(NOW)
    placed(findings, Source("USER.CONFIG(IPSTACK)", text))


@quickly
@given(texts(PAGENT_WORDS))
def test_pagentconf__takes_anything(text: str) -> None:
    placed(pagentconf.main_file(source(text)).findings, source(text))
    placed(pagentconf.image_file(source(text)).findings, source(text))
    assert isinstance(pagentconf.environment(source(text)), dict)


@quickly
@given(texts(PAGENT_WORDS), texts(PAGENT_WORDS), texts(["PAGENT_CONFIG_FILE=", "export ", "//'USER.CONFIG(PAMAIN)'"]))
def test_pagent__follows_any_chain(main: str, image: str, stdenv: str) -> None:
    files = chain(policy(rule("r")), PAMAIN=main, PAIMAGE=image)
    made = unstarted(files | {"USER.CONFIG(STDENV)": stdenv})
    _, findings = made.start(NOW)
    for name, text in made.files.text.items():
        placed(findings, Source(name, str(text)))
    result = pagent.main_file_name(stdenv, {})
    assert result


@quickly
@given(texts(SYSLOG_WORDS))
def test_syslogconf__takes_anything(text: str) -> None:
    read = syslogconf.parse(source(text))
    placed(read.findings, source(text))
    for each in read.rules:
        each.takes("START1", "TRMD1", "local4", 6)


@cache
def one() -> System:
    """A system that tests talk to; what they change matters to none of them."""
    return policy_system(policy(rule("r")), PROFILE)


_IPSEC = st.sampled_from([
    "-f", "display", "default", "reload", "dis", "-c", "current", "profile", "-n", "r", "-g", "-p", "TCPIP", "-r",
    "detail",
    "-h", "-F", "-t", "-i", "-?", "--", "-", "", "add",
])  # fmt: skip


@quickly
@given(st.lists(st.one_of(_IPSEC, st.text(max_size=5)), max_size=8))
def test_ipsec__takes_any_words(words: list[str]) -> None:
    answer = one().ipsec(words)
    assert answer.code in (0, 1, 3)
    assert bool(answer.errors) == (answer.code != 0)


_CONSOLE = [
    "V", "VARY", "F", "MODIFY", "D", "S", "P", "TCPIP", "CPAGENT", "TRMD1", ",", ",,", "OBEYFILE", "OBEY", "O",
    "CMD=OBEYFILE",
    "DSN=", "START", "STOP", "STA", "ETH1", "REFRESH", "UPDATE", "USER.CONFIG(PROFILE)", "'", "(", ")", "{", "}", "{0}",
]  # fmt: skip


@quickly
@given(st.one_of(texts(_CONSOLE), st.lists(st.sampled_from(_CONSOLE), max_size=8).map(lambda each: " ".join(each)),
                 st.lists(st.sampled_from(_CONSOLE), max_size=8).map("".join)))  # fmt: skip
@example("V TCPIP,,OBEYFILE,")
@example("V TCPIP,,START,{job}")
@example("F {0},REFRESH")
@example("'")
def test_console__takes_any_line(line: str) -> None:
    reply = one().console(line)
    assert reply.messages or reply.findings
    assert all(str(each) for each in reply.messages)


_SHELL = ["ipsec", "-f", "display", "|", ">", ">>", "grep", "-c", "-v", "-i", "cat", "head", "-5", "-n", "5", "-²",
"tail", "wc",
          "-l", "ls", "/", "/var/log", "a", "..", "'", '"', "\\", "||", "&&", "<", "*", "[", "(", "(?P<",
          "a{99999999999}",
          "/etc/syslog.conf", "x\x00y", "~", "$HOME", "-", "--", "-n0"]  # fmt: skip


@quickly
@given(st.lists(st.one_of(st.sampled_from(_SHELL), st.text(max_size=5)), max_size=10).map(" ".join))
@example("ipsec -f display | head -²")
@example("ipsec -f display | tail -n²")
@example("cat x\x00y")
@example("ipsec > x\x00y")
@example("ls \x00")
@example("ipsec -f display | grep 'a{99999999999999999999}'")
@example("ipsec -f display | grep " + "(" * 3000)
@example("grep")
@example("> a")
@example("| |")
@example("head -n")
def test_shell__takes_any_line(line: str) -> None:
    answer = one().shell(line)
    assert answer.code in range(256)
    if answer.code and not answer.errors:
        assert "grep" in line  # the one that says nothing when it finds nothing


@quickly
@given(st.one_of(st.text(max_size=60), texts(["//'", "'", "(", ")", "A.B", "USER.CONFIG", "/", "..", "//"])))
def test_file_name__is_read_or_refused(word: str) -> None:
    try:
        found = file_name(word)
    except ValueError:
        return
    assert bool(found.dataset) != bool(found.path)
    assert file_name(found.quoted) == found


@quickly
@given(st.text(alphabet="/.ab\\", max_size=30))
def test_unix_path__never_climbs_out(word: str) -> None:
    path = unix_path(word)
    assert path.startswith("/")
    assert ".." not in path.split("/")
    assert unix_path(path) == path


@quickly
@given(st.binary(max_size=300))
def test_code_pages__take_any_octets(octets: bytes) -> None:
    from zsim.profiles import decode

    for page in ("IBM-1047", "IBM-037", "latin-1"):
        assert len(decode(octets, page)) <= len(octets) + len(octets) // 80
