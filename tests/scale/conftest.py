"""What tests of `scale` compare their results with."""

import pytest

from sharded import built


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory):
    """The dataset that `build` makes of the generated corpus."""
    return built(corpus, tmp_path_factory.mktemp("built") / "dataset")
