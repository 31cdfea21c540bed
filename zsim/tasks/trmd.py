"""TRMD: turns filter events into messages for syslogd.

Log records spell things their own way: lower-case protocol names, `N/A`, a blank after every `=`, and `-=` for a
tag that is null. Source: halmN ezd0815i; the published records quoted in the reference.
"""

from __future__ import annotations

from zsim import addresses, messages
from zsim.clock import stack_time
from zsim.facts import fact
from zsim.tasks.syslogd import LogRecord
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


def record(event: FilterEvent, stack: str, user: str, job: str) -> LogRecord:
    """The record TRMD writes for one logged packet."""
    tag = f"{fact('log-tag').format(stack=stack)}[{fact('log-pid')}]"
    return LogRecord(event.time, fact("log-facility"), fact("log-priority"), user, job, tag, str(message(event)))


def message(event: FilterEvent) -> messages.IssuedMessage:
    """EZD0814I for a permitted packet, EZD0815I for a denied one, EZD0821I for one that wanted a tunnel."""
    rule = event.rule
    kind = messages.EZD0814I
    if rule.denies:
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
