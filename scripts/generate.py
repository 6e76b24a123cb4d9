"""Make what is made from the codebook: label_config.xml, guidelines.md and the blocks of the card."""

from _run import run

if __name__ == "__main__":
    run("generate")
