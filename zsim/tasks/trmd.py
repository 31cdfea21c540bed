"""TRMD: turns filter events into messages for syslogd.

Log records spell things their own way: lower-case protocol names, `N/A`, a blank after every `=`, and `-=` for a
tag that is null. Source: halmN ezd0815i; the published records quoted in the reference.
"""

from __future__ import annotations

from zsim import addresses, messages
from zsim.clock import stack_time
from zsim.facts import fact
from zsim.tasks.syslogd import LogRecord
from zsim.tcpip import defensive
from zsim.tcpip.defensive import Change
from zsim.tcpip.traffic import FilterEvent

# proto= in log records, by number; other numbers stand bare. (ezd0815i list; lower case as in real records)
PROTOCOLS = {
    1: "icmp(1)", 2: "igmp(2)", 4: "ip(4)", 6: "tcp(6)", 17: "udp(17)", 50: "esp(50)", 51: "ah(51)", 58: "icmpv6(58)",
    89: "ospf(89)", 94: "ipip(94)", 135: "mipv6(135)",
}  # fmt: skip
UNKNOWN, NULL_TAG = "Unknown", "-="
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


def record(event: FilterEvent | Change, stack: str, user: str, job: str) -> LogRecord:
    """The record TRMD writes for one logged packet, or about a defensive filter."""
    tag = f"{fact('log-tag').format(stack=stack)}[{fact('log-pid')}]"
    return LogRecord(event.time, fact("log-facility"), fact("log-priority"), user, job, tag, str(_message(event)))


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
    tags = [f"{fact('log-dport-tag') if keyword is DPORT else keyword} {words[spans[name]]}" for keyword, name in coded]
    tag1, tag2, *_ = [*tags, NULL_TAG, NULL_TAG]
    protocol = "all" if service.protocol is None else PROTOCOLS.get(service.protocol, service.protocol)
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


def message(event: FilterEvent) -> messages.IssuedMessage:
    """EZD0814I for a permitted packet, EZD0815I for a denied one, EZD0821I for one that wanted a tunnel."""
    rule = event.rule
    kind = messages.EZD0814I
    if rule.defence is not None:
        kind = messages.EZD1722I if event.simulated else messages.EZD1721I
    elif rule.denies:
        kind = messages.EZD0821I if rule.action == "IpSec" else messages.EZD0815I
    tags = tags_of(event)
    return kind(
        time=stack_time(event.time), rule=rule.name, extension=rule.extension,
        source=addresses.text(event.version, event.source), dest=addresses.text(event.version, event.dest),
        protocol=UNKNOWN if event.protocol is None else PROTOCOLS.get(event.protocol, event.protocol),
        tag1=tags[0], tag2=tags[1], tag3=tags[2],
        interface=addresses.text(event.version, event.interface_address), way="I" if event.inbound else "O",
        secclass=event.secclass, destination="routed" if event.routed else "local", length=event.length,
        vpnaction=rule.vpn_action or "N/A", tunnel="N/A", ifcname=event.interface,
        fragment=fact("log-fragment-yes") if event.fragment else "N",
    )  # fmt: skip


def tags_of(event: FilterEvent) -> list[str]:
    """The three tags; what the packet does not show, because of fragmentation, is `Unknown`."""
    tags = [
        f"{fact('log-dport-tag') if keyword is DPORT else keyword} {UNKNOWN if value is None else value}"
        for keyword, name in TAGS.get(event.protocol if event.protocol is not None else -1, ())
        for value in (getattr(event, name),)
    ]
    return tags + [NULL_TAG] * (SLOTS - len(tags))
