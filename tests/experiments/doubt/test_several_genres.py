"""Doubtful genres of covers that may have several: each genre is judged by itself."""

import pandas as pd

from coverfusion.experiments.doubt.tables import doubt_by_genre, doubtful_table

IDS = [f"c{n}" for n in range(8)]


def _predictions() -> pd.DataFrame:
    """Of eight covers the first should be jazz too, and the last is no folk."""
    return pd.DataFrame(
        {
            "genre": ["folk", "jazz", "jazz", "jazz", "folk", "folk", "folk|jazz", "folk|jazz"],
            "group": IDS,
            "p_folk": [0.9, 0.1, 0.2, 0.1, 0.9, 0.8, 0.9, 0.1],
            "p_jazz": [0.95, 0.9, 0.9, 0.8, 0.1, 0.2, 0.9, 0.9],
            "says_folk": [True, False, False, False, True, True, True, False],
            "says_jazz": [True, True, True, True, False, False, True, True],
        },
        index=pd.Index(IDS, name="cover_id"),
    )


def test_the_set_that_the_model_suggests() -> None:
    table = doubtful_table(_predictions(), pd.Series([f"{i}.jpg" for i in IDS], IDS))
    assert table["cover_id"].tolist() == ["c0", "c7"]
    assert table["genre"].tolist() == ["folk", "folk|jazz"]
    assert table["suggested"].tolist() == ["folk|jazz", "jazz"]
    assert table["doubted"].tolist() == ["jazz", "folk"]
    # that the first has jazz, and the last folk, as the predictions say
    assert table["p_doubted"].round(6).tolist() == [0.95, 0.1]
    assert not {"p_genre", "p_suggested"} & set(table)  # which would be of sets
    assert table["margin"].round(6).tolist() == [-0.9, -0.8]


def test_doubt_of_a_genre_counts_who_has_it_and_who_lacks_it() -> None:
    genres = doubt_by_genre(_predictions()).set_index("genre")
    assert genres["covers"].to_dict() == {"folk": 5, "jazz": 5}
    assert genres["doubtful"].to_dict() == {"folk": 1, "jazz": 0}
    assert genres["lacking"].to_dict() == {"folk": 0, "jazz": 1}
