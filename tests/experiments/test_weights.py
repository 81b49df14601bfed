"""Weights of blocks: those of a config's blocks, what is fetched, and what a failed download says."""

from pathlib import Path

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.weights import fetch, listing, print_listing, weights_of
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


def test_what_is_here_is_printed_first_and_each_file_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    here = Weights("a network", "package one", "MIT", 1.5, tmp_path, "nothing")
    absent = Weights("b network " * 5, "package two", "MIT", 200.0, None, "install it [now]")
    print_listing([("clip", absent), ("cnn", here), ("objects", here)])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.index("a network") < printed.index("b network")
    assert printed.count("a network") == 1
    assert "cnn" in printed
    assert "objects" in printed
    assert "to get it: install it [now]" in printed
