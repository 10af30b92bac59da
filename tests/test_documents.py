"""Examples and the code blocks of the documents do what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINES = "sevennet|qdsurf screen|gfn2|chgnet"


def blocks() -> list[object]:
    """Return the shell blocks of every page one by one, and its Python blocks as one script, in order."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        pieces = [
            (m[1], m[2], text[: m.start()].count(chr(10)) + 1)
            for m in re.finditer(r"^```(\w+)\n(.*?)^```", text, re.M | re.S)
        ]
        for language, code, line in pieces:
            if language in ("bash", "console"):
                marks = [pytest.mark.engine] if re.search(ENGINES, code) else []
                marks += [pytest.mark.slow] if "10nm" in code else []
                found.append(pytest.param("bash", code, id=f"{page.name}:{line}", marks=marks))
        python = [code for language, code, _ in pieces if language == "python"]
        cheap = [code for code in python if not re.search(ENGINES, code)]
        if cheap:
            found.append(pytest.param("python", "\n".join(cheap), id=f"{page.name}:python"))
        if len(cheap) < len(python):
            marks = [pytest.mark.engine]
            found.append(pytest.param("python", "\n".join(python), id=f"{page.name}:engines", marks=marks))
    return found


# these two are the jobs of .ci/run itself; running them inside a test would run the tests in the tests
RUN_BY_CI = ("make demo", "make test")


def run(command: list[str], where: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    result = subprocess.run(command, cwd=where, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    assert run([sys.executable, str(example)], tmp_path)


@pytest.mark.parametrize(("language", "code"), blocks())
def test_block_runs(language: str, code: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    if language == "python":
        run([sys.executable, "-c", code], tmp_path)
        return
    commands = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    script = (ROOT / ".ci" / "run").read_text()
    for line in commands:
        if line.split("#")[0].strip() in RUN_BY_CI:
            assert re.search(rf"^{line.split('#')[0].strip()}$", script, re.M), (
                f".ci/run does not run {line!r}"
            )
    rest = [line for line in commands if line.split("#")[0].strip() not in RUN_BY_CI]
    run(["bash", "-euc", "\n".join(rest)], tmp_path)
