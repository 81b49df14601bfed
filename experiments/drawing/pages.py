"""HTML pages and SVG pictures from the files in `templates/`."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.charts import DARK, LIGHT, Chart
from coverfusion.experiments.drawing.compiled import Compiled
from coverfusion.experiments.drawing.marks import mark
from coverfusion.experiments.drawing.words import capital, day

TEMPLATES = Path(__file__).parent / "templates"
Filters = Mapping[str, Callable[..., Any]]
_TABLE = re.compile(r"<table([^>]*)>(.*?)</table>", re.DOTALL)
_ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[dh])\b([^>]*)>(.*?)</\1>", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
# an element that shows a path alone
_PATH = re.compile(r'(<\w+ class="[^"]*\bpath\b[^"]*"[^>]*>)([^<]+)')
# a tag, or an interval
_INTERVAL = re.compile(r"(<[^>]*>)|(\(?[+\u2212]?\d[\d.,]*(?:\u2013| to )[+\u2212]?\d[\d.,]*\)?)")
# what every template finds: both palettes, and each colour as the style sheet calls it
PALETTES = {"light": LIGHT, "dark": DARK, "colours": {name: f"var(--{name})" for name in LIGHT}}


def render(template: str, context: Mapping[str, Any], filters: Filters | None = None) -> str:
    """One filled template; whatever the user's files are called is escaped.

    Args:
        template: a file name in `templates/`.
        context: values by name, beside `PALETTES`; a name that the template asks for and that is not there
            raises `jinja2.UndefinedError`.
        filters: name -> function, for `{{ value | name }}`.
    """
    environment = _environment().overlay()
    environment.filters = environment.filters | dict(filters or {})
    return labelled(environment.get_template(template).render(PALETTES | dict(context)))


def labelled(page: str) -> str:
    """The page with its tables ready to stack: each cell but the first of a row names its column.

    Paths break after slashes, and intervals stay on one line.

    Matrices and tables that fold in their own way stay as they are.
    """
    page = _PATH.sub(lambda found: found[1] + found[2].replace("/", "/<wbr>"), page)
    return _TABLE.sub(lambda found: _stacked(*found.groups()), page)


def _stacked(attributes: str, content: str) -> str:
    head, end, body = content.partition("</thead>")
    if not end or {"matrix", "fold"} & set(re.findall(r"\w+", attributes)):
        return f"<table{attributes}>{content}</table>"
    columns = [" ".join(Markup(text).striptags().split()) for _, _, text in _CELL.findall(head)]

    def row(found: re.Match[str]) -> str:
        place = 0

        def cell(one: re.Match[str]) -> str:
            nonlocal place
            at, (kind, given, inside) = place, one.groups()
            place += int(re.search(r'colspan="(\d+)"', given + ' colspan="1"')[1])  # type: ignore[index]
            name = columns[at] if 0 < at < len(columns) else ""
            label = f' data-label="{escape(name)}"' if name else ""
            whole = _INTERVAL.sub(lambda part: part[1] or f'<span class="whole">{part[2]}</span>', inside)
            return f"<{kind}{given}{label}>{whole}</{kind}>"

        return _CELL.sub(cell, found.group())

    stacked = (
        attributes.replace('class="', 'class="stack ')
        if "class=" in attributes
        else f' class="stack"{attributes}'
    )
    return f"<table{stacked}>{head}{end}{_ROW.sub(row, body)}</table>"


def code(text: str) -> Markup:
    """A sentence, escaped, in which what stands in backticks is code, as a terminal shows it."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def script(name: str) -> dict[str, str]:
    """A script of `templates/` as `page.html` takes it: its text, and the digest that lets it alone run."""
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"script": Markup(text), "script_hash": f"sha256-{digest}"}


def svg(chart: Chart, standalone: bool = False) -> Markup:
    """A chart as SVG: in the page's colours, or as a file of its own in light ones, for other programs."""
    colours = LIGHT if standalone else PALETTES["colours"]
    context = PALETTES | {"chart": chart, "standalone": standalone, "colours": colours}
    return Markup(_environment().get_template(chart.template).render(context))


def save_charts(folder: Path, charts: Mapping[str, Chart]) -> None:
    """Writes `figures/<name>.svg` of each chart.

    Args:
        folder: of the run or study.
        charts: by name.
    """
    place = folder / "figures"
    place.mkdir(exist_ok=True)
    for name, chart in charts.items():
        write(place / f"{name}.svg", svg(chart, standalone=True))


def write(path: Path, text: str) -> None:
    """Writes a page under another name until it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(),
        optimized=False,  # else what filters make of constants would be compiled
    )
    environment.globals["mark"] = mark
    environment.filters |= {"svg": svg, "code": code, "day": day, "capital": capital, "how_many": how_many}
    return environment
