"""A plug-in of pytest: every `*.zsim.yaml` is a test file, each of its assertions and steps a test.

    pytest nightly/                          # with zsim installed, scenarios are found beside other tests
    pytest --zsim-system mysys rules.zsim.yaml

A file runs as a whole when its first test does, since the steps of a story build on each other. What zsim does not
model is skipped, with the reason. Nothing of zsim is imported before there is a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zsim.whatif.story import Result
    from zsim.whatif.tested import Ran

ENDING = ".zsim.yaml"


class Unexpected(Exception):
    """A test of a scenario is not passed: its result."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.text)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("zsim").addoption(
        "--zsim-system", default=None, metavar="SYSTEM", help="the system of scenarios that name none; default adcd"
    )


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> ScenarioFile | None:
    """One file that pytest looks at."""
    if not file_path.name.endswith(ENDING):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


class ScenarioFile(pytest.File):
    """A scenario; it is run once, when its first test asks for its result."""

    ran: Ran | None = None

    def collect(self) -> Iterator[ScenarioItem]:
        from zsim.cli.scenarios import read_file

        try:
            scenario = read_file(str(self.path))
        except ValueError as why:
            raise self.CollectError(str(why)) from None
        seen: set[str] = set()
        entries = [(each.name, each.where) for each in scenario.assertions]
        entries += [(each.name, each.where) for each in scenario.story]
        for at, (name, where) in enumerate(entries):
            unique = name if name not in seen else f"{name} ({at + 1})"
            seen.add(unique)
            yield ScenarioItem.from_parent(self, name=unique, at=at, line=where.line)

    def result(self, at: int) -> Result:
        """What came of one assertion or step, by its place in the file."""
        from zsim.cli.scenarios import run_file
        from zsim.findings import Where
        from zsim.profiles import find
        from zsim.whatif.story import ERROR, Result

        if self.ran is None:
            self.ran = run_file(str(self.path), find(self.config.getoption("--zsim-system") or "adcd"))
        if self.ran.problem:
            return Result(self.name, Where(str(self.path), 1, 1), ERROR, self.ran.problem)
        return self.ran.results[at]


class ScenarioItem(pytest.Item):
    """One assertion or step."""

    def __init__(self, *, at: int, line: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.at, self.line = at, line

    def runtest(self) -> None:
        from zsim.whatif.story import NOT_MODELLED, PASSED

        assert isinstance(self.parent, ScenarioFile)
        result = self.parent.result(self.at)
        if result.status == NOT_MODELLED:
            pytest.skip(f"not modelled: {result.text}")
        if result.status != PASSED:
            raise Unexpected(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The place in the file and what is wrong, instead of a traceback of zsim."""
        if isinstance(excinfo.value, Unexpected):
            result = excinfo.value.result
            return f"{result.where}: {result.status}: {result.name}\n{result.text}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, self.name
