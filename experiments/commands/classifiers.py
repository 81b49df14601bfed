"""`coverfusion classifiers`."""

from __future__ import annotations

import inspect
import textwrap
from typing import Annotated

import typer
import yaml

from coverfusion.experiments.pipeline.console import console, new_table


def classifiers_command(
    name: Annotated[
        str | None,
        typer.Argument(help="One classifier: what it does, and its parameters with their defaults."),
    ] = None,
) -> None:
    """Lists the classifiers, or says what one does and which parameters a config may give it.

    Example: `coverfusion classifiers` or `coverfusion classifiers finetune`
    """
    from coverfusion.fusion.registry import classifier_class, classifier_names, parameters_of

    if name is None:
        table = new_table(heads=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for known in classifier_names():
            table.add_row(known, (inspect.getdoc(classifier_class(known)) or "").partition("\n")[0])
        console.print(table)
        return
    console.print(reflowed(inspect.getdoc(classifier_class(name)) or "", console.width), soft_wrap=True)
    console.print("\nDefaults, as in a config:\n")
    console.print(yaml.safe_dump({name: parameters_of(name)}, sort_keys=False), soft_wrap=True)


def reflowed(text: str, width: int) -> str:
    """A docstring whose paragraphs and arguments are filled anew; indented code stays as it is."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        before = blocks[-1][-1] if blocks else ""
        goes_on = bool(line.strip() and before.strip()) and not before.rstrip().endswith(":")
        deeper = _indent(line) > _indent(blocks[-1][0]) if blocks else False
        same = _indent(line) == _indent(before) == 0
        if goes_on and (deeper or same) and not _is_code(line) and not _is_code(before):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return "\n".join(_filled(block, width) for block in blocks)


def _filled(block: list[str], width: int) -> str:
    if _is_code(block[0]):
        return block[0]
    indent = " " * _indent(block[0])
    hang = indent + "    " if indent else ""
    joined = " ".join(line.strip() for line in block)
    return textwrap.fill(joined, width, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_code(line: str) -> bool:
    return line.lstrip().startswith((">>>", "..."))
