"""House rules that neither ruff, mypy nor import-linter can check: sizes, names, places, leftovers.

Each test collects every offence as `file:line` and expects none. Code is read through its syntax
tree where a search of the text would also hit prose.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shared.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("services", "shared", "tests")
TREES = (*PACKAGES, "deploy", "docs", ".ci")

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LINE_CHARACTERS_MAX = 100

#: Folders in the order of the data's way, which must also be the order of a listing.
FLOW = {
    "services": ["ingest", "projector", "read_api", "tooling"],
    "shared": ["contracts", "delivery", "folds", "projections", "reports", "storage", "web_edge"],
}
SERVICE_FILES = {"tooling": ["__main__.py"]}
PURE_LAYERS = ("contracts", "folds", "projections", "reports")
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "misc"}

RECOMPUTATION = "services/tooling/verify/recomputation"
STREAM_NAME = re.compile(r"(?<!/)callfold:(?!\s)")
SQL = re.compile(
    r"\b(SELECT|INSERT\s+INTO|DELETE\s+FROM)\b|\bUPDATE\b.*\bSET\b"
    r"|\b(CREATE|ALTER|DROP)\s+(TABLE|SCHEMA|INDEX|VIEW|POLICY)\b",
    re.DOTALL,
)
AMBIENT_CALLS = {"now", "today", "utcnow", "uuid1", "uuid4"}
LEFTOVER = re.compile(r"\bTOD[O]\b|\bFIXM[E]\b")
REGISTRY_HOST = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|crates|golang)\.(?:com|io|org)\b|\bdebian\.org\b"
)
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:work|root|home|Users)/\w")

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_modules_stay_below_the_hard_limit() -> None:
    """A module of more than 400 lines is split."""
    counts = {place(path): len(text(path).splitlines()) for path in modules(*PACKAGES, "deploy")}
    expect_none(name for name, count in counts.items() if count > MODULE_LINES_MAX)


def test_functions_stay_below_the_hard_limit() -> None:
    """A function of more than 70 lines is split."""
    expect_none(
        f"{place(path, node)} {node.name}"
        for path in modules(*PACKAGES, "deploy")
        for node in ast.walk(tree(path))
        if isinstance(node, FUNCTION)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    )


def test_lines_fit_the_page() -> None:
    """A line of code, SQL or make has at most 100 characters."""
    expect_none(
        f"{place(path)}:{number}"
        for path in text_files()
        if path.suffix in {".py", ".sql"} or path.name == "Makefile"
        for number, line in enumerate(text(path).splitlines(), start=1)
        if len(line) > LINE_CHARACTERS_MAX
    )


def test_names_say_what_is_inside() -> None:
    """No module or folder is called after its vagueness: it is named for its subject."""
    expect_none(
        place(path)
        for path in modules(*PACKAGES)
        for part in path.relative_to(ROOT).with_suffix("").parts
        if part.rsplit("_", 1)[-1] in VAGUE_NAMES
    )


def test_a_listing_reads_in_the_order_of_the_flow() -> None:
    """Each folder under services and shared has its place on the way of the data."""
    for package, flow in FLOW.items():
        listing = sorted({path.relative_to(ROOT).parts[1] for path in modules(package)})
        folders = [name for name in listing if not name.endswith(".py")]
        assert [name for name in flow if name in folders] == folders


def test_services_share_one_anatomy() -> None:
    """Each service has an entry point and a composition root; the command line, the first."""
    services = {path.relative_to(ROOT).parts[1] for path in modules("services")} - {"__init__.py"}
    expect_none(
        f"services/{service}/{name}"
        for service in sorted(services)
        for name in SERVICE_FILES.get(service, ["__main__.py", "app.py"])
        if not (ROOT / "services" / service / name).is_file()
    )


def test_every_folder_of_modules_is_a_package() -> None:
    """Without `__init__.py` all the way up, pytest takes tests/unit/shared for the real shared."""
    folders = {
        folder
        for path in modules(*PACKAGES)
        for folder in path.parents
        if folder.is_relative_to(ROOT) and folder != ROOT
    }
    expect_none(place(folder) for folder in sorted(folders) if not has_init(folder))


def test_tests_mirror_the_source() -> None:
    """Inside a level, tests/<level>/shared/folds holds the tests of shared/folds."""
    expect_none(
        place(path)
        for path in modules("tests")
        for inside in [path.parent.relative_to(ROOT).parts[2:]]
        if inside and inside[0] in FLOW and not ROOT.joinpath(*inside).is_dir()
    )


def test_nobody_imports_a_conftest() -> None:
    """Shared test code is a plain module; pytest alone loads a conftest."""
    expect_none(
        place(path, node)
        for path in modules("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and "conftest" in [*(node.module or "").split("."), *(name.name for name in node.names)]
    )


def test_sql_stays_in_storage() -> None:
    """Statements are written in one folder, where every query names the organization.

    Those of the second computation, which DuckDB runs, must not even import that folder.
    """
    strings = [
        place(path, node)
        for path in modules("services", "shared", "deploy")
        if not in_folder(path, "shared/storage", RECOMPUTATION)
        for node, content in string_literals(path)
        if SQL.search(content)
    ]
    files = [
        place(path)
        for path in text_files()
        if path.suffix == ".sql" and not in_folder(path, "shared/storage", RECOMPUTATION, "tests")
    ]
    expect_none(strings + files)


def test_stream_names_stand_in_one_file() -> None:
    """A stream or key is named by contracts/stream_names.py, so that grep finds its users."""
    expect_none(
        place(path, node)
        for path in modules("services", "shared")
        if place(path) != "shared/contracts/stream_names.py"
        for node, content in string_literals(path)
        if STREAM_NAME.search(content)
    )


def test_pure_layers_ask_nothing_of_the_moment() -> None:
    """The same events give the same report at any time: no clock, no random ids."""
    expect_none(
        place(path, node)
        for layer in PURE_LAYERS
        for path in modules(f"shared/{layer}")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and is_ambient(ast.unparse(node.func))
    )


def test_no_leftovers_no_hosts_no_paths_of_one_machine() -> None:
    """What is committed is finished, and works behind any mirror and in any folder."""
    expect_none(
        f"{place(path)}:{number} {line.strip()}"
        for path in text_files()
        for number, line in enumerate(text(path).splitlines(), start=1)
        if LEFTOVER.search(line) or REGISTRY_HOST.search(line) or MACHINE_PATH.search(line)
    )


def test_every_setting_is_in_the_runbook() -> None:
    """deploy/README.md names the environment variable of each setting."""
    runbook = text(ROOT / "deploy" / "README.md")
    variables = [f"CALLFOLD_{name.upper()}" for name in Settings.model_fields]
    expect_none(name for name in variables if not re.search(rf"\b{name}\b", runbook))


def test_documents_name_tests_that_exist() -> None:
    """What a promise is kept by can be found: each file, folder and test module that is named."""
    modules_of_tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for name in ("ARCHITECTURE.md", "README.md", "deploy/reliability.md"):
        for quoted in re.findall(r"`([^`\s]+)`", text(ROOT / name)):
            if re.fullmatch(r"(tests|shared|services|deploy)/[\w/.]+(::\w+)?", quoted):
                found = (ROOT / quoted.partition("::")[0]).exists()
            elif re.fullmatch(r"test_\w+\.py", quoted):
                found = quoted in modules_of_tests
            else:
                continue
            assert found, f"{name} names {quoted}, which is not there"


def test_every_make_target_is_explained() -> None:
    """`make help` lists each target that the Makefile declares, but those it uses itself."""
    makefile = text(ROOT / "Makefile").replace("\\\n", " ")
    declared = makefile.partition(".PHONY: help ")[2].partition("\n")[0].split()
    assert declared
    explained = set(re.findall(r"^([a-z-]+):.* ## \w", makefile, re.MULTILINE))
    expect_none(name for name in declared if name not in explained)


def test_lock_is_current_and_names_no_source() -> None:
    """Each requirement of pyproject.toml is locked to a version it allows, with hashes only."""
    lock = text(ROOT / "requirements.lock")
    expect_none(re.findall(r"^--.*|.*://.*", lock, re.MULTILINE))
    # Some are there twice, each version for other Pythons.
    locked = re.findall(r"^([a-z0-9-]+)(?:\[.*?\])?==(\S+)(?: ; .*)? \\$", lock, re.MULTILINE)
    assert len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE)) == len(locked)
    pins = dict(locked)
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    wanted += [Requirement(line) for line in project["optional-dependencies"]["dev"]]
    expect_none(
        str(requirement)
        for requirement in wanted
        if not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"))
    )


def expect_none(offences: Iterable[str]) -> None:
    """Fail with every offence on a line of its own."""
    found = list(offences)
    if found:
        pytest.fail("\n".join(["offences:", *found]), pytrace=False)


def modules(*folders: str) -> Iterator[Path]:
    """The Python files under these folders of the repository."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def text_files() -> tuple[Path, ...]:
    """Every file of the repository that is text, without what tools leave behind."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    found += [path for tree_name in TREES for path in sorted((ROOT / tree_name).rglob("*"))]
    return tuple(path for path in found if path.is_file() and is_text(path))


def is_text(path: Path) -> bool:
    """Whether a file decodes as UTF-8 and is not a compiled module."""
    if "__pycache__" in path.parts:
        return False
    try:
        text(path)
    except UnicodeDecodeError:
        return False
    return True


@cache
def text(path: Path) -> str:
    """A file's text."""
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(text(path), filename=str(path))


def string_literals(path: Path) -> Iterator[tuple[ast.expr, str]]:
    """A module's strings, f-strings with their fields left out; prose that is only prose is not.

    Docstrings and other strings that stand alone are skipped: they may explain what code must not.
    """
    nodes = list(ast.walk(tree(path)))
    covered = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            covered.update(map(id, node.values))
            parts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield node, "".join(map(str, parts))
        elif id(node) in covered:
            continue
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value


def is_ambient(called: str) -> bool:
    """Whether a call by this name answers differently at another moment."""
    return called == "time.time" or called.rsplit(".", 1)[-1] in AMBIENT_CALLS


def in_folder(path: Path, *folders: str) -> bool:
    """Whether a file lies under one of these folders of the repository."""
    return any(path.is_relative_to(ROOT / folder) for folder in folders)


def has_init(folder: Path) -> bool:
    """Whether a folder says that it is a package."""
    return (folder / "__init__.py").is_file()


def place(path: Path, node: ast.stmt | ast.expr | None = None) -> str:
    """Where something is, as editors take it: the path in the repository and the line."""
    name = path.relative_to(ROOT).as_posix()
    return name if node is None else f"{name}:{node.lineno}"
