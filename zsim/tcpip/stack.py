"""The state of one TCP/IP stack and the functions that change it.

A stack starts from its profile, is changed by OBEYFILE, and is handed a policy by the Policy Agent. Exactly one
of its two filter sets is in force. (halz002 ipsecurity_default_policy, "verifying active filters")
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zsim import messages
from zsim.config import profile
from zsim.config.profile.tables import GLOBALCONFIG, IPCONFIG, IPCONFIG6, NETMONITOR
from zsim.facts import fact
from zsim.findings import Finding, Where, finding
from zsim.messages import IssuedMessage
from zsim.tcpip import filters, interfaces, ports
from zsim.tcpip.defensive import Defensive
from zsim.tcpip.filters import FilterSet
from zsim.tcpip.interfaces import Interfaces

TABLES = {"IPCONFIG": IPCONFIG, "IPCONFIG6": IPCONFIG6, "GLOBALCONFIG": GLOBALCONFIG, "NETMONITOR": NETMONITOR}


@dataclass
class Stack:
    """default is the profile's set, policy the Policy Agent's, None where there is none. `default_forced` is what
    `ipsec -f default` sets and `-f reload` clears; it outlives a restart. `ports` are the reservations in the order
    they were made, `settings` the parameters in force of IPCONFIG, IPCONFIG6, GLOBALCONFIG and NETMONITOR."""

    name: str
    interfaces: Interfaces = field(default_factory=interfaces.predefined)
    ipsecurity: dict[int, bool] = field(default_factory=lambda: {4: False, 6: False})
    forwarding: dict[int, bool] = field(default_factory=lambda: {4: True, 6: True})
    default: FilterSet | None = None
    policy: FilterSet | None = None
    default_forced: bool = False
    ports: list[profile.PortEntry] = field(default_factory=list)
    settings: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    defensive: Defensive = field(default_factory=Defensive)

    @property
    def defensive_mode(self) -> str:
        """What the heading of reports shows."""
        return self.defensive.mode or str(fact("report-defensive-mode"))

    @property
    def in_force(self) -> FilterSet | None:
        """The set the stack is using; None while IP security is off."""
        if self.policy is not None and not self.default_forced:
            return self.policy
        return self.default

    @property
    def versions(self) -> tuple[int, ...]:
        """The IP versions that are filtered."""
        return tuple(version for version, on in self.ipsecurity.items() if on)


def start(stack: Stack, read: profile.Profile, now: int) -> list[Finding]:
    """Apply the initial profile."""
    return _apply(stack, read, now, obey=False)


def obey(stack: Stack, read: profile.Profile, now: int) -> list[Finding]:
    """Apply an OBEYFILE: what is coded replaces or adds, statement by statement; the rest stays."""
    return _apply(stack, read, now, obey=True)


def _apply(stack: Stack, read: profile.Profile, now: int, obey: bool) -> list[Finding]:
    """Every statement in file order, START and STOP last, then the rules of the IPSEC block."""
    statements = tuple(each for each in read.statements if not _needs_ipv6(each))
    findings = [_no_ipv6(each.where) for each in read.statements if _needs_ipv6(each)]
    for each in statements:
        if isinstance(each, profile.IpConfig | profile.Settings):
            _set(stack, each)
        elif isinstance(each, profile.PortList):
            findings += ports.apply(stack.ports, each)
    configs = [each for each in statements if isinstance(each, profile.IpConfig)]
    findings += _ipsecurity(stack, configs, obey)
    findings += interfaces.apply(stack.interfaces, statements)
    block = next((each for each in statements if isinstance(each, profile.Ipsec)), None)
    return findings + _ipsec(stack, block, now, obey)


def _needs_ipv6(statement: profile.Statement) -> bool:
    """IPCONFIG6 on a stack without IPv6 is refused, and the stack goes on. (ezz0695i)"""
    return isinstance(statement, profile.IpConfig) and statement.version == 6 and not fact("stack-ipv6")


def _no_ipv6(where: Where) -> Finding:
    issued = str(messages.EZZ0695I())
    return finding("conflict", where, issued, text="the stack has no IPv6", hint="leave IPCONFIG6 out")


def _set(stack: Stack, statement: profile.IpConfig | profile.Settings) -> None:
    """Changes only the parameters named; one replaces those it excludes. (unconfirmed in detail)"""
    kept = stack.settings.setdefault(statement.name, {})
    table = TABLES[statement.name]
    for key, words in statement.parameters.items():
        for other in table.rivals(key):
            kept.pop(other, None)
        kept[key] = words
    if isinstance(statement, profile.IpConfig) and {"DATAGRAMFWD", "NODATAGRAMFWD"} & set(statement.parameters):
        stack.forwarding[statement.version] = "DATAGRAMFWD" in statement.parameters


def _ipsecurity(stack: Stack, configs: list[profile.IpConfig], obey: bool) -> Iterator[Finding]:
    """IPSECURITY has no negative form. All IPCONFIGs of a file act together: that of IPv6 needs that of IPv4, whichever
    is first. Whether an OBEYFILE may turn it on is unconfirmed. (ipconfig, ipconfig6, dmd_enable)"""
    asked = sorted((each for each in configs if "IPSECURITY" in each.parameters), key=lambda each: each.version)
    for each in asked:
        if stack.ipsecurity[each.version]:
            continue
        if obey and not fact("ipsecurity-by-obeyfile"):
            text, hint = "IPSECURITY cannot be turned on by an OBEYFILE", "code it in the profile and restart the stack"
            yield finding("conflict", each.places["IPSECURITY"], text=text, hint=hint)
        elif each.version == 6 and not stack.ipsecurity[4]:
            text, hint = "IPCONFIG6 IPSECURITY needs IPCONFIG IPSECURITY", "code IPCONFIG IPSECURITY too"
            yield finding("conflict", each.places["IPSECURITY"], text=text, hint=hint)
        else:
            stack.ipsecurity[each.version] = True


def _ipsec(stack: Stack, block: profile.Ipsec | None, now: int, obey: bool) -> list[Finding]:
    """The IPSEC block replaces the complete default rules; without IPSECURITY it is ignored. (ipsecst, blog-allow)"""
    findings = []
    if block and not stack.versions:
        findings.append(finding("no-ipsecurity", block.where))
    first6 = next((rule for rule in block.rules if rule.version == 6), None) if block else None
    if first6 and stack.versions and 6 not in stack.versions:
        why, hint = "IPCONFIG6 IPSECURITY is not coded", "code IPCONFIG6 IPSECURITY"
        findings.append(finding("no-effect", first6.where, what="IPSEC6RULE", why=why, hint=hint))
    if block and obey and block.dvipsec:
        text, hint = "DVIPSEC is not accepted in an OBEYFILE", "code it in the initial profile"
        findings.append(finding("conflict", block.places["DVIPSEC"], text=text, hint=hint))
        block = block._replace(dvipsec=stack.default is not None and stack.default.dvipsec)
    if stack.versions and (block or not obey):
        stack.default = filters.profile_set(block, stack.versions, now)
    return findings


def announced(read: profile.Profile) -> Iterator[IssuedMessage]:
    """What the stack says of statements it has taken. (ezz0641i)"""
    for each in read.statements:
        if isinstance(each, profile.IpConfig) and each.version == 4 and "DATAGRAMFWD" in each.parameters:
            yield messages.EZZ0641I(type=" ".join(each.parameters["DATAGRAMFWD"]) or "NOFWDMULTIPATH")


def install(stack: Stack, policy: FilterSet | None) -> None:
    """The Policy Agent hands over a policy, or takes it away. Counters start at 0."""
    stack.policy = policy
