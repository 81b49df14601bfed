"""The pictures of a request: read from multipart/form-data within the limits, decoded in threads."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from coverfusion.data.pictures import PictureError, decode, may_take_long
from coverfusion.data.plurals import how_many
from coverfusion.experiments.service.limits import Limits
from coverfusion.experiments.service.problems import Problem

UPLOAD_FIELD = "pictures"
_FIELDS = 16  # form fields that are no files; they are ignored
_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/avif",
    "image/jp2",
    "image/x-portable-pixmap",
    "image/x-tga",
    "image/vnd.microsoft.icon",
)
# It warns of each malformed body, and the response says that already.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Upload:
    """One file of a request, as it came."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Picture:
    """One file of a request, decoded, or the reason why there is no picture in it."""

    name: str
    cover_id: str
    image: Image | PictureError


async def read_uploads(request: Request, limits: Limits, most: int) -> list[Upload]:
    """The files of the field `pictures`.

    Args:
        request: its body is read here.
        limits: of size and time.
        most: files a request may have.

    Raises:
        Problem: not multipart, malformed, too slow, too large, too many files, or none.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(
            "not-multipart", f"Send the files in the field {UPLOAD_FIELD} of a multipart/form-data body."
        )
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read(request, limits, most)
    except TimeoutError as error:
        raise Problem("timeout", f"The body did not arrive within {limits.seconds:g} seconds.") from error
    except ClientDisconnect as error:
        raise Problem("bad-request", "The client went away before the body was whole.") from error
    except (FormParserError, ValueError, LookupError) as error:  # what a malformed header or part can raise
        raise Problem("bad-request", "Malformed multipart/form-data.") from error
    except HTTPException as error:
        if error.detail.startswith("Too many files"):
            raise Problem("too-large", f"At most {how_many(most, 'picture')} a request.") from error
        raise


async def decode_uploads(uploads: Sequence[Upload], threads: Executor, slow: Executor) -> list[Picture]:
    """Decodes in worker threads; a file that is no picture gives its reason.

    Args:
        uploads: the files.
        threads: for all that ends soon.
        slow: for what may take long, so that nobody else waits for it.
    """
    loop = asyncio.get_running_loop()
    chosen = [slow if may_take_long(upload.content) else threads for upload in uploads]
    jobs = [
        loop.run_in_executor(thread, _decode, upload) for thread, upload in zip(chosen, uploads, strict=True)
    ]
    return await asyncio.gather(*jobs)


def body_schema(most: int) -> dict[str, Any]:
    """What OpenAPI says of the body."""
    pictures = {
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "description": "picture files, recognised by their content",
        "items": {"type": "string", "format": "binary"},
    }
    schema = {"type": "object", "required": [UPLOAD_FIELD], "properties": {UPLOAD_FIELD: pictures}}
    media = {"schema": schema, "encoding": {UPLOAD_FIELD: {"contentType": ", ".join(_TYPES)}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": media}}}


async def _read(request: Request, limits: Limits, most: int) -> list[Upload]:
    uploads = []
    async with request.form(max_files=most, max_fields=_FIELDS) as form:
        for file in form.getlist(UPLOAD_FIELD):
            if not isinstance(file, UploadFile):
                raise Problem(
                    "invalid", f"The field {UPLOAD_FIELD} must hold files: its part needs a filename."
                )
            name = (file.filename or "")[:255]
            if (file.size or 0) > limits.picture_bytes:
                raise Problem("too-large", f"{name} has more than {limits.picture_bytes:,} bytes.")
            uploads.append(Upload(name, await file.read()))
    if not uploads:
        raise Problem("invalid", f"There is no file in the field {UPLOAD_FIELD}.")
    return uploads


def _decode(upload: Upload) -> Picture:
    cover_id = hashlib.sha256(upload.content).hexdigest()
    try:
        return Picture(upload.name, cover_id, decode(upload.content))
    except PictureError as error:
        return Picture(upload.name, cover_id, error)
