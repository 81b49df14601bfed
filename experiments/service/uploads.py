"""The pictures of a request: read from multipart/form-data within the limits, decoded in threads.

What is sent beside them is in `beside`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from PIL.Image import Image
from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from coverfusion.data.pictures import PictureError, decode, may_take_long
from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.service.beside import (
    BACKS_FIELD,
    METADATA_FIELD,
    beside_schema,
    read_backs,
    read_metadata,
)
from coverfusion.experiments.service.limits import Limits
from coverfusion.experiments.service.problems import Problem
from coverfusion.fusion.bundle import Bundle

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
    """One picture of a request, as it came.

    Attributes:
        name: of its file.
        content: of its file.
        back: the file of its back, empty where there is none.
        known: column of the manifest -> what it says of this picture.
    """

    name: str
    content: bytes
    back: bytes = b""
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many pictures must be decoded for it."""
        return 2 if self.back else 1


@dataclass(frozen=True)
class Picture:
    """One picture of a request, decoded, or the reason why there is no picture in its file.

    Attributes:
        name: of its file.
        cover_id: sha256 of its file.
        image: an RGB picture, or why there is none.
        back: the same of its back; None where there is no file.
        known: as of `Upload`.
    """

    name: str
    cover_id: str
    image: Image | PictureError
    back: Image | PictureError | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def readable(self) -> bool:
        """Whether there is a picture of either side."""
        return isinstance(self.image, Image) or isinstance(self.back, Image)


async def read_uploads(request: Request, limits: Limits, most: int, bundle: Bundle) -> list[Upload]:
    """The files of the field `pictures`, with what is sent beside them.

    Args:
        request: its body is read here.
        limits: of size and time.
        most: pictures a request may have.
        bundle: the model, which says what may be sent beside them.

    Raises:
        Problem: not multipart, malformed, too slow, too large, too many files, or none; or as `read_backs`
            and `read_metadata`.
        UserError: as `read_metadata`.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(
            "not-multipart", f"Send the files in the field {UPLOAD_FIELD} of a multipart/form-data body."
        )
    try:
        async with asyncio.timeout(limits.seconds):
            return await _read(request, limits, most, bundle)
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
    chosen = [
        slow if may_take_long(upload.content) or may_take_long(upload.back) else threads for upload in uploads
    ]
    jobs = [
        loop.run_in_executor(thread, _decode, upload) for thread, upload in zip(chosen, uploads, strict=True)
    ]
    return await asyncio.gather(*jobs)


def body_schema(most: int, bundle: Bundle | None = None) -> dict[str, Any]:
    """What OpenAPI says of the body.

    Args:
        most: pictures a request may have.
        bundle: the model where it takes what it has learnt from beside pictures.
    """
    pictures = {
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "description": "picture files, recognised by their content",
        "items": {"type": "string", "format": "binary"},
    }
    beside, encoding = ({}, {}) if bundle is None else beside_schema(bundle, most)
    fields = {UPLOAD_FIELD: pictures} | beside
    schema = {"type": "object", "required": [UPLOAD_FIELD], "properties": fields}
    files = [name for name in (UPLOAD_FIELD, BACKS_FIELD) if name in fields]
    kinds = {name: {"contentType": ", ".join(_TYPES)} for name in files}
    media = {"schema": schema, "encoding": kinds | encoding}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": media}}}


async def _read(request: Request, limits: Limits, most: int, bundle: Bundle) -> list[Upload]:
    uploads: list[Upload] = []
    # backs are counted whatever the model knows, so that it can say that it knows none
    async with request.form(max_files=2 * most, max_fields=_FIELDS) as form:
        given = form.getlist(UPLOAD_FIELD)
        if len(given) > most:
            raise Problem("too-large", f"At most {how_many(most, 'picture')} a request.")
        for file in [*given, *form.getlist(BACKS_FIELD)]:
            if isinstance(file, UploadFile) and (file.size or 0) > limits.picture_bytes:
                name = (file.filename or "")[:255]
                raise Problem("too-large", f"{name} has more than {limits.picture_bytes:,} bytes.")
        for file in given:
            if not isinstance(file, UploadFile):
                raise Problem(
                    "invalid", f"The field {UPLOAD_FIELD} must hold files: its part needs a filename."
                )
            uploads.append(Upload((file.filename or "")[:255], await file.read()))
        if not uploads:
            raise Problem("invalid", f"There is no file in the field {UPLOAD_FIELD}.")
        backs = await read_backs(form.getlist(BACKS_FIELD), bundle, len(uploads))
        known = read_metadata(form.getlist(METADATA_FIELD), bundle, len(uploads))
    told: list[dict[str, str]] = [{}] * len(uploads) if known is None else records(known)
    return [
        replace(upload, back=back, known=row) for upload, back, row in zip(uploads, backs, told, strict=True)
    ]


def _decode(upload: Upload) -> Picture:
    return Picture(
        upload.name,
        hashlib.sha256(upload.content).hexdigest(),
        _decoded(upload.content),
        _decoded(upload.back) if upload.back else None,
        upload.known,
    )


def _decoded(content: bytes) -> Image | PictureError:
    try:
        return decode(content)
    except PictureError as error:
        return error
