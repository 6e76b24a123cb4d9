"""Agreement of the annotators of a corpus: per layer and pair, with n and intervals, and where they differ."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.agreement import measure
from newsparallax.edges.agreement_table import print_agreement
from newsparallax.edges.folder import open_corpus


def main(
    corpus: Annotated[Path | None, typer.Option(help="The corpus folder (default: this repository).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with every disputed place.")] = False,
) -> int:
    """Measure how far annotators agree, and list where they do not.

    Compared are all annotations that are not cancelled, of the same article, by different people; of one person the
    latest. What is starred as ground truth, and what adjudicators made, stays out of the pairs; each annotator is
    compared with it in a part of its own. Spans: F1 with the same offsets, with the same label too, and where they
    overlap. Labels and choices on matched spans: Krippendorff's alpha, Cohen's kappa. Ids and arrows: F1. Intervals are
    95 % bootstrap intervals over articles, or over their blocks while articles are few; a measure that cannot be had is
    null in JSON, with the reason. The keys of the JSON are told in src/newsparallax/edges/agreement.py.

    Exit code 0: done, however much annotators differ; 2: could not go on.
    """
    folder = open_corpus(corpus)
    with ExitStack() as stack:
        with cli.progress("articles") as progress:
            measured = stack.enter_context(measure(folder, progress))
        if as_json:
            cli.write(measured.json())
        else:
            print_agreement(cli.out, measured)
    if left_out := measured.figures["left_out"]["results_quarantined"]:
        cli.err.print(f"left out: {cli.plural(left_out, 'result item')} with problems; scripts/check.py lists them")
    return cli.DONE


if __name__ == "__main__":
    cli.run(main)
