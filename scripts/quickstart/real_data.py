"""Writes the real data of the quickstart: real_data.py FOLDER

The Breast Cancer Wisconsin (Diagnostic) data set, 569 tumours measured, comes with scikit-learn. Two files are written:
``breast_cancer.csv`` (469 rows, to learn from) and ``new_patients.csv`` (100 rows that no model sees before the end).
"""

import csv
import pathlib
import random
import sys

from sklearn.datasets import load_breast_cancer


def main(folder: str) -> None:
    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    rows = [
        [*(repr(float(value)) for value in values), data.target_names[label]]
        for values, label in zip(data.data, data.target, strict=True)
    ]
    random.Random(7).shuffle(rows)
    target = pathlib.Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, part in (("breast_cancer.csv", rows[:469]), ("new_patients.csv", rows[469:])):
        with open(target / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*names, "diagnosis"])
            writer.writerows(part)


if __name__ == "__main__":
    main(sys.argv[1])
