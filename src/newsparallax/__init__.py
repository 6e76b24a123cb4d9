"""News Parallax: an annotated news corpus kept as code.

The public API: `open_corpus` reads a corpus folder, `check` lists its problems, `build` makes its dataset,
`open_dataset` reads a finished one.

A package imports only packages below it, and only their public names: cli, scale, release, adopt, labelling, standoff,
building, report, read, dataset, agreement, convert, render, corpus, exports, text, _util; last problems, errors, ids.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .building import Built as BuildResult
    from .building import build
    from .building import problems_of as check
    from .corpus import CorpusFolder as Corpus
    from .corpus import open_corpus
    from .errors import NewsParallaxError
    from .problems import Problem
    from .read import open_dataset

__version__ = "0.1.0"  # of the program; corpus.toml has the version of the corpus
__all__ = [
    "BuildResult",
    "Corpus",
    "NewsParallaxError",
    "Problem",
    "__version__",
    "build",
    "check",
    "open_corpus",
    "open_dataset",
]

_PLACES = {  # public name -> its module and its name there; imported when asked for, so that `--help` stays fast
    "BuildResult": ("building", "Built"),
    "Corpus": ("corpus", "CorpusFolder"),
    "NewsParallaxError": ("errors", "NewsParallaxError"),
    "Problem": ("problems", "Problem"),
    "build": ("building", "build"),
    "check": ("building", "problems_of"),
    "open_corpus": ("corpus", "open_corpus"),
    "open_dataset": ("read", "open_dataset"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, inner = _PLACES[name]
    return getattr(import_module(f".{module}", __name__), inner)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
