"""Writes the captures of the ready system adcd: python tests/make_captures.py [FOLDER]

The world: z/OS has 10.1.1.2 on ETH1 (router 10.1.1.1) and 192.168.1.74 on ETH2 (router 192.168.1.254); the
Linux machine 10.1.0.2 is one hop behind 10.1.1.1. Each capture is what passes on the wire of z/OS.

The same bytes come out on every run: nothing is left to scapy's choice or to a clock, the pcap header is
written here, and what should look encrypted is a chain of hashes. The script stands beside the test that
keeps it true, because profiles/ holds only what an administrator would have, and is installed as it is.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from scapy.contrib.igmp import IGMP
from scapy.contrib.ospf import OSPF_Hdr, OSPF_Hello
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

FOLDER = Path(__file__).parents[1] / "profiles" / "adcd" / "captures"
START = 1_702_476_331_000_000  # 2023-12-13 14:05:31 UTC, in microseconds
SECOND = 1_000_000

ZOS, ROUTER, LINUX = "10.1.1.2", "10.1.1.1", "10.1.0.2"
ZOS2, ROUTER2 = "192.168.1.74", "192.168.1.254"
ALL_HOSTS, OSPF_ROUTERS = "224.0.0.1", "224.0.0.5"

# Who has which Ethernet address on the wire of z/OS; what comes from Linux comes through the router.
MACS = {
    ZOS: "02:00:0a:01:01:02",
    ROUTER: "02:00:0a:01:01:01",
    LINUX: "02:00:0a:01:01:01",
    ZOS2: "02:00:c0:a8:01:4a",
    ROUTER2: "02:00:c0:a8:01:fe",
    ALL_HOSTS: "01:00:5e:00:00:01",
    OSPF_ROUTERS: "01:00:5e:00:00:05",
}
TTLS = {LINUX: 63, ZOS: 64}  # one router lies between Linux and this wire

Frame = tuple[int, bytes]  # microseconds since START, and the frame


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, frames in CAPTURES.items():
        (folder / name).write_bytes(pcap(frames()))


def pcap(frames: Iterable[Frame]) -> bytes:
    """A capture of Ethernet frames with microsecond times, little-endian, version 2.4."""
    written = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for time, data in sorted(frames, key=lambda frame: frame[0]):
        written.append(struct.pack("<IIII", *divmod(START + time, SECOND), len(data), len(data)) + data)
    return b"".join(written)


def frame(ip: Packet) -> bytes:
    """The packet behind the Ethernet addresses of its ends."""
    return bytes(Ether(src=MACS[ip.src], dst=MACS[ip.dst], type=0x0800) / ip)


def ip(src: str, dst: str, number: int, **fields: object) -> IP:
    return IP(**{"src": src, "dst": dst, "id": number, "ttl": TTLS[src], **fields})


def noise(seed: str, octets: int) -> bytes:
    """Bytes that look encrypted and are the same every time."""
    blocks = (hashlib.sha256(f"{seed} {block}".encode()).digest() for block in range(octets // 32 + 1))
    return b"".join(blocks)[:octets]


# --- ping and traceroute


def ping() -> list[Frame]:
    data = Raw(struct.pack("<QQ", START // SECOND, 0) + bytes(range(16, 56)))
    request = ip(LINUX, ZOS, 0x3A51, flags="DF") / ICMP(type=8, id=0x1D2C, seq=1) / data
    reply = ip(ZOS, LINUX, 0x0101) / ICMP(type=0, id=0x1D2C, seq=1) / data
    return [(0, frame(request)), (412, frame(reply))]


def traceroute_udp() -> list[Frame]:
    """Sixteen probes at once, three a hop from port 33434; the router keeps the first three."""
    frames: list[Frame] = []
    for probe in range(3, 16):
        hop, time = 1 + probe // 3, 40 * probe
        asked = ip(LINUX, ZOS, 0x5100 + probe, ttl=hop - 1) / UDP(sport=40000 + probe, dport=33434 + probe)
        asked = asked / Raw(bytes(range(64, 96)))
        unreachable = ip(ZOS, LINUX, 0x0200 + probe) / ICMP(type=3, code=3) / Raw(bytes(asked)[:28])
        frames += [(time, frame(asked)), (time + 700, frame(unreachable))]
    return frames


def traceroute_icmp() -> list[Frame]:
    """The same walk with echo requests; the sequence number counts the probes."""
    frames: list[Frame] = []
    for probe in range(3, 16):
        hop, time = 1 + probe // 3, 40 * probe
        echo = {"id": 0x2E10, "seq": probe + 1}
        asked = ip(LINUX, ZOS, 0x6100 + probe, ttl=hop - 1) / ICMP(type=8, **echo) / Raw(bytes(range(72, 104)))
        reply = ip(ZOS, LINUX, 0x0300 + probe) / ICMP(type=0, **echo) / Raw(bytes(range(72, 104)))
        frames += [(time, frame(asked)), (time + 600, frame(reply))]
    return frames


# --- TCP


class Conversation:
    """One TCP connection: who speaks next, and the sequence numbers both ends have reached."""

    def __init__(self, client: tuple[str, int], server: tuple[str, int], time: int) -> None:
        self.client, self.server, self.time = client, server, time
        self.next = {
            end: int.from_bytes(hashlib.sha256(f"{client} {server} {end}".encode()).digest()[:4], "big")
            for end in (client, server)
        }
        self.number = {client: client[1] & 0x0FFF, server: server[1] & 0x0FFF}
        self.frames: list[Frame] = []

    def open(self) -> Conversation:
        self.segment(self.client, "S", options=[("MSS", 1460)])
        self.segment(self.server, "SA", options=[("MSS", 1452)])
        return self.segment(self.client, "A")

    def says(self, end: tuple[str, int], *messages: bytes | str, wait: int = 900) -> Conversation:
        """Data from one end, in one segment a message, and the acknowledgement of the other."""
        for message in messages:
            data = message if isinstance(message, bytes) else f"{message}\r\n".encode()
            self.time += wait
            self.segment(end, "PA", data)
        return self.segment(self.other(end), "A")

    def asks(self, *messages: bytes | str) -> Conversation:
        return self.says(self.client, *messages)

    def answers(self, *messages: bytes | str) -> Conversation:
        return self.says(self.server, *messages)

    def close(self, first: tuple[str, int]) -> list[Frame]:
        """`first` closes, then the other end; the frames of the whole connection."""
        self.segment(first, "FA")
        self.segment(self.other(first), "A")
        self.segment(self.other(first), "FA")
        self.segment(first, "A")
        return self.frames

    def other(self, end: tuple[str, int]) -> tuple[str, int]:
        return self.server if end == self.client else self.client

    def segment(self, end: tuple[str, int], flags: str, data: bytes = b"", options: object = ()) -> Conversation:
        peer = self.other(end)
        tcp = TCP(
            sport=end[1],
            dport=peer[1],
            flags=flags,
            seq=self.next[end],
            ack=self.next[peer] if "A" in flags else 0,
            window=64240 if end == self.client else 32768,
            options=list(options),
        )
        packet = ip(end[0], peer[0], self.number[end], flags="DF") / tcp
        self.frames.append((self.time, frame(packet / Raw(data) if data else packet)))
        self.next[end] = (self.next[end] + len(data) + ("S" in flags) + ("F" in flags)) % 2**32
        self.number[end] += 1
        self.time += 350
        return self


def ftp() -> list[Frame]:
    """A log-in, a passive LIST, an active RETR from port 20. The name and the password are nobody's."""
    control = Conversation((LINUX, 50512), (ZOS, 21), 0).open()
    control.answers(
        "220-FTPSERVE IBM FTP CS V2R4 at S0W1, 14:05:31 on 2023-12-13.\r\n"
        "220 Connection will close if idle for more than 5 minutes."
    )
    control.asks("USER NOBODY").answers("331 Send password please.")
    control.asks("PASS not-a-password").answers('230 NOBODY is logged on.  Working directory is "NOBODY.".')
    control.asks("PASV").answers(f"227 Entering Passive Mode (10,1,1,2,{1044 // 256},{1044 % 256})")

    passive = Conversation((LINUX, 50514), (ZOS, 1044), control.time + 500).open()
    control.time = passive.time
    control.asks("LIST").answers("125 List started OK")
    passive.time = control.time
    passive.answers(
        "Volume Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\r\n"
        "USER00 2023/12/13  1    1  FB      80 27920  PS  SAMPLE.DATA"
    )
    passive.close(passive.server)
    control.time = passive.time
    control.answers("250 List completed successfully.")

    control.asks(f"PORT 10,1,0,2,{50516 // 256},{50516 % 256}").answers("200 Port request OK.")
    control.asks("RETR SAMPLE.DATA").answers("125 Sending data set NOBODY.SAMPLE.DATA FIXrecfm 80")
    active = Conversation((ZOS, 20), (LINUX, 50516), control.time).open()
    active.asks("HELLO FROM Z/OS".ljust(80), "THIS IS THE LAST RECORD".ljust(80))
    active.close(active.client)
    control.time = active.time
    control.answers("250 Transfer completed successfully.")
    control.asks("QUIT").answers("221 Quit command received. Goodbye.")
    return control.close(control.server) + passive.frames + active.frames


def sftp() -> list[Frame]:
    """The opening of SSH as it is on the wire; everything after NEWKEYS looks encrypted and is not."""
    ssh = Conversation((LINUX, 50640), (ZOS, 22), 0).open()
    ssh.asks("SSH-2.0-OpenSSH_9.3").answers("SSH-2.0-OpenSSH_7.6")
    ssh.asks(ssh_kexinit("client")).answers(ssh_kexinit("server"))
    ssh.asks(ssh_packet(30, ssh_string(noise("client key", 32))))
    host_key = ssh_string(b"ssh-ed25519") + ssh_string(noise("host key", 32))
    signature = ssh_string(b"ssh-ed25519") + ssh_string(noise("signature", 64))
    reply = ssh_string(host_key) + ssh_string(noise("server key", 32)) + ssh_string(signature)
    ssh.answers(ssh_packet(31, reply) + ssh_packet(21, b"")).asks(ssh_packet(21, b""))
    for turn in range(6):
        ssh.asks(noise(f"sftp asks {turn}", 52 + 16 * turn))
        ssh.answers(noise(f"sftp answers {turn}", 68 + 144 * turn))
    return ssh.close(ssh.client)


def ssh_string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def ssh_packet(number: int, data: bytes) -> bytes:
    """RFC 4253 section 6: length, padding length, message, padding to a multiple of 8, at least 4 octets."""
    message = bytes([number]) + data
    padding = 4 + -(len(message) + 9) % 8
    return struct.pack(">IB", len(message) + padding + 1, padding) + message + bytes(padding)


def ssh_kexinit(end: str) -> bytes:
    """RFC 4253 section 7.1: a cookie and ten lists of names."""
    ciphers, macs, plain = b"aes256-ctr,aes128-ctr", b"hmac-sha2-256,hmac-sha2-512", b"none"
    lists = (b"curve25519-sha256", b"ssh-ed25519", ciphers, ciphers, macs, macs, plain, plain, b"", b"")
    return ssh_packet(20, noise(f"{end} cookie", 16) + b"".join(map(ssh_string, lists)) + bytes(5))


# Telnet (RFC 854) and TN3270E (RFC 2355) on the wire.
IAC, DO, WILL, SB, SE, EOR = b"\xff", b"\xfd", b"\xfb", b"\xfa", b"\xf0", b"\xef"
TN3270E = b"\x28"
CONNECT, DEVICE_TYPE, FUNCTIONS, IS, REQUEST, SEND = b"\x01", b"\x02", b"\x03", b"\x04", b"\x07", b"\x08"


def subnegotiation(*words: bytes) -> bytes:
    return IAC + SB + TN3270E + b"".join(words) + IAC + SE


def x3270() -> list[Frame]:
    """A session on the plain port and one on the port with TLS."""
    plain = Conversation((LINUX, 50750), (ZOS, 23), 0).open()
    plain.answers(IAC + DO + TN3270E).asks(IAC + WILL + TN3270E)
    plain.answers(subnegotiation(SEND, DEVICE_TYPE))
    plain.asks(subnegotiation(DEVICE_TYPE, REQUEST, b"IBM-3278-2-E"))
    plain.answers(subnegotiation(DEVICE_TYPE, IS, b"IBM-3278-2-E", CONNECT, b"TCP00001"))
    functions = b"\x00\x02\x04"  # BIND-IMAGE, RESPONSES, SYSREQ
    plain.asks(subnegotiation(FUNCTIONS, REQUEST, functions)).answers(subnegotiation(FUNCTIONS, IS, functions))
    header = b"\x00\x00\x00\x00\x01"  # 3270-DATA, sequence number 1
    screen = b"\xf5\xc3\x11\x40\x40\x1d\xf0" + "WELCOME TO Z/OS".encode("cp037") + b"\x11\xc1\x50\x1d\x40\x13"
    plain.answers(header + screen + IAC + EOR)
    logon = b"\x7d\xc1\xd5\x11\xc1\xd1" + "LOGON".encode("cp037")  # Enter, cursor, and the field at row 2
    plain.asks(b"\x00\x00\x00\x00\x01" + logon + IAC + EOR)
    plain.close(plain.client)

    secure = Conversation((LINUX, 50752), (ZOS, 992), 10 * SECOND).open()
    secure.asks(client_hello()).answers(server_hello() + b"\x14\x03\x03\x00\x01\x01" + sealed("server", 1203))
    secure.asks(b"\x14\x03\x03\x00\x01\x01" + sealed("client", 53))
    for turn in range(4):
        secure.answers(sealed(f"screen {turn}", 117 + 211 * turn)).asks(sealed(f"keys {turn}", 39 + turn))
    return plain.frames + secure.close(secure.client)


def client_hello() -> bytes:
    """A TLS 1.3 ClientHello: three ciphers, x25519, two signature schemes."""
    extensions = (
        (43, b"\x02\x03\x04"),
        (10, b"\x00\x02\x00\x1d"),
        (13, b"\x00\x04\x04\x03\x08\x04"),
        (51, b"\x00\x24\x00\x1d\x00\x20" + noise("client share", 32)),
    )
    ciphers = b"\x00\x06\x13\x01\x13\x02\x13\x03"
    return hello(1, noise("client random", 32), ciphers + b"\x01\x00", extensions, record=0x0301)


def server_hello() -> bytes:
    """The ServerHello to it: TLS_AES_256_GCM_SHA384."""
    extensions = ((43, b"\x03\x04"), (51, b"\x00\x1d\x00\x20" + noise("server share", 32)))
    return hello(2, noise("server random", 32), b"\x13\x02\x00", extensions, record=0x0303)


def hello(kind: int, random: bytes, choice: bytes, extensions: Iterable[tuple[int, bytes]], record: int) -> bytes:
    """RFC 8446 section 4.1: both hellos differ only in how they name their ciphers."""
    block = b"".join(struct.pack(">HH", number, len(data)) + data for number, data in extensions)
    body = b"\x03\x03" + random + b"\x20" + noise("session", 32) + choice + struct.pack(">H", len(block)) + block
    message = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", 22, record, len(message)) + message


def sealed(seed: str, octets: int) -> bytes:
    """A TLS record of application data that nobody can open."""
    return struct.pack(">BHH", 23, 0x0303, octets) + noise(seed, octets)


# --- multicast


def igmp() -> list[Frame]:
    """The router of ETH2 asks every host for its groups; the option is router alert (RFC 2113)."""
    router_alert = b"\x94\x04\x00\x00"
    query = IP(src=ROUTER2, dst=ALL_HOSTS, ttl=1, tos=0xC0, id=0, options=router_alert, proto=2)
    return [(0, frame(query / IGMP(type=0x11, mrcode=100, gaddr="0.0.0.0")))]


def ospf() -> list[Frame]:
    """OMPROUTE says hello every ten seconds, and hears its neighbour once."""
    sent = [(turn * 10 * SECOND, frame(ospf_hello(ZOS, 0x0400 + turn))) for turn in range(3)]
    return [*sent, (23 * SECOND + 118_204, frame(ospf_hello(ROUTER, 0x7B10)))]


def ospf_hello(router: str, number: int) -> Packet:
    """A hello that knows of no neighbour yet: 64 octets with its IP header."""
    hello = OSPF_Hello(
        mask="255.255.255.0", hellointerval=10, options=2, prio=1, deadinterval=40, router="0.0.0.0",
        backup="0.0.0.0", neighbors=[],
    )  # fmt: skip
    header = OSPF_Hdr(version=2, type=1, src=router, area="0.0.0.0", authtype=0)
    return IP(src=router, dst=OSPF_ROUTERS, ttl=1, tos=0xC0, id=number, proto=89) / header / hello


CAPTURES = {
    "ping.pcap": ping,
    "traceroute-udp.pcap": traceroute_udp,
    "traceroute-icmp.pcap": traceroute_icmp,
    "ftp.pcap": ftp,
    "sftp.pcap": sftp,
    "x3270.pcap": x3270,
    "igmp.pcap": igmp,
    "ospf.pcap": ospf,
}


if __name__ == "__main__":
    main()
