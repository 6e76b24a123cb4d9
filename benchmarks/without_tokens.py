"""`scripts/build.py` without the `tokens` config, which no corpus can switch off: what all other configs take.

It is switched off at the top level of the main module, because worker processes run that too.
"""

from newsparallax.cli.app import run_script
from newsparallax.corpus import Codebook

Codebook.token_layer = property(lambda _: None)

if __name__ == "__main__":
    run_script("build", "build.py")
