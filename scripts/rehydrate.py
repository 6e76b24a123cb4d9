"""Put the words back into a stand-off release, from your own copies of the articles."""

from pathlib import Path
from typing import Annotated

import typer

from newsparallax.edges import cli
from newsparallax.edges.rehydrate import rehydrate


def main(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A folder, or hub:ORG/NAME@REVISION.")],
    seeds: Annotated[Path, typer.Option(help="The folder with your copies: UTF-8 text files, whatever their names.")],
    out: Annotated[Path, typer.Option(help="The finished dataset folder.")],
) -> int:
    """Put texts, quotes and tokens back into a stand-off release, from your own copies of the articles.

    A copy is found by the digest of its text. One that differs only by byte order mark, line ends, Unicode form or
    white space at its end is mended on the way; your files are not changed. Where a file has an article's id for its
    name but another text, it is told where it differs, and drift.jsonl in the new folder says which spans survive.

    Exit code 0: all texts are back, and the content digest is that of the full dataset; 1: done, but some texts are not
    back; 2: could not go on.
    """
    made = rehydrate(dataset, seeds, out)
    for what, lines, total in (
        ("mended", made.mended, made.mended_total),
        ("missing", made.missing, made.missing_total),
        ("differs", made.drifted, made.drifted_total),
    ):
        for line in lines:
            cli.err.print(f"{what}: {line}")
        if total > len(lines):
            cli.err.print(f"... {what}: {total - len(lines):,} more")
    texts = made.manifest["texts"]
    cli.out.print(f"{made.manifest['name']} {made.manifest['version']}: {cli.shown(out)}")
    if not made.put_back + texts["withheld"]:
        cli.out.print("  no text was left out of it; it was copied as it is")
    cli.out.print(f"  {cli.plural(made.put_back, 'text')} put back, {texts['withheld']:,} still left out")
    cli.out.print(f"  content digest {made.manifest['content_digest']}")
    if texts["withheld"]:
        cli.err.print(f"{cli.plural(texts['withheld'], 'text')} not put back")
        return cli.PROBLEMS
    return cli.DONE


if __name__ == "__main__":
    cli.run(main)
