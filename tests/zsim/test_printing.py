"""Printing undoes parsing: the canonical form of a file means the same, and printing it again changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from systems import ROOT, source
from test_rubbish import POLICY_WORDS, PROFILE_WORDS, SYSLOG_WORDS, quickly, texts

from zsim.config import policy, profile, syslogconf

sys.path.insert(0, str(ROOT / "tests"))

from test_golden import RUN

READ = {"profile": profile.parse, "policy": policy.parse, "syslogconf": syslogconf.parse}
CASES = [path for language in READ for path in sorted((ROOT / "tests" / "golden" / language).glob("*.in"))]
BUNDLED = ROOT / "profiles" / "adcd"
MEMBERS = BUNDLED / "datasets" / "USER.Z24C.TCPPARMS"
REAL = {"profile": MEMBERS / "PROFILE", "policy": MEMBERS / "PAGEIPSE", "syslogconf": BUNDLED / "etc" / "syslog.conf"}


def printed(language: str, text: str) -> str:
    return str(READ[language](source(text)))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_print__means_the_same(path: Path) -> None:
    language, text = path.parent.name, path.read_text()
    again = printed(language, text)
    assert RUN[language](again)[0] == RUN[language](text)[0]
    assert printed(language, again) == again


@pytest.mark.parametrize("language", READ)
def test_print__of_the_bundled_system_is_stable(language: str) -> None:
    text = REAL[language].read_text()
    again = printed(language, text)
    assert printed(language, again) == again
    assert RUN[language](again)[0] == RUN[language](text)[0]


@quickly
@given(texts(PROFILE_WORDS))
def test_print__of_any_profile_without_errors_is_stable(text: str) -> None:
    assume(all(each.severity != "error" for each in profile.parse(source(text)).findings))
    again = printed("profile", text)
    assert printed("profile", again) == again


@quickly
@given(texts(POLICY_WORDS))
def test_print__of_any_policy_is_stable(text: str) -> None:
    again = printed("policy", text)
    assert printed("policy", again) == again


@quickly
@given(texts(SYSLOG_WORDS))
def test_print__of_any_syslogconf_is_stable(text: str) -> None:
    again = printed("syslogconf", text)
    assert printed("syslogconf", again) == again
