"""Who may import whom, and who may touch the machine: read from the source, never by importing it.

A check takes the parsed source of a module and yields what is wrong with it, so each can be shown a bad one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The modules at the edge, which alone read files, sockets, databases and the wall clock.
EDGE = (
    "zsim.profiles", "zsim.store", "zsim.undo", "zsim.memory", "zsim.cli", "zsim.packets", "zsim.captures", "zsim.demo",
    "zsim.pytest_plugin",
    "engine.kernels.objects",  # what was compiled is on disk, as numba itself has it
)  # fmt: skip

# Where the modules of zsim stand. A module imports from its own height and from below, never from above; one
# without a place fails the test, because somebody has to say where it belongs.
HEIGHTS = (
    # leaves that anyone may use
    ("addresses", "answers", "captures", "charts", "clock", "commands", "config", "facts", "files", "findings",
     "flows", "ispf", "later", "messages", "packets", "racf", "report", "sarif", "times", "trmdlog", "unix"),
    ("tcpip",),
    ("attls",),
    ("eventrows", "events", "outputs", "parquet", "rows", "smf", "started", "tasks"),
    ("authority", "console", "defence", "delivery", "system"),
    ("bench", "forecast", "listing", "logstat", "replay", "whatif"),
    # the face of the package is zsim itself
    ("", "loaded", "memory", "profiles", "store", "undo"),
    ("cli", "demo", "web", "pytest_plugin", "__main__"),
)  # fmt: skip

FACE = next(row for row, parts in enumerate(HEIGHTS) if "" in parts)

# What only the edge may import, and call.
MACHINE = ("os", "socket", "sqlite3", "subprocess", "shutil", "tempfile", "glob", "pathlib.Path")
PATH_METHODS = (
    "read_text",
    "write_text",
    "read_bytes",
    "write_bytes",
    "iterdir",
    "rglob",
    "is_file",
    "is_dir",
)
CLOCKS = (
    ("time", "time"), ("time", "time_ns"), ("time", "localtime"),
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
)  # fmt: skip


class Import(ast.NodeVisitor):
    """Every module a source imports: its name, the line, and whether a function has to be called for it."""

    def __init__(self, module: str, package: bool) -> None:
        self.module, self.package = module, package
        self.found: list[tuple[str, int, bool]] = []
        self.inside = False

    def visit_FunctionDef(self, node: ast.AST) -> None:
        before, self.inside = self.inside, True
        self.generic_visit(node)
        self.inside = before

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):  # for mypy, never executed
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(alias.name, node.lineno, self.inside) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self.module.split(".")
        if node.level:
            above = above[: len(above) - node.level + self.package]
        base = ".".join([*(above if node.level else []), *([node.module] if node.module else [])])
        self.found += [(f"{base}.{alias.name}", node.lineno, self.inside) for alias in node.names]


def imports(module: str, tree: ast.AST, package: bool = False) -> list[tuple[str, int, bool]]:
    visitor = Import(module, package)
    visitor.visit(tree)
    return visitor.found


def under(name: str, *tops: str) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)


# --- the checks


def engine_knows_no_zsim(module: str, tree: ast.AST, package: bool = False) -> Iterator[str]:
    for name, line, _ in imports(module, tree, package):
        if under(module, "engine") and under(name, "zsim"):
            yield f"{module} line {line} imports {name}"


def only_kernels_import_numba(module: str, tree: ast.AST, package: bool = False) -> Iterator[str]:
    for name, line, _ in imports(module, tree, package):
        if under(name, "numba", "llvmlite") and not under(module, "engine.kernels"):
            yield f"{module} line {line} imports {name}"


def scapy_waits_in_packets(module: str, tree: ast.AST, package: bool = False) -> Iterator[str]:
    for name, line, inside in imports(module, tree, package):
        if under(name, "scapy") and not (module == "zsim.packets" and inside):
            yield f"{module} line {line} imports {name}"


def numpy_waits(module: str, tree: ast.AST, package: bool = False) -> Iterator[str]:
    for name, line, inside in imports(module, tree, package):
        if under(module, "zsim") and under(name, "numpy") and not inside:
            yield f"{module} line {line} imports {name} before it is needed"


def only_the_edge_touches_the_machine(module: str, tree: ast.AST, package: bool = False) -> Iterator[str]:
    if under(module, *EDGE):
        return
    for name, line, _ in imports(module, tree, package):
        if under(name, *MACHINE) or name in ("pathlib", "pathlib.*"):
            yield f"{module} line {line} imports {name}"
        if tuple(name.split(".")) in CLOCKS:
            yield f"{module} line {line} imports the clock {name}"
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="open" | "input" | "print" as name)):
                yield f"{module} line {node.lineno} calls {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in PATH_METHODS:
                yield f"{module} line {node.lineno} calls .{name}()"
            case ast.Attribute(attr=name, value=ast.Name(id=owner) | ast.Attribute(attr=owner)):
                if (owner, name) in CLOCKS:
                    yield f"{module} line {node.lineno} asks {owner}.{name}"


def arrows_never_turn_round(module: str, tree: ast.AST, package: bool = False) -> Iterator[str]:
    if not under(module, "zsim"):
        return
    own = height(module)
    if own is None:
        yield f"{module} has no place in HEIGHTS: say where it belongs"
        return
    for name, line, _ in imports(module, tree, package):
        if not under(name, "zsim"):
            continue
        its = height(name)
        if (FACE if its is None else its) > own:  # what is no module is a function of the face
            yield f"{module} line {line} imports {name} from above"


CHECKS = (
    engine_knows_no_zsim,
    only_kernels_import_numba,
    scapy_waits_in_packets,
    numpy_waits,
    only_the_edge_touches_the_machine,
    arrows_never_turn_round,
)


def height(module: str) -> int | None:
    """The row of HEIGHTS that a module of zsim, or the part of zsim it lies in, stands in."""
    part = module.split(".")[1] if "." in module else ""
    return next((row for row, parts in enumerate(HEIGHTS) if part in parts), None)


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of both packages, under its dotted name."""
    for top in ("engine", "zsim"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if "bundled" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_layers(check) -> None:
    wrong = [
        complaint
        for module, path in sources()
        for complaint in check(module, ast.parse(path.read_text("utf-8")), path.name == "__init__.py")
    ]
    assert not wrong, "\n".join(wrong)


# Each check, a module that breaks it, and one that does not.
SAMPLES = (
    (
        engine_knows_no_zsim,
        "engine.rules",
        "from zsim.clock import Clock",
        "from engine.fields import FIELDS",
    ),
    (engine_knows_no_zsim, "engine.rules", "def f():\n    import zsim", "import zsimple"),
    (
        only_kernels_import_numba,
        "engine.classify",
        "def f():\n    import numba",
        "def f():\n    import numpy",
    ),
    (
        only_kernels_import_numba,
        "engine.classify",
        "from numba import njit",
        "from engine.kernels import kernel",
    ),
    (scapy_waits_in_packets, "zsim.packets", "import scapy.packet", "def f():\n    import scapy.packet"),
    (
        scapy_waits_in_packets,
        "zsim.demo",
        "def f():\n    from scapy.all import IP",
        "from zsim import packets",
    ),
    (numpy_waits, "zsim.system", "import numpy as np", "def f():\n    import numpy as np"),
    (
        numpy_waits,
        "zsim.system",
        "try:\n    import numpy\nexcept ImportError: pass",
        "if TYPE_CHECKING:\n    import numpy",
    ),
    (
        only_the_edge_touches_the_machine,
        "zsim.system",
        "def f():\n    return open('x')",
        "def f():\n    return x.open",
    ),
    (
        only_the_edge_touches_the_machine,
        "zsim.files",
        "from pathlib import Path",
        "from pathlib import PurePosixPath",
    ),
    (only_the_edge_touches_the_machine, "engine.capture", "x.read_bytes()", "x.read(4)"),
    (only_the_edge_touches_the_machine, "engine.capture", "import os.path", "import struct"),
    (
        only_the_edge_touches_the_machine,
        "zsim.clock",
        "import time\ntime.time()",
        "import time\ntime.monotonic()",
    ),
    (only_the_edge_touches_the_machine, "zsim.clock", "datetime.datetime.now()", "datetime.timedelta(1)"),
    (
        only_the_edge_touches_the_machine,
        "zsim.clock",
        "from time import time",
        "from datetime import datetime",
    ),
    (arrows_never_turn_round, "zsim.clock", "from zsim.tcpip.stack import Stack", "from zsim import files"),
    (arrows_never_turn_round, "zsim.clock", "from zsim import system", "from zsim import report"),
    (arrows_never_turn_round, "zsim.config.profile", "from .. import tasks", "from . import source"),
    (
        arrows_never_turn_round,
        "zsim.tcpip.stack",
        "def f():\n    import zsim.tasks.trmd",
        "import zsim.config.profile",
    ),
    (
        arrows_never_turn_round,
        "zsim.tasks.trmd",
        "from zsim.system import System",
        "from zsim.tcpip import filters",
    ),
    (arrows_never_turn_round, "zsim.report", "from zsim import load", "import zsimple"),
    (arrows_never_turn_round, "zsim.nowhere", "", None),
)


@pytest.mark.parametrize(("check", "module", "bad", "good"), SAMPLES)
def test_layers__a_check_can_fail(check, module: str, bad: str, good: str | None) -> None:
    assert list(check(module, ast.parse(bad)))
    assert good is None or not list(check(module, ast.parse(good)))
