"""Weights of blocks: those of a config's blocks, what is fetched, and what a failed download says."""

from pathlib import Path

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.weights import fetch, listing, weights_of
from coverfusion.features.weights import Weights


def test_a_configs_blocks_bring_their_own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERFUSION_NETWORKS", str(tmp_path))
    found = listing(weights_of("hub", {"ocr": {"languages": ["cyrillic"]}})).set_index("weights")
    assert set(found["block"]) == {"ocr"}
    assert found.loc["PP-OCRv5 recogniser (cyrillic)", "ready"].startswith(
        "no: coverfusion weights fetch CONFIG"
    )
    assert {"cnn", "objects", "ocr", "people"} <= {name for name, _ in weights_of("packaged", None)}


def test_only_what_is_missing_is_fetched_and_a_failure_names_the_weights(tmp_path: Path) -> None:
    here = tmp_path / "here.bin"
    here.write_bytes(b"x")
    fetched: list[str] = []

    def one(name: str, path: Path) -> tuple[str, Weights]:
        how = "coverfusion weights fetch"
        return "block", Weights(name, "a hub", "MIT", 1, path, how, lambda: fetched.append(name))

    fetch([one("here", here), one("there", tmp_path / "there.bin")])
    assert fetched == ["there"]
    broken = Weights("third", "a hub", "MIT", 1, tmp_path / "third.bin", "later", lambda: 1 / 0)
    with pytest.raises(UserError, match="Fetching third from a hub failed: division by zero"):
        fetch([("block", broken)])
