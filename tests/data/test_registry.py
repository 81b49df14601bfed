"""Blocks and classifiers of other packages and files: found, told apart, refused where a name is taken."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.data.registry import forget_plugins, load_plugins, loaded_plugins, use_plugins
from coverfusion.features import registry as blocks
from coverfusion.fusion import registry as classifiers
from tests.helpers.pictures import gradient
from tests.helpers.plugins import BLOCK, save_package, save_plugin


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget_plugins()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with entry points."""
    save_package(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for registry in (blocks.BLOCKS, classifiers.CLASSIFIERS):
        registry.search(again=True)
    yield
    for module in [name for name in sys.modules if name.startswith("evenness_blocks")]:
        del sys.modules[module]
    blocks.BLOCKS.unregister("evenness")
    classifiers.CLASSIFIERS.unregister("nearest_mean")
    monkeypatch.undo()
    for registry in (blocks.BLOCKS, classifiers.CLASSIFIERS):
        registry.search(again=True)


@pytest.mark.usefixtures("package")
def test_an_installed_package_is_found_like_a_file_of_the_folder() -> None:
    assert "evenness" in blocks.extractor_names()
    upper, lower = blocks.create("evenness")([gradient("black", "white", vertical=True)])[0]
    assert upper < 90 < 165 < lower
    X = np.float32([[0, 0], [1, 0], [90, 90], [91, 90]])
    fitted = classifiers.create("nearest_mean").fit(X, ["a", "a", "b", "b"])
    assert fitted.predict(X).tolist() == ["a", "a", "b", "b"]
    assert blocks.BLOCKS.origins() == {"evenness": "package evenness_blocks"}
    assert classifiers.CLASSIFIERS.origins() == {"nearest_mean": "package evenness_blocks"}


@pytest.mark.usefixtures("package")
def test_a_package_that_does_not_import_hurts_only_who_asks_for_it() -> None:
    assert "gone" not in blocks.extractor_names()
    with pytest.raises(UserError, match=r"'gone' cannot be used: package evenness-blocks does not import"):
        blocks.create("gone")


def test_a_plug_in_file_is_found_and_its_text_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    file = save_plugin(tmp_path)
    load_plugins([file])
    assert "halves" in blocks.extractor_names()
    assert "means" in classifiers.classifier_names()
    before, origin = blocks.create("halves").fingerprint(), classifiers.CLASSIFIERS.origins()["means"]
    load_plugins([str(file)])
    assert blocks.create("halves").fingerprint() == before
    file.write_text(file.read_text() + "\n# another text\n")
    load_plugins([file])
    assert blocks.create("halves").fingerprint() != before
    assert classifiers.CLASSIFIERS.origins()["means"] != origin
    assert "color" not in blocks.BLOCKS.origins()


def test_a_renamed_plug_in_is_the_same_code(tmp_path: Path) -> None:
    load_plugins([save_plugin(tmp_path)])
    before, origins = blocks.create("halves").fingerprint(), blocks.BLOCKS.origins()
    forget_plugins()
    load_plugins([save_plugin(tmp_path, name="renamed.py")])
    assert blocks.create("halves").fingerprint() == before
    blocks.BLOCKS.check_origins(origins, "test")


def test_a_plug_in_goes_on_to_other_processes_as_it_was_read(tmp_path: Path) -> None:
    file = save_plugin(tmp_path)
    load_plugins([file])
    read, before = loaded_plugins(), blocks.create("halves").fingerprint()
    forget_plugins()
    assert "halves" not in blocks.extractor_names()
    file.unlink()
    use_plugins(read)
    assert blocks.create("halves").fingerprint() == before


def test_a_script_and_the_same_file_as_a_plug_in_are_the_same_code(tmp_path: Path) -> None:
    more = "if __name__ == '__main__':\n    from coverfusion.features.registry import create\n"
    file = save_plugin(tmp_path, more=more + "    print(create('halves').fingerprint())\n")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    load_plugins([file])
    assert done.stdout.strip() == blocks.create("halves").fingerprint()


def test_a_taken_name_is_refused_and_stays_what_it_was(tmp_path: Path) -> None:
    color = blocks.BLOCKS.class_of("color")
    (tmp_path / "mine.py").write_text(BLOCK.format(name="color"))
    with pytest.raises(UserError, match=r"mine\.py: The name 'color' of a block is taken"):
        load_plugins([tmp_path / "mine.py"])
    assert blocks.BLOCKS.class_of("color") is color
    assert loaded_plugins() == []
    load_plugins([save_plugin(tmp_path)])
    with pytest.raises(UserError, match="'halves' of a block is taken"):
        load_plugins([save_plugin(tmp_path, name="second.py")])
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="have one file name"):
        load_plugins([save_plugin(tmp_path / "other", more="x = 1\n")])
    assert len(loaded_plugins()) == 1


def test_a_class_defined_again_in_its_own_module_replaces_itself() -> None:
    try:
        for number in (1, 2):

            @blocks.register("again")
            class Again(blocks.BlockExtractor):
                number_of = number

        assert blocks.BLOCKS.class_of("again").number_of == 2
    finally:
        blocks.BLOCKS.unregister("again")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("wrong.py", "1 / 0", "wrong.py does not run: ZeroDivisionError"),
        ("wrong.py", "def", "wrong.py does not run: SyntaxError"),
        ("two words.py", "", "name it as a Python module"),
        ("wrong.txt", "", "name it as a Python module"),
    ],
)
def test_a_file_that_is_no_plug_in_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        load_plugins([tmp_path / name])
    assert loaded_plugins() == []


def test_a_plug_in_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.py cannot be read"):
        load_plugins([tmp_path / "nowhere.py"])


def test_an_unknown_name_says_how_to_make_it_known() -> None:
    with pytest.raises(UserError, match="--plugin FILE"):
        blocks.create("halves")
    with pytest.raises(UserError, match="Did you mean 'color'"):
        blocks.create("colour")
