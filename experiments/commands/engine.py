"""Which engine computes: the options that `score` and `extract` share."""

from __future__ import annotations

from typing import Annotated

import typer

from coverfusion.data.errors import UserError, did_you_mean

ENGINES = ("local", "ray")

EngineOption = Annotated[
    str, typer.Option(help="local, or ray for many machines (experiments/cluster/README.md)")
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="with ray: actors, each with its own models")]
AddressOption = Annotated[
    str | None, typer.Option(help="with ray: a running cluster; else $RAY_ADDRESS, else one started here")
]


def check_engine(engine: str, workers: int | None, address: str | None) -> bool:
    """Whether the engine is Ray.

    Raises:
        UserError: an unknown engine, or an option of the ray engine with another.
    """
    if engine not in ENGINES:
        raise UserError(f"--engine {engine}: say `local` or `ray`.{did_you_mean(engine, ENGINES)}")
    if engine == "local" and (workers is not None or address is not None):
        raise UserError("--workers and --address belong to --engine ray.")
    return engine == "ray"
