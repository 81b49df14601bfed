"""HTML pages and SVG pictures from the files in `templates/`."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.charts import DARK, LIGHT, Chart
from coverfusion.experiments.drawing.marks import mark
from coverfusion.experiments.drawing.words import capital, day

TEMPLATES = Path(__file__).parent / "templates"
Filters = Mapping[str, Callable[..., Any]]
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
    return environment.get_template(template).render(PALETTES | dict(context))


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
    )
    environment.globals["mark"] = mark
    environment.filters |= {"svg": svg, "day": day, "capital": capital, "how_many": how_many}
    return environment
