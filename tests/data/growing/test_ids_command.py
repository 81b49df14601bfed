"""`coverfusion grow --ids` as people type it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.data.growing.grow import Services
from coverfusion.data.growing.http import Client
from coverfusion.experiments.cli import app
from tests.helpers.discogs_service import TOKEN, DiscogsService, discogs
from tests.helpers.growing import CONTACT, picture, table, with_releases


@pytest.fixture
def service() -> Iterator[DiscogsService]:
    with discogs(with_releases(*range(1, 7), backs=(2,))) as running:
        yield running


@pytest.fixture
def asked_here(service: DiscogsService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public services' addresses and manners are replaced, nothing else."""
    monkeypatch.setattr("coverfusion.data.growing.grow.Services", lambda: Services(discogs=service.address))
    monkeypatch.setattr(
        "coverfusion.data.growing.discogs.REQUESTS_PER_MINUTE", {"with a token": 10**6, "without": 1}
    )
    monkeypatch.setattr("coverfusion.data.growing.http.Client", partial(Client, tries=1, https_only=False))
    monkeypatch.setenv("COVERFUSION_CONTACT", CONTACT)
    monkeypatch.setenv("DISCOGS_TOKEN", TOKEN)


def test_the_command_rebuilds_a_set_from_its_file_names(asked_here, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("Rock/\nRock/R-1-1490322801-7353-jpeg.jpg\nPop/R-2-1183517792-jpeg.jpg\n")
    words = ["grow", "--source", "discogs", "--ids", "names.txt", "--out", "grown"]
    done = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert done.output.startswith("2 releases of names.txt from Discogs")
    assert "Next, to train on it: coverfusion train grown/manifest.csv" in done.output
    assert TOKEN not in done.output
    assert "DISCOGS_TOKEN" not in done.output
    assert list(table(Path("grown"), "manifest.csv")["genre"]) == ["Rock", "Pop"]

    service.pictures[2] = [picture(99)]
    words[-1] = "again"
    done = CliRunner().invoke(app, [*words, "--lock", "grown/grow.lock.csv"])
    assert isinstance(done.exception, UserError)
    assert "1 picture differs from grown/grow.lock.csv: 2 front changed" in str(done.exception)

    service.trouble[1] = [503]
    words[-1] = "third"
    done = CliRunner().invoke(app, [*words, "--retry"])
    assert "does not reply" in str(done.exception)
    Path("names.txt").write_text("2\n1\n")
    service.trouble[1] = [503]
    done = CliRunner().invoke(app, words)
    assert "1 picture got no reply" in str(done.exception)
    assert CliRunner().invoke(app, words).exit_code == 0


def test_a_missing_token_is_told_before_anything_is_asked_for(asked_here, service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCOGS_TOKEN")
    monkeypatch.setattr("coverfusion.data.growing.discogs.REQUESTS_PER_MINUTE", {"without": 10**6})
    Path("ids.txt").write_text("1\n")
    done = CliRunner().invoke(app, ["grow", "--source", "discogs", "--ids", "ids.txt", "--out", "grown"])
    told, _, later = done.output.partition("1 release of ids.txt from Discogs")
    assert "DISCOGS_TOKEN is not set" in told
    assert later
    assert "only for a token" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "either --genre"),
        ("-g jazz --ids ids.txt", "either --genre"),
        ("-g jazz --source discogs", "--source discogs goes with --ids"),
        ("-g jazz --lock a.csv", "--lock goes with --ids"),
        ("--ids ids.txt --limit 3", "--limit goes with --genre"),
        ("--ids ids.txt --source dicsogs", "Did you mean 'discogs'"),
        ("--ids ids.txt --source discogs --size 250", "one size"),
        ("--ids ids.txt --size 300", "there is no '300'"),
        ("--ids nowhere.txt --source discogs", "nowhere.txt cannot be read"),
        ("--ids ids.txt", "ids.txt: no release id of MusicBrainz in line 1 ('1')"),
    ],
)
def test_a_refused_call_says_why_and_leaves_nothing(words, reason, asked_here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("1\n")
    done = CliRunner().invoke(app, ["grow", "--out", "made", *words.split()])
    assert isinstance(done.exception, UserError), done.output
    assert reason in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["ids.txt"]
