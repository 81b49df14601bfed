"""What clients send that is too large, broken, or no picture at all."""

from itertools import islice
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from coverfusion.experiments.bench.malformed_uploads import bomb, form, form_headers, malformed_uploads
from coverfusion.experiments.service.limits import Limits
from tests.helpers.pictures import bad_files, zip_bytes
from tests.helpers.serving import JPEG, assert_problem, files, serving

SMALL = Limits(picture_bytes=2000, pictures=3, body_bytes=9000, held_bytes=10_000, rate=0, seconds=0.3)


def test_sizes_are_limited(served_bundle: Path) -> None:
    with serving(served_bundle, SMALL) as client:
        large = client.post("/v1/predict", files=files(JPEG, bytes(2001)))
        assert "1.jpg has more than 2,000 bytes" in assert_problem(large, 413, "too-large")["detail"]
        many = client.post("/v1/predict", files=files(*[JPEG] * 4))
        assert "At most 3 pictures a request" in assert_problem(many, 413, "too-large")["detail"]
        two = client.post("/v1/similar", files=files(JPEG, JPEG))
        assert_problem(two, 413, "too-large")
        long = client.post("/v1/predict", files=files(bytes(9001)))
        assert "9,000 bytes" in assert_problem(long, 413, "too-large")["detail"]
        pieces = (b"x" * 1000 for _ in range(1000))  # no Content-Length
        endless = client.post("/v1/predict", content=pieces, headers=form_headers())
        assert_problem(endless, 413, "too-large")
        assert client.post("/v1/predict", files=files(JPEG)).status_code == 200


@pytest.mark.parametrize("bad", [b for b in bad_files() if not b.file.endswith(".zip")], ids=lambda b: b.name)
def test_a_bad_picture_gives_its_reason(client: TestClient, bad) -> None:
    for path in ("/v1/predict", "/v1/similar", "/v1/explain"):
        assert_problem(client.post(path, files=files(bad.data)), 422, "unreadable-pictures")


def test_archives_and_other_types_are_no_pictures(client: TestClient) -> None:
    archive = zip_bytes({"a.jpg": JPEG, "zeros": bytes(10**7)})
    assert_problem(client.post("/v1/predict", files=files(archive)), 422, "unreadable-pictures")
    assert_problem(client.post("/v1/predict", files=files(bomb(2**31 - 1))), 422, "unreadable-pictures")
    assert_problem(
        client.post("/v1/predict", content=JPEG, headers={"Content-Type": "image/jpeg"}), 415, "not-multipart"
    )
    assert_problem(client.post("/v1/predict", json={"pictures": "x"}), 415, "not-multipart")
    assert_problem(client.post("/v1/predict", data={"pictures": "x"}), 415, "not-multipart")
    assert_problem(client.post("/v1/predict", files=files(JPEG, field="picture")), 422, "invalid")
    text = [("pictures", (None, "x"))]
    assert "filename" in assert_problem(client.post("/v1/predict", files=text), 422, "invalid")["detail"]
    assert_problem(client.get("/v1/predict"), 405, "method-not-allowed")
    assert_problem(client.get("/v1/nothing"), 404, "not-found")


@pytest.mark.parametrize("query", ["top_k=0", "top_k=1e400", "top_k=9" + "9" * 5000, "top_k=x", "top_k=%00"])
def test_wrong_values_are_refused(client: TestClient, query: str) -> None:
    assert (
        "query.top_k"
        in assert_problem(client.post(f"/v1/predict?{query}", files=files(JPEG)), 422, "invalid")["detail"]
    )


def test_unknown_parameters_are_refused(client: TestClient) -> None:
    for path, reason in (
        ("predict?topk=3", "'topk'. Did you mean 'top_k'"),
        ("explain?k=1", "'k'"),
        ("similar?genres=opera", "'genres'. Did you mean 'genre'"),
    ):
        refused = client.post(f"/v1/{path}", files=files(JPEG))
        assert reason in assert_problem(refused, 422, "invalid")["detail"]
    assert_problem(client.get("/v1/model?x="), 422, "invalid")


def test_malformed_uploads_are_refused(client: TestClient) -> None:
    for bad in islice(malformed_uploads(JPEG, seed=1), 60):
        answer = client.post(bad.path, content=bad.body, headers=bad.headers)
        assert 400 <= answer.status_code < 500, (bad.kind, bad.body[:50], answer.text)
        assert answer.headers["content-type"] == "application/problem+json", bad.kind


@examples(max_examples=150)
@given(body=st.binary(max_size=300), kind=st.sampled_from(["file", "body", "part"]))
def test_any_bytes_get_an_answer(client: TestClient, body: bytes, kind: str) -> None:
    made = {"file": form([body]), "body": body, "part": form([JPEG]).replace(b"image/jpeg\r\n", body, 1)}[
        kind
    ]
    answer = client.post("/v1/predict", content=made, headers=form_headers())
    assert answer.status_code < 500, answer.text
    assert answer.status_code == 200 or answer.headers["content-type"] == "application/problem+json"
