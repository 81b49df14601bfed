"""`coverfusion classifiers`."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer
import yaml


def classifiers_command(
    name: Annotated[str | None, typer.Argument(help="one of them: its parameters, with defaults")] = None,
) -> None:
    """The classifiers, or what one does and the parameters that a config may give it.

    Example: `coverfusion classifiers` or `coverfusion classifiers finetune`
    """
    from coverfusion.fusion.registry import classifier_class, classifier_names, parameters_of

    if name is None:
        for known in classifier_names():
            summary = (inspect.getdoc(classifier_class(known)) or "").partition("\n")[0]
            typer.echo(f"{known:14} {summary}")
        return
    typer.echo(inspect.getdoc(classifier_class(name)))
    typer.echo("\nDefaults, as in a config:\n")
    typer.echo(yaml.safe_dump({name: parameters_of(name)}, sort_keys=False))
