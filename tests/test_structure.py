"""What holds of the source itself: which way imports run, how long things are, what scripts and examples promise."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from newsparallax.core.codebook import Codebook
from newsparallax.core.toml import read_toml

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SRC.rglob("*.py"))
}
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
CORE, EDGES = "newsparallax.core", "newsparallax.edges"
CORE_MAY_IMPORT = {"pyarrow", "msgspec", "numpy"}  # numpy for arithmetic on what lies in Arrow's memory
CLOCKS_AND_WIRES = {
    *("time", "datetime", "random", "secrets", "uuid", "tempfile", "subprocess", "multiprocessing", "threading"),
    *("asyncio", "socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "shutil", "platform"),
}
OS_OUT_OF_BOUNDS = {"environ", "environb", "getenv", "putenv", "urandom", "getpid", "getlogin", "system", "popen"}

# Options as DESIGN promises them; a script that is not there yet is not asked.
OPTIONS = {
    "build": ("--corpus", "--out", "--workers", "--lenient"),
    "check": ("--corpus", "--json"),
    "generate": ("--corpus", "--check"),
    "adopt": ("export", "dir", "--config"),
    "agreement": ("--corpus", "--json"),
    "rehydrate": ("dataset", "--seeds", "--out"),
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


def test_there_is_something_to_look_at():
    assert {"newsparallax.core.codebook", "newsparallax.edges.build"} <= MODULES.keys()
    assert "newsparallax.core.toml" in own("newsparallax.edges.folder")
    assert "newsparallax.core.schema" in own("newsparallax.core.validate")
    assert SCRIPTS


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(CORE)])
def test_core_imports_core_the_standard_library_pyarrow_msgspec_and_numpy(module):
    allowed = sys.stdlib_module_names - CLOCKS_AND_WIRES | CORE_MAY_IMPORT
    inside = ("newsparallax", CORE)
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(module)
        if name.partition(".")[0] not in allowed and name not in inside and not name.startswith(f"{CORE}.")
    ]
    assert wrong == []


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(CORE)])
def test_core_reads_no_environment(module):
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{node.lineno} uses os.{node.attr}"
        for node in ast.walk(tree(MODULES[module]))
        if isinstance(node, ast.Attribute) and node.attr in OS_OUT_OF_BOUNDS
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    ]
    wrong += [
        f"{MODULES[module].relative_to(ROOT)}:{node.lineno} imports os.{alias.name}"
        for node in ast.walk(tree(MODULES[module]))
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
        if alias.name in OS_OUT_OF_BOUNDS
    ]
    assert wrong == []


def test_nothing_imports_scripts():
    stems = {f"scripts.{path.stem}" for path in SCRIPTS} | {"scripts"}
    assert [(module, name) for module in MODULES for name, _ in imports(module) if name in stems] == []


def test_scripts_import_edges_and_only_records_of_core():
    """A script calls the edges; of the core it needs types and errors, not the work."""
    for path in SCRIPTS:
        modules = {node.module for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom) and node.module}
        assert any(name.startswith(EDGES) for name in modules), path.name
        assert {name for name in modules if name.startswith(CORE)} <= {f"{CORE}.problems", f"{CORE}.errors"}, path.name


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


def test_no_module_is_longer_than_350_lines():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values()
    }
    assert {name: length for name, length in lengths.items() if length > 350} == {}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_thin(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_every_script_has_help_with_its_options():
    def run(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, path, "--help"],
            capture_output=True,
            text=True,
            check=False,
            env={"COLUMNS": "200", "PATH": ""},
        )

    with ThreadPoolExecutor(8) as pool:
        for path, ran in zip(SCRIPTS, pool.map(run, SCRIPTS), strict=True):
            assert ran.returncode == 0, f"{path.name}: {ran.stderr}"
            assert ran.stderr == "", path.name
            for option in OPTIONS.get(path.stem, ()):
                assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", ran.stdout, re.IGNORECASE), (
                    f"{path.name} --help does not mention {option}"
                )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_in_the_readme(path):
    assert f"scripts/{path.name}" in (ROOT / "README.md").read_text(encoding="utf-8")


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
