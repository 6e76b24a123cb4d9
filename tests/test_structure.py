"""What holds of the source itself: which way imports run, how long things are, what scripts and examples promise."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from helpers import ROOT
from newsparallax.corpus import Codebook, read_toml
from programs import run_program

SRC = ROOT / "src"
MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SRC.rglob("*.py"))
}
SCRIPTS = sorted((ROOT / "scripts").glob("[!_]*.py"))
# Packages whose modules others import directly: most modules of scale need an extra, and cli is for scripts.
WITHOUT_PUBLIC_NAMES = {"newsparallax.scale", "newsparallax.cli"}
NEEDS_AN_EXTRA = {"newsparallax.building.minhash"}

# Options as DESIGN promises them; a script that is not there yet is not asked.
OPTIONS = {
    "build": ("--corpus", "--out", "--workers", "--lenient"),
    "check": ("--corpus", "--json"),
    "generate": ("--corpus", "--check"),
    "adopt": ("export", "dir", "--config", "--format"),
    "export": ("dataset", "--to", "--out", "--annotator", "--strict"),
    "agreement": ("--corpus", "--json"),
    "rehydrate": ("dataset", "--seeds", "--out"),
    "report": ("dataset", "--corpus", "--out", "--text"),
    "scale": ("--input", "--out", "--corpus", "--executor", "local|ray|slurm", "--tasks", "--workers"),
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Every module that `module` imports, anywhere in it, with the line; names out of a package are its modules."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if inner in MODULES else source, node.lineno


def own(module: str) -> set[str]:
    return {found for found, _ in imports(module) if found in MODULES and found != module}


def package_of(module: str) -> str:
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_there_is_something_to_look_at():
    assert {"newsparallax.corpus.codebook", "newsparallax.building.run"} <= MODULES.keys()
    assert "newsparallax.corpus" in own("newsparallax.building.run")
    assert "newsparallax.corpus.toml" in own("newsparallax.corpus.folder")
    assert package_of("newsparallax.release.diff.rows") == "newsparallax.release.diff"
    assert SCRIPTS


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_public_names_of_other_packages(module):
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(module)
        if name in MODULES and name not in NEEDS_AN_EXTRA
        if package_of(name) not in {package_of(module), "newsparallax", name, *WITHOUT_PUBLIC_NAMES}
        if name.rpartition(".")[2] not in public_names(package_of(name))
    ]
    assert wrong == []


def public_names(package: str) -> set[str]:
    for node in tree(MODULES[package]).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


@pytest.mark.parametrize("package", [name for name in MODULES if package_of(name) == name])
def test_a_package_says_what_it_is_for_and_names_what_is_public(package):
    assert len(ast.get_docstring(tree(MODULES[package])) or "") > 60
    if package not in WITHOUT_PUBLIC_NAMES | {"newsparallax"}:
        assert public_names(package)


# Which modules use the packages of an extra.
OF_EXTRAS = {
    "annotate": ("newsparallax.labelling", "newsparallax.render.guidelines"),
    "formats": ("newsparallax.formats", "newsparallax.read.tokens"),
    "release": ("newsparallax.release", "newsparallax.dataset"),
    "report": ("newsparallax.report",),
    "scale": ("newsparallax.scale", "newsparallax.building.minhash"),
}
PLUGINS = {"s3fs"}  # found by fsspec; no module imports it


def declared() -> dict[str, set[str]]:
    """The packages that pyproject.toml names, by extra; "" has those that are always installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {re.split(r"[^\w-]", line)[0] for line in lists[extra]} for extra in ("", *OF_EXTRAS)}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    packages, stated = packages_distributions(), declared()
    used: set[str] = set()
    for module in MODULES:
        extras = [extra for extra, owners in OF_EXTRAS.items() if module.startswith(owners)]
        allowed = set.union(stated[""], *(stated[extra] for extra in extras))
        tops = {name.partition(".")[0] for name, _ in imports(module)} - sys.stdlib_module_names - {"newsparallax"}
        found = {packages[top][0].lower().replace("_", "-") for top in tops}
        assert found <= allowed, module
        used |= found
    assert set.union(*stated.values()) == used | PLUGINS


def test_nothing_imports_scripts():
    stems = {f"scripts.{path.stem}" for path in SCRIPTS} | {"scripts"}
    assert [(module, name) for module in MODULES for name, _ in imports(module) if name in stems] == []


def test_there_are_no_import_cycles():
    graph = {module: own(module) for module in MODULES}
    for module in MODULES:  # importing a module imports its packages
        graph[module] -= {name for name in graph[module] if module.startswith(f"{name}.")}
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_function_is_longer_than_60_lines():
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in (*MODULES.values(), *SCRIPTS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        if node.end_lineno - node.lineno + 1 > 60
    }
    assert long == {}


def test_no_module_is_longer_than_500_lines():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values()
    }
    assert {name: length for name, length in lengths.items() if length > 500} == {}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_ready_for_anything_before_it_imports_the_program(path):
    first = next(node for node in tree(path).body if not isinstance(node, ast.Expr))
    assert ast.unparse(first) == "from _run import run"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_thin(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 8


@pytest.mark.slow
def test_every_script_has_help_with_its_options():
    for path in SCRIPTS:
        ran = run_program(path, "--help", env={"COLUMNS": "200", "PATH": ""})
        assert ran.returncode == 0, f"{path.name}: {ran.stderr}"
        assert ran.stderr == "", path.name
        for option in OPTIONS.get(path.stem, ()):
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", ran.stdout, re.IGNORECASE), (
                f"{path.name} --help does not mention {option}"
            )


EXAMPLES = [
    pytest.param(values, key, id=f"{place}.{key}")
    for place, values in read_toml(ROOT / "annotations/codebook.toml", Codebook).label_sets()
    for key in values
]


@pytest.mark.parametrize(("values", "key"), EXAMPLES)
def test_an_example_of_the_codebook_works(values, key):
    value = values[key]
    assert value.definition
    assert value.example
    assert value.near_miss
    for example in (value.example, value.near_miss):
        assert example.text.count(example.span) == 1
        assert example.span == example.span.strip()
    assert value.near_miss.instead in {*values, "nothing"} - {key}
    assert value.near_miss.why
