"""The state of one TCP/IP stack and the functions that change it.

A stack starts from its profile, is changed by OBEYFILE, and is handed a policy by the Policy Agent. Exactly one
of its two filter sets is in force. (halz002 ipsecurity_default_policy, "verifying active filters")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zsim.config import profile
from zsim.facts import fact
from zsim.findings import Finding, finding
from zsim.tcpip import filters, interfaces
from zsim.tcpip.filters import FilterSet
from zsim.tcpip.interfaces import Interfaces


@dataclass
class Stack:
    """default is the profile's set, policy the Policy Agent's, None where there is none. `default_forced` is what
    `ipsec -f default` sets and `-f reload` clears; it outlives a restart."""

    name: str
    interfaces: Interfaces = field(default_factory=interfaces.predefined)
    ipsecurity: dict[int, bool] = field(default_factory=lambda: {4: False, 6: False})
    forwarding: dict[int, bool] = field(default_factory=lambda: {4: True, 6: True})
    default: FilterSet | None = None
    policy: FilterSet | None = None
    default_forced: bool = False
    defensive_mode: str = field(default_factory=lambda: str(fact("report-defensive-mode")))

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
    findings: list[Finding] = []
    for statement in read.statements:
        if isinstance(statement, profile.IpConfig):
            findings += _ipconfig(stack, statement, obey)
    findings += interfaces.apply(stack.interfaces, read.statements)
    block = next((each for each in read.statements if isinstance(each, profile.Ipsec)), None)
    if block and not stack.versions:
        findings.append(finding("no-ipsecurity", block.where))
    if block and obey and block.dvipsec:
        findings.append(finding("conflict", block.where, text="DVIPSEC is not accepted in an OBEYFILE",
                                hint="code it in the initial profile"))  # fmt: skip
        block = block._replace(dvipsec=stack.default is not None and stack.default.dvipsec)
    if stack.versions and (block or not obey):
        stack.default = filters.profile_set(block, stack.versions, now)
    return findings


def _ipconfig(stack: Stack, statement: profile.IpConfig, obey: bool) -> list[Finding]:
    """IPSECURITY has no negative form; whether an OBEYFILE may turn it on is unconfirmed."""
    coded: Mapping[str, object] = statement.parameters
    if "DATAGRAMFWD" in coded or "NODATAGRAMFWD" in coded:
        stack.forwarding[statement.version] = "DATAGRAMFWD" in coded
    if "IPSECURITY" not in coded or stack.ipsecurity[statement.version]:
        return []
    if obey and not fact("ipsecurity-by-obeyfile"):
        return [finding("conflict", statement.where, text="IPSECURITY cannot be turned on by an OBEYFILE",
                        hint="code it in the profile and restart the stack")]  # fmt: skip
    if statement.version == 6 and not stack.ipsecurity[4]:
        return [finding("conflict", statement.where, text="IPCONFIG6 IPSECURITY needs IPCONFIG IPSECURITY",
                        hint="code IPCONFIG IPSECURITY before it")]  # fmt: skip
    stack.ipsecurity[statement.version] = True
    return []


def install(stack: Stack, policy: FilterSet | None) -> None:
    """The Policy Agent hands over a policy, or takes it away. Counters start at 0."""
    stack.policy = policy
