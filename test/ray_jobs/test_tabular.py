"""Reading, encoding and splitting of tables, compared with what numpy, csv and scikit-learn say."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from csv_lines import header_of, lines_of
from features import Categories, Column, choose, encode, unseen
from held_out import folds, held_out, row_hashes
from lovage_job import BadInput
from lovage_paths import DataFile
from tabular import column_names, read_batches, read_rows, scan
from target import find_target
from value_kinds import as_kind


def csv_file(folder: Path, content: str | bytes, name: str = "a.csv") -> DataFile:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return DataFile(str(folder / name), len(data), "csv")


def parquet_file(folder: Path, table: pa.Table, name: str = "a.parquet", **options: object) -> DataFile:
    pq.write_table(table, folder / name, **options)
    return DataFile(str(folder / name), (folder / name).stat().st_size, "parquet")


MIXED = """i,x,flag,day,word,void,late
1, 2.5,true,2024-01-02,"red, dark",,7
-3,1e3,False,2024-02-03 10:00:00,blue,NA,8
,nan,,,,null,nine
"""


def test_kinds_come_from_all_values(tmp_path: Path) -> None:
    found = scan([csv_file(tmp_path, MIXED)])
    assert found.rows == [3]
    assert found.kinds == {
        "i": "integer",
        "x": "number",
        "flag": "boolean",
        "day": "time",
        "word": "category",
        "void": "empty",
        "late": "category",
    }


def test_kinds_over_several_files_are_united_by_name(tmp_path: Path) -> None:
    one = csv_file(tmp_path, "a,b\n1,2\n", "1.csv")
    two = parquet_file(tmp_path, pa.table({"b": [0.5], "c": [["list"]]}), "2.parquet")
    found = scan([one, two])
    assert found.kinds == {"a": "integer", "b": "number", "c": "unsupported"}
    assert found.rows == [1, 1]
    batches = list(read_rows([one, two], found.rows, ["a", "b"]))
    assert [b.column(0).to_pylist() for _, b in batches] == [["1"], [None]]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"a,b\n1,2\n3\n", "INPUT_CSV_BROKEN", "Row #3: Expected 2 columns, got 1"),
        (b'a,b\n1,2\n3,"open\n4,5\n', "INPUT_CSV_BROKEN", "never closed"),
        (b'a,b\n1,2\n3,"x\n', "INPUT_CSV_BROKEN", "never closed"),
        (b'a,b\n1,2\n3,"x', "INPUT_CSV_BROKEN", "never closed"),
        (b'a,b\n1,2\n3,"', "INPUT_CSV_BROKEN", "never closed"),
        (b'a,b\n1,5" disk\n3,"x""y\n', "INPUT_CSV_BROKEN", "never closed"),
        (b'a\n1\n"', "INPUT_CSV_BROKEN", "never closed"),
        (b'a,b\n1,"' + b"x" * 3_000_000, "INPUT_CSV_BROKEN", "never closed"),
        (b"a,b\n1,2\n3,\xe9t\xe9\n", "INPUT_NOT_UTF8", "byte 10, in line 3"),
        (b"a,\xff\n1,2\n", "INPUT_NOT_UTF8", "byte 2, in line 1"),
        (b"a,a\n1,2\n", "INPUT_COLUMN_DUPLICATE", "'a'"),
        (b"a,b\n", "INPUT_DATASET_EMPTY", "no row"),
        (b"\n\n", "INPUT_DATASET_EMPTY", "no row"),
    ],
)
def test_faults_of_a_csv_have_codes(tmp_path: Path, content: bytes, code: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        scan([csv_file(tmp_path, content)])
    assert caught.value.code == code
    assert said in caught.value.message


def test_a_fault_after_many_blocks_is_found_with_its_line(tmp_path: Path) -> None:
    body = b"a,b\n" + b"1,2\n" * 3_000_000
    with pytest.raises(BadInput) as caught:
        scan([csv_file(tmp_path, body + b"1,\xff\n")])
    assert caught.value.code == "INPUT_NOT_UTF8"
    assert "in line 3000002" in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        b'a,b\n1,""',
        b'a,b\n1,"x"',
        b'a,b\n1,"x""y"\n',
        b'a,b\n5" disk,"two\nlines"\n',
        b'a,b\n5" disk,"two\nlines\n"\n',
        b'a,b\n1,5" disk',
        b'a,b\n1,"x"y',
        b'a,b\n1,""y',
        b'a\n"x\n"\ny',
    ],
)
def test_quotes_that_are_closed_or_a_part_of_a_value_are_no_fault(tmp_path: Path, content: bytes) -> None:
    assert scan([csv_file(tmp_path, content)]).total >= 1


def test_broken_parquet_has_a_code(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BadInput) as caught:
        scan([DataFile(str(tmp_path / "a.parquet"), 15, "parquet")])
    assert caught.value.code == "INPUT_PARQUET_BROKEN"


def test_a_byte_order_mark_and_line_breaks_in_quotes(tmp_path: Path) -> None:
    file = csv_file(tmp_path, b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n2,z\r\n')
    assert column_names(file) == ["a", "b"]
    assert scan([file]).rows == [2]


def test_shares_of_rows_make_up_the_whole(tmp_path: Path) -> None:
    first = csv_file(tmp_path, "n\n" + "".join(f"{i}\n" for i in range(100)), "1.csv")
    second = parquet_file(tmp_path, pa.table({"n": range(100, 250)}), "2.parquet", row_group_size=40)
    got = []
    for start, stop in [(0, 70), (70, 133), (133, 133), (133, 250)]:
        for at, batch in read_rows([first, second], [100, 150], ["n"], start, stop):
            values = as_kind(batch.column(0), "number").to_pylist()
            assert values[0] == at
            got += values
    assert got == list(range(250))


def test_encoding_by_hand(tmp_path: Path) -> None:
    file = csv_file(tmp_path, MIXED)
    columns, ignored = choose(scan([file]).kinds, "late", None, [], [])
    assert [(i.column, i.reason) for i in ignored] == [("void", "it has no value")]
    batch = next(read_batches(file, [c.name for c in columns]))
    categories = Categories(columns)
    categories.see(batch)
    columns = categories.fill(columns)
    assert columns[-1].categories == ["blue", "red, dark"]
    nan = np.nan
    expected = [[1, 2.5, 1, 19724, 1], [-3, 1000, 0, 19756 + 10 / 24, 0], [nan, nan, nan, nan, nan]]
    np.testing.assert_allclose(encode(batch, columns), np.array(expected, np.float32), rtol=1e-6)


def test_unknown_categories_and_infinities_are_missing() -> None:
    column = Column(name="w", type="category", categories=["a", "b"])
    batch = pa.record_batch({"w": ["b", "z", None], "x": [np.inf, 1e300, 2.0]})
    matrix = encode(batch, [column, Column(name="x", type="number")])
    np.testing.assert_array_equal(matrix, np.array([[1, np.nan], [np.nan, np.nan], [np.nan, 2]], np.float32))
    assert unseen(batch.column(0), column).to_pylist() == [False, True, False]


def test_choosing_names_what_is_wrong() -> None:
    kinds = {"age": "number", "blob": "unsupported", "y": "integer"}
    for features, exclude, code, said in [
        (["agee"], [], "INPUT_COLUMN_MISSING", "agee"),
        (None, ["blub"], "INPUT_COLUMN_MISSING", "blub"),
        (None, [], "INPUT_COLUMN_TYPE", "blob"),
        (None, ["age", "blob"], "INPUT_NO_FEATURES", ""),
        (["y"], [], "INPUT_INVALID", "y"),
    ]:
        with pytest.raises(BadInput) as caught:
            choose(kinds, "y", features, exclude, [])
        assert caught.value.code == code
        assert said in caught.value.message
    with pytest.raises(BadInput) as caught:
        choose(kinds, "y", ["agee"], [], [])
    assert caught.value.hint == "did you mean 'age'?"


@pytest.mark.parametrize(
    ("values", "kind", "objective", "expected"),
    [
        (["yes", "no"] * 5, "category", "auto", ("binary", ["no", "yes"])),
        ([True, False] * 5, "boolean", "auto", ("binary", [False, True])),
        ([0, 1] * 5, "integer", "auto", ("binary", [0, 1])),
        ([1, 2, 3] * 5, "integer", "auto", ("multiclass", [1, 2, 3])),
        ([1, 2, 3], "integer", "auto", ("regression", None)),
        (list(range(40)) * 9, "integer", "auto", ("regression", None)),
        (list(range(40)) * 9, "integer", "classification", ("multiclass", list(range(40)))),
        ([1, 2, 3] * 5, "integer", "regression", ("regression", None)),
        ([0.5, 1.5, 2.5], "number", "auto", ("regression", None)),
        ([0.5, 1.5], "number", "classification", ("binary", [0.5, 1.5])),
        ([1, 2, 9] * 5, "integer", "count:poisson", ("regression", None)),
    ],
)
def test_the_kind_of_target(values: list, kind: str, objective: str, expected: tuple) -> None:
    found = find_target("y", kind, pa.chunked_array([pa.array(values)]), objective)  # type: ignore[arg-type]
    assert (found.kind, found.classes) == expected


@pytest.mark.parametrize(
    ("values", "kind", "objective", "code"),
    [
        (["a", "a", None], "category", "auto", "INPUT_ONE_CLASS"),
        ([3.0, 3.0], "number", "auto", "INPUT_ONE_CLASS"),
        ([None, None], "empty", "auto", "INPUT_TARGET_EMPTY"),
        (["a", "b"], "category", "regression", "INPUT_OBJECTIVE_MISMATCH"),
        (["a", "b", "c"], "category", "binary:logistic", "INPUT_OBJECTIVE_MISMATCH"),
        ([-1, 5, 6], "integer", "count:poisson", "INPUT_OBJECTIVE_MISMATCH"),
        ([str(i) for i in range(1_001)], "category", "auto", "INPUT_TOO_MANY_CLASSES"),
    ],
)
def test_targets_that_cannot_be(values: list, kind: str, objective: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        find_target("y", kind, pa.chunked_array([pa.array(values)]), objective)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_target_codes() -> None:
    found = find_target("y", "category", pa.chunked_array([["b", "a", None]]), "auto")
    np.testing.assert_array_equal(found.encode(pa.array(["a", "b", None, "z"])), [0, 1, np.nan, -1])


def test_held_out_rows_stay_held_out() -> None:
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.random(1000), "w": rng.choice(["a", "b", "c"], 1000)})
    classes = (np.arange(1000) % 10 == 0).astype(float)
    kinds = ["number", "category"]
    hashes = row_hashes(table.to_batches()[0], kinds)
    assert len(np.unique(hashes)) == 1000
    out = held_out(hashes, classes, 0.2, 7)
    assert out.sum() == 200
    assert out[classes == 1].sum() == 20
    np.testing.assert_array_equal(out, held_out(hashes, classes, 0.2, 7))
    assert (out != held_out(hashes, classes, 0.2, 8)).sum() > 100
    order = rng.permutation(1000)
    np.testing.assert_array_equal(held_out(hashes[order], classes[order], 0.2, 7), out[order])
    more = row_hashes(pa.table({"x": rng.random(300), "w": ["d"] * 300}).to_batches()[0], kinds)
    grown = held_out(np.concatenate([hashes, more]), np.concatenate([classes, np.zeros(300)]), 0.2, 7)
    assert (grown[:1000] != out).sum() < 30


def test_hashes_are_the_same_for_csv_and_parquet(tmp_path: Path) -> None:
    text = csv_file(tmp_path, "x,w,b\n1,a,true\n-0.0,,false\n,b,\n")
    table = pa.table({"x": [1.0, 0.0, None], "w": ["a", None, "b"], "b": [True, False, None]})
    kinds = ["number", "category", "boolean"]
    np.testing.assert_array_equal(
        row_hashes(next(read_batches(text)), kinds), row_hashes(table.to_batches()[0], kinds)
    )


def test_small_classes_are_not_emptied() -> None:
    hashes = np.arange(7, dtype=np.uint64)
    classes = np.array([0, 0, 0, 0, 1, 1, 2])
    out = held_out(hashes, classes, 0.9, 1)
    assert out[4:6].sum() == 1
    assert not out[6]
    assert out[:4].sum() == 3


def test_folds_are_even_in_every_class() -> None:
    classes = np.array([0] * 60 + [1] * 31)
    fold = folds(np.arange(91, dtype=np.uint64), classes, 3, 5)
    assert sorted(np.bincount(fold)) == [30, 30, 31]
    assert sorted(np.bincount(fold[classes == 1])) == [10, 10, 11]


def test_lines_are_read_back_by_the_csv_module() -> None:
    columns = {
        "plain": ["a", "", None, " b "],
        "odd": ['say "x"', "two\nlines", "a,b", "c\r"],
        "n": [1, None, 3, 4],
        "f": pa.array([0.1, 1e20, None, 2.0], pa.float32()),
        'q"': [True, False, None, True],
    }
    table = pa.table(columns)
    text = "\n".join([header_of(list(columns)), *lines_of(table).to_pylist()]) + "\n"
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == list(columns)
    assert rows[1] == ["a", 'say "x"', "1", "0.1", "true"]
    assert rows[2][:3] == ["", "two\nlines", ""]
    assert rows[4] == [" b ", "c\r", "4", "2", "true"]
    # Readers that trim leave quoted blanks alone.
    blanks = lines_of(pa.table({"a": [" b ", "\tb", "b ", "b c", "\\s"]})).to_pylist()
    assert blanks == ['" b "', '"\tb"', '"b "', "b c", "\\s"]
    single = lines_of(pa.table({"a": ["x", None]})).to_pylist()
    assert list(csv.reader(single)) == [["x"], [""]]
