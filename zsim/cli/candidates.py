"""What can be compared: systems, what they have installed, policy files, git revisions of either.

mysys              a folder or a bundled name: what its files say now
mysys@installed    what it has in force, with its defensive filters
new.policy         a policy file, in the place of the policy of -s
HEAD~1:mysys       a folder or a policy file as git has it, by REV:PATH
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from zsim import profiles, store
from zsim.cli.terminal import wall_clock
from zsim.facts import choosing
from zsim.findings import did_you_mean
from zsim.profiles import SETTINGS, Place, ProfileError
from zsim.started import PAGENT
from zsim.system import System
from zsim.tasks import pagent

INSTALLED = "@installed"
_WILD = "*?["
_MAGICS = (
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a",
    b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
)  # fmt: skip


class Candidate(NamedTuple):
    label: str
    system: System


def is_capture(word: str) -> bool:
    """Whether an argument names a capture: by its first octets, as standard input, or by a pattern."""
    path = Path(word)
    if word == "-":
        return True
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(4).startswith(_MAGICS)
    except OSError:
        return False
    return not path.exists() and any(char in Path(word).name for char in _WILD)


def candidate(word: str, base: Place, opened: ExitStack) -> Candidate:
    """The system an argument stands for; a policy is put in the place of the one of `base`. `opened` keeps what has to
    stay while it is used. Raises ProfileError."""
    if word.endswith(INSTALLED):
        place = profiles.find(word.removesuffix(INSTALLED))
        return Candidate(word, opened.enter_context(store.session(place, False, wall_clock())))
    path = Path(word)
    if path.is_dir() or word in profiles.bundled_names():
        return Candidate(word, _started(profiles.open_system(profiles.find(word))))
    if path.is_file():
        try:
            return _with_policy(word, word, path.read_bytes(), base)
        except OSError as why:
            raise ProfileError(f"{word}: cannot be read: {why.strerror}") from None
    if ":" in word:
        return _of_git(word, base, opened)
    hint = did_you_mean(word, profiles.bundled_names(), "give a folder, a policy file, a capture, or REV:PATH")
    raise ProfileError(f"{word}: neither a system nor a file; {hint}")


def _started(system: System) -> System:
    return store.started(system, wall_clock())


def _with_policy(label: str, path: str, octets: bytes, base: Place) -> Candidate:
    """The system `base` with another policy."""
    before = _started(profiles.open_system(base))  # what a task is given, it gets when it is started
    agent = before.task_of(PAGENT)
    if agent is None:
        raise ProfileError(f"{label}: {base.name} has no Policy Agent that could install a policy")
    with choosing(before.facts):
        name = pagent.policy_file(before.files, agent.options, agent.environment, agent.where, before.stack.name)
    if name is None:
        raise ProfileError(
            f"{label}: the Policy Agent of {base.name} reads no policy file whose place it could take; "
            f"zsim check -s {base.name} says why"
        )
    if len(octets) > profiles.LARGEST_TEXT:
        raise ProfileError(f"{label}: is larger than {profiles.LARGEST_TEXT // 1024 // 1024} MiB")
    system = profiles.open_system(base)
    try:
        system.files.text[name] = profiles.decode(octets, "utf-8")
    except UnicodeDecodeError as why:
        raise ProfileError(f"{label}: byte {why.start} is no UTF-8; save it as UTF-8") from None
    system.files.names[name] = path
    return Candidate(label, _started(system))


def _of_git(word: str, base: Place, opened: ExitStack) -> Candidate:
    """REV:PATH: a blob is a policy, a tree a system's folder."""
    kind = _git(word, "cat-file", "-t", word).strip()
    if kind == b"blob":
        return _with_policy(word, word, _git(word, "cat-file", "blob", word), base)
    if kind != b"tree":
        raise ProfileError(f"{word}: is a {kind.decode()}; name a folder or a file behind the colon")
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="zsim-")))
    with tarfile.open(fileobj=io.BytesIO(_git(word, "archive", "--format=tar", word))) as archive:
        try:
            archive.extractall(folder, filter="data")
        except tarfile.TarError as why:
            raise ProfileError(f"{word}: cannot be read: {why}") from None
    if not (folder / SETTINGS).is_file():
        raise ProfileError(f"{word}: no {SETTINGS} in it, so it is no system")
    return Candidate(word, _started(profiles.open_system(Place(word, folder, False))))


def _git(word: str, *args: str) -> bytes:
    try:
        done = subprocess.run(["git", *args], capture_output=True, check=False)
    except OSError as why:
        raise ProfileError(f"{word}: git cannot be run: {why.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().split("\n")[0].removeprefix("fatal: ")
        raise ProfileError(f"{word}: git does not have it: {said}")
    return done.stdout
