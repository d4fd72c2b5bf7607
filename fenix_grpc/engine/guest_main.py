"""Runs one plug-in of a package, in a process of its own: `python -I guest_main.py WORK PACKAGE FILE NAME`.

WORK/request.json says what is asked, WORK/result.json what came of it. This file stands alone: nothing of fenix is
imported beside what a package brings.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def main() -> None:
    """Ends with an exit code other than 0 when the plug-in raises; then there is no result."""
    work, package, file, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    said = json.loads((work / "request.json").read_text())
    request = SimpleNamespace(**said)
    sys.path.insert(0, str(package))
    plugin = getattr(_module(package / file), name)()
    # Authors of plug-ins have written either (v1 facts: D38).
    plugin.state = request.state
    plugin.session = SimpleNamespace(
        session_id=request.session_id, state=request.state, metadata=request.session_metadata
    )
    result = plugin.run(request)
    if inspect.isawaitable(result):
        result = asyncio.run(_awaited(result))
    (work / "result.json").write_text(json.dumps(_told(result)))


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"fenix_guest_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def _awaited(result: Any) -> Any:
    return await result


def _told(result: Any) -> dict[str, Any]:
    """True, False, None for well, a mapping, or an object with `ok`, `detail` and `output`."""
    if result is None or isinstance(result, bool):
        return {"ok": result is not False}
    found = result if isinstance(result, dict) else vars(result)
    return {key: found[key] for key in ("ok", "detail", "output") if key in found}


if __name__ == "__main__":
    main()
