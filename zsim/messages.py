"""Every message of z/OS that zsim issues: number, text, and where we learned it.

    SEEN    printed by a real system        MANUAL  read in a manual page
    OURS    neither: a proposal, marked so that somebody can correct it

`EZZ0300I(type="PROFILE", name="...")` fills a row in. Messages without an IBM number are zsim's wording where the
real text is unknown, and wear none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SEEN, MANUAL, OURS = "seen", "manual", "ours"


class Message(NamedTuple):
    id: str
    text: str
    grade: str

    def __call__(self, **values: object) -> IssuedMessage:
        return IssuedMessage(self, values)

    @property
    def line(self) -> str:
        """Number and text; a message without a number is its text."""
        return f"{self.id} {self.text}" if self.id else self.text


class IssuedMessage(NamedTuple):
    message: Message
    values: dict[str, object]

    def __str__(self) -> str:
        return self.message.line.format_map(self.values)


def again(issued: str) -> Iterator[IssuedMessage]:
    """Messages that are text already, one a line, such as `Finding.issued`."""
    for line in issued.splitlines():
        id, _, text = line.partition(" ") if re.match("[A-Z]{3}[0-9]{4}[A-Z] ", line) else ("", "", line)
        yield IssuedMessage(Message(id, "{text}", OURS), {"text": text})


# Operator console, TCPIP ---------------------------------------------------------------------------------------
EZZ0053I = Message("EZZ0053I", "COMMAND VARY {command} COMPLETED SUCCESSFULLY", MANUAL)
EZZ0059I = Message("EZZ0059I", "VARY {command} COMMAND FAILED: SEE PREVIOUS MESSAGES", SEEN)
EZZ0060I = Message("EZZ0060I", "PROCESSING COMMAND: {command}", SEEN)
EZZ0061I = Message("EZZ0061I", "VARY SYNTAXCHECK COMMAND BEGINNING", MANUAL)
EZZ0062I = Message("EZZ0062I", "VARY SYNTAXCHECK FOUND NO ERRORS", MANUAL)
EZZ0064I = Message("EZZ0064I", "VARY SYNTAXCHECK FOUND ERRORS: SEE PREVIOUS MESSAGES", OURS)
EZZ0065I = Message("EZZ0065I", "VARY SYNTAXCHECK COMMAND COMPLETE", MANUAL)
IEE114I = Message("IEE114I", "{time} ACTIVITY {number:03d}", MANUAL)
IEE115I = Message("IEE115I", "{time} ACTIVITY {number:03d}", SEEN)
IEE301I = Message("IEE301I", "{job:<8} CANCEL COMMAND ACCEPTED", OURS)
IEE305I = Message("IEE305I", "{verb:<8} COMMAND INVALID", MANUAL)
IEE341I = Message("IEE341I", "{job} NOT ACTIVE", SEEN)
IEE538I = Message("IEE538I", "{member} MEMBER NOT FOUND IN PARMLIB", MANUAL)
IEE535I = Message("IEE535I", "{verb} INVALID PARAMETER", OURS)
ACTIVITY_COUNTS = Message(
    "",
    " JOBS     M/S    TS USERS    SYSAS    INITS   ACTIVE/MAX VTAM     OAS\n"
    "{jobs:05d}    {tasks:05d}    {users:05d}      {sysas:05d}    {inits:05d}   "
    "{active:05d}/{most:05d}       {forked:05d}",
    SEEN,
)  # fmt: skip
ACTIVITY_JOB = Message("", " {job:<8} {step:<8} {user:<8} {status:<4} {type:<2}", SEEN)
ACTIVITY_DETAIL = Message(
    "",
    " {job:<8} {step:<8} {user:<8} {status:<4} {type:<2}  A={asid:04X}   PER=NO   SMC=000\n"
    "{pad}PGN=N/A  DMN=N/A  AFF=NONE\n"
    "{pad}CT={cpu}  ET={elapsed}\n"
    "{pad}WUID=STC{number:05d} USERID={owner}\n"
    "{pad}WKL={workload:<8} SCL={service:<8} P={period}\n"
    "{pad}RGP=N/A      SRVR=NO  QSC=NO",
    SEEN,
)  # fmt: skip
ACTIVITY_NONE = Message("", " {job:<8} NOT FOUND", OURS)
NOT_FOUND = Message("", "DEVICE {name} NOT FOUND", OURS)  # the words are the seed's, the number is unknown

# TCPIP profile (halmN, one topic a message; SEEN in a Redbook's OBEYFILE that deletes a started device) -------------
EZD0044I = Message("EZD0044I", "INTERFACE {name} NOT ALLOWED - {reason}", MANUAL)
EZZ0146I = Message(
    "EZZ0146I", "PORT STATEMENT KEYWORD DENY ON LINE {line} CAN ONLY BE USED WITH A JOBNAME OF *", MANUAL
)
EZZ0147I = Message(
    "EZZ0147I", "PORT STATEMENT KEYWORD {keyword} CONFLICTS WITH CURRENT ACCESS CONTROL OF {current}", MANUAL
)
EZZ0300I = Message("EZZ0300I", "OPENED {type} FILE '{name}'", SEEN)
EZZ0303I = Message("EZZ0303I", "{type} FILE CONTAINS ERRORS", SEEN)
EZZ0309I = Message("EZZ0309I", "PROFILE PROCESSING BEGINNING FOR '{name}'", SEEN)
EZZ0316I = Message("EZZ0316I", "PROFILE PROCESSING COMPLETE FOR FILE '{name}'", SEEN)
EZZ0318I = Message("EZZ0318I", "{found} WAS FOUND ON LINE {line} AND {expected} WAS EXPECTED", OURS)
EZZ0326I = Message("EZZ0326I", "{statement1} conflicts with {statement2} value {value} used on line {line}", MANUAL)
EZZ0331I = Message("EZZ0331I", "NO HOME ADDRESS ASSIGNED TO LINK {link}", SEEN)
EZZ0356I = Message("EZZ0356I", "{a} and {b} are mutually exclusive: {a} on line {line} {outcome}", MANUAL)
EZZ0395I = Message("EZZ0395I", "DELETE {kind} {name} ON LINE {line} FAILED BECAUSE {reason}", SEEN)
EZZ0617I = Message("EZZ0617I", "HOME ADDRESS {address} FOR {name} ON LINE {line} IS A RESERVED IP ADDRESS", MANUAL)
EZZ0618I = Message(
    "EZZ0618I", "THE DEFINITION OF INTERFACE {name} ON LINE {line} DOES NOT CONFORM TO THE RULES FOR MULTIPLE VLANS",
    MANUAL,
)  # fmt: skip
EZZ0619I = Message("EZZ0619I", "{name} USES DUPLICATE HOME ADDRESS {address}", MANUAL)
EZZ0641I = Message("EZZ0641I", "IP FORWARDING {type} SUPPORT IS ENABLED", MANUAL)
EZZ0695I = Message("EZZ0695I", "IPCONFIG6 NOT VALID - IPV6 SUPPORT IS NOT ENABLED", MANUAL)
EZZ0707I = Message(
    "EZZ0707I",
    "{keyword1} AND {keyword2} ARE MUTUALLY EXCLUSIVE ON SAME {statement} STATEMENT - STATEMENT IS IGNORED", MANUAL,
)  # fmt: skip
EZZ0714I = Message("EZZ0714I", "IPV4-COMPATIBLE IPV6 ADDRESS OF {address} ON LINE {line} CANNOT BE SPECIFIED", MANUAL)
EZZ0717I = Message("EZZ0717I", "{statement} STATEMENT ON LINE {line} WILL BE RETIRED IN A FUTURE RELEASE", MANUAL)
EZZ0737I = Message(
    "EZZ0737I", "{option} OPTION IN {statement} STATEMENT ON LINE {line} IS NOT SUPPORTED FOR IPV6 ADDRESSES", MANUAL
)
EZZ0757I = Message("EZZ0757I", "IPSEC STATEMENT ON LINE {line} IS IGNORED BECAUSE IPSEC WAS ALREADY SPECIFIED", MANUAL)
EZZ4313I = Message("EZZ4313I", "INITIALIZATION COMPLETE FOR DEVICE {name}", MANUAL)
EZZ4315I = Message("EZZ4315I", "DEACTIVATION COMPLETE FOR DEVICE {name}", MANUAL)
EZZ4340I = Message("EZZ4340I", "INITIALIZATION COMPLETE FOR INTERFACE {name}", OURS)
EZZ4341I = Message("EZZ4341I", "DEACTIVATION COMPLETE FOR INTERFACE {name}", OURS)

# Started tasks (names padded to 8 in $HASP lines) -----------------------------------------------------------------
HASP100 = Message("$HASP100", "{name:<8} ON STCINRDR", MANUAL)
HASP373 = Message("$HASP373", "{name:<8} STARTED", OURS)
HASP395 = Message("$HASP395", "{name:<8} ENDED - RC=0000", SEEN)
IEE122I = Message("IEE122I", "START COMMAND JCL ERROR", OURS)
IEF403I = Message("IEF403I", "{name} - STARTED - TIME={time}", SEEN)
IEF404I = Message("IEF404I", "{name} - ENDED - TIME={time}", SEEN)
IEF695I = Message("IEF695I", "START {name:<8} WITH JOBNAME {job:<8} IS ASSIGNED TO USER {user:<8}, GROUP SYS1", OURS)
IEFC612I = Message("IEFC612I", "PROCEDURE {name} WAS NOT FOUND", OURS)
EZZ8495I = Message("EZZ8495I", "TRMD STARTED", SEEN)
EZZ8500I = Message("EZZ8500I", "TRMD INITIALIZATION COMPLETE", SEEN)
EZZ8501I = Message("EZZ8501I", "TRMD ENDED", MANUAL)
RUNNING = Message("", "{job} IS RUNNING ALREADY", OURS)

# syslogd, in its own log and on the console
FSUM1220 = Message("FSUM1220", "syslogd: restart", OURS)
SYSLOGD_ENDED = Message("", "syslogd: terminated", OURS)
SYSLOGD_RESTARTED = Message("", "SYSLOGD HAS READ {file}", OURS)

# Policy Agent --------------------------------------------------------------------------------------------------
EZZ8431I = Message("EZZ8431I", "PAGENT STARTING", OURS)
EZZ8432I = Message("EZZ8432I", "PAGENT INITIALIZATION COMPLETE", OURS)
EZZ8438I = Message("EZZ8438I", "PAGENT POLICY DEFINITIONS CONTAIN ERRORS FOR {image} : {type}", OURS)
EZZ8443I = Message("EZZ8443I", "PAGENT MODIFY COMMAND ACCEPTED", OURS)
EZZ8771I = Message("EZZ8771I", "PAGENT CONFIG POLICY PROCESSING COMPLETE FOR {image} : {type}", MANUAL)
EZD1586I = Message("EZD1586I", "PAGENT HAS INSTALLED ALL LOCAL POLICIES FOR {image}", MANUAL)

# Packets, in the log (halmN ezd0815i, ezd0836i, ezd1721i; the rest by analogy) ---------------------------------------
_PACKET = (
    "{time} filter rule= {rule} ext= {extension} sipaddr= {source} dipaddr= {dest} "
    "proto= {protocol} {tag1} {tag2} {tag3} "
    "Interface= {interface} ({way}) secclass= {secclass} dest= {destination} len= {length} "
)
_TUNNEL = "vpnaction= {vpnaction} tunnelID= {tunnel} "
_PLACE = "ifcname= {ifcname} fragment= {fragment}"
EZD0814I = Message("EZD0814I", "Packet permitted: " + _PACKET + _TUNNEL + _PLACE, OURS)
EZD0815I = Message("EZD0815I", "Packet denied by policy: " + _PACKET + _TUNNEL + _PLACE, SEEN)
EZD0821I = Message("EZD0821I", "Packet denied, no tunnel: " + _PACKET + _TUNNEL + _PLACE, OURS)
EZD0822I = Message("EZD0822I", "Packet denied, tunnel inactive: " + _PACKET + _TUNNEL + _PLACE, OURS)
EZD0832I = Message("EZD0832I", "Packet denied by NAT Traversal Processing: " + _PACKET + _TUNNEL + _PLACE, OURS)
EZD0833I = Message("EZD0833I", "Packet denied, tunnel mismatch: " + _PACKET + _TUNNEL + _PLACE, OURS)
EZD0836I = Message(
    "EZD0836I", "Packet permitted: {time} sipaddr= {source} dipaddr= {dest} proto= {protocol} {tag1} {tag2} "
    "Interface= {interface} ({way}) secclass= {secclass} dest= {destination} len= {length} tunnelID= {tunnel} "
    "ifcname= {ifcname} embsipaddr= {inner_source} embdipaddr= {inner_dest} embproto= {inner_protocol} "
    "{inner_tag1} {inner_tag2} {inner_tag3}", MANUAL,
)  # fmt: skip

# Defensive filters, in the log (halmN ezd1721i, ezd1723i, ezd0837i, ezd0838i); the rest ours --------------
EZD1721I = Message("EZD1721I", "Packet denied by defensive filter: " + _PACKET + _PLACE, MANUAL)
EZD1722I = Message("EZD1722I", "Packet would have been denied by defensive filter: " + _PACKET + _PLACE, OURS)
_SELECTS = (
    "filter rule= {rule} ext= {extension} sipaddr= {source} dipaddr= {dest} proto= {protocol} {tag1} {tag2} "
    "fragmentsonly= {fragments} dir= {direction} routing= {routing} mode= {mode} log= {log} lifetime= {lifetime} "
)
EZD1723I = Message(
    "EZD1723I", "Defensive filter added: {time} " + _SELECTS + "userid= {user} global= {all} loglimit= {loglimit}",
    MANUAL,
)  # fmt: skip
FILTER_UPDATED = Message("", "Defensive filter updated: {time} " + _SELECTS + "loglimit= {loglimit}", OURS)
FILTER_DELETED = Message("", "Defensive filter deleted: {time} " + _SELECTS + "loglimit= {loglimit}", OURS)
FILTER_EXPIRED = Message("", "Defensive filter expired: {time} " + _SELECTS + "loglimit= {loglimit}", OURS)
_LIMITED = (
    "{time} filter_rule= {rule} filter_ext= {extension} filter_sipaddr= {source} filter_dipaddr= {dest} "
    "filter_proto= {protocol} {tag1} {tag2} filter_fragmentsonly= {fragments} filter_dir= {direction} "
    "filter_routing= {routing} suppressed_count= {count}"
)
EZD0837I = Message("EZD0837I", "Defensive filter packet denied messages limited: " + _LIMITED, OURS)
EZD0838I = Message("EZD0838I", "Defensive filter packet would have been denied messages limited: " + _LIMITED, MANUAL)

# Defense Manager daemon (the seed; all but EZD1622I are unknown) ---------------------------------------------------
EZD1622I = Message("EZD1622I", "DEFENSE MANAGER DAEMON CONFIGURATION PROCESSING IS COMPLETE USING FILE {file}", SEEN)
DMD_READY = Message("", "DEFENSE MANAGER DAEMON INITIALIZATION COMPLETE", OURS)
DMD_ENDED = Message("", "DEFENSE MANAGER DAEMON SHUTDOWN COMPLETE", OURS)
DMD_FAILED = Message(
    "", "DEFENSE MANAGER DAEMON CONFIGURATION PROCESSING FAILED USING FILE {file}: NOTHING IS CHANGED", OURS
)
DMD_DIRECTORY = Message(
    "", "DEFENSE MANAGER DAEMON KEEPS DEFENSIVEFILTERDIRECTORY {directory}: IT IS NOT DYNAMIC", OURS
)
DMD_COPY = Message("", "DEFENSE MANAGER DAEMON SKIPS LINE {line} OF {file}: {why}", OURS)
DMD_INACTIVE = Message("", "DEFENSE MANAGER DAEMON REMOVED {count} DEFENSIVE FILTERS FROM STACK {stack}", OURS)
DMD_SECOND = Message("", "DEFENSE MANAGER DAEMON {job} IS RUNNING ALREADY: ONLY ONE CAN RUN ON A SYSTEM", OURS)
DMD_NO_STACK = Message("", "DEFENSE MANAGER DAEMON HAS NO STACK {stack} IN ITS CONFIGURATION", OURS)
DMD_SHOWN = Message("", "DEFENSE MANAGER DAEMON CONFIGURATION", OURS)
DMD_SHOWN_VALUE = Message("", "  {name}: {value}", OURS)
DMD_SHOWN_STACK = Message(
    "", "  STACK: {stack}  MODE: {mode}  MAXLIFETIME: {lifetime}  DEFAULTLOGLIMIT: {loglimit}", OURS
)
DMD_SHOWN_EXCLUDE = Message("", "    EXCLUDE: {address}", OURS)

# Where syslogd is not running ------------------------------------------------------------------------------------
BPXF024I = Message("BPXF024I", "({user}) {record}", SEEN)

# RACF (RACF Messages and Codes; ICH408I as captured; what is ours is said in the reference to be unconfirmed) -------
ICH408I = Message(
    "ICH408I",
    "USER({user:<8}) GROUP({group:<8}) NAME({name:<20})\n  {resource} CL({class_name:<8})\n"
    "  INSUFFICIENT ACCESS AUTHORITY\n{origin}  ACCESS INTENT({intent:<7})  ACCESS ALLOWED({allowed:<7})",
    SEEN,
)  # fmt: skip
ICH408I_REVOKED = Message(  # (CICS RACF Security Guide: a revoked user attempts to sign on)
    "ICH408I",
    "USER({user:<8}) GROUP({group:<8}) NAME({name:<20})\n  LOGON/JOB INITIATION - REVOKED USER ACCESS ATTEMPT",
    MANUAL,
)  # fmt: skip
ICH06001I = Message("ICH06001I", "{name} ALREADY AUTHORIZED TO RESOURCE - ACCESS UNCHANGED", MANUAL)
ICH06002I = Message("ICH06002I", "{name} NOT AUTHORIZED, DELETE IGNORED", MANUAL)
ICH06003I = Message("ICH06003I", "NOT AUTHORIZED TO ISSUE {command}", MANUAL)
ICH06004I = Message("ICH06004I", "{profile} NOT DEFINED TO RACF", MANUAL)
ICH06006I = Message("ICH06006I", "NOT AUTHORIZED TO {profile}", MANUAL)
ICH06007I = Message("ICH06007I", "{name} NOT DEFINED TO RACF", MANUAL)
ICH06011I = Message(
    "ICH06011I", "RACLISTED PROFILES FOR {name} WILL NOT REFLECT THE UPDATE(S) UNTIL A SETROPTS REFRESH IS ISSUED",
    MANUAL,
)  # fmt: skip
ICH06019I = Message("ICH06019I", "WARNING: Class {name} is not currently active.", MANUAL)
ICH10006I = Message(
    "ICH10006I", "RACLISTED PROFILES FOR {name} WILL NOT REFLECT THE ADDITION(S) UNTIL A SETROPTS REFRESH IS ISSUED.",
    OURS,
)  # fmt: skip
ICH10102I = Message("ICH10102I", "{profile} ALREADY DEFINED TO CLASS {name}.", OURS)
ICH10321I = Message(
    "ICH10321I",
    "The profile name {profile} contains generic characters, but generics are not enabled for class {name}. "
    "A discrete profile has been created.",
    MANUAL,
)  # fmt: skip
ICH11009I = Message(
    "ICH11009I", "RACLISTED PROFILES FOR {name} WILL NOT REFLECT THE UPDATE(S) UNTIL A SETROPTS REFRESH IS ISSUED.",
    OURS,
)  # fmt: skip
ICH12002I = Message(
    "ICH12002I", "RACLISTED PROFILES FOR {name} WILL NOT REFLECT THE DELETION(S) UNTIL A SETROPTS REFRESH IS ISSUED.",
    OURS,
)  # fmt: skip
ICH13003I = Message("ICH13003I", "{profile} NOT FOUND", MANUAL)
ICH14063I = Message("ICH14063I", "SETROPTS COMMAND COMPLETE.", SEEN)
RACF_NO_PROFILE = Message("", "{profile} NOT DEFINED TO CLASS {name}", OURS)
RACF_NO_ENTRIES = Message("", "NO ENTRIES MEET SEARCH CRITERIA", OURS)
RACF_NO_CLASS = Message("", "{name} IS NOT A CLASS", OURS)
RACF_NO_LEVEL = Message("", "{level} IS NOT AN ACCESS AUTHORITY: NONE, EXECUTE, READ, UPDATE, CONTROL, ALTER ARE", OURS)
RACF_BAD_NAME = Message("", "INVALID PROFILE NAME: {why}", OURS)
RACF_BAD_ID = Message("", "INVALID USER OR GROUP {name}: 1 TO 8 OF A-Z 0-9 @ # $, NOT BEGINNING WITH A DIGIT", OURS)
RACF_NOT_RACLISTED = Message("", "CLASS {name} IS NOT RACLISTED: NOTHING TO REFRESH", OURS)
RACF_STILL_LISTED = Message(
    "", "CLASS {name} IS RACLISTED: CHECKS GO ON WITH THE COPY UNTIL SETROPTS RACLIST({name}) REFRESH", OURS
)
RACF_NO_NAME = Message("", "{kind} {name} NOT DEFINED TO RACF", OURS)
RACF_NAME_EXISTS = Message("", "{name} ALREADY DEFINED TO RACF", OURS)
RACF_REMOVE_DEFAULT = Message("", "{group} IS THE DEFAULT GROUP OF {name}, CONNECT NOT REMOVED", OURS)
RACF_NOT_CONNECTED = Message("", "{name} NOT CONNECTED TO {group}", OURS)
TSO_NOT_FOUND = Message("", "COMMAND {verb} NOT FOUND", OURS)
TSO_INVALID = Message("", "INVALID OPERAND: {why}", OURS)
TSO_MISSING = Message("", "MISSING OPERAND: {why}", OURS)
IEE345I = Message("IEE345I", "{verb:<8} AUTHORITY INVALID, FAILED BY SECURITY PRODUCT", OURS)
