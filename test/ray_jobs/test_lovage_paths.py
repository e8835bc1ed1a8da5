"""Which paths a program may touch, and how output appears: at once and whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import JobEnv
from lovage_job import BadInput
from lovage_paths import PARTIAL_PREFIX, atomic_output, input_files, inside, model_dir, output_file


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
    for text in ("one", "two"):
        with atomic_output(folder) as partial:
            write(Path(partial) / "sub" / text, text)
    assert sorted(os.listdir(data / "new" / "parts" / "sub")) == ["two"]
    with pytest.raises(RuntimeError), atomic_output(folder) as partial:
        write(Path(partial) / "x")
        raise RuntimeError
    assert [p for p in data.rglob("*") if p.name.startswith(".")] == []
    assert code_of(output_file, job, ".", field="output") == "INPUT_PATH_INVALID"
    assert code_of(output_file, job, "new/folder/out.csv/x.csv", field="output") == "INPUT_PATH_INVALID"
