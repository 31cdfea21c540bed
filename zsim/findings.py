"""What zsim has to say about the files it was given.

A `Finding` is zsim's own complaint: where, what, and what to do about it. It never wears an IBM
message number; where z/OS would issue a message of its own for the same mistake, the finding names
it in `issued`. Every kind of finding is one row of `KINDS`.

Severities, and what they do to the exit code of `zsim check`:
    error     z/OS refuses the statement or the file             1
    warning   z/OS accepts it silently, and it is a trap         1
    unknown   zsim does not model it, and an answer needs it     3
    note      worth knowing, changes no answer                   0
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

ERROR, WARNING, UNKNOWN, NOTE = "error", "warning", "unknown", "note"


class Where(NamedTuple):
    """A place in a source: its z/OS name (`USER.Z24C.TCPPARMS(PAGEIPSE)`, `/etc/syslog.conf`), line and
    column, both from 1. Line 0 stands for the source as a whole."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class Kind(NamedTuple):
    id: str
    severity: str
    text: str
    remedy: str

    def __call__(self, where: Where, issued: str = "", **values: object) -> Finding:
        return Finding(self.id, self.severity, where, self.text.format(**values), self.remedy.format(**values), issued)


class Finding(NamedTuple):
    id: str
    severity: str
    where: Where
    text: str
    remedy: str = ""
    issued: str = ""  # the message z/OS issues for it, number and text, if there is one


# fmt: off
KINDS = {
    kind.id: kind
    for kind in (
        # sources
        Kind("missing-file", ERROR, "{name} does not exist{why}", "{hint}"),
        Kind("not-text", ERROR, "{name} is not readable as text: {why}", "convert it, or name its code page in system.yaml"),
        Kind("bad-file-name", ERROR, "{name} is no z/OS file name: {why}", "write //'DATA.SET(MEMBER)' or /path"),
        Kind("include-loop", ERROR, "{name} includes itself", "remove one of the INCLUDE statements"),
        # any language
        Kind("unknown-statement", ERROR, "{word} is not a {language} statement", "{hint}"),
        Kind("syntax", ERROR, "{found} found where {expected} was expected", "{hint}"),
        Kind("not-modelled", UNKNOWN, "{what} is kept but not modelled: {why}", "read the answers with that in mind"),
        Kind("kept", NOTE, "{what} is kept but not modelled; no filter depends on it", ""),
        Kind("missing-end", ERROR, "{statement} has no {end}: everything after it was read as part of it", "add {end}"),
        # TCPIP profile
        Kind("second-ipsec", ERROR, "this IPSEC statement is ignored: there is one on line {line}", "merge the two"),
        Kind("no-ipsecurity", WARNING, "the IPSEC rules have no effect: IPCONFIG IPSECURITY is not coded", "code IPCONFIG IPSECURITY"),
        Kind("undefined-name", ERROR, "{name} is not defined as {kind}", "{hint}"),
        Kind("duplicate-name", ERROR, "{name} is already defined on line {line}", "rename or remove one of the two"),
        Kind("conflict", ERROR, "{text}", "{hint}"),
        Kind("log-without-logenable", WARNING, "LOG has no effect: the IPSEC block does not say LOGENABLE", "code IPSEC LOGENABLE"),
        Kind("retired", NOTE, "{statement} statements are on their way out of the product", "convert to INTERFACE when convenient"),
        Kind("mutually-exclusive", ERROR, "{one} and {other} exclude each other: {outcome}", "code one of the two"),
        Kind("glued-comment", WARNING, "{word} is read as one word: it begins no comment", "put a blank in front of the ;"),
        Kind("cut-range", WARNING, "ports {low} to {high}: those above {last} are not reserved", "reduce the number of ports"),
        Kind("no-effect", WARNING, "{what} has no effect: {why}", "{hint}"),
        Kind("no-home", NOTE, "LINK {name} has no home address", "add it to HOME, if it is to have one"),
        # policy
        Kind("ignored-attribute", WARNING, "{name} is not an attribute of {statement}: z/OS ignores the line silently", "{hint}"),
        Kind("ignored-statement", WARNING, "{name} is not a policy statement: the block is ignored", "{hint}"),
        Kind("ignored-text", NOTE, "text after the value is ignored: {text}", ""),
        Kind("wrong-protocol", WARNING, "{name} does not belong to protocol {protocol} and is ignored", "remove it or change Protocol"),
        Kind("undefined-reference", ERROR, "{type} {name} is not defined", "{hint}"),
        Kind("missing-attribute", ERROR, "{statement} has no {name}", "add {name}"),
        Kind("too-many", ERROR, "{name} is coded {count} times; at most {most} allowed", "remove the others"),
        Kind("empty-policy", ERROR, "{why}, so this policy is not installed", "add an IpFilterPolicy with at least one rule"),
        Kind("no-common-family", ERROR, "source and destination have no IP version in common", "use addresses of one family"),
        Kind("needs-vpn", ERROR, "IpFilterAction IpSec needs an IpDynVpnAction or IpManVpnAction reference", "add one to the rule"),
        Kind("misplaced", WARNING, "{name} has no place in {file}: it is ignored", "{hint}"),
        Kind("other-family", WARNING, "{name} is of IPv{own}, the addresses of the rule of IPv{other}: it makes no filter", "use {instead}, or addresses of IPv{own}"),
        Kind("unused", NOTE, "{type} {name} is used by nothing that the policy reaches", ""),
        # analyse: what the rules in force come to
        Kind("shadowed", WARNING, "{what} never decides: {blocking} matches all its packets before it{but}", "remove it, or move it before {first}"),
        Kind("unreachable", WARNING, "{what} never decides: {blocking} together match all its packets before it{but}", "remove it, or move it before {first}"),
        Kind("never-matches", WARNING, "{what} matches no packet: {why}", "correct or remove it"),
        Kind("redundant", WARNING, "{what} changes nothing: without it {instead} would do the same to each of its packets", "remove it"),
        Kind("denied-on-arrival", WARNING, "{what} never decides: what it would forward is denied when it arrives", "permit it inbound as well, or remove the rule"),
        Kind("behind-defence", NOTE, "{what} decides nothing now: {blocking} blocks all its packets{until}", "see ipsec -F display"),
        Kind("partly-dead", NOTE, "{what}: {count} of its {of} filters never decide: {why}", "remove these alternatives"),
        Kind("permits-denied", WARNING, "{what} permits packets that {other} behind it denies, such as {example}", "move {other} before it if they are to be denied"),
        Kind("overlap", NOTE, "{what} {does} packets that {other} behind it {would}, such as {example}", ""),
        Kind("more-overlaps", NOTE, "more rules overlap with another action than the {count} that are told", "mend these and ask again"),
        Kind("permits-all", WARNING, "{what} permits every packet of {version}, from and to anywhere", "name addresses, protocols and ports"),
        Kind("denies-unlogged", NOTE, "{what} denies without a log record", "code logging, or nobody sees what it stops"),
        Kind("log-lost", WARNING, "{count} filters log and nothing keeps the records: {why}", "{hint}"),
        Kind("log-off", NOTE, "{count} filters ask for log records and none is written: {why}", "{hint}"),
        Kind("default-permits", NOTE, "{what} permits what the policy denies, before the Policy Agent is up and after ipsec -f default: {packets}", "narrow it if the policy is right"),
        Kind("default-denies", NOTE, "while the default rules are in force, what the policy permits is denied: {packets}", ""),
        Kind("never-hit", NOTE, "{what} matched nothing: {evidence}", "ask its owner whether it is needed"),
        Kind("no-verdict", NOTE, "no word on rules never used: {why}", "{hint}"),
        Kind("wider-than-traffic", NOTE, "{what} permits more than was seen ({seen}): {why}", "narrow it, or keep it for what has not been seen yet"),
        # chain and system
        Kind("log-file-missing", WARNING, "{name} does not exist, and syslogd runs without -c: its records are lost", "start syslogd with -c or make the file"),
        Kind("no-policy", NOTE, "{why}: the default rules of the profile stay in force", "{hint}"),
        Kind("bad-system", ERROR, "{what}", "{hint}"),
    )
}
# fmt: on


def finding(id: str, where: Where, issued: str = "", **values: object) -> Finding:
    """The row of `KINDS` named `id`, filled in."""
    return KINDS[id](where, issued, **values)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean X?` for the nearest of `known`, ignoring case; else `otherwise`."""
    import difflib

    names = {name.upper(): name for name in known}
    near = difflib.get_close_matches(word.upper(), names, n=1, cutoff=0.6)
    return f"did you mean {names[near[0]]}?" if near else otherwise


def worst(findings: Sequence[Finding]) -> str | None:
    """The gravest severity among `findings`, or None."""
    severities = {found.severity for found in findings}
    return next((severity for severity in (ERROR, WARNING, UNKNOWN, NOTE) if severity in severities), None)


def number(word: str, low: int, high: int) -> int:
    """A decimal number in low..high. Raises ValueError, saying what is wrong."""
    if not (word.isascii() and word.isdigit()) or len(word) > 20:
        raise ValueError(f"{word!r} is no number")
    if not low <= int(word) <= high:
        raise ValueError(f"{word} is not in {low} to {high}")
    return int(word)
