"""Covers on a plane: PCA, t-SNE and UMAP, learnt from a sample; the other covers are placed among it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.manifold import TSNE

from coverfusion.data.errors import UserError, did_you_mean, needs_extra
from coverfusion.experiments.pipeline.console import console
from coverfusion.fusion.blocks import principal_components
from coverfusion.fusion.similarity.vector_search import nearest_rows, new_index

PROJECTIONS = ("umap", "tsne", "pca")
TSNE_PERPLEXITY = 30  # of t-SNE, scikit-learn's default
UMAP_NEIGHBOURS = 15  # of UMAP, umap-learn's default
PLACING_NEIGHBOURS = 10  # sampled covers that place another one


def chosen_projections(methods: Sequence[str] | None) -> list[str]:
    """The projections that are named, each once; if none is, all that are installed.

    Raises:
        UserError: an unknown one, or UMAP is named and umap-learn is not installed.
    """
    for method in methods or ():
        if method not in PROJECTIONS:
            raise UserError(f"Unknown projection '{method}'.{did_you_mean(method, PROJECTIONS)}")
    chosen = list(dict.fromkeys(methods or PROJECTIONS))
    if "umap" in chosen:
        try:
            needs_extra("map", "The projection umap")
        except UserError as error:
            if methods:
                raise
            console.print(f"{error}. It is left out.", style="yellow")
            chosen.remove("umap")
    return chosen


@dataclass(frozen=True)
class Sample:
    """Covers that something is learnt from, and the nearest of them to each other cover.

    Attributes:
        rows: (m,) sorted rows of the sample.
        rest: (n - m,) all other rows.
        near: (n - m, min(NEAR, m)) positions in `rows`, nearest first.
    """

    rows: np.ndarray
    rest: np.ndarray
    near: np.ndarray


def make_sample(Z: np.ndarray, rows: np.ndarray) -> Sample:
    """Finds the nearest sampled covers of all others; Z is (n, width) float32."""
    rest = np.setdiff1d(np.arange(len(Z)), rows)
    near = np.empty((0, min(PLACING_NEIGHBOURS, len(rows))), np.int64)
    if len(rest):
        near = nearest_rows(new_index(Z[rows], "l2"), Z[rest], PLACING_NEIGHBOURS, "l2")[1]
    return Sample(rows, rest, near)


def project(method: str, Z: np.ndarray, sample: Sample, seed: int) -> np.ndarray:
    """Covers on a plane.

    PCA, learnt from the sample, is applied to all covers. t-SNE and UMAP place the sample alone; each other
    cover stands at the median of its ten nearest sampled covers, as in D. Kobak and P. Berens, The art of
    using t-SNE for single-cell transcriptomics, Nature Communications 10, 2019. Both start from the PCA, so
    that the large arrangement means something: D. Kobak and G. C. Linderman, Initialization is critical for
    preserving global data structure in both t-SNE and UMAP, Nature Biotechnology 39, 2021.

    Args:
        method: one of `PROJECTIONS`.
        Z: (n, width) float32.
        sample: of the same rows.
        seed: of t-SNE and UMAP.

    Returns:
        (n, 2) float32.
    """
    fitted = Z[sample.rows]
    if method == "pca":
        centre = fitted.mean(axis=0)
        return (Z - centre) @ principal_components(fitted - centre, 2)
    placed = _tsne(fitted, seed) if method == "tsne" else _umap(fitted, seed)
    xy = np.empty((len(Z), 2), np.float32)
    xy[sample.rows] = placed
    xy[sample.rest] = np.median(placed[sample.near], axis=1)
    return xy


def _tsne(Z: np.ndarray, seed: int) -> np.ndarray:
    perplexity = min(TSNE_PERPLEXITY, (len(Z) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(Z)


def _umap(Z: np.ndarray, seed: int) -> np.ndarray:
    import umap  # compiles for seconds

    k = min(UMAP_NEIGHBOURS, len(Z) - 1)
    # umap-learn's own search is quadratic in Python below 4,096 covers; FAISS is exact and faster
    distances, rows = nearest_rows(new_index(Z, "l2"), Z, k, "l2")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="precomputed_knn")  # it cannot place new covers; we do
        return umap.UMAP(
            n_neighbors=k,
            init="pca",
            random_state=seed,
            n_jobs=1,  # more are not reproducible
            precomputed_knn=(rows, distances.astype(np.float32)),
            force_approximation_algorithm=True,
        ).fit_transform(Z)
