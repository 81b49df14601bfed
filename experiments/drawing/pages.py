"""HTML pages and SVG pictures from the files in `templates/`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from coverfusion.experiments.drawing.charts import DARK, LIGHT

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


def write(path: Path, text: str) -> None:
    """Writes a page under another name until it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
