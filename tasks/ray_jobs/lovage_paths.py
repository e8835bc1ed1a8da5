"""Where a program may read and write: the datasets folder, the models folder, and URIs of allowed schemes.

A path from outside is resolved with all its symbolic links before it is judged, so neither ``..`` nor a link
that somebody put into a data folder leads out of it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lovage_job import BadInput, Job, JobError

FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}

REJECTS_SUFFIX = ".rejects.csv"
"""How files of rejected rows end; they often lie beside data, and a folder read as a dataset leaves them
out.
"""

PARTIAL_PREFIX = ".lovage-partial."
"""How unfinished output begins, before it is renamed to its real name. What a killed program leaves is
scratch.
"""

_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset. ``size`` is in bytes, -1 when a remote store does not tell."""

    path: str
    size: int
    format: str


def is_uri(text: str) -> bool:
    """Whether a path names a store other than the local file system."""
    return _URI.match(text) is not None


def input_files(job: Job, text: str, *, field: str) -> list[DataFile]:
    """The files of a dataset, sorted by path: of one file, of a folder (with its subfolders), of a glob, or
    of a URI.

    Names that begin with ``.`` or ``_`` are left out of folders and globs, and so are rejects files and
    files without a byte. Files of another format are left out of a folder that also has CSV or Parquet.

    Raises BadInput: INPUT_PATH_INVALID, INPUT_PATH_OUTSIDE, INPUT_SCHEME_NOT_ALLOWED, INPUT_DATASET_MISSING,
    INPUT_DATASET_EMPTY, INPUT_FORMAT_UNKNOWN.
    """
    uri = _uri(job, text, field)
    found, whole_folder = _remote_files(uri, text, field) if uri else _local_files(job, text, field)
    named = not whole_folder
    known = [f for f in found if f.format]
    if found and (not known or (named and len(known) < len(found))):
        stranger = next(f.path for f in found if not f.format)
        raise BadInput(
            "INPUT_FORMAT_UNKNOWN",
            f"{field}: {stranger} is neither CSV nor Parquet by its name",
            field=field,
            value=text,
            hint=f"the name must end in one of {', '.join(FORMATS)}; unpack a compressed file first",
        )
    filled = [f for f in known if f.size != 0]
    if not filled:
        what = "has no CSV or Parquet file" if not known else "is empty (0 bytes)"
        raise BadInput("INPUT_DATASET_EMPTY", f"{field}: {text} {what}", field=field, value=text)
    return sorted(filled, key=lambda f: f.path)


def output_file(job: Job, text: str, *, field: str) -> str:
    """The checked path or URI of something to be written; parent folders are made.

    Raises BadInput: INPUT_PATH_INVALID, INPUT_PATH_OUTSIDE, INPUT_SCHEME_NOT_ALLOWED.
    """
    uri = _uri(job, text, field)
    if uri:
        return uri
    path = inside(job, text, field=field)
    if path in _roots(job):
        raise BadInput(
            "INPUT_PATH_INVALID",
            f"{field}: {text} is the data folder itself",
            field=field,
            value=text,
            hint="add a name",
        )
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInput(
            "INPUT_PATH_INVALID",
            f"{field}: a file is in the way of the folder of {text}",
            field=field,
            value=text,
        ) from error
    return path


def inside(job: Job, text: str, *, field: str) -> str:
    """The real path of a local path, relative ones taken from the datasets folder.

    Raises BadInput: INPUT_PATH_INVALID, INPUT_PATH_OUTSIDE when it lies neither in the datasets nor the
    models folder.
    """
    _check_text(text, field)
    path = os.path.realpath(os.path.join(job.datasets_dir, text))
    if not _lies_in(path, _roots(job)):
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
    path = os.path.realpath(os.path.join(job.models_dir, model)) if _MODEL.fullmatch(model) else ""
    if not path or ".." in model or not _lies_in(path, [os.path.realpath(job.models_dir)]):
        raise BadInput(
            "INPUT_MODEL_NAME",
            f"{field}: {model!r} is no name of a model",
            field=field,
            value=model,
            hint="use up to 100 letters, digits, '_', '-' and single dots, first a letter or a digit",
        )
    return path


@contextlib.contextmanager
def atomic_output(path: str) -> Iterator[str]:
    """Gives a path to write a file or a folder to; at the end it takes its real name at once, or vanishes on
    failure.

    The unfinished output lies beside the real one (hidden, with the submission id in its name), or in the
    temporary folder when ``path`` is a URI. A folder that exists already is set aside before the new one
    takes its name.
    """
    remote = is_uri(path)
    partial = _partial(
        tempfile.gettempdir() if remote else os.path.dirname(path), os.path.basename(path.rstrip("/"))
    )
    try:
        yield partial
        if remote:
            file_system, target = _file_system(path)
            file_system.put(partial, target, recursive=os.path.isdir(partial))
        else:
            _flush(partial)
            _replace(partial, path)
    finally:
        _remove(partial)


@contextlib.contextmanager
def scratch_folder(job: Job, output: str) -> Iterator[str]:
    """A folder for parts of an output, beside it (in the datasets folder when it is a URI), removed at the
    end.

    All nodes of the cluster see it, as they see the datasets and the models folder.
    """
    folder = _partial(
        os.path.realpath(job.datasets_dir) if is_uri(output) else os.path.dirname(output), "parts"
    )
    os.makedirs(folder)
    try:
        yield folder
    finally:
        _remove(folder)


def _partial(folder: str, name: str) -> str:
    submission = re.sub(r"[^A-Za-z0-9_.-]", "_", os.environ.get("LOVAGE_SUBMISSION_ID", "local"))[-60:]
    return os.path.join(folder, f"{PARTIAL_PREFIX}{submission}.{uuid.uuid4().hex[:8]}.{name[-100:]}")


def _check_text(text: str, field: str) -> None:
    if not text or "\0" in text or len(text) > 4096:
        raise BadInput(
            "INPUT_PATH_INVALID", f"{field}: {text[:100]!r} is no path", field=field, value=text[:100]
        )


def _roots(job: Job) -> list[str]:
    return [os.path.realpath(job.datasets_dir), os.path.realpath(job.models_dir)]


def _lies_in(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def _uri(job: Job, text: str, field: str) -> str | None:
    _check_text(text, field)
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


def _format(path: str) -> str:
    return FORMATS.get(os.path.splitext(path)[1].lower(), "")


def _skipped(name: str) -> bool:
    return name.startswith((".", "_")) or name.endswith(REJECTS_SUFFIX)


def _missing(text: str, field: str, why: str) -> BadInput:
    return BadInput("INPUT_DATASET_MISSING", f"{field}: {text}: {why}", field=field, value=text)


def _local_files(job: Job, text: str, field: str) -> tuple[list[DataFile], bool]:
    absolute = os.path.join(job.datasets_dir, text)
    if glob.has_magic(text) and not os.path.lexists(absolute):
        paths = _glob(job, text, field)
        if not paths:
            raise _missing(text, field, "no file matches")
        return [_local_file(p) for p in paths], False
    path = inside(job, text, field=field)
    if os.path.isdir(path):
        return [_local_file(p) for p in _walk(job, path, field, set())], True
    if not os.path.isfile(path):
        raise _missing(text, field, f"no such file or folder in {job.datasets_dir}")
    return [_local_file(path)], False


def _local_file(path: str) -> DataFile:
    return DataFile(path, os.path.getsize(path), _format(path))


def _glob(job: Job, text: str, field: str) -> list[str]:
    parts = text.split("/")
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    base = inside(job, "/".join(parts[:first]) or ("/" if text.startswith("/") else "."), field=field)
    if ".." in parts[first:]:
        raise BadInput(
            "INPUT_PATH_OUTSIDE", f"{field}: {text} has '..' after a wildcard", field=field, value=text
        )
    matches = glob.glob("/".join(parts[first:]), root_dir=base, recursive=True)
    shown = [m for m in matches if not any(map(_skipped, m.split("/")))]
    paths = {inside(job, os.path.join(base, m), field=field) for m in shown}
    return [p for p in paths if os.path.isfile(p)]


def _walk(job: Job, folder: str, field: str, seen: set[str]) -> Iterator[str]:
    seen.add(folder)
    for entry in sorted(os.listdir(folder)):
        if _skipped(entry):
            continue
        path = inside(job, os.path.join(folder, entry), field=field)
        if os.path.isdir(path):
            # A link to a folder above would be followed for ever.
            if path not in seen:
                yield from _walk(job, path, field, seen)
        elif os.path.isfile(path) and path not in seen:
            seen.add(path)
            yield path


def _file_system(uri: str) -> tuple[Any, str]:
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


def _remote_files(uri: str, text: str, field: str) -> tuple[list[DataFile], bool]:
    file_system, path = _file_system(uri)

    def files(paths: Iterable[str]) -> list[DataFile]:
        found = []
        for each in paths:
            details = file_system.info(each)
            if details.get("type") != "directory":
                size = details.get("size")
                found.append(
                    DataFile(file_system.unstrip_protocol(each), -1 if size is None else size, _format(each))
                )
        return found

    below = len(path.rstrip("/").split("/"))
    if glob.has_magic(path):
        matches = [p for p in file_system.glob(path) if not _skipped(os.path.basename(p))]
        if not matches:
            raise _missing(text, field, "no file matches")
        return files(matches), False
    if not file_system.exists(path):
        raise _missing(text, field, "no such object")
    if file_system.isdir(path):
        inner = [
            p for p in file_system.find(path) if not any(map(_skipped, p.rstrip("/").split("/")[below:]))
        ]
        return files(inner), True
    return files([path]), False


def _flush(path: str) -> None:
    # A rename can reach the disk before the data: after a power cut the real name would hold an empty file.
    paths = [path]
    if os.path.isdir(path):
        paths += [
            os.path.join(folder, name) for folder, folders, names in os.walk(path) for name in folders + names
        ]
    for each in paths:
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _replace(partial: str, path: str) -> None:
    aside = None
    if os.path.isdir(path):
        # A folder with something in it cannot be replaced in one step.
        aside = f"{partial}.old"
        os.rename(path, aside)
    os.replace(partial, path)
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if aside:
        _remove(aside)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
