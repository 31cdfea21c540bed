"""Logged verdicts in the shapes that other tools read: the facts of a TRMD record, one event a record.

    event     JSON Lines of our own: every fact under a plain name
    rfc5424   syslog with structured data (RFC 5424); MSG is the text of TRMD
    ecs       Elastic Common Schema 8.11, as JSON Lines
    ocsf      Open Cybersecurity Schema Framework 1.3.0, class Network Activity (4001), with the profiles host and
              security_control, as JSON Lines

A format is a table of places and of what stands there; what a packet does not show is left out, in `event` null. The
JSON Schema of each is zsim/schemas/NAME.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from zsim import flows
from zsim.addresses import text as address_text
from zsim.clock import iso
from zsim.tasks import trmd
from zsim.tasks.syslogd import priority
from zsim.tcpip.filters import FilterRule
from zsim.tcpip.traffic import FilterEvent

Record = dict[str, Any]

ECS_VERSION = "8.11.0"
OCSF_VERSION = "1.3.0"
PERMITTED, DENIED, BLOCKED, SIMULATED = "permitted", "denied", "blocked", "simulated"

# Names of protocols as other tools write them: IANA's keywords in lower case.
PROTOCOLS = {1: "icmp", 2: "igmp", 4: "ipv4", 6: "tcp", 17: "udp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah",
             58: "ipv6-icmp", 89: "ospfigp", 94: "ipip", 103: "pim", 132: "sctp", 135: "mobility header"}  # fmt: skip


class Observer(NamedTuple):
    """Who saw the packets: the image and its stack, and as whom TRMD writes."""

    sysname: str
    release: str
    stack: str
    user: str
    job: str
    version: str  # of zsim


# ---- the facts of one event ------------------------------------------------------------------------------------


def verdict(event: FilterEvent) -> str:
    """What became of the packet, as far as this filter is concerned."""
    if event.rule.defence is not None:
        return SIMULATED if event.simulated else BLOCKED
    return DENIED if event.rule.denies else PERMITTED


def reason(event: FilterEvent) -> str:
    """Why, in one word of a short list."""
    rule = event.rule
    if rule.defence is not None:
        return "defensive-filter-simulated" if event.simulated else "defensive-filter"
    if not rule.denies:
        return "permit-rule"
    if rule.action == "IpSec":
        return "no-tunnel"
    return "implicit-deny" if rule.implicit else "deny-rule"


def facts(event: FilterEvent, seen_by: Observer) -> Record:
    """Every fact of an event under its plain name: the format `event`."""
    rule, version = event.rule, event.version
    kind, code = (event.type, event.code) if event.protocol in trmd.TAGS else (None, None)
    icmp = (version, event.protocol) in ((4, 1), (6, 58))
    record = trmd.record(event, seen_by.stack, seen_by.user, seen_by.job)
    community = None
    if event.protocol is not None:
        ports = (kind, code) if icmp else (event.source_port, event.dest_port)
        ends = (event.source, ports[0] or 0), (event.dest, ports[1] or 0)
        community = flows.community_id(version, event.protocol, *ends)
    return {
        "time": iso(event.time), "observer": seen_by.sysname, "stack": seen_by.stack, "message": record.text[:8],
        "verdict": verdict(event), "reason": reason(event), **_of_rule(rule),
        "interface": event.interface or None,
        "interface_address": address_text(version, event.interface_address) if event.interface_address else None,
        "direction": "in" if event.inbound else "out", "routed": event.routed, "security_class": event.secclass,
        "version": version, "src": address_text(version, event.source), "dst": address_text(version, event.dest),
        "proto": event.protocol,
        "protocol": None if event.protocol is None else PROTOCOLS.get(event.protocol, str(event.protocol)),
        "sport": event.source_port, "dport": event.dest_port, "type": kind, "code": code if icmp else None,
        "length": event.length, "fragment": event.fragment, "community_id": community,
        "facility": record.facility, "severity": record.priority, "pri": priority(record), "tag": record.tag,
        "text": record.text,
    }  # fmt: skip


def _of_rule(rule: FilterRule) -> Record:
    where = f"{rule.where.source}:{rule.where.line}" if rule.where.line else None
    return {
        "filter": rule.name, "extension": rule.extension, "layer": rule.layer, "action": rule.action,
        "discard": rule.discard if rule.denies else None, "vpn_action": rule.vpn_action or None, "rule": where,
    }  # fmt: skip


# ---- formats ---------------------------------------------------------------------------------------------------

Value = str | Callable[[Record, Observer], Any]  # the name of a fact, or what is made of them


def _says(constant: Any) -> Callable[[Record, Observer], Any]:
    return lambda event, seen_by: constant


def _by(name: str, words: Mapping[Any, Any]) -> Callable[[Record, Observer], Any]:
    return lambda event, seen_by: words[event[name]]


def _there(place: str, way: str) -> Callable[[Record, Observer], Any]:
    return lambda event, seen_by: event[place] if event["direction"] == way else None


_SEVERITY = {PERMITTED: 1, SIMULATED: 2, DENIED: 2, BLOCKED: 2}  # informational, low

# https://www.elastic.co/guide/en/ecs/8.11/ecs-field-reference.html; event.type by its categorisation of network
# events; network.direction of a host-based observer is ingress or egress. What ECS has no field for is below zos.
ECS: tuple[tuple[str, Value], ...] = (
    ("@timestamp", "time"),
    ("ecs.version", _says(ECS_VERSION)),
    ("message", "text"),
    ("event.kind", _says("event")),
    ("event.category", _says(["network"])),
    ("event.type", _by("verdict", {PERMITTED: ["connection", "allowed"], SIMULATED: ["connection", "allowed"],
                                   DENIED: ["connection", "denied"], BLOCKED: ["connection", "denied"]})),
    ("event.action", _by("verdict", {PERMITTED: "packet-permitted", DENIED: "packet-denied",
                                     BLOCKED: "packet-blocked", SIMULATED: "packet-would-be-blocked"})),
    ("event.outcome", _by("verdict", {PERMITTED: "success", SIMULATED: "success", DENIED: "failure",
                                      BLOCKED: "failure"})),
    ("event.reason", "reason"),
    ("event.code", "message"),
    ("event.severity", _by("verdict", _SEVERITY)),
    ("event.module", _says("zos")),
    ("event.dataset", _says("zos.ipfilter")),
    ("event.provider", _says("TRMD")),
    ("source.address", "src"),
    ("source.ip", "src"),
    ("source.port", "sport"),
    ("destination.address", "dst"),
    ("destination.ip", "dst"),
    ("destination.port", "dport"),
    ("network.type", _by("version", {4: "ipv4", 6: "ipv6"})),
    ("network.iana_number", lambda event, seen_by: None if event["proto"] is None else str(event["proto"])),
    ("network.transport", "protocol"),
    ("network.direction", _by("direction", {"in": "ingress", "out": "egress"})),
    ("network.community_id", "community_id"),
    ("network.bytes", "length"),
    ("network.packets", _says(1)),
    ("rule.name", "filter"),
    ("rule.id", lambda event, seen_by: f"{event['filter']} ext {event['extension']}"),
    ("rule.ruleset", "layer"),
    ("rule.category", "action"),
    ("observer.name", "observer"),
    ("observer.hostname", "observer"),
    ("observer.type", _says("firewall")),
    ("observer.vendor", _says("IBM")),
    ("observer.product", _says("z/OS Communications Server")),
    ("observer.version", lambda event, seen_by: seen_by.release),
    ("observer.ingress.interface.name", _there("interface", "in")),
    ("observer.egress.interface.name", _there("interface", "out")),
    ("log.level", "severity"),
    ("log.syslog.facility.name", "facility"),
    ("log.syslog.facility.code", lambda event, seen_by: event["pri"] // 8),
    ("log.syslog.severity.name", "severity"),
    ("log.syslog.severity.code", lambda event, seen_by: event["pri"] % 8),
    ("log.syslog.priority", "pri"),
    ("log.syslog.appname", lambda event, seen_by: event["tag"].partition("[")[0]),
    ("log.syslog.hostname", "observer"),
    ("related.ip", lambda event, seen_by: list(dict.fromkeys((event["src"], event["dst"])))),
    ("zos.ipfilter.stack", "stack"),
    ("zos.ipfilter.verdict", "verdict"),
    ("zos.ipfilter.extension", "extension"),
    ("zos.ipfilter.where", "rule"),
    ("zos.ipfilter.discard", "discard"),
    ("zos.ipfilter.vpn_action", "vpn_action"),
    ("zos.ipfilter.routed", "routed"),
    ("zos.ipfilter.fragment", "fragment"),
    ("zos.ipfilter.security_class", "security_class"),
    ("zos.ipfilter.interface_address", "interface_address"),
    ("zos.ipfilter.type", "type"),
    ("zos.ipfilter.code", "code"),
)  # fmt: skip

# https://schema.ocsf.io/1.3.0/classes/network_activity and the objects it names. A permitted packet is Traffic (6),
# a denied one Refuse (5). disposition_id: 1 Allowed, 6 Dropped, 15 Detected (without further action), 25 Rejected.
_ACTIVITY = {PERMITTED: (6, "Traffic"), SIMULATED: (6, "Traffic"), DENIED: (5, "Refuse"), BLOCKED: (5, "Refuse")}
_ACTION = {PERMITTED: (1, "Allowed"), SIMULATED: (1, "Allowed"), DENIED: (2, "Denied"), BLOCKED: (2, "Denied")}
_DIRECTION = {"in": (1, "Inbound"), "out": (2, "Outbound")}


def _disposition(event: Record) -> tuple[int, str]:
    if event["verdict"] == PERMITTED:
        return 1, "Allowed"
    if event["verdict"] == SIMULATED:
        return 15, "Detected"
    return (25, "Rejected") if event["discard"] == "ICMP" else (6, "Dropped")


OCSF: tuple[tuple[str, Value], ...] = (
    ("activity_id", lambda event, seen_by: _ACTIVITY[event["verdict"]][0]),
    ("activity_name", lambda event, seen_by: _ACTIVITY[event["verdict"]][1]),
    ("category_uid", _says(4)),
    ("category_name", _says("Network Activity")),
    ("class_uid", _says(4001)),
    ("class_name", _says("Network Activity")),
    ("type_uid", lambda event, seen_by: 400_100 + _ACTIVITY[event["verdict"]][0]),
    ("type_name", lambda event, seen_by: f"Network Activity: {_ACTIVITY[event['verdict']][1]}"),
    ("time", "time_ms"),
    ("severity_id", _by("verdict", _SEVERITY)),
    ("severity", _by("verdict", {name: ("", "Informational", "Low")[id] for name, id in _SEVERITY.items()})),
    ("status_id", _by("verdict", {PERMITTED: 1, SIMULATED: 1, DENIED: 2, BLOCKED: 2})),
    ("status", _by("verdict", {PERMITTED: "Success", SIMULATED: "Success", DENIED: "Failure", BLOCKED: "Failure"})),
    ("status_code", "message"),
    ("status_detail", "reason"),
    ("message", "text"),
    ("action_id", lambda event, seen_by: _ACTION[event["verdict"]][0]),
    ("action", lambda event, seen_by: _ACTION[event["verdict"]][1]),
    ("disposition_id", lambda event, seen_by: _disposition(event)[0]),
    ("disposition", lambda event, seen_by: _disposition(event)[1]),
    ("firewall_rule.name", "filter"),
    ("firewall_rule.uid", lambda event, seen_by: f"{event['filter']} ext {event['extension']}"),
    ("firewall_rule.type", "action"),
    ("firewall_rule.category", "layer"),
    ("firewall_rule.desc", "rule"),
    ("src_endpoint.ip", "src"),
    ("src_endpoint.port", "sport"),
    ("src_endpoint.interface_name", _there("interface", "out")),
    ("dst_endpoint.ip", "dst"),
    ("dst_endpoint.port", "dport"),
    ("dst_endpoint.interface_name", _there("interface", "in")),
    ("connection_info.direction_id", lambda event, seen_by: _DIRECTION[event["direction"]][0]),
    ("connection_info.direction", lambda event, seen_by: _DIRECTION[event["direction"]][1]),
    ("connection_info.protocol_num", "proto"),
    ("connection_info.protocol_name", "protocol"),
    ("connection_info.protocol_ver_id", "version"),
    ("connection_info.uid", "community_id"),
    ("traffic.bytes", "length"),
    ("traffic.packets", _says(1)),
    ("device.name", "observer"),
    ("device.hostname", "observer"),
    ("device.type_id", _says(1)),
    ("device.type", _says("Server")),
    ("metadata.version", _says(OCSF_VERSION)),
    ("metadata.profiles", _says(["host", "security_control"])),
    ("metadata.event_code", "message"),
    ("metadata.log_name", _says("TRMD")),
    ("metadata.log_provider", "tag"),
    ("metadata.product.name", _says("zsim")),
    ("metadata.product.vendor_name", _says("zsim")),
    ("metadata.product.version", lambda event, seen_by: seen_by.version),
    ("unmapped.stack", "stack"),
    ("unmapped.routed", "routed"),
    ("unmapped.fragment", "fragment"),
    ("unmapped.security_class", "security_class"),
    ("unmapped.interface_address", "interface_address"),
    ("unmapped.vpn_action", "vpn_action"),
    ("unmapped.type", "type"),
    ("unmapped.code", "code"),
)  # fmt: skip

TABLES = {"ecs": ECS, "ocsf": OCSF}

# Facts that stand in the structured data of RFC 5424; its SD-ID has the enterprise number kept for examples (RFC 5612).
SD_ID = "zsim@32473"
STRUCTURED = (
    "stack", "verdict", "reason", "filter", "extension", "layer", "action", "discard", "vpn_action", "rule",
    "interface", "interface_address", "direction", "routed", "security_class", "version", "src", "dst", "proto",
    "protocol", "sport", "dport", "type", "code", "length", "fragment", "community_id",
)  # fmt: skip
LAST_SEQUENCE = 2**31 - 1  # RFC 5424 section 7.3.1


@lru_cache(maxsize=8)
def _places(table: tuple[tuple[str, Value], ...]) -> list[tuple[list[str], str, Value]]:
    """The rows of a table with their places taken apart."""
    return [(place.split(".")[:-1], place.rpartition(".")[2], value) for place, value in table]


def nested(table: tuple[tuple[str, Value], ...], event: Record, seen_by: Observer) -> Record:
    """The event as a table of places says; places without a value are left out."""
    made: Record = {}
    for folders, name, value in _places(table):
        found = event[value] if isinstance(value, str) else value(event, seen_by)
        if found is None:
            continue
        at = made
        for folder in folders:
            at = at.setdefault(folder, {})
        at[name] = found
    return made


def structured(event: Record, seen_by: Observer, sequence: int | str) -> str:
    """One line of RFC 5424, without its end."""
    app, _, pid = event["tag"].partition("[")
    parameters = "".join(f' {name}="{_escaped(event[name])}"' for name in STRUCTURED if event[name] is not None)
    meta = f'[meta sequenceId="{sequence}"]'
    origin = f'[origin enterpriseId="32473" software="zsim" swVersion="{seen_by.version}"]'
    head = f"<{event['pri']}>1 {event['time_us']} {event['observer']} {app} {pid.rstrip(']') or '-'}"
    return f"{head} {event['message']} {meta}{origin}[{SD_ID}{parameters}] {event['text']}"


def _escaped(value: object) -> str:
    """RFC 5424 section 6.3.3."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return shown.translate(_ESCAPES)


_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "]": "\\]"})


FORMATS = ("event", "rfc5424", "ecs", "ocsf")
# What the name of a file ends in, and the format it is written in.
SUFFIXES = (
    (".ecs.jsonl", "ecs"), (".ecs.json", "ecs"), (".ecs.ndjson", "ecs"), (".ecs", "ecs"), (".ocsf.jsonl", "ocsf"),
    (".ocsf.json", "ocsf"), (".ocsf.ndjson", "ocsf"), (".ocsf", "ocsf"), (".rfc5424", "rfc5424"),
    (".syslog", "rfc5424"),
    (".log", "rfc5424"), (".jsonl", "event"), (".ndjson", "event"), (".json", "event"),
)  # fmt: skip


def format_of(name: str) -> str | None:
    """The format a file name asks for."""
    return next((form for suffix, form in SUFFIXES if name.lower().endswith(suffix)), None)


def lines(events: Sequence[FilterEvent], seen_by: Observer, form: str, written: int = 0) -> Iterator[bytes]:
    """A line for each event; `written` lines stand before them."""
    encode = msgspec.json.Encoder().encode
    for number, event in enumerate(events, written + 1):
        known = facts(event, seen_by)
        if form == "rfc5424":
            known["time_us"] = f"{known['time'][:26]}Z"
            yield structured(known, seen_by, (number - 1) % LAST_SEQUENCE + 1).encode() + b"\n"
        elif form == "event":
            yield encode(known) + b"\n"
        else:
            known["time_ms"] = event.time // 1_000_000
            yield encode(nested(TABLES[form], known, seen_by)) + b"\n"
