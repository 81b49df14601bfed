"""Vectors for speed tests, drawn so that finding their neighbours is as hard as for real embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from coverfusion.fusion.block_weights import squared_distances
from coverfusion.fusion.similarity.vector_search import nearest_rows, new_index

VECTORS_PER_PIECE = 8192  # drawn together
# chosen so that drawn vectors are like EfficientNet-Lite0's embeddings of 3,599 real covers, standardised:
# intrinsic dimension, contrast and spectrum at 900, 1,800 and 3,599 of them (`hardness`, `bench index`)
CENTRES = 1000
LATENT_DIMENSIONS = 1000
SPECTRUM_DECAY = 0.5  # the i-th has a standard deviation of i ** -SPECTRUM_DECAY
CENTRE_VARIANCE = 0.5  # proportion of the variance that is between centres
NOISE_LENGTH = 0.9  # mean length of what is added evenly in all dimensions; that of the rest is 2.7


def draw_vectors(count: int, dimensions: int, seed: int, first: int = 0) -> Iterator[np.ndarray]:
    """(m, dimensions) float32 pieces of `count` vectors; equal arguments give equal vectors.

    A Gaussian mixture in latent dimensions of falling variance, mapped linearly to all dimensions, plus a
    little noise in each. Vectors drawn evenly in all dimensions would have no neighbours worth finding: K.
    Beyer et al., When Is "Nearest Neighbor" Meaningful?, ICDT 1999.

    Args:
        count: vectors in all.
        dimensions: of a vector.
        seed: of everything.
        first: number of the first piece; pieces of other numbers hold other vectors of the same mixture.
    """
    shape = np.random.default_rng(seed)
    scales = np.arange(1, LATENT_DIMENSIONS + 1, dtype=np.float32) ** -SPECTRUM_DECAY
    centres = shape.standard_normal((CENTRES, LATENT_DIMENSIONS), np.float32)
    centres = centres * scales * np.float32(np.sqrt(CENTRE_VARIANCE))
    scales = scales * np.float32(np.sqrt(1 - CENTRE_VARIANCE))
    spread = shape.standard_normal((LATENT_DIMENSIONS, dimensions), np.float32)
    spread = spread / np.float32(np.sqrt(dimensions))
    noise = np.float32(NOISE_LENGTH / np.sqrt(dimensions))
    for number, start in enumerate(range(0, count, VECTORS_PER_PIECE)):
        rng = np.random.default_rng([seed, first + number])
        size = min(VECTORS_PER_PIECE, count - start)
        latent = centres[rng.integers(CENTRES, size=size)]
        latent += scales * rng.standard_normal((size, LATENT_DIMENSIONS), np.float32)
        rows = latent @ spread
        rows += noise * rng.standard_normal(rows.shape, np.float32)
        yield rows


def hardness(rows: np.ndarray, queries: int = 1000, k: int = 10) -> dict[str, float]:
    """How hard it is to find the nearest of (n, d) float32 rows.

    Returns:
        `intrinsic_dimension`: maximum likelihood from the k nearest (E. Levina and P. J. Bickel, Maximum
        Likelihood Estimation of Intrinsic Dimension, NIPS 2004, averaged as D. J. C. MacKay and Z. Ghahramani
        advise, 2005); `contrast`: mean distance over distance to the nearest (J. He, S. Kumar and S.-F.
        Chang, On the Difficulty of Nearest Neighbor Search, ICML 2012); `components_90`: principal
        components that hold 90 % of the variance.
    """
    some = rows[np.random.default_rng(0).permutation(len(rows))[:queries]]
    near = np.maximum(nearest_rows(new_index(rows, "l2"), some, k + 1, "l2")[0][:, 1:], 1e-12)
    inverse = np.log(near[:, -1:] / near[:, :-1]).mean(axis=1)
    centred = some - some.mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    return {
        "intrinsic_dimension": float(1 / inverse.mean()),
        "contrast": float(np.sqrt(squared_distances(some, some)).mean() / near[:, 0].mean()),
        "components_90": float(np.searchsorted(variances.cumsum() / variances.sum(), 0.9) + 1),
    }
