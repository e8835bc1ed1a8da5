"""The files of this machine that a folder or a glob names, and whether a path would be one of them."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from allowed_paths import inside
from lovage_job import BadInput, Job

REJECTS_SUFFIX = ".rejects.csv"
"""How files of rejected rows end; they often lie beside data, and a folder read as a dataset leaves them
out.
"""


def skipped(name: str) -> bool:
    """Whether folders and globs leave out what is called so."""
    return name.startswith((".", "_")) or name.endswith(REJECTS_SUFFIX)


def matches(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether the names of a path fit the parts of a pattern, of which ``**`` is any number of folders."""
    if not parts:
        return not names
    if parts[0] == "**":
        # At the end of a pattern it is the files as well.
        below = bool(names) and matches(names[1:], parts)
        return below or (bool(names) if len(parts) == 1 else matches(names, parts[1:]))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and matches(names[1:], parts[1:])


@dataclass
class Pattern:
    """What is read: the files below ``base`` whose path fits ``parts``; of a folder all of them."""

    job: Job
    text: str
    field: str
    base: str
    parts: tuple[str, ...] = ("**",)
    is_folder: bool = True
    # Real folders, and the part of the pattern that their entries are to fit: each once, so that links to a
    # folder above end.
    _visited: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def of_glob(cls, job: Job, text: str, field: str) -> Pattern:
        """Raises BadInput INPUT_PATH_OUTSIDE."""
        parts = text.split("/")
        first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        base = inside(job, "/".join(parts[:first]) or ("/" if text.startswith("/") else "."), field=field)
        if ".." in parts[first:]:
            raise BadInput(
                "INPUT_PATH_OUTSIDE", f"{field}: {text} has '..' after a wildcard", field=field, value=text
            )
        return cls(job, text, field, base, tuple(p for p in parts[first:] if p not in ("", ".")), False)

    def files(self) -> list[str]:
        """The real paths, each once. Raises BadInput INPUT_PATH_OUTSIDE for a link that leads out."""
        self._visited.clear()
        return list(dict.fromkeys(self._walk(self.base, 0))) if os.path.isdir(self.base) else []

    def would_read(self, path: str) -> bool:
        """Whether a file at a real path would be one of them, also if it is not there yet."""
        self.files()
        folder, names = os.path.dirname(path), (os.path.basename(path),)
        while not any(map(skipped, names)):
            if any(matches(names, self.parts[i:]) for f, i in self._visited if f == folder):
                return True
            if folder == os.path.dirname(folder):
                return False
            folder, names = os.path.dirname(folder), (os.path.basename(folder), *names)
        return False

    def _walk(self, folder: str, place: int) -> Iterator[str]:
        if (folder, place) in self._visited:
            return
        self._visited.add((folder, place))
        part, last = self.parts[place], place + 1 == len(self.parts)
        if part == "**" and not last:
            yield from self._walk(folder, place + 1)
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            if skipped(entry.name) or not (part == "**" or fnmatch.fnmatchcase(entry.name, part)):
                continue
            path = entry.path
            if entry.is_symlink():
                path = inside(self.job, path, field=self.field)
            if os.path.isdir(path):
                if part == "**" or not last:
                    yield from self._walk(path, place if part == "**" else place + 1)
            elif last and os.path.isfile(path):
                yield path
