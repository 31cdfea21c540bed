"""Growth curves: packets per second over the number of rules, ours and the peer's, as SVG or PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def plot(rows: Sequence[dict[str, Any]], target: Path) -> None:
    """A log-log plot of the rows of one kind of traffic a line, by family."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    family = {row["rules"]: row["rules"].removesuffix(" grown") for row in rows}
    for name, traffic in dict.fromkeys((family[row["rules"]], row["traffic"]) for row in rows):
        of = [row for row in rows if (family[row["rules"]], row["traffic"]) == (name, traffic)]
        of.sort(key=lambda row: int(row["count"]))
        (line,) = axes.plot([row["count"] for row in of], [row["mpps"] for row in of], "o-", label=f"{name} {traffic}")
        peers = [row for row in of if row["peer_mpps"]]
        axes.plot([row["count"] for row in peers], [row["peer_mpps"] for row in peers], "x:", color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="rules", ylabel="million packets a second (dotted: the peer)")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(target, bbox_inches="tight")
