"""The documents do what they say: every block of a page is run, in the order in which a reader runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL, PYTHON = ("bash", "sh", "console"), ("python", "py")
# what computes with a potential, and what takes long for another reason: these run in CI
ENGINES = r"sevennet|own-ligands|gfn\d|chgnet|qdsurf screen examples(?!.*--dry-run)"
LONG = "10nm"
# these are the jobs of .ci/run itself; running them inside a test would run the tests in the tests
RUN_BY_CI = ("make demo", "make test", "make docs")


@dataclass(frozen=True)
class Block:
    """A block of a page that a reader may run."""

    language: str
    code: str
    line: int

    @property
    def cheap(self) -> bool:
        return not re.search(f"{ENGINES}|{LONG}", self.code)

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block; of a console block those after the prompt."""
        lines = [line for line in self.code.splitlines() if line.strip() and not line.startswith("# ")]
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in lines if line.split("#")[0].strip() not in RUN_BY_CI]


def blocks(page: Path, languages: tuple[str, ...]) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w+)[^\n]*\n(.*?)^```", text, re.M | re.S)
    return [Block(m[1], m[2], text[: m.start()].count("\n") + 1) for m in found if m[1] in languages]


def runs(languages: tuple[str, ...]) -> list[object]:
    """Return each page with its cheap blocks, and, where there are others too, once more with all of them."""
    found = []
    for page in PAGES:
        every = blocks(page, languages)
        cheap = [block for block in every if block.cheap]
        if cheap:
            found.append(pytest.param(cheap, id=page.name))
        if len(cheap) < len(every):
            found.append(pytest.param(every, id=f"{page.name}-all", marks=pytest.mark.engine))
    return found


def run(command: list[str], where: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    result = subprocess.run(command, cwd=where, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("steps", runs(SHELL))
def test_commands_run(steps: list[Block], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    lines = [line for step in steps for line in (f": block of line {step.line}", *step.commands)]
    run(["bash", "-euxc", "\n".join(lines)], tmp_path)


@pytest.mark.parametrize("steps", runs(PYTHON))
def test_python_runs(steps: list[Block], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    run([sys.executable, "-c", "\n".join(step.code for step in steps)], tmp_path)


def test_what_only_ci_runs_is_run_by_ci() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in RUN_BY_CI:
        assert re.search(rf"^{command}$", script, re.M), f".ci/run does not run {command!r}"


def test_no_block_is_left_out() -> None:
    """Every fence has a language, and one that is neither run nor plain text or data is a mistake."""
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.M)
        assert len(fences) % 2 == 0, f"{page.name}: a fence is not closed"
        unknown = set(fences[::2]) - {*SHELL, *PYTHON, "text", "toml", "bibtex", "json"}
        assert not unknown, f"{page.name}: {unknown}"


def test_the_citation_is_of_this_version() -> None:
    """The file was found valid by cffconvert; what changes with each release is checked here."""
    import yaml

    import qdsurf

    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["version"] == qdsurf.__version__
    assert found["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors"} <= set(found)
