"""Where models live, as every node sees it, in ``MODELS_DIR/<model>/``::

    latest                       one line: the version in use; replaced at once, never half written
    <version>/model.ubj          the model in XGBoost's own format (UBJSON)
    <version>/manifest.json      what it is and how it was made: see Manifest
    <version>/validation.parquet the held-out rows: number in the dataset, truth, prediction
    .claim-<key>                 which version a job makes, so that it never makes two
    .lock-<n>                    who changes what is in use: see model_lock.py

A version is named by the time it was first completed and by its job and request,
``20260131T120000Z-1a2b3c4d5e``: names sort by age. A folder appears under its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import uuid
from typing import TYPE_CHECKING, Any

import pydantic

import model_folders
from lovage_job import BadInput, Job, JobError
from lovage_paths import PARTIAL_PREFIX, model_dir
from model_folders import (
    CLAIM_PREFIX,
    LATEST_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    complete,
    latest,
    versions,
)
from model_manifest import Data, Manifest, Rows, SourceFile, load, read_manifest

if TYPE_CHECKING:
    import xgboost

__all__ = [
    "MANIFEST_FILE",
    "MODEL_FILE",
    "Data",
    "Manifest",
    "Rows",
    "SourceFile",
    "advance",
    "claim",
    "complete",
    "flush",
    "hash_of",
    "latest",
    "load",
    "made_by",
    "models",
    "opened",
    "prune",
    "publish",
    "read_manifest",
    "resolve",
    "resolve_newest",
    "scratch",
    "set_latest",
    "versions",
]


def set_latest(folder: str, version: str) -> None:
    """Puts a version in use: readers see the old one or the new one, nothing between. Needs the lock of the
    model."""
    _write(os.path.join(folder, LATEST_FILE), version + "\n")


def advance(folder: str, version: str) -> None:
    """Puts a version in use unless a newer one is. Needs the lock of the model."""
    current = latest(folder)
    if current is None or current < version:
        set_latest(folder, version)


def opened(job: Job, model: str, version: str | None = None) -> tuple[str, Manifest, xgboost.Booster]:
    """The folder of a model, and a version of it, loaded: it may be removed from now on.

    Raises as :func:`resolve`, :func:`read_manifest` and :func:`load`.
    """
    while True:
        folder, chosen = resolve(job, model, version)
        try:
            manifest = read_manifest(folder, chosen)
            return folder, manifest, load(folder, manifest)
        except (JobError, FileNotFoundError):
            # A retraining may have replaced and removed it just now: then there is another, or none is told.
            if complete(folder, chosen):
                raise


def resolve(job: Job, model: str, version: str | None = None) -> tuple[str, str]:
    """The folder of a model and a version of it: the one asked for, or the latest.

    Raises BadInput: INPUT_MODEL_NAME, INPUT_MODEL_MISSING, INPUT_VERSION_MISSING.
    """
    folder, there = _known(job, model)
    chosen = version or latest(folder)
    if chosen is None or chosen not in there:
        named = (
            f"{model!r} has no version {version!r}"
            if version
            else f"no version of {model!r} is set as latest"
        )
        raise BadInput(
            "INPUT_VERSION_MISSING",
            f"version: {named}; there are: {', '.join(there[-10:])}",
            field="version",
            value=version,
        )
    return folder, chosen


def models(job: Job) -> list[str]:
    """The names of all models that have a version."""
    return model_folders.models(job.models_dir)


def resolve_newest(job: Job, model: str) -> tuple[str, str]:
    """The folder of a model and its newest version, in use or not. Raises BadInput as :func:`resolve`."""
    folder, there = _known(job, model)
    return folder, there[-1]


def hash_of(*parts: Any) -> str:
    """A hash of what a version is made from: requests (models or JSON) and texts."""
    plain = [p.model_dump(mode="json") if isinstance(p, pydantic.BaseModel) else p for p in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def claim(folder: str, job: Job, request: str) -> str:
    """The name of the version that this job makes of this request (see :func:`hash_of`): the same for every
    attempt, also for two at the same time."""
    key = _key(job, request) if job.id != "local" else uuid.uuid4().hex[:10]
    path = os.path.join(folder, f"{CLAIM_PREFIX}{key}")
    now = datetime.datetime.now(datetime.UTC)
    proposal = f"{path}.{uuid.uuid4().hex[:8]}"
    _write(proposal, f"{now:%Y%m%dT%H%M%SZ}-{key}\n")
    try:
        # A link is made with its content or not at all, and by one process alone.
        os.link(proposal, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(proposal)
    with open(path, encoding="utf-8") as handle:
        return handle.read().strip()


def made_by(folder: str, job: Job, request: str) -> Manifest | None:
    """The version that an earlier attempt of this job has completed for the same request.

    The id alone is not enough: ids are counted from one again when Redis has been emptied.
    """
    key = _key(job, request)
    for version in versions(folder):
        if version.endswith(key):
            manifest = read_manifest(folder, version)
            if (manifest.job_id, manifest.request_sha256) == (job.id, request):
                return manifest
    return None


@contextlib.contextmanager
def scratch(folder: str) -> Any:
    """A hidden folder inside the model's, on the storage that all nodes share; removed at the end."""
    made = [f for f in (os.path.dirname(folder), folder) if not os.path.isdir(f)]
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:12]}")
    os.mkdir(path)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        for each in reversed(made):
            # A failed first training leaves no empty model behind.
            with contextlib.suppress(OSError):
                os.rmdir(each)


def flush(made: str) -> None:
    """Brings a finished folder to the disk, which may take a while: before :func:`publish`."""
    for name in os.listdir(made):
        _sync(os.path.join(made, name))
    _sync(made)


def publish(made: str, folder: str, version: str) -> bool:
    """Gives a finished folder its name; False when another attempt was first (its version stays)."""
    try:
        os.rename(made, os.path.join(folder, version))
    except OSError:
        if complete(folder, version):
            return False
        raise
    _sync(folder)
    return True


def prune(folder: str, keep: int, made: str) -> list[str]:
    """Removes all but the newest ``keep`` versions; gives the names of those removed. Needs the lock of the
    model.

    Neither the one in use is removed, nor one newer than ``made``, the caller's own: somebody else has just
    made it and may be about to put it in use.
    """
    used = latest(folder)
    old = [v for v in versions(folder)[:-keep] if v != used and v <= made]
    for version in old:
        # Renamed first: nobody may meet half a version.
        gone = os.path.join(folder, f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:12]}")
        os.rename(os.path.join(folder, version), gone)
        shutil.rmtree(gone, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, f"{CLAIM_PREFIX}{version.rsplit('-', 1)[1]}"))
    return old


def _key(job: Job, request: str) -> str:
    return hashlib.sha256(f"{job.id}\n{request}".encode()).hexdigest()[:10]


def _known(job: Job, model: str) -> tuple[str, list[str]]:
    folder = model_dir(job, model)
    there = versions(folder)
    if not there:
        known = models(job)
        raise BadInput(
            "INPUT_MODEL_MISSING",
            f"model: there is no model {model!r}"
            + (f"; there are: {', '.join(known[:20])}" if known else ""),
            field="model",
            value=model,
            hint="train it first, with distributed_training",
        )
    return folder, there


def _write(path: str, text: str) -> None:
    partial = os.path.join(os.path.dirname(path), f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:12]}")
    with open(partial, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, path)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
