"""pytest collects scenarios: each assertion and each step is a test, with a failure that reads like the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zsim.test_cli import mysys

__all__ = ["mysys"]  # a fixture
pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
GOOD = "name: good\nassert: [{permit: icmp 10.1.0.2 > 10.1.1.2 type 8}]\n"
BAD = "name: bad\nassert: [{name: 'no \"telnet\" & <co>', deny: {from: 10.0.0.0/8, proto: tcp, port: 23}}]\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """pytest with the plug-in in a process of its own; installed or not, it is loaded once."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return lambda *words: pytester.runpytest_subprocess("-p", "zsim.pytest_plugin", *words)


def test_plugin__each_assertion_is_a_test(pytester: pytest.Pytester, run) -> None:
    pytester.makefile(".zsim.yaml", good=GOOD, bad=BAD, unknown="story: [console: 'F CPAGENT,QUERY']")
    done = run("-rs")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
    done.stdout.fnmatch_lines(['*bad.zsim.yaml:2:*: failed: no "telnet" & <co>', "counterexample: tcp *"])
    done.stdout.fnmatch_lines(["*not modelled: MODIFY CPAGENT,QUERY*"])
    assert "Traceback" not in done.stdout.str()


def test_plugin__a_file_that_cannot_be_read_is_an_error_with_its_place(pytester: pytest.Pytester, run) -> None:
    pytester.makefile(".zsim.yaml", broken="assert: [{deny: icpm}]")
    done = run()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(
        ["*broken.zsim.yaml:1:17: column 1 of the packet: 'icpm' is no protocol; did you mean icmp?"]
    )
    assert "Traceback" not in done.stdout.str()


def test_plugin__a_system_by_option_and_selection_by_name(pytester: pytest.Pytester, run, mysys: Path) -> None:
    pytester.makefile(".zsim.yaml", a="assert:\n- {deny: {port: 25, way: in}}\n- {permit: {port: 25, way: in}}\n")
    run("--zsim-system", str(mysys), "-k", "deny", "a.zsim.yaml").assert_outcomes(passed=1, deselected=1)


def test_plugin__imports_nothing_heavy_by_itself(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile("import sys\ndef test(): assert not {'numpy', 'numba', 'scapy', 'click'} & set(sys.modules)\n")
    run().assert_outcomes(passed=1)
