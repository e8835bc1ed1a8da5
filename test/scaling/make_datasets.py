"""Makes what the tasks work on in the test of nine nodes: `wide.parquet` to train on and predict, `narrow.parquet` to
search on, `large.csv` to convert, which has twice the rows. The same files each time.

    python make_datasets.py FOLDER ROWS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

FEATURES = 30


def main(folder: Path, count: int) -> None:
    random = np.random.default_rng(7)
    wide = _table(random, count)
    csv_rows = 2 * count
    # Row groups of a few megabytes: pieces that many nodes can read at once.
    pq.write_table(wide, folder / "wide.parquet", row_group_size=20_000)
    pq.write_table(wide.slice(0, 20_000).select(["f0", "f1", "f2", "f3", "label"]), folder / "narrow.parquet")
    rows = pa.table(
        {
            "id": np.arange(csv_rows),
            "group": random.integers(0, 50, csv_rows),
            "amount": np.round(random.gamma(2, 50, csv_rows), 2),
            "note": np.char.add("order ", random.integers(0, 100_000, csv_rows).astype(str)),
        }
    )
    pa.csv.write_csv(rows, folder / "large.csv")


def _table(random: np.random.Generator, rows: int) -> pa.Table:
    matrix = random.normal(size=(rows, FEATURES)).astype(np.float32)
    score = matrix[:, 0] + 0.5 * matrix[:, 1] * matrix[:, 2] + 0.3 * random.normal(size=rows)
    columns = {f"f{place}": matrix[:, place] for place in range(FEATURES)}
    return pa.table({**columns, "label": (score > 0).astype(np.int64)})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
