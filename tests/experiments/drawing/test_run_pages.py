"""The navigation bar of a run, and tables that stack on phones."""

import re
from pathlib import Path

from coverfusion.experiments.drawing.pages import labelled
from coverfusion.experiments.drawing.run_pages import BAR, PAGES_FILE, link_run_pages

EMPTY = '<body>\n<nav class="run" hidden></nav>\n<main>text</main></body>'


def _page(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(EMPTY)
    return path


def _links(page: Path) -> dict[str, str]:
    bar = BAR.search(page.read_text())
    assert bar
    return {name: place for place, name in re.findall(r'<a href="(.*?)">(.*?)</a>', bar[0])}


def test_every_page_of_a_run_links_all_others(tmp_path: Path) -> None:
    run = tmp_path / "run 1"
    report = _page(run / "report.html")
    link_run_pages(run, "Report", report)
    assert "hidden" in report.read_text()  # nothing to go to
    index, genre = _page(run / "genres" / "index.html"), _page(run / "genres" / "genre-1-jazz.html")
    link_run_pages(run, "Genres", index)
    away = _page(tmp_path / "map" / "index.html")
    link_run_pages(run, "Map", away)
    assert _links(report) == {"Genres": "genres/index.html", "Map": "../map/index.html"}
    assert _links(index) == {"Report": "../report.html", "Map": "../../map/index.html"}
    assert _links(genre) == {"Genres": "index.html"} | _links(index)
    assert _links(away) == {"Report": "../run%201/report.html", "Genres": "../run%201/genres/index.html"}
    assert "hidden" not in report.read_text()


def test_pages_elsewhere_link_those_that_came_later(tmp_path: Path) -> None:
    run = tmp_path / "run"
    link_run_pages(run, "Report", _page(run / "report.html"))
    away = _page(tmp_path / "map" / "index.html")
    link_run_pages(run, "Map", away)
    link_run_pages(run, "Labels", _page(tmp_path / "labels" / "index.html"))
    assert _links(away) == {"Report": "../run/report.html", "Labels": "../labels/index.html"}


def test_the_page_of_another_run_in_the_same_place_is_let_be(tmp_path: Path) -> None:
    run, other, away = tmp_path / "run", tmp_path / "other", tmp_path / "map" / "index.html"
    for each in (run, other):
        link_run_pages(each, "Report", _page(each / "report.html"))
        link_run_pages(each, "Map", _page(away))
    link_run_pages(run, "Labels", _page(tmp_path / "labels" / "index.html"))
    assert _links(away) == {"Report": "../other/report.html"}
    assert _links(run / "report.html") == {"Labels": "../labels/index.html"}


def test_pages_that_are_gone_or_no_pages_are_not_linked(tmp_path: Path) -> None:
    report, secret = _page(tmp_path / "run" / "report.html"), tmp_path / "secret.txt"
    secret.write_text("secret")
    noted = report.parent / PAGES_FILE
    noted.write_text('{"Map": "../secret.txt", "Labels": "gone.html", "Evil": "report.html"}')
    link_run_pages(report.parent, "Report", report)
    assert _links(report) == {}
    noted.write_text("[]")
    link_run_pages(report.parent, "Report", report)
    assert secret.read_text() == "secret"


def test_cells_of_a_table_name_their_columns() -> None:
    table = (
        '<table class="wide"><thead><tr><th>model</th>'
        "<th>F1, <small>%</small></th><th>a &lt; b</th></tr></thead>"
        "<tbody><tr><th>svc</th><td>1</td><td>2</td></tr>"
        '<tr><th colspan="2">all</th><td>3</td></tr></tbody></table>'
    )
    page = labelled(f"<p>{table}</p>")
    assert '<th>svc</th><td data-label="F1, %">1</td><td data-label="a &lt; b">2</td>' in page
    assert '<th colspan="2">all</th><td data-label="a &lt; b">3</td>' in page
    assert '<table class="stack wide">' in page
    for other in ("matrix", "wide fold"):
        kept = table.replace('"wide"', f'"{other}"')
        assert labelled(kept) == kept


def test_an_interval_in_a_cell_stays_on_one_line() -> None:
    head = "<thead><tr><th>model</th><th>accuracy</th></tr></thead>"
    cell = '<td title="1\u20132">65.3 (51.0\u201377.3)</td>'
    page = labelled(
        f"<table>{head}<tbody><tr><th>knn</th>{cell}<td>\u22121.5 to +2</td></tr></tbody></table>"
    )
    assert '>65.3 <span class="whole">(51.0\u201377.3)</span></td>' in page
    assert '<span class="whole">\u22121.5 to +2</span>' in page
    assert 'title="1\u20132"' in page


def test_a_path_breaks_after_its_slashes() -> None:
    assert labelled('<td class="text path">a/b.jpg</td>') == '<td class="text path">a/<wbr>b.jpg</td>'
    kept = '<a href="a/b" class="button">a/b</a>'
    assert labelled(kept) == kept
