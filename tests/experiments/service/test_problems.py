"""Every kind of error has the same shape."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from coverfusion.data.errors import UserError
from coverfusion.data.machine_faults import MachineError
from coverfusion.experiments.service.problems import PROBLEM_KINDS, Problem, described, handle_problems


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    handle_problems(app)

    @app.get("/raise/{what}")
    def fail(what: int) -> None:
        raise {
            1: RuntimeError("a secret"),
            2: UserError("--x: no."),
            3: HTTPException(418, "short and stout"),
            5: MachineError("/home/secret: Permission denied"),
            4: Problem("busy", "later", {"Retry-After": "2"}, queue=7),
        }[what]

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/raise/1", 500, PROBLEM_KINDS["internal"][2]),
        ("/raise/2", 422, "--x: no."),
        ("/raise/3", 418, "short and stout"),
        ("/raise/4", 503, "later"),
        ("/raise/5", 503, PROBLEM_KINDS["unable"][2]),
        ("/raise/x", 422, "path.what: Input should be a valid integer"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_an_error_says_what_is_wrong(client: TestClient, path: str, status: int, detail: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["type"]
    assert detail in body["detail"]
    assert "secret" not in answer.text


def test_headers_and_further_members_are_kept(client: TestClient) -> None:
    answer = client.get("/raise/4")
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["queue"] == 7
    assert client.post("/raise/1").headers["allow"] == "GET"


def test_two_kinds_of_one_status_are_two_examples() -> None:
    media = described("invalid", "unreadable-pictures")[422]["content"]["application/problem+json"]
    assert set(media["examples"]) == {"invalid", "unreadable-pictures"}
    assert all(status >= 400 for status, _, _ in PROBLEM_KINDS.values())
