"""The drawing of a workflow shows its table, whole."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fenix_grpc.cli.app import app
from fenix_grpc.cli.states import Drawing, draw
from fenix_grpc.workflows.default import WORKFLOW


@pytest.mark.parametrize(
    ("drawing", "arrow"), [(Drawing.DOT, " -> {};"), (Drawing.MERMAID, " --> {}")]
)
def test_every_transition_is_drawn(drawing: Drawing, arrow: str) -> None:
    lines = draw(WORKFLOW, drawing).splitlines()
    for state, following in WORKFLOW.transitions.items():
        drawn = {line.strip() for line in lines}
        assert {state + arrow.format(after) for after in following} <= drawn


def test_the_table_names_every_state_and_its_followers() -> None:
    table = CliRunner().invoke(app, ["states"]).output
    assert table.startswith("MAINTENANCE           ->  SCALE_IN\n")
    assert table.count("->") == sum(len(after) or 1 for after in WORKFLOW.transitions.values())


def test_an_unknown_workflow_is_not_found() -> None:
    result = CliRunner().invoke(app, ["states", "nonsense"])
    assert result.exit_code == 4
    assert "default" in result.stderr
