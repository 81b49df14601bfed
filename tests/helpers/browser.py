"""Pages in a real browser, and what is wrong with one: measured, not looked at."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# boxes of text as they can be seen: cut by whatever scrolls or hides, each with its first words
_BOXES = Path(__file__).with_name("text_boxes.js").read_text(encoding="utf-8")


@dataclass
class Visit:
    """A browser's page, the address it belongs to, and everything that went wrong while it was open."""

    page: Any
    address: str
    wrong: list[str] = field(default_factory=list)

    def check_request(self, url: str) -> None:
        """Notes a request to any other place."""
        here = (self.address, self.address.replace("http", "ws"), "data:", "blob:", "about:")
        if not url.startswith(here):
            self.wrong.append(f"asked for {url}")


@contextmanager
def visited(profile: Path, address: str, width: int = 1280, scheme: str = "light") -> Iterator[Visit]:
    """An empty page of a browser, which listens for errors and for requests to other places.

    Args:
        profile: a folder for the browser.
        address: what every request must start with, such as "file://".
        width: of the window in pixels.
        scheme: "light" or "dark".
    """
    if not CHROMIUM:
        pytest.skip("needs Debian's chromium (apt-get install chromium); .ci/run installs it")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            headless=True,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        page = browser.new_page()
        page.set_default_timeout(30_000)
        visit = Visit(page, address)
        page.on("console", lambda said: visit.wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: visit.wrong.append(str(error)))
        page.on("request", lambda sent: visit.check_request(sent.url))
        page.on("response", lambda got: visit.wrong.append(got.url) if got.status >= 400 else None)
        yield visit
        browser.close()


def faults(page: Any) -> list[str]:
    """What a visitor would stumble over on the open page.

    Returns:
        A line each for horizontal scrolling, text that is cut off, text over other text, and what axe
        (Deque's rules of accessibility) calls serious or critical.
    """
    return [*page.evaluate(_BOXES), *_axe(page)]


def _axe(page: Any) -> list[str]:
    package = pytest.importorskip("axe_playwright_python")
    page.evaluate((Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"axe: {one['id']} ({one['impact']}), {len(one['nodes'])} times: {one['nodes'][0]['target']} "
        f"{one['nodes'][0]['failureSummary'].splitlines()[-1].strip()}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
