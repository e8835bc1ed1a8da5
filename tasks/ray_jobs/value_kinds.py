"""What the values of a column are, found from all of them, never from a sample.

``boolean`` (true or false), ``integer``, ``number``, ``time`` (ISO 8601), ``category`` (any other text),
``empty`` (no value at all), ``unsupported`` (lists, structures, bytes: Parquet only).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_CODE = r"^[+-]?0[0-9xX]"
_HEADS = pa.array([*(f"0{c}" for c in "0123456789xX"), "-0", "+0"], pa.binary())
_LONG = r"^[+-]?[0-9]{19,}$"
_LONGEST = 19


def as_kind(array: pa.Array, kind: str) -> pa.Array:
    """The values as booleans, int64, float64, float64 days since 1970 (``time``), or strings (``category``).

    Raises pyarrow.ArrowInvalid when a value is none of that kind.
    """
    text = _is_text(array)
    if kind == "boolean":
        return _booleans(array) if text else array.cast(pa.bool_())
    if kind == "integer":
        return array.cast(pa.int64())
    if kind == "number":
        # A number has 53 bits: longer whole numbers are rounded, as they are for any model.
        return array.cast(pa.float64(), safe=False)
    if kind == "time":
        stamps = _stamps(array) if text else array.cast(pa.timestamp("us"), safe=False)
        return pc.divide(stamps.cast(pa.int64()).cast(pa.float64()), 86_400e6)
    return array.cast(pa.string())


def typed(array: pa.Array, kind: str) -> pa.Array:
    """Text as values of its column's kind: as :func:`as_kind`, but a time becomes a timestamp (UTC)."""
    if kind == "time":
        return _stamps(array).cast(pa.timestamp("us"))
    return as_kind(array, kind)


def kind_of_text(text: str) -> str:
    """What a single text of a CSV would be taken for."""
    return kind_of(pa.array([text]), True)


def united(one: str, other: str) -> str:
    """What a column holds that holds the one in some places and the other in others."""
    if one == other or other == "empty":
        return one
    if one == "empty":
        return other
    if "unsupported" in (one, other):
        return "unsupported"
    return "number" if {one, other} == {"integer", "number"} else "category"


def kind_of(array: pa.Array, from_csv: bool) -> str:
    """What the values of one array are; text is only looked into when it comes from a CSV."""
    kind = array.type
    if pa.types.is_null(kind) or array.null_count == len(array):
        return "empty"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "number" if pa.types.is_uint64(kind) and pc.max(array).as_py() >= 2**63 else "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "time"
    if pa.types.is_dictionary(kind):
        return "category" if _is_text(array.dictionary) else "unsupported"
    if not _is_text(array):
        return "unsupported"
    if not from_csv:
        return "category"
    values = array.drop_null()
    for guess in ("integer", "number", "boolean", "time"):
        # The first value alone tells most guesses wrong without a look at all.
        if _fits(values.slice(0, 1), guess) and _fits(values, guess):
            return guess
    return "category"


def _fits(values: pa.Array, kind: str) -> bool:
    # Codes such as 007, and whole numbers beyond 64 bits, would be others as numbers.
    if kind in ("integer", "number") and _has_codes(values):
        return False
    if kind == "number" and pc.max(pc.binary_length(values)).as_py() >= _LONGEST:
        long = values.filter(pc.match_substring_regex(values, _LONG))
        if len(long) and not _fits(long, "integer"):
            return False
    try:
        as_kind(values, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _has_codes(values: pa.Array) -> bool:
    # Patterns take as long as the parsing itself: only what begins as a code may is looked at closely.
    heads = pc.binary_slice(values.cast(pa.binary()), 0, 2)
    suspects = values.filter(pc.is_in(heads, value_set=_HEADS))
    return bool(len(suspects)) and pc.any(pc.match_substring_regex(suspects, _CODE)).as_py()


def _is_text(array: pa.Array) -> bool:
    return pa.types.is_string(array.type) or pa.types.is_large_string(array.type)


def _booleans(array: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(array)
    known = pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type))
    if not pc.all(pc.or_(known, pc.is_null(array))).as_py():
        raise pa.ArrowInvalid("neither true nor false")
    return pc.equal(lower, "true")


def _stamps(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return array.cast(pa.timestamp("us", "UTC"))
