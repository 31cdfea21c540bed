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


# Reports of netstat by the option of the UNIX command. (NS netstatcommand)
NETSTAT = {
    "-h": "HOME", "-d": "DEVLINKS", "-r": "ROUTE", "-c": "CONN", "-a": "ALLCONN", "-A": "ALL", "-f": "CONFIG",
    "-x": "TTLS", "-o": "PORTLIST",
}  # fmt: skip
_CLASS_OF = (("MVS.", OPERCMDS), ("BPX.", FACILITY), ("IRR.", FACILITY))


def asked(what: str, sysname: str, stack: str, stacks: Iterable[str]) -> list[Asked]:
    """The resources behind a command line, or the one that is named. Raises ValueError, saying what is wrong."""
    words = shlex.split(what)
    verb = words[0].lower() if words else ""
    if verb == "ipsec":
        return of_resources(sysname, ipsec.needed(words[1:], stack, stacks))
    if verb == "pasearch":
        return of_pasearch(sysname, stack)
    if verb == "netstat":
        word = words[1] if len(words) > 1 else "-c"
        name = NETSTAT.get(word, word.upper())
        if name not in NETSTAT.values():
            hint = did_you_mean(word, NETSTAT.values(), f"known are {', '.join(NETSTAT)}")
            raise ValueError(f"netstat {word} is no report that zsim knows of; {hint}")
        return [Asked(f"EZB.NETSTAT.{sysname}.{stack}.{name}")]
    found = of_console(what)
    if found:
        return found
    if len(words) == 1 and re.fullmatch(r"[A-Za-z@#$][A-Za-z0-9@#$_-]*(\.[A-Za-z0-9@#$_-]+)+", what):
        name = what.upper()
        return [Asked(name, next((kind for start, kind in _CLASS_OF if name.startswith(start)), SERVAUTH))]
    known = "ipsec, pasearch, netstat, V TCPIP,...; or the name of a resource, such as EZB.STACKACCESS.S0W1.TCPIP"
    raise ValueError(f"{what[:60]!r} needs no authority that zsim knows of: use {known}")
