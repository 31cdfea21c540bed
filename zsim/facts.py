"""Every value that no source confirms, one row each.

The reference grades what is known of z/OS. What was read in a source stands where it is used. What is
`UNCONFIRMED` (general knowledge, inference) or `CHOICE` (nothing is known, so zsim picks something
deterministic) stands here and nowhere else, so that correcting it is a change of one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from zsim.findings import did_you_mean, number

UNCONFIRMED, CHOICE = "unconfirmed", "simulator choice"


class Fact(NamedTuple):
    name: str
    value: Any
    grade: str
    doc: str


# fmt: off
FACTS = {
    fact.name: fact
    for fact in (
        # profile rules
        Fact("profile-inbound-swapped", True, UNCONFIRMED, "the inbound half of a bidirectional IPSECRULE exchanges its ends"),
        Fact("profile-shared-ordinal", True, CHOICE, "IPSECRULE and IPSEC6RULE share the n of SYSDEFAULTRULE.n"),
        Fact("profile-single-extension", 1, UNCONFIRMED, "extension of the one filter of a DIRECTION INBOUND/OUTBOUND rule"),
        Fact("profile-deny-extensions", (1, 2), UNCONFIRMED, "extensions of SYSDEFAULTDENYRULE outbound and inbound"),
        Fact("profile-deny-scope", "Both", UNCONFIRMED, "Scope shown for SYSDEFAULTDENYRULE"),
        Fact("profile-unlogged-word", "None", UNCONFIRMED, "Logging shown for a profile rule with NOLOG"),
        Fact("profile-icmpv6-always", (133, 137), CHOICE, "ICMPv6 types the default policy lets through when an end is link-local or multicast"),
        Fact("ipsecurity-by-obeyfile", False, UNCONFIRMED, "whether an OBEYFILE may turn IPSECURITY on"),
        # profile language
        Fact("profile-ranges", {"cost-metric": (0, 14), "devretryduration": (0, 4294967295), "dupaddrdet": (0, 2), "hoplimit": (1, 255), "icmperrorlimit": (1, 20), "lifetime": (1, 720), "mtu": (1, 65535), "qdiopriority": (1, 4), "reassemblytimeout": (1, 240), "ttl": (1, 255)}, UNCONFIRMED, "lowest and highest value of profile parameters whose range was not read"),
        Fact("interface-order-enforced", "IPAQIDIO", CHOICE, "INTERFACE types whose required parameters must come first and in order; captured profiles have those of IPAQENET in any order"),
        Fact("retired-statements", "DEVICE GATEWAY", UNCONFIRMED, "statements that get EZZ0717I"),
        Fact("stack-ipv6", True, CHOICE, "the stack has IPv6; without it IPCONFIG6 gets EZZ0695I"),
        Fact("home-undefined-drops-rest", True, CHOICE, "a HOME entry for a name that is no LINK drops the rest of the list, as a syntax error does"),
        Fact("home-reserved", "0.0.0.0/8 127.0.0.0/8 224.0.0.0/3", UNCONFIRMED, "addresses that get EZZ0617I as a home address; 127.0.0.0/8 only of a LINK"),
        Fact("duplicate-home-ignored", True, CHOICE, "a home address that is there already is ignored with EZZ0619I"),
        Fact("interface-beside-device", False, CHOICE, "an INTERFACE may share its port with a DEVICE that is still defined"),
        Fact("delete-reasons", {"home": "{kind} HAS A HOME ADDRESS", "link": "{kind} HAS A LINK", "undefined": "{kind} IS NOT DEFINED"}, UNCONFIRMED, "reasons of EZZ0395I other than that the device is active"),
        Fact("delete-link-asynchronous", True, UNCONFIRMED, "DELETE DEVICE fails in the file that deletes its LINK"),
        Fact("dynamic-xcf-names", {"4": "EZASAMEMVS", "6": "EZ6SAMEMVS"}, UNCONFIRMED, "name of the interface that DYNAMICXCF defines"),
        Fact("most-started", 255, UNCONFIRMED, "started devices and interfaces, those of virtual addresses not counted"),
        Fact("port-repeated", True, CHOICE, "a second reservation of one port, protocol and user replaces the first"),
        # policy language defaults
        Fact("policy-filter-logging", "on", UNCONFIRMED, "default of FilterLogging"),
        Fact("policy-predecap", "off", UNCONFIRMED, "default of PreDecap"),
        Fact("policy-allow-on-demand", "no", UNCONFIRMED, "default of AllowOnDemand"),
        Fact("policy-implicit-discard", "Silent", UNCONFIRMED, "default of ImplicitDiscardAction"),
        Fact("policy-fips140", "no", UNCONFIRMED, "default of FIPS140"),
        Fact("policy-nat-keepalive", 20, UNCONFIRMED, "default of NatKeepAliveInterval, seconds"),
        Fact("policy-direction", "bidirectional", UNCONFIRMED, "default of Direction"),
        Fact("policy-routing", "local", UNCONFIRMED, "default of Routing"),
        Fact("policy-security-class", 0, UNCONFIRMED, "default of SecurityClass"),
        Fact("policy-fragments-only", "no", UNCONFIRMED, "default of FragmentsOnly"),
        Fact("policy-port-zero-any", True, CHOICE, "port 0 alone stands for any port"),
        Fact("policy-repeats-allowed", True, CHOICE, "address and service lines may be repeated in a rule, as alternatives"),
        Fact("policy-host-bits-masked", True, CHOICE, "host bits of address/prefix are cleared silently"),
        Fact("policy-extension-over-families", True, UNCONFIRMED, "the IPv6 half of a rule goes on counting extensions"),
        Fact("policy-deny-outbound", "DenyAllRule_Generated___________Outbnd", UNCONFIRMED, "name of the implicit outbound deny"),
        Fact("policy-deny-inbound", "DenyAllRule_Generated___________Inbnd", UNCONFIRMED, "name of the implicit inbound deny"),
        Fact("policy-deny-extension", 1, CHOICE, "extension of each implicit deny of the policy set"),
        Fact("policy-deny-logged", True, CHOICE, "implicit denies are logged when FilterLogging is on"),
        Fact("policy-unnamed-rule", "IpFilterRule~{n}", CHOICE, "name of the n-th IpFilterRule coded inline without a name"),
        Fact("policy-time-attributes", "as in zsim/times.py", UNCONFIRMED, "attribute names and forms of IpTimeCondition"),
        Fact("policy-error-eventually", False, CHOICE, "whether EZD1586I still appears after a file with errors"),
        Fact("ipsec-without-tunnel", "Deny", CHOICE, "what an IpSec action does without tunnels"),
        # the packet
        Fact("loopback-filtered", False, CHOICE, "whether traffic between two home addresses is filtered"),
        Fact("forwarded-twice", True, UNCONFIRMED, "a forwarded packet is judged on arrival and again on leaving"),
        Fact("multicast-local", True, UNCONFIRMED, "multicast and broadcast arriving here count as local"),
        Fact("arrival-interface", "owner", CHOICE, "a captured packet arrived on the interface that owns its destination, else the one its sender is routed to"),
        Fact("forward-interface", "route", CHOICE, "a forwarded packet arrived from where its sender is routed to"),
        Fact("no-forwarding-order", "filter first", CHOICE, "NODATAGRAMFWD discards a forwarded packet after the filters saw it"),
        Fact("reassembly-timeout", (60, 60), UNCONFIRMED, "seconds an IPv4 and an IPv6 datagram wait for their fragments, from the first to come; REASSEMBLYTIMEOUT of the profile replaces the first"),
        Fact("reassembly-outbound", True, UNCONFIRMED, "fragments that leave here are judged as the datagram they were cut from"),
        Fact("reassembly-overlap-spoils", False, CHOICE, "an IPv4 datagram with overlapping fragments never completes, as one of IPv6 (RFC 5722); else the later copy counts (RFC 791)"),
        Fact("reassembly-selectors", "first fragment", CHOICE, "a datagram has the selectors its first fragment shows; what that is too short for stays indeterminate"),
        Fact("discard-icmp", (3, 13), UNCONFIRMED, "type and code of the ICMP message of DiscardAction ICMP"),
        Fact("discard-icmpv6", (1, 1), UNCONFIRMED, "type and code of the ICMPv6 message of DiscardAction ICMP"),
        Fact("discard-icmp-data", 8, CHOICE, "octets it quotes behind an IPv4 header (RFC 792); in IPv6 as many as fit into 1280 (RFC 4443)"),
        Fact("discard-icmp-hops", (64, 255), CHOICE, "its TTL and hop limit, where the profile codes no TTL in IPCONFIG and no HOPLIMIT in IPCONFIG6"),
        Fact("discard-icmp-source", "arrival interface", CHOICE, "its source: the first address of that interface, else the destination it is about if that is ours, else it is not sent"),
        Fact("discard-icmp-filtered", False, CHOICE, "whether filters judge it"),
        # defensive filters
        Fact("defensive-lifetime", 30, UNCONFIRMED, "minutes a defensive filter lives when -F add names no lifetime"),
        Fact("defensive-lifetime-cut", True, CHOICE, "a lifetime above MaxLifetime is reduced to it; else it is refused"),
        Fact("defensive-routing", "either", UNCONFIRMED, "routing of a defensive filter when -F add names none"),
        Fact("defensive-loglimit-most", 9999, UNCONFIRMED, "largest loglimit and DefaultLogLimit"),
        Fact("defensive-name-longest", 32, UNCONFIRMED, "characters in the name of a defensive filter"),
        Fact("defensive-exclude-end", "far", CHOICE, "Exclude compares the source of what comes in and the destination of what goes out"),
        Fact("defensive-deleted-copy-returns", False, UNCONFIRMED, "whether a REFRESH or a restart gives a stack again the copy of a global filter that -F delete -p removed"),
        Fact("defensive-limit-phase", "creation", UNCONFIRMED, "the five-minute intervals of EZD0837I and EZD0838I count from the creation of the filter"),
        Fact("dmd-lifetime-most", 525600, UNCONFIRMED, "largest MaxLifetime and lifetime, minutes"),
        Fact("dmd-exclude-most", 10, UNCONFIRMED, "Exclude entries of a stack"),
        Fact("dmd-file", "/etc/security/dmd.conf", UNCONFIRMED, "configuration file of DMD when DMD_FILE names none"),
        Fact("dmd-directory", "/var/dm/filters", UNCONFIRMED, "default of DefensiveFilterDirectory: its member names and form are ours"),
        Fact("dmd-sysloglevel", 7, UNCONFIRMED, "default of SyslogLevel: bit 1 errors, 2 requests, 4 configuration"),
        Fact("dmd-log-tag", "DMD", UNCONFIRMED, "program tag of DMD in the syslogd header"),
        # reports
        Fact("report-footer", "{count} entries selected", UNCONFIRMED, "last line of every ipsec report"),
        Fact("report-time", "%Y/%m/%d %H:%M:%S", UNCONFIRMED, "form of CreateTime, UpdateTime, LifetimeExpires"),
        Fact("report-all", "All", UNCONFIRMED, "a port, type or code that is not tested"),
        Fact("report-scope-both", "Both", UNCONFIRMED, "Scope of ROUTING EITHER"),
        Fact("report-logging-off", "Off", UNCONFIRMED, "heading Logging when filter logging is off"),
        Fact("report-qualifier", ("None", "ConnectInbound", "ConnectOutbound"), UNCONFIRMED, "TCPQualifier words; shown on both halves"),
        Fact("report-scope-words", ("Current", "Profile", "Policy"), UNCONFIRMED, "heading Scope for the -c values"),
        Fact("report-defensive-mode", "Inactive", UNCONFIRMED, "heading Defensive Mode while DMD does not manage the stack"),
        Fact("report-defensive-actions", ("Defensive Block", "Defensive Simulate"), UNCONFIRMED, "Action of a defensive filter, by its own mode"),
        Fact("report-defensive-sources", ("Stack", "DMD"), UNCONFIRMED, "heading Source of -F display for a stack and with -G"),
        Fact("report-tunnel-sources", {"-k": "IKED", "-y": "Stack", "-y -b": "IKED", "-m": "Stack", "-o": "Stack", "-x": "NSSD", "-w": "IKED"}, UNCONFIRMED, "heading Source of the displays of tunnels and NSS"),
        Fact("report-nss-name", "*ALL*", CHOICE, "name in the heading of -x and -w"),
        Fact("report-short-column", 22, CHOICE, "column of the | of the short format"),
        Fact("report-hidden", "-  -  -  -  -  -  -  -  -  {count} Line(s) not Displayed", CHOICE, "what nafm shows for excluded lines"),
        Fact("test-scope-tested", False, CHOICE, "whether -t leaves out filters whose Scope or FragmentsOnly its operands cannot tell"),
        Fact("ipsec-exit-codes", {"usage": 1, "authority": 2, "stack": 3, "dmd": 4, "name": 5, "internal": 8}, CHOICE, "exit codes of the ipsec command"),
        Fact("ipsec-abbreviation", 3, CHOICE, "shortest abbreviation of an ipsec function keyword"),
        # log
        Fact("log-dport-tag", "dport=", UNCONFIRMED, "keyword of the destination port"),
        Fact("log-fragment-yes", "Y", UNCONFIRMED, "fragment= of a fragment"),
        Fact("log-protocol-all", "ALL", UNCONFIRMED, "proto= of a defensive filter for any protocol; upper case as in the documented list, whose names real records have in lower case"),
        Fact("log-facility", "local4", CHOICE, "facility of TRMD's EZD messages"),
        Fact("log-priority", "info", CHOICE, "priority of TRMD's EZD messages"),
        Fact("log-tag", "TRMD.{stack}", UNCONFIRMED, "program tag of TRMD in the syslogd header"),
        Fact("log-pid", 16842781, CHOICE, "process number of TRMD1 in the syslogd header"),
        Fact("trmdstat-counts-filter-records", False, CHOICE, "whether IP filter records count as TRM records scanned"),
        Fact("syslog-comma-lists", True, UNCONFIRMED, "commas in syslog.conf separate facilities that share a priority, or conditions, as in other systems; else they are mistakes"),
        Fact("syslog-none-excludes", True, UNCONFIRMED, "a condition with none excludes what the others of its line take, wherever it stands"),
        Fact("syslog-file-once", True, CHOICE, "a record that two lines of syslog.conf send to one file is in it once"),
        Fact("syslog-specifiers", "YmdaAbBCgGhHIjMpSuUVwWy%", UNCONFIRMED, "conversion specifiers in the name of a log file; Y, m and d are documented"),
        Fact("syslog-midnight", True, CHOICE, "dated log files change at midnight, as by the cron job that the book recommends; else at the start and SIGHUP alone"),
        Fact("syslog-user-layout", "{host}/{user} {job}", UNCONFIRMED, "host part of a record of syslogd -u"),
        Fact("syslogd-pid", 16842780, CHOICE, "process number of syslogd"),
        Fact("syslogd-pid-file", "/etc/syslog.pid", UNCONFIRMED, "file with the process number of syslogd"),
        Fact("syslog-names-fold", True, CHOICE, "user ids and job names of syslog.conf compare without case"),
        Fact("console-width", 69, UNCONFIRMED, "columns of a line of the console before a record behind BPXF024I is folded"),
        # RACF
        Fact("racf-first-user", "IBMUSER", CHOICE, "owner of what the RACF commands of a system's start define"),
        Fact("racf-first-group", "SYS1", CHOICE, "the group there is before any command; those whom system.yaml names are in it"),
        Fact("racf-uacc", "NONE", UNCONFIRMED, "UACC of RDEFINE without one, in classes other than SERVAUTH and FACILITY"),
        Fact("racf-list-of-groups", True, UNCONFIRMED, "all groups of a user count, not only the default group"),
        Fact("racf-specificity", ("literal", "%", "*", "**"), UNCONFIRMED, "of two generic profiles that cover a resource the one decides that has the earlier of these where they first differ"),
        Fact("racf-warning-allows", True, UNCONFIRMED, "a profile in WARNING mode allows what its list refuses, with ICH408I"),
        Fact("racf-refresh-lists", False, CHOICE, "SETROPTS RACLIST(class) REFRESH of a class that is not RACLISTed makes it so"),
        Fact("racf-longest-name", 246, UNCONFIRMED, "characters in the name of a general resource profile"),
        Fact("racf-classes", ("SERVAUTH", "FACILITY", "OPERCMDS", "RACFVARS", "DIGTCERT", "DIGTRING", "DIGTNMAP", "DIGTCRIT", "STARTED", "SURROGAT", "APPL", "UNIXPRIV", "LOGSTRM", "TSOAUTH", "CSFSERV", "CSFKEYS", "XFACILIT", "RDATALIB", "JESSPOOL", "SDSF"), UNCONFIRMED, "classes there are; checks are made in SERVAUTH, FACILITY and OPERCMDS, the profiles of the others are kept"),
        Fact("racf-superuser-switches", True, CHOICE, "READ to BPX.SUPERUSER counts as UID 0 at once, without su"),
        # the console
        Fact("display-state", {"EZBTCPIP": "NSW", "PAGENT": "OWT", "EZATRMD": "OWT", "SYSLOGD": "OWT", "DMD": "OWT"}, UNCONFIRMED, "status of each task in D A; OWT of TRMD1 was seen"),
        Fact("display-type", {"EZBTCPIP": "SO", "PAGENT": "SO", "EZATRMD": "AO", "SYSLOGD": "SO", "DMD": "SO"}, UNCONFIRMED, "type of each task in D A; AO of TRMD1 was seen"),
        Fact("display-counts", {"sysas": 33, "inits": 30, "most-users": 40}, CHOICE, "address spaces, initiators and most users in the summary of D A"),
        Fact("display-first-asid", 0x41, CHOICE, "address space number of the first job; they count on in order of start"),
        Fact("display-cpu", "000.010S", CHOICE, "CT= of every task in D A"),
        Fact("display-workload", {"workload": "SERVERS", "class": "SRVOMVS", "period": 1}, CHOICE, "WKL=, SCL= and P= in D A; those of TRMD1 were seen"),
        Fact("tz-daylight-rules", "M3.2.0,M11.1.0", UNCONFIRMED, "when daylight saving time begins and ends of a TZ that names it without rules, such as EST5EDT"),
        # files
        Fact("profile-search", "PROFILE", CHOICE, "name in system.yaml of the stack's profile data set"),
        Fact("pagent-log-file", "/tmp/pagent.log", CHOICE, "Policy Agent's log when nothing names one"),
        Fact("pagent-main-file", "/etc/pagent.conf", CHOICE, "Policy Agent's main file when nothing names one"),
    )
}
# fmt: on


_chosen: ContextVar[Mapping[str, Any]] = ContextVar("chosen", default={})  # noqa: B039 -- never written to


def fact(name: str) -> Any:
    """The value of one row of FACTS, or what the system at work has chosen instead."""
    chosen = _chosen.get()
    return chosen[name] if name in chosen else FACTS[name].value


@contextmanager
def choosing(values: Mapping[str, Any]) -> Iterator[None]:
    """Facts for the time of a block: the `facts` of a system.yaml."""
    token = _chosen.set(values)
    try:
        yield
    finally:
        _chosen.reset(token)


def choice(name: str, given: Any) -> Any:
    """What a system.yaml gives for one fact, in the form of its row. Raises ValueError, saying what is wrong."""
    if name not in FACTS:
        raise ValueError(f"{name} is no fact; {did_you_mean(name, FACTS, 'zsim facts lists them')}")
    value = FACTS[name].value
    if isinstance(value, bool):
        if str(given).lower() not in ("true", "false", "yes", "no"):
            raise ValueError(f"{name} is true or false")
        return str(given).lower() in ("true", "yes")
    if isinstance(value, int):
        return number(str(given), 0, 2**32 - 1)
    if isinstance(value, tuple):
        items = given if isinstance(given, list) else []
        if len(items) != len(value):
            raise ValueError(f"{name} is a list of {len(value)} values such as {list(value)}")
        return tuple(type(like)(item) for like, item in zip(value, items, strict=True))
    if isinstance(value, dict):
        if not isinstance(given, dict) or set(given) - set(value):
            raise ValueError(f"{name} has the names {', '.join(value)}")
        return {**value, **{key: type(value[key])(item) for key, item in given.items()}}
    if not isinstance(given, str):
        raise ValueError(f"{name} is one word or text, such as {value}")
    return given
