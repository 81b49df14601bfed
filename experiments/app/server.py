"""The app's server: streamlit's, with a first page that says something before any script has run."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
from streamlit import file_util

from coverfusion.experiments.app.addresses import ADDRESSES, SCORE
from coverfusion.experiments.app.uploads import MAX_MEGABYTES
from coverfusion.experiments.drawing.charts import DARK, LIGHT
from coverfusion.fusion.uncertainty.decision import Targets

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'  # as in the pages
# It goes as soon as streamlit has drawn the links with their text; no script of its own is needed.
STARTING = f"""
<style>
html {{ background: {LIGHT["page"]}; }}
#starting {{
  font: 1.1rem/1.5 {FONT}; text-align: center; color: {LIGHT["ink"]};
  position: fixed; inset: 0; padding: 18vh 1.5rem 0; pointer-events: none;
}}
#starting b {{ font-size: 1.6rem; }}
body:has(#root [data-testid=stPageLink] p) #starting {{ display: none; }}
body:not(:has(#root [data-testid=stPageLink] p)) #root {{ visibility: hidden; }}
@media (prefers-color-scheme: dark) {{
  html {{ background: {DARK["page"]}; }}
  #starting {{ color: {DARK["ink"]}; }}
}}
</style>
<div id="starting" role="status">
<p><b>coverfusion</b></p>
<p>The app is opening. This takes a few seconds.</p>
</div>
"""


def run_server(bundle: Path | None, runs: Path, host: str, port: int, targets: Targets) -> None:
    """Serves the app until it is stopped.

    Args:
        bundle: the model that scores; None: that of the chosen run.
        runs: the folder of runs.
        host: the address it listens on.
        port: the port it listens on.
        targets: when to abstain, and what the sets of genres guarantee.
    """
    script = Path(__file__).with_name("main.py")
    sys.argv = [str(script), *script_words(bundle, runs, targets)]
    page = first_page((Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8"))
    st.App(script, routes=first_routes(page), lifespan=_modules_loaded).run(config=server_options(host, port))


def script_words(bundle: Path | None, runs: Path, targets: Targets) -> list[str]:
    """What `main.py` reads from its command line."""
    return [str(bundle or ""), str(runs), json.dumps(asdict(targets))]


def server_options(host: str, port: int) -> dict[str, Any]:
    """Streamlit's options: it opens no browser, reports to nobody and watches no files."""
    return {
        "server.headless": True,
        "server.address": host,
        "server.port": port,
        "server.maxUploadSize": MAX_MEGABYTES,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "theme.font": FONT,
        **_theme("light", LIGHT),
        **_theme("dark", DARK),
    }


def _theme(name: str, colours: Mapping[str, str]) -> dict[str, str]:
    """The colours of the pages that commands write."""
    roles = {
        "primaryColor": "fused",
        "linkColor": "fused",
        "backgroundColor": "page",
        "secondaryBackgroundColor": "surface",
        "textColor": "ink",
        "borderColor": "line",
    }
    return {f"theme.{name}.{role}": colours[colour] for role, colour in roles.items()}


def first_page(shell: str) -> str:
    """Streamlit's empty page with the app's title, and words that stand until something is drawn."""
    titled = shell.replace("<title>Streamlit</title>", "<title>coverfusion</title>")
    return titled.replace('<div id="root"></div>', f'<div id="root"></div>{STARTING}')


def first_routes(page: str) -> Sequence[Route]:
    """The same first page at the address of every page of the app."""

    async def answer(request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    async def lead_home(request: Request) -> RedirectResponse:
        """Streamlit knows its first page without a name only."""
        return RedirectResponse(request.url.replace(path="/"))

    others = (address for address in ADDRESSES if address != SCORE)
    return [Route(f"/{SCORE}", lead_home), *(Route(f"/{address}", answer) for address in ("", *others))]


@asynccontextmanager
async def _modules_loaded(app: st.App) -> AsyncIterator[None]:
    """Imports all pages once streamlit is there, so that the first visitor need not wait for it."""
    importlib.import_module("coverfusion.experiments.app.main")
    yield
