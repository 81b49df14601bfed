"""`coverfusion serve`."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated

import typer

from coverfusion.data.errors import UserError, needs_extra
from coverfusion.experiments.commands.options import (
    BundleArgument,
    SetCoverageOption,
    SetsOption,
    TargetCoverageOption,
    TargetErrorOption,
    ThresholdsOption,
)
from coverfusion.experiments.pipeline.console import console

API_KEY_VARIABLE = "COVERFUSION_API_KEY"
MIN_KEY_CHARACTERS = 16  # a shorter API key can be guessed


def serve_command(
    bundle: BundleArgument,
    host: Annotated[str, typer.Option(help="The address it listens on; 0.0.0.0 takes all.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port it listens on; 0 takes any that is free.")
    ] = 8000,
    api_key_file: Annotated[
        Path | None, typer.Option(help=f"A file with the key that clients send; or set {API_KEY_VARIABLE}.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Requests that a client may send in a second; 0 means no limit.")
    ] = 50,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="The address of a proxy before the service, or a network of proxies only. Its header "
            "X-Forwarded-For names the client (repeatable)."
        ),
    ] = None,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = 0.9,
    sets: SetsOption = None,
    thresholds: ThresholdsOption = None,
) -> None:
    """Serves over HTTP: genres, explanations and similar covers for uploaded pictures.

    Example: `coverfusion serve runs/covers-0123456789/bundle`, then
    `curl -F pictures=@cover.jpg http://127.0.0.1:8000/v1/predict`
    """
    needs_extra("service", "`coverfusion serve`")
    console.print("Reading the model")  # before the slow imports
    from coverfusion.experiments.service.application import run_service
    from coverfusion.experiments.service.limits import Limits
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
    key, proxies = _key(api_key_file), [_network(address) for address in proxy or []]
    if host not in ("127.0.0.1", "::1", "localhost") and key is None:
        console.print(f"Everyone who reaches {host} may ask: there is no API key.", style="yellow")
    if key is not None and len(key) < MIN_KEY_CHARACTERS:
        console.print(
            f"The API key has less than {MIN_KEY_CHARACTERS} characters: it can be guessed.", style="yellow"
        )
    run_service(bundle, host, port, Limits(rate=rate, burst=max(1, round(2 * rate))), key, targets, proxies)


def _key(file: Path | None) -> str | None:
    """The API key of a file or of the environment; None where neither is given."""
    try:
        key = (
            file.read_text(encoding="utf-8").strip() if file else os.environ.get(API_KEY_VARIABLE, "").strip()
        )
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--api-key-file {file} cannot be read: {error}.") from error
    if file and not key:
        raise UserError(f"--api-key-file {file} is empty. Write the key into it.")
    if not key.isascii():
        raise UserError("The API key must be ASCII: it is sent in a header.")
    return key or None


def _network(address: str) -> str:
    """The address or network again, if it is one."""
    try:
        ipaddress.ip_network(address)
    except ValueError as error:
        raise UserError(f"--proxy {address}: {error}. Give 10.0.0.7 or 10.0.0.0/8, say.") from error
    return address
