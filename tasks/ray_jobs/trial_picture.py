"""A picture of a search: the score of each trial with the best so far, and the score over each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_PANELS = 8
"""Parameters that get a panel of their own."""


def draw(
    path: str, trials: Sequence[dict[str, Any]], names: Sequence[str], metric: str, higher: bool
) -> None:
    """Writes the picture as PNG or SVG, by the suffix of ``path``. The same trials give the same bytes."""
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams.update({"svg.hashsalt": "lovage", "font.size": 9, "axes.spines.top": False})
    matplotlib.rcParams["axes.spines.right"] = False
    from matplotlib import pyplot

    scored = [t for t in trials if t["score"] is not None]
    varied = [n for n in names if len({str(t["params"].get(n)) for t in trials}) > 1][:MOST_PANELS]
    columns = min(3, len(varied) + 1)
    lines = -(-(len(varied) + 1) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(4.2 * columns, 3.2 * lines), squeeze=False)
    panels = list(axes.flat)
    for each in panels[len(varied) + 1 :]:
        each.set_visible(False)
    best = (max if higher else min)(scored, key=lambda t: t["score"])
    _course(panels[0], trials, scored, best, metric, higher)
    for axis, name in zip(panels[1:], varied, strict=False):
        _panel(axis, scored, best, name, metric)
    figure.tight_layout()
    figure.savefig(
        path,
        format=path.rsplit(".", 1)[1],
        dpi=120,
        metadata={"Date": None} if path.endswith("svg") else None,
    )
    pyplot.close(figure)


def _course(
    axis: Any, trials: Sequence[Any], scored: Sequence[Any], best: Any, metric: str, higher: bool
) -> None:
    axis.scatter(
        [t["trial"] for t in scored], [t["score"] for t in scored], s=18, color="#4878a8", label="trial"
    )
    so_far, course = None, []
    for each in scored:
        better = so_far is None or (each["score"] > so_far if higher else each["score"] < so_far)
        so_far = each["score"] if better else so_far
        course.append(so_far)
    axis.step(
        [t["trial"] for t in scored],
        course,
        where="post",
        color="#c05020",
        linewidth=1.2,
        label="best so far",
    )
    axis.scatter(
        [best["trial"]], [best["score"]], s=70, facecolors="none", edgecolors="#c05020", linewidths=1.5
    )
    failed = [t["trial"] for t in trials if t["score"] is None]
    if failed:
        level = [axis.get_ylim()[0]] * len(failed)
        axis.scatter(failed, level, marker="x", color="#a02020", label="failed")
    axis.set_xlabel("trial")
    axis.set_ylabel(f"{metric} ({'higher' if higher else 'lower'} is better)")
    axis.legend(frameon=False, fontsize=8)


def _panel(axis: Any, scored: Sequence[Any], best: Any, name: str, metric: str) -> None:
    values = [t["params"].get(name) for t in scored]
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    shown = values if numeric else [str(v) for v in values]
    axis.scatter(shown, [t["score"] for t in scored], s=18, color="#4878a8")
    mark = best["params"].get(name)
    axis.scatter(
        [mark if numeric else str(mark)], [best["score"]], s=70, facecolors="none", edgecolors="#c05020"
    )
    if numeric and min(values) > 0 and max(values) / min(values) >= 50:
        axis.set_xscale("log")
    axis.set_xlabel(name)
    axis.set_ylabel(metric)
