"""A command that needs no packets waits for no compiler: numpy, numba and scapy stay unimported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "numba", "scapy")

# Runs one command as the console script does, then says how it ended and which of the heavy modules came in.
PROGRAM = """
import json, sys
sys.argv = ["zsim", *json.loads(sys.argv[1])]
code = 0
try:
    from zsim.cli import main
    code = main()
except SystemExit as end:
    code = end.code
print()
print(json.dumps([code or 0, [name for name in json.loads(sys.stdin.read()) if name in sys.modules]]))
"""


def run(arguments: list[str], folder: Path, program: str = PROGRAM) -> tuple[object, list[str]]:
    """The exit code of a command and the heavy modules it imported; its home is an empty folder."""
    homes = dict.fromkeys(("HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_DATA_HOME"), str(folder))
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)],
        input=json.dumps(HEAVY),
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **homes, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    code, heavy = json.loads(done.stdout.splitlines()[-1])
    return code, heavy


@pytest.mark.parametrize(
    "command",
    ["--help", "ipsec -f display", "check", "filters", "tso LU", "explain-access IBMUSER pasearch", "schema ocsf",
     "logstat /dev/null", f"replay {ROOT / 'profiles' / 'adcd' / 'captures' / 'ping.pcap'}"],
)  # fmt: skip
def test_start_up__is_light(command: str, tmp_path: Path) -> None:
    code, heavy = run(command.split(), tmp_path)
    assert heavy == []
    assert code in (0, 1) if command.split()[0] in ("check", "logstat") else code == 0  # 1: there is something to say


def test_start_up__a_heavy_import_would_be_seen(tmp_path: Path) -> None:
    _, heavy = run([], tmp_path, PROGRAM.replace("from zsim.cli import main", "import scapy; main = int"))
    assert heavy == ["scapy"]
