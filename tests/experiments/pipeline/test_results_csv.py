from __future__ import annotations

import numpy as np
import pandas as pd

from coverfusion.experiments.pipeline.results_csv import read_results


def test_names_stay_names_and_numbers_numbers(tmp_path):
    genres = ["NA", "nan", "None", "01", "1.0", "True", ""]
    written = pd.DataFrame({"genre": genres, "f1": [0.5, np.nan, 1, 0, 0, 0, 0]})
    written.to_csv(tmp_path / "genres.csv", index=False)
    read = read_results(tmp_path / "genres.csv")
    assert read["genre"].tolist() == genres
    np.testing.assert_array_equal(read["f1"], written["f1"])
