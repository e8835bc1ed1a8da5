"""The files of a dataset: one file, a folder, a glob, or a URI of an allowed scheme."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allowed_paths import allowed_uri, file_system, inside, is_uri
from local_files import Pattern, matches, skipped
from lovage_job import BadInput, Job, JobError

FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


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
    own = _normalised(path).rstrip("/")
    if any(f.path == own or f.path.startswith(own + "/") for f in files):
        raise _is_input(path, field, "is read as the dataset", "give another name")


def refuse_output_in_dataset(
    job: Job, path: str, text: str, files: Iterable[DataFile], *, field: str
) -> None:
    """Raises BadInput INPUT_OUTPUT_IS_INPUT when an output is one of the files of the dataset ``text``, or
    lies where a second run would take it for one.

    ``path`` is what output_file gave.
    """
    refuse_input_as_output(path, files, field=field)
    if is_uri(text) != is_uri(path):
        return
    if is_uri(text):
        again = _remote_reads(_normalised(text), _normalised(path))
    else:
        pattern = _pattern(job, text, field)
        again = pattern is not None and pattern.would_read(path)
    if again:
        raise _is_input(
            path, field, f"lies where {text} is read: the next run would take it for data",
            "write into another folder",
        )


def _is_input(path: str, field: str, why: str, hint: str) -> BadInput:
    return BadInput("INPUT_OUTPUT_IS_INPUT", f"{field}: {path} {why}", field=field, value=path, hint=hint)


def _normalised(path: str) -> str:
    """A URI as the store spells it, as the paths of DataFile are: two spellings may be one object."""
    if not is_uri(path):
        return path
    store, inner = file_system(path)
    return store.unstrip_protocol(inner)


def _remote_reads(dataset: str, path: str) -> bool:
    names, parts = tuple(path.split("/")), tuple(dataset.rstrip("/").split("/"))
    if glob.has_magic(dataset):
        return matches(names, parts) and not skipped(names[-1])
    below = names[len(parts) :]
    return names[: len(parts)] == parts and bool(below) and not any(map(skipped, below))


def _format(path: str) -> str:
    return FORMATS.get(os.path.splitext(path)[1].lower(), "")


def _missing(text: str, field: str, why: str) -> BadInput:
    return BadInput("INPUT_DATASET_MISSING", f"{field}: {text}: {why}", field=field, value=text)


def _pattern(job: Job, text: str, field: str) -> Pattern | None:
    """What a folder or a glob of this machine reads; None for one file, and for what is not there."""
    if glob.has_magic(text) and not os.path.lexists(os.path.join(job.datasets_dir, text)):
        return Pattern.of_glob(job, text, field)
    path = inside(job, text, field=field)
    return Pattern(job, text, field, path) if os.path.isdir(path) else None


def _local_files(job: Job, text: str, field: str) -> tuple[list[DataFile], bool]:
    pattern = _pattern(job, text, field)
    if pattern is None:
        path = inside(job, text, field=field)
        if not os.path.isfile(path):
            raise _missing(text, field, f"no such file or folder in {job.datasets_dir}")
        return [_local_file(path)], False
    paths = pattern.files()
    if not paths and not pattern.is_folder:
        raise _missing(text, field, "no file matches")
    return [_local_file(p) for p in paths], pattern.is_folder


def _local_file(path: str) -> DataFile:
    return DataFile(path, os.path.getsize(path), _format(path))


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
        matches = [p for p in store.glob(path) if not skipped(os.path.basename(p))]
        if not matches:
            raise _missing(text, field, "no file matches")
        return files(matches), False
    if not store.exists(path):
        raise _absent(store, path, text, field)
    if store.isdir(path):
        inner = [
            p for p in store.find(path) if not any(map(skipped, p.rstrip("/").split("/")[below:]))
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
