"""JSON files that may come from elsewhere: read as the shape that is asked for, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

from coverfusion.data.errors import UserError
from coverfusion.data.registry import PLAIN_NAME

PlainName = Annotated[str, StringConstraints(pattern=f"^(?:{PLAIN_NAME.pattern})$")]  # may name a file


def read_json(path: Path, shape: Any) -> Any:
    """The value in a JSON file, as it stands there.

    Args:
        path: of the file.
        shape: a type that the value must have, such as a TypedDict; keys beside its own are let be.

    Raises:
        UserError: the file cannot be read, is not JSON or has another shape; the message says where.
    """
    try:
        value = json.loads(path.read_bytes())
        TypeAdapter(shape).validate_python(value, strict=True)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(
            f"{path} is not what it should be: {where}: {first['msg']}. Make it again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}. Make it again.") from error
    return value
