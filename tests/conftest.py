"""Options and fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A few cases for every run on a laptop; CI sets QDSURF_CASES=thorough.
_calm = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=20, **_calm)
settings.register_profile("thorough", max_examples=600, **_calm)
settings.load_profile(os.environ.get("QDSURF_CASES", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--demo", default=None, help="folder that `make demo` left, to be checked")
    parser.addoption("--site", default=None, help="folder that `make docs` left, to be checked")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests of a demo or a site where there is none to look at, rather than skip them."""
    needed = {"test_demo.py": "--demo", "test_site.py": "--site"}.get(collection_path.name)
    return True if needed and config.getoption(needed) is None else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that hypothesis feeds as "property", so that CI can run these with many more cases."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")
