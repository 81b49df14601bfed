"""What a request sends beside its pictures: backs and metadata, for models that have learnt from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from starlette.datastructures import UploadFile

from coverfusion.data.names import in_utf8
from coverfusion.data.plurals import how_many
from coverfusion.experiments.scoring.known_metadata import checked_metadata
from coverfusion.experiments.service.problems import Problem
from coverfusion.features.metadata import LARGEST_NUMBER, NUMBER
from coverfusion.fusion.bundle import Bundle

BACKS_FIELD, METADATA_FIELD = "backs", "metadata"


def read_metadata(written: Sequence[object], bundle: Bundle, pictures: int) -> pd.DataFrame | None:
    """The metadata of a request's pictures as texts, one row each; None where there is none.

    Args:
        written: the fields `metadata` of the form: at most one, with JSON.
        bundle: the model that has learnt from some columns.
        pictures: how many there are.

    Raises:
        Problem: it is no JSON, no object, of another number of pictures, or a value is of no such kind.
        UserError: the model does not know a column, or a value is no number in a column of numbers.
    """
    if not written:
        return None
    if len(written) > 1 or isinstance(written[0], UploadFile):
        raise Problem("invalid", f"{METADATA_FIELD}: give the field once, and as text.")
    try:
        told = json.loads(str(written[0]), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Problem("invalid", f"{METADATA_FIELD}: it is no JSON.") from error
    rows = told if isinstance(told, list) else [told]
    if len(rows) != pictures:
        raise Problem(
            "invalid",
            f"{METADATA_FIELD}: it is of {how_many(len(rows), 'picture')}, and the request has {pictures:,}. "
            f"Give a list with an object for each, and null for none.",
        )
    known = [_checked(row) for row in rows]
    columns = dict.fromkeys(column for row in known for column in row)
    if not columns:
        return None
    return checked_metadata(
        bundle, pd.DataFrame({name: [row.get(name) for row in known] for name in columns}, dtype=object)
    )


def _no_constant(name: str) -> None:
    """Python reads NaN and Infinity, which JSON has not."""
    raise ValueError(name)


def _checked(row: object) -> Mapping[str, Any]:
    if row is None:
        return {}
    if not isinstance(row, dict):
        raise Problem("invalid", f"{METADATA_FIELD}: what is known of a picture is an object, or null.")
    for column, value in row.items():
        if not (in_utf8(column) and in_utf8(str(value))):
            raise Problem("invalid", f"{METADATA_FIELD}: a text holds half of a surrogate pair.")
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise Problem(
                "invalid", f"{METADATA_FIELD}: column '{column}' takes a text, a number, or null for none."
            )
    return row


async def read_backs(given: Sequence[object], bundle: Bundle, pictures: int) -> list[bytes]:
    """The files of the backs, empty for a picture without one.

    Args:
        given: the fields `backs` of the form.
        bundle: the model.
        pictures: how many there are.

    Raises:
        Problem: the model knows no backs, there are more or fewer than pictures, or one is no file.
    """
    if not given:
        return [b""] * pictures
    if not bundle.two_sided:
        raise Problem("invalid", f"{BACKS_FIELD}: the model has not learnt from backs.")
    files = [one for one in given if isinstance(one, UploadFile)]
    if len(files) < len(given):
        raise Problem("invalid", f"The field {BACKS_FIELD} must hold files: its part needs a filename.")
    if len(files) != pictures:
        raise Problem(
            "invalid",
            f"{BACKS_FIELD}: {how_many(len(files), 'back')} for {how_many(pictures, 'picture')}. Give one "
            f"for each in the same order, and an empty file for none.",
        )
    return [await file.read() for file in files]


def beside_schema(bundle: Bundle, most: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What OpenAPI says of these fields, and of their encoding; nothing where the model knows neither.

    Args:
        bundle: the model.
        most: pictures a request may have.
    """
    fields: dict[str, Any] = {}
    if bundle.two_sided:
        fields[BACKS_FIELD] = {
            "type": "array",
            "maxItems": most,
            "description": "the backs of the pictures in their order, an empty file for none",
            "items": {"type": "string", "format": "binary"},
        }
    if not bundle.metadata:
        return fields, {}
    one = {
        "type": ["object", "null"],
        "description": "what is known of a picture; what is left out is missing",
        "properties": {made["column"]: _column(made["kind"]) for made in bundle.metadata.values()},
        "additionalProperties": False,
    }
    each = {"type": "array", "maxItems": most, "items": one}
    fields[METADATA_FIELD] = one if most == 1 else {"anyOf": [one, each]}
    return fields, {METADATA_FIELD: {"contentType": "application/json"}}


def _column(kind: str) -> dict[str, Any]:
    if kind == NUMBER:  # as text too, but not just any text
        return {"type": ["number", "null"], "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
    return {"type": ["string", "null"]}
