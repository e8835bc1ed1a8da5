"""Which paths a program may touch: the datasets folder, the models folder, and URIs of allowed schemes.

A path from outside is resolved with all its symbolic links before it is judged, so neither ``..`` nor a link
that somebody put into a data folder leads out of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from lovage_job import BadInput, Job, JobError

PARTIAL_PREFIX = ".lovage-partial."
"""How unfinished output begins, before it is renamed to its real name. What a killed program leaves is
scratch.
"""

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
"""What a model may be called."""

_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


def is_uri(text: str) -> bool:
    """Whether a path names a store other than the local file system."""
    return _URI.match(text) is not None


def inside(job: Job, text: str, *, field: str) -> str:
    """The real path of a local path, relative ones taken from the datasets folder.

    Raises BadInput: INPUT_PATH_INVALID, INPUT_PATH_OUTSIDE when it lies neither in the datasets nor the
    models folder.
    """
    check_text(text, field)
    path = os.path.realpath(os.path.join(job.datasets_dir, text))
    if not _lies_in(path, roots(job)):
        raise BadInput(
            "INPUT_PATH_OUTSIDE",
            f"{field}: {text} lies outside the datasets folder {job.datasets_dir} "
            f"and the models folder {job.models_dir}",
            field=field,
            value=text,
            hint="give a path relative to the datasets folder",
        )
    return path


def model_dir(job: Job, model: str, *, field: str = "model") -> str:
    """The folder of a model: ``MODELS_DIR/<model>``, whether or not it exists. Raises BadInput
    INPUT_MODEL_NAME.
    """
    path = os.path.realpath(os.path.join(job.models_dir, model)) if MODEL_NAME.fullmatch(model) else ""
    if not path or ".." in model or not _lies_in(path, [os.path.realpath(job.models_dir)]):
        raise BadInput(
            "INPUT_MODEL_NAME",
            f"{field}: {model!r} is no name of a model",
            field=field,
            value=model,
            hint="use up to 100 letters, digits, '_', '-' and single dots, first a letter or a digit",
        )
    return path


def allowed_uri(job: Job, text: str, field: str) -> str | None:
    """The text itself when it is a URI, None when it is a local path. Raises BadInput: INPUT_PATH_INVALID,
    INPUT_SCHEME_NOT_ALLOWED.
    """
    check_text(text, field)
    match = _URI.match(text)
    # "::" chains file systems in fsspec (`zip://x::file:///etc/…`), past any check of the first scheme.
    if match is None and "::" not in text:
        return None
    scheme = match.group(1).lower() if match else text.split("::")[0]
    if "::" in text or scheme in ("file", "local") or scheme not in job.uri_schemes:
        allowed = ", ".join(job.uri_schemes) or "none"
        raise BadInput(
            "INPUT_SCHEME_NOT_ALLOWED",
            f"{field}: URIs of {scheme!r} are not allowed (allowed: {allowed})",
            field=field,
            value=text,
            hint="give a path in the datasets folder, or have the scheme allowed in the configuration",
        )
    return text


def file_system(uri: str) -> tuple[Any, str]:
    """The file system of a URI, and the path in it. Raises JobError SCHEME_UNAVAILABLE."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise JobError(
            "SCHEME_UNAVAILABLE",
            f"the cluster cannot open {uri}: {error}",
            hint="install the fsspec package of this scheme on every Ray node",
            retry=False,
        ) from error


def roots(job: Job) -> list[str]:
    """The real paths of the datasets and the models folder."""
    return [os.path.realpath(job.datasets_dir), os.path.realpath(job.models_dir)]


def check_text(text: str, field: str) -> None:
    """Raises BadInput INPUT_PATH_INVALID for what no system takes for a path."""
    if not text or "\0" in text or len(text) > 4096:
        raise BadInput(
            "INPUT_PATH_INVALID", f"{field}: {text[:100]!r} is no path", field=field, value=text[:100]
        )


def _lies_in(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)
