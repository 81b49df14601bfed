import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from coverfusion.data.errors import UserError
from coverfusion.features.table import TEXT_KINDS
from coverfusion.fusion.registry import classifier_class, classifier_names
from coverfusion.fusion.text_scores import TextScores
from coverfusion.fusion.texts import KINDS, Vocabulary, is_text, split_texts
from tests.helpers.planted import GENRES, TABLE_CLASSIFIERS, planted, quick

READING = [name for name in TABLE_CLASSIFIERS if classifier_class(name).reads_text]
TEXT_CLASSIFIERS = [*READING, *(name for name in classifier_names() if classifier_class(name).needs_text)]
WORDS = {"Country": "honky tonk trail", "Pop": "bubble gum", "Rock": "loud amps"}


def covers(n: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """X, y: the words tell the genre of nine covers in ten, no block of numbers does."""
    X, _, _ = planted(n, seed)
    rng = np.random.default_rng(seed + 1)
    y = GENRES[rng.integers(0, 3, n)]
    texts = [f"{WORDS[genre]} vol {rng.integers(9)}" if rng.random() < 0.9 else "" for genre in y]
    column = pd.Series(texts, index=X.index, dtype=object)
    return X.assign(**{"ocr.text_letters": column, "ocr.text_words": column}), y


def test_the_table_has_a_column_for_each_way_to_learn():
    assert set(TEXT_KINDS) == set(KINDS)
    assert all(is_text(f"ocr.text_{kind}") for kind in TEXT_KINDS)
    assert not is_text("ocr.words")


def test_text_is_taken_out_of_the_numbers():
    X = pd.DataFrame({"a.x": [1.0, 2.0, 3.0], "ocr.text_words": ["one", None, np.nan]})
    numbers, texts = split_texts(X)
    assert list(numbers) == ["a.x"]
    assert texts == {"ocr.text_words": ["one", None, None]}
    with pytest.raises(ValueError, match=r"ocr.text_words must hold texts or None; one cell is int"):
        split_texts(X.assign(**{"ocr.text_words": [1, 2, 3]}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_is_scikit_learns(kind):
    texts = ["Best of Blues", "blues brothers", "best LIVE", None, "", "live blues"]
    found = Vocabulary(kind).fit(texts).transform(texts)
    theirs = TfidfVectorizer(**KINDS[kind], min_df=2, sublinear_tf=True, strip_accents="unicode")
    expected = theirs.fit([text for text in texts if text]).transform([text or "" for text in texts])
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-6)


def test_accents_and_capitals_do_not_count():
    vocabulary = Vocabulary("words").fit(["Édith", "edith"])
    assert (vocabulary.transform(["EDITH"]) != vocabulary.transform(["édith"])).nnz == 0


@pytest.mark.parametrize("texts", [[], [None, ""], ["alone"]])
def test_a_vocabulary_of_nothing_is_empty(texts):
    assert Vocabulary("words").fit(texts).transform(["alone", None]).shape == (2, 0)


@pytest.mark.parametrize("name", TEXT_CLASSIFIERS)
def test_words_that_tell_the_genre_are_learnt_and_kept(name, tmp_path):
    X, y = covers()
    model = quick(name).fit(X[:160], y[:160])
    assert (model.predict(X[160:]) == y[160:]).mean() > 0.8
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model").predict_proba(X[160:])
    np.testing.assert_array_equal(again, model.predict_proba(X[160:]))


@pytest.mark.parametrize("name", TEXT_CLASSIFIERS)
def test_unknown_text_is_a_value(name):
    X, y = covers()
    model = quick(name).fit(X[:160], y[:160])
    unknown = X[160:].assign(**{"ocr.text_letters": None, "ocr.text_words": np.nan})
    assert np.isfinite(model.predict_proba(unknown)).all()
    with pytest.raises(ValueError, match=r"lacks ocr.text_words"):
        model.predict_proba(X[160:].drop(columns="ocr.text_words"))


@pytest.mark.parametrize("name", sorted(set(TABLE_CLASSIFIERS) - set(TEXT_CLASSIFIERS)))
def test_others_do_not_see_text(name):
    X, y = covers()
    numbers = X.drop(columns=["ocr.text_letters", "ocr.text_words"])
    with_text = quick(name).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(with_text, quick(name).fit(numbers, y).predict_proba(numbers))


def test_the_words_of_covers_outside_the_fold_are_not_known():
    X, y = covers()
    model = quick("text").fit(X[:160], y[:160], sample_weight=np.arange(160) < 100)
    learnt = set(model.scores_.vocabularies["ocr.text_words"].terms.split("\n"))
    assert "honky" in learnt
    model = quick("text").fit(
        X[:160].assign(**{"ocr.text_words": [""] * 100 + ["unseen word"] * 60}),
        y[:160],
        sample_weight=np.arange(160) < 100,
    )
    assert model.scores_.vocabularies["ocr.text_words"].terms == ""


def test_training_covers_get_scores_that_have_not_seen_them():
    # words that occur on the covers of one group alone: without groups they would look like knowledge
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 60), 6)
    texts = {"ocr.text_words": [f"name{number}" for number in range(60) for _ in range(6)]}
    scores, weight = TextScores(), np.ones(360)
    alone = scores.fit_transform(texts, y, weight, None, seed=0)
    grouped = scores.fit_transform(texts, y, weight, np.arange(360) // 6, seed=0)
    assert (alone.argmax(1) == y).mean() > 0.7
    assert (grouped.argmax(1) == y).mean() < 0.65


def test_text_alone_is_enough_for_those_that_read():
    X, y = covers()
    words = X[["ocr.text_letters", "ocr.text_words"]]
    for name in ("text", "logistic", "kernel_ridge"):
        assert (quick(name).fit(words[:160], y[:160]).predict(words[160:]) == y[160:]).mean() > 0.8
    with pytest.raises(ValueError, match="text alone, which knn does not read"):
        quick("knn").fit(words, y)
    with pytest.raises(ValueError, match="text learns from words"):
        quick("text").fit(X.drop(columns=list(words)), y)


def test_a_changed_vocabulary_is_refused():
    broken = Vocabulary("words").fit(["one two", "one two"])
    broken.idf = broken.idf[:1]
    with pytest.raises(UserError, match="vocabulary is broken"):
        broken.check()


@pytest.mark.parametrize("name", ["kernel_ridge", "svc"])
def test_changed_rows_of_text_are_refused(name, tmp_path):
    X, y = covers()
    fitted = quick(name).fit(X, y)
    next(iter(fitted.kernel_.text_rows.values())).indices[:] = 10**9  # else it reads beyond its memory
    fitted.save(tmp_path)
    with pytest.raises(UserError, match="text is broken"):
        type(fitted).load(tmp_path)


def test_changed_support_vectors_are_refused(tmp_path):
    X, y = covers()
    fitted = quick("svc").fit(X, y)
    fitted.svcs_[0].support_[:] = 2 * 10**9
    fitted.save(tmp_path)
    with pytest.raises(UserError, match="support vectors are broken"):
        type(fitted).load(tmp_path)


@pytest.mark.parametrize("name", ["kernel_ridge", "svc"])
def test_a_strong_block_is_not_lost_among_weak_ones(name):
    # one block of strong signal beside ten of noise and one that tells a little: fused is as good as alone
    rng = np.random.default_rng(0)
    n = 900
    y = rng.integers(0, 3, n)
    strong = 1.5 * np.eye(3, 8)[y] + rng.normal(size=(n, 8))
    weak = [0.3 * np.eye(3, 8)[y] + rng.normal(size=(n, 8)), *rng.normal(size=(10, n, 8))]
    columns = [f"{block}.v{k}" for block in ("strong", *(f"weak{i}" for i in range(11))) for k in range(8)]
    X = pd.DataFrame(np.hstack([strong, *weak]).astype(np.float32), columns=columns)
    alone = [column for column in columns if column.startswith("strong")]
    fused = quick(name).fit(X[:450], y[:450]).predict_proba(X[450:])
    single = quick(name).fit(X.loc[:449, alone], y[:450]).predict_proba(X.loc[450:, alone])
    rows = np.arange(450)
    loss = -np.log(fused[rows, y[450:]]).mean() + np.log(single[rows, y[450:]]).mean()
    assert loss < 0.01
    assert (fused.argmax(1) == y[450:]).mean() > (single.argmax(1) == y[450:]).mean() - 0.01
