"""The sample reports of the reference (operations.md 3.4 to 3.8), one place for all tests."""

# ipsec -p TCPIP -f display -c current
HEADING = """\
CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023
Primary:  Filter          Function: Display            Format:   Detail
Source:   Stack Policy    Scope:    Current            TotAvail: 2
Logging:  On              Predecap: Off                DVIPSec:  No
NatKeepAlive:  0          FIPS140:  No
Defensive Mode: Inactive
"""
FTP_CONTROL = """\
FilterName:                   FTPControl
FilterNameExtension:          2
GroupName:                    Servers
LocalStartActionName:         n/a
VpnActionName:                n/a
TunnelID:                     0x00
Type:                         Generic
DefensiveType:                n/a
State:                        Active
Action:                       Permit
Scope:                        Local
Direction:                    Inbound
OnDemand:                     n/a
SecurityClass:                0
Logging:                      All
LogLimit:                     n/a
Protocol:                     TCP(6)
ICMPType:                     n/a
ICMPTypeGranularity:          n/a
ICMPCode:                     n/a
ICMPCodeGranularity:          n/a
OSPFType:                     n/a
TCPQualifier:                 None
ProtocolGranularity:          n/a
SourceAddress:                0.0.0.0
SourceAddressPrefix:          0
SourceAddressRange:           n/a
SourceAddressGranularity:     n/a
SourcePort:                   1024
SourcePortRange:              65535
SourcePortGranularity:        n/a
DestAddress:                  10.1.1.2
DestAddressPrefix:            n/a
DestAddressRange:             n/a
DestAddressGranularity:       n/a
DestPort:                     21
DestPortRange:                n/a
DestPortGranularity:          n/a
OrigRmtConnPort:              n/a
RmtIDPayload:                 n/a
RmtUdpEncapPort:              n/a
CreateTime:                   2023/12/13 13:58:02
UpdateTime:                   2023/12/13 13:58:02
DiscardAction:                Silent
MIPv6Type:                    n/a
MIPv6TypeGranularity:         n/a
TypeRange:                    n/a
CodeRange:                    n/a
RemoteIdentityType:           n/a
RemoteIdentity:               n/a
FragmentsOnly:                No
FilterMatches:                3
LifetimeExpires:              n/a
AssociatedStackCount:         n/a
***********************************************************************
"""
PING_IN = """\
FilterName:                   PingIn
FilterNameExtension:          2
GroupName:                    n/a
LocalStartActionName:         n/a
VpnActionName:                n/a
TunnelID:                     0x00
Type:                         Generic
DefensiveType:                n/a
State:                        Active
Action:                       Permit
Scope:                        Local
Direction:                    Inbound
OnDemand:                     n/a
SecurityClass:                0
Logging:                      All
LogLimit:                     n/a
Protocol:                     ICMP(1)
ICMPType:                     8
ICMPTypeGranularity:          n/a
ICMPCode:                     All
ICMPCodeGranularity:          n/a
OSPFType:                     n/a
TCPQualifier:                 n/a
ProtocolGranularity:          n/a
SourceAddress:                10.1.0.2
SourceAddressPrefix:          n/a
SourceAddressRange:           n/a
SourceAddressGranularity:     n/a
SourcePort:                   n/a
SourcePortRange:              n/a
SourcePortGranularity:        n/a
DestAddress:                  0.0.0.0
DestAddressPrefix:            0
DestAddressRange:             n/a
DestAddressGranularity:       n/a
DestPort:                     n/a
DestPortRange:                n/a
DestPortGranularity:          n/a
OrigRmtConnPort:              n/a
RmtIDPayload:                 n/a
RmtUdpEncapPort:              n/a
CreateTime:                   2023/12/13 13:58:02
UpdateTime:                   2023/12/13 13:58:02
DiscardAction:                Silent
MIPv6Type:                    n/a
MIPv6TypeGranularity:         n/a
TypeRange:                    n/a
CodeRange:                    n/a
RemoteIdentityType:           n/a
RemoteIdentity:               n/a
FragmentsOnly:                No
FilterMatches:                1
LifetimeExpires:              n/a
AssociatedStackCount:         n/a
***********************************************************************
"""
ENTRIES = FTP_CONTROL + PING_IN
# ipsec -p TCPIP -F display
DEFENSIVE = """\
CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023
Primary:  Defensive Filt  Function: Display            Format:   Detail
Source:   Stack           Scope:    n/a                TotAvail: 1
Logging:  On              Predecap: Off                DVIPSec:  No
NatKeepAlive:  0          FIPS140:  No
Defensive Mode: Active
Exclusion Address: 10.1.0.99

FilterName:                   BLOCK1
FilterNameExtension:          1
GroupName:                    n/a
LocalStartActionName:         n/a
VpnActionName:                n/a
TunnelID:                     0x00
Type:                         Defensive
DefensiveType:                Stack
State:                        Active
Action:                       Defensive Block
Scope:                        Local
Direction:                    Inbound
OnDemand:                     n/a
SecurityClass:                0
Logging:                      All
LogLimit:                     1
Protocol:                     ICMP(1)
ICMPType:                     All
ICMPTypeGranularity:          n/a
ICMPCode:                     All
ICMPCodeGranularity:          n/a
OSPFType:                     n/a
TCPQualifier:                 n/a
ProtocolGranularity:          n/a
SourceAddress:                10.1.0.2
SourceAddressPrefix:          n/a
SourceAddressRange:           n/a
SourceAddressGranularity:     n/a
SourcePort:                   n/a
SourcePortRange:              n/a
SourcePortGranularity:        n/a
DestAddress:                  0.0.0.0
DestAddressPrefix:            0
DestAddressRange:             n/a
DestAddressGranularity:       n/a
DestPort:                     n/a
DestPortRange:                n/a
DestPortGranularity:          n/a
OrigRmtConnPort:              n/a
RmtIDPayload:                 n/a
RmtUdpEncapPort:              n/a
CreateTime:                   2023/12/13 14:01:00
UpdateTime:                   2023/12/13 14:01:00
DiscardAction:                Silent
MIPv6Type:                    n/a
MIPv6TypeGranularity:         n/a
TypeRange:                    n/a
CodeRange:                    n/a
RemoteIdentityType:           n/a
RemoteIdentity:               n/a
FragmentsOnly:                No
FilterMatches:                4
LifetimeExpires:              2023/12/13 14:31:00
AssociatedStackCount:         n/a
***********************************************************************

1 entries selected
"""
# ipsec -F display -G
EVERYWHERE = """\
CS V2R4 ipsec  Stack Name: *ALL*  Wed Dec 13 14:05:31 2023
Primary:  Defensive Filt  Function: Display (global)   Format:   Detail
Source:   DMD             Scope:    n/a                TotAvail: 1

FilterName:                   GLOBAL1
FilterNameExtension:          1
GroupName:                    n/a
LocalStartActionName:         n/a
VpnActionName:                n/a
TunnelID:                     0x00
Type:                         Defensive
DefensiveType:                Global
State:                        Active
Action:                       Defensive Block
Scope:                        Both
Direction:                    Inbound
OnDemand:                     n/a
SecurityClass:                0
Logging:                      All
LogLimit:                     0
Protocol:                     TCP(6)
ICMPType:                     n/a
ICMPTypeGranularity:          n/a
ICMPCode:                     n/a
ICMPCodeGranularity:          n/a
OSPFType:                     n/a
TCPQualifier:                 None
ProtocolGranularity:          n/a
SourceAddress:                192.0.2.0
SourceAddressPrefix:          24
SourceAddressRange:           n/a
SourceAddressGranularity:     n/a
SourcePort:                   All
SourcePortRange:              n/a
SourcePortGranularity:        n/a
DestAddress:                  0.0.0.0
DestAddressPrefix:            0
DestAddressRange:             n/a
DestAddressGranularity:       n/a
DestPort:                     All
DestPortRange:                n/a
DestPortGranularity:          n/a
OrigRmtConnPort:              n/a
RmtIDPayload:                 n/a
RmtUdpEncapPort:              n/a
CreateTime:                   2023/12/13 14:02:10
UpdateTime:                   2023/12/13 14:02:10
DiscardAction:                Silent
MIPv6Type:                    n/a
MIPv6TypeGranularity:         n/a
TypeRange:                    n/a
CodeRange:                    n/a
RemoteIdentityType:           n/a
RemoteIdentity:               n/a
FragmentsOnly:                No
FilterMatches:                n/a
LifetimeExpires:              2023/12/13 14:32:10
AssociatedStackCount:         1
***********************************************************************

1 entries selected
"""
# ipsec -F display, where there is none
EMPTY = """\
CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023
Primary:  Defensive Filt  Function: Display            Format:   Detail
Source:   Stack           Scope:    n/a                TotAvail: 0
Logging:  On              Predecap: Off                DVIPSec:  No
NatKeepAlive:  0          FIPS140:  No
Defensive Mode: Simulate

0 entries selected
"""
# ipsec -p TCPIP -t 10.1.0.9 10.1.1.2 tcp 1025 21 in 255
TEST = (
    """\
CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023
Primary:  IP Traffic Test Function: Display            Format:   Detail
Source:   Stack Policy    Scope:    n/a                TotAvail: 1
TestData: 10.1.0.9  10.1.1.2  tcp 1025 21 in 255
Defensive Mode: Inactive

"""
    + FTP_CONTROL
    + "\n1 entries selected\n"
)
# ipsec -p TCPIP -f display -n FTPControl -r short
SHORT = """\
CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023
Primary:  Filter          Function: Display            Format:   Short
Source:   Stack Policy    Scope:    Current            TotAvail: 2
Logging:  On              Predecap: Off                DVIPSec:  No
NatKeepAlive:  0          FIPS140:  No
Defensive Mode: Inactive

FilterName           |FilterNameExtension
                     |GroupName
                     |LocalStartActionName
                     |VpnActionName
                     |TunnelID
                     |Type|DefensiveType|State|Action|Scope|Direction|OnDemand
                     |SecurityClass|Logging|LogLimit
                     |Protocol|ICMPType|ICMPTypeGran|ICMPCode|ICMPCodeGran
                     |OSPFType|TCPQualifier|ProtocolGran
                     |SourceAddress
                     |SourceAddressPrefix
                     |SourceAddressRange
                     |SourceAddressGran
                     |SourcePort|SourcePortRange|SourcePortGran
                     |DestAddress
                     |DestAddressPrefix
                     |DestAddressRange
                     |DestAddressGran
                     |DestPort|DestPortRange|DestPortGran
                     |OrigRmtConnPort|RmtIDpayload|RmtUdpEncapPort
                     |CreateTime|UpdateTime
                     |DiscardAction|MIPv6Type|MIPv6TypeGran|TypeRange|CodeRange
                     |RemoteIdentityType|RemoteIdentity
                     |FragmentsOnly|FilterMatches|LifetimeExpires|AssociatedStackCount
FTPControl           |2
                     |Servers
                     |n/a
                     |n/a
                     |0x00
                     |Generic|n/a|Active|Permit|Local|Inbound|n/a
                     |0|All|n/a
                     |TCP(6)|n/a|n/a|n/a|n/a
                     |n/a|None|n/a
                     |0.0.0.0
                     |0
                     |n/a
                     |n/a
                     |1024|65535|n/a
                     |10.1.1.2
                     |n/a
                     |n/a
                     |n/a
                     |21|n/a|n/a
                     |n/a|n/a|n/a
                     |2023/12/13 13:58:02|2023/12/13 13:58:02
                     |Silent|n/a|n/a|n/a|n/a
                     |n/a|n/a
                     |No|3|n/a|n/a

1 entries selected
"""
# ipsec -p TCPIP -i
INTERFACES = """\
CS V2R4 ipsec  Stack Name: TCPIP  Wed Dec 13 14:05:31 2023
Primary:  Interface       Function: Display            Format:   Detail
Source:   Stack           Scope:    n/a                TotAvail: 2

InterfaceName:                ETH1
InterfaceAddress:             10.1.1.2
SecurityClass:                255
DVIPA:                        No
***********************************************************************
InterfaceName:                JFPORTCP4
InterfaceAddress:             10.1.1.3
SecurityClass:                255
DVIPA:                        No
***********************************************************************

2 entries selected
"""
