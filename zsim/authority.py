"""Which resources a command needs, by the words somebody types.

    ipsec -f display            EZB.IPSECCMD.sysname.stackname.DISPLAY          READ
    netstat -h                  EZB.NETSTAT.sysname.tcpname.HOME                READ
    pasearch                    EZB.PAGENT.sysname.image.IPSEC                  READ
    V TCPIP,TCPIP,OBEY,dsn      MVS.VARY.TCPIP.OBEYFILE in class OPERCMDS       CONTROL

(ipsec command SERVAUTH profile; the names of the others are unconfirmed)
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from zsim.commands import split
from zsim.config.source import abbreviates
from zsim.findings import did_you_mean
from zsim.racf.access import Asked
from zsim.racf.database import FACILITY, OPERCMDS, SERVAUTH
from zsim.tcpip import ipsec

VARY = ("Obeyfile", "SYNTAXcheck", "STArt", "STOp", "DRop", "PUrgecache")
POLICY_TYPES = ("IPSEC",)  # of pasearch


def of_resources(sysname: str, resources: Iterable[Sequence[str]]) -> list[Asked]:
    """Resources as qualifiers, in which "" stands for the name of the system."""
    return [Asked(".".join(each or sysname for each in qualifiers)) for qualifiers in resources]


def of_pasearch(sysname: str, image: str) -> list[Asked]:
    return [Asked(f"EZB.PAGENT.{sysname}.{image}.{each}") for each in POLICY_TYPES]


def of_console(text: str) -> list[Asked]:
    """An operator command: of VARY TCPIP, by its action; the others are not protected here."""
    verb, operands = split(text)
    if verb != "VARY" or len(operands) < 3 or operands[0] != "TCPIP":
        return []
    word = operands[2].removeprefix("CMD=")
    name = next((each.upper() for each in VARY if word and abbreviates(word, each)), "")
    return [Asked(f"MVS.VARY.TCPIP.{name}", OPERCMDS, "CONTROL")] if name else []


# Reports of netstat by the option of the UNIX command, in the spelling of TSO. (NS tsosyn, netstatcommand)
NETSTAT = {
    "-h": "HOme", "-d": "DEvlinks", "-r": "ROUTe", "-c": "COnn", "-a": "ALLConn", "-A": "ALL", "-f": "CONFIG",
    "-x": "TTLS", "-o": "PORTList",
}  # fmt: skip
DROP = "-D", "DROP"
_CLASS_OF = (("MVS.", OPERCMDS), ("BPX.", FACILITY), ("IRR.", FACILITY))


def of_netstat(words: Sequence[str], sysname: str, stack: str) -> Asked:
    """`netstat [-p stack] [report ...]`, in the form of TSO too: `NETSTAT [report ...] [TCp stack]`. Raises ValueError,
    saying what is wrong."""
    rest = list(words)
    for at, word in enumerate(rest[:-1]):
        if word == "-p" or (not word.startswith("-") and word.upper() in ("TC", "TCP")):
            stack = rest[at + 1].upper()
            del rest[at : at + 2]
            break
    word = rest[0] if rest and not rest[0].startswith("(") else "-c"
    if word in DROP or word.upper() == DROP[1]:
        return Asked(f"MVS.VARY.TCPIP.{DROP[1]}", OPERCMDS, "CONTROL")
    name = NETSTAT.get(word) or next((each for each in NETSTAT.values() if abbreviates(word, each)), "")
    if not name:
        names = [each.upper() for each in NETSTAT.values()]
        hint = did_you_mean(word, names, f"known are {', '.join(NETSTAT)} and {', '.join(names)}")
        raise ValueError(f"netstat {word[:40]} is no report that zsim knows of; {hint}")
    return Asked(f"EZB.NETSTAT.{sysname}.{stack}.{name.upper()}")


def asked(what: str, sysname: str, stack: str, stacks: Iterable[str]) -> list[Asked]:
    """The resources behind a command line, or the one that is named. Raises ValueError, saying what is wrong."""
    words = shlex.split(what)
    verb = words[0].lower() if words else ""
    if verb == "ipsec":
        return of_resources(sysname, ipsec.needed(words[1:], stack, stacks))
    if verb == "pasearch":
        return of_pasearch(sysname, stack)
    if verb == "netstat":
        return [of_netstat(words[1:], sysname, stack)]
    found = of_console(what)
    if found:
        return found
    if len(words) == 1 and re.fullmatch(r"[A-Za-z@#$][A-Za-z0-9@#$_-]*(\.[A-Za-z0-9@#$_-]+)+", what):
        name = what.upper()
        return [Asked(name, next((kind for start, kind in _CLASS_OF if name.startswith(start)), SERVAUTH))]
    known = "ipsec, pasearch, netstat, V TCPIP,...; or the name of a resource, such as EZB.STACKACCESS.S0W1.TCPIP"
    raise ValueError(f"{what[:60]!r} needs no authority that zsim knows of: use {known}")
