"""Findings as SARIF 2.1.0, the format code-review tools read (OASIS, sections 3.19 to 3.28)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zsim.findings import ERROR, KINDS, NOTE, UNKNOWN, WARNING, Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {ERROR: "error", WARNING: "warning", UNKNOWN: "warning", NOTE: "note"}  # 3.27.10


def document(findings: Sequence[Finding], path_of: Callable[[str], str], version: str) -> dict[str, Any]:
    """One run of `zsim check`. `path_of` gives the path, relative to the system's folder, of a z/OS name."""
    used = sorted({found.id for found in findings})
    rules = [
        {
            "id": id,
            "shortDescription": {"text": KINDS[id].text},
            "defaultConfiguration": {"level": LEVELS[KINDS[id].severity]},
        }
        for id in used
    ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "zsim", "version": version, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(found, used.index(found.id), path_of) for found in findings],
            }
        ],
    }


def _result(found: Finding, rule: int, path_of: Callable[[str], str]) -> dict[str, Any]:
    text = ". ".join(part for part in (found.text, found.issued, found.remedy) if part)
    location: dict[str, Any] = {"artifactLocation": {"uri": path_of(found.where.source), "uriBaseId": "SYSTEM"}}
    if found.where.line:
        location["region"] = {"startLine": found.where.line, "startColumn": found.where.column}
    return {
        "ruleId": found.id,
        "ruleIndex": rule,
        "level": LEVELS[found.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
