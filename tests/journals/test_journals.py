"""Journals that earlier versions wrote fold for ever, and to the same end."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from fenix_grpc.checker import as_text, verify
from fenix_grpc.core.evolve import fold
from fenix_grpc.ports import Recorded
from fenix_grpc.store import codec
from tests.journals.record import HERE, summary

JOURNALS = sorted(HERE.glob("*.jsonl"))


def _read(path: Path) -> tuple[dict[str, object], list[Recorded]]:
    expected, *lines = map(json.loads, path.read_text().splitlines())
    entries = [
        Recorded(
            session_id="s1",
            seq=seq,
            position=seq,
            at=datetime.fromisoformat(at),
            event=codec.decode(kind, json.dumps(data)),
        )
        for seq, (at, kind, data) in enumerate(lines, 1)
    ]
    return expected, entries


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_a_recorded_journal_still_folds_to_the_same_end(path: Path) -> None:
    expected, entries = _read(path)
    session = fold(entries)
    assert session is not None
    assert json.loads(json.dumps(summary(session))) == expected
    certificate = verify(entries)
    assert certificate.ok, as_text(certificate)


def test_every_kind_of_event_is_in_some_recorded_journal() -> None:
    kinds = {json.loads(line)[1] for path in JOURNALS for line in path.read_text().splitlines()[1:]}
    assert {"SessionCreated", "WorldObserved", "PlanMade", "SessionVerified"} <= kinds
