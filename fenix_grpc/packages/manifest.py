"""What actions a package brings: the file `fenix-plugins.toml` at its top names them.

[plugins.flash]
run = "flash.py:Flash"
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from fenix_grpc.core.errors import PackageRefused

MANIFEST = "fenix-plugins.toml"
_RUN = re.compile(r"([\w./-]+\.py):([A-Za-z_]\w*)")
_MOST_BYTES = 65536


class Plugin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action: FILE.py:NAME, a file of the package and what is called in it."""

    run: str

    @property
    def file(self) -> str:
        """Within the package."""
        return self.run.partition(":")[0]

    @property
    def name(self) -> str:
        """The class, or whatever else makes the plug-in when it is called."""
        return self.run.partition(":")[2]


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    plugins: dict[str, Plugin] = {}


def parse(text: bytes) -> dict[str, Plugin]:
    """The plug-ins by name. Raises PackageRefused, which says what is wrong."""
    try:
        plugins = msgspec.toml.decode(text, type=_Manifest).plugins
    except (msgspec.MsgspecError, ValueError) as err:
        raise PackageRefused(f"{MANIFEST} is not as it should be: {err}") from err
    for name, plugin in plugins.items():
        match = _RUN.fullmatch(plugin.run)
        if match is None or ".." in Path(plugin.file).parts or Path(plugin.file).is_absolute():
            raise PackageRefused(f"{MANIFEST}: plugins.{name}.run must be FILE.py:NAME")
    return plugins


def plugin_of(package: Path, name: str) -> Plugin:
    """The plug-in of that name in an unpacked package. Raises PackageRefused."""
    file = package / MANIFEST
    if not file.is_file():
        raise PackageRefused(f"brings no plug-ins: it has no {MANIFEST} at its top")
    if file.stat().st_size > _MOST_BYTES:
        raise PackageRefused(f"{MANIFEST} is larger than {_MOST_BYTES} bytes")
    plugins = parse(file.read_bytes())
    if name not in plugins:
        raise PackageRefused(f"brings no plug-in {name}, but {', '.join(plugins) or 'none'}")
    if not (package / plugins[name].file).is_file():
        raise PackageRefused(f"has no {plugins[name].file}, which {MANIFEST} names")
    return plugins[name]
