"""Build the dataset: articles, codebook and annotations in, a finished Hugging Face dataset folder out."""

from _run import run

if __name__ == "__main__":
    run("build")
