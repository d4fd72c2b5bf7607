"""Builds the samples once, in every language whose toolchain is here. CI has all of them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from tests.clients.languages import LANGUAGES, Language


@pytest.fixture(scope="session")
def languages() -> Sequence[Language]:
    """Those that can be run here, built."""
    present = [language for language in LANGUAGES if not language.missing]
    for language in present:
        language.make()
    return present


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name)
def language(request: pytest.FixtureRequest) -> Language:
    """Each of them; skipped, in CI failed, for the want of a toolchain."""
    language: Language = request.param
    if language.missing:
        reason = f"the {language.name} sample needs {language.missing}, which is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return language
