"""Entry of the web app: streamlit runs this file at every visit and every click."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import streamlit as st

from coverfusion.data.errors import UserError
from coverfusion.experiments.app import (
    ablation_page,
    addresses,
    genres_page,
    map_page,
    run_page,
    score_page,
    two_covers_page,
)
from coverfusion.experiments.app.background import show_task, start
from coverfusion.experiments.app.example import example_steps
from coverfusion.experiments.app.missing_results import no_run
from coverfusion.experiments.app.plain_text import noted, plain
from coverfusion.experiments.app.run_labels import run_labels, run_words
from coverfusion.experiments.app.runs import finished_runs, is_finished_run, run_note, unique_names
from coverfusion.experiments.drawing.words import capital
from coverfusion.fusion.uncertainty.decision import Targets

EXAMPLE = "the example"  # its task in the background
SHOWN = "shown"  # in the visitor's session: page, run and model that are shown
STYLE = """<style>
[data-testid=stCaptionContainer] { color: inherit; opacity: 0.8; }
/* its Stop leaves a half-drawn page with no way on; scoring has a Stop of its own */
[data-testid=stStatusWidget] button { display: none; }
[data-testid=stFileUploaderDropzoneInstructions] * { white-space: normal; }
[data-variant=segmented_control], [data-variant=segmented_control] * { color: inherit !important; }
.st-key-similar { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 0.75rem; }
.st-key-similar p { overflow-wrap: anywhere; font-size: 0.75rem; }
:is(a, button, summary, [role=tab], [role=region], input):focus-visible,
.react-aria-ComboBox [role=group]:has(input:focus-visible) {
  outline: 3px solid var(--st-primary-color, currentcolor) !important; outline-offset: 2px;
}
/* the box around an input hides what is drawn beyond it, so that the ring is drawn around the box */
[role=group] > input[role=combobox]:focus-visible { outline: none !important; }
input[role=combobox] { text-overflow: ellipsis; }
.st-key-scores-narrow { display: none; }
.st-key-scores-narrow [role=region] { max-height: 28rem; overflow: auto; }
.st-key-scores-narrow table { width: 100%; border-collapse: collapse; }
.st-key-scores-narrow :is(td, th) {
  text-align: left; padding: 0.35rem; overflow-wrap: anywhere; border-bottom: 1px solid #8886;
}
.st-key-scores-narrow :is(td, th):first-child { width: 4.5rem; }
.st-key-scores-narrow img { width: 60px; display: block; }
.st-key-scores-narrow small { display: block; font-size: 0.75rem; }
@media (max-width: 640px) {
  .st-key-scores-wide { display: none; }
  .st-key-scores-narrow { display: block; }
  .st-key-similar { grid-template-columns: repeat(4, minmax(0, 1fr)); }
  .st-key-two > [data-testid=stLayoutWrapper] > [data-testid=stHorizontalBlock],
  .st-key-two [data-testid=stHorizontalBlock] { flex-wrap: nowrap; gap: 0.75rem; }
  .st-key-two [data-testid=stColumn] { min-width: 0; }
  [data-testid=stMainBlockContainer] { padding: 4.5rem 0.9rem 2rem; }
  /* pages of commands have margins of their own, and their tables are made for a phone's whole width */
  [data-testid=stMainBlockContainer] iframe { width: 100vw !important; margin-inline: -0.9rem; }
  [data-testid=stMainBlockContainer] h1 { font-size: 2rem; }
  [data-testid=stTable] :is(td, th) {
    overflow-wrap: anywhere; white-space: normal; font-size: 0.75rem; padding: 0.25rem 0.15rem;
  }
  [data-testid=stTable] :is(td, th) * { overflow-wrap: anywhere; }
  [data-testid=stTable] table { table-layout: fixed; width: 100%; }
  .st-key-by-genre :is(td, th):nth-child(2) { width: 3.1rem; }
  [data-testid=stTable] > div { overflow: visible !important; }
  [data-testid=stSelectbox] [data-baseweb=select] { font-size: 0.85rem; }
}
</style>"""  # streamlit's captions are too pale, and its margins and letters are a desktop's


def main(bundle: Path | None, root: Path, targets: Targets) -> None:
    """Draws the page that the visitor has chosen.

    Args:
        bundle: the model that scores; None: that of the chosen run.
        root: the folder of runs.
        targets: when to abstain, and what the sets of genres guarantee.
    """
    st.set_page_config(page_title="coverfusion", layout="wide")
    st.html(STYLE)
    links = st.container(horizontal=True)
    run = _choose_run(bundle, root)
    used = run is not None and (bundle is None or run == bundle.parent.resolve())
    model = bundle or (run / "bundle" if run else None)
    folder = model or root  # without a model no page is run
    pages = [
        st.Page(
            lambda: score_page.show_score_page(folder, targets),
            title="Score covers",
            url_path=addresses.SCORE,
            default=True,
        ),
        st.Page(
            lambda: two_covers_page.show_two_covers_page(folder, targets),
            title="Compare two",
            url_path=addresses.COMPARE,
        ),
        st.Page(
            lambda: run_page.show_run_page(run, used), title="Leaderboard", url_path=addresses.LEADERBOARD
        ),
        st.Page(lambda: genres_page.show_genres_page(run), title="Genres", url_path=addresses.GENRES),
        st.Page(
            lambda: ablation_page.show_ablation_page(run, root), title="Ablation", url_path=addresses.ABLATION
        ),
        st.Page(lambda: map_page.show_map_page(run, root), title="Map", url_path=addresses.MAP),
    ]
    # streamlit's own menu lies over most of a phone's screen until it is closed again
    page = st.navigation(pages, position="hidden")
    addresses.remember_pages(dict(zip(addresses.ADDRESSES, pages, strict=True)))
    with links:
        for one in pages:
            st.page_link(one, width="content", query_params=addresses.kept_parameters())
    st.title(page.title, anchor=False)
    making = show_task(EXAMPLE)
    if model is None:
        _offer_example(root, making)
        return
    of_run = run if page.url_path in addresses.OF_A_RUN else None
    note = run_note(of_run or model.parent)
    if note and page.url_path not in addresses.WITH_OWN_NOTE:
        st.warning(noted(note))
    # Streamlit leaves the former run's results in place until there are others: take them away at once.
    drawn, shown = st.empty(), (page.url_path, run, model)
    if st.session_state.get(SHOWN) != shown:
        drawn.empty()
    st.session_state[SHOWN] = shown
    try:
        with drawn.container():
            page.run()
    except UserError as error:
        st.error(plain(str(error)))


def _choose_run(bundle: Path | None, root: Path) -> Path | None:
    """The run that the visitor chose; at first the one that the bundle lies in, else the newest."""
    runs = finished_runs(root)
    if bundle and is_finished_run(bundle.parent):
        own = bundle.parent.resolve()
        runs = [own, *(run for run in runs if run.name != own.name)]  # equal names: the same run, copied
    if not runs:
        return None
    labels = _labels(tuple((run, (run / "report.html").stat().st_mtime_ns) for run in runs))
    named = unique_names(runs, root)
    name = addresses.choose(
        "Run", addresses.RUN, list(named), format_func=lambda own: labels[named[own]], width=560
    )
    if words := _words(named[name], (named[name] / "report.html").stat().st_mtime_ns):
        st.caption(plain(capital(f"{words}.")))
    if bundle and named[name] != bundle.parent.resolve():
        st.caption(plain(other_model(bundle)))
    return named[name]


def other_model(bundle: Path) -> str:
    """What the chosen run changes, and what it does not, where the app was started with another's bundle."""
    folder = bundle.resolve()
    return (
        f"Covers are scored by {folder.parent.name}/{folder.name}, which this app was started with. The run "
        "chosen here changes only Leaderboard, Genres, Ablation and Map."
    )


def _offer_example(root: Path, making: bool) -> None:
    no_run()
    if making:
        return
    st.markdown(
        "Or begin with an example. It draws a collection of covers, trains a small model on it and makes its "
        "pages, in a few minutes."
    )
    if st.button("Make the example", type="primary"):
        start(EXAMPLE, example_steps(root))
        st.rerun()


@st.cache_data(max_entries=8, show_spinner="Reading the runs")
def _labels(runs: tuple[tuple[Path, int], ...]) -> dict[Path, str]:
    """Labels of the runs; the times of their reports tell whether they must be read again."""
    return run_labels([run for run, _ in runs])


@st.cache_data(max_entries=32, show_spinner=False)
def _words(run: Path, made: int) -> str:
    """What the label leaves out; the time of its report tells whether it must be read again."""
    return run_words(run)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1] else None, Path(sys.argv[2]), Targets(**json.loads(sys.argv[3])))
