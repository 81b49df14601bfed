"""Covers in: the model in words, uploads, and how far their scoring is."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from coverfusion.data.plurals import how_many
from coverfusion.experiments.app.addresses import SCORED
from coverfusion.experiments.app.example import drawn_uploads
from coverfusion.experiments.app.loaded_model import LoadedModel, read_model
from coverfusion.experiments.app.plain_text import noted, plain
from coverfusion.experiments.app.runs import run_note
from coverfusion.experiments.app.score_table import show_table
from coverfusion.experiments.app.scored_covers import ScoredCovers
from coverfusion.experiments.app.scoring_jobs import ScoringJob, job_of, start_scoring
from coverfusion.experiments.app.uploads import MAX_PICTURES, UPLOAD_TYPES
from coverfusion.experiments.pipeline.cached_fits import all_blocks
from coverfusion.experiments.pipeline.run_folder import blocks_in_words
from coverfusion.experiments.scoring.known_backs import WITHOUT_BACKS
from coverfusion.experiments.scoring.known_metadata import KnownMetadata
from coverfusion.experiments.scoring.score import check_targets
from coverfusion.experiments.scoring.verdict import note_of as bundle_note
from coverfusion.fusion.uncertainty.decision import Targets
from coverfusion.fusion.uncertainty.guarantees import guarantee

SEEN = "uploads seen"  # in the visitor's session: the uploads that were handed to a model
DRAWN = (
    "These covers are drawn by a program: their scores show that everything works, not what music is like."
)
HOW_BACKS = (
    "To give backs, run `coverfusion score {bundle} FOLDER --pair '*_front.*,*_back.*'` in a terminal, or "
    "`coverfusion explain {bundle} COVER --back BACK`."
)
HOW_METADATA = (
    "To give it, run `coverfusion score {bundle} manifest.csv` in a terminal, or "
    "`coverfusion explain {bundle} COVER --metadata COLUMN=VALUE`."
)


def model_and_scores(
    bundle: Path, targets: Targets, uploads: bool = True
) -> tuple[LoadedModel, ScoredCovers | None]:
    """Takes covers, and returns what was scored of them; None before that, and while they are being scored.

    Args:
        bundle: a bundle folder.
        targets: when to abstain, and what the sets of genres guarantee.
        uploads: say what the model is and take files, even where covers were scored.

    Raises:
        UserError: the bundle cannot be read, or has no held-out covers for the targets.
    """
    with st.spinner("Reading the model"):
        model = read_model(bundle)
    check_targets(model.bundle, targets)
    job = _own_job(model, targets)
    if uploads or job is None:
        _take_covers(model, bundle, targets)
        job = _own_job(model, targets)
    if job is not None and not job.done:
        _show_job(job, targets)
        return model, None
    if job is not None and job.error is not None:
        st.error(plain(str(job.error) or repr(job.error)))
    for sentence in [] if job is None else left_over(job):
        st.warning(sentence)
    return model, None if job is None else job.scored


def left_over(job: ScoringJob) -> list[str]:
    """What must be known of all the scores of a job: drawn, stopped, or too many pictures."""
    sentences = [DRAWN] if job.drawn else []
    out = 0 if job.scored is None else job.scored.left_out
    if job.done and job.count < job.total:
        sentences.append(
            f"Stopped: {job.count} of {job.total} pictures are scored. To score the others too, upload the "
            "files again."
        )
    if out:
        command = score_command(job.model.folder)
        sentences.append(
            f"At most {MAX_PICTURES} pictures are scored at once: {how_many(out, 'picture')} of your files "
            f"{'is' if out == 1 else 'are'} left out. In a terminal `{command}` takes any number."
        )
    return sentences


def score_command(bundle: Path) -> str:
    """The command that scores any number of pictures with a bundle."""
    return shlex.join(["coverfusion", "score", str(bundle), "covers.zip", "--out", "scores.csv"])


def _own_job(model: LoadedModel, targets: Targets) -> ScoringJob | None:
    """What this visitor's address names, if this model scores it."""
    job = job_of(st.query_params.get(SCORED))
    own = job is not None and (job.model.bundle.digest, job.targets) == (model.bundle.digest, targets)
    return job if own else None


def _take_covers(model: LoadedModel, bundle: Path, targets: Targets) -> None:
    """Says what the model is, and starts to score what is uploaded."""
    note = bundle_note(model.bundle)
    if note and note != run_note(bundle.parent):  # which stands above every page
        st.warning(noted(note))
    st.markdown(about(model, targets))
    for sentence in beside_words(model):
        st.warning(sentence)
    given = st.file_uploader(
        f"Pictures, or zips of pictures: up to {MAX_PICTURES} at once",
        type=UPLOAD_TYPES,
        accept_multiple_files=True,
        on_change=_forget_scores,
    )
    uploads = [upload for upload in given or [] if isinstance(upload, UploadedFile)]
    # After a visit to another page the uploader is empty, but the address still names what was scored.
    seen = (model.bundle.digest, *(upload.file_id for upload in uploads))
    if uploads and st.session_state.get(SEEN) != seen:
        files = [(upload.name, upload.getvalue()) for upload in uploads]
        st.query_params[SCORED] = start_scoring(model, files, targets)
        st.session_state[SEEN] = seen
        st.rerun()  # the links above take the address along
    elif (
        not uploads
        and SCORED not in st.query_params
        and st.button("No covers at hand? Score 12 drawn by a program")
    ):
        st.query_params[SCORED] = start_scoring(model, drawn_uploads(), targets, drawn=True)
        st.rerun()


def about(model: LoadedModel, targets: Targets) -> str:
    """What the model is, what it sees, and what its predictions guarantee."""
    genres = ", ".join(plain(str(genre)) for genre in model.bundle.classes)
    sentence = guarantee(model.bundle.decision, targets, model.bundle.classes)
    name = model.bundle.classifier.name
    blocks = [*model.bundle.columns, *model.bundle.metadata]
    seen = blocks_in_words(all_blocks(name, blocks))
    several = model.bundle.several is not None
    about = (
        f"The model `{name}` on {plain(seen)} gives each cover one {'or several ' if several else ''}of "
        f"{how_many(len(model.bundle.classes), 'genre')}: {genres}."
    )
    if several:
        return (
            f"{about} Each genre has a probability by itself, so that they need not add up to 100 %. "
            "A cover is called every genre whose threshold its probability reaches."
        )
    return f"{about} {plain(sentence)}" if sentence else about


def beside_words(model: LoadedModel) -> list[str]:
    """What the model has learnt from that the app is not given, metadata and backs, as Markdown."""
    backs = [f"{plain(WITHOUT_BACKS)} {HOW_BACKS}"] if model.bundle.two_sided else []
    metadata = [f"{plain(said)} {HOW_METADATA}" for said in KnownMetadata(model.bundle, None).words()]
    bundle = shlex.quote(str(model.folder))
    return [said.replace("{bundle}", bundle) for said in (*metadata, *backs)]


@st.fragment(run_every=1)
def _show_job(job: ScoringJob, targets: Targets) -> None:
    """How far a job is, with the rows so far; the page is drawn anew at its end."""
    if job.done:
        st.rerun()
    st.progress(job.count / max(job.total, 1), job.words)
    scored = job.scored
    for sentence in left_over(job):
        st.warning(sentence)
    if job.stopping:
        st.caption("The pictures at hand are scored to the end.")
    else:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.caption("Scoring goes on when you look at another page.")
        stop: Callable[[], None] = job.stop
        right.button("Stop, and keep these" if job.count else "Stop", on_click=stop, width="stretch")
    if scored is not None:
        show_table(job.model, scored, scored.good, targets)


def _forget_scores() -> None:
    st.query_params.pop(SCORED, None)
