"""Ids by which others find the same pictures: names of files, or release ids of a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from coverfusion.data.errors import UserError, needs_extra

_SHOWN = 3
_DIGITS = 8  # of a cover_id, where a name and a genre do not tell pictures apart


def task_ids(covers: pd.DataFrame, source: str = "") -> list[str]:
    """One id a picture.

    Args:
        covers: `cover_id`, `path` and `genre`.
        source: whose release ids the names of files hold, or "": then an id is the name, with its genre
            before it where a name is not unique, and digits of the cover_id where that is not either.

    Raises:
        UserError: nobody knows the source, a name holds no id of it, or two hold the same.
    """
    if not source:
        names = [file_name(path) for path in covers["path"]]
        if len(set(names)) == len(names):
            return names
        longer = pd.Series([f"{genre}/{name}" for genre, name in zip(covers["genre"], names, strict=True)])
        longest = longer + " " + covers["cover_id"].str[:_DIGITS].to_numpy()
        return longer.mask(longer.duplicated(keep=False), longest).tolist()
    id_in = _id_finder(source)
    ids = [id_in(file_name(path)) for path in covers["path"]]
    twice = pd.Series(ids).dropna().duplicated(keep=False)
    lacking = [path for path, one in zip(covers["path"], ids, strict=True) if one is None]
    if lacking:
        raise UserError(
            f"--source {source}: no release id in the name of {len(lacking):,} files, such as "
            f"{', '.join(lacking[:_SHOWN])}. Leave --source out: then names of files are the ids."
        )
    if twice.any():
        both = covers["path"].iloc[twice.index[twice]].iloc[:_SHOWN]
        raise UserError(
            f"--source {source}: names of {int(twice.sum()):,} files hold another one's id, such as "
            f"{', '.join(both)}. Keep one picture a release, or leave --source out."
        )
    return [str(one) for one in ids]


def without_backs(covers: pd.DataFrame, source: str) -> pd.DataFrame:
    """Without back covers, where ids are a source's: a back bears the release id of its front.

    Raises:
        UserError: no other picture is left.
    """
    backs = covers["path"].map(_is_back) & bool(source)
    if backs.all() and len(backs):
        raise UserError(f"--source {source}: all pictures are back covers. Release ids are for fronts.")
    return covers[~backs]


def possible_ids(path: str, genre: str, source: str = "") -> Sequence[str]:
    """What a task may call a picture; back covers, which bear the same release id, are called nothing."""
    name = file_name(path)
    if not source:
        return (name, f"{genre}/{name}")
    found = None if _is_back(name) else _id_finder(source)(name)
    return (found,) if found else ()


def file_name(path: str) -> str:
    """Of a file, an address or a member of a zip."""
    return path.replace("!", "/").rpartition("/")[2]


def _is_back(path: str) -> bool:
    """By the name that `coverfusion grow` gives."""
    return "-back." in file_name(path)


def _id_finder(source: str) -> Callable[[str], str | None]:
    needs_extra("grow", f"--source {source}")
    from coverfusion.data.growing.grow import Services
    from coverfusion.data.growing.sources import make_source

    return make_source(source, None, Services())[0].id_in
