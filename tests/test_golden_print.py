"""The canonical print of every good file in tests/golden, by language: `x.in` -> `golden_print/LANGUAGE-x.txt`.

Printing what was printed changes nothing, and what was printed means the same. `--accept` rewrites.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from zsim.config import pagentconf, policy, syslogconf
from zsim.config.source import Source

GOLDEN = Path(__file__).parent / "golden"
PRINTED = Path(__file__).parent / "golden_print"
LANGUAGES = {
    "policy": lambda text: str(policy.parse(Source("x", text))),
    "syslogconf": lambda text: str(syslogconf.parse(Source("x", text))),
    "pagentconf": lambda text: str(
        pagentconf.image_file(Source("x", text)) if "# image" in text else pagentconf.main_file(Source("x", text))
    ),
}
CASES = sorted(path for language in LANGUAGES for path in (GOLDEN / language).glob("*.in"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_print__is_canonical(path: Path, accept: bool) -> None:
    printed = LANGUAGES[path.parent.name](path.read_text())
    expected = PRINTED / f"{path.parent.name}-{path.stem}.txt"
    if accept:
        expected.parent.mkdir(exist_ok=True)
        expected.write_text(printed)
    assert expected.read_text() == printed
    if "# image" not in path.read_text():
        assert LANGUAGES[path.parent.name](printed) == printed


def test_print__has_no_lonely_file() -> None:
    wanted = {f"{path.parent.name}-{path.stem}.txt" for path in CASES}
    assert {path.name for path in PRINTED.iterdir()} == wanted
