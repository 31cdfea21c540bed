"""LINKTYPES: how a frame of each supported link type tells what it carries.

The ways: an ethertype field, the version nibble of the packet itself, an address family in either byte order, a link
type that says it all; and headers that have to be read, of PPP, of wireless frames and of NFLOG. Numbers and names are
those of the tcpdump registry, https://www.tcpdump.org/linktypes.html; names without the LINKTYPE_ prefix.
"""

from typing import NamedTuple

ETHERTYPE, NIBBLE, FAMILY, FIXED, PPP, WIFI, RADIOTAP, NFLOG = range(1, 9)  # how; 0 is "not at all" in the kernels

IPV4 = 0x0800
IPV6 = 0x86DD
PPPOE_SESSION, MPLS, MPLS_UPSTREAM = 0x8864, 0x8847, 0x8848

#: Ethertypes of frames that are not IP and that people ask about (IEEE RA, IANA ieee-802-numbers).
ETHERTYPES = {
    0x0806: "ARP", 0x2000: "CDP", 0x22F0: "AVTP", 0x22F3: "TRILL", 0x6002: "DEC MOP", 0x6558: "Ethernet bridging",
    0x8035: "RARP", 0x8100: "802.1Q", 0x8137: "IPX", 0x8808: "Ethernet flow control", 0x8809: "slow protocols",
    0x8863: "PPPoE discovery", PPPOE_SESSION: "PPPoE", MPLS: "MPLS", MPLS_UPSTREAM: "MPLS upstream", 0x888E: "EAPOL",
    0x8892: "PROFINET", 0x88A8: "802.1ad", 0x88CC: "LLDP", 0x88E5: "MACsec", 0x88E7: "802.1ah", 0x88F7: "PTP",
    0x8902: "CFM", 0x8906: "FCoE", 0x893F: "802.1BR", 0x8903: "FabricPath", 0x9000: "loopback", 0x9100: "QinQ",
}  # fmt: skip


class Linktype(NamedTuple):
    number: int
    name: str
    how: int  # ETHERTYPE, NIBBLE, ...
    header: int  # octets before the packet, or before the first VLAN tag
    where: int = 0  # offset of the ethertype
    ethertype: int = 0  # of every frame, when FIXED


_ROWS = (
    #        number  name         how        header  ethertype
    Linktype(0,   "NULL",       FAMILY,    4),
    Linktype(1,   "EN10MB",     ETHERTYPE, 14, where=12),
    Linktype(9,   "PPP",         PPP,       0),
    Linktype(12,  "RAW",        NIBBLE,    0),   # the DLT value of most systems, found in old files
    Linktype(14,  "RAW",        NIBBLE,    0),   # the DLT value of OpenBSD
    Linktype(50,  "PPP_HDLC",    PPP,       0),
    Linktype(51,  "PPP_ETHER",  FIXED,     0,  ethertype=PPPOE_SESSION),
    Linktype(101, "RAW",        NIBBLE,    0),
    Linktype(104, "C_HDLC",      ETHERTYPE, 4,  where=2),
    Linktype(105, "IEEE802_11",  WIFI,      0),
    Linktype(108, "LOOP",       FAMILY,    4),
    Linktype(113, "LINUX_SLL",  ETHERTYPE, 16, where=14),
    Linktype(127, "IEEE802_11_RADIOTAP", RADIOTAP, 0),
    Linktype(204, "PPP_WITH_DIR", PPP,      1),
    Linktype(228, "IPV4",       FIXED,     0,  ethertype=IPV4),
    Linktype(229, "IPV6",       FIXED,     0,  ethertype=IPV6),
    Linktype(239, "NFLOG",       NFLOG,     4),
    Linktype(276, "LINUX_SLL2", ETHERTYPE, 20, where=0),
)  # fmt: skip

LINKTYPES = {row.number: row for row in _ROWS}

#: Link types met in the wild whose frames are counted as not IP; here only so that messages can name them.
_UNSUPPORTED = {
    3: "AX25", 6: "IEEE802_5", 7: "ARCNET_BSD", 8: "SLIP", 10: "FDDI", 
    100: "ATM_RFC1483", 107: "FRELAY", 114: "LTALK",
    117: "PFLOG", 119: "IEEE802_11_PRISM", 122: "IP_OVER_FC", 
    129: "ARCNET_LINUX", 138: "APPLE_IP_OVER_IEEE1394", 147: "USER0", 163: "IEEE802_11_AVS",
    166: "PPP_PPPD", 187: "BLUETOOTH_HCI_H4", 189: "USB_LINUX", 192: "PPI", 195: "IEEE802_15_4_WITHFCS",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR", 220: "USB_LINUX_MMAPPED", 227: "CAN_SOCKETCAN",
    231: "DBUS", 240: "NETANALYZER", 242: "IPOIB", 247: "INFINIBAND", 249: "USBPCAP",
    251: "BLUETOOTH_LE_LL", 252: "WIRESHARK_UPPER_PDU", 253: "NETLINK", 258: "PKTAP", 272: "DSA_TAG_BRCM",
    283: "IEEE802_15_4_TAP", 287: "IEEE802_15_4_NOFCS",
}  # fmt: skip


def name_of(number: int) -> str:
    """The registry's name of a link type, supported or not; "linktype 4711" where none is known."""
    if number in LINKTYPES:
        return LINKTYPES[number].name
    return _UNSUPPORTED.get(number, f"linktype {number}")
