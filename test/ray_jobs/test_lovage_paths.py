"""Which paths a program may touch, and how output appears: at once and whole."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from pathlib import Path

import fsspec
import pytest

import lovage_job
from conftest import JobEnv
from lovage_job import BadInput
from lovage_paths import (
    PARTIAL_PREFIX,
    atomic_output,
    check_replaceable,
    input_files,
    inside,
    model_dir,
    output_file,
    refuse_input_as_output,
    refuse_output_in_dataset,
    scratch_folder,
)


def code_of(call, *args, **kwargs) -> str:
    with pytest.raises(BadInput) as caught:
        call(*args, **kwargs)
    assert caught.value.retry is False
    return caught.value.code


def write(path: Path, text: str = "a\n1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_paths_stay_inside(job_env: JobEnv) -> None:
    job, data = job_env.job, job_env.datasets
    secret = write(job_env.root / "secret.csv")
    write(data / "in" / "a.csv")
    os.symlink(secret, data / "link.csv")
    os.symlink(job_env.root, data / "up")
    # A neighbour whose name begins like the datasets folder's.
    write(job_env.root / "datasets2" / "a.csv")

    assert inside(job, "in/a.csv", field="dataset") == str(data / "in" / "a.csv")
    assert inside(job, str(job_env.models / "m"), field="dataset") == str(job_env.models / "m")
    assert inside(job, "in/../in/a.csv", field="dataset") == str(data / "in" / "a.csv")
    for path in (
        "../secret.csv",
        "link.csv",
        "up/secret.csv",
        str(secret),
        "/etc/passwd",
        "in/../../secret.csv",
        "../datasets2/a.csv",
        "up/datasets2",
    ):
        assert code_of(inside, job, path, field="dataset") == "INPUT_PATH_OUTSIDE", path
        assert code_of(input_files, job, path, field="dataset") == "INPUT_PATH_OUTSIDE", path
        assert code_of(output_file, job, path, field="output") == "INPUT_PATH_OUTSIDE", path
    for path in ("*/../../secret.csv", "../*.csv", "/etc/*", "li*.csv", "up/*.csv"):
        assert code_of(input_files, job, path, field="dataset") == "INPUT_PATH_OUTSIDE", path
    # A folder with a link out in it is refused as a whole: leaving the link out would lose rows in silence.
    assert code_of(input_files, job, ".", field="dataset") == "INPUT_PATH_OUTSIDE"
    for path in ("", "a\0b", "x" * 5000):
        assert code_of(inside, job, path, field="dataset") == "INPUT_PATH_INVALID"


def test_schemes(job_env: JobEnv) -> None:
    job = job_env.job
    secret = write(job_env.root / "secret.csv")
    for uri in (
        f"file://{secret}",
        f"local://{secret}",
        "s3://bucket/a.csv",
        f"simplecache::file://{secret}",
        f"memory://x::file://{secret}",
    ):
        assert code_of(input_files, job, uri, field="dataset") == "INPUT_SCHEME_NOT_ALLOWED", uri
        assert code_of(output_file, job, uri, field="output") == "INPUT_SCHEME_NOT_ALLOWED", uri
    job.uri_schemes = ("memory", "file")
    assert code_of(input_files, job, f"file://{secret}", field="dataset") == "INPUT_SCHEME_NOT_ALLOWED"

    target = output_file(job, "memory://bucket/out/a.csv", field="output")
    with atomic_output(target) as partial:
        Path(partial).write_text("a\n1\n")
    for text in ("memory://bucket/out/a.csv", "memory://bucket/out", "memory://bucket/out/*.csv"):
        (found,) = input_files(job, text, field="dataset")
        assert (found.path, found.size, found.format) == ("memory:///bucket/out/a.csv", 4, "csv")
    assert code_of(input_files, job, "memory://bucket/none.csv", field="dataset") == "INPUT_DATASET_MISSING"


def test_files_of_a_dataset(job_env: JobEnv) -> None:
    job, data = job_env.job, job_env.datasets
    for name in (
        "d/b.csv",
        "d/a.parquet",
        "d/sub/c.CSV",
        "d/.hidden.csv",
        "d/_temporary/x.csv",
        "d/notes.txt",
        "d/b.csv.rejects.csv",
        "odd/[x].csv",
    ):
        write(data / name)
    write(data / "d" / "zero.csv", "")
    write(data / "only" / "zero.csv", "")
    write(data / "txt" / "a.txt")
    (data / "none").mkdir()
    os.symlink(data / "d", data / "d" / "sub" / "loop")

    def names(text: str) -> list[str]:
        return [os.path.relpath(f.path, data) for f in input_files(job, text, field="dataset")]

    assert names("d") == ["d/a.parquet", "d/b.csv", "d/sub/c.CSV"]
    assert names("d/*.csv") == ["d/b.csv"]
    assert names("d/**/*.[cC]*") == ["d/b.csv", "d/sub/c.CSV"]
    assert names(str(data / "d/b.csv")) == ["d/b.csv"]
    assert names("odd/[x].csv") == ["odd/[x].csv"]
    assert [f.format for f in input_files(job, "d", field="dataset")] == ["parquet", "csv", "csv"]
    for text, code in {
        "gone.csv": "INPUT_DATASET_MISSING",
        "d/*.nothing": "INPUT_DATASET_MISSING",
        "only/zero.csv": "INPUT_DATASET_EMPTY",
        "only": "INPUT_DATASET_EMPTY",
        "none": "INPUT_DATASET_EMPTY",
        "txt": "INPUT_FORMAT_UNKNOWN",
        "d/notes.txt": "INPUT_FORMAT_UNKNOWN",
        "d/*.*": "INPUT_FORMAT_UNKNOWN",
    }.items():
        assert code_of(input_files, job, text, field="dataset") == code, text


def test_links_to_folders_above_end(job_env: JobEnv) -> None:
    job, data = job_env.job, job_env.datasets
    write(data / "x" / "a.csv")
    write(data / "x" / "y" / "b.csv")
    # Each link doubles the paths of every length: followed for ever, they are more than can be counted.
    for name in ("one", "two", "y/three"):
        os.symlink(data / "x", data / "x" / name)

    def names(text: str) -> list[str]:
        return [os.path.relpath(f.path, data) for f in input_files(job, text, field="dataset")]

    assert names("x") == names("x/**") == names("x/**/*.csv") == names("**/*.csv") == ["x/a.csv", "x/y/b.csv"]
    assert names("x/*/*.csv") == ["x/a.csv", "x/y/b.csv"]  # x/one is x
    assert names("x/**/y/*.csv") == names("x/y/**/y/*.csv") == ["x/y/b.csv"]
    assert names("[x]/./*") == ["x/a.csv"]


def test_model_names(job_env: JobEnv) -> None:
    job = job_env.job
    assert model_dir(job, "churn-2.v1") == str(job_env.models / "churn-2.v1")
    os.symlink(job_env.root, job_env.models / "out")
    for name in ("", ".", "..", "a..b", "../x", "a/b", "/etc", ".hidden", "x" * 101, "a\n", "out"):
        assert code_of(model_dir, job, name) == "INPUT_MODEL_NAME", name


def test_output_appears_whole_or_not_at_all(job_env: JobEnv) -> None:
    job, data = job_env.job, job_env.datasets
    path = output_file(job, "new/folder/out.csv", field="output")
    with atomic_output(path) as partial:
        assert os.path.basename(partial).startswith(PARTIAL_PREFIX) and partial.endswith("out.csv")
        Path(partial).write_text("one")
        assert not os.path.exists(path)
    assert Path(path).read_text() == "one"
    with pytest.raises(RuntimeError), atomic_output(path) as partial:
        Path(partial).write_text("broken")
        raise RuntimeError
    assert Path(path).read_text() == "one"

    folder = output_file(job, "new/parts", field="output")
    for parts in (2, 1):
        with atomic_output(folder) as partial:
            for number in range(parts):
                write(Path(partial) / f"part-{number:05d}.parquet", f"of {parts}")
    assert [p.read_text() for p in (data / "new" / "parts").iterdir()] == ["of 1"]
    with pytest.raises(RuntimeError), atomic_output(folder) as partial:
        write(Path(partial) / "x")
        raise RuntimeError
    assert [p for p in data.rglob("*") if p.name.startswith(".")] == []
    assert code_of(output_file, job, ".", field="output") == "INPUT_PATH_INVALID"
    assert code_of(output_file, job, "new/folder/out.csv/x.csv", field="output") == "INPUT_PATH_INVALID"


def test_only_earlier_output_is_replaced(job_env: JobEnv) -> None:
    job, data = job_env.job, job_env.datasets
    write(data / "sales" / "raw.csv")
    write(data / "mixed" / "part-00000.parquet")
    (data / "mixed" / "part-00001.parquet").mkdir()
    write(data / "scored" / "part-00000.parquet")
    write(data / "scored" / f"{PARTIAL_PREFIX}x.12345678.y" / "part-00000.parquet")
    (data / "empty").mkdir()
    write(data / "file.csv")

    def replaced(name: str, *, folder: bool) -> None:
        with atomic_output(output_file(job, name, field="output")) as partial:
            write(Path(partial) / "part-00000.parquet" if folder else Path(partial), "new")

    before = sorted(str(p) for p in data.rglob("*"))
    for name, folder in (("sales", True), ("mixed", True), ("file.csv", True), ("sales", False)):
        assert code_of(check_replaceable, str(data / name), folder=folder) == "INPUT_OUTPUT_EXISTS", name
        assert code_of(replaced, name, folder=folder) == "INPUT_OUTPUT_EXISTS", name
    assert sorted(str(p) for p in data.rglob("*")) == before
    for name in ("scored", "empty"):
        replaced(name, folder=True)
        assert [p.read_text() for p in (data / name).iterdir()] == ["new"]
    replaced("file.csv", folder=False)
    assert (data / "file.csv").read_text() == "new"


def test_a_model_is_no_place_for_output(job_env: JobEnv) -> None:
    job, models = job_env.job, job_env.models
    write(models / "flowers" / "20260101T000000Z-0123456789" / "manifest.json")
    (models / "first" / f"{PARTIAL_PREFIX}0123456789ab").mkdir(parents=True)  # its training runs
    for path in ("flowers", "flowers/x.csv", "flowers/20260101T000000Z-0123456789/validation.parquet", "first"):
        assert code_of(output_file, job, str(models / path), field="output") == "INPUT_OUTPUT_IS_MODEL", path
    for path in ("_searches/1/trials.csv", "reports/x.csv"):
        assert output_file(job, str(models / path), field="output") == str(models / path)


def test_a_folder_of_a_store_is_replaced_whole(job_env: JobEnv) -> None:
    store = fsspec.filesystem("memory")
    uri = f"memory://{job_env.root.name}/scored"
    for parts in (2, 1):
        with atomic_output(uri) as partial:
            for number in range(parts):
                write(Path(partial) / f"part-{number:05d}.parquet", f"of {parts}")
    assert [store.cat(p) for p in store.find(uri)] == [b"of 1"]
    assert store.find(uri) == [f"/{job_env.root.name}/scored/part-00000.parquet"]
    store.pipe(f"{uri}/raw.csv", b"a\n1\n")
    assert code_of(check_replaceable, uri, folder=True) == "INPUT_OUTPUT_EXISTS"
    assert code_of(check_replaceable, uri, folder=False) == "INPUT_OUTPUT_EXISTS"
    assert code_of(check_replaceable, f"{uri}/raw.csv", folder=True) == "INPUT_OUTPUT_EXISTS"


def test_output_is_not_what_is_read(job_env: JobEnv) -> None:
    job = lovage_job.Job({**job_env.environ, "LOVAGE_URI_SCHEMES": "memory"})
    write(job_env.datasets / "d" / "a.csv")
    uri = f"memory://{job_env.root.name}/d"
    fsspec.filesystem("memory").pipe(f"{uri}/a.csv", b"a\n1\n")
    for text, paths in (("d", [str(job_env.datasets / "d")]), (uri, [uri])):
        files = input_files(job, text, field="dataset")
        for path in [*paths, f"{paths[0]}/", f"{paths[0]}/a.csv"]:
            assert code_of(refuse_input_as_output, path, files, field="output") == "INPUT_OUTPUT_IS_INPUT"
        refuse_input_as_output(f"{paths[0]}/b.csv", files, field="output")


def test_output_is_not_what_the_next_run_reads(job_env: JobEnv) -> None:
    job = lovage_job.Job({**job_env.environ, "LOVAGE_URI_SCHEMES": "memory"})
    data, bucket = job_env.datasets, f"memory://{job_env.root.name}"
    for name in ("d/a.csv", "d/sub/b.csv", "e/c.csv"):
        write(data / name)
        fsspec.filesystem("memory").pipe(f"{bucket}/{name}", b"a\n1\n")
    os.symlink(data / "e", data / "d" / "link")

    def refused(text: str, output: str) -> bool:
        files = input_files(job, text, field="dataset")
        path = output_file(job, output, field="output")
        try:
            refuse_output_in_dataset(job, path, text, files, field="output")
        except BadInput as error:
            assert (error.code, error.field) == ("INPUT_OUTPUT_IS_INPUT", "output")
            return True
        return False

    for text, output in (
        ("d/a.csv", "d/a.csv"),
        ("d/a.csv", "d/sub/../a.csv"),
        ("d", "d/sum.csv"),
        ("d", "d/new/folder/sum.csv"),
        ("d", "e/sum.csv"),  # by the link
        ("d/*.csv", "d/sum.csv"),
        ("*/*.csv", "new/sum.csv"),
        ("**/*.csv", "some/new/sum.csv"),
        ("d/**", "d/x/sum.csv"),
    ):
        assert refused(text, output), (text, output)
    for text, output in (
        ("d/a.csv", "d/sum.csv"),
        ("d", "sum.csv"),
        ("d", "d/_out/sum.csv"),
        ("d", "d/sum.csv.rejects.csv"),
        ("d", "d2/sum.csv"),
        ("d/*.csv", "d/sum.parquet"),
        ("d/*.csv", "d/sub/sum.csv"),
        ("*/a.csv", "d/sum.csv"),
    ):
        assert not refused(text, output), (text, output)
    # One object has several spellings.
    other = f"memory:///{job_env.root.name}"
    for text, output in (
        (f"{bucket}/d/a.csv", f"{other}/d/a.csv"),
        (f"{other}/d/a.csv", f"{bucket}/d/a.csv"),
        (f"{bucket}/d", f"{other}/d/sum.csv"),
        (f"{bucket}/d/*.csv", f"{other}/d/sum.csv"),
        (f"{bucket}/**/*.csv", f"{other}/d/x/sum.csv"),
    ):
        assert refused(text, output), (text, output)
    for text, output in (
        (f"{bucket}/d/a.csv", f"{other}/d/sum.csv"),
        (f"{bucket}/d", f"{bucket}/d2/sum.csv"),
        (f"{bucket}/d/*.csv", f"{bucket}/d/sub/sum.csv"),
        (f"{bucket}/d", "d/sum.csv"),
    ):
        assert not refused(text, output), (text, output)


def test_what_an_output_cannot_replace_is_refused_before_any_work(job_env: JobEnv) -> None:
    job = lovage_job.Job({**job_env.environ, "LOVAGE_URI_SCHEMES": "memory"})
    write(job_env.datasets / "sales.csv" / "raw.csv")
    fsspec.filesystem("memory").pipe(f"memory://{job_env.root.name}/sales.csv/raw.csv", b"a\n1\n")
    for text in ("sales.csv", f"memory://{job_env.root.name}/sales.csv"):
        for folder in (False, True):
            code = code_of(output_file, job, text, field="rejects", folder=folder)
            assert code == "INPUT_OUTPUT_EXISTS", text
    assert output_file(job, "sales.csv/raw.csv", field="output", folder=False)


def test_names_are_counted_in_bytes(job_env: JobEnv) -> None:
    job = job_env.job
    for name in ("o" * 252 + ".csv", "漢" * 84 + ".csv", "漢" * 86 + "/o.csv"):
        assert code_of(output_file, job, name, field="output") == "INPUT_PATH_INVALID", name
    for name in ("o" * 251 + ".csv", "漢" * 83 + ".csv"):
        path = output_file(job, name, field="output")
        with scratch_folder(job, path), atomic_output(path) as partial:
            assert partial.endswith(".csv")
            write(Path(partial))
        assert os.path.exists(path)
    # Not every name is UTF-8: this one was given by a system that writes Latin-1.
    path = os.fsdecode(os.fsencode(job_env.datasets) + b"/caf\xe9.csv")
    with atomic_output(path) as partial:
        write(Path(partial))
    assert os.path.exists(path)


def test_a_store_that_does_not_answer_is_worth_another_attempt(job_env: JobEnv) -> None:
    job = lovage_job.Job({**job_env.environ, "LOVAGE_URI_SCHEMES": "http"})
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(lovage_job.JobError) as caught:
        input_files(job, f"http://127.0.0.1:{port}/a.csv", field="dataset")
    assert (caught.value.code, caught.value.retry) == ("DATASET_UNAVAILABLE", True)


@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [
        (404, "INPUT_DATASET_MISSING", False),
        (403, "INPUT_DATASET_MISSING", False),
        (503, "DATASET_UNAVAILABLE", True),
    ],
)
def test_what_a_store_answers_decides(job_env: JobEnv, status: int, code: str, retry: bool) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    job = lovage_job.Job({**job_env.environ, "LOVAGE_URI_SCHEMES": "http"})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(lovage_job.JobError) as caught:
            input_files(job, f"http://127.0.0.1:{server.server_port}/a.csv", field="dataset")
        server.shutdown()
    assert (caught.value.code, caught.value.retry) == (code, retry)
