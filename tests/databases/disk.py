"""A slow disk, for the database servers of tests: every flush of a log takes a while, as it does on a busy machine.

Both kinds of servers flush their logs by fdatasync, and by fsync other files, a thousand when they start after a crash.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.databases.servers import Missing

#: For so long a flush does nothing.
FLUSH_MS = 30
_SOURCE = f"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

int fdatasync(int file) {{
  usleep({FLUSH_MS} * 1000);
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}}
"""


def slow_disk(directory: Path) -> dict[str, str]:
    """What a server must have in its environment. Raises Missing."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing("there is no C compiler: apt-get install gcc libc6-dev")
    source, library = directory / "slow.c", directory / "slow.so"
    source.write_text(_SOURCE)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60
    )
    os.chmod(library, 0o755)
    return {"LD_PRELOAD": str(library)}
