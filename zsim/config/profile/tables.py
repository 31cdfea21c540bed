"""The statements of a TCPIP profile as tables: one row a parameter, an interface type, a statement.

Forms and ranges are those of the syntax diagrams (halz001 ipconfigstatement 2.4, ipconfig6statement 3.2,
globalconfigstatement 3.2, netmonitorstatement, portstatement, interfaceipaqidiohipersockets). Ranges the sources do
not give are `zsim.facts` "profile-ranges" and read when needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from zsim import addresses
from zsim.config.profile.reader import (
    Form,
    Parameter,
    Reader,
    Table,
    a_name,
    address,
    flag,
    matching,
    maybe,
    numeric,
    one_of,
    several,
    spellings,
    subnet_mask,
    word,
)
from zsim.config.source import Token
from zsim.facts import fact

# ---- forms that several rows share -----------------------------------------------------------------------------

SECCLASS = Parameter("SECCLASS", (numeric(1, 255),))
AMOUNT = matching("[0-9]{1,9}[KM]", "a number with K or M")
SMCD = flag("SMCD")
VIPA = Parameter("SOURCEVIPAINTerface", (a_name(),))
MAC = maybe(matching("[0-9A-F]{12}", "a MAC address of 12 hexadecimal digits"))


def ranged(key: str) -> Form:
    """A number in a range that no source confirms."""
    return lambda reader: numeric(*fact("profile-ranges")[key])(reader)


def _xcf4(reader: Reader) -> tuple[str, ...]:
    """DYNAMICXCF address mask metric | address/bits metric."""
    home = address(4, prefix=True)(reader)
    mask = () if "/" in home[0] else word("a subnet mask", subnet_mask)(reader)
    return (*home, *mask, *ranged("cost-metric")(reader))


# ---- IPCONFIG, IPCONFIG6 ---------------------------------------------------------------------------------------

FORWARDING = flag(
    "DATAGRamfwd", Parameter("NOFWDMULTipath"), Parameter("FWDMULTipath", (one_of("PERPacket"),)),
)  # fmt: skip
MULTIPATH = (
    Parameter("MULTIPATH", (maybe(one_of("PERConnection", "PERPacket")),), "MULTIPATH"),
    Parameter("NOMULTIPATH", (), "MULTIPATH"),
)

IPCONFIG = Table(
    Parameter("ARPTO", (numeric(60, 86400),)),
    *flag("CHECKSUMOFFLoad"),
    Parameter("CLAWUSEDoublenop"),
    *FORWARDING,
    Parameter("DEVRETRYDURation", (ranged("devretryduration"),)),
    Parameter("DYNAMICXCF", (_xcf4,), "DYNAMICXCF", (SECCLASS, *SMCD, VIPA)),
    Parameter("NODYNAMICXCF", (), "DYNAMICXCF"),
    Parameter("FORMat", (one_of("LONG", "SHORT"),)),
    Parameter("IGNORERedirect"),
    Parameter("IPSECURITY"),
    *flag("IQDIORouting"),
    *MULTIPATH,
    *flag("PATHMTUDISCovery"),
    *flag("QDIOACCELerator"),
    Parameter("QDIOPriority", (ranged("qdiopriority"),)),
    Parameter("REASSEMBLytimeout", (ranged("reassemblytimeout"),)),
    *flag("SEGMENTATIONOFFLoad"),
    *flag("SOURCEVIPA"),
    Parameter("STOPONclawerror"),
    *flag("SYSPLEXRouting"),
    Parameter("TCPSTACKSOURCEVipa", (address(4),), "TCPSTACKSOURCEVIPA"),
    Parameter("NOTCPSTACKSOURCEVipa", (), "TCPSTACKSOURCEVIPA"),
    Parameter("TTL", (ranged("ttl"),)),
    exclusive=(("IQDIOROUTING", "QDIOACCELERATOR"),),
)

IPCONFIG6 = Table(
    *flag("CHECKSUMOFFLoad"),
    *FORWARDING,
    Parameter(
        "DYNAMICXCF", (address(6, prefix=True),), "DYNAMICXCF",
        (Parameter("INTFID", (matching("[0-9A-F:]{1,19}", "an interface id"),)), SECCLASS, *SMCD, VIPA),
    ),
    Parameter("NODYNAMICXCF", (), "DYNAMICXCF"),
    Parameter("HOPLimit", (ranged("hoplimit"),)),
    Parameter("ICMPErrorlimit", (ranged("icmperrorlimit"),)),
    *flag("IGNORERedirect"),
    *flag("IGNOREROUTERHoplimit"),
    Parameter("IPSECURITY"),
    Parameter("OSMSECCLASS", (numeric(1, 255),)),
    *MULTIPATH,
    *flag("R1COMPLIANCE"),
    *flag("SEGMENTATIONOFFLoad"),
    *flag("SOURCEVIPA"),
    Parameter("TCPSTACKSOURCEVipa", (a_name(),), "TCPSTACKSOURCEVIPA"),
    Parameter("NOTCPSTACKSOURCEVipa", (), "TCPSTACKSOURCEVIPA"),
    Parameter(
        "TEMPADDRS", (), "TEMPADDRS",
        (Parameter("PREFLIFETIME", (ranged("lifetime"),)), Parameter("VALIDLIFETIME", (ranged("lifetime"),))),
    ),
    Parameter("NOTEMPADDRS", (), "TEMPADDRS"),
)  # fmt: skip


# ---- INTERFACE, LINK, DEVICE -----------------------------------------------------------------------------------


class InterfaceType(NamedTuple):
    """`required` names what must be there, in the documented order; of alternatives joined by | one."""

    version: int
    required: tuple[str, ...] = ()
    virtual: bool = False  # starts by itself


# Required parameters are confirmed for IPAQENET (seed) and IPAQIDIO; LOOPBACK6, MPCPTP6 and VIRTUAL6 exist; the rest
# is unconfirmed.
INTERFACE_TYPES = {
    "IPAQENET": InterfaceType(4, ("PORTNAME", "IPADDR|TEMPIP")),
    "IPAQIDIO": InterfaceType(4, ("CHPID", "IPADDR")),
    "VIRTUAL": InterfaceType(4, ("IPADDR",), virtual=True),
    "LOOPBACK": InterfaceType(4, virtual=True),
    "MPCPTP": InterfaceType(4, ("TRLENAME", "IPADDR")),
    "EZAZCX": InterfaceType(4, ("IPADDR",)),
    "IPAQENET6": InterfaceType(6, ("PORTNAME",)),
    "IPAQIDIO6": InterfaceType(6, ("CHPID",)),
    "VIRTUAL6": InterfaceType(6, ("IPADDR",), virtual=True),
    "LOOPBACK6": InterfaceType(6, virtual=True),
    "MPCPTP6": InterfaceType(6, ("TRLENAME",)),
    "EZAZCX6": InterfaceType(6),
}

# What CHPIDTYPE makes of the required PORTNAME.
PORT_OF = {"OSD": "PORTNAME", "OSX": "PORTNAME|CHPID", "OSM": ""}

ROUTER = tuple(Parameter(each, (), "ROUTER") for each in ("NONRouter", "PRIRouter", "SECRouter"))
RESTART = (Parameter("AUTORestart", (), "AUTORESTART"), Parameter("NOAUTORestart", (), "AUTORESTART"))
HEX2 = matching("[0-9A-F]{1,2}", "a CHPID of one or two hexadecimal digits")


def interface_table(version: int) -> Table:
    """The parameters of INTERFACE for one IP version; of LINK too, which has those that moved to INTERFACE."""
    homes = address(4, prefix=True) if version == 4 else several(address(6, prefix=True))
    return Table(
        Parameter("CHPIDTYPE", (one_of(*PORT_OF),)),
        Parameter("CHPID", (HEX2,)),
        Parameter("PORTNAME", (a_name(longest=8),)),
        Parameter("TRLENAME", (a_name(longest=8),)),
        Parameter("INTFID", (matching("[0-9A-F:]{1,19}", "an interface id"),)),
        Parameter("IPADDR", (homes,), "IPADDR"),
        Parameter("TEMPIP", (), "IPADDR"),
        *ROUTER,
        VIPA,
        Parameter("MTU", (ranged("mtu"),)),
        Parameter("VLANID", (numeric(1, 4094),)),
        Parameter(
            "INBPERF", (one_of("BALANCED", "DYNAMIC", "MINCPU", "MINLATENCY"),), "", flag("WORKLOADQ"),
        ),
        Parameter("VMAC", (MAC,), "", (Parameter("ROUTEALL"), Parameter("ROUTELCL"))),
        Parameter("READSTORAGE", (one_of("GLOBAL", "MAX", "AVG", "MIN"),)),
        Parameter("IPBCAST"),
        SECCLASS,
        *flag("MONSYSPLEX"),
        *flag("DYNVLANREG"),
        *flag("OLM"),
        *flag("ISOLATE"),
        *flag("SMCR"),
        *SMCD,
        Parameter("DUPADDRDET", (ranged("dupaddrdet"),)),
        Parameter("TEMPPREFIX", (several(matching("ALL|NONE|[0-9A-F:]+/[0-9]{1,3}", "ALL, NONE or a prefix")),)),
        *RESTART,
    )  # fmt: skip


INTERFACE = {4: interface_table(4), 6: interface_table(6)}

# DEVICE types whose parameters are known; the words of others are kept unread. (2.5; the rest is unconfirmed)
MPCIPA, MPCPTP, VIRTUAL = "MPCIPA", "MPCPTP", "VIRTUAL"
DEVICES = {MPCIPA: Table(*ROUTER, *RESTART), MPCPTP: Table(*RESTART)}

# The types of DEVICE that a type of LINK goes with.
LINK_DEVICES = {"IPAQENET": MPCIPA, "IPAQIDIO": MPCIPA, "IPAQTR": MPCIPA, "MPCPTP": MPCPTP, "VIRTUAL": VIRTUAL}


# ---- IPSEC -----------------------------------------------------------------------------------------------------

SWITCHES = Table(
    Parameter("DVIPsec"),
    Parameter("DVLOCALFLTR"),
    Parameter("LOGENable", (), "LOGENABLE"),
    Parameter("LOGDISable", (), "LOGENABLE"),
    Parameter("LOGImplicit", (), "LOGIMPLICIT"),
    Parameter("NOLOGImplicit", (), "LOGIMPLICIT"),
)
RULES = {"IPSECRule": 4, "IPSEC6Rule": 6}

# PROTOCOL names: number, the IP version they are limited to, sub-parameters. (ipsecstatement 2.4)
PROTOCOLS = {
    "TCP": (6, None, ("SRCPORT", "DESTPORT")),
    "UDP": (17, None, ("SRCPORT", "DESTPORT")),
    "ICMP": (1, 4, ("TYPE", "CODE")),
    "ICMPV6": (58, 6, ("TYPE", "CODE")),
    "OSPF": (89, None, ("TYPE",)),
}
TCP, OSPF = 6, 89
RULE_OPTIONS = spellings(
    ("NOLOG", "LOG", "PROTOcol", "SRCPort", "DESTport", "TYPE", "CODE", "ROUTING", "SECCLASS", "DIRECtion")
)
LIMITS = {"SRCPORT": 65535, "DESTPORT": 65535, "TYPE": 255, "CODE": 255}
ROUTING = spellings(("LOCAL", "ROUTED", "EITHER"))
FRAGMENTS = spellings(("FRAGMENTSonly",))
DIRECTIONS = spellings(("BIDIrectional", "INBound", "OUTBound"))
CONNECTS = spellings(("INBConnect", "OUTBConnect"))


# ---- BEGINROUTES -----------------------------------------------------------------------------------------------

SECONDS = matching(r"[0-9]{1,6}(\.[0-9]{1,3})?", "a number with up to three decimals")
ROUTE_OPTIONS = Table(
    Parameter("REPLaceable", (), "REPLACEABLE"),
    Parameter("NOREPLaceable", (), "REPLACEABLE"),
    Parameter("DELAYAcks", (), "DELAYACKS"),
    Parameter("NODELAYAcks", (), "DELAYACKS"),
    Parameter("MAXImumretransmittime", (SECONDS,)),
    Parameter("MINImumretransmittime", (SECONDS,)),
    Parameter("ROUNDTRIPGain", (SECONDS,)),
    Parameter("VARIANCEGain", (SECONDS,)),
    Parameter("VARIANCEMultiplier", (SECONDS,)),
)
MTU_WORDS = spellings(("DEFAULTSIZE",))


# ---- PORT, PORTRANGE -------------------------------------------------------------------------------------------

JOBNAME = r"[A-Z0-9@#$*?]{1,8}"
RESOURCE = r"[A-Z0-9@#$]{1,8}"
RESERVED, AUTHPORT, ANY_JOB = "RESERVED", "AUTHPORT", "*"
TRANSPORTS = spellings(("TCP", "UDP"))


class PortOption(NamedTuple):
    """One place in the order of options: its alternatives, and whether a value follows."""

    names: tuple[str, ...]
    value: Form | None = None

    @property
    def spellings(self) -> dict[str, str]:
        return spellings(self.names)


SAF = PortOption(("SAF",), matching(RESOURCE, "a resource name of 1 to 8 characters"))
PORT_OPTIONS = (
    PortOption(("NOAUTOLog",)),
    PortOption(("DELAYAcks", "NODELAYAcks")),
    PortOption(("SHAREPort", "SHAREPORTWLM")),
    PortOption(("BIND",), word("an IPv4 or IPv6 address", lambda text: addresses.text(*addresses.address(text)))),
    SAF,
    PortOption(("NOSMC", "SMC")),
)
PORTRANGE_OPTIONS = tuple(option for option in PORT_OPTIONS if option.names != ("BIND",))
DENY = PortOption(("DENY",))
UNRSV_OPTIONS = {
    "TCP": (DENY, SAF, PortOption(("WHENLISTEN", "WHENBIND"))),
    "UDP": (DENY, SAF, PortOption(("WHENBIND",))),
}
UNRSV_DEFAULT = {"TCP": "WHENLISTEN", "UDP": "WHENBIND"}


# ---- GLOBALCONFIG, NETMONITOR ----------------------------------------------------------------------------------


def _to(end: str) -> Form:
    """Words up to and with an END word."""

    def read(reader: Reader) -> tuple[str, ...]:
        found = tuple(each.text for each in reader.until(lambda token: token.upper == end))
        reader.take(end)
        return (*found, end)

    return read


NUMBER = numeric(0, 2**32 - 1)
TRAFFIC = maybe(one_of("ALLTRAFFIC", "NOLARGEDATA"))
MONITOR = tuple(
    option
    for each in ("AUTOREJOIN", "DELAYJOIN", "DYNROUTE", "JOIN", "MONINTERFACE", "RECOVERY")
    for option in (Parameter(each), Parameter(f"NO{each}"))
)
_SMCR = Table(
    Parameter("PFID", (matching("[0-9A-F]{1,4}", "a PFID"),)), Parameter("PORTNum", (NUMBER,)),
    Parameter("MTU", (NUMBER,)), Parameter("FIXEDMemory", (NUMBER,)),
    Parameter("TCPKEEPmininterval", (NUMBER,)),
)  # fmt: skip


def _smcr(reader: Reader) -> tuple[str, ...]:
    """One option of SMCR with its value; PFID may be repeated with its own PORTNUM and MTU."""
    key = reader.choice(_SMCR.names)
    return (key, *_SMCR.words(reader, key))


GLOBALCONFIG = Table(
    Parameter("ADJUSTDVipamss", (one_of("AUTO", "ALL", "NONE"),)),
    Parameter("AIASSIST", (), "AIASSIST", flag("BATCHOUTbound")),
    Parameter("NOAIASSIST", (), "AIASSIST"),
    Parameter("AUTOIQDC", (TRAFFIC,), "AUTOIQDC"),
    Parameter("NOAUTOIQDC", (), "AUTOIQDC"),
    Parameter("AUTOIQDX", (TRAFFIC,), "AUTOIQDX"),
    Parameter("NOAUTOIQDX", (), "AUTOIQDX"),
    Parameter("ECSALimit", (AMOUNT,)),
    Parameter("EXPLICITBINDPORTRANGE", (numeric(1024, 65535), numeric(1, 64512)), "EXPLICITBINDPORTRANGE"),
    Parameter("NOEXPLICITBINDPORTRANGE", (), "EXPLICITBINDPORTRANGE"),
    Parameter("IKEDREQuired", (one_of("YES", "NO", "IFDYNIPSEC"),)),
    *flag("IQDMULTIWRITE"),
    Parameter("IQDVLANid", (numeric(1, 4094),)),
    Parameter("MAXRECS", (matching(r"\*|[0-9]{1,5}", "a number or *"),)),
    *flag("MLSCHKTERMinate"),
    Parameter("POLICYREQuired", (one_of("YES", "NO", "IFTTLS"),)),
    Parameter("POOLLimit", (AMOUNT,)),
    *flag("SEGMENTATIONOFFLoad"),
    Parameter("SMCD", (), "SMCD", (
        Parameter("FIXEDMemory", (NUMBER,)), Parameter("TCPKEEPmininterval", (NUMBER,)), *flag("SYSTEMEID"),
    )),
    Parameter("NOSMCD", (), "SMCD"),
    Parameter("SMCGlobal", (), "", (*flag("AUTOCACHE"), *flag("AUTOSMC"))),
    Parameter("SMCEID", (_to("ENDSMCEID"),)),
    Parameter("SMCPERMIT", (_to("ENDSMCPERMIT"),)),
    Parameter("SMCEXCLUDE", (_to("ENDSMCEXCLUDE"),)),
    Parameter("SMCR", (maybe(several(_smcr)),), "SMCR"),
    Parameter("NOSMCR", (), "SMCR"),
    Parameter("SYSPLEXMONitor", (), "", (*MONITOR, Parameter("TIMERSECS", (NUMBER,)))),
    Parameter("SYSPLEXWLMPoll", (numeric(1, 180),)),
    *flag("TCPIPStatistics"),
    Parameter("WLMPRIORITYQ", (), "WLMPRIORITYQ", tuple(
        Parameter(f"IOPRI{level}", (several(numeric(0, 6)),)) for level in (1, 2, 3, 4)
    )),
    Parameter("NOWLMPRIORITYQ", (), "WLMPRIORITYQ"),
    Parameter("XCFGRPid", (numeric(2, 31),)),
    Parameter("ZERT", (), "ZERT", (
        Parameter("NOAGGregation"), Parameter("AGGregation"),
        Parameter("INTVAL", (matching("SMF|[0-9]{1,4}", "SMF or a number"),)),
        Parameter("SYNCVAL", (matching("[0-9]{2}:[0-9]{2}", "a time hh:mm"),)),
    )),
    Parameter("NOZERT", (), "ZERT"),
    Parameter("ZIIP", (), "", (*flag("IPSECURITY"), *flag("IQDIOMULTIWRITE"))),
)  # fmt: skip


NETMONITOR = Table(
    Parameter("OFF", (), "SWITCH"),
    Parameter("ON", (), "SWITCH"),
    *flag("NTATRCService"),
    *flag("PKTTRCService"),
    Parameter("TCPCONNService", (), "TCPCONNSERVICE", (Parameter("MINLIFETime", (NUMBER,)),)),
    Parameter("NOTCPCONNService", (), "TCPCONNSERVICE"),
    *flag("ZERTService"),
    *flag("ZERTSUMmary"),
    Parameter("SMFService", (), "SMFSERVICE", tuple(
        option for each in ("CSMAIL", "CSSMTP", "DVIPA", "IPSECURITY", "PROFILE") for option in flag(each)
    )),
    Parameter("NOSMFService", (), "SMFSERVICE"),
)  # fmt: skip

SETTINGS = {"GLOBALCONFIG": GLOBALCONFIG, "NETMONITOR": NETMONITOR}


# ---- statements that are kept unread ---------------------------------------------------------------------------


class Kept(NamedTuple):
    """`end` is the END word of a block; `why` says what answers it would change, "" if none; `retired` that it is
    on its way out of the product."""

    end: str = ""
    why: str = ""
    retired: bool = False


NOT_MODELLED = {
    "ARPAGE": Kept(),
    "ASSORTEDPARMS": Kept("ENDASSORTEDPARMS"),
    "ATMARPSV": Kept(),
    "ATMLIS": Kept(),
    "ATMPVC": Kept(),
    "AUTOLOG": Kept("ENDAUTOLOG"),
    "BEGINVTAM": Kept("ENDVTAM"),
    "BSDRoutingparms": Kept("ENDBSDROUTINGPARMS", "it defines interface subnets"),
    "DATASETPREFIX": Kept(),
    "DEFADDRTABLE": Kept("ENDDEFADDRTABLE"),
    "GATEWAY": Kept("", "it defines routes", retired=True),
    "INTERNALCLIENTPARMS": Kept("ENDINTERNALCLIENTPARMS"),
    "ITRACE": Kept(),
    "KEEPALIVEOPTIONS": Kept("ENDKEEPALIVEOPTIONS"),
    "NETACCESS": Kept("ENDNETACCESS"),
    "OSAENTA": Kept(),
    "PKTTRACE": Kept(),
    "PRIMARYINTERFACE": Kept(),
    "SACONFIG": Kept(),
    "SMFCONFIG": Kept(),
    "SMFPARMS": Kept(),
    "SOMAXCONN": Kept(),
    "SRCIP": Kept("ENDSRCIP", "it chooses source addresses"),
    "TCPCONFIG": Kept(),
    "TELNETGLOBALS": Kept("ENDTELNETGLOBALS"),
    "TELNETPARMS": Kept("ENDTELNETPARMS"),
    "TNSACONFIG": Kept(),
    "TRANSLATE": Kept(),
    "UDPCONFIG": Kept(),
    "VIPADYNAMIC": Kept("ENDVIPADYNAMIC", "it adds addresses to the home list"),
    "VIPASMPARMS": Kept(),
}


# ---- the names of statements -----------------------------------------------------------------------------------

STATEMENTS = spellings(
    (
        "IPCONFig", "IPCONFIG6", "GLOBALCONFig", "NETMONitor", "IPSEC", "INTERFace", "DEVice", "LINK", "HOME",
        "BEGINRoutes", "PORT", "PORTRange", "START", "STOP", "DELEte", "INCLUDE", *NOT_MODELLED,
    )
)  # fmt: skip
STATEMENT_NAMES = frozenset(STATEMENTS.values())
ALIKE = 0.8  # how like the name of a statement a word must be to be taken for it


def starts_statement(token: Token) -> bool:
    return token.upper in STATEMENTS


def misspelt(token: Token, names: Iterable[str] = ()) -> bool:
    """Does an unknown word look like the name of a statement, and less like one of `names`?"""
    if not token.text[0].isalpha():
        return False
    import difflib

    near = difflib.get_close_matches(token.upper, {*STATEMENT_NAMES, *names}, n=1, cutoff=ALIKE)
    return bool(near) and near[0] in STATEMENT_NAMES
