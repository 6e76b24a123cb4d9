"""What holds for all tests, and the generated corpus that several modules need."""

import os

import pytest
from hypothesis import settings

from generate_corpus import make_tasks, write_corpus

os.environ["NEWSPARALLAX_TRACEBACK"] = "1"  # so that a test that looks for a traceback sees that of a bug

# Programs that tests start find compiled modules, also where the environment forbids Python to write them. These are
# beside the modules, where pip has put those of the packages: for another place all would be compiled anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("busy", deadline=None)  # a machine that does other things too is no error
settings.load_profile("busy")


@pytest.fixture(scope="module")
def tasks(request):
    """Generated tasks; the module says how many articles they have (ARTICLES), and from which seed (SEED)."""
    return list(make_tasks(request.module.ARTICLES, seed=request.module.SEED))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, tasks):
    """A corpus folder of the generated tasks."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), tasks)
