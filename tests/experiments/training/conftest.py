"""The planted run of the tests of reports."""

import pytest

from tests.helpers.planted_run import RIGHT, Inputs, Page, planted_run


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return planted_run(tmp_path_factory.mktemp("report"), RIGHT)


@pytest.fixture(scope="module")
def page(inputs: Inputs) -> Page:
    return inputs.page()
