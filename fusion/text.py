"""The words alone: what a cheap classifier makes of the text that was read on a cover."""

from __future__ import annotations

import numpy as np

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.cannot_learn import CannotLearnError
from coverfusion.fusion.registry import register
from coverfusion.fusion.text_scores import TextScores
from coverfusion.fusion.texts import Texts


@register("text")
class FusionText(BlockClassifier):
    """scikit-learn's multinomial logistic regression on TF-IDF of letters and words; blocks do not count.

    The vocabulary is learnt inside the training fold (`fusion.texts.Vocabulary`). A cover without text gets
    what the regression says of no words. S. Wang and C. D. Manning, Baselines and Bigrams, ACL 2012, is the
    comparison with other linear models of short texts.

    Args:
        C: inverse strength of the penalty.
        max_iter: the most steps of the solver.
        class_weight: as in scikit-learn.
        random_state: not used by the solver; kept for the common contract.
    """

    reads_text = needs_text = many = True

    def __init__(
        self,
        *,
        C: float = 4.0,
        max_iter: int = 500,
        class_weight: str | dict[str, float] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        if not texts:
            raise CannotLearnError("text learns from words: X must have a column such as ocr.text_letters")
        self.scores_ = TextScores(self.C, self.max_iter).fit(texts, y, weight)

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        return self.scores_.predict_proba(texts or {})

    def _check_loaded(self) -> None:
        self.scores_.check()
