"""Cutting and parsing CSV, against Python's csv module and against hand-made faults."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import csv_source
import pytest
from csv_grammar import Dialect
from csv_rows import Reject, parse
from csv_source import Range, joined, read_header, read_range, scan
from lovage_job import BadInput
from lovage_paths import DataFile

PLAIN = Dialect()


def ranges_of(path: Path, dialect: Dialect = PLAIN) -> list[Range]:
    return list(
        scan(DataFile(str(path), path.stat().st_size, "csv"), read_header(str(path), dialect), dialect)
    )


def read(path: Path, dialect: Dialect = PLAIN, size: int = 0) -> tuple[list[list[str | None]], list[Reject]]:
    rows: list[list[str | None]] = []
    rejects: list[Reject] = []
    for part in joined(ranges_of(path, dialect), size):
        parsed, before = parse(read_range(part), part, dialect), len(rejects)
        rows += [list(row.values()) for row in parsed.table.to_pylist()]
        rejects += parsed.rejects()
        assert parsed.rejected == len(rejects) - before
    return rows, rejects


def random_csv(rng: random.Random, columns: int, rows: int) -> str:
    alphabet = ["a", "é", "7", " ", ",", '"', '""', "\n", "\r\n", ";", "'", "漢", ""]
    out = io.StringIO()
    end = rng.choice(["\n", "\r\n"])
    writer = csv.writer(out, lineterminator=end, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer.writerow([f"c{i}" for i in range(columns)])
    for _ in range(rows):
        writer.writerow(["".join(rng.choices(alphabet, k=rng.randrange(6))) for _ in range(columns)])
        if rng.random() < 0.05:
            out.write(end)
    text = out.getvalue()
    return text.removesuffix(end) if rng.random() < 0.5 else text


@pytest.mark.parametrize("seed", range(120))
def test_ranges_agree_with_the_csv_module(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    # Chunks of a few bytes put a cut into every odd place: in quotes, between \r and \n, in a character.
    monkeypatch.setattr(csv_source, "CHUNK_BYTES", rng.choice([64, 97, 128, 1000]))
    text = random_csv(rng, rng.randrange(2, 6), rng.randrange(1, 60))
    path = tmp_path / "a.csv"
    path.write_bytes(("\ufeff" if seed % 7 == 0 else "").encode() + text.encode())
    expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row][1:]
    for size in (0, 300, 10_000):
        rows, rejects = read(path, size=size)
        assert rejects == []
        assert [[value or "" for value in row] for row in rows] == expected
    # Every byte is in one range, in order, and each begins on the line it says.
    data = path.read_bytes()
    parts = ranges_of(path)
    assert [p.start for p in parts[1:]] == [p.end for p in parts[:-1]] and parts[-1].end == len(data)
    assert [p.line for p in parts] == [data[: p.start].count(b"\n") + 1 for p in parts]
    if len(data) > 4000:
        assert len(parts) > 2


FAULTY = '''\
id,name,note
1,plain,ok
2,"two ""quotes""","line one
line two"
3,too few
4,too,many,fields

5,"text"behind,x
6,in"side,x
7,"never closed,x
8,fine,
9,"",'''


def test_rejects_carry_true_lines_and_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(FAULTY)
    verdicts = []
    for chunk, size in ((1 << 20, 0), (64, 0), (70, 10_000), (80, 100)):
        monkeypatch.setattr(csv_source, "CHUNK_BYTES", chunk)
        rows, rejects = read(path, size=size)
        assert rows == [
            ["1", "plain", "ok"],
            ["2", 'two "quotes"', "line one\nline two"],
            ["8", "fine", None],
            ["9", "", None],
        ]
        verdicts.append({r.line: (r.reason, r.text) for r in rejects})
    assert verdicts[0] == {
        5: ("2 fields instead of 3", "3,too few"),
        6: ("4 fields instead of 3", "4,too,many,fields"),
        8: ("text follows a closing quote", '5,"text"behind,x'),
        9: ("a quote inside an unquoted field", '6,in"side,x'),
        10: ("a quote is opened and not closed", '7,"never closed,x'),
    }
    assert all(v.keys() == verdicts[0].keys() for v in verdicts)


def test_a_quote_never_closed_costs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(csv_source, "MAX_RECORD_BYTES", 3000)
    path = tmp_path / "a.csv"
    lines = ["a,b", *(f"{i},x" for i in range(5000))]
    lines[200] = '199,"x'
    lines[4990] = '4989,"x'
    path.write_text("\n".join(lines) + "\n")
    for size in (0, 2000, 10**9):
        rows, rejects = read(path, size=size)
        assert [(r.line, r.reason, r.text) for r in rejects] == [
            (201, "a quote is opened and not closed", '199,"x'),
            (4991, "a quote is opened and not closed", '4989,"x'),
        ]
        assert [int(row[0] or "") for row in rows] == [i for i in range(5000) if i not in (199, 4989)]


def test_random_faults_are_the_same_for_every_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    for seed in range(60):
        rng = random.Random(seed)
        body = "".join(rng.choices(['"', ",", "\n", "\r\n", "ab", '""', "\r", '"x",y\n', "1,2\n"], k=400))
        path.write_text("a,b\n" + body, newline="")
        seen = set()
        for chunk, size in ((90, 0), (90, 1000), (5000, 0), (200, 700)):
            monkeypatch.setattr(csv_source, "CHUNK_BYTES", chunk)
            rows, rejects = read(path, size=size)
            seen.add((repr(rows), repr(sorted({r.line for r in rejects}))))
        assert len(seen) == 1, seed


def fails(path: Path, code: str) -> str:
    with pytest.raises(BadInput) as caught:
        ranges_of(path)
    assert caught.value.code == code
    return caught.value.message


def test_files_that_are_no_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    monkeypatch.setattr(csv_source, "CHUNK_BYTES", 64)
    for content, code, words in (
        (b"\n\r\n", "INPUT_DATASET_EMPTY", ""),
        (b"\xff\xfea\x00", "INPUT_NOT_UTF8", "UTF-16"),
        (b"a,b\n" + b"1,2\n" * 50 + b"3,caf\xe9\n", "INPUT_NOT_UTF8", "byte 0xe9 at byte 209, line 52"),
        (b"a,\xe9\n1,2\n", "INPUT_NOT_UTF8", "byte 0xe9 at byte 2, line 1"),
        (b"a,A\n1,2\n", "INPUT_CSV_BROKEN", "two columns"),
        (b'a,"b\n1,2\n', "INPUT_CSV_BROKEN", "line 1"),
        (b"a,b\r1,2\r", "INPUT_CSV_BROKEN", "carriage return"),
    ):
        path.write_bytes(content)
        assert words in fails(path, code)
    monkeypatch.setattr(csv_source, "MAX_RECORD_BYTES", 1000)
    path.write_bytes(b"a,b\n1,2\n" + b"x" * 5000)
    assert "line 3: a line is longer than 1000 bytes" in fails(path, "INPUT_CSV_BROKEN")


def test_other_dialects(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"x;y";;b\n1;NA;"NA"\n2,5;;""\n')
    dialect = Dialect(";", ("", "NA"))
    assert read_header(str(path), dialect).columns == ("x;y", "column_2", "b")
    assert read(path, dialect) == ([["1", None, "NA"], ["2,5", None, ""]], [])
