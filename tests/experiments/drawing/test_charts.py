"""Charts: axes that hold what is drawn, text that has room, and the numbers in words."""

import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import (
    Axis,
    axis_over,
    free_ticks,
    placed_legend,
    text_width,
    wrapped,
)
from coverfusion.experiments.drawing.curves import (
    Counted,
    Curve,
    Series,
    Spot,
    calibration_curve,
    height_axis,
    series_values,
    width_axis,
)
from coverfusion.experiments.drawing.forest import WIDEST_LABEL, Forest, Row, forest_axis, proportion_forest
from coverfusion.experiments.drawing.heat_map import HeatCell, HeatMap
from tests.helpers.browser import visited

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    "values", [(22.0, 44.0, 57.0), (-0.0004, 0.0012), (3.0,), (0.0, 100.0), (-12.7, 41.2), (99.5, 100.0)]
)
def test_an_axis_holds_all_values_and_has_a_few_ticks(values: tuple[float, ...]) -> None:
    axis = axis_over(values, 3, 97, most=100.0)
    assert axis.low <= min(values)
    assert max(values) <= axis.high <= 100
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 6
    assert all(axis.low <= tick <= axis.high for tick in ticks)


def test_an_axis_maps_its_ends_to_its_ends() -> None:
    axis = Axis(0.2, 0.6, 40, 80)
    assert [axis.at(value) for value in (0.1, 0.2, 0.4, 0.6, 0.9)] == [40, 40, 60, 80, 80]
    assert [Axis(1, 100, 0, 10, log=True).at(value) for value in (1, 10, 100)] == [0, 5, 10]


def test_ticks_that_would_touch_are_left_out_from_the_last_one_backwards() -> None:
    ticks = [(float(size), f"{size:,}") for size in (90, 180, 360, 720, 1440, 2880, 5760)]
    kept = free_ticks(ticks, width_axis(90, 5760, log=True))
    assert kept[-1] == (5760.0, "5,760")
    assert 3 <= len(kept) < len(ticks)


def test_text_is_wrapped_by_how_wide_it_is() -> None:
    assert wrapped("all against all but texture", 12) == ["all against", "all but", "texture"]
    assert wrapped("cnn+color+objects+ocr", 13) == ["cnn+color+", "objects+ocr"]
    assert wrapped("at most 20 % wrong", 10) == ["at most", "20 % wrong"]
    assert wrapped("at most 20 % wrong", 12) == ["at most 20 %", "wrong"]
    assert wrapped("演歌演歌演歌", 8) == ["演歌演歌", "演歌"]
    assert [text_width(text) for text in ("abc", "演歌", "e\u0301")] == [3, 4, 1]


def _forest() -> Forest:
    rows = [
        Row("cnn", 40.0, 32.5, 48.0, strong=True),
        Row("<b>" + "long name " * 6, -3.0, group=1, filled=False),
    ]
    return Forest(
        "Blocks", rows, forest_axis(rows, 20.0), "points", "{:.1f}".format, "{:g}".format, 20.0, "chance"
    )


def test_a_row_in_another_unit_has_all_its_numbers_in_it() -> None:
    row = Row("cnn", 0.5, -0.25, 0.75, group=2, ring=0.125).scaled(100)
    assert (row.value, row.low, row.high, row.ring) == (50, -25, 75, 12.5)
    assert (row.label, row.group) == ("cnn", 2)
    assert math.isnan(Row("none", math.nan).scaled(100).low)


def test_the_line_of_a_forest_crosses_no_words() -> None:
    chart = _forest()
    root = ET.fromstring(pages.svg(chart, standalone=True))
    lines = [
        (float(line.attrib["y1"]), float(line.attrib["y2"]))
        for line in root.iter("{http://www.w3.org/2000/svg}line")
        if line.attrib["class"] == "chance broken"
    ]
    assert len(lines) == len(chart.rows)
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        foot = float(text.attrib["y"])  # letters of 14 to 16 pixels stand from 12 above to 4 below it
        assert all(foot + 4 <= top or foot - 12 >= bottom for top, bottom in lines), text.text


def test_a_forest_says_its_numbers_and_no_two_texts_share_a_line() -> None:
    chart = _forest()
    assert "chance: 20.0" in chart.words
    assert "cnn: 40.0 (32.5 to 48.0)" in chart.words
    assert chart.axis.low <= -3
    assert chart.axis.high >= 48
    heights = [y for place in chart.placed for y, _ in place.lines]
    assert heights == sorted(set(heights))
    assert all(text_width(line) <= WIDEST_LABEL for place in chart.placed for _, line in place.lines)
    first, second = chart.placed
    assert first.lines[-1][0] < first.mark < second.lines[0][0]


def _curve() -> Curve:
    series = [Series("svc", 0, [Spot(90, 30, 25, 35), Spot(720, 40, hollow=True)], [(90, 30), (720, 41)])]
    return Curve(
        title="Curve", x=width_axis(90, 720, log=True), y=height_axis(series_values(series), 0, 100),
        x_label="covers", y_label="accuracy, %", series=series, x_ticks=[(90, "90"), (720, "720")],
        shown="{:.1f}".format,
    )  # fmt: skip


def test_a_curve_says_its_numbers_and_holds_its_intervals() -> None:
    chart = _curve()
    assert "svc: at 90: 30.0 (25.0 to 35.0); at 720 (predicted): 40.0" in chart.words
    assert chart.y.low <= 25
    assert chart.y.high >= 41
    assert chart.y.at(41) < chart.y.at(25)  # up is more


def test_a_file_of_a_chart_needs_no_page(tmp_path: Path) -> None:
    cells = [[HeatCell("+1.0*", 1.0), None], [HeatCell("\u22122.0", -0.5, "3"), HeatCell("0.0", 0.0)]]
    heat = HeatMap("Map", ["a<b", "c"], ["x", "y"], cells)
    pages.save_charts(tmp_path, {"forest": _forest(), "curve": _curve(), "heat": heat})
    for name in ("forest", "curve", "heat"):
        text = (tmp_path / "figures" / f"{name}.svg").read_text()
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in text  # other programs know no CSS variables
        assert root.attrib["role"] == "img"
        assert len(root.attrib["aria-label"]) > 20
    assert "x: +1.0*" in heat.words
    assert not math.isnan(heat.width)


def test_the_bars_of_a_calibration_curve_have_a_scale() -> None:
    counts = [Counted(0, 50, 1234), Counted(50, 100, 7)]
    chart = calibration_curve("Often", [Spot(25, 30), Spot(75, 70)], counts)
    root = ET.fromstring(pages.svg(chart, standalone=True))
    texts = {text.text: float(text.get("y", "")) for text in root.iter(f"{SVG}text")}
    bars = [bar for bar in root.iter(f"{SVG}rect") if "bar" in bar.get("class", "")]
    assert "covers" in texts
    # the scale goes from the foot of the bars to the top of the highest one
    low, high = (float(bars[0].get("y", "")) + part * float(bars[0].get("height", "")) for part in (1, 0))
    assert abs(texts["1,234"] - 5 - high) < 0.1
    assert abs(chart.bottom - low) < 0.1
    assert "covers: 0 to 50: 1,234; 50 to 100: 7." in chart.words


def test_a_long_entry_of_a_legend_takes_lines_and_moves_what_is_below() -> None:
    words = "a threshold for each genre, 90 % confidence"
    long, short = placed_legend([("spot", 2, words), ("line", 0, "target: 20 %")])
    assert long.lines == ["a threshold for each genre,", "90 % confidence"]
    assert (long.top, short.top) == (0, 24 + 20)
    one = _curve()
    two = replace(one, series=[replace(one.series[0], name=words)])
    assert two.height == one.height + 20


@pytest.mark.slow
def test_no_entry_of_a_legend_leaves_its_chart_on_a_phone(tmp_path: Path) -> None:
    words = "a threshold for each genre, 90 % confidence"
    curve = replace(_curve(), series=[replace(_curve().series[0], name=words)])
    forest = replace(_forest(), line_label=words)
    page = tmp_path / "page.html"
    style = pages.render("style.css", {})
    body = "".join(f'<figure class="figure plot">{pages.svg(chart)}</figure>' for chart in (curve, forest))
    page.write_text(f"<html lang=en><title>t</title><style>{style}</style><main>{body}</main></html>")
    with visited(tmp_path / "profile", "file://", 390) as visit:
        visit.page.goto(page.as_uri())
        beyond = visit.page.evaluate(
            """() => [...document.querySelectorAll("svg.chart")].map(chart => Math.max(
              ...[...chart.querySelectorAll("text")].map(text => text.getBoundingClientRect().right))
              - chart.getBoundingClientRect().right)"""
        )
    assert len(beyond) == 2
    assert max(beyond) <= 0


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_what_an_axis_is_of_begins_where_it_begins(width: int, tmp_path: Path) -> None:
    label = "probability given to the predicted genre by the model, %"
    rows = [Row(f"row {n}", 10.0 * n, 5.0, 60.0) for n in range(4)]
    charts = [
        replace(calibration_curve("Often", [Spot(25, 30)], [Counted(0, 50, 12)]), x_label=label),
        proportion_forest("Rows", rows, label),
    ]
    body = "".join(f'<figure class="figure plot">{pages.svg(chart)}</figure>' for chart in charts)
    page = tmp_path / "page.html"
    style = pages.render("style.css", {})
    page.write_text(f"<html lang=en><title>t</title><style>{style}</style><main>{body}</main></html>")
    with visited(tmp_path / "profile", "file://", width) as visit:
        visit.page.goto(page.as_uri())
        starts, axes, ends = visit.page.evaluate(
            """() => {
              const box = one => one.getBoundingClientRect();
              const charts = [...document.querySelectorAll("svg.chart")];
              const labels = charts.map(chart => [...chart.querySelectorAll("text")]
                .filter(text => text.textContent.startsWith("probability"))[0]);
              const first = charts.map(chart => Math.min(
                ...[...chart.querySelectorAll("line.grid")].map(line => box(line).left)));
              return [labels.map(label => box(label).left), first,
                charts.map((chart, n) => box(labels[n]).right - box(chart).right)];
            }"""
        )
    assert starts == pytest.approx(axes, abs=2)
    assert max(ends) <= 0
