"""Every message of z/OS that zsim issues: number, text, and where we learned it.

    SEEN    printed by a real system        MANUAL  read in a manual page
    OURS    neither: a proposal, marked so that somebody can correct it

`EZZ0300I(type="PROFILE", name="...")` fills a row in. Messages without an IBM number are zsim's wording where the
real text is unknown, and wear none.
"""

from __future__ import annotations

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


# Operator console, TCPIP ---------------------------------------------------------------------------------------
EZZ0053I = Message("EZZ0053I", "COMMAND VARY {command} COMPLETED SUCCESSFULLY", MANUAL)
EZZ0059I = Message("EZZ0059I", "VARY {command} COMMAND FAILED: SEE PREVIOUS MESSAGES", OURS)
EZZ0060I = Message("EZZ0060I", "PROCESSING COMMAND: {command}", MANUAL)
EZZ0300I = Message("EZZ0300I", "OPENED {type} FILE '{name}'", MANUAL)
EZZ0309I = Message("EZZ0309I", "PROFILE PROCESSING BEGINNING FOR '{name}'", OURS)
EZZ0316I = Message("EZZ0316I", "PROFILE PROCESSING COMPLETE FOR FILE '{name}'", OURS)
IEE305I = Message("IEE305I", "{verb:<8} COMMAND INVALID", MANUAL)
IEE341I = Message("IEE341I", "{job} NOT ACTIVE", SEEN)
IEE535I = Message("IEE535I", "{verb} INVALID PARAMETER", OURS)

# Policy Agent --------------------------------------------------------------------------------------------------
EZZ8431I = Message("EZZ8431I", "PAGENT STARTING", OURS)
EZZ8432I = Message("EZZ8432I", "PAGENT INITIALIZATION COMPLETE", OURS)
EZZ8438I = Message("EZZ8438I", "PAGENT POLICY DEFINITIONS CONTAIN ERRORS FOR {image} : {type}", OURS)
EZZ8443I = Message("EZZ8443I", "PAGENT MODIFY COMMAND ACCEPTED", OURS)
EZZ8771I = Message("EZZ8771I", "PAGENT CONFIG POLICY PROCESSING COMPLETE FOR {image} : {type}", MANUAL)
EZD1586I = Message("EZD1586I", "PAGENT HAS INSTALLED ALL LOCAL POLICIES FOR {image}", MANUAL)

# Packets, in the log (halmN ezd0815i, ezd1721i; EZD0814I by analogy) ---------------------------------------------
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

# Where syslogd is not running ------------------------------------------------------------------------------------
BPXF024I = Message("BPXF024I", "({user}) {record}", SEEN)
