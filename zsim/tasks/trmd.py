"""TRMD: turns filter events into messages for syslogd.

Log records spell things their own way: lower-case protocol names, `N/A`, a blank after every `=`, and `-=` for a
tag that is null. Source: halmN ezd0815i; the published records quoted in the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from zsim import addresses, messages
from zsim.clock import stack_time
from zsim.facts import fact
from zsim.tasks.syslogd import LogRecord
from zsim.tcpip import defensive
from zsim.tcpip.defensive import Change
from zsim.tcpip.filters import FilterRule
from zsim.tcpip.traffic import FilterEvent

# proto= in log records, by number; other numbers stand bare. (ezd0815i list; lower case as in real records)
PROTOCOLS = {
    1: "icmp(1)", 2: "igmp(2)", 4: "ip(4)", 6: "tcp(6)", 17: "udp(17)", 50: "esp(50)", 51: "ah(51)", 58: "icmpv6(58)",
    89: "ospf(89)", 94: "ipip(94)", 135: "mipv6(135)",
}  # fmt: skip
UNKNOWN, NONE, NULL_TAG = "Unknown", "N/A", "-="
DPORT = "dport="  # its spelling is a fact

# The tags of each protocol: keyword and the event's attribute. What is missing up to three is a null tag.
TAGS: dict[int, tuple[tuple[str, str], ...]] = {
    1: (("type=", "type"), ("code=", "code")),
    58: (("type=", "type"), ("code=", "code")),
    6: (("sport=", "source_port"), (DPORT, "dest_port")),
    17: (("sport=", "source_port"), (DPORT, "dest_port")),
    89: (("type=", "type"),),
    135: (("type=", "type"),),
}
SLOTS = 3



class Cause(NamedTuple):
    """Why a packet is written about, and the message. `never` says why zsim has no such packet; "" where it has."""

    name: str
    message: messages.Message
    never: str = ""


_NO_TUNNELS = "tunnels are not modelled"
PERMITTED, DENIED, NO_TUNNEL, BLOCKED, WOULD_BLOCK = "permitted", "denied", "no tunnel", "blocked", "would block"

# Every packet message of TRMD but EZD0836I, which names no rule (see `tunnel_error`). (ezd0815i, ezd1721i, ezd0838i)
CAUSES = {
    cause.name: cause
    for cause in (
        Cause(PERMITTED, messages.EZD0814I),
        Cause(DENIED, messages.EZD0815I),
        Cause(NO_TUNNEL, messages.EZD0821I),
        Cause("tunnel inactive", messages.EZD0822I, _NO_TUNNELS),
        Cause("NAT traversal", messages.EZD0832I, "NAT traversal is not modelled"),
        Cause("tunnel mismatch", messages.EZD0833I, _NO_TUNNELS),
        Cause(BLOCKED, messages.EZD1721I),
        Cause(WOULD_BLOCK, messages.EZD1722I),
    )
}


def record(event: FilterEvent | Change, stack: str, user: str, job: str) -> LogRecord:
    """The record TRMD writes for one logged packet, or about a defensive filter."""
    return writer(stack, user, job)._replace(time=event.time, text=str(_message(event)))


def writer(stack: str, user: str, job: str) -> LogRecord:
    """A record of TRMD without time and text."""
    tag = f"{fact('log-tag').format(stack=stack)}[{fact('log-pid')}]"
    return LogRecord(0, fact("log-facility"), fact("log-priority"), user, job, tag, "")


def stack_of(options: str) -> str:
    """The stack that -p names, in either case; "" for the default one. (trmd; the seed's procedure)"""
    words = options.split()
    return next((after.upper() for word, after in pairwise(words) if word.lower() == "-p"), "")


def own(message: messages.IssuedMessage, time: int, stack: str, user: str, job: str) -> LogRecord:
    """What TRMD says of its own start and end; it has no stack time. (trmdstat_fltopt)"""
    tag = f"{fact('log-tag').format(stack=stack)}[{fact('log-pid')}]"
    return LogRecord(time, "daemon", "info", user, job, tag, str(message))


def _message(event: FilterEvent | Change) -> messages.IssuedMessage:
    return change(event) if isinstance(event, Change) else message(event)


CHANGES = {
    "added": messages.EZD1723I, "updated": messages.FILTER_UPDATED, "deleted": messages.FILTER_DELETED,
    "expired": messages.FILTER_EXPIRED,
}  # fmt: skip


def change(event: Change) -> messages.IssuedMessage:
    """A defensive filter was added, updated, deleted, expired, or had its messages limited."""
    rule, service, defence = event.rule, event.rule.service, event.rule.defence
    assert defence is not None
    kind = CHANGES.get(event.what) or (messages.EZD0838I if event.simulated else messages.EZD0837I)
    words = dict(zip(*[iter(defensive.words(rule))] * 2, strict=True))
    spans = {"source_port": "srcport", "dest_port": "destport", "type": "type", "code": "code"}
    coded = TAGS.get(service.protocol if service.protocol is not None else -1, ())
    tags = [f"{keyword(tag)} {words[spans[name]]}" for tag, name in coded]
    tag1, tag2, *_ = [*tags, NULL_TAG, NULL_TAG]
    protocol = fact("log-protocol-all") if service.protocol is None else protocol_of(service.protocol)
    return kind(
        time=stack_time(event.time), rule=rule.name, extension=rule.extension, source=_with_bits(rule.source),
        dest=_with_bits(rule.dest), protocol=protocol, tag1=tag1, tag2=tag2, fragments=words["fragmentsonly"],
        direction=words["dir"], routing=words["routing"], mode=words["mode"], log=words["log"],
        lifetime=words["lifetime"], loglimit=words["loglimit"], user=defence.user,
        all="yes" if defence.type == defensive.GLOBAL else "no", count=event.held_back,
    )  # fmt: skip


def _with_bits(end: addresses.AddressRange) -> str:
    """A single address as /32 or /128. (unconfirmed)"""
    bits = addresses.WIDTH[end.version] if end.bits is None else end.bits
    return f"{addresses.text(end.version, end.low)}/{bits}"


def cause(rule: FilterRule, simulated: bool) -> str:
    """The name in CAUSES of what a rule that logs does to a packet."""
    if rule.defence is not None:
        return WOULD_BLOCK if simulated else BLOCKED
    if rule.denies:
        return NO_TUNNEL if rule.action == "IpSec" else DENIED
    return PERMITTED


def message(event: FilterEvent, why: str = "", given: Mapping[str, object] | None = None) -> messages.IssuedMessage:
    """What is written about a packet; `why`, a name of CAUSES, follows from its rule where it is not given. Values in
    `given` take the place of the packet's."""
    rule = event.rule
    fragment = fact("log-fragment-yes") if event.fragment else "N"
    values = {"fragment": fragment, **of_rule(rule), **_packet(event), **(given or {})}
    return CAUSES[why or cause(rule, event.simulated)].message(**values)


def tunnel_error(event: FilterEvent, inner: FilterEvent) -> messages.IssuedMessage:
    """EZD0836I: an ICMP error that no filter matched is let through because the packet it quotes, `inner`, is one of a
    tunnel. zsim has no tunnels, so it never writes it."""
    quoted = _packet(inner)
    names = ("source", "dest", "protocol", "tag1", "tag2", "tag3")
    return messages.EZD0836I(tunnel=NONE, **_packet(event), **{f"inner_{name}": quoted[name] for name in names})


def _packet(event: FilterEvent) -> dict[str, object]:
    """What a record says of the packet itself and of where it was."""
    tag1, tag2, tag3 = tags_of(event)
    return {
        "time": stack_time(event.time), "source": addresses.text(event.version, event.source),
        "dest": addresses.text(event.version, event.dest), "protocol": protocol_of(event.protocol),
        "tag1": tag1, "tag2": tag2, "tag3": tag3,
        "interface": addresses.text(event.version, event.interface_address), "way": "I" if event.inbound else "O",
        "secclass": event.secclass, "destination": "routed" if event.routed else "local", "length": event.length,
        "ifcname": event.interface,
    }  # fmt: skip


def of_rule(rule: FilterRule) -> dict[str, object]:
    """What a record says of the rule."""
    return {"rule": rule.name, "extension": rule.extension, "vpnaction": rule.vpn_action or NONE, "tunnel": NONE}


def keyword(tag: str) -> str:
    """The keyword of a tag as it is written."""
    return str(fact("log-dport-tag")) if tag is DPORT else tag


def protocol_of(number: int | None) -> str:
    """proto= of a packet."""
    return UNKNOWN if number is None else PROTOCOLS.get(number, str(number))


def tags_of(event: FilterEvent) -> list[str]:
    """The three tags; what the packet does not show, because of fragmentation, is `Unknown`."""
    tags = [
        f"{keyword(tag)} {UNKNOWN if value is None else value}"
        for tag, name in TAGS.get(event.protocol if event.protocol is not None else -1, ())
        for value in (getattr(event, name),)
    ]
    return tags + [NULL_TAG] * (SLOTS - len(tags))
