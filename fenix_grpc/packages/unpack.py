"""Unpacks an archive that may lie: only plain files and directories, only below a directory, only so much.

Every member is written here and not by the archive's library, so that what is checked is what happens. Links are
refused altogether: without any, nothing that is written can end up elsewhere.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from fenix_grpc.core.errors import PackageRefused

_TAR: dict[str, Callable[..., Any]] = {
    ".tar": open,
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
}
_BLOCK = 64 * 1024
#: A header of tar that is longer (its extensions are read at once) is not meant well.
_LONGEST_HEADER = 1024 * 1024
#: What tar and zip need for a member beside its bytes.
_OVERHEAD = 4096
#: zip: length and signature of the record at the end, and the longest comment after it.
_END_BYTES, _END_MARK, _COMMENT_BYTES = 22, b"PK\x05\x06", 65535
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may come out of an archive."""

    most_bytes: int
    most_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One thing in an archive; `open` is None for a directory."""

    name: str
    size: int
    executable: bool = False
    open: Callable[[], IO[bytes]] | None = None


def unpack(archive: Path, ending: str, into: Path, limits: Limits) -> int:
    """Unpacks an archive with such an ending into a new directory. Returns the number of files. Raises PackageRefused;
    what was written until then stays."""
    into.mkdir(mode=0o755)
    try:
        members = _zip(archive, limits) if ending == ".zip" else _tar(archive, _TAR[ending], limits)
        return _write(members, into, limits)
    except _BROKEN as err:
        raise PackageRefused(f"cannot be unpacked: {err or type(err).__name__}") from err


def _write(members: Iterator[_Member], into: Path, limits: Limits) -> int:
    count, files, left = 0, 0, limits.most_bytes
    for member in members:
        count += 1
        if count > limits.most_files:
            raise PackageRefused(f"holds more than {limits.most_files} files and directories")
        if member.size > left:
            raise _too_large(limits)
        path = into.joinpath(*_parts(member.name))
        if member.open is None:
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            continue
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files += 1
        with member.open() as source, path.open("xb") as target:
            while block := source.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise _too_large(limits)
                target.write(block)
        path.chmod(0o755 if member.executable else 0o644)
    return files


def _parts(name: str) -> list[str]:
    """The names of a path on the way down. Raises PackageRefused for one that leads anywhere else."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise PackageRefused(f"holds an absolute path: {name[:200]!r}")
    if ".." in parts:
        raise PackageRefused(f"holds a path that leads out of it: {name[:200]!r}")
    if any("\0" in part or "\\" in part for part in parts):
        raise PackageRefused(
            f"holds a path with a character that has no place in one: {name[:200]!r}"
        )
    return parts


def _too_large(limits: Limits) -> PackageRefused:
    return PackageRefused(f"unpacks to more than {limits.most_bytes} bytes")


class _Bounded:
    """A decompressed stream that ends in a refusal, so that no header can make tarfile read without end."""

    def __init__(self, stream: IO[bytes], limits: Limits) -> None:
        self._stream, self._limits = stream, limits
        self._most = limits.most_bytes + _OVERHEAD * (limits.most_files + 10)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise PackageRefused(f"holds a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == 0 and position > self._most:
            raise _too_large(self._limits)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _tar(archive: Path, opened: Callable[..., Any], limits: Limits) -> Iterator[_Member]:
    with opened(archive, "rb") as stream:
        bounded = cast("IO[bytes]", _Bounded(stream, limits))
        with tarfile.open(fileobj=bounded, mode="r:") as tar:
            for info in tar:
                if info.isdir():
                    yield _Member(name=info.name, size=0)
                elif info.isreg() and not info.issparse():
                    yield _Member(
                        name=info.name,
                        size=info.size,
                        executable=bool(info.mode & 0o111),
                        open=lambda info=info: _opened(tar, info),  # type: ignore[misc]
                    )
                else:
                    what = "a link" if info.issym() or info.islnk() else "no plain file"
                    raise PackageRefused(f"holds {info.name[:200]!r}, which is {what}")


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    assert file is not None  # it is a plain file
    return file


def _zip(archive: Path, limits: Limits) -> Iterator[_Member]:
    _check_directory(archive, limits)
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            mode = info.external_attr >> 16
            kind = stat.S_IFMT(mode)
            if info.is_dir():
                yield _Member(name=info.filename, size=0)
            elif kind in (0, stat.S_IFREG):
                yield _Member(
                    name=info.filename,
                    size=info.file_size,
                    executable=bool(mode & 0o111),
                    open=lambda info=info: file.open(info),  # type: ignore[misc]
                )
            else:
                what = "a link" if kind == stat.S_IFLNK else "no plain file"
                raise PackageRefused(f"holds {info.filename[:200]!r}, which is {what}")


def _check_directory(archive: Path, limits: Limits) -> None:
    """zipfile reads the directory of an archive at once, however long it is."""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES))
        tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise PackageRefused("is no zip archive")
    files = int.from_bytes(tail[at + 10 : at + 12], "little")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if files == 0xFFFF or files > limits.most_files or length > _OVERHEAD * (files + 1):
        raise PackageRefused(f"holds more than {min(limits.most_files, 0xFFFE)} files")
