"""Systems and packets for tests: configuration as text in, octets on the wire in, deciding filters out.

system = policy_system(policy=TEXT)
decided(system, tcp("10.1.0.2", "10.1.1.2", 40000, 21, SYN))     -> [("LanFtp", 2, "Inbound", "Permit")]
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import engine
from zsim.clock import SECOND, Clock
from zsim.config.source import Source
from zsim.files import Files
from zsim.findings import ERROR, Finding, Where
from zsim.system import System, Task
from zsim.tcpip.stack import Stack
from zsim.tcpip.traffic import Outcome

ROOT = Path(__file__).parents[2]
PCAPS = ROOT.parent / "shared" / "data" / "pcaps"
NOW = 1_702_476_331 * SECOND  # 2023-12-13 14:05:31 UTC
RAW_IP = 101  # linktype

PROFILE = """\
IPCONFIG DATAGRAMFWD IPSECURITY
IPCONFIG6 IPSECURITY
INTERFACE ETH1 DEFINE IPAQENET CHPIDTYPE OSD IPADDR 10.1.1.2 PORTNAME PORTA
INTERFACE ETH2 DEFINE IPAQENET CHPIDTYPE OSD IPADDR 192.168.1.74/24 PORTNAME PORTB
INTERFACE ETH6 DEFINE IPAQENET6 CHPIDTYPE OSD IPADDR 2001:db8::2 PORTNAME PORTA
BEGINROUTES
  ROUTE 10.1.0.0/16 10.1.1.1 ETH1 MTU 1492
  ROUTE DEFAULT     10.1.1.1 ETH1 MTU 1492
ENDROUTES
START ETH1
START ETH2
START ETH6
"""
ENVIRONMENT = "PAGENT_CONFIG_FILE=//'USER.CONFIG(PAMAIN)'\nLIBPATH=/usr/lib\n"
PAMAIN = "TcpImage TCPIP //'USER.CONFIG(PAIMAGE)' FLUSH PURGE 600\n"
PAIMAGE = "IpSecConfig //'USER.CONFIG(IPSTACK)'\n"
SYSLOGCONF = "*.TRMD1.*.info /var/log/TRMD1I.%Y.%m.%d\n"
LOG = "/var/log/TRMD1I.2023.12.13"


def system(files: dict[str, str], *, timezone: str = "GMT0", now: int = NOW, tasks: str = "") -> System:
    """A started system with these files. Every task is there but those named in `tasks` behind a minus."""
    made = unstarted(files, timezone=timezone, tasks=tasks)
    made.start(now)
    return made


def unstarted(files: dict[str, str], *, timezone: str = "GMT0", tasks: str = "") -> System:
    """The same before its start."""
    here = Where("system.yaml", 1, 1)
    every = {
        "TCPIP": Task("TCPIP", "EZBTCPIP", "TCPIP", here, file="//'USER.CONFIG(PROFILE)'"),
        "SYSLOGD": Task("SYSLOGD", "SYSLOGD", "START1", here, "-c -i", file="/etc/syslog.conf"),
        "CPAGENT": Task("CPAGENT", "PAGENT", "START1", here, environment="//'USER.CONFIG(STDENV)'"),
        "TRMD": Task("TRMD", "EZATRMD", "START1", here, "-P TCPIP"),
    }
    chosen = {name: task for name, task in every.items() if f"-{name}" not in tasks.split()}
    return System("test", "S0W1", "V2R4", timezone, Stack("TCPIP"), chosen,
                  Files({name: name for name in files}, text=dict(files)), clock=Clock())  # fmt: skip


def profile_system(profile: str, **options: str | int) -> System:
    """A system whose default rules are in force: no Policy Agent runs."""
    files = {"USER.CONFIG(PROFILE)": profile, "/etc/syslog.conf": SYSLOGCONF}
    return system(files, tasks="-CPAGENT", **options)  # type: ignore[arg-type]


def chain(policy: str, profile: str = PROFILE, **more: str) -> dict[str, str]:
    """The files of a system with a Policy Agent; `more` are members of USER.CONFIG."""
    members = {"PROFILE": profile, "STDENV": ENVIRONMENT, "PAMAIN": PAMAIN, "PAIMAGE": PAIMAGE, "IPSTACK": policy}
    named = {f"USER.CONFIG({name})": text for name, text in (members | more).items()}
    return {**named, "/etc/syslog.conf": SYSLOGCONF}


def policy_system(policy: str, profile: str = PROFILE, **more: str) -> System:
    """A system whose policy is in force; a policy that is refused is a failure here."""
    made = system(chain(policy, profile, **more))
    assert made.stack.policy is not None, [str(each) for each in made.doubts]
    return made


def findings_of(files: dict[str, str]) -> tuple[Finding, ...]:
    """What the start of a system has to say."""
    return tuple(unstarted(files).start(NOW)[1])


def errors_of(policy: str, **more: str) -> list[tuple[str, int, int]]:
    """Id, line and column of each error of a policy."""
    found = findings_of(chain(policy, **more))
    return [(each.id, each.where.line, each.where.column) for each in found if each.severity == ERROR]


def rule(name: str, *, source: str = "", dest: str = "", service: str = "", action: str = "permit-log") -> str:
    """An IpFilterRule; what is empty is left out, `|` in an address separates alternatives."""
    lines = [f"IpFilterRule {name}", "{"]
    lines += [f"  IpSourceAddr {each.strip()}" for each in source.split("|") if each.strip()]
    lines += [f"  IpDestAddr {each.strip()}" for each in dest.split("|") if each.strip()]
    for one in (service or "Protocol All").split("|"):
        lines += ["  IpService", "  {", *(f"    {line.strip()}" for line in one.split(";")), "  }"]
    return "\n".join([*lines, f"  IpGenericFilterActionRef {action}", "}", ""])


ACTIONS = """\
IpGenericFilterAction permit-log
{
  IpFilterAction Permit
  IpFilterLogging Yes
}
IpGenericFilterAction permit-quiet
{
  IpFilterAction Permit
}
IpGenericFilterAction deny-log
{
  IpFilterAction Deny
  IpFilterLogging Yes
  DiscardAction ICMP
}
IpGenericFilterAction deny-quiet
{
  IpFilterAction Deny
}
"""


def policy(*rules: str, logging: str = "on") -> str:
    """A policy of rules made with `rule`, in their order."""
    names = [text.split()[1] for text in rules]
    refs = "".join(f"  IpFilterRuleRef {name}\n" for name in names)
    return f"IpFilterPolicy\n{{\n  FilterLogging {logging}\n{refs}}}\n" + "".join(rules) + ACTIONS


# ---- installed filters -----------------------------------------------------------------------------------------


class Row(NamedTuple):
    """An installed filter in short."""

    name: str
    ext: int
    way: str
    source: str
    sport: str
    dest: str
    dport: str
    action: str


def rows(filters: Iterable[object], version: int = 4) -> list[Row]:
    """The visible filters of one IP version, in search order."""
    return [
        Row(
            each.name,
            each.extension,
            each.direction,
            str(each.source),
            _span(each.service.source_port),
            str(each.dest),
            _span(each.service.dest_port),
            each.action,
        )
        for each in filters  # type: ignore[attr-defined]
        if each.version == version and not each.hidden
    ]


def _span(span: tuple[int, int] | None) -> str:
    if span is None:
        return "any"
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


# ---- packets ---------------------------------------------------------------------------------------------------

SYN, ACK, FIN, RST, PSH = 0x02, 0x10, 0x01, 0x04, 0x08


def ip4(source: str, dest: str, proto: int, payload: bytes = b"", *, offset: int = 0, more: bool = False) -> bytes:
    """An IPv4 packet; `offset` in units of 8 octets."""
    flags = offset | (0x2000 if more else 0)
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(dest).packed
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, flags, 64, proto, 0) + ends + payload


def ip6(source: str, dest: str, proto: int, payload: bytes = b"", *, offset: int | None = None, more: bool = False):
    """An IPv6 packet; with `offset` there is a fragment header in it."""
    ends = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(dest).packed
    if offset is not None:
        payload = struct.pack("!BBHI", proto, 0, offset << 3 | more, 7) + payload
        proto = 44
    return struct.pack("!IHBB", 0x60000000, len(payload), proto, 64) + ends + payload


def _over(source: str, dest: str, proto: int, payload: bytes, **options: object) -> bytes:
    return (ip6 if ":" in source else ip4)(source, dest, proto, payload, **options)  # type: ignore[arg-type]


def tcp(source: str, dest: str, sport: int, dport: int, flags: int = ACK, **options: object) -> bytes:
    header = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, flags, 8192, 0, 0)
    return _over(source, dest, 6, header, **options)


def udp(source: str, dest: str, sport: int, dport: int, size: int = 0, **options: object) -> bytes:
    return _over(source, dest, 17, struct.pack("!HHHH", sport, dport, 8 + size, 0) + bytes(size), **options)


def icmp(source: str, dest: str, type: int, code: int = 0, size: int = 56, **options: object) -> bytes:
    header = struct.pack("!BBHHH", type, code, 0, 1, 1) + bytes(size)
    return _over(source, dest, 58 if ":" in source else 1, header, **options)


def ospf(source: str, dest: str, type: int = 1, size: int = 20) -> bytes:
    header = struct.pack("!BBHIIHH8x", 2, type, 24 + size, 1, 0, 0, 0)
    return ip4(source, dest, 89, header + bytes(size))


def igmp(source: str, dest: str) -> bytes:
    return ip4(source, dest, 2, bytes((0x11, 100, 0, 0, 0, 0, 0, 0)))


def play(system: System, *packets: bytes, interface: str | None = None, compiled: bool = False, time: int = NOW):
    """The packets one after the other, a second apart."""
    given = [(time + at * SECOND, packet) for at, packet in enumerate(packets)]
    return system.receive(engine.frames_of(given, RAW_IP, compiled), interface)


def decided(system: System, packet: bytes, interface: str | None = None) -> list[tuple[str, int, str, str]]:
    """Which filter decided on each crossing of an interface: name, extension, direction, action."""
    prepared = system.prepare()
    outcome, _ = system.receive(engine.frames_of([(NOW, packet)], RAW_IP), interface, prepared)
    found = []
    for leg in outcome.judgement.legs:
        for number in leg.rule:
            row = prepared.rows[number]
            found.append((row.name, row.extension, row.direction or ("Inbound", "Outbound")[leg.direction], row.action))
    return found


def verdict(outcome: Outcome, at: int = 0) -> str:
    return engine.VERDICTS[outcome.judgement.verdict[at]]


def log_of(system: System, path: str = LOG) -> list[str]:
    """The lines of a log file but those in which TRMD tells of its own start and end."""
    text = system.files.get(path)
    lines = text.splitlines() if isinstance(text, str) else []
    return [line for line in lines if "EZZ8495I" not in line and "EZZ8501I" not in line]


def source(text: str, name: str = "TEST") -> Source:
    return Source(name, text)
