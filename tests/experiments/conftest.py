"""What several test files share, made once a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.helpers.serving import serving, train_service


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Covers, and a run on them."""
    root = tmp_path_factory.mktemp("service")
    train_service(root)
    return root


@pytest.fixture(scope="session")
def served_bundle(served_folder: Path) -> Path:
    return served_folder / "run" / "bundle"


@pytest.fixture(scope="session")
def client(served_bundle: Path) -> Iterator[TestClient]:
    """Of a service without limits, targets or key."""
    with serving(served_bundle) as client:
        yield client
