"""Packages that bring plug-ins: named in them, signed, and allowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fenix_grpc.core.errors import InvalidRequest, PackageRefused
from fenix_grpc.core.model import Package
from fenix_grpc.packages.manifest import parse
from fenix_grpc.packages.signature import Key, load_keys
from tests.packages.shop import Shop, a_file, tar

MANIFEST = b'[plugins.flash]\nrun = "flash.py:Flash"\n'
GOOD = tar(a_file("fenix-plugins.toml", MANIFEST), a_file("flash.py", b"class Flash: ..."))


@pytest.fixture
def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def keys(private: Ed25519PrivateKey, tmp_path: Path) -> tuple[Key, ...]:
    file = tmp_path / "key.pem"
    public = private.public_key()
    file.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return load_keys([str(file)])


def offered(shop: Shop, content: bytes, by: Ed25519PrivateKey | None) -> Package:
    url, _, digest = shop.put("/SW1.tgz", content).partition("#sha256=")
    shop.offers.pop("/SW1.tgz.sig", None)
    if by is not None:
        shop.put("/SW1.tgz.sig", by.sign(content))
    return Package(url=url, sha256=digest, plugins=("flash",))


async def test_a_signed_package_brings_its_plug_ins(shop, open_depot, private, keys):
    package = offered(shop, GOOD, private)
    depot = open_depot(keys=keys, plugins=True)
    depot.check([package])
    await depot.fetch("s1", [package], 0)
    home = Path(await depot.directory("s1", [package], {0: package.sha256}))
    assert (home / "SW1/flash.py").exists()


async def test_a_digest_alone_is_not_enough(shop, open_depot, private, keys):
    depot = open_depot(keys=keys, plugins=True, allow_unverified=True)
    with pytest.raises(PackageRefused, match="is not signed"):
        await depot.fetch("s1", [offered(shop, GOOD, None)], 0)
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(PackageRefused, match="by none of the keys"):
        await depot.fetch("s1", [offered(shop, GOOD, stranger)], 0)
    plain = replace(offered(shop, GOOD, None), plugins=())
    await depot.fetch("s2", [plain], 0)  # what brings no plug-ins needs no signature


@pytest.mark.parametrize("allowed", [False, True])
def test_the_operator_allows_it_and_has_keys(shop, open_depot, keys, allowed):
    depot = open_depot(plugins=allowed, keys=() if allowed else keys)
    with pytest.raises(InvalidRequest, match="SW1/flash comes with a package, which this server"):
        depot.check([offered(shop, GOOD, None)])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (tar(a_file("flash.py")), "it has no fenix-plugins.toml at its top"),
        (tar(a_file("fenix-plugins.toml", MANIFEST)), "has no flash.py"),
        (
            tar(a_file("fenix-plugins.toml", MANIFEST.replace(b"s.flash", b"s.other"))),
            "brings no plug-in flash, but other",
        ),
        (tar(a_file("fenix-plugins.toml", b" " * 70000)), "is larger than"),
    ],
)
async def test_what_is_named_is_there(shop, open_depot, private, keys, content, problem):
    depot = open_depot(keys=keys, plugins=True)
    with pytest.raises(PackageRefused, match=problem):
        await depot.fetch("s1", [offered(shop, content, private)], 0)


async def test_only_an_archive_brings_plug_ins(shop, open_depot, private, keys):
    depot = open_depot(keys=keys, plugins=True)
    shop.put("/SW1", GOOD)
    shop.put("/SW1.sig", private.sign(GOOD))
    package = Package(url=f"{shop.url}/SW1", plugins=("flash",))
    with pytest.raises(PackageRefused, match="no archive"):
        await depot.fetch("s1", [package], 0)


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "plugins = 3",
        '[plugins.x]\nrun = "x"',
        '[plugins.x]\nrun = "../x.py:X"',
        '[plugins.x]\nrun = "/x.py:X"',
        '[plugins.x]\nrun = "x.sh:X"',
        '[plugins.x]\nrun = "x.py:X"\nidempotent = true',
        '[other]\nrun = "x.py:X"',
        "\xff",
    ],
)
def test_a_manifest_that_is_wrong_is_refused(text):
    with pytest.raises(PackageRefused, match=r"fenix-plugins.toml"):
        parse(text.encode("latin-1"))


def test_a_manifest_names_files_and_what_is_called_in_them():
    plugin = parse(b'[plugins.flash]\nrun = "lib/flash.py:Flash"')["flash"]
    assert (plugin.file, plugin.name) == ("lib/flash.py", "Flash")
