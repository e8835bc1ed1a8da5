"""Where a program may read and write: one door to allowed_paths.py, dataset_files.py, local_files.py and
output_files.py.
"""

from __future__ import annotations

from allowed_paths import PARTIAL_PREFIX, inside, is_uri, model_dir
from dataset_files import FORMATS, DataFile, input_files, refuse_input_as_output, refuse_output_in_dataset
from local_files import REJECTS_SUFFIX
from output_files import atomic_output, check_replaceable, output_file, scratch_folder

__all__ = [
    "FORMATS",
    "PARTIAL_PREFIX",
    "REJECTS_SUFFIX",
    "DataFile",
    "atomic_output",
    "check_replaceable",
    "input_files",
    "inside",
    "is_uri",
    "model_dir",
    "output_file",
    "refuse_input_as_output",
    "refuse_output_in_dataset",
    "scratch_folder",
]
