"""The service as clients meet it: answers, limits, malformed uploads, batches, shutdown."""

import io
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from data.errors import UserError
from experiments.bench_serve import send_load, send_malformed
from experiments.bench_serve import serving as serving_process
from experiments.commands.serve import _key
from experiments.config import make_config
from experiments.malformed_uploads import bomb, form, form_headers, malformed_uploads
from experiments.run import train
from experiments.score import score
from experiments.service import Service, make_service
from experiments.service_limits import Limits
from tests.pictures import bad_files, encode, noise, save_folders, solid, zip_bytes

GENRES = {"dub & bass": (30, 120, 40), "opera": (150, 30, 40)}
FREE = Limits(rate=0)


def _cover(genre: str, number: int) -> bytes:
    seed = 100 * list(GENRES).index(genre) + number
    shift = np.random.default_rng(seed).integers(-60, 60, 3)
    colour = tuple(int(v) for v in np.clip(np.array(GENRES[genre]) + shift, 0, 255))
    return encode(PIL.Image.blend(noise(seed, (48, 48)), solid(colour, (48, 48)), 0.7))


JPEG = _cover("opera", 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    covers = {genre: [_cover(genre, n) for n in range(24)] for genre in GENRES}
    root = tmp_path_factory.mktemp("service")
    save_folders(root / "covers", covers)
    config = make_config(
        "test", collection=root / "covers", out=root / "runs", store=root / "store", blocks=["color"],
        classifiers=["logistic"], alone=[],
    )  # fmt: skip
    train(config).rename(root / "run")
    return root


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    return folder / "run" / "bundle"


@contextmanager
def serving(bundle: Path, limits: Limits = FREE, api_key: str | None = None) -> Iterator[TestClient]:
    """A client of a service that is ready."""
    with TestClient(make_service(bundle, limits, api_key)) as client:
        while client.get("/v1/health").status_code != 200:
            time.sleep(0.01)
        yield client


@pytest.fixture(scope="module")
def client(bundle: Path) -> Iterator[TestClient]:
    with serving(bundle) as client:
        yield client


def files(*contents: bytes, field: str = "pictures") -> list[tuple[str, tuple[str, bytes, str]]]:
    return [(field, (f"{n}.jpg", content, "image/jpeg")) for n, content in enumerate(contents)]


def assert_problem(answer, status: int, kind: str) -> dict:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body = answer.json()
    assert (body["status"], body["type"]) == (status, f"urn:coverfusion:problem:{kind}")
    assert body["title"] and body["detail"]
    return body


# --- answers -------------------------------------------------------------------------------------------


def test_the_service_says_what_score_says(client: TestClient, bundle: Path, tmp_path: Path) -> None:
    covers = [_cover(genre, n) for genre in GENRES for n in (3, 50)]
    for number, cover in enumerate(covers):
        (tmp_path / f"{number}.jpg").write_bytes(cover)
    score(bundle, iter(str(tmp_path / f"{n}.jpg") for n in range(4)), tmp_path / "out.jsonl", top_k=2)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    answer = client.post("/v1/predict?top_k=2", files=files(*covers))
    assert answer.status_code == 200, answer.text
    for picture, line, number in zip(answer.json()["pictures"], lines, range(4), strict=True):
        assert (picture["name"], picture["cover_id"]) == (f"{number}.jpg", line["cover_id"])
        assert picture["error"] is None and picture["failed_blocks"] is None
        for rank, one in enumerate(picture["genres"], 1):
            assert one["genre"] == line[f"genre_{rank}"]
            assert one["probability"] == pytest.approx(line[f"probability_{rank}"], abs=1e-9)
        assert picture["nearest_distance"] == pytest.approx(line["nearest_distance"], abs=1e-4)
    assert answer.json()["pictures"][0]["genres"][0]["genre"] == "dub & bass"


def test_as_many_genres_as_asked_for_and_there_are(client: TestClient) -> None:
    for top_k, count in ((1, 1), (2, 2), (100, 2)):
        answer = client.post(f"/v1/predict?top_k={top_k}", files=files(JPEG))
        genres = answer.json()["pictures"][0]["genres"]
        assert len(genres) == count
        assert [one["probability"] for one in genres] == sorted(
            (one["probability"] for one in genres), reverse=True
        )


def test_a_bad_file_among_good_ones_is_an_entry_with_its_reason(client: TestClient) -> None:
    answer = client.post("/v1/predict", files=files(JPEG, b"", JPEG))
    good, bad, again = answer.json()["pictures"]
    assert answer.status_code == 200
    assert bad["error"] == "empty file (0 bytes)" and bad["genres"] == []
    assert good["error"] is None and good["genres"] == again["genres"] != []


def test_only_bad_files_are_a_problem_with_every_reason(client: TestClient) -> None:
    answer = client.post("/v1/predict", files=files(b"", b"words"))
    body = assert_problem(answer, 422, "unreadable-pictures")
    assert [one["error"] for one in body["pictures"]] == [
        "empty file (0 bytes)",
        "not a picture (or of a format that is not read)",
    ]


def test_similar_covers_are_training_covers_without_folders(client: TestClient, folder: Path) -> None:
    answer = client.post("/v1/similar?k=4", files=files(JPEG))
    assert answer.status_code == 200, answer.text
    covers = answer.json()["covers"]
    assert len(covers) == 4
    distances = [cover["distance"] for cover in covers]
    assert distances == sorted(distances)
    assert all((folder / "covers" / cover["genre"] / cover["name"]).is_file() for cover in covers)
    assert str(folder) not in answer.text
    one = client.post("/v1/similar", params={"genre": "opera", "k": 3}, files=files(JPEG)).json()["covers"]
    assert {cover["genre"] for cover in one} == {"opera"}
    wrong = client.post("/v1/similar?genre=opra", files=files(JPEG))
    assert "Did you mean 'opera'?" in assert_problem(wrong, 422, "invalid")["detail"]


def test_an_explanation_is_json_or_a_picture(client: TestClient, folder: Path) -> None:
    answer = client.post("/v1/explain?attention=false&top_k=1", files=files(JPEG))
    assert answer.status_code == 200, answer.text
    predicted = client.post("/v1/predict?top_k=1", files=files(JPEG)).json()["pictures"][0]["genres"][0]
    assert answer.json()["genres"][0]["genre"] == predicted["genre"]
    assert str(folder) not in answer.text
    for asked in ({"params": {"picture": "true"}}, {"headers": {"Accept": "image/png"}}):
        drawn = client.post("/v1/explain", files=files(JPEG), **asked)
        assert drawn.headers["content-type"] == "image/png"
        assert PIL.Image.open(io.BytesIO(drawn.content)).width > 300


def test_the_model_says_what_it_is(client: TestClient, bundle: Path) -> None:
    card = client.get("/v1/model").json()
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert card["classifier"] == "logistic" and card["genres"] == list(GENRES)
    assert card["blocks"]["color"]["fingerprint"] == manifest["extractors"]["color"]["fingerprint"]
    assert card["digest"] == (bundle / "manifest.sha256").read_text()


def test_a_service_without_a_bundle_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a bundle"):
        make_service(tmp_path)


# --- batches -------------------------------------------------------------------------------------------


@contextmanager
def busy_model(client: TestClient) -> Iterator[Service]:
    """The model's thread does nothing else until the end."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    begun, free = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        free.wait()

    client.portal.start_task_soon(service.batches.alone, wait)  # type: ignore[union-attr]
    begun.wait()
    try:
        yield service
    finally:
        free.set()


def _until(true) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_requests_that_wait_are_scored_together(bundle: Path) -> None:
    with serving(bundle) as client, ThreadPoolExecutor(6) as pool:
        with busy_model(client) as service:
            answers = [pool.submit(client.post, "/v1/predict", files=files(JPEG, JPEG)) for _ in range(6)]
            _until(lambda: service.batches._jobs.qsize() == 12)
        assert {answer.result().status_code for answer in answers} == {200}
        metrics = client.get("/metrics").text
    assert "coverfusion_batch_pictures_count 1.0" in metrics
    assert "coverfusion_batch_pictures_sum 12.0" in metrics
    assert 'coverfusion_requests_total{method="POST",path="/v1/predict",status="200"} 6.0' in metrics
    assert 'coverfusion_pictures_total{outcome="read"} 12.0' in metrics


def test_a_full_queue_is_said_and_what_was_accepted_is_answered(bundle: Path) -> None:
    limits = Limits(rate=0, waiting=4)
    with serving(bundle, limits) as client, ThreadPoolExecutor(1) as pool:
        with busy_model(client) as service:
            accepted = pool.submit(client.post, "/v1/predict", files=files(*[JPEG] * 4))
            _until(lambda: service.batches._jobs.qsize() == 4)
            refused = client.post("/v1/predict", files=files(JPEG))
        assert_problem(refused, 503, "busy")
        assert int(refused.headers["retry-after"]) > 0
        assert len(accepted.result().json()["pictures"]) == 4


# --- limits --------------------------------------------------------------------------------------------


def test_too_many_requests_are_told_when_to_come_again(bundle: Path) -> None:
    with serving(bundle, Limits(rate=0.01, burst=2)) as client:
        assert [client.get("/v1/model").status_code for _ in range(2)] == [200, 200]
        refused = client.get("/v1/model")
        assert_problem(refused, 429, "too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        assert client.get("/v1/health").status_code == client.get("/metrics").status_code == 200


def test_the_key_is_asked_for_but_by_monitors(bundle: Path) -> None:
    with serving(bundle, api_key="sesame") as client:
        for headers in ({}, {"X-API-Key": "Sesame"}, {"X-API-Key": ""}, {"X-API-Key": b"\xff"}):
            assert_problem(client.get("/v1/model", headers=headers), 401, "no-key")
            answer = client.post("/v1/predict", files=files(JPEG), headers=headers)
            assert_problem(answer, 401, "no-key")
        assert client.get("/v1/model", headers={"X-API-Key": "sesame"}).status_code == 200
        assert client.get("/v1/health").status_code == client.get("/metrics").status_code == 200


SMALL = Limits(picture_bytes=2000, pictures=3, body_bytes=9000, held_bytes=10_000, rate=0, seconds=0.3)


def test_sizes_are_limited(bundle: Path) -> None:
    with serving(bundle, SMALL) as client:
        large = client.post("/v1/predict", files=files(JPEG, bytes(2001)))
        assert "1.jpg has more than 2,000 bytes" in assert_problem(large, 413, "too-large")["detail"]
        many = client.post("/v1/predict", files=files(*[JPEG] * 4))
        assert "At most 3 picture(s)" in assert_problem(many, 413, "too-large")["detail"]
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


# --- the specification ---------------------------------------------------------------------------------


# a form field that holds pictures gets real ones: the specification cannot say what a picture is
schemathesis.openapi.media_type("image/jpeg", st.sampled_from([[JPEG], [_cover("dub & bass", 2)]]))


def test_the_service_keeps_to_its_specification(bundle: Path) -> None:
    settings = {
        "headers": {"X-API-Key": "sesame"},
        "generation": {"max-examples": 6, "database": "none"},
        "seed": 1,
        # its body is that of /v1/similar, and an explanation takes longest
        "operations": [{"include-path": "/v1/explain", "phases": {"coverage": {"enabled": False}}}],
    }
    # with its engine, as its command does: its pytest fixtures do not work with every version of pytest
    specification = schemathesis.openapi.from_asgi(
        "/openapi.json", make_service(bundle, FREE, "sesame"), config=SchemathesisConfig.from_dict(settings)
    )
    statuses: Counter[tuple[str, bool, int]] = Counter()
    for event in from_schema(specification).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if not isinstance(event, events.ScenarioFinished):
            continue
        made = event.recorder
        failed = [check.failure_info for checks in made.checks.values() for check in checks]
        assert not any(failed), [f"{one.failure}\n{one.code_sample}" for one in failed if one]
        for number, exchange in made.interactions.items():
            positive = made.cases[number].value.meta.generation.mode.is_positive
            statuses[made.label, positive, exchange.response.status_code] += 1
    assert statuses["POST /v1/explain", True, 200] > 0
    for path in ("predict", "similar"):
        assert statuses[f"POST /v1/{path}", True, 200] > 5
        assert statuses[f"POST /v1/{path}", False, 422] > 5


def test_the_specification_has_examples(client: TestClient) -> None:
    made = client.get("/openapi.json").json()
    for path, methods in made["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    media = response["content"]["application/problem+json"]
                    assert media["examples"] and media["schema"]["$ref"] == "#/components/schemas/Problem", (
                        path
                    )
    assert made["components"]["schemas"]["ScoredPicture"]["examples"]


# --- the process ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_process_under_load_and_attack_loses_no_accepted_request(bundle: Path) -> None:
    with serving_process(bundle) as served:
        load, _ = send_load(served, [JPEG, _cover("dub & bass", 9)], clients=3, seconds=0.5, pictures=2)
        assert load.covers == 2 * len(load.seconds) > 0 and not load.errors
        statuses, memory = send_malformed(served, JPEG, 40)
        assert sum(statuses.values()) == 40 and all(400 <= status < 500 for _, status in statuses), statuses
        assert min(memory) > 10
        assert b"application/problem+json" in _send(served.port, b"this is no HTTP\r\n\r\n")

        waiting = list(_half_sent(served.port, 6))
        _until(lambda: b"coverfusion_requests_in_flight 7.0" in _send(served.port, METRICS))
        served.process.terminate()
        _until(lambda: _refuses(served.port))
        for connection, rest in waiting:
            connection.sendall(rest)
        answers = [_rest(connection) for connection, _ in waiting]
        assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 6
        assert all(b'"genre":"opera"' in answer for answer in answers)
        assert served.process.wait(20) in (0, -signal.SIGTERM)


METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def _send(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def _half_sent(port: int, count: int) -> Iterator[tuple[socket.socket, bytes]]:
    """Connections that have sent half of a request, and the other half."""
    body = form([JPEG])
    head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in form_headers().items()) + "\r\n"
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        connection.sendall(head.encode() + body[:500])
        yield connection, body[500:]


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def test_the_key_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COVERFUSION_API_KEY", "two ")
    (tmp_path / "key").write_text("one\n")
    (tmp_path / "empty").write_text("\n")
    assert (_key(tmp_path / "key"), _key(None)) == ("one", "two")
    with pytest.raises(UserError, match="is empty"):
        _key(tmp_path / "empty")
    with pytest.raises(UserError, match="cannot be read"):
        _key(tmp_path / "none")
