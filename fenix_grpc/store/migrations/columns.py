"""Types and options that revisions share. As in schema.py, but fixed: a revision means for ever what it meant then."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text
from sqlalchemy.dialects.mysql import LONGTEXT

LONG_TEXT = Text().with_variant(LONGTEXT(), "mysql", "mariadb")
#: For every table.
OPTIONS: dict[str, Any] = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}
