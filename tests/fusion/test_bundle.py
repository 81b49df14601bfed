import json
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coverfusion.data.errors import UserError
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.bundle import load_bundle, save_bundle
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.state_files import write_state
from coverfusion.fusion.uncertainty.decision import learn_decision
from tests.helpers.planted import TABLE_CLASSIFIERS, planted, quick

EXTRACTORS = {"color": {"fingerprint": "color-1234", "preset": "packaged", "parameters": {"bins": 8}}}


def saved(folder, name="logistic"):
    X, y, _ = planted(90)
    fitted = quick(name).fit(X, y)
    ids = [f"id{i}" for i in range(90)]
    neighbours = TrainingIndex().fit(X, ids, y.tolist(), [f"{i}.jpg" for i in ids], [b"jpeg"] * 90)
    codes = np.searchsorted(fitted.classes_, y)
    decision = learn_decision(fitted.predict_proba(X), codes, np.arange(90), "validation")
    columns = {"color": [c.split(".")[1] for c in X if c.startswith("color.")]}
    save_bundle(
        folder,
        fitted,
        columns=columns,
        extractors=EXTRACTORS,
        neighbours=neighbours,
        decision=decision,
        extra={"covers": 90},
    )
    return X, fitted


@pytest.mark.parametrize("name", TABLE_CLASSIFIERS)
def test_scores_as_before_it_was_saved(name, tmp_path):
    X, fitted = saved(tmp_path / "bundle", name)
    bundle = load_bundle(tmp_path / "bundle")
    np.testing.assert_array_equal(bundle.predict_proba(X), fitted.predict_proba(X))
    assert bundle.classes == ["Country", "Pop", "Rock"]
    assert bundle.columns["color"] == [f"c{i}" for i in range(6)]
    assert bundle.extractors == EXTRACTORS
    assert bundle.extra == {"covers": 90}
    np.testing.assert_array_equal(bundle.decision.proba, fitted.predict_proba(X))
    assert bundle.novelty is None
    assert bundle.neighbours.query(X[:1], 1)[0]["cover_id"].tolist() == ["id0"]


def test_scores_a_table_in_which_blocks_are_missing_or_too_many(tmp_path):
    X, fitted = saved(tmp_path / "bundle")
    color = X.filter(regex="^color").rename(columns=lambda c: c.split(".")[1])
    table = FeatureTable({"color": color, "other": color})
    gaps = X.copy()
    gaps[[c for c in X if not c.startswith("color")]] = np.nan
    bundle = load_bundle(tmp_path / "bundle")
    np.testing.assert_array_equal(bundle.predict_proba(table), fitted.predict_proba(gaps))


@pytest.mark.parametrize("name", ["average", "catboost", "knn", "mlp", "random_forest"])
def test_one_changed_byte_in_any_file_is_refused(name, tmp_path):
    saved(tmp_path / "bundle", name)
    files = [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        content = path.read_bytes()
        for position in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[position] ^= 1
            path.write_bytes(changed)
            with pytest.raises(UserError, match=re.escape(path.name)):
                load_bundle(tmp_path / "bundle")
        path.write_bytes(content)
    load_bundle(tmp_path / "bundle")


def test_a_missing_or_additional_file_is_refused_by_name(tmp_path):
    saved(tmp_path / "bundle")
    intruder = tmp_path / "bundle" / "classifier" / "more.skops"
    intruder.write_bytes(b"x")
    with pytest.raises(UserError, match=r"more\.skops does not belong"):
        load_bundle(tmp_path / "bundle")
    intruder.unlink()
    for path in [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()]:
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(UserError, match=f"{re.escape(path.name)} is missing"):
            load_bundle(tmp_path / "bundle")
        path.write_bytes(content)


def test_other_weights_are_refused_with_block_expected_and_found(tmp_path):
    saved(tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    bundle.check_fingerprints({"color": "color-1234"})
    with pytest.raises(UserError, match=r"'color'.*expected color-1234, found color-9999"):
        bundle.check_fingerprints({"color": "color-9999"})
    with pytest.raises(UserError, match=r"'cnn'.*no such block"):
        bundle.check_fingerprints({"cnn": "cnn-1"})


def test_a_bundle_is_replaced_but_nothing_else_is(tmp_path):
    saved(tmp_path / "bundle", "logistic")
    saved(tmp_path / "bundle", "knn")
    assert type(load_bundle(tmp_path / "bundle").classifier).__name__ == "FusionKNN"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="mine holds something"):
        saved(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_a_folder_that_is_no_bundle_says_so(tmp_path):
    with pytest.raises(UserError, match="not a bundle"):
        load_bundle(tmp_path)


class Evil:
    """Runs a command when unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def seal(folder):
    """Makes the digests right again, as somebody with bad intent would."""
    import hashlib

    manifest = json.loads((folder / "manifest.json").read_text())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    text = json.dumps(manifest)
    (folder / "manifest.json").write_text(text)
    (folder / "manifest.sha256").write_text(hashlib.sha256(text.encode()).hexdigest())


def test_a_pickle_in_place_of_the_state_is_refused_and_not_run(tmp_path):
    folder = tmp_path / "bundle"
    saved(folder)
    state, mark = folder / "classifier" / "state.skops", tmp_path / "was_run"
    state.write_bytes(pickle.dumps(Evil(str(mark))))
    seal(folder)
    with pytest.raises(UserError, match=r"state\.skops"):
        load_bundle(folder)
    assert not mark.exists()
    pickle.loads(state.read_bytes())
    assert mark.exists()  # it was a live one


def test_a_skops_file_that_asks_for_a_command_is_refused_and_not_run(tmp_path):
    from skops import io

    folder = tmp_path / "bundle"
    saved(folder)
    state, mark = folder / "classifier" / "state.skops", tmp_path / "was_run"
    io.dump({"x": Evil(str(mark))}, state)
    seal(folder)
    with zipfile.ZipFile(state) as archive:
        assert (
            "mkdir" in archive.read("schema.json").decode() or "Evil" in archive.read("schema.json").decode()
        )
    with pytest.raises(UserError, match=r"state\.skops"):
        load_bundle(folder)
    assert not mark.exists()


def test_a_forest_whose_trees_point_outside_is_refused(tmp_path):
    folder = tmp_path / "bundle"
    _, fitted = saved(folder, "random_forest")
    tree = fitted.forest_.estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["feature"][0] = 10_000_000
    tree.__setstate__(state)
    fitted.save(folder / "classifier")
    seal(folder)
    with pytest.raises(UserError, match="points outside"):
        load_bundle(folder)


def link_out(folder):
    (folder / "classifier" / "state.skops").rename(folder.parent / "elsewhere")
    (folder / "classifier" / "state.skops").symlink_to(folder.parent / "elsewhere")


def link_a_folder(folder):
    (folder / "classifier").rename(folder.parent / "elsewhere")
    (folder / "classifier").symlink_to(folder.parent / "elsewhere")


def put_a_pipe(folder):
    os.mkfifo(folder / "classifier" / "pipe")


def make_the_manifest_a_pipe(folder):
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


@pytest.mark.parametrize("change", [link_out, link_a_folder, put_a_pipe, make_the_manifest_a_pipe])
def test_what_is_no_plain_file_is_refused(change, tmp_path):
    saved(tmp_path / "bundle")
    change(tmp_path / "bundle")
    with pytest.raises(UserError, match="no plain file"):
        load_bundle(tmp_path / "bundle")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound bundle, which tests change and put right again."""
    folder = tmp_path_factory.mktemp("sound") / "bundle"
    saved(folder)
    return folder


def write_manifest(folder, content):
    import hashlib

    (folder / "manifest.json").write_bytes(content)
    (folder / "manifest.sha256").write_text(hashlib.sha256(content).hexdigest())


def places(value, path=()):
    """The path of each part of nested JSON."""
    yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*path, key))


def put(value, path, part):
    """`value` with `part` at `path`; Ellipsis takes it out."""
    if not path:
        return None if part is ... else part
    changed = value.copy()
    if len(path) == 1 and part is ...:
        del changed[path[0]]
    else:
        changed[path[0]] = put(value[path[0]], path[1:], part)
    return changed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_manifest_of_any_other_shape_is_refused_in_words(sound, data):
    manifest = json.loads((sound / "manifest.json").read_text())
    before = (sound / "manifest.json").read_bytes()
    where = data.draw(st.sampled_from(list(places(manifest))))
    part = data.draw(st.just(...) | st.sampled_from(["knn", "../..", "/etc/passwd", [], {}, 2]) | JSON)
    try:
        write_manifest(sound, json.dumps(put(manifest, where, part)).encode())
        load_bundle(sound).predict_proba(planted(3)[0])
    except UserError as error:
        said = str(error)
    else:
        said = ""
    finally:
        write_manifest(sound, before)
    assert "\n" not in said


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"null", b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}"]
)
def test_a_manifest_that_is_no_manifest_is_named(sound, content):
    before = (sound / "manifest.json").read_bytes()
    try:
        write_manifest(sound, content)
        with pytest.raises(UserError, match=r"manifest\.json"):
            load_bundle(sound)
    finally:
        write_manifest(sound, before)


@pytest.mark.parametrize("name", ["average", "stack"])
def test_a_members_name_leads_nowhere_else(name, tmp_path):
    _, fitted = saved(tmp_path / "bundle", name)
    (member, outside) = next(iter(fitted.members_)), tmp_path / "outside"
    (tmp_path / "bundle" / "classifier" / member).rename(outside)
    led = f"{member}:/../../../outside"
    state = vars(fitted) | {"classifiers": [led], "names_": [led]}
    write_state(
        tmp_path / "bundle" / "classifier" / "state.skops",
        {key: value for key, value in state.items() if key not in fitted.own_files},
    )
    with pytest.raises(UserError, match="is no name"):
        type(fitted).load(tmp_path / "bundle" / "classifier")


def test_the_state_of_another_classifier_is_refused(tmp_path):
    saved(tmp_path / "knn", "knn")
    saved(tmp_path / "logistic", "logistic")
    with pytest.raises(UserError, match="another classifier"):
        type(load_bundle(tmp_path / "knn").classifier).load(tmp_path / "logistic" / "classifier")


def test_an_index_reads_no_lists_from_elsewhere(tmp_path):
    import faiss

    from coverfusion.fusion.similarity.vector_search import read_index

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "bundle").mkdir()
    rows = np.random.default_rng(0).random((200, 4), dtype=np.float32)
    index = faiss.index_factory(4, "IVF4,Flat")
    index.train(rows)
    lists = faiss.OnDiskInvertedLists(4, index.code_size, str(tmp_path / "elsewhere" / "lists"))
    index.replace_invlists(lists)
    index.add(rows)
    faiss.write_index(index, str(tmp_path / "bundle" / "index.faiss"))
    with pytest.raises(UserError, match=r"index\.faiss"):
        read_index(tmp_path / "bundle" / "index.faiss")
