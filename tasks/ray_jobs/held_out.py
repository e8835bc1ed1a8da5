"""Which rows are held out for validation.

A row's side follows from its own content and the seed, not from its place: the same row stays on the same
side when rows are added, files are split or the order changes. So a model that is trained again is judged on
rows that neither it nor its predecessor has learned from. Equal rows are told apart by counting them: copies
lie on both sides, in the same proportion as all rows, for together they may be a great part of a dataset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from value_kinds import as_kind

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MISSING = np.uint64(0x5851F42D4C957F2D)


def row_hashes(batch: pa.RecordBatch, kinds: Sequence[str]) -> np.ndarray:
    """A 64-bit hash of each row's values, the same for CSV and Parquet."""
    hashes = np.zeros(batch.num_rows, np.uint64)
    for column, kind in zip(batch.columns, kinds, strict=True):
        hashes = _mix(hashes * np.uint64(31) + _value_hashes(column, kind))
    return hashes


def distinct(hashes: np.ndarray) -> np.ndarray:
    """Hashes of rows of which some are equal, made different: the first, second, ... copy of a row gets a
    hash of its own.

    Which copy is which does not matter, as they are equal; and a new copy leaves the others as they are.
    """
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    places = np.arange(len(hashes))
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(hashes)]
    copies = np.empty(len(hashes), np.uint64)
    copies[order] = places - np.maximum.accumulate(np.where(first, places, 0))
    return _mix(hashes + _mix(copies))


def held_out(hashes: np.ndarray, classes: np.ndarray | None, fraction: float, seed: int) -> np.ndarray:
    """True for each row that is held out: a ``fraction`` of the rows, of each class alike when classes are
    given.

    A class of one row is not held out, and one row of each class at least remains for training.
    """
    salt = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "little"))
    keys = _mix(hashes ^ salt)
    out = np.zeros(len(keys), bool)
    groups = (
        [np.arange(len(keys))]
        if classes is None
        else [np.flatnonzero(classes == c) for c in np.unique(classes)]
    )
    for rows in groups:
        if len(rows) > 1:
            count = min(max(round(len(rows) * fraction), 1), len(rows) - 1)
            out[rows[np.argsort(keys[rows], kind="stable")[:count]]] = True
    return out


def folds(hashes: np.ndarray, classes: np.ndarray | None, count: int, seed: int) -> np.ndarray:
    """The fold of each row, 0 to ``count`` - 1: folds of equal size, of each class alike when classes are
    given."""
    salt = np.uint64(
        int.from_bytes(hashlib.blake2b(f"folds {seed}".encode(), digest_size=8).digest(), "little")
    )
    keys = _mix(hashes ^ salt)
    fold = np.zeros(len(keys), np.int32)
    order = np.argsort(keys, kind="stable") if classes is None else np.lexsort((keys, classes))
    # Dealt like cards through the classes one after another, so that folds differ by one row at most.
    fold[order] = np.arange(len(keys)) % count
    return fold


def _mix(values: np.ndarray) -> np.ndarray:
    # The finalizer of splitmix64; wrap-around is wanted.
    values = values + _STEP
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _value_hashes(column: pa.Array, kind: str) -> np.ndarray:
    if kind == "category":
        encoded = as_kind(column, kind).dictionary_encode()
        words = encoded.dictionary.to_pylist()
        digests = [hashlib.blake2b(w.encode(), digest_size=8).digest() for w in words]
        table = np.append(np.frombuffer(b"".join(digests), "<u8").astype(np.uint64), _MISSING)
        return table[pc.fill_null(encoded.indices, len(words)).to_numpy(zero_copy_only=False)]
    numbers = as_kind(column, "number" if kind == "integer" else kind).cast(pa.float64(), safe=False)
    values = numbers.to_numpy(zero_copy_only=False).astype(np.float64) + 0.0  # -0.0 becomes 0.0
    return np.where(np.isnan(values), _MISSING, values.view(np.uint64))
