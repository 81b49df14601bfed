"""Errors as problem+json (RFC 9457): what is wrong, in one shape, for every path of the service."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from coverfusion.data.errors import UserError
from coverfusion.data.machine_faults import MachineError

_log = logging.getLogger("uvicorn.error")

MEDIA_TYPE = "application/problem+json"
# kind -> status, title, an example of the detail
PROBLEM_KINDS: dict[str, tuple[int, str, str]] = {
    "bad-request": (400, "The request cannot be read", "Invalid multipart data."),
    "no-key": (401, "An API key is needed", "Send the key in the header X-API-Key."),
    "not-found": (404, "There is nothing here", "This bundle has no index of training covers."),
    "method-not-allowed": (405, "This path does not take this method", "Method Not Allowed"),
    "timeout": (408, "The upload took too long", "The body did not arrive within 30 seconds."),
    "too-large": (413, "The upload is too large", "cover.jpg has more than 10,485,760 bytes."),
    "not-multipart": (415, "The upload is not multipart/form-data", "Send the files in the field pictures."),
    "invalid": (422, "A value is wrong", "query.top_k: Input should be greater than or equal to 1"),
    "unreadable-pictures": (422, "No picture can be read", "cover.jpg: empty file (0 bytes)"),
    "too-many-requests": (429, "Too many requests from one client", "At most 50 requests a second."),
    "internal": (500, "The service failed", "The reason is in the log of the service."),
    "unable": (503, "The service cannot work now", "The reason is in the log of the service."),
    "busy": (503, "The service is busy", "256 pictures are waiting. Try again later."),
    "starting": (503, "The service is not ready", "The model is being loaded."),
}
_OF_STATUS = {404: "not-found", 405: "method-not-allowed"}


class Problem(HTTPException):
    """A request that gets no result.

    Args:
        kind: a key of `PROBLEM_KINDS`.
        detail: what is wrong with this request.
        headers: of the response.
        more: further members of its body.
    """

    def __init__(self, kind: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        status, self.title, _ = PROBLEM_KINDS[kind]
        super().__init__(status, detail, dict(headers or {}))
        self.kind, self.more = kind, more

    def response(self) -> Response:
        """The response that says so."""
        body = {
            "type": f"urn:coverfusion:problem:{self.kind}",
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
        }
        return JSONResponse(body | self.more, self.status_code, self.headers, MEDIA_TYPE)


def handle_problems(app: FastAPI) -> None:
    """Makes every error of the application a problem, the framework's own ones too."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(UserError, _of_user_error)
    app.add_exception_handler(Exception, _of_failure)


def described(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these problems: status -> description, schema and examples."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status, title, detail = PROBLEM_KINDS[kind]
        example = {
            "type": f"urn:coverfusion:problem:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
        }
        media = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        made = responses.setdefault(status, {"description": title, "content": {MEDIA_TYPE: media}})
        made["content"][MEDIA_TYPE]["examples"][kind] = {"value": example}
        if kind in ("too-many-requests", "busy", "starting"):
            schema = {"type": "integer", "minimum": 1}
            made["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": schema}}
    return responses


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Problem):
        return error.response()
    kind = _OF_STATUS.get(error.status_code, "bad-request")
    if PROBLEM_KINDS[kind][0] == error.status_code:
        return Problem(kind, error.detail, error.headers).response()
    title = HTTPStatus(error.status_code).phrase
    body = {"type": "about:blank", "title": title, "status": error.status_code, "detail": error.detail}
    return JSONResponse(body, error.status_code, error.headers, MEDIA_TYPE)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return Problem("invalid", _reasons(error.errors())).response()


async def _of_user_error(request: Request, error: Exception) -> Response:
    if isinstance(error, MachineError):
        _log.error("%s", error)
        return Problem("unable", PROBLEM_KINDS["unable"][2]).response()
    return Problem("invalid", str(error)).response()


async def _of_failure(request: Request, error: Exception) -> Response:
    return Problem("internal", PROBLEM_KINDS["internal"][2]).response()


def _reasons(errors: Sequence[Any]) -> str:
    return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in errors)
