"""Growing from the local server of Discogs, and what lies in the folder afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.growing.by_ids import Grown, grow_by_ids
from coverfusion.data.growing.discogs import Discogs
from coverfusion.data.growing.http import Client
from coverfusion.data.growing.ids import WantedRelease
from tests.helpers.discogs_service import TOKEN, DiscogsService, discogs_release
from tests.helpers.pictures import encode, noise

CONTACT = "someone@example.org"
TABLES = ("manifest.csv", "rejected.csv", "grow.lock.csv")


def picture(number: int) -> bytes:
    return encode(noise(number, (40, 40)))


def with_releases(*numbers: int, backs: tuple[int, ...] = ()) -> DiscogsService:
    """Releases with a picture each, some with a second one."""
    return DiscogsService(
        releases={n: discogs_release(n, ("Rock", "Pop") if n % 2 else ("Jazz",)) for n in numbers},
        pictures={n: [picture(n)] + [picture(1000 + n)] * (n in backs) for n in numbers},
    )


def wanted(*ids: int) -> list[WantedRelease]:
    return [WantedRelease(str(n)) for n in ids]


def run(
    folder: Path, service: DiscogsService, ids: list[WantedRelease], token: str = TOKEN, **options: Any
) -> Grown:
    source = Discogs(token, service.address)
    manners = source.manners() | {"interval": options.pop("interval", 0.0)}
    client = Client(CONTACT, tries=2, back_off=0.0, timeout=(1.0, 0.3), https_only=False, **manners)
    return grow_by_ids(folder, ids, source, client, **options)


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def lock(folder: Path) -> list[tuple[str, str, str]]:
    rows = table(folder, "grow.lock.csv")
    return list(zip(rows["id"], rows["side"], rows["status"], strict=True))


def bytes_of(folder: Path) -> dict[str, bytes]:
    covers = {
        str(p.relative_to(folder)): p.read_bytes() for p in (folder / "covers").rglob("*") if p.is_file()
    }
    return covers | {name: (folder / name).read_bytes() for name in TABLES}
