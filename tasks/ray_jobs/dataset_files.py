"""The files of a dataset: one file, a folder, a glob, or a URI of an allowed scheme."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from allowed_paths import allowed_uri, file_system, inside, is_uri
from lovage_job import BadInput, Job, JobError

FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}

REJECTS_SUFFIX = ".rejects.csv"
"""How files of rejected rows end; they often lie beside data, and a folder read as a dataset leaves them
out.
"""


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset. ``size`` is in bytes, -1 when a remote store does not tell."""

    path: str
    size: int
    format: str


def input_files(job: Job, text: str, *, field: str) -> list[DataFile]:
    """The files of a dataset, sorted by path: of one file, of a folder (with its subfolders), of a glob, or
    of a URI.

    Names that begin with ``.`` or ``_`` are left out of folders and globs, and so are rejects files and
    files without a byte. Files of another format are left out of a folder that also has CSV or Parquet.

    Raises BadInput: INPUT_PATH_INVALID, INPUT_PATH_OUTSIDE, INPUT_SCHEME_NOT_ALLOWED, INPUT_DATASET_MISSING,
    INPUT_DATASET_EMPTY, INPUT_FORMAT_UNKNOWN; JobError DATASET_UNAVAILABLE when a store does not answer.
    """
    uri = allowed_uri(job, text, field)
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


def refuse_input_as_output(path: str, files: Iterable[DataFile], *, field: str) -> None:
    """Raises BadInput INPUT_OUTPUT_IS_INPUT when an output is one of the files, or a folder with one of
    them."""
    own = path
    if is_uri(path):
        store, inner = file_system(path)
        own = store.unstrip_protocol(inner)
    own = own.rstrip("/")
    if any(f.path == own or f.path.startswith(own + "/") for f in files):
        raise BadInput(
            "INPUT_OUTPUT_IS_INPUT",
            f"{field}: {path} is read as the dataset",
            field=field,
            value=path,
            hint="give another name",
        )


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


def _remote_files(uri: str, text: str, field: str) -> tuple[list[DataFile], bool]:
    store, path = file_system(uri)

    def files(paths: Iterable[str]) -> list[DataFile]:
        found = []
        for each in paths:
            details = store.info(each)
            if details.get("type") != "directory":
                size = details.get("size")
                found.append(
                    DataFile(store.unstrip_protocol(each), -1 if size is None else size, _format(each))
                )
        return found

    below = len(path.rstrip("/").split("/"))
    if glob.has_magic(path):
        matches = [p for p in store.glob(path) if not _skipped(os.path.basename(p))]
        if not matches:
            raise _missing(text, field, "no file matches")
        return files(matches), False
    if not store.exists(path):
        raise _absent(store, path, text, field)
    if store.isdir(path):
        inner = [
            p for p in store.find(path) if not any(map(_skipped, p.rstrip("/").split("/")[below:]))
        ]
        return files(inner), True
    return files([path]), False


def _absent(store: Any, path: str, text: str, field: str) -> JobError:
    """Why something does not exist: fsspec says so of a server that does not answer, too."""
    try:
        store.info(path)
    except FileNotFoundError as error:
        cause = error.__cause__
        status = getattr(cause, "status", None)
        if cause is None or isinstance(cause, FileNotFoundError) or status in (404, 410):
            return _missing(text, field, "no such object")
        if isinstance(status, int) and 400 <= status < 500 and status not in (408, 429):
            return _missing(text, field, f"the store answers {status}")
        return _unavailable(text, field, cause)
    except (OSError, TimeoutError) as error:
        return _unavailable(text, field, error)
    return _unavailable(text, field, None)


def _unavailable(text: str, field: str, cause: BaseException | None) -> JobError:
    why = f"{type(cause).__name__}: {cause}"[:300] if cause else "it is there now, and was not a moment ago"
    failure = JobError(
        "DATASET_UNAVAILABLE",
        f"{field}: {text} cannot be reached ({why})",
        field=field,
        value=text,
        hint="is the store up, and can the cluster reach it?",
    )
    failure.__cause__ = cause
    return failure
