"""The documents of the contract as they are committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DIALECTS = ("v1", "standard")
#: What a client sends to be answered in a dialect.
ACCEPT = {"v1": "application/json", "standard": "application/json;profile=standard"}


def document(dialect: str) -> Any:
    """The OpenAPI document."""
    return json.loads((ROOT / f"gateway/documents/openapi-{dialect}.json").read_text())
