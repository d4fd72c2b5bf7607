"""`fenix states`: draws a workflow from the very table that the engine obeys."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fenix_grpc.cli.calls import Exit, fail
from fenix_grpc.cli.output import say
from fenix_grpc.core.decision import Transitions, Workflow
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import SessionState
from fenix_grpc.plugins import load_workflows


class Drawing(StrEnum):
    """How a workflow is drawn."""

    TABLE = "table"
    DOT = "dot"
    MERMAID = "mermaid"


def states(
    workflow: Annotated[str, typer.Argument(help="Name of the workflow.")] = "default",
    dot: Annotated[bool, typer.Option("--dot", help="For Graphviz.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="For Markdown.")] = False,
) -> None:
    """Prints the states of an installed workflow and which may follow which."""
    try:
        chosen = load_workflows([workflow]).named(workflow)
    except InvalidRequest as err:
        fail(str(err), Exit.NOT_FOUND)
    drawing = Drawing.DOT if dot else Drawing.MERMAID if mermaid else Drawing.TABLE
    say(draw(chosen, drawing))


def draw(workflow: Workflow, drawing: Drawing) -> str:
    """The transition table of a workflow."""
    if drawing is Drawing.DOT:
        return _dot(workflow)
    return _mermaid(workflow) if drawing is Drawing.MERMAID else _table(workflow.transitions)


def _edges(transitions: Transitions) -> list[tuple[SessionState, list[SessionState]]]:
    """Every state with those that may follow, in the order of the enum."""
    return [
        (s, [t for t in SessionState if t in transitions[s]])
        for s in SessionState
        if s in transitions
    ]


def _table(transitions: Transitions) -> str:
    width = max(len(state) for state in transitions)
    lines = []
    for state, following in _edges(transitions):
        for number, after in enumerate(following or ["(the end)"]):
            lines.append(f"{state if not number else '':{width}}  ->  {after}")
    return "\n".join(lines)


def _dot(workflow: Workflow) -> str:
    lines = [f'digraph "{workflow.name}" {{', "  node [shape=box, style=rounded];"]
    for state, following in _edges(workflow.transitions):
        lines += [f"  {state} -> {after};" for after in following]
        if not following:
            lines.append(f"  {state} [peripheries=2];")
    return "\n".join([*lines, "}"])


def _mermaid(workflow: Workflow) -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {SessionState.MAINTENANCE}"]
    for state, following in _edges(workflow.transitions):
        lines += [f"    {state} --> {after}" for after in following]
        if not following:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)
