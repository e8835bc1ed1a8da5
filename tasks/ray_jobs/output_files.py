"""Output that appears at once and whole, and never in place of anything but earlier output."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator

import model_folders
from allowed_paths import PARTIAL_PREFIX, allowed_uri, file_system, inside, is_uri, roots
from lovage_job import BadInput, Job

MAX_NAME_BYTES = 255
"""The longest name of a file or a folder that file systems take."""

# What a folder of output holds, and what a killed program or an older release left in it.
_EARLIER = re.compile(rf"part-\d{{5,}}\.parquet|{re.escape(PARTIAL_PREFIX)}.*", re.DOTALL)


def output_file(job: Job, text: str, *, field: str, folder: bool | None = None) -> str:
    """The checked path or URI of something to be written; parent folders are made.

    ``folder`` says whether it will be a folder or a file: what cannot be replaced by such is then refused
    before any work, as :func:`check_replaceable` does.

    Raises BadInput: INPUT_PATH_INVALID, INPUT_PATH_OUTSIDE, INPUT_SCHEME_NOT_ALLOWED, INPUT_OUTPUT_IS_MODEL,
    INPUT_OUTPUT_EXISTS.
    """
    path = allowed_uri(job, text, field) or _local_output(job, text, field)
    if folder is not None:
        check_replaceable(path, folder=folder, field=field)
    return path


def _local_output(job: Job, text: str, field: str) -> str:
    path = inside(job, text, field=field)
    if path in roots(job):
        raise BadInput(
            "INPUT_PATH_INVALID",
            f"{field}: {text} is the data folder itself",
            field=field,
            value=text,
            hint="add a name",
        )
    model = model_folders.model_of(job.models_dir, path)
    if model is not None:
        raise BadInput(
            "INPUT_OUTPUT_IS_MODEL",
            f"{field}: {text} lies in the folder of model {model!r}",
            field=field,
            value=text,
            hint="write into the datasets folder",
        )
    long = next((n for n in path.split("/") if len(os.fsencode(n)) > MAX_NAME_BYTES), None)
    if long is not None:
        raise BadInput(
            "INPUT_PATH_INVALID",
            f"{field}: a name has {len(os.fsencode(long))} bytes, more than {MAX_NAME_BYTES}: {long[:100]}…",
            field=field,
            value=text,
            hint="give a shorter name",
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


def check_replaceable(path: str, *, folder: bool, field: str = "output") -> None:
    """Refuses to put a file where a folder is, a folder where a file is, and a folder in place of one that
    has anything but earlier output (``part-00000.parquet`` and so on).

    Raises BadInput INPUT_OUTPUT_EXISTS.
    """
    kind, names = _remote_there(path) if is_uri(path) else _local_there(path)
    if kind is None or (kind == "file" and not folder):
        return
    what = f"is a {kind}"
    if kind == "folder" and folder:
        stranger = next((n for n in sorted(names) if not _EARLIER.fullmatch(n)), None)
        if stranger is None:
            return
        what = f"has {stranger}, which is no earlier output"
    raise BadInput(
        "INPUT_OUTPUT_EXISTS",
        f"{field}: {path} {what}",
        field=field,
        value=path,
        hint="give another name, or remove it first",
    )


@contextlib.contextmanager
def atomic_output(path: str) -> Iterator[str]:
    """Gives a path to write a file or a folder to; at the end it takes its real name at once, or vanishes on
    failure.

    The unfinished output lies beside the real one (hidden, with the submission id in its name), or in the
    temporary folder when ``path`` is a URI. A folder that exists already is set aside before the new one
    takes its name; a store has no such step, so there the old one is removed and the new one copied.

    Raises BadInput INPUT_OUTPUT_EXISTS, as :func:`check_replaceable`.
    """
    remote = is_uri(path)
    partial = _partial(
        tempfile.gettempdir() if remote else os.path.dirname(path), os.path.basename(path.rstrip("/"))
    )
    try:
        yield partial
        check_replaceable(path, folder=os.path.isdir(partial))
        if remote:
            _put(partial, path)
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
    # Cut by bytes: that is how file systems count, and a name of theirs may be no UTF-8.
    end = os.fsencode(name)[-100:].decode("utf-8", "ignore")
    return os.path.join(folder, f"{PARTIAL_PREFIX}{submission}.{uuid.uuid4().hex[:8]}.{end}")


def _local_there(path: str) -> tuple[str | None, list[str]]:
    if os.path.isdir(path):
        # A folder of the name of a part is not one.
        return "folder", [e.name + ("/" if e.is_dir() else "") for e in os.scandir(path)]
    return ("file", []) if os.path.lexists(path) else (None, [])


def _remote_there(uri: str) -> tuple[str | None, list[str]]:
    store, target = file_system(uri)
    store.invalidate_cache()
    below = target.rstrip("/") + "/"
    # A store may have an object and others "below" it at once.
    inner = [p[p.index(below) + len(below) :] for p in store.find(target) if below in p]
    if inner:
        return "folder", inner
    return ("file", []) if store.isfile(target) else (None, [])


def _put(partial: str, uri: str) -> None:
    store, target = file_system(uri)
    if not os.path.isdir(partial):
        store.put(partial, target)
        return
    if store.exists(target):
        store.rm(target, recursive=True)
    # Slashes at the ends: else a folder that is there already would get the new one as a folder in it.
    store.put(partial + "/", target.rstrip("/") + "/", recursive=True)


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
