"""Markdown pages from the files in `templates/`: whatever a value holds is text, never markup."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import jinja2

from coverfusion.data.names import escaped
from coverfusion.experiments.drawing.compiled import Compiled
from coverfusion.experiments.drawing.pages import TEMPLATES, Filters

_MARKS = re.compile(r"[\\`*_\[\]<>&|~$]")
_LINKS = re.compile(r"://|\bwww\.|@")  # what readers make a link without being told
_BACKTICKS = re.compile(r"`+")


def render_markdown(template: str, context: Mapping[str, Any], filters: Filters | None = None) -> str:
    """One filled template.

    Args:
        template: a file name in `templates/`.
        context: values by name; a name that the template asks for and that is not there raises
            `jinja2.UndefinedError`.
        filters: name -> function, for `{{ value | name }}`.
    """
    environment = _environment().overlay()
    environment.filters = environment.filters | dict(filters or {})
    return environment.get_template(template).render(context)


class Markdown(str):
    """Text that is Markdown already."""


def as_text(value: object) -> str:
    """A value on one line of Markdown, shown as it is; Markdown stays."""
    if isinstance(value, Markdown):
        return value
    plain = _MARKS.sub(lambda mark: "\\" + mark[0], escaped(str(value)))
    return _LINKS.sub(lambda link: link[0][:-1] + f"&#{ord(link[0][-1])};", plain)


def as_code(value: object) -> Markdown:
    """A value as a block of code, between more backticks than it holds in a row."""
    text = str(value)
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
    return Markdown(f"{fence}text\n{text.strip()}\n{fence}")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        finalize=as_text,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=Compiled(),
        optimized=False,  # as in pages
    )
    environment.filters["code"] = as_code
    return environment
