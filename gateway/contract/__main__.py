"""Writes the documents of the contract: `python -m gateway.contract [OUT]`, from the top of the source tree.

OUT defaults to that tree; `make check` writes elsewhere and compares.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from gateway.contract import comments, openapi, reference


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    buf = Path(sys.executable).with_name("buf")
    image = subprocess.run([buf, "build", "-o", "-"], check=True, stdout=subprocess.PIPE).stdout
    said = comments.read(image)
    for view in ("v1", "standard"):
        text = json.dumps(openapi.document(said, view=view), indent=1, ensure_ascii=False)
        _write(out / f"gateway/documents/openapi-{view}.json", text + "\n")
    page = Path("docs/api.md")
    _write(out / page, reference.renewed(page.read_text(encoding="utf-8"), said))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
