"""A dataset, read and decided upon: its features, its target, and what each row is for.

``prepare`` reads the dataset twice: what its columns hold, then categories, target and row hashes.
``load_rows`` gives any share of its rows as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import model_store
from booster_params import Value, clean_params
from features import (
    Categories,
    Column,
    Filling,
    Ignored,
    choose,
    encode,
    missing_column,
)
from held_out import distinct, held_out, row_hashes
from lovage_job import BadInput, Job, JobError
from lovage_paths import DataFile, input_files
from tabular import Scan, read_rows, scan
from target import Target, find_target
from training_spec import Progress, Spec

FEWEST_ROWS = 5
"""Rows with a target that a training needs."""


TRAIN, VALIDATION, LEFT_OUT = 0, 1, 2
"""What a row is for."""


@dataclass(frozen=True)
class Prepared:
    """A dataset that is ready to be learned from. ``sides`` says of each row what it is for."""

    files: list[DataFile]
    scan: Scan
    columns: list[Column]
    ignored: list[Ignored]
    target: Target
    sides: np.ndarray
    hashes: np.ndarray
    params: dict[str, Value]

    def count(self, side: int) -> int:
        """Rows of a side."""
        return int(np.count_nonzero(self.sides == side))

    def rows(self) -> model_store.Rows:
        """The counts of all sides."""
        return model_store.Rows(
            total=len(self.sides),
            training=self.count(TRAIN),
            validation=self.count(VALIDATION),
            without_target=self.count(LEFT_OUT),
        )


def prepare(job: Job, spec: Spec, progress: Progress) -> Prepared:
    """Reads the dataset and decides everything that needs no cluster: faults of the input show here, in
    seconds."""
    params = clean_params(spec.params)
    files = input_files(job, spec.dataset, field="dataset")
    what = f"reading {len(files)} file{'s' if len(files) > 1 else ''}"
    progress(0.0, what)
    found = scan(files, lambda fraction: progress(0.5 * fraction, what))
    if spec.target not in found.kinds:
        raise missing_column("INPUT_TARGET_MISSING", spec.target, found.kinds, "target")
    columns, ignored = choose(found.kinds, spec.target, spec.features, spec.exclude, spec.categorical)
    names = [c.name for c in columns]
    kinds = [*(c.type for c in columns), found.kinds[spec.target]]
    categories, labels, hashes = Categories(columns), [], np.empty(found.total, np.uint64)
    for start, batch in read_rows(files, found.rows, [*names, spec.target]):
        progress(0.5 + 0.5 * start / found.total, "reading columns")
        categories.see(batch)
        labels.append(batch.column(spec.target))
        hashes[start : start + batch.num_rows] = row_hashes(batch, _hashable(kinds))
    target = find_target(spec.target, found.kinds[spec.target], _chunked(labels), spec.objective)
    encoded = np.concatenate([target.encode(each) for each in labels])
    present = np.flatnonzero(~np.isnan(encoded))
    if len(present) < FEWEST_ROWS:
        raise BadInput(
            "INPUT_TOO_FEW_ROWS",
            f"dataset: {len(present)} rows have a value in {spec.target}; training needs {FEWEST_ROWS}",
            field="dataset",
            value=spec.dataset,
        )
    hashes = distinct(hashes)
    out = held_out(
        hashes[present], encoded[present] if target.classes else None, spec.validation_fraction, spec.seed
    )
    if not out.any():
        raise BadInput(
            "INPUT_TOO_FEW_ROWS",
            f"target: no value of {spec.target} occurs twice, so that no row can be held out",
            field="target",
            value=spec.target,
            hint="is it the right column? a text to predict must be one of a few classes",
        )
    sides = np.full(found.total, LEFT_OUT, np.uint8)
    sides[present] = np.where(out, VALIDATION, TRAIN)
    return Prepared(files, found, categories.fill(columns), ignored, target, sides, hashes, params)


def load_rows(
    files: list[DataFile],
    counts: list[int],
    columns: list[Column],
    target: Target,
    sides: np.ndarray,
    start: int = 0,
    stop: int | None = None,
    *,
    read: Callable[[float], None] = lambda _: None,
) -> tuple[dict[int, Filling], dict[int, np.ndarray]]:
    """Rows ``start`` to ``stop`` as numbers: those to learn from and those held out, and their places in the
    dataset. ``read`` is told which share of them has been read.

    Raises JobError DATASET_CHANGED when the dataset is no longer the one that was prepared.
    """
    end = len(sides) if stop is None else stop
    own = np.asarray(sides[start:end])
    places = {side: start + np.flatnonzero(own == side) for side in (TRAIN, VALIDATION)}
    shares = {side: Filling(len(place), columns) for side, place in places.items()}
    seen = start
    try:
        for first, batch in read_rows(files, counts, [*(c.name for c in columns), target.name], start, end):
            here = own[first - start : first - start + batch.num_rows]
            matrix, labels = encode(batch, columns), target.encode(batch.column(target.name))
            for side, share in shares.items():
                share.add(matrix[here == side], labels[here == side])
            seen = first + batch.num_rows
            read((seen - start) / max(1, end - start))
    except pa.ArrowInvalid as error:
        raise _changed() from error
    if seen != end:
        raise _changed()
    return shares, places


def _changed() -> JobError:
    return JobError(
        "DATASET_CHANGED",
        "the dataset was changed while it was read",
        hint="write it under another name first",
    )


def _hashable(kinds: list[str]) -> list[str]:
    # A target that holds neither numbers nor text is refused right after, with a reason of its own.
    return ["category" if k == "unsupported" else k for k in kinds]


def _chunked(arrays: list[pa.Array]) -> pa.ChunkedArray:
    kinds = {a.type for a in arrays if not pa.types.is_null(a.type)}
    kind = kinds.pop() if len(kinds) == 1 else pa.string()
    return pa.chunked_array([a if a.type == kind else a.cast(kind) for a in arrays], kind)
