"""The service does what its OpenAPI description says."""

from collections import Counter
from pathlib import Path

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from coverfusion.experiments.service.application import make_service
from tests.helpers.serving import FREE, JPEG, cover

# a form field that holds pictures gets real ones: the specification cannot say what a picture is
schemathesis.openapi.media_type("image/jpeg", st.sampled_from([[JPEG], [cover("dub & bass", 2)]]))


def test_the_service_keeps_to_its_specification(served_bundle: Path) -> None:
    settings = {
        "headers": {"X-API-Key": "sesame"},
        "generation": {"max-examples": 6, "database": "none"},
        "seed": 1,
        # its body is that of /v1/similar, and an explanation takes longest
        "operations": [{"include-path": "/v1/explain", "phases": {"coverage": {"enabled": False}}}],
    }
    # with its engine, as its command does: its pytest fixtures do not work with every version of pytest
    specification = schemathesis.openapi.from_asgi(
        "/openapi.json",
        make_service(served_bundle, FREE, "sesame"),
        config=SchemathesisConfig.from_dict(settings),
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
                    assert media["examples"], path
                    assert media["schema"]["$ref"] == "#/components/schemas/Problem", path
    assert made["components"]["schemas"]["ScoredPicture"]["examples"]
    assert client.get("/").json()["openapi"] == "/openapi.json"
