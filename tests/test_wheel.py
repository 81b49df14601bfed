"""The wheel holds the package and nothing else, and works without a checkout, beside a user's own modules."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import itertools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packaging.requirements import Requirement

from coverfusion.data.errors import EXTRAS
from tests.helpers.small import save_small

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = ("coverfusion", "data", "features", "fusion", "experiments")
# what may import an extra's packages without further ado: nothing else imports these
ROOMS_OF_EXTRAS = {
    "data/growing": "grow",
    "experiments/app": "app",
    "experiments/bench": "dev",
    "experiments/service": "service",
    "experiments/tracking": "tracking",
}


def modules() -> Iterator[Path]:
    """Every module of the package, relative to the root."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT)


# --- requirements --------------------------------------------------------------------------------------


def installed_with(requirements: Iterable[str]) -> set[str]:
    """Names of all distributions that come with these requirements, in the running environment."""
    found: set[str] = set()
    asked = [Requirement(text) for text in requirements]
    seen: set[str] = set()
    while asked:
        requirement = asked.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        extras = requirement.extras or {""}
        if requirement.marker and not requirement.marker.evaluate():
            continue
        if requirement.name == "coverfusion":
            of_extras = PROJECT["project"]["optional-dependencies"]
            asked += [Requirement(text) for extra in extras for text in of_extras[extra]]
            continue
        found.add(normal(requirement.name))
        try:
            more = importlib.metadata.requires(requirement.name) or []
        except importlib.metadata.PackageNotFoundError:  # for another platform
            continue
        for text in more:
            wanted = Requirement(text)
            marker, wanted.marker = wanted.marker, None
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                asked.append(wanted)
    return found


@functools.cache
def distributions_of(module: str) -> set[str]:
    """Names of the distributions that bring a top-level module."""
    return {normal(name) for name in _distributions().get(module, [])}


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def normal(name: str) -> str:
    """A distribution's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(path: Path) -> tuple[set[str], set[str]]:
    """Top-level names that a module imports when it is imported, and those that it imports later."""
    tree = ast.parse((ROOT / path).read_text())
    later: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            later |= set(ast.walk(node))
    at_once: set[str] = set()
    in_functions: set[str] = set()
    for node in ast.walk(tree):
        names = in_functions if node in later else at_once
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    ours = {"coverfusion", *sys.stdlib_module_names}
    return at_once - ours, in_functions - ours


def test_what_is_imported_is_required() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    base = installed_with(PROJECT["project"]["dependencies"])
    everything = base | installed_with(extras["all"])
    with_extra = {extra: installed_with(extras[extra]) for extra in set(ROOMS_OF_EXTRAS.values())}
    missing = set()
    for path in modules():
        room = next((extra for room, extra in ROOMS_OF_EXTRAS.items() if path.is_relative_to(room)), None)
        own = with_extra[room] if room else set()
        for names, known in zip(imports(path), (base | own, everything | own), strict=True):
            for name in names:
                if not distributions_of(name) & known:
                    missing.add(f"{path} imports {name}")
    assert not missing


def test_each_extra_has_its_message() -> None:
    optional = PROJECT["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(optional) - {"all", "easyocr"}  # easyocr brings weights, which are not imported
    for extra, products in EXTRAS.items():
        named = {normal(Requirement(text).name) for text in optional[extra]}
        for module in products:
            assert distributions_of(module) & named, (extra, module)


def test_the_tried_versions_satisfy_the_requirements() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tried = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    versions = {normal(name): version for name, version in tried.items()}
    project = PROJECT["project"]
    for text in [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]:
        requirement = Requirement(text)
        if requirement.name != "coverfusion":
            assert requirement.specifier.contains(versions[normal(requirement.name)]), text


# --- the wheel -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as building leaves files behind."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]):
        shutil.copy(ROOT / name, source)
    for folder in (*FOLDERS, "tests"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, which sees the libraries of this one but not its checkout.

    Python ignores .pth files of a folder that a .pth file names: an editable install is such a file. What
    only an extra brings cannot be imported there.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    base = installed_with(PROJECT["project"]["dependencies"])
    extras = [
        module for products in EXTRAS.values() for module in products if not distributions_of(module) & base
    ]
    hidden = f"import sys; sys.modules.update(dict.fromkeys({extras}))"
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n{hidden}\n")
    pip(
        "--python",
        str(folder / "bin" / "python"),
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
        str(wheel),
    )
    return folder


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with covers, and with modules that are called like folders of ours."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "data").mkdir()
    (folder / "data" / "__init__.py").write_text("OURS = False\n")
    (folder / "features.py").write_text("OURS = False\n")
    (folder / "covers").mkdir()
    save_small(folder / "covers")
    return folder


def pip(*arguments: str) -> None:
    """Runs pip, quietly."""
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def run(environment: Path, workplace: Path, *words: str) -> str:
    """What a command of the environment prints; the user's folder is the first place to import from."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [environment / "bin" / words[0], *words[1:]],
        cwd=workplace,
        env=kept | {"PYTHONPATH": str(workplace), "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    places = PROJECT["tool"]["setuptools"]["package-dir"]
    expected = {f"{places_of(path, places)}/{path.name}" for path in modules()}
    expected |= {
        f"coverfusion/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "experiments" / "drawing" / "templates").iterdir()
        if path.is_file()
    }
    expected |= {"coverfusion/py.typed", "coverfusion/experiments/bench/ocr_transcripts.csv"}
    for folder, kind in (("app", "*.js"), ("benchmark/tasks", "*/*")):  # what code reads beside itself
        files = (ROOT / "experiments" / folder).glob(kind)
        expected |= {f"coverfusion/{path.relative_to(ROOT).as_posix()}" for path in files}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    version = PROJECT["project"]["version"]
    about = {name for name in names if name.startswith(f"coverfusion-{version}.dist-info/")}
    assert names - about == expected
    assert {f"coverfusion-{version}.dist-info/licenses/{name}" for name in ("LICENSE", "NOTICE")} <= about


def places_of(path: Path, places: dict[str, str]) -> str:
    """The folder of a module in the wheel."""
    name = next(name for name, folder in places.items() if folder == path.parent.as_posix())
    return name.replace(".", "/")


@pytest.mark.slow
def test_the_package_is_imported_from_the_wheel(environment: Path, workplace: Path) -> None:
    script = workplace / "script.py"
    script.write_text(
        "import data, features\n"
        "import coverfusion\n"
        "from coverfusion.data import errors\n"
        "print(data.OURS, features.OURS, coverfusion.__file__, errors.__file__, sep='\\n')\n"
    )
    theirs, theirs_too, *ours = run(environment, workplace, "python", str(script)).split("\n")[:4]
    assert theirs == theirs_too == "False"
    assert all(Path(path).is_relative_to(environment) for path in ours)


@pytest.mark.slow
def test_it_trains_and_scores_beside_modules_of_the_same_names(environment: Path, workplace: Path) -> None:
    chosen = ["-b", "color", "-c", "logistic", "-c", "knn", "--out", "runs"]
    run(environment, workplace, "coverfusion", "train", "covers/covers.csv", *chosen)
    (bundle,) = workplace.glob("runs/*/bundle")
    assert (bundle.parent / "report.html").is_file()
    pictures = sorted(str(path) for path in (workplace / "covers").glob("dub-*.jpg"))[:6]
    run(environment, workplace, "coverfusion", "score", str(bundle), *pictures, "--out", "scores.csv")
    scores = pd.read_csv(workplace / "scores.csv")
    assert len(scores) == 6
    assert (scores.filter(regex="genre").iloc[:, 0] == "dub").mean() > 0.5


@pytest.mark.slow
def test_a_command_without_its_extra_says_which(environment: Path, workplace: Path) -> None:
    with pytest.raises(AssertionError, match=r"coverfusion\[search\]"):
        run(environment, workplace, "coverfusion", "search", "covers/covers.csv", "-c", "knn", "-p", "k")
