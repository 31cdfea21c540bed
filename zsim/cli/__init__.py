"""The command line: the edge where a person's files, terminal and clock meet the system.

Exit codes: 0 fine, 1 a finding, 2 wrong usage or unreadable input, 3 unknown because something is not modelled.
`zsim ipsec` and `zsim sh` give the exit code of the z/OS command. A command lies in a module of this folder under its
own name, and is imported when it is used.
"""

# ruff: noqa: E402 -- how garbage is collected is said before the imports, because it makes them a quarter quicker

from __future__ import annotations

import atexit
import gc

# What a command makes of modules and thousands of filters stays: walking over them again and again finds nothing, and
# at the end it goes with the process.
gc.set_threshold(50_000, 20, 100)
atexit.register(gc.freeze)

from importlib import import_module
from typing import Any

import click

from zsim import __version__
from zsim.cli.terminal import UNUSABLE, complain, system_option
from zsim.findings import did_you_mean
from zsim.profiles import ProfileError

# Where each command lies.
MODULES = {
    "operate": ("ipsec", "sh", "filters", "console"),
    "systems": ("check", "new", "systems", "facts", "completion", "demo", "warm"),
    "traffic": ("replay", "decode", "send", "bench"),
    "analysis": ("analyse", "suggest"),
    "logs": ("logstat", "forecast", "schema"),
    "authority": ("tso", "explain-access"),
    "state": ("state",),
    "shell": ("shell",),
    "whatif": ("compare", "search", "boundary", "grep"),
    "explain": ("why",),
    "scenarios": ("test",),
}
COMMANDS = {name: module for module, names in MODULES.items() for name in names}


class _Commands(click.Group):
    """The commands of MODULES; says `did you mean` for one it does not know, and turns our errors into exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"zsim.cli.{COMMANDS[name]}"), name.replace("-", "_"))
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            hint = did_you_mean(args[0], self.list_commands(ctx), "zsim --help lists the commands")
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProfileError as why:
            complain(str(why))
            ctx.exit(UNUSABLE)


@click.group(cls=_Commands, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80})
@system_option
@click.version_option(__version__, prog_name="zsim")
def main(system: str | None) -> None:
    """z/OS network security on your own machine.

    Replay captures through the IP filter rules of a z/OS system and see what the real one would do: which filter
    matches, what ipsec -f display shows, which log record lands in which file.

    \b
    Start here:
      zsim demo                               the ping of the tutorial, explained
      zsim new mysys                          a system of your own, to change
      zsim replay -s mysys trace.pcap         your packets, its rules
      zsim ipsec -s mysys -f display -c current
      zsim check -s mysys                     what is wrong with its files
    """
