"""What users read keeps to the glossary: no banned word in a command's output, an error, or a page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("data", "features", "fusion", "experiments", "coverfusion")
SPOKEN = {"UserError", "print", "print_frame", "Option", "Argument", "Field"}  # calls whose words people read
TEMPLATES = sorted((ROOT / "experiments/drawing/templates").iterdir())
MODULES = sorted(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "bench" not in path.parts
)

# a word of the glossary's last column -> what it looks like where a user reads it
GLOSSARY = {
    "artwork": r"artworks?",
    "dataset": r"datasets?",
    "class": r"(?:true|predicted|rarer) class|classes of covers",
    "modality": r"modalit(?:y|ies)",
    "feature set": r"feature sets?(?! them)",
    "cache": r"cached covers",
    "answers": r"(?:no|give an|is|are|covers) answer(?:s|ed)?",
    "surest": r"surest",
    "no answer": r"no answers?",
    "refuse": r"the model refuse[sd]?",
    "promise": r"promise[sd]?",
    "Mondrian": r"Mondrian",
    "unlike covers": r"unlike covers?",
    "shares": r"shares? of|shares? (?:above|between|from|for)|(?:a|the|its|largest) share",
    "error bar": r"error bars?",
    "percent": r"percent (?:better|worse|more|less)",
}
ODD = (
    r"could show",
    r"against nothing",
    r"entries of",
    r"k of knn",
    r"how well it is told",
    r"covers: its genres",
    r"surely",
    r"the app's own",
    r"all 2 blocks",
    r"tells? it too",
    r"\((?:aps|lac)\b|\b(?:aps|lac) takes",
)
BANNED = re.compile(
    rf"\b(?:{'|'.join((*GLOSSARY.values(), *ODD))})\b".replace(r"\b(?:\(", r"(?:\("), re.IGNORECASE
)


def _docstring(node: ast.AST) -> ast.AST | None:
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    return first.value if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else None


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and words of each string below a node; what stands in an f-string's braces becomes one mark."""
    for each in ast.walk(node):
        if isinstance(each, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in each.values)
            yield each.lineno, "".join(map(str, parts))
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.lineno, each.value


def _said(source: str, everything: bool) -> Iterator[tuple[int, str]]:
    """What users read of a module: all its strings without docstrings, or only those of `SPOKEN` calls.

    The docstring of a command is its help, and is read too.
    """
    tree = ast.parse(source)
    hidden = {id(text) for node in ast.walk(tree) if (text := _docstring(node)) and not _is_command(node)}
    if everything:
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in hidden:
                yield from _texts(node) if isinstance(node, ast.JoinedStr) else _constant(node)
        return
    for node in ast.walk(tree):
        name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if name in SPOKEN:
            yield from _texts(node)


def _constant(node: ast.Constant) -> Iterator[tuple[int, str]]:
    if isinstance(node.value, str):
        yield node.lineno, node.value


def _is_command(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.endswith("_command")


def _written(template: str) -> str:
    """The words of a template, without styles, comments, tags and expressions; of scripts their strings."""
    template = re.sub(r"(?s)<script.*?</script>", lambda script: _strings(script[0]), template)
    bare = re.sub(
        r"(?s)<style.*?</style>|\{#.*?#\}|\{%.*?%\}|/\*.*?\*/|^\s*//[^\n]*$",
        " ",
        template,
        flags=re.MULTILINE,
    )
    return re.sub(r"\s+", " ", re.sub(r"(?s)\{\{.*?\}\}", "…", re.sub(r"<[^>]+>", " ", bare)))


def _strings(script: str) -> str:
    return "\n".join(re.findall(r"`[^`]*`|\"[^\"\n]*\"", script))


def test_every_word_that_the_glossary_rules_out_is_looked_for() -> None:
    rows = (
        line.split("|")
        for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
        if line.startswith("| ")
    )
    ruled_out = {word for row in rows if len(row) > 4 for word in re.findall(r"`([^`]+)`", row[3])}
    assert ruled_out <= set(GLOSSARY)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_module_says(path: Path) -> None:
    said = _said(path.read_text(), everything="experiments" in path.parts)
    found = [f"{line}: {hit[0]!r} in {text!r}" for line, text in said if (hit := BANNED.search(text))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_says(path: Path) -> None:
    text = path.read_text()
    words = _written(_strings(text) if path.suffix == ".js" else text)
    found = [words[max(hit.start() - 40, 0) : hit.end() + 40] for hit in BANNED.finditer(words)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        'raise UserError(f"{path} has no answer for {n} covers.")',
        'console.print("Block alone against nothing")',
        'print_frame(rows, "4 entries of covers")',
        'def score_command():\n    """Names the surest genre."""',
    ],
)
def test_a_planted_word_is_found(source: str) -> None:
    assert any(BANNED.search(text) for _, text in _said(source, everything=True))


def test_a_planted_word_of_a_template_is_found() -> None:
    assert BANNED.search(_written("<p>{{ n }} <b>covers</b>\nanswered {# fine #}</p>"))
    assert not BANNED.search(_written("{# no answer #}<p>{{ shares_of }} of the covers</p>"))


def test_only_what_users_read_is_judged() -> None:
    source = '"""The surest."""\ndef f():\n    """No answer."""\n    raise UserError("no cover")\n'
    assert [text for _, text in _said(source, everything=True)] == ["no cover"]
