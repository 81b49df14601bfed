"""What every page of the app says of its run and its model, without a browser."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from coverfusion.experiments.app.chosen_cover import SET_LACKING, set_said
from coverfusion.experiments.app.covers_in import score_command
from coverfusion.experiments.app.main import other_model
from coverfusion.experiments.app.plain_text import plain
from tests.helpers.app_covers import NOTE


def _app(bundle: str, root: str) -> None:
    from pathlib import Path

    from coverfusion.experiments.app.main import main
    from coverfusion.fusion.uncertainty.decision import NO_TARGETS

    main(Path(bundle) if bundle else None, Path(root), NO_TARGETS)


@pytest.fixture
def two_runs(run: Path, many_run: Path, tmp_path: Path) -> Path:
    """A folder with a run of one genre a cover, `one`, and one of several, `several`."""
    shutil.copytree(run, tmp_path / "one")
    shutil.copytree(many_run, tmp_path / "several")
    return tmp_path


def _opened(bundle: Path | str, root: Path, run: str) -> AppTest:
    app = AppTest.from_function(_app, args=(str(bundle), str(root)), default_timeout=60)
    app.query_params["run"] = run
    app.run()
    assert not app.exception
    return app


def _captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def test_the_picker_does_not_change_the_model_that_the_app_was_started_with(two_runs: Path) -> None:
    bundle = two_runs / "several" / "bundle"
    other, own = (_opened(bundle, two_runs, name) for name in ("one", "several"))
    assert other_model(bundle) in _captions(other)
    assert other_model(bundle) not in _captions(own)
    for app in (other, own):  # covers are scored by it, whichever run is chosen
        assert any("one or several of 3 genres" in text.value for text in app.markdown)
        assert not any(NOTE[:-1] in warning.value for warning in app.warning)  # that of the other run


def test_without_a_bundle_the_chosen_run_scores(two_runs: Path) -> None:
    for name, gives in (
        ("one", "gives each cover one of 3 genres"),
        ("several", "one or several of 3 genres"),
    ):
        app = _opened("", two_runs, name)
        assert any(gives in text.value for text in app.markdown)
        assert "started with" not in _captions(app)


def test_the_leaderboard_of_another_run_does_not_say_that_its_model_scores(run: Path) -> None:
    def shown(folder: str, used: bool) -> None:
        from pathlib import Path

        from coverfusion.experiments.app.run_page import show_run_page

        show_run_page(Path(folder), used)

    for used, words in ((True, "model that this app uses"), (False, "chosen model of this run")):
        app = AppTest.from_function(shown, args=(str(run), used), default_timeout=60).run()
        assert not app.exception
        text = " ".join(one.value for one in [*app.markdown, *app.caption])
        assert words in text
        assert ("this app uses" in text) == used


def test_a_set_without_all_that_the_model_has_learnt_from_has_a_reserve() -> None:
    facts = {"genre_set": ["Rock"], "known_genres": 3, "set_coverage": 0.9, "sets": "by-genre"}
    facts |= {"lacking": [], "out_of_distribution": False}
    reserve = plain(SET_LACKING)
    assert reserve not in set_said(facts)
    assert set_said({**facts, "lacking": ["No back."]}).endswith(reserve)
    every = {**facts, "genre_set": ["Rock", "Pop", "Jazz"], "lacking": ["No back."]}
    assert reserve not in set_said(every)  # it guarantees nothing anyway


def test_the_command_for_more_pictures_names_the_bundle() -> None:
    assert score_command(Path("my runs/a/bundle")).startswith("coverfusion score 'my runs/a/bundle' ")
