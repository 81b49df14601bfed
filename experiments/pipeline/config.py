"""The config of a run: one YAML file, each key checked, unknown keys refused with the nearest known one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from coverfusion.data.addresses import Address, Place, is_address, place
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.genre_sets import Labels
from coverfusion.data.manifest import MANIFEST_COLUMNS
from coverfusion.data.names import label, on_disk, readable
from coverfusion.data.registry import load_plugins
from coverfusion.data.sides import Sides
from coverfusion.experiments.evaluation.chosen_metric import MetricName, usual_metric, why_not
from coverfusion.experiments.pipeline.yaml_text import parse_yaml
from coverfusion.features.failure_limit import MAX_FAILED
from coverfusion.features.named_files import files_of, name_files
from coverfusion.features.store import default_root
from coverfusion.fusion.prior import PRIOR_NAMES, Prior
from coverfusion.fusion.registry import CLASSIFIERS

Parameters = dict[str, dict[str, Any]]
_NAME_BYTES = 150  # of the 255 that a file system takes
# keys that do not change it
_BESIDE_THE_RESULT = {"collection", "store", "out", "plugins", "max_failed", "split_file", "name", "note"}


class MetadataChoice(BaseModel):
    """Which columns of the manifest are blocks, by what they hold."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[str] = Field([], description="columns of numbers, such as a year")
    categories: list[str] = Field([], description="columns of few values, such as a country")
    text: list[str] = Field([], description="columns of words, such as a title")

    @model_validator(mode="before")
    @classmethod
    def _known_kinds(cls, value: Any) -> Any:
        """One message that suggests the nearest kind; a single column may stand without a list."""
        if not isinstance(value, dict):
            raise ValueError("it should be columns by kind, such as `{numbers: [year], categories: [label]}`")
        for kind in value:
            if kind not in cls.model_fields:
                raise ValueError(f"there is no kind '{kind}'.{did_you_mean(str(kind), cls.model_fields)}")
        return {kind: [names] if isinstance(names, str) else names or [] for kind, names in value.items()}

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        columns = [*self.numbers, *self.categories, *self.text]
        for column in columns:
            if column.lower() in MANIFEST_COLUMNS:
                raise ValueError(f"the column '{column}' is no metadata: it is used already")
            if columns.count(column) > 1:
                raise ValueError(f"the column '{column}' is named twice")
        if not columns:
            raise ValueError("no column is named")
        return self


class Config(BaseModel):
    """What `coverfusion train` does.

    Relative paths are relative to the config file.
    """

    model_config = ConfigDict(extra="forbid")

    collection: Path | Address = Field(
        description="genre folders, zips named by genre, a CSV/parquet manifest, or an address (s3://...)"
    )
    keep: Literal["drop", "first", "all"] = Field("drop", description="covers that stand under two genres")
    genres: list[str] | None = Field(None, description="only these genres; an unknown one is an error")
    labels: Labels = Field("one", description="genres of a cover: one, or many (all that it stands under)")
    separator: str | None = Field(
        None, description="what parts the genres in a row of a manifest under labels: many; found by itself"
    )
    sides: Sides = Field(
        "separate",
        description="fused: front and back of a release, by a manifest's columns release and side, are one "
        "item with one prediction; separate: each is a cover",
    )
    preset: Literal["packaged", "hub"] = Field("packaged", description="which weights the blocks use")
    blocks: Parameters | None = Field(
        None, description="block -> its parameters; all that can run by default"
    )
    metadata: MetadataChoice | None = Field(
        None, description="columns of the manifest that are blocks too: numbers, categories and text"
    )
    classifiers: Parameters | None = Field(None, description="classifier -> its parameters; all by default")
    alone: list[str] = Field(
        ["svc"],
        description="also fitted on each block alone; svc by default, where it is a classifier",
    )
    folds: int | None = Field(None, ge=2, description="grouped cross-validation instead of one 8:1:1 split")
    split_file: Path | None = Field(
        None, description="a splits.parquet of a run or study: its covers test, not those drawn by the seed"
    )
    groups: Literal["given", "words"] = Field(
        "given", description="words: covers that share a rare word, mostly a name, are never separated either"
    )
    prior: Prior = Field(
        "natural",
        description="what probabilities answer to: natural (a genre is as likely as it is common among the "
        "training covers), balanced (all are as likely), or genre -> proportion",
    )
    metric: MetricName = Field("accuracy", description="what leaderboard and studies rank and compare by")
    choose_by: MetricName = Field("log_loss", description="what chooses the bundle's model")
    max_failed: float = Field(
        MAX_FAILED,
        ge=0,
        le=1,
        description="the run ends where a block fails on a larger proportion of covers",
    )
    seed: int = Field(0, ge=0, description="of splits, classifiers and bootstrap")
    nested: int = Field(
        0,
        ge=0,
        description="repeats of nested folds, for an interval of the model that learns from all covers",
    )
    seeds: int = Field(1, ge=1, description="fits of each network, to see what its seed does")
    store: Path = Field(default_factory=default_root, description="where computed features are kept")
    out: Path = Field(Path("runs"), description="where the run folder is made")
    name: str | None = Field(
        None, description="what the run folder is called; else the collection's name and a digest"
    )
    note: str = Field("", description="what you want to remember of the run; `coverfusion runs` shows it")
    plugins: list[Path] = Field([], description="Python files with blocks or classifiers of your own")

    def identity(self) -> dict[str, Any]:
        """What tells this run from others, as JSON values: not where things lie, but foreign code's text.

        Blocks are left to their extractors' fingerprints, which know their code.
        """
        values = self.model_dump(mode="json", exclude=_BESIDE_THE_RESULT)
        # what is in the file counts, not where it lies
        values["splits"] = None if self.split_file is None else _digest(self.split_file)
        if self.metadata is None:
            del values["metadata"]
        if self.sides == "separate":
            del values["sides"]
        origins = CLASSIFIERS.origins()
        return values | {"classifier_origins": origins} if origins else values

    @property
    def collection_name(self) -> str:
        """What the collection's folder or file is called; of `.` too, which has no name itself.

        Results bear it in their names, so a very long one loses its end.
        """
        where = self.collection
        if not isinstance(where, Address):
            where = Path(os.path.abspath(where))  # noqa: PTH100 - a link keeps its own name
        return label(where.stem).encode()[:_NAME_BYTES].decode(errors="ignore")

    def usual_metric(self) -> MetricName:
        """What is ranked by where nothing is said."""
        return usual_metric(self.labels == "many")

    @field_validator("collection", mode="plain")
    @classmethod
    def _path_or_address(cls, value: Any) -> Place:
        """Text that names an address stays as it is; a path would lose a slash of `s3://`."""
        if not isinstance(value, str | Path | Address):
            raise ValueError("it should be a path or an address")
        named = place(value)
        return Path(on_disk(str(named))) if isinstance(named, Path) else named

    @field_serializer("collection")
    def _collection_text(self, value: Place) -> str:
        return readable(str(value))

    @field_validator("name")
    @classmethod
    def _name_of_a_folder(cls, value: str | None) -> str | None:
        odd = value is not None and (
            not value
            or value != Path(value).name
            or value.startswith((".", "-"))
            or not value.isprintable()
            or len(value.encode()) > _NAME_BYTES
        )
        if odd:
            raise ValueError("it should be the name of a folder, without /, and begin with no dot or dash")
        return value

    @model_validator(mode="after")
    def _metrics_of_labels(self) -> Self:
        """Covers of several genres have metrics of their own, and no prior but their own proportions."""
        several = self.labels == "many"
        if "metric" not in self.model_fields_set:
            self.metric = self.usual_metric()
        for key, metric in (("metric", self.metric), ("choose_by", self.choose_by)):
            if wrong := why_not(metric, several):
                raise ValueError(f"{key}: {wrong}")
        if several and self.prior != "natural":
            raise ValueError("prior: with labels: many each genre has its own proportion; take natural")
        if self.separator is not None and not several:
            raise ValueError("separator: it needs labels: many")
        return self

    @model_validator(mode="after")
    def _alone_among_the_chosen(self) -> Self:
        """Who names classifiers, but not which of them see single blocks, gets no others fitted."""
        if "alone" not in self.model_fields_set and self.classifiers is not None:
            self.alone = [name for name in self.alone if name in self.classifiers]
        return self

    @field_validator("prior", mode="before")
    @classmethod
    def _known_prior(cls, value: Any) -> Any:
        """One message, where a union of types would give one for each."""
        shares = value.values() if isinstance(value, dict) else ()
        if isinstance(value, dict) and value:
            if all(isinstance(s, int | float) and not isinstance(s, bool) and 0 < s < inf for s in shares):
                return value
        elif isinstance(value, str) and value in PRIOR_NAMES:
            return value
        raise ValueError("it should be natural, balanced, or a proportion above 0 for each genre")

    @field_validator("blocks", "classifiers", mode="before")
    @classmethod
    def _names_alone(cls, value: Any) -> Any:
        """A list of names stands for these with their defaults, and so does an empty value."""
        if isinstance(value, list):
            return {name: {} for name in value}
        if isinstance(value, dict):
            return {name: parameters or {} for name, parameters in value.items()}
        return value


def read_config(path: str | os.PathLike[str], run_plugins: bool = True, **overrides: Any) -> Config:
    """Reads a YAML config.

    Args:
        path: of the file.
        run_plugins: load the plug-ins that it names, and let bundles read the weight files that it names. A
            config that the user did not name may not.
        overrides: values from the command line; None = not given.

    Raises:
        UserError: no such file, not YAML, or a key or value that is wrong; the message names it.
    """
    path = Path(path)
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UserError(f"Config {path} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"Config {path} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise UserError(f"Config {path} must be `key: value` lines, at least `collection: PATH`.")
    for key in ("collection", "store", "out", "split_file"):
        if isinstance(raw.get(key), str) and not is_address(raw[key]):
            raw[key] = path.parent.absolute() / Path(raw[key]).expanduser()
    if isinstance(files := raw.get("plugins"), list):
        raw["plugins"] = [
            path.parent.absolute() / Path(file).expanduser() if isinstance(file, str) else file
            for file in files
        ]
    given = _given(overrides)
    if "classifiers" in given:
        known = raw.get("classifiers")
        given["classifiers"] = _picked(given["classifiers"], known if isinstance(known, dict) else {})
    return make_config(f"Config {path}", run_plugins, **(raw | given))


def read_source(origin: str, source: str | os.PathLike[str] | Address, **overrides: Any) -> Config:
    """A config from a command's first argument: a .yaml file, or a collection. Raises UserError."""
    source = place(source if isinstance(source, Address) else os.fspath(source))
    if isinstance(source, Path) and source.suffix.lower() in (".yaml", ".yml"):
        return read_config(source, **overrides)
    if overrides.get("classifiers") is not None:
        overrides["classifiers"] = _picked(overrides["classifiers"], {})
    return make_config(origin, collection=source, **overrides)


def make_config(origin: str, run_plugins: bool = True, **values: Any) -> Config:
    """Checks values from anywhere and loads the plug-ins they name; `origin` opens the message.

    Raises:
        UserError: a key or value is wrong, or as `load_plugins`.
    """
    fields = Config.model_fields
    wrong = [f"unknown key '{key}'.{did_you_mean(key, fields)}" for key in values if key not in fields]
    try:
        config = Config(**_given({key: value for key, value in values.items() if key in fields}))
    except ValidationError as error:
        wrong += [_in_words(e["loc"], e["input"], e["msg"], e["type"]) for e in error.errors()]
    if wrong:
        raise UserError(f"{origin}: " + wrong[0] if len(wrong) == 1 else "\n  ".join([f"{origin}:", *wrong]))
    if run_plugins:
        load_plugins(config.plugins)
        for block, parameters in (config.blocks or {}).items():
            name_files(files_of(block, parameters))
    return config


def _picked(names: Sequence[str] | Mapping[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """What `-c` names, with the parameters that the config file has for it; a mapping brings its own."""
    if isinstance(names, Mapping):
        return dict(names)
    for name in names:
        if ":" in name and name not in known:
            raise UserError(
                f"-c {name}: a variant's parameters stand in a config file, under "
                f"`classifiers`.{did_you_mean(name, known) if known else ''}"
            )
    return {name: known.get(name) or {} for name in names}


def _in_words(place: Sequence[int | str], value: object, message: str, kind: str) -> str:
    """One of pydantic's errors with the key and the value that was given."""
    key = ".".join(map(str, place))
    if kind == "missing":
        return f"`{key}` is missing."
    message = message.removeprefix("Value error, ").replace("Input should", "it should")
    message = f"{message.removesuffix('.')}."
    if not place:  # of several keys together: the message names them
        return message
    return f"`{key}` is {value!r}: {message}"


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _digest(path: Path) -> str:
    """Of a file's bytes; raises UserError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UserError(f"--split-file {path} cannot be read: {error.strerror or error}.") from error


def write_config(config: Config, path: str | os.PathLike[str]) -> None:
    """Writes every value, defaults too, so that the file runs again as it is (paths are made absolute)."""
    values = config.model_dump(mode="json")
    for key in ("collection", "store", "out"):
        if not is_address(values[key]):
            values[key] = str(Path(values[key]).absolute())
    values["plugins"] = [str(Path(file).absolute()) for file in values["plugins"]]
    if config.split_file is not None:
        values["split_file"] = str(config.split_file.absolute())
    Path(path).write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
