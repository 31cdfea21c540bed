"""Records that leave the system's files: to remote syslogds and to the console.

Datagrams leave this machine only with --live. What is not sent, and why, is said once for each destination.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from zsim.cli.terminal import tell_note
from zsim.config.syslogconf import CONSOLE, HOST
from zsim.system import System

if TYPE_CHECKING:
    import socket

PORT = 514  # syslog (RFC 3164 section 2)
MOST_SHOWN = 10  # console messages shown of one command


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--live and its port, for commands that make records."""
    command = click.option(
        "--live-port",
        default=PORT,
        show_default=True,
        type=click.IntRange(1, 65535),
        help="UDP port of @host with --live.",
    )(command)
    return click.option("--live", is_flag=True, help="Really send records for @host, as RFC 3164 over UDP.")(command)


class Post:
    """Takes from a system what is for hosts and for the console; counts what was not delivered."""

    def __init__(self, live: bool = False, port: int = PORT) -> None:
        self.live, self.port = live, port
        self.sent: Counter[str] = Counter()
        self.unsent: Counter[str] = Counter()
        self.why: dict[str, str] = {}
        self.shown = 0
        self._ways: dict[str, tuple[socket.socket, Any] | None] = {}

    def take(self, system: System) -> None:
        """Deliver what waits; nothing waits afterwards."""
        for destination, kind, text in system.elsewhere:
            if kind == CONSOLE:
                self._show(text)
            elif kind == HOST and self.live:
                self._send(destination, text)
            else:
                self.unsent[destination] += 1
                why = "--live sends them" if kind == HOST else "zsim does not model this destination"
                self.why.setdefault(destination, why)
        system.elsewhere.clear()

    def _show(self, text: str) -> None:
        self.shown += 1
        if self.shown <= MOST_SHOWN:
            click.echo(text, err=True)

    def _send(self, destination: str, text: str) -> None:
        way = self._ways[destination] if destination in self._ways else self._find(destination)
        if way is not None:
            try:
                way[0].sendto(text.encode(), way[1])
                self.sent[destination] += 1
                return
            except OSError as why:
                self.why[destination] = str(why.strerror or why)
        self.unsent[destination] += 1

    def _find(self, destination: str) -> tuple[socket.socket, Any] | None:
        """A socket and the address of a host, looked up once."""
        import socket

        self._ways[destination] = None
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                destination[1:], self.port, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP
            )[0]
            self._ways[destination] = socket.socket(family, kind, protocol), address
        except (OSError, UnicodeError) as why:
            self.why[destination] = str(getattr(why, "strerror", None) or why)
        return self._ways[destination]

    def close(self) -> None:
        """Say what was sent and what was not."""
        for way in self._ways.values():
            if way is not None:
                way[0].close()
        for destination, count in sorted(self.sent.items()):
            tell_note(f"{_records(count)} sent to {destination}, UDP port {self.port}")
        for destination, count in sorted(self.unsent.items()):
            tell_note(f"{_records(count)} for {destination} not sent: {self.why[destination]}")
        if self.shown > MOST_SHOWN:
            tell_note(f"{self.shown - MOST_SHOWN:,} more messages for the console")


def _records(count: int) -> str:
    return f"{count:,} record{'s' if count != 1 else ''}"
