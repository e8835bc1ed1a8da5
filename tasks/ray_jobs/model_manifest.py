"""What a version of a model says about itself: its manifest, and its model."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pydantic

from features import Column, Ignored
from lovage_job import JobError, Model
from model_folders import MANIFEST_FILE, MODEL_FILE
from target import Target

if TYPE_CHECKING:
    import xgboost


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
    """Everything about a version; ``spec`` is enough to train it again. ``excluded`` are the columns that the
    first request left out. Fields of later releases are passed over."""

    model_config = pydantic.ConfigDict(extra="ignore")

    format: str = "lovage-model/1"
    model: str
    version: str
    created: str
    job_id: str
    request_sha256: str = ""
    target: Target
    columns: list[Column]
    ignored: list[Ignored]
    excluded: list[str] = []
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


def read_manifest(folder: str, version: str) -> Manifest:
    """Raises JobError MODEL_BROKEN when the manifest cannot be read."""
    path = os.path.join(folder, version, MANIFEST_FILE)
    try:
        with open(path, encoding="utf-8") as handle:
            return Manifest.model_validate_json(handle.read())
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
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
