"""Documents keep their word: examples work when pasted, links and commands exist, sentences are short."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
import typer.core
import yaml

from coverfusion.data.photos import PHOTOS
from coverfusion.experiments.cli import app
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.features import registry as extractors
from coverfusion.features.registry import Extractor, create
from coverfusion.fusion import registry as classifiers
from tests.helpers.pictures import gradient

ROOT = Path(__file__).parent.parent
FOLDERS = ("data", "features", "fusion", "experiments", "coverfusion")
PATHS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
DOCUMENTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in PATHS}
README = DOCUMENTS["README.md"]
COMMANDS = typer.main.get_command(app)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", flags=re.DOTALL | re.MULTILINE)
BANNED = re.compile(r"\b(unlike covers|promises?|shares|surest|answers)\b", flags=re.IGNORECASE)
MAX_WORDS = 25


def _fences(document: str, *languages: str) -> list[str]:
    return [code for language, code in FENCE.findall(DOCUMENTS[document]) if language in languages]


def _prose(text: str) -> str:
    """Without code, tables and pictures; what stands in inline code becomes one word."""
    lines = [line for line in FENCE.sub("\n", text).splitlines() if not line.lstrip().startswith(("|", "#"))]
    plain = re.sub(r"`[^`]+`", "CODE", re.sub(r"<[^>]+>", "", "\n".join(lines)))
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain)


def _sentences(text: str) -> list[str]:
    """The sentences of paragraphs and of list items."""
    pieces = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", _prose(text))
    items = [re.sub(r"^\s*(?:[-*]|\d+\.) ", "", piece).strip() for piece in pieces]
    return [part for item in items for part in re.split(r"(?<=[.!?])\**\s+", item) if part]


def _commands(text: str) -> list[list[str]]:
    """What follows `coverfusion` on the command lines of a document."""
    inline = re.findall(r"`(coverfusion [^`]+)`", re.sub(FENCE, "", text))
    shell = "\n".join(code for language, code in FENCE.findall(text) if language == "sh")
    fenced = re.findall(r"(?:^|[ (])(coverfusion [^\n#]+)", shell.replace("\\\n", " "), flags=re.MULTILINE)
    return [shlex.split(line)[1:] for line in (*inline, *fenced)]


def _command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` name, and the words after its name."""
    command: Any = COMMANDS
    rest = words
    while isinstance(command, typer.core.TyperGroup) and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"there is no command {' '.join(words)}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def test_the_extractor_example_is_an_extractor() -> None:
    code = next(block for block in _fences("features/README.md", "python") if '@register("corners")' in block)
    try:
        exec(compile(code, "features/corners.py", "exec"), {"__name__": "features.corners"})
        corners = create("corners", share=0.1)
        assert isinstance(corners, Extractor)
        assert corners.fingerprint() != create("corners", share=0.2).fingerprint()
        upper, lower = corners([gradient("black", "white", vertical=True)])[0]
        assert upper < 20
        assert lower > 235
        assert corners([]).shape == (0, 2)
    finally:
        extractors.BLOCKS.unregister("corners")


def test_the_classifier_example_is_a_classifier(tmp_path: Path) -> None:
    code = next(block for block in _fences("fusion/README.md", "python") if "naive_bayes" in block)
    try:
        exec(compile(code, "fusion/naive_bayes.py", "exec"), {"__name__": "fusion.naive_bayes"})
        rng = np.random.default_rng(0)
        y = np.repeat(["dub", "opera"], 40)
        X = pd.DataFrame(rng.normal(size=(80, 4)), columns=["a.x", "a.y", "b.x", "b.y"], dtype=np.float32)
        X.loc[y == "opera", "b.x"] += 5
        model = classifiers.create("naive_bayes").fit(X, y)
        assert (model.predict(X) == y).mean() > 0.9
        model.save(tmp_path / "m")
        again = classifiers.classifier_class("naive_bayes").load(tmp_path / "m")
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    finally:
        classifiers.CLASSIFIERS.unregister("naive_bayes")


def test_the_classifiers_from_python_are_scikit_learns() -> None:
    code = next(block for block in _fences("fusion/README.md", "python") if "cross_val_score" in block)
    names: dict[str, np.ndarray] = {}
    exec(compile(code, "fusion/README.md", "exec"), names)
    assert names["scores"].mean() > 0.8
    assert names["probabilities"].shape == (80, 2)


@pytest.mark.slow
def test_the_readmes_python_prints_what_stands_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COVERFUSION_STORE", str(tmp_path / "store"))
    exec(compile(_fences("README.md", "python")[0], "README.md", "exec"), {})
    printed, shown = capsys.readouterr().out.split(), _fences("README.md", "text")[0].split()
    assert [word for word in printed if not _is_number(word)] == [w for w in shown if not _is_number(w)]
    numbers = [[float(word) for word in words if _is_number(word)] for words in (printed, shown)]
    np.testing.assert_allclose(*numbers, atol=0.02)


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+\.\d+", word) is not None


def test_data_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(_fences("data/README.md", "python")[0], names)
    assert len(names["collection"].frame) == 60


def test_a_block_from_a_file(tmp_path: Path) -> None:
    example, load = _fences("features/README.md", "python")
    (tmp_path / "corners.py").write_text(example)
    show = "from coverfusion.features.registry import extractor_names; print(extractor_names())"
    done = subprocess.run(
        [sys.executable, "-c", f"{load}\n{show}"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "'corners'" in done.stdout


def test_parts_of_many_machines_are_read_as_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scores").mkdir()
    for part in (0, 1):
        pd.DataFrame({"path": [f"{part}.jpg"]}).to_parquet(tmp_path / "scores" / f"part-{part}.parquet")
    monkeypatch.chdir(tmp_path)
    names: dict[str, pd.DataFrame] = {}
    exec(_fences("experiments/cluster/README.md", "python")[0], names)
    assert len(names["scores"]) == 2


@pytest.mark.parametrize("document", DOCUMENTS)
def test_configs_can_be_read(document: str, tmp_path: Path) -> None:
    configs = [
        text
        for text in _fences(document, "yaml", "yml")
        if re.search("^(classifiers|blocks|collection):", text, re.MULTILINE)
    ]
    for number, text in enumerate(configs):
        whole = text if "collection:" in text else f"collection: covers\n{text}"
        file = tmp_path / f"{number}.yaml"
        file.write_text(whole)
        config = read_config(file)
        for name, parameters in (config.blocks or {}).items():
            create(name, config.preset, **parameters)
        for name, parameters in (config.classifiers or {}).items():
            classifiers.create_checked(name, **parameters)


def test_every_block_and_classifier_has_its_row() -> None:
    for name in extractors.extractor_names():
        assert f"| `{name}`" in DOCUMENTS["features/README.md"], name
    for name in classifiers.classifier_names():
        assert re.search(rf"^\| (`\w+`, )?`{name}`", DOCUMENTS["fusion/README.md"], re.MULTILINE), name


def test_every_command_has_its_row() -> None:
    assert isinstance(COMMANDS, typer.core.TyperGroup)
    for name in COMMANDS.commands:
        assert f"| `coverfusion {name}" in DOCUMENTS["experiments/README.md"], name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_their_options_exist(document: str) -> None:
    for words in _commands(DOCUMENTS[document]):
        command, rest = _command_of(words)
        known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
        given = {word.partition("=")[0] for word in rest if re.match("--?[a-z]", word)}
        assert given <= known, f"coverfusion {' '.join(words)}: there is no {given - known}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document: str) -> None:
    text = FENCE.sub("", DOCUMENTS[document])
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text)
    local = [
        link
        for pair in links
        for link in pair
        if link and "://" not in link and not link.startswith("mailto:")
    ]
    missing = [link for link in local if not (ROOT / document).parent.joinpath(link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_glossarys_words_are_used(document: str) -> None:
    assert not BANNED.findall(re.sub(r"`[^`]+`", "", FENCE.sub("", DOCUMENTS[document])))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_sentences_are_short(document: str) -> None:
    assert not [text for text in _sentences(DOCUMENTS[document]) if len(text.split()) > MAX_WORDS]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_long_sentences_are_seen() -> None:
    words = " ".join(["word"] * 26)
    assert [
        len(text.split()) for text in _sentences(f"Short one. {words}.\n\n| {words} |\n- `{words}` is code.")
    ] == [2, 26, 3]


def test_the_numbers_of_the_picture_and_the_readme_are_those_of_the_results() -> None:
    results = DOCUMENTS["experiments/RESULTS.md"]
    drawn = pd.read_csv(ROOT / "experiments/results/leaderboard.csv")
    for row in drawn.itertuples():
        assert f"| {row.accuracy:.3f} ({row.low:.3f}-{row.high:.3f}) |" in results, row.label
    rows = re.findall(r"(?<=\| )(\d\.\d+ \(\d\.\d+-\d\.\d+\)) \|", README)
    assert len(rows) == 10
    assert all(row in results for row in rows)


def test_the_notice_names_every_packaged_weight_and_photo() -> None:
    notice = (ROOT / "NOTICE").read_text()
    sources = [weights.source for name in extractors.extractor_names() for weights in create(name).weights()]
    packages = {package for source in sources for package in re.findall(r"\w+(?:-\w+)+", source)}
    assert packages
    for name in (*packages, *(Path(photo).stem for photos in PHOTOS.values() for photo in photos)):
        assert name in notice, name


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["version"] == project["version"]
    assert citation["license"] == "Apache-2.0"
