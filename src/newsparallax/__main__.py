"""Entry point of `python -m newsparallax` and of the command `newsparallax`."""

from __future__ import annotations

from . import _start


def main() -> None:
    """Run the command line."""
    _start.guard("`pip install newsparallax` installs it")
    from .cli.app import main as run

    run()


if __name__ == "__main__":
    main()
