"""Command `newsparallax`: one group with all commands."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

from .. import __version__
from . import console

NAME = "newsparallax"
COMMANDS = (  # each is a module of this package, with a function `NAME_command` or a group `app`
    *("init", "adopt", "check", "generate", "build", "agreement", "report", "scale", "rehydrate"),
    *("export", "release", "label-studio"),
)


def _app(commands: Iterable[str]) -> TyperGroup:
    """Return the group with some commands. Only their modules are imported, so that a command starts fast."""
    app = typer.Typer(name=NAME, pretty_exceptions_enable=False, rich_markup_mode=None)
    for name in commands:
        module = import_module(f".{name.replace('-', '_')}", __package__)
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, f"{name}_command"))
    app.callback(invoke_without_command=True)(newsparallax)
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


def newsparallax(
    call: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version of the program.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and problems only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List every problem; show progress even without a terminal.")
    ] = False,
) -> None:
    """Build a versioned dataset from articles, a codebook and annotations that are kept as files."""
    console.set_verbosity(quiet=quiet, verbose=verbose)
    if call.invoked_subcommand is None:
        typer.echo(call.get_help())


def main() -> None:
    """Run the command that the command line names."""
    word = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    console.run(_app([word] if word in COMMANDS else COMMANDS), sys.argv[1:], NAME)


def run_script(name: str, script: str) -> None:
    """Run the command `name` under the name of the file that stands for it in scripts/."""
    console.run(_app([name]).commands[name], sys.argv[1:], script)
