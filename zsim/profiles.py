"""A folder of profiles/ -> System, and back: the edge that reads and writes a system's files.

    system.yaml          the image: names, data set map, started tasks, users
    datasets/DSN/MEMBER  the members of each data set, one file each, as mapped in system.yaml
    etc/ var/ u/ tmp/    z/OS UNIX files: /etc/syslog.conf is etc/syslog.conf
    captures/ README.md  for people; no part of the system
    state.db             what the system remembers (see store.py)

Names in system.yaml and in configuration files come from outside: nothing outside the folder is read or written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zsim import undo
from zsim.clock import zone
from zsim.facts import choice, fact
from zsim.files import Files, Problem, file_name
from zsim.findings import Where, did_you_mean
from zsim.started import PROGRAMS, USER, Task, members
from zsim.system import System
from zsim.tcpip.stack import Stack

if TYPE_CHECKING:
    import yaml


class ProfileError(ValueError):
    """What, where: why; and what to do."""


class Place(NamedTuple):
    """Where a system lives. A bundled one is never written to."""

    name: str
    folder: Path
    bundled: bool


SETTINGS = "system.yaml"
STATE = "state.db"
_KEYS = {
    "sysname", "release", "stack", "timezone", "codepage", "symbols", "users", "datasets", "proclib", "tasks", "racf",
    "facts",
}  # fmt: skip
_TASK_KEYS = {"program", "user", "options", "environment", "file", "start"}
# At the top of a folder: not z/OS UNIX files.
_RESERVED = {SETTINGS, STATE, "captures", "README.md"}  # and what begins with state.db-
LARGEST_TEXT = 64 * 1024 * 1024  # octets; a configuration file or log beyond this is not read as text
MOST_FILES = 20_000


def bundle() -> Path:
    """The bundled systems: inside the installed package, or profiles/ of a checkout."""
    installed = Path(__file__).parent / "bundled"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "profiles"


def bundled_names() -> list[str]:
    return sorted(path.parent.name for path in bundle().glob(f"*/{SETTINGS}"))


def find(name: str) -> Place:
    """A folder, or the name of a bundled system. Raises ProfileError."""
    folder = Path(name)
    if (folder / SETTINGS).is_file():
        return Place(name, folder.resolve(), _is_bundled(folder))
    if name in bundled_names():
        return Place(name, bundle() / name, True)
    if folder.is_dir():
        raise ProfileError(f"{name}: no {SETTINGS} in it, so it is no system; zsim new {name} makes one")
    hint = did_you_mean(
        name, bundled_names(), f"bundled are {', '.join(bundled_names())}; zsim new {name} makes a folder"
    )
    raise ProfileError(f"{name}: neither a folder nor a bundled system; {hint}")


def _is_bundled(folder: Path) -> bool:
    return folder.resolve().parent == bundle().resolve()


def new(target: str, source: str) -> Path:
    """Copy a system into a new folder of one's own, without its memory. Raises ProfileError."""
    import shutil

    place = find(source)
    folder = Path(target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProfileError(f"{target}: exists and is not empty; choose another folder")
    try:
        shutil.copytree(
            place.folder,
            folder,
            dirs_exist_ok=True,
            symlinks=True,
            ignore=shutil.ignore_patterns(f"{STATE}*", "__pycache__"),
        )
    except (OSError, shutil.Error) as why:
        raise ProfileError(f"{target}: cannot be made: {why}") from None
    return folder


# ---- reading ---------------------------------------------------------------------------------------------------


class Remembered(NamedTuple):
    """What system.yaml said when it was read last, lest it be parsed for each command: its text, its values, and the
    line and column of each by its path."""

    text: str = ""
    data: dict[str, Any] = {}  # noqa: RUF012 -- nobody changes it
    places: tuple[tuple[tuple[str, ...], tuple[int, int]], ...] = ()


def open_system(
    place: Place, remembered: Remembered | None = None, keep: Callable[[Remembered], object] | None = None
) -> System:
    """Read system.yaml and find the files it names. Nothing is started yet. `keep` is told what to hand in as
    `remembered` the next time, where that is not what it was. Raises ProfileError."""
    settings = _Settings(place, remembered or Remembered())
    if keep is not None and settings.told is not remembered:
        keep(settings.told)
    stack = settings.text("stack", "TCPIP").upper()
    timezone = settings.text("timezone", "GMT0")
    if zone(timezone) is None:
        settings.fail("timezone", f"{timezone!r} is not like GMT0, EST5EDT or EST5EDT,M3.2.0,M11.1.0")
    folder = _Folder(place, settings)
    names = dict(folder.names())
    proclib = settings.proclib(folder.mapped)
    tasks = {name.upper(): settings.task(name, members(names, proclib)) for name in settings.section("tasks")}
    system = System(
        place.name, settings.text("sysname", "S0W1").upper(), settings.text("release", "V2R4").upper(), timezone,
        Stack(stack), tasks, Files(names, folder.fetch, closed=tuple(map(str, folder.mapped.values()))),
        {name.upper(): str(value) for name, value in settings.section("symbols").items()},
        tuple(str(user).upper() for user in settings.data.get("users") or ("IBMUSER",)),
    )  # fmt: skip
    system.facts, system.proclib = settings.facts(), proclib
    system.racf_files = settings.racf()
    system.symbols.setdefault("SYSNAME", system.sysname)
    return system


class _Settings:
    """system.yaml: its values, and the line of each for messages."""

    def __init__(self, place: Place, remembered: Remembered) -> None:
        path = place.folder / SETTINGS
        self.data: dict[str, Any] = {}
        self.places: dict[tuple[str, ...], tuple[int, int]] = {}
        self.shown = f"{place.name}/{SETTINGS}"
        try:
            text = path.read_bytes()[:LARGEST_TEXT].decode("utf-8")
        except OSError as why:
            raise ProfileError(f"{self.shown}: cannot be read: {why.strerror}") from None
        except UnicodeDecodeError as why:
            raise ProfileError(f"{self.shown}: is not UTF-8 text at byte {why.start}; save it as UTF-8") from None
        if text and text == remembered.text:
            self.told, self.data, self.places = remembered, remembered.data, dict(remembered.places)
            return
        self._read(text)
        self.told = Remembered(text, self.data, tuple(self.places.items()))

    def _read(self, text: str) -> None:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast and not everywhere
        try:
            node = yaml.compose(text, Loader=loader)
        except yaml.YAMLError as why:
            mark = getattr(why, "problem_mark", None)
            at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            what = getattr(why, "problem", None) or str(why).split("\n", 1)[0]
            raise ProfileError(f"{self.shown}{at}: is no YAML: {what}") from None
        except RecursionError:
            raise ProfileError(f"{self.shown}: nested too deep for a system") from None
        data = self._value(node, ()) if node is not None else {}
        if not isinstance(data, dict):
            raise ProfileError(f"{self.shown}:1:1: names and values are expected, such as sysname: S0W1")
        self.data = data
        for key in data:
            if key not in _KEYS:
                self.fail(
                    key, f"{key} is not known; {did_you_mean(key, _KEYS, 'known are ' + ', '.join(sorted(_KEYS)))}"
                )

    def _value(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        """The node as plain data. Aliases are refused: they can make a small file enormous."""
        import yaml

        self.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if len(path) > 4 or len(self.places) > MOST_FILES:
            raise ProfileError(f"{self.shown}:{self.places[path][0]}: nested too deep or too large for a system")
        if isinstance(node, yaml.MappingNode):
            return {str(key.value): self._value(value, (*path, str(key.value))) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(value, (*path, str(at))) for at, value in enumerate(node.value)]
        return node.value

    def fail(self, key: str, why: str, *inner: str) -> None:
        line, column = self.places.get((key, *inner), (1, 1))
        raise ProfileError(f"{self.shown}:{line}:{column}: {why}")

    def text(self, key: str, default: str) -> str:
        value = self.data.get(key, default)
        if not isinstance(value, str) or not value:
            self.fail(key, f"{key} needs one value, such as {default}")
        return str(value)

    def section(self, key: str) -> Mapping[str, Any]:
        value = self.data.get(key) or {}
        if not isinstance(value, dict):
            self.fail(key, f"{key} needs names and values below it")
        return dict(value)

    def racf(self) -> tuple[tuple[str, Where], ...]:
        """The files of RACF commands: one name, or a list of them."""
        given = self.data.get("racf") or []
        names = given if isinstance(given, list) else [given]
        if not all(isinstance(name, str) and name for name in names):
            self.fail("racf", "racf needs the name of a file of RACF commands, or a list of names")
        places = [("racf", str(at)) if isinstance(given, list) else ("racf",) for at in range(len(names))]
        return tuple(
            (str(name), Where(SETTINGS, *self.places.get(place, (1, 1))))
            for name, place in zip(names, places, strict=True)
        )

    def facts(self) -> dict[str, Any]:
        """The facts this system chooses for itself."""
        found = {}
        for name, given in self.section("facts").items():
            try:
                found[name] = choice(name, given)
            except ValueError as why:
                self.fail("facts", str(why), name)
        return found

    def proclib(self, mapped: Mapping[str, Path]) -> str:
        """The data set of the procedures."""
        name = str(self.data.get("proclib") or "").upper()
        if name and name not in mapped:
            hint = did_you_mean(name, mapped, "map it under datasets")
            self.fail("proclib", f"data set {name} is not known; {hint}")
        return name

    def task(self, name: str, procedures: Collection[str]) -> Task:
        """One row of `tasks`: whose it is and whether an IPL starts it; without a procedure, all that one would say."""
        row = self.section("tasks")[name]
        if not isinstance(row, dict):
            self.fail("tasks", f"task {name} needs at least program:", name)
        start = str(row.get("start", "yes")).lower()
        if start not in ("yes", "no", "true", "false"):
            self.fail("tasks", f"start: of task {name} is yes or no", name, "start")
        at_ipl = start in ("yes", "true")
        user = str(row.get("user", USER)).upper()
        if name.upper() in procedures:
            for key in row:
                if key not in ("user", "start"):
                    self.fail("tasks", f"{key} of task {name} is said by its procedure; remove it here", name, key)
            return Task(name.upper(), "", user, Where(SETTINGS, *self.places[("tasks", name)]), at_ipl=at_ipl)
        for key in row:
            if key not in _TASK_KEYS:
                self.fail("tasks", f"{key} of task {name} is not known; {did_you_mean(key, _TASK_KEYS, '')}", name, key)
        program = str(row.get("program", "")).upper()
        if program not in PROGRAMS:
            hint = did_you_mean(program, PROGRAMS, f"known are {', '.join(PROGRAMS)}")
            self.fail("tasks", f"program {program or 'missing'} of task {name}; {hint}", name, "program")
        file = str(row.get("file", ""))
        if program == PROGRAMS[0] and not file:
            self.fail(
                "tasks", f"task {name} needs file: the data set of the TCPIP profile ({fact('profile-search')})", name
            )
        key = next((key for key in ("environment", "file") if key in row), "program")
        return Task(
            name.upper(), program, user, Where(SETTINGS, *self.places.get(("tasks", name, key), (1, 1))),
            str(row.get("options", "")), str(row.get("environment", "")), file, at_ipl=at_ipl,
        )  # fmt: skip


class _Folder:
    """The files of one system on disk."""

    def __init__(self, place: Place, settings: _Settings) -> None:
        self.place, self.codepage = place, settings.text("codepage", "utf-8")
        if self.codepage.upper() not in _CODEPAGES and self.codepage.lower() not in ("utf-8", "ascii", "latin-1"):
            settings.fail("codepage", f"{self.codepage} is not known; use utf-8, {' or '.join(_CODEPAGES)}")
        self.mapped: dict[str, Path] = {}
        for name, value in settings.section("datasets").items():
            try:
                file_name(name)
            except ValueError as why:
                settings.fail("datasets", f"{name}: {why}", name)
            path = place.folder / str(value)
            if not _inside(place.folder, path):
                settings.fail("datasets", f"{value} leads out of the system's folder", name)
            if not path.exists():
                settings.fail("datasets", f"{value} does not exist in {place.folder}", name)
            self.mapped[name.upper()] = path
        self.paths: dict[str, Path] = {}

    def names(self) -> Iterator[tuple[str, str]]:
        """(z/OS name, place in the folder) of every file."""
        for name, path in self.mapped.items():
            members = sorted(path.iterdir()) if path.is_dir() else [path]
            for each in members:
                shown = f"{name}({each.name.upper()})" if path.is_dir() else name
                if re.fullmatch(r"[A-Z@#$][A-Z0-9@#$]{0,7}", each.name.upper()) or not path.is_dir():
                    yield self._add(shown, each)
        taken = {path.resolve() for path in self.mapped.values()}
        for top in sorted(self.place.folder.iterdir()):
            if not _reserved(top.name) and top.name[0] != "." and not any(_inside(top, path) for path in taken):
                yield from self._below(top)

    def _below(self, top: Path) -> Iterator[tuple[str, str]]:
        for folder, _, names in os.walk(top) if top.is_dir() else ():
            for name in sorted(names):
                path = Path(folder) / name
                if len(self.paths) > MOST_FILES:
                    raise ProfileError(f"{self.place.name}: more than {MOST_FILES} files; is this a system's folder?")
                yield self._add("/" + path.relative_to(self.place.folder).as_posix(), path)

    def _add(self, name: str, path: Path) -> tuple[str, str]:
        self.paths[name] = path
        return name, path.relative_to(self.place.folder).as_posix()

    def fetch(self, name: str) -> str | Problem:
        """The text of one file."""
        path = self.paths[name]
        if not _inside(self.place.folder, path):
            return Problem("it is a link that leads out of the system's folder")
        try:
            if not path.is_file():
                return Problem("it is no regular file")
            if path.stat().st_size > LARGEST_TEXT:
                return Problem(f"it is larger than {LARGEST_TEXT // 1024 // 1024} MiB")
            octets = path.read_bytes()
        except OSError as why:
            return Problem(why.strerror or "it cannot be read")
        try:
            # Logs are written by zsim, in UTF-8; what an administrator brings has the code page of the system.
            return decode(octets, "utf-8" if name.startswith(("/var/", "/u/", "/tmp/")) else self.codepage)
        except UnicodeDecodeError as why:
            return Problem(f"byte {why.start} is no {self.codepage}")


def _reserved(top: str) -> bool:
    """A name at the top of a folder that is no z/OS UNIX file."""
    return top in _RESERVED or top.startswith(f"{STATE}-")


def _inside(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


# EBCDIC code pages: Python's cp037, and where IBM-1047 differs from it.
_SWAP_1047 = bytes.maketrans(b"\x5f\xb0\xad\xba\xbd\xbb\x15\x25", b"\xb0\x5f\xba\xad\xbb\xbd\x25\x15")
_CODEPAGES = {"IBM-037": None, "IBM-1047": _SWAP_1047}
RECORD = 80  # columns of a fixed-length record


def decode(octets: bytes, codepage: str) -> str:
    """Text with \\n ends. An EBCDIC file without line ends is taken as 80-column records."""
    if codepage.upper() not in _CODEPAGES:
        return octets.decode(codepage).replace("\r\n", "\n").removeprefix("\ufeff")
    table = _CODEPAGES[codepage.upper()]
    text = (octets.translate(table) if table else octets).decode("cp037").replace("\x85", "\n").replace("\r\n", "\n")
    if "\n" not in text and len(text) > RECORD and len(text) % RECORD == 0:
        return "\n".join(text[at : at + RECORD].rstrip() for at in range(0, len(text), RECORD))
    return text


# ---- writing ---------------------------------------------------------------------------------------------------


def save_files(system: System, place: Place) -> None:
    """Write what the system appended to or replaced in its z/OS UNIX files; a bundled system's is forgotten. Until the
    command is kept it can be taken back (see undo.py). A log that cannot be opened is skipped, as a daemon goes on
    without it, and noted in `unwritable`. Raises ProfileError for other files."""
    if place.bundled:
        system.files.appended.clear()
        return
    for path, text in system.files.replaced.items():
        _write(place, path, (text,), False, system.files)
    for path, parts in system.files.appended.items():
        try:
            _write(place, path, parts, True, system.files)
        except _Refused as why:
            system.files.unwritable.setdefault(path, str(why))
    system.files.replaced.clear()
    system.files.appended.clear()


class _Refused(ProfileError):
    """Nothing of a file was written."""


def _write(place: Place, path: str, parts: Iterable[str | memoryview], append: bool, files: Files) -> None:
    """One file below the folder; no link is followed out of it."""
    target = place.folder / path.lstrip("/")
    real, home, closed = target.resolve(), place.folder.resolve(), [Path(each).resolve() for each in files.closed]
    inside = real.is_relative_to(home)
    top = real.relative_to(home).parts[:1] if inside else ()
    reserved = _reserved(path.lstrip("/").split("/")[0]) or any(_reserved(name) for name in top)
    if reserved or any(real.is_relative_to(each) or each.is_relative_to(real) for each in closed):
        raise _Refused(f"{path}: is no z/OS UNIX file of {place.name}; write below /var, /tmp or /u")
    if not inside:
        raise _Refused(f"{path}: a link in {place.name} leads out of its folder; nothing was written to it")
    if target.exists() and not target.is_file():
        raise _Refused(f"{path}: is no regular file in {place.name}; nothing was written to it")
    try:
        undo.note(place.folder, path, append)
        file_mode, folder_mode = files.modes.get(path, (None, None))
        for folder in reversed(target.relative_to(place.folder).parents[:-1]):
            (place.folder / folder).mkdir(mode=0o755 if folder_mode is None else folder_mode | 0o700, exist_ok=True)
        mode = 0o644 if file_mode is None else file_mode | 0o600  # the owner is zsim, which has to go on writing
        octets = (part.encode() if isinstance(part, str) else part for part in parts)
        if not append:
            undo.replace(place.folder, target, b"".join(octets), mode)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        opened = os.open(target, flags, mode)
    except OSError as why:
        raise _Refused(f"{path}: cannot be written in {place.name}: {why.strerror}") from None
    try:
        with os.fdopen(opened, "wb") as file:
            file.writelines(octets)
    except OSError as why:
        raise ProfileError(f"{path}: cannot be written in {place.name}: {why.strerror}") from None
