"""What lies in a model's folder, ``MODELS_DIR/<model>/``, by name alone: see model_store.py."""

from __future__ import annotations

import contextlib
import os
import re

from allowed_paths import MODEL_NAME, PARTIAL_PREFIX

MODEL_FILE = "model.ubj"
MANIFEST_FILE = "manifest.json"
LATEST_FILE = "latest"
CLAIM_PREFIX = ".claim-"

VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{10}")
"""How versions are named."""

# Scratch of a training; unfinished output of other programs has the submission id in its name.
_SCRATCH = re.compile(re.escape(PARTIAL_PREFIX) + r"[0-9a-f]{12}")


def versions(folder: str) -> list[str]:
    """The complete versions of a model, oldest first."""
    return sorted(n for n in _names(folder) if VERSION.fullmatch(n) and complete(folder, n))


def latest(folder: str) -> str | None:
    """The version in use, None when there is none yet."""
    try:
        with open(os.path.join(folder, LATEST_FILE), encoding="utf-8") as handle:
            version = handle.read().strip()
    except FileNotFoundError:
        return None
    return version if VERSION.fullmatch(version) and complete(folder, version) else None


def complete(folder: str, version: str) -> bool:
    """Whether a version is there, which means all of it."""
    return os.path.isfile(os.path.join(folder, version, MANIFEST_FILE))


def models(models_dir: str) -> list[str]:
    """The names of all models that have a version."""
    names = sorted(n for n in _names(models_dir) if MODEL_NAME.fullmatch(n))
    return [n for n in names if versions(os.path.join(models_dir, n))]


def model_of(models_dir: str, path: str) -> str | None:
    """The model whose folder a path is or lies in; also one whose first training has not ended yet."""
    root = os.path.realpath(models_dir)
    if not path.startswith(root.rstrip("/") + "/"):
        return None
    name = os.path.relpath(path, root).split("/")[0]
    there = _names(os.path.join(root, name))
    taken = any(VERSION.fullmatch(n) or _SCRATCH.fullmatch(n) or n.startswith(CLAIM_PREFIX) for n in there)
    return name if MODEL_NAME.fullmatch(name) and taken else None


def _names(folder: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)
    return []
