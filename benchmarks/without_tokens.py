"""`scripts/build.py` without the `tokens` config, which no corpus can switch off: what all other configs take.

It is switched off at the top level of the main module, because worker processes run that too.
"""

import sys
from pathlib import Path

from newsparallax.core.codebook import Codebook
from newsparallax.edges import cli

Codebook.token_layer = property(lambda _: None)

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    import build

    cli.run(build.main)
