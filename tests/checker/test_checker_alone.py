"""The checker is a second opinion only while it shares nothing with the first."""

import ast
from pathlib import Path

import fenix_grpc.checker
from fenix_grpc.checker.replay import _CHANGES
from fenix_grpc.core.events import KINDS

FOLDER = Path(fenix_grpc.checker.__file__).parent
SHARED = {"fenix_grpc.core.events", "fenix_grpc.core.model", "fenix_grpc.core.constraints"}


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, by their full names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: a relative import"
            module = node.module or ""
            inner = module in ("fenix_grpc", "fenix_grpc.core")
            names |= {f"{module}.{alias.name}" for alias in node.names} if inner else {module}
    return {name for name in names if name.startswith("fenix_grpc")}


def test_it_imports_events_nouns_and_constraints_and_nothing_else_of_fenix():
    files = list(FOLDER.glob("*.py"))
    assert files
    for path in files:
        foreign = {n for n in imports(path) if not n.startswith("fenix_grpc.checker")}
        assert foreign <= SHARED, f"{path.name} imports {sorted(foreign - SHARED)}"


def test_it_finds_no_other_way_to_get_at_code():
    for path in FOLDER.glob("*.py"):
        text = path.read_text()
        assert "__import__" not in text
        assert "importlib" not in text


def test_what_it_shares_shares_nothing_either():
    """The nouns must not bring the fold along."""
    for module in SHARED:
        path = FOLDER.parent / "core" / f"{module.rpartition('.')[2]}.py"
        assert imports(path) <= SHARED


def test_it_knows_every_event():
    assert set(_CHANGES) == set(KINDS.values())
