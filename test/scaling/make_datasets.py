"""Makes what the tasks work on in the test of nine nodes: `wide.parquet` to train on and predict, `narrow.parquet` to
search on, `large.csv` to convert. The same files each time.

    python make_datasets.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

WIDE_ROWS = 600_000
FEATURES = 30
"""So many cells that the training asks for nine workers."""

CSV_ROWS = 1_200_000


def main(folder: Path) -> None:
    random = np.random.default_rng(7)
    wide = _table(random, WIDE_ROWS)
    # Row groups of a few megabytes: pieces that many nodes can read at once.
    pq.write_table(wide, folder / "wide.parquet", row_group_size=20_000)
    pq.write_table(wide.slice(0, 20_000).select(["f0", "f1", "f2", "f3", "label"]), folder / "narrow.parquet")
    rows = pa.table(
        {
            "id": np.arange(CSV_ROWS),
            "group": random.integers(0, 50, CSV_ROWS),
            "amount": np.round(random.gamma(2, 50, CSV_ROWS), 2),
            "note": np.char.add("order ", random.integers(0, 100_000, CSV_ROWS).astype(str)),
        }
    )
    pa.csv.write_csv(rows, folder / "large.csv")


def _table(random: np.random.Generator, rows: int) -> pa.Table:
    matrix = random.normal(size=(rows, FEATURES)).astype(np.float32)
    score = matrix[:, 0] + 0.5 * matrix[:, 1] * matrix[:, 2] + 0.3 * random.normal(size=rows)
    columns = {f"f{place}": matrix[:, place] for place in range(FEATURES)}
    return pa.table({**columns, "label": (score > 0).astype(np.int64)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
