import pandas as pd
import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.cli import app
from coverfusion.experiments.commands.options import read_options
from coverfusion.experiments.manifest_columns import guessed_kind
from tests.helpers.small import save_small
from tests.helpers.told import COLUMNS, save_told


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1975", "", "1980.5", "1e3"], "number"),
        (["c. 1975", "1980", "197x"], "text"),
        (["US", "UK", "US", "US", ""], "category"),
        (["Live at A", "Best of B", "C"], "text"),
    ],
)
def test_the_kind_of_a_column_is_guessed(values, kind):
    assert guessed_kind(pd.Series(values)) == kind


def test_inspect_lists_columns_and_names_what_gives_the_genre_away(tmp_path):
    manifest, out = save_told(tmp_path), tmp_path / "out"
    said = CliRunner().invoke(
        app, ["inspect", str(manifest), "--out", str(out), "--store", str(tmp_path / "store")]
    )
    assert said.exit_code == 0, said.output
    table = pd.read_csv(out / "columns.csv").set_index("column")
    assert list(table.index) == COLUMNS
    assert table["kind"].to_dict() == {
        "year": "number",
        "noise": "number",
        "label": "category",
        "title": "text",
        "shelf": "category",
    }
    assert table.index[table["gives_away"]].tolist() == ["shelf"]
    assert table["covers"]["year"] == 90 - 5 - 4  # missing, no number
    assert "'shelf'" in said.output
    assert "--metadata numbers=year" in said.output


def test_inspect_says_nothing_of_columns_that_are_not_there(tmp_path):
    out = tmp_path / "out"
    said = CliRunner().invoke(
        app, ["inspect", str(save_small(tmp_path)), "--out", str(out), "--store", str(tmp_path / "store")]
    )
    assert said.exit_code == 0, said.output
    assert "metadata" not in said.output
    assert not (out / "columns.csv").exists()


def test_columns_are_named_by_kind_on_the_command_line():
    given = ["numbers=year", "categories=label, country", "categories=format"]
    chosen = read_options("train", "covers.csv", metadata=given).metadata
    assert chosen is not None
    assert chosen.model_dump() == {
        "numbers": ["year"],
        "categories": ["label", "country", "format"],
        "text": [],
    }
    assert read_options("train", "covers.csv", metadata=[]).metadata is None
    for wrong, said in (("year", "say KIND=COLUMN"), ("number=year", "Did you mean 'numbers'")):
        with pytest.raises(UserError, match=said):
            read_options("train", "covers.csv", metadata=[wrong])
