"""The states that follow each other, and the layers that may import each other, are data; here they are held to it."""

import ast
from pathlib import Path

from fenix_grpc.core.model import SessionState as S
from fenix_grpc.core.session import TERMINAL
from fenix_grpc.workflows.default import WORKFLOW

PURE = [*Path("fenix_grpc/core").glob("*.py"), *Path("fenix_grpc/workflows").glob("*.py")]
IMPURE = {"asyncio", "time", "random", "logging", "os", "grpc", "google", "sqlalchemy", "threading"}


def test_every_state_has_its_line_and_all_but_the_ends_may_fail():
    assert set(WORKFLOW.transitions) == set(S)
    for state, following in WORKFLOW.transitions.items():
        assert (S.MAINTENANCE_FAILED in following) == (state not in TERMINAL)
        assert not (state in TERMINAL and following)


def test_every_state_can_be_reached_and_can_end():
    reached, todo = set(), [S.MAINTENANCE]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo.extend(WORKFLOW.transitions[state])
    assert reached == set(S)


def test_the_core_imports_nothing_that_does_anything():
    assert PURE
    for path in PURE:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in IMPURE, f"{path} imports {name}"
