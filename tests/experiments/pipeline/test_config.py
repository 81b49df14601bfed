"""Configs: defaults, files, and messages that name the wrong key."""

from pathlib import Path

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.config import make_config, read_config, read_source, write_config


def _file(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file_and_options_win(tmp_path: Path) -> None:
    config = read_config(_file(tmp_path, "collection: covers\nout: runs\nseed: 3\n"), seed=7, folds=None)
    assert config.collection == tmp_path / "covers"
    assert config.out == tmp_path / "runs"
    assert (config.seed, config.folds) == (7, None)


def test_an_address_stays_as_it_is(tmp_path: Path) -> None:
    config = read_config(_file(tmp_path, "collection: s3://bucket/covers/\nout: runs\n"))
    assert str(config.collection) == "s3://bucket/covers"
    assert config.collection.stem == "covers"
    assert read_source("test", "s3://bucket/covers").collection == config.collection
    assert read_source("test", "covers").collection == Path("covers")
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config


def test_results_of_a_collection_with_a_very_long_name_can_be_named_after_it() -> None:
    name = make_config("test", collection=f"/covers/{'ö' * 120}").collection_name
    assert name == "ö" * 75


def test_a_list_of_names_stands_for_their_defaults(tmp_path: Path) -> None:
    text = "collection: c\nblocks: [color, texture]\nclassifiers:\n  svc: {C: 3}\n  knn:\n"
    config = read_config(_file(tmp_path, text))
    assert config.blocks == {"color": {}, "texture": {}}
    assert config.classifiers == {"svc": {"C": 3}, "knn": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colection: c", r"unknown key 'colection'. Did you mean 'collection'\?"),
        ("collection: c\nfold: 5", r"unknown key 'fold'. Did you mean 'folds'\?"),
        ("collection: c\nfolds: 1", r"`folds` is 1: .*greater than or equal to 2"),
        ("collection: c\nkeep: most", r"`keep` is .most.: .*'drop', 'first' or 'all'"),
        (
            "collection: c\nprior: even",
            r"`prior` is 'even': it should be natural, balanced, or a",
        ),
        (
            "collection: c\nprior: {Jazz: 0}",
            r"`prior` is .*: it should be natural, balanced, or a proportion",
        ),
        ("collection: c\nmetric: f1", r"`metric` is 'f1': .*'macro_f1'"),
        ("seed: 1", r"`collection` is missing"),
        ("collection: [a, b]", r"`collection` is \['a', 'b'\]: it should be a path or an address"),
        ("- a\n- b", r"must be `key: value` lines"),
        ("collection: [", r"is not YAML"),
    ],
)
def test_a_wrong_config_is_explained(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_config(_file(tmp_path, text))
    assert "run.yaml" in str(caught.value)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read"):
        read_config(tmp_path / "nowhere.yaml")


def test_a_written_config_reads_back_the_same(tmp_path: Path) -> None:
    config = make_config(
        "test", collection=tmp_path / "c", blocks=["color"], folds=4, store=tmp_path / "s", out=tmp_path
    )
    write_config(config, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == config


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("collection: c\nfold: 5\nfolds: 1\nkeep: some")
    with pytest.raises(UserError) as caught:
        read_config(config)
    said = str(caught.value)
    assert "unknown key 'fold'. Did you mean 'folds'?" in said
    assert "`folds` is 1: it should be greater than or equal to 2." in said
    assert "`keep` is 'some': it should be 'drop', 'first' or 'all'." in said


def test_single_blocks_are_fitted_by_chosen_classifiers_only(tmp_path: Path) -> None:
    assert read_config(_file(tmp_path, "collection: c")).alone == ["svc"]
    assert read_config(_file(tmp_path, "collection: c\nclassifiers: [svc, knn]")).alone == ["svc"]
    assert read_config(_file(tmp_path, "collection: c\nclassifiers: [knn]")).alone == []
    assert read_config(_file(tmp_path, "collection: c\nclassifiers: [knn]\nalone: [svc]")).alone == ["svc"]


def test_numbers_with_an_exponent_are_numbers(tmp_path: Path) -> None:
    values = "{learning_rate: 1e-3, weight_decay: -2.5E+1, layers: 1e-x}"
    text = f"collection: c\nclassifiers:\n  finetune: {values}\n"
    config = read_config(_file(tmp_path, text))
    assert config.classifiers == {
        "finetune": {"learning_rate": 0.001, "weight_decay": -25.0, "layers": "1e-x"}
    }


def test_a_classifier_that_is_picked_keeps_the_parameters_of_the_file(tmp_path: Path) -> None:
    path = _file(tmp_path, 'collection: c\nclassifiers:\n  "knn:one": {k: 1}\n  svc: {C: 3}\n')
    picked = read_config(path, classifiers=["knn:one", "logistic"])
    assert picked.classifiers == {"knn:one": {"k": 1}, "logistic": {}}
    with pytest.raises(UserError, match=r"-c knn:on: .*Did you mean 'knn:one'"):
        read_config(path, classifiers=["knn:on"])
    with pytest.raises(UserError, match=r"-c knn:one: a variant's parameters stand in a config file"):
        read_source("test", "covers", classifiers=["knn:one"])


def test_a_prior_is_named_or_given_by_genre(tmp_path: Path) -> None:
    assert read_config(_file(tmp_path, "collection: c\n")).prior == "natural"
    config = read_config(_file(tmp_path, "collection: c\nprior: {Jazz: 1, Pop: 3}\nchoose_by: accuracy\n"))
    write_config(config, tmp_path / "config.yaml")
    again = read_config(tmp_path / "config.yaml")
    assert (again.prior, again.choose_by) == ({"Jazz": 1, "Pop": 3}, "accuracy")
