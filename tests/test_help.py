"""Help, completion and suggestions: what the command line says to someone who does not know it yet."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from qdsurf.cli.commands import app

GROUP: Any = typer.main.get_command(app)
VERBS = sorted(GROUP.commands)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command, as a shell does."""
    return subprocess.run(
        [Path(sys.executable).parent / "qdsurf", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def examples(verb: str) -> list[str]:
    """Return the examples in the help of *verb*; each is a paragraph of its own."""
    text = GROUP.commands[verb].help or ""
    return [" ".join(found.split()) for found in re.findall(r"Example: (.*?)(?:\n\s*\n|$)", text, re.S)]


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_that_the_parser_takes(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"], prog_name="qdsurf")
    assert shown.exit_code == 0
    found = examples(verb)
    assert found, f"qdsurf {verb} --help has no example"
    for example in found:
        program, name, *arguments = shlex.split(example)
        assert (program, name) == ("qdsurf", verb)
        GROUP.commands[verb].make_context(verb, arguments)  # raises where an option does not exist


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb != "app"]
)  # that one serves pages, not results
def test_every_verb_speaks_to_machines(verb: str) -> None:
    options = {name for option in GROUP.commands[verb].params for name in option.opts}
    assert "--json" in options


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_is(verb: str) -> None:
    silent = [
        p.name for p in GROUP.commands[verb].params if not (getattr(p, "help", None) or p.name == "help")
    ]
    assert not silent


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["slba"], "slab"),
        (["slab", "PbS", "--layer", "3"], "--layers"),
        (["show", "oleat"], "oleate"),
        (["slab", "CsPbBr3-cubik"], "CsPbBr3-cubic"),
        (["list", "ligand"], "ligands"),
        (["slab"], "crystal"),
        (["slab", "PbS", "--layers", "three"], "integer"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(arguments: list[str], suggestion: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert suggestion in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "completed"),
    [("qdsurf sl", {"slab"}), ("qdsurf slab --lay", {"--layers"}), ("qdsurf val", {"validate"})],
)
def test_the_shell_completes(words: str, completed: set[str]) -> None:
    """Ask as the script of the completion asks."""
    count = len(words.split()) - 1
    result = run(_QDSURF_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(count))
    assert set(result.stdout.split()) == completed, result.stderr


def test_completion_is_installed_where_a_shell_finds_it(tmp_path: Path) -> None:
    """Through bash, because the shell that asks is the one that is set up; in a home of its own."""
    command = f"{shlex.quote(str(Path(sys.executable).parent / 'qdsurf'))} --install-completion; exit $?"
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert result.returncode == 0, result.stderr
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "_QDSURF_COMPLETE=complete_bash" in written
    assert subprocess.run(["bash", "-n", tmp_path / ".bashrc"]).returncode == 0
