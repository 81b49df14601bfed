"""Text among the columns of X, and the vocabulary that a classifier learns from it inside a training fold."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from coverfusion.data.errors import UserError

TEXT = re.compile(r"\.text_(letters|words)$")
KINDS: dict[str, dict[str, Any]] = {
    "letters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+"},
}
Texts = dict[str, list[str | None]]  # column -> n texts; None: nothing is known of it, "": there is no text


def is_text(column: object) -> bool:
    """Whether a column of X holds text: `<block>.text_letters` or `<block>.text_words`."""
    return TEXT.search(str(column)) is not None


def split_texts(X: Any) -> tuple[Any, Texts]:
    """X without its text, and the text.

    Args:
        X: (n, d) frame; cells of its text columns are texts, and None or NaN where nothing is known.

    Returns:
        The other columns, and column -> n texts; X itself and {} where there is no such column.

    Raises:
        ValueError: a cell is something else.
    """
    names = [name for name in X.columns if is_text(name)] if isinstance(X, pd.DataFrame) else []
    if not names:
        return X, {}
    return X.drop(columns=names), {str(name): [_checked(name, cell) for cell in X[name]] for name in names}


def chosen_texts(texts: Texts | None, rows: np.ndarray) -> Texts:
    """The texts of these rows; {} for None."""
    return {column: [known[row] for row in rows] for column, known in (texts or {}).items()}


def texts_by_block(texts: Texts) -> dict[str, Texts]:
    """Block -> its columns of text."""
    blocks: dict[str, Texts] = {}
    for column, known in texts.items():
        blocks.setdefault(column.partition(".")[0], {})[column] = known
    return blocks


def _checked(column: object, cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    raise ValueError(f"{column} must hold texts or None; one cell is {type(cell).__name__}")


class Vocabulary:
    """The letter sequences or words of training texts, with their weights: scikit-learn's TF-IDF.

    A term's count enters as 1 + log(count), times the logarithm of how rare the term is among the training
    texts; rows have length 1 (G. Salton and C. Buckley, Term-Weighting Approaches in Automatic Text
    Retrieval, 1988). Capitals and accents do not count. Letters are sequences of 2 to 5 within words, which
    survive a letter read wrong; words are single ones and pairs. What one text alone has is left out.

    Args:
        kind: "letters" or "words".

    Attributes after `fit`:
        terms: of the vocabulary, sorted, joined by line breaks; "" where there are none.
        idf: (terms,) float64 weights.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def fit(self, texts: Sequence[str | None]) -> Vocabulary:
        """Learns from n texts."""
        vectorizer = _vectorizer(self.kind)
        known = [text for text in texts if text]
        self.terms, self.idf = "", np.zeros(0)
        try:
            vectorizer.fit(known)
        except ValueError:  # no text, or no term that two texts share
            return self
        self.terms = "\n".join(vectorizer.get_feature_names_out())
        self.idf = np.asarray(vectorizer.idf_, np.float64)
        return self

    def transform(self, texts: Sequence[str | None]) -> csr_matrix:
        """(n, terms) float32 rows of length 1; zeros where there is no known term."""
        if not self.terms:
            return csr_matrix((len(texts), 0), dtype=np.float32)
        return _fitted(self.kind, self.terms, self.idf.tobytes()).transform([text or "" for text in texts])

    def check(self) -> None:
        """Raises UserError where a loaded vocabulary is not whole."""
        terms = len(self.terms.split("\n")) if self.terms else 0
        if self.kind not in KINDS or self.idf.shape != (terms,):
            raise UserError("The saved classifier's vocabulary is broken. Train it again.")


def learnt_vocabularies(texts: Texts) -> dict[str, Vocabulary]:
    """Column -> the vocabulary of its texts, of the kind that the column names."""
    return {name: Vocabulary(name.rpartition("_")[2]).fit(known) for name, known in texts.items()}


def text_rows(vocabularies: Mapping[str, Vocabulary], texts: Texts) -> dict[str, csr_matrix]:
    """Column -> (n, terms) float32 rows of length 1, by vocabularies that were learnt."""
    return {name: vocabulary.transform(texts[name]) for name, vocabulary in vocabularies.items()}


def _vectorizer(kind: str, **more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    chosen = {"min_df": 2, "sublinear_tf": True, "strip_accents": "unicode", "dtype": np.float32}
    return TfidfVectorizer(**KINDS[kind], **chosen, **more)


@functools.lru_cache(maxsize=8)
def _fitted(kind: str, terms: str, idf: bytes) -> Any:
    """scikit-learn's vectorizer with this vocabulary."""
    vectorizer = _vectorizer(kind, vocabulary=terms.split("\n"))
    vectorizer.idf_ = np.frombuffer(idf)
    return vectorizer
