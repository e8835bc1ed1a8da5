"""Group and aggregate in two steps: states of each piece of the data, then the states put together. All of
it exact.

A state is small (a count, a sum, a mean with the sum of squares about it), except that of quantiles, which
is the list of a column's values: exact quantiles need them all, but only once for all of one column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lovage_job import BadInput
from sandboxed_sql import quoted

OF_NUMBERS = ("sum", "mean", "std", "quantile")
"""The functions that need numbers."""

NUMERIC = ("integer", "number", "boolean")


@dataclass(frozen=True)
class Measure:
    """One column of the result. ``column`` is None for a count of rows, ``q`` is set for a quantile."""

    name: str
    function: str
    column: str | None
    q: float | None = None


@dataclass(frozen=True)
class Aggregation:
    """The keys with their types, and the measures."""

    keys: tuple[str, ...]
    types: Mapping[str, str]
    measures: tuple[Measure, ...]

    def checked(self) -> Aggregation:
        """Raises BadInput INPUT_COLUMN_TWICE and INPUT_COLUMN_NOT_NUMERIC."""
        seen: set[str] = set()
        for name in (*self.keys, *(m.name for m in self.measures)):
            if name.lower() in seen:
                raise BadInput(
                    "INPUT_COLUMN_TWICE",
                    f"the result would have two columns named {name!r}",
                    field="aggregations",
                    value=name,
                    hint="give one of them another name by `as`",
                )
            seen.add(name.lower())
        for measure in self.measures:
            kind = self.types[measure.column] if measure.column else "integer"
            if measure.function in OF_NUMBERS and kind not in NUMERIC:
                raise BadInput(
                    "INPUT_COLUMN_NOT_NUMERIC",
                    f"{measure.function} of {measure.column!r}: the column is of type {kind}",
                    field="aggregations",
                    value=measure.column,
                    hint="if it holds numbers, say so by `types`; values that are none are then named",
                )
        return self

    @property
    def _quantiles(self) -> dict[str, list[float]]:
        """The quantiles that are asked for, by column."""
        found: dict[str, list[float]] = {}
        for measure in self.measures:
            if measure.column is not None and measure.q is not None:
                found.setdefault(measure.column, []).append(measure.q)
        return found

    @property
    def _keys(self) -> str:
        return ", ".join(quoted(f"key {n}") for n in range(len(self.keys)))

    def _group(self, rest: str = "") -> str:
        return f"{rest} GROUP BY {self._keys}" if self.keys else rest

    def states(self, source: str) -> str:
        """SQL of the states of a table's rows."""
        keys = [f"{quoted(name)} AS {quoted(f'key {n}')}" for n, name in enumerate(self.keys)]
        columns = [s for n, m in enumerate(self.measures) for s in self._state(n, m)]
        columns += [
            f"list({(x := self._number(name))}) FILTER (WHERE {x} IS NOT NULL) AS {quoted(f'values {n}')}"
            for n, name in enumerate(self._quantiles)
        ]
        by = ", ".join(quoted(name) for name in self.keys)
        window = f"PARTITION BY {by}" if by else ""
        offsets = ", ".join(
            f'{x} - favg({x}) FILTER (WHERE isfinite({x})) OVER ({window}) AS "offset {n}"'
            for n, m in enumerate(self.measures)
            if m.function == "std" and (x := self._number(str(m.column)))
        )
        if offsets:
            source = f"(SELECT *, {offsets} FROM {source})"
        return f"SELECT {', '.join(keys + columns)} FROM {source}" + (f" GROUP BY {by}" if by else "")

    def _state(self, n: int, measure: Measure) -> list[str]:
        def named(sql: str, part: str) -> str:
            return f"{sql} AS {quoted(f'{part} {n}')}"

        if measure.column is None:
            return [named("count(*)", "n")]
        kind, name, number = self.types[measure.column], quoted(measure.column), self._number(measure.column)
        count = named(f"count({name})", "n")
        match measure.function:
            case "count":
                return [count]
            case "sum":
                if kind == "number":
                    return [named(_sum(number), "sum")]
                return [named(f"CAST(sum(CAST({name} AS BIGINT)) AS DECIMAL(38, 0))", "sum")]
            case "mean":
                return [count, named(_sum(number), "sum")]
            case "min" | "max":
                return [named(f"{measure.function}({name})", "value")]
            case "std":
                # Deviations from the group's own mean: on large values, one pass loses most digits.
                squares = f'fsum("offset {n}" * "offset {n}") - pow(fsum("offset {n}"), 2) / count({name})'
                return [
                    count,
                    named(f"favg({number}) FILTER (WHERE isfinite({number}))", "mean"),
                    named(
                        f"CASE WHEN bool_or(NOT isfinite({number})) THEN 'nan'::DOUBLE ELSE {squares} END",
                        "squares",
                    ),
                ]
            case _:
                return []

    def merged(self, source: str) -> str:
        """SQL of the result, from a table of states."""
        stds = [n for n, m in enumerate(self.measures) if m.function == "std"]
        if stds:
            window = f"(PARTITION BY {self._keys})" if self.keys else "()"
            means = ", ".join(
                f'fsum("n {n}" * "mean {n}") OVER {window} / nullif(sum("n {n}") OVER {window}, 0) '
                f'AS "center {n}"'
                for n in stds
            )
            source = f"(SELECT *, {means} FROM {source})"
        quantiles = self._quantiles
        groups = [quoted(f"key {n}") for n in range(len(self.keys))]
        groups += [
            f"{merge} AS {quoted(f'result {n}')}"
            for n, m in enumerate(self.measures)
            if (merge := self._merge(n, m))
        ]
        groups += [
            f"list_aggregate(flatten(list(\"values {n}\")), 'quantile_cont', {qs!r}) AS \"quantiles {n}\""
            for n, qs in enumerate(quantiles.values())
        ]
        source = self._group(f"SELECT {', '.join(groups)} FROM {source}")
        keys = [f"{quoted(f'key {n}')} AS {quoted(name)}" for n, name in enumerate(self.keys)]
        place = {name: n for n, name in enumerate(quantiles)}
        taken = dict.fromkeys(quantiles, 0)
        columns = []
        for n, measure in enumerate(self.measures):
            value = f'"result {n}"'
            if measure.column in place and measure.q is not None:
                taken[measure.column] += 1
                value = f'"quantiles {place[measure.column]}"[{taken[measure.column]}]'
            columns.append(f"{value} AS {quoted(measure.name)}")
        return f"SELECT {', '.join(keys + columns)} FROM ({source})"

    def _merge(self, n: int, measure: Measure) -> str | None:
        count = f'CAST(coalesce(sum("n {n}"), 0) AS BIGINT)'
        match measure.function:
            case "count":
                return count
            case "sum":
                if self.types[str(measure.column)] == "number":
                    return _sum(f'"sum {n}"')
                return f'CAST(sum("sum {n}") AS DECIMAL(38, 0))'
            case "mean":
                sum_ = _sum(f'"sum {n}"')
                return f"{sum_} / nullif({count}, 0)"
            case "min" | "max":
                return f'{measure.function}("value {n}")'
            case "std":
                # Chan's way to put variances together: sums of squares would lose all digits on large values.
                squares = f'fsum("squares {n}") + fsum("n {n}" * pow("mean {n}" - "center {n}", 2))'
                return f"CASE WHEN {count} > 1 THEN sqrt(({squares}) / ({count} - 1)) END"
            case _:
                return None

    def _number(self, column: str) -> str:
        name = quoted(column)
        truth = self.types[column] == "boolean"
        return f"CAST({f'CAST({name} AS BIGINT)' if truth else name} AS DOUBLE)"

    def partition(self, parts: int) -> str:
        """SQL of the number of the partition that a row of states belongs to."""
        return f"CAST(hash({self._keys}) % {parts} AS INTEGER)" if self.keys and parts > 1 else "0"


def _sum(value: str) -> str:
    # Compensated, so that the order of the pieces hardly matters; but that makes NaN of the infinite.
    exact = f"CASE WHEN bool_and(isfinite({value})) THEN fsum({value}) ELSE sum({value}) END"
    return f"CASE WHEN count({value}) > 0 THEN {exact} END"
