"""Two readers of one language: the grammar policy.lark and zsim take and refuse the same generated policies.

The grammar judges form: braces, names, values. Whether the Policy Agent installs a policy hangs on its meaning too:
references, cardinality, families; for that the generator says which of its policies are valid.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest
from lark import Lark, Token, Tree, UnexpectedInput

from tests.zsim import generator
from tests.zsim.generator import Policy
from tests.zsim.systems import NOW, ROOT, chain, unstarted
from zsim.config import policy
from zsim.config.policy import Block
from zsim.config.source import Source
from zsim.findings import ERROR, Finding

SEEDS, PARTS = 2400, 4
FORM = ("syntax", "missing-end")  # findings about the form of a policy


# ---- the grammar -----------------------------------------------------------------------------------------------


@cache
def grammar() -> Lark:
    return Lark.open("policy.lark", rel_to=__file__, parser="lalr", lexer="contextual", maybe_placeholders=False)


def refusal(text: str) -> str:
    """What the grammar has against a policy; "" for nothing."""
    try:
        tree = grammar().parse(f"\n{text}\n")
    except UnexpectedInput as wrong:
        return f"line {wrong.line - 1}: {text.splitlines()[wrong.line - 2 : wrong.line - 1]}"
    return next((f"{each.data}: {why}" for each in tree.iter_subtrees() if (why := _beyond(each))), "")


LIMITS = {"ports": 65535, "octets": 255, "class": 255, "protocol": 255, "seconds": 2**31 - 1}
MASKS = {"monthofyearmask": (12,), "dayofmonthmask": (31, 62), "dayofweekmask": (7,)}


def _beyond(tree: Tree[Token]) -> str:
    """What a grammar says at length or not at all: limits of numbers, odd ranges, addresses."""
    words = [str(each) for each in tree.children if isinstance(each, Token) and each.type in VALUES]
    if tree.data in LIMITS:
        numbers = [int(part) for word in words for part in word.replace("-", ":").split(":") if part.isdigit()]
        if len(words) > 1 and not words[1].isdigit():
            return f"mixed separators in {words}"
        within = all(number <= LIMITS[tree.data] for number in numbers)
        return "" if within and numbers == sorted(numbers) else f"{words}"
    if tree.data in ("end", "inset", "single", "prefix", "range"):
        return "" if words[0].lower().startswith("all") or _is_address(words[0]) else words[0]
    if tree.data == "mask":
        return "" if len(words[0]) in MASKS[tree.children[0].lower()] else words[0]
    return ""


VALUES = ("NUMBER", "NUMBERS", "ALL", "EVERY", "ADDRESS", "PREFIX", "RANGE", "MASK")


def _is_address(word: str) -> bool:
    try:
        ends = [ipaddress.ip_network(part, strict=False) for part in word.split("-")]
        return len(ends) == 1 or (ends[0].version == ends[1].version and ends[0][0] <= ends[1][0])  # type: ignore[operator]
    except ValueError:
        return False


# ---- zsim ------------------------------------------------------------------------------------------------------


def complaints(text: str) -> list[Finding]:
    """What zsim has against the form of a policy."""
    parsed = policy.parse(Source("TEST", text))
    findings = list(parsed.findings)
    waiting = [block for block in parsed.blocks if block.type in policy.SCHEMA]
    while waiting:
        parts = policy.check(waiting.pop(), findings).parts
        waiting += [part for _, part, _ in parts if isinstance(part, Block)]
    return [each for each in findings if each.severity == ERROR and each.id in FORM]


def policies(part: int) -> list[tuple[int, Policy]]:
    """A quarter of the policies of a run, by seed; two in three have a mistake."""
    found = []
    for seed in range(part, SEEDS, PARTS):
        random = Random(seed)
        made = generator.policy(random, random.choice((1, 2, 4)))
        found.append((seed, generator.spoilt(made, random) if seed % 3 else made))
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_form__grammar_and_parser_agree(part: int) -> None:
    kinds: Counter[str] = Counter()
    for seed, made in policies(part):
        refused, complained = refusal(made.text), complaints(made.text)
        kinds[made.fault.kind if made.fault else "valid"] += 1
        told = f"seed {seed}, {made.fault}\n  grammar: {refused or 'accepts'}\n  zsim: {complained[:2]}\n{made.text}"
        assert bool(refused) == bool(complained), told
        assert bool(refused) == (made.fault is not None and made.fault.kind != "meaning"), told
    assert min(kinds[kind] for kind in ("valid", "structure", "value", "meaning")) > 20


@pytest.mark.parametrize("part", range(PARTS))
def test_policy_agent__installs_what_is_valid_and_nothing_else(part: int) -> None:
    for seed, made in policies(part):
        system = unstarted(chain(made.text))
        errors = [each for each in system.start(NOW)[1] if each.severity == ERROR]
        installed = system.stack.policy is not None
        told = f"seed {seed}, {made.fault}\n  zsim: {[str(each) for each in errors[:2]]}\n{made.text}"
        assert installed == (made.fault is None), told
        assert bool(errors) == (made.fault is not None), told


GOLDEN = sorted((ROOT / "tests" / "golden" / "policy").glob("*.[ib]*[nd]"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_form__golden_policies(path: Path) -> None:
    text = path.read_text()
    assert bool(refusal(text)) == bool(complaints(text)), f"grammar: {refusal(text)}, zsim: {complaints(text)}"


def test_form__grammar_refuses_a_brace_on_the_line_of_its_statement() -> None:
    assert refusal("IpAddr A {\n  Addr 10.1.1.2\n}\n").startswith("line 1")


def test_form__grammar_takes_text_after_values_and_words_it_does_not_know() -> None:
    assert refusal("IpAddr A  the host\n{\n  Addr 10.1.1.2 this one # here\n  Adr 10.1.1\n}\nNoSuch x\n{\n}\n") == ""
