"""What an earlier version wrote is read."""

from pathlib import Path

import pytest

from coverfusion.experiments.ablation.saved_outcomes import saved_comparisons

HEAD = "design,unit,classifier,other,first,second\n"


@pytest.mark.parametrize("design", ["block alone against nothing", "block alone against chance"])
def test_the_earlier_name_of_a_design(tmp_path: Path, design: str) -> None:
    (tmp_path / "comparisons.csv").write_text(f"{HEAD}{design},cnn,svc,svc,cnn,none\n")
    assert saved_comparisons(tmp_path)["design"].tolist() == ["block alone against chance"]
