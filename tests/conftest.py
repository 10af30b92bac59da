"""Options and fixtures that several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--demo", default=None, help="folder that `make demo` left, to be checked")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the demo's tests out where there is no demo to look at, rather than skip them."""
    return True if collection_path.name == "test_demo.py" and config.getoption("--demo") is None else None
