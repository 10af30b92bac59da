"""The page of methods says what the presets say, every warning included."""

from __future__ import annotations

import sys
from pathlib import Path

from qdsurf.library import list_shelf
from qdsurf.methods import load_method

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from methods_page import PAGE, generated  # noqa: E402


def test_the_page_is_made_from_the_presets_of_today() -> None:
    """Run `python benchmarks/methods_page.py` after a change of a preset."""
    assert generated() in PAGE.read_text(encoding="utf-8")


def test_every_warning_and_every_way_to_install_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in list_shelf("calculators"):
        method = load_method(name)
        assert f"### {name}\n" in text
        for said in (*method.warnings, method.cost, method.class_error_source, method.install):
            assert said in text, f"{name}: {said}"
