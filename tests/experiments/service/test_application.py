"""The service as clients meet it: answers, targets, batches, limits."""

import hashlib
import io
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from fastapi.testclient import TestClient

from coverfusion.data import decoder_process
from coverfusion.data.decoder_process import DECODER
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import decode
from coverfusion.experiments.bench.hostile_pictures import many_scans
from coverfusion.experiments.commands.serve import _key, _network
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.service import served_model
from coverfusion.experiments.service.application import make_service
from coverfusion.experiments.service.limits import Limits
from coverfusion.experiments.service.schemas import scored_picture
from coverfusion.fusion.bundle import load_bundle, save_bundle
from coverfusion.fusion.uncertainty.decision import Targets, rule_of
from coverfusion.fusion.uncertainty.guarantees import guarantee
from coverfusion.fusion.uncertainty.novelty import learn_novelty
from tests.helpers.pictures import encode, noise
from tests.helpers.serving import GENRES, JPEG, assert_problem, busy_model, cover, files, serving, until


def test_the_service_says_what_score_says(client: TestClient, served_bundle: Path, tmp_path: Path) -> None:
    covers = [cover(genre, n) for genre in GENRES for n in (3, 50)]
    for number, one in enumerate(covers):
        (tmp_path / f"{number}.jpg").write_bytes(one)
    score(served_bundle, iter(str(tmp_path / f"{n}.jpg") for n in range(4)), tmp_path / "out.jsonl", top_k=2)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    answer = client.post("/v1/predict?top_k=2", files=files(*covers))
    assert answer.status_code == 200, answer.text
    for picture, line, number in zip(answer.json()["pictures"], lines, range(4), strict=True):
        assert (picture["name"], picture["cover_id"]) == (f"{number}.jpg", line["cover_id"])
        assert picture["error"] is None
        assert picture["failed_blocks"] is None
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


def test_a_training_cover_is_told_in_whatever_file(client: TestClient, served_bundle: Path) -> None:
    covers = load_bundle(served_bundle).neighbours.covers
    trained = next(Path(path) for path in covers["path"] if Path(path).is_file()).read_bytes()
    again, new = encode(decode(trained), "JPEG"), encode(noise(99), "PNG")
    got = client.post("/v1/predict", files=files(trained, again, new)).json()["pictures"]
    assert [picture["training_cover"] for picture in got] == [True, True, False]
    for picture, content in zip(got, (trained, again, new), strict=True):  # both paths say the same
        why = client.post("/v1/explain", files=files(content)).json()
        assert why["training_cover"] is picture["training_cover"]


def test_a_bad_file_among_good_ones_is_an_entry_with_its_reason(client: TestClient) -> None:
    answer = client.post("/v1/predict", files=files(JPEG, b"", JPEG))
    good, bad, again = answer.json()["pictures"]
    assert answer.status_code == 200
    assert bad["error"] == "empty file (0 bytes)"
    assert bad["genres"] == []
    assert good["error"] is None
    assert good["genres"] == again["genres"] != []


def test_pictures_that_take_too_long_end_and_delay_nobody_else(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_process, "DECODING_SECONDS", 1.0)  # a fast CPU decodes it in two
    slow = many_scans(93, 9400)
    with ThreadPoolExecutor(2) as pool:
        hostile = [pool.submit(client.post, "/v1/predict", files=files(slow)) for _ in range(2)]
        time.sleep(0.3)
        assert client.post("/v1/predict", files=files(JPEG)).status_code == 200
        assert not all(answer.done() for answer in hostile)
    for answer in hostile:
        body = assert_problem(answer.result(), 422, "unreadable-pictures")
        assert body["detail"] == "0.jpg: takes too long: not decoded within 1 seconds"


def test_the_process_for_slow_pictures_waits_for_the_first_of_them(served_bundle: Path) -> None:
    DECODER.close()
    with serving(served_bundle):
        until(lambda: DECODER._process is not None)


def test_only_bad_files_are_a_problem_with_every_reason(client: TestClient) -> None:
    answer = client.post("/v1/predict", files=files(b"", b"words"))
    body = assert_problem(answer, 422, "unreadable-pictures")
    assert [one["error"] for one in body["pictures"]] == [
        "empty file (0 bytes)",
        "not a picture, or in a format that cannot be read",
    ]


def test_similar_covers_are_training_covers_without_folders(client: TestClient, served_folder: Path) -> None:
    answer = client.post("/v1/similar?k=4", files=files(JPEG))
    assert answer.status_code == 200, answer.text
    covers = answer.json()["covers"]
    assert len(covers) == 4
    distances = [cover["distance"] for cover in covers]
    assert distances == sorted(distances)
    assert all((served_folder / "covers" / cover["genre"] / cover["name"]).is_file() for cover in covers)
    assert str(served_folder) not in answer.text
    one = client.post("/v1/similar", params={"genre": "opera", "k": 3}, files=files(JPEG)).json()["covers"]
    assert {cover["genre"] for cover in one} == {"opera"}
    wrong = client.post("/v1/similar?genre=opra", files=files(JPEG))
    assert "Did you mean 'opera'?" in assert_problem(wrong, 422, "invalid")["detail"]


def test_a_training_cover_is_not_similar_to_itself(client: TestClient, served_folder: Path) -> None:
    first = client.post("/v1/similar?k=1", files=files(JPEG)).json()["covers"][0]
    content = (served_folder / "covers" / first["genre"] / first["name"]).read_bytes()
    body = client.post("/v1/similar?k=4", files=files(content)).json()
    assert len(body["covers"]) == 4
    assert first["cover_id"] == hashlib.sha256(content).hexdigest()
    assert first["cover_id"] not in [cover["cover_id"] for cover in body["covers"]]
    assert body["ignored"] == []


def test_an_explanation_is_json_or_a_picture(client: TestClient, served_folder: Path) -> None:
    answer = client.post("/v1/explain?attention=false&top_k=1", files=files(JPEG))
    assert answer.status_code == 200, answer.text
    predicted = client.post("/v1/predict?top_k=1", files=files(JPEG)).json()["pictures"][0]["genres"][0]
    assert answer.json()["genres"][0]["genre"] == predicted["genre"]
    assert str(served_folder) not in answer.text
    for asked in ({"params": {"picture": "true"}}, {"headers": {"Accept": "image/png"}}):
        drawn = client.post("/v1/explain", files=files(JPEG), **asked)
        assert drawn.headers["content-type"] == "image/png"
        assert PIL.Image.open(io.BytesIO(drawn.content)).width > 300


def test_the_model_says_what_it_is(client: TestClient, served_bundle: Path) -> None:
    card = client.get("/v1/model").json()
    manifest = json.loads((served_bundle / "manifest.json").read_text())
    assert card["classifier"] == "logistic"
    assert card["genres"] == list(GENRES)
    assert card["blocks"]["color"]["fingerprint"] == manifest["extractors"]["color"]["fingerprint"]
    assert card["digest"] == (served_bundle / "manifest.sha256").read_text()


@pytest.mark.parametrize("path", ["/", "/v1/health", "/v1/model", "/metrics", "/openapi.json", "/docs"])
def test_head_is_answered_where_get_is(client: TestClient, path: str) -> None:
    asked, answer = client.head(path), client.get(path)
    assert asked.status_code == answer.status_code == 200
    assert asked.headers["content-type"] == answer.headers["content-type"]
    assert client.head("/v1/predict").status_code == 405


def test_the_page_of_the_paths_needs_no_network(client: TestClient) -> None:
    page = client.get("/docs").text
    files = re.findall(r'(?:src|href)="(.*?)"', page)
    assert len(files) == 3
    for file in files:
        assert file.startswith("/"), file
        assert len(client.get(file).content) > 1000


def test_a_picture_that_decodes_for_ever_does_not_hold_up_the_end(
    served_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_model, "STOP_SECONDS", 0.3)
    for_ever = threading.Event()
    with serving(served_bundle) as client:
        service: served_model.Service = client.app.state.service  # type: ignore[attr-defined]
        service.threads.submit(for_ever.wait)
        until(lambda: bool(service.decoders))
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert service.is_decoding()
    for_ever.set()
    until(lambda: not service.is_decoding())


def test_a_service_without_a_bundle_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a bundle"):
        make_service(tmp_path)


def test_targets_make_the_service_abstain_as_score_does(served_bundle: Path, tmp_path: Path) -> None:
    targets = Targets(coverage=0.5, set_coverage=0.6)
    covers = [cover(genre, n) for genre in GENRES for n in range(30, 36)]
    for number, one in enumerate(covers):
        (tmp_path / f"{number:02}.jpg").write_bytes(one)
    paths = map(str, sorted(tmp_path.glob("*.jpg")))
    score(served_bundle, iter(list(paths)), tmp_path / "out.jsonl", targets=targets)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    with serving(served_bundle, targets=targets) as client:
        pictures = client.post("/v1/predict", files=files(*covers)).json()["pictures"]
        for picture, line in zip(pictures, lines, strict=True):
            assert picture["abstain"] == line["abstain"]
            assert "|".join(picture["genre_set"]) == line["genre_set"]
            assert picture["out_of_distribution"] is None  # too few covers to say
        assert len({picture["abstain"] for picture in pictures}) == 2
        explained = client.post("/v1/explain?attention=false", files=files(covers[0])).json()
        assert {name: explained[name] for name in ("abstain", "genre_set", "out_of_distribution")} == {
            name: pictures[0][name] for name in ("abstain", "genre_set", "out_of_distribution")
        }


def test_the_model_says_which_targets_are_in_force(client: TestClient, served_bundle: Path) -> None:
    card = client.get("/v1/model").json()
    assert not card["detects_out_of_distribution"]  # too few covers
    assert card["targets"] == {
        "target_error": None,
        "target_coverage": None,
        "set_coverage": 0.9,
        "sets": "by-genre",
        "thresholds": "marginal",
        "guarantee": "Sets hold the true genre of 90 % of each genre's covers."
        + f" {guarantee(load_bundle(served_bundle).decision, Targets(), GENRES)}".rstrip(),
    }
    targets = Targets(error=0.1, set_coverage=0.8, sets="marginal", thresholds="by-genre")
    assert set(rule_of(load_bundle(served_bundle).decision, targets).thresholds) == {np.inf}
    with serving(served_bundle, targets=targets) as client:
        targets_shown = client.get("/v1/model").json()["targets"]
        assert (targets_shown["target_error"], targets_shown["set_coverage"]) == (0.1, 0.8)
        assert (targets_shown["sets"], targets_shown["thresholds"]) == ("marginal", "by-genre")
        assert targets_shown["guarantee"].startswith("Sets hold the true genre of 80 % of covers. ")
        assert "10 % wrong cannot be guaranteed" in targets_shown["guarantee"]
        assert client.post("/v1/predict", files=files(JPEG)).json()["pictures"][0]["abstain"]


def test_an_older_bundle_serves_but_takes_no_targets(served_bundle: Path, tmp_path: Path) -> None:
    new = load_bundle(served_bundle)
    save_bundle(
        tmp_path / "old",
        new.classifier,
        columns=new.columns,
        extractors=new.extractors,
        extra={"note": "These covers are drawn."},
    )
    with serving(tmp_path / "old") as client:
        card = client.get("/v1/model").json()
        assert card["targets"] is None
        assert card["note"] == "These covers are drawn."
        picture = client.post("/v1/predict", files=files(JPEG)).json()["pictures"][0]
        assert picture["abstain"] is None
        assert picture["genre_set"] is None
    with pytest.raises(UserError, match="need held-out covers"):
        make_service(tmp_path / "old", targets=Targets(error=0.2))


def test_a_warning_does_not_need_held_out_covers(served_bundle: Path) -> None:
    row = {
        "path": "a.jpg",
        "cover_id": "0" * 64,
        "genre_1": "dub",
        "probability_1": 0.7,
        "abstain": False,
        "genre_set": "",
        "out_of_distribution": True,
        "failed_blocks": "",
    }
    covers = pd.DataFrame({"color.a": np.random.default_rng(0).normal(size=300)})
    novelty = learn_novelty(covers, np.arange(len(covers)))
    assert novelty is not None
    bundle = replace(load_bundle(served_bundle), decision=None, novelty=novelty)
    picture = scored_picture(row, bundle)
    assert picture.out_of_distribution
    assert picture.abstain is None


def test_requests_that_wait_are_scored_together(served_bundle: Path) -> None:
    with serving(served_bundle) as client, ThreadPoolExecutor(6) as pool:
        with busy_model(client) as service:
            answers = [pool.submit(client.post, "/v1/predict", files=files(JPEG, JPEG)) for _ in range(6)]
            until(lambda: service.batches._jobs.qsize() == 12)
        assert {answer.result().status_code for answer in answers} == {200}
        metrics = client.get("/metrics").text
    assert "coverfusion_batch_pictures_count 1.0" in metrics
    assert "coverfusion_batch_pictures_sum 12.0" in metrics
    assert 'coverfusion_requests_total{method="POST",path="/v1/predict",status="200"} 6.0' in metrics
    assert 'coverfusion_pictures_total{outcome="read"} 12.0' in metrics


def test_a_full_queue_is_said_and_what_was_accepted_is_answered(served_bundle: Path) -> None:
    limits = Limits(rate=0, waiting=4)
    with serving(served_bundle, limits) as client, ThreadPoolExecutor(1) as pool:
        with busy_model(client) as service:
            accepted = pool.submit(client.post, "/v1/predict", files=files(*[JPEG] * 4))
            until(lambda: service.batches._jobs.qsize() == 4)
            refused = client.post("/v1/predict", files=files(JPEG))
        assert_problem(refused, 503, "busy")
        assert int(refused.headers["retry-after"]) > 0
        assert len(accepted.result().json()["pictures"]) == 4


def test_too_many_requests_are_told_when_to_come_again(served_bundle: Path) -> None:
    with serving(served_bundle, Limits(rate=0.01, burst=2)) as client:
        assert [client.get("/v1/model").status_code for _ in range(2)] == [200, 200]
        refused = client.get("/v1/model")
        assert_problem(refused, 429, "too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        assert client.get("/v1/health").status_code == client.get("/metrics").status_code == 200


def test_the_key_is_asked_for_but_by_monitors(served_bundle: Path) -> None:
    with serving(served_bundle, api_key="sesame") as client:
        for headers in ({}, {"X-API-Key": "Sesame"}, {"X-API-Key": ""}, {"X-API-Key": b"\xff"}):
            assert_problem(client.get("/v1/model", headers=headers), 401, "no-key")
            answer = client.post("/v1/predict", files=files(JPEG), headers=headers)
            assert_problem(answer, 401, "no-key")
        assert client.get("/v1/model", headers={"X-API-Key": "sesame"}).status_code == 200
        assert client.get("/v1/health").status_code == client.get("/metrics").status_code == 200


def test_wrong_keys_do_not_use_up_the_right_ones_requests(served_bundle: Path) -> None:
    with serving(served_bundle, Limits(rate=0.01, burst=2), "sesame") as client:
        asked = [client.get("/v1/model").status_code for _ in range(4)]
        assert asked == [401, 401, 429, 429]  # who tries keys has to wait too
        right = [client.get("/v1/model", headers={"X-API-Key": "sesame"}).status_code for _ in range(3)]
        assert right == [200, 200, 429]


def test_a_proxy_is_an_address_or_a_network() -> None:
    assert [_network(name) for name in ("::1", "10.0.0.0/8")] == ["::1", "10.0.0.0/8"]
    for name in ("*", "proxy.example.org", "10.0.0.7/8"):
        with pytest.raises(UserError, match="--proxy"):
            _network(name)


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
