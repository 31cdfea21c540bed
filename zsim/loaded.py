"""A system with questions as methods, for notebooks and tests; every answer is a list of plain records.

    system = zsim.load("mysys")
    assert system.analyse() == []
    system.why("tcp 10.1.0.2:40000 > 10.1.1.2:23 in").summary
    system.compare("other").to_pandas()

What answers a question is imported when it is asked. Nothing is changed by asking, but by `replay`, which counts
matches and logs as packets do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from zsim import addresses
from zsim.answers import Answers, Difference, Example, Finding, Learned, Looked, Matches, named
from zsim.findings import NOTE
from zsim.system import System

if TYPE_CHECKING:
    from zsim.whatif.crossings import View


class Loaded(System):
    """A started system. Captures are paths; addresses, protocols and packets are written as on the command line."""

    @classmethod
    def of(cls, system: System) -> Loaded:
        """The same system, which shares all its state."""
        made = cls(**{each.name: getattr(system, each.name) for each in fields(system) if each.init})
        vars(made).update(vars(system))
        return made

    # ---- one packet --------------------------------------------------------------------------------------------

    def why(self, packet: str, edits: bool = True) -> Answers[Looked]:
        """The filters that were asked about a packet, `tcp 10.1.0.2:40000 > 10.1.1.2:21 in syn` or a scapy expression.
        `summary` says in a sentence what became of it. Raises ValueError."""
        import engine
        from engine.space import Space
        from zsim import packets
        from zsim.whatif import notation, whytold
        from zsim.whatif.crossings import view
        from zsim.whatif.flips import flips
        from zsim.whatif.why import Question, explain

        written, linktype = None, notation.RAW
        if notation.is_expression(packet):
            linktype, (octets, *more) = packets.packets(packet)
            if more:
                raise ValueError(f"the expression stands for {len(more) + 1:,} packets; why explains one")
        else:
            written = notation.read(packet)
            octets = written.packet
        space = Space()
        asked = Question(engine.frames_of([(self.clock.now, octets)], linktype), written)
        found = explain(view(space, self, time=self.clock.now), asked)
        shown = whytold.document(found, flips(space, found) if edits else None)
        return Answers(Looked, _looked(shown), shown["sentence"], shown)

    # ---- all packets -------------------------------------------------------------------------------------------

    def compare(
        self, other: System | str | None = None, policy: str | None = None, captures: Sequence[str] = (), most: int = 20
    ) -> Answers[Difference]:
        """Every packet that fares otherwise in another system (or one that `load` knows by name), or here under the
        text of another policy; none is a proof that they are equal. Raises ValueError."""
        from engine.space import Space
        from zsim import captures as files
        from zsim.whatif import compare, compared, suggest
        from zsim.whatif.crossings import view

        if (other is None) == (policy is None):
            raise ValueError("compare with another system, or with policy=TEXT")
        if policy is not None:
            other, _ = suggest.installed(self, policy)
        if isinstance(other, str):
            other = _loaded(other)
        assert isinstance(other, System)
        space = Space()
        compiled = bool(captures) and files.wants_compiled(tuple(captures))
        old, new = (view(space, each, compiled=compiled) for each in (self, other))
        found = compare.possible(space, old, new, most)
        seen = compare.Recorded(found) if captures else None
        for path in captures:
            for frames in files.frames(path, compiled):
                assert seen is not None
                seen.add(frames, path)
        shown = compared.document([compared.Compared(found, seen)])
        (candidate,) = shown["candidates"]
        summary = "equal" if shown["equal"] else ", ".join(
            f"{row['kind']}: {_count(row['boxes'], 'box', 'boxes')}" for row in candidate["kinds"]
        )  # fmt: skip
        return Answers(Difference, map(_difference, candidate["differences"]), summary, shown)

    def analyse(
        self, captures: Sequence[str] = (), notes: bool = False, ignore: Sequence[str] = ()
    ) -> Answers[Finding]:
        """What is wrong with the rules in force; `ignore` holds ids or ID=RULE. Without `notes` only what makes
        `zsim analyse` give exit code 1, so that a sound system gives []. Raises ValueError."""
        from engine.space import Space
        from zsim import captures as files
        from zsim.whatif import analyse, analysed, usage

        view = self._view(captures, Space())
        seen = usage.Traffic(view) if captures else None
        for path in captures:
            for frames in files.frames(path, view.prepared.compiled):
                assert seen is not None
                seen.add(frames)
        quiet = []
        for each in ignore:
            id, _, rule = each.partition("=")
            analyse.check_id(id)
            quiet.append(analyse.Ignore(id, rule))
        shown = analysed.document(analyse.analyse(view.among.space, self, seen, quiet, view=view))
        rows = [row for row in shown["findings"] if notes or row["severity"] != NOTE]
        return Answers(Finding, named(Finding, rows), analysed.summary(shown), shown)

    def search(
        self, source: str | None = None, dest: str | None = None, port: int | tuple[int, int] | None = None,
        protocol: str | None = None, verdict: str | None = None, filter: str | None = None, most: int = 5,
        **wanted: Any,
    ) -> Answers[Example]:  # fmt: skip
        """A packet that is as wanted, `dest="10.1.1.2", port=23, verdict="permit"`; none is a proof. `wanted` are
        further fields of zsim.whatif.search.Wanted. Raises ValueError."""
        from engine.space import Space
        from zsim.tcpip import defensive
        from zsim.whatif import search
        from zsim.whatif.crossings import view

        number = defensive.protocol(protocol) if protocol else None
        asked = search.Wanted(
            source=addresses.anything(source) if source else None, dest=addresses.anything(dest) if dest else None,
            dest_port=(port, port) if isinstance(port, int) else port, verdict=verdict, filter=filter,
            protocols=() if number is None else (number,), **wanted,
        )  # fmt: skip
        space = Space()
        here = view(space, self, few=True)
        if filter is not None:
            search.named(here, filter)
        shown = search.document(here, search.search(space, here, asked, most))
        rows = [
            Example(row["example"], row["verdict"], row["filter"], row["where"], row["packets"])
            for row in shown["found"]
        ]
        summary = f"{_count(shown['boxes'], 'box', 'boxes')} of packets" if rows else "no such packet, which is a proof"
        return Answers(Example, rows, summary, shown)

    # ---- captures ----------------------------------------------------------------------------------------------

    def suggest(self, *captures: str, home: Sequence[str] = (), learn: int = 70, log: bool = False) -> Answers[Learned]:
        """A policy learned from captures. `details["policy"]` is its text, `details["exam"]` how it did. `home` are
        further addresses of the stack. Raises engine.CaptureError, ValueError."""
        from engine.space import Space
        from zsim import captures as files
        from zsim.whatif import suggest, suggested
        from zsim.whatif.observed import Observed

        view = self._view(captures, Space(), [addresses.address(each) for each in home])
        seen = Observed(view)
        for path in files.named(captures):
            for frames in files.frames(path, view.prepared.compiled):
                seen.add(frames, path)
        shown = suggested.document(suggested.made(seen, suggest.Settings(), learn, log))
        rows = [
            Learned(row["name"], tuple(row["services"]), tuple(row["sources"]), tuple(row["dests"]), row["flows"],
                    row["packets"], row["first"], row["last"], tuple(each["by"] for each in row["denied_today"]))
            for row in shown["rules"]
        ]  # fmt: skip
        return Answers(
            Learned,
            rows,
            f"{_count(len(rows), 'rule', 'rules')}, {_count(len(shown['left_out']), 'flow', 'flows')} left out",
            shown,
        )

    def replay(self, *captures: str, home: Sequence[str] = ()) -> Answers[Matches]:
        """Packets through the rules in force: the filters that matched. Raises engine.CaptureError."""
        from zsim import captures as files
        from zsim import replay

        paths = files.named(captures)
        compiled = files.wants_compiled(paths)
        tally = replay.Tally(self.prepare(compiled, [addresses.address(each) for each in home]))
        for path in paths:
            replay.play(self, tally, files.frames(path, compiled))
        shown = replay.document(tally)
        rows = [
            Matches(f"{row['name']}.{row['extension']}", row["layer"], row["action"], row["direction"], row["matches"],
                    row["bytes"], row["where"])
            for row in shown["filters"] if row["matches"]
        ]  # fmt: skip
        summary = ", ".join(f"{shown[name]:,} {name.replace('_', ' ')}" for name in replay.VERDICT_ROWS if shown[name])
        return Answers(Matches, rows, f"{shown['packets']:,} packets: {summary}", shown)

    def _view(self, captures: Sequence[str], space: Any, home: Sequence[tuple[int, int]] = ()) -> View:
        """The system as sets of packets and captures see it."""
        from zsim import captures as files
        from zsim.whatif.crossings import view

        compiled = bool(captures) and files.wants_compiled(tuple(captures))
        return view(space, self, compiled=compiled, home=home, few=not captures)


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _loaded(name: str) -> System:
    from zsim import load

    return load(name)


def _difference(row: dict[str, Any]) -> Difference:
    sides = [row[side]["filter"] or {} for side in ("old", "new")]
    (old, old_where), (new, new_where) = ((each.get("name"), each.get("where")) for each in sides)
    return Difference(
        row["kind"], row["packets"], int(row["size"]), row["example"], old, old_where, new, new_where
    )  # fmt: skip


def _looked(shown: dict[str, Any]) -> Iterator[Looked]:
    for leg in shown["legs"]:
        rows = [("decides", leg["filter"])] if leg["filter"] else []
        rows += [("before", row) for row in leg["before"]] + [("after", row) for row in leg["after"]]
        for role, row in rows:
            failed = ", ".join(f"{each['field']}: {each['wanted']}" for each in row.get("failed", ()))
            yield Looked(role, row["shown"], row["action"], row["where"], failed)
