"""Dependencies point left only: experiments -> fusion -> features -> data; every folder is in the package."""

import ast
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "data": {"data"},
    "features": {"features", "data"},
    "fusion": {"fusion", "features", "data"},
    "experiments": {"experiments", "fusion", "features", "data"},
}
# fusion knows tables and how they spell several genres, where pretrained networks come from, how files are
# kept and what is drawn by a seed; it reads no picture
TABLES_ONLY = {
    "data.checksums",
    "data.errors",
    "data.genre_sets",
    "data.identity_order",
    "data.json_files",
    "data.registry",
    "data.sealed_files",
    "data.seeds",
    "features.networks.backbone",
    "features.table",
}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_point_left(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        ours = {
            name.removeprefix("coverfusion.") for name in _imports(path) if name.startswith("coverfusion.")
        }
        wrong = {name for name in ours if name.split(".")[0] not in ALLOWED[folder]}
        if folder == "fusion":
            wrong |= {name for name in ours if not name.startswith(("fusion", *TABLES_ONLY))}
        assert not wrong, f"{path} imports {wrong}"


# floors of experiments/, lowest first; a room not named is a subject
FLOORS = (
    ("evaluation",),
    ("pipeline",),
    ("drawing", "scoring"),
    ("app", "service", "bench"),
    ("commands",),
    ("cli",),
)
SUBJECT = 2.5


def _floor(room: str) -> float:
    return next((float(n) for n, rooms in enumerate(FLOORS) if room in rooms), SUBJECT)


def test_rooms_of_experiments_import_only_what_lies_below() -> None:
    wrong = set()
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        room = path.relative_to(ROOT / "experiments").parts[0].removesuffix(".py")
        for name in _imports(path):
            package, _, below = name.partition("experiments.")
            other = below.split(".")[0]
            if package == "coverfusion." and other != room and _floor(other) >= _floor(room):
                wrong.add(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {
        "coverfusion."
        + ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for top in ALLOWED
        for path in (ROOT / top).rglob("*.py")
    }
    graph = {name: _imports(path) & set(modules) for name, path in modules.items()}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_every_folder_of_modules_is_in_the_package() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    files = [path for top in ALLOWED for path in (ROOT / top).rglob("*.py")]
    folders = {path.parent.relative_to(ROOT).as_posix() for path in files}
    named = {"coverfusion." + folder.replace("/", "."): folder for folder in folders}
    assert listed["package-dir"] == named | {"coverfusion": "coverfusion"}
    assert sorted(listed["packages"]) == sorted(listed["package-dir"])
