"""Options and fixtures that several tests share."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--demo", default=None, help="folder that `make demo` left, to be checked")
