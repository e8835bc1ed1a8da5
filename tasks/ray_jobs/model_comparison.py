"""Whether a new version of a model is as good as another one, on the same held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import model_metrics
from lovage_job import JobError
from model_manifest import Manifest
from prepared_data import LEFT_OUT, VALIDATION, Prepared, load_rows
from training_worker import matrix_of, predict

if TYPE_CHECKING:
    import xgboost


@dataclass(frozen=True)
class Verdict:
    """Whether the new version is good enough, why, and by which scores."""

    good: bool
    reason: str
    scores: dict[str, Any]


def check_comparable(manifest: Manifest, prepared: Prepared) -> None:
    """Raises JobError RETRAINING_INCOMPARABLE when the dataset no longer has the shape that a version has
    learned from: then the two cannot be measured on the same rows."""
    changes = _changes(manifest, prepared)
    if changes:
        raise incomparable(manifest, "; ".join(changes))


def incomparable(manifest: Manifest, why: str) -> JobError:
    """The error of a version that nothing can be compared with."""
    return JobError(
        "RETRAINING_INCOMPARABLE",
        f"{manifest.model}: the present data cannot be compared with version {manifest.version}: {why}"[:1000],
        field="models",
        value=manifest.model,
        hint="mend the data, or train a first version of the new shape with distributed_training",
        retry=False,
    )


def measured(
    manifest: Manifest, booster: xgboost.Booster, prepared: Prepared, read: Callable[[float], None]
) -> dict[str, float]:
    """The metrics of a version on the rows that are held out now. ``read`` is told how far reading is.

    Raises JobError RETRAINING_INCOMPARABLE when it cannot be measured on them.
    """
    sides = prepared.sides.copy()
    sides[sides != VALIDATION] = LEFT_OUT
    try:
        # Targets are the same but for the type of their numbers, and that of the data can read all of them.
        shares, _ = load_rows(
            prepared.files, prepared.scan.rows, manifest.columns, prepared.target, sides, read=read
        )
    except JobError as error:
        raise incomparable(manifest, error.message) from error
    predicted = predict(booster, matrix_of(shares[VALIDATION], manifest.columns), manifest.target)
    return model_metrics.measure(manifest.target.kind, shares[VALIDATION].labels, predicted)


def compared(
    kind: str, wanted: str, fresh: dict[str, float], present: dict[str, float], tolerance: float, rival: str
) -> Verdict:
    """Compares by the wanted metric, or by the default one of the kind of target. ``rival`` is what the other
    version is called in the reason."""
    metric = wanted if wanted in fresh and wanted in present else model_metrics.DEFAULT[kind]
    worse = model_metrics.worse_by(metric, fresh[metric], present[metric])
    much = f"{abs(worse):.2%} {'worse' if worse > 0 else 'better'} than {rival}"
    scores = {"metric": metric, "score": fresh[metric], "previous_score": present[metric]}
    # Written so that a score that is no number does not pass.
    if not worse <= tolerance:
        return Verdict(False, f"{metric} is {much}, more than the tolerance", scores)
    return Verdict(True, f"{metric} is {much}" if worse else f"{metric} is the same as of {rival}", scores)


def _changes(manifest: Manifest, prepared: Prepared) -> list[str]:
    now = {c.name: c.type for c in prepared.columns}
    changes = [
        f"column {c.name} was {c.type} and is {now[c.name]}"
        for c in manifest.columns
        # A column without any value is missing throughout, which a model knows how to take.
        if c.name in now and not _alike(c.type, now[c.name])
    ]
    old, new = manifest.target, prepared.target
    if old.name != new.name:
        changes.append(f"the target was {old.name} and is {new.name}")
    elif old.kind != new.kind and "regression" in (old.kind, new.kind):
        changes.append(f"target {old.name} was for {old.kind} and is for {new.kind}")
    elif not _alike(old.type, new.type):
        changes.append(f"target {old.name} was {old.type} and is {new.type}")
    elif old.classes != new.classes:
        was, has = old.classes or [], new.classes or []
        gone, added = [c for c in was if c not in has], [c for c in has if c not in was]
        told = [
            f"{what} {', '.join(map(str, classes[:10]))}"
            for what, classes in (("lost", gone), ("got", added))
            if classes
        ]
        changes.append(f"target {old.name} has {' and '.join(told)}")
    return changes


def _alike(one: str, other: str) -> bool:
    return one == other or {one, other} == {"integer", "number"}
