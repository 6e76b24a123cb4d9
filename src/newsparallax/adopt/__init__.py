"""Start a corpus folder, from existing Label Studio exports or from nothing.

`scan` collects evidence from tasks, and `label_config_reader` reads a labelling configuration. `propose` makes a
codebook from both, and `corpus_folder` writes the folder, with the registries from `write_toml`. `init` makes a new
corpus without exports.
"""

from .corpus_folder import adopt, report
from .init import init_corpus

__all__ = ["adopt", "init_corpus", "report"]
