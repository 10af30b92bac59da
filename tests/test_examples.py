"""Examples run, are short and are listed; the site (`make docs`) executes the notebooks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.py"))
CAMPAIGNS = sorted((ROOT / "examples" / "screen").glob("*.toml"))


def example(path: Path) -> object:
    """Return the example as a test; one that asks for a potential runs in CI."""
    engine = re.search(r"sevennet|chgnet|gfn\d", path.read_text(encoding="utf-8"))
    return pytest.param(path, id=path.stem, marks=[pytest.mark.engine] if engine else [])


@pytest.mark.parametrize("path", [example(path) for path in EXAMPLES])
def test_example_runs(path: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout


@pytest.mark.parametrize("path", EXAMPLES + NOTEBOOKS, ids=lambda path: path.stem)
def test_example_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    assert '"""' in text.splitlines()[0] or "# # " in text


@pytest.mark.parametrize("path", EXAMPLES + NOTEBOOKS + CAMPAIGNS, ids=lambda path: path.name)
def test_example_is_listed(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert f"../{place}" in page or f"notebooks/{path.stem}.md" in page
