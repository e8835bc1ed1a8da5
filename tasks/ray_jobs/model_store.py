"""Where models live, as every node sees it, in ``MODELS_DIR/<model>/``::

    latest                       one line: the version in use; replaced at once, never half written
    <version>/model.ubj          the model in XGBoost's own format (UBJSON)
    <version>/manifest.json      what it is and how it was made: see Manifest
    <version>/validation.parquet the held-out rows: number in the dataset, truth, prediction
    .claim-<key>                 which version a job makes, so that it never makes two

A version is named by the time it was first completed and its job, ``20260131T120000Z-1a2b3c4d5e``: names sort
by age. A folder appears under its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import re
import shutil
import uuid
from typing import TYPE_CHECKING, Any

import pydantic

from features import Column, Ignored
from lovage_job import BadInput, Job, JobError, Model
from lovage_paths import PARTIAL_PREFIX, model_dir
from target import Target

if TYPE_CHECKING:
    import xgboost

MODEL_FILE = "model.ubj"
MANIFEST_FILE = "manifest.json"
LATEST_FILE = "latest"

_VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{10}")


class SourceFile(Model):
    """A file that a model has learned from."""

    path: str
    size: int
    sha256: str


class Data(Model):
    """What a model has learned from. ``fingerprint`` is a hash of the contents of all files."""

    dataset: str
    fingerprint: str
    files: list[SourceFile]


class Rows(Model):
    """How many rows there were; those without a target take no part."""

    total: int
    training: int
    validation: int
    without_target: int


class Manifest(Model):
    """Everything about a version; ``spec`` is enough to train it again. Fields of later releases are passed
    over."""

    model_config = pydantic.ConfigDict(extra="ignore")

    format: str = "lovage-model/1"
    model: str
    version: str
    created: str
    job_id: str
    target: Target
    columns: list[Column]
    ignored: list[Ignored]
    spec: dict[str, Any]
    params: dict[str, Any]
    rounds: int
    metrics: dict[str, float]
    rows: Rows
    data: Data
    importance: dict[str, float]
    workers: int
    seconds: float
    libraries: dict[str, str]
    model_sha256: str


def versions(folder: str) -> list[str]:
    """The complete versions of a model, oldest first."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(v for v in os.listdir(folder) if _VERSION.fullmatch(v) and _complete(folder, v))
    return []


def latest(folder: str) -> str | None:
    """The version in use, None when there is none yet."""
    try:
        with open(os.path.join(folder, LATEST_FILE), encoding="utf-8") as handle:
            version = handle.read().strip()
    except FileNotFoundError:
        return None
    return version if _VERSION.fullmatch(version) and _complete(folder, version) else None


def set_latest(folder: str, version: str) -> None:
    """Puts a version in use: readers see the old one or the new one, nothing between."""
    _write(os.path.join(folder, LATEST_FILE), version + "\n")


def models(job: Job) -> list[str]:
    """The names of all models that have a version."""
    with contextlib.suppress(FileNotFoundError):
        names = sorted(
            n for n in os.listdir(job.models_dir) if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", n)
        )
        return [n for n in names if versions(os.path.join(job.models_dir, n))]
    return []


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


def resolve_newest(job: Job, model: str) -> tuple[str, str]:
    """The folder of a model and its newest version, in use or not. Raises BadInput as :func:`resolve`."""
    folder, there = _known(job, model)
    return folder, there[-1]


def read_manifest(folder: str, version: str) -> Manifest:
    """Raises JobError MODEL_BROKEN when the manifest cannot be read."""
    path = os.path.join(folder, version, MANIFEST_FILE)
    try:
        with open(path, encoding="utf-8") as handle:
            return Manifest.model_validate_json(handle.read())
    except (OSError, ValueError) as error:
        raise JobError("MODEL_BROKEN", f"{path} cannot be read: {error}"[:1000], retry=False) from error


def load(folder: str, manifest: Manifest) -> xgboost.Booster:
    """The model of a version. Raises JobError MODEL_BROKEN when its bytes are not those that were written."""
    import xgboost

    path = os.path.join(folder, manifest.version, MODEL_FILE)
    with open(path, "rb") as handle:
        data = handle.read()
    if hashlib.sha256(data).hexdigest() != manifest.model_sha256:
        raise JobError("MODEL_BROKEN", f"{path} is not the file that was written", retry=False)
    return xgboost.Booster(model_file=bytearray(data))


def claim(folder: str, job: Job) -> str:
    """The name of the version that this job makes: the same for every attempt, also for two at the same
    time."""
    key = hashlib.sha256(job.id.encode()).hexdigest()[:10] if job.id != "local" else uuid.uuid4().hex[:10]
    path = os.path.join(folder, f".claim-{key}")
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


def made_by(folder: str, job: Job) -> Manifest | None:
    """The version that an earlier attempt of this job has completed."""
    key = hashlib.sha256(job.id.encode()).hexdigest()[:10]
    for version in versions(folder):
        if version.endswith(key):
            manifest = read_manifest(folder, version)
            if manifest.job_id == job.id:
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


def publish(complete: str, folder: str, version: str) -> bool:
    """Gives a finished folder its name; False when another attempt was first (its version stays)."""
    for name in os.listdir(complete):
        _sync(os.path.join(complete, name))
    _sync(complete)
    try:
        os.rename(complete, os.path.join(folder, version))
    except OSError:
        if _complete(folder, version):
            return False
        raise
    _sync(folder)
    return True


def prune(folder: str, keep: int) -> list[str]:
    """Removes all but the newest ``keep`` versions, never the one in use; gives the names of those
    removed."""
    used = latest(folder)
    old = [v for v in versions(folder)[:-keep] if v != used]
    for version in old:
        # Renamed first: nobody may meet half a version.
        gone = os.path.join(folder, f"{PARTIAL_PREFIX}{uuid.uuid4().hex[:12]}")
        os.rename(os.path.join(folder, version), gone)
        shutil.rmtree(gone, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, f".claim-{version.rsplit('-', 1)[1]}"))
    return old


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


def _complete(folder: str, version: str) -> bool:
    return os.path.isfile(os.path.join(folder, version, MANIFEST_FILE))


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
