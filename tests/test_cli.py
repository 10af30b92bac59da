"""The command line: results, and errors that name what would work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def qdsurf(*arguments: str, where: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qdsurf", *arguments], capture_output=True, text=True, cwd=where
    )


def test_slab_then_attach(tmp_path: Path) -> None:
    cut = qdsurf(
        *[
            "slab",
            "CsPbBr3-cubic",
            "--termination",
            "CsBr",
            "--layers",
            "2",
            "--repeat",
            "2x2",
            "--vacuum",
            "1.5nm",
            "-o",
            "s.extxyz",
            "--json",
        ],
        where=tmp_path,
    )
    assert json.loads(cut.stdout)["charge"] == 0, cut.stderr
    bound = qdsurf("attach", "s.extxyz", "acetate=2", "-o", "b.extxyz", "--json", where=tmp_path)
    assert "2 acetate(-1)" in json.loads(bound.stdout)["ledger"], bound.stderr
    assert (tmp_path / "b.extxyz").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("slab CsPbBr3-cubik", "CsPbBr3-cubic"),
        ("slab CsPbBr3-cubic --hkl 0x1", "001"),
        ("slab CsPbBr3-cubic --hkl 000", "0"),
        ("slab CsPbBr3-cubic --termination PbBr3", "PbBr2"),
        ("slab CsPbBr3-cubic --termination CsBr --layers 0", "layer"),
        ("slab CsPbBr3-cubic --termination CsBr --vacuum 3parsec", "1.5nm"),
        ("show oleat", "oleate"),
        ("list ligand", "ligands"),
        ("attach nothing.extxyz acetate", "nothing.extxyz"),
        ("screen nothing.toml", "nothing.toml"),
        ("slab CsPbBr3-cubic --colour red", "--colour"),
    ],
)
def test_a_wrong_question_is_answered_without_a_traceback(arguments: str, named: str, tmp_path: Path) -> None:
    result = qdsurf(*arguments.split(), where=tmp_path)
    assert result.returncode == 2, result.stdout + result.stderr
    assert named in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir()), "something was written"


def test_traceback_shows_one() -> None:
    assert "Traceback" in qdsurf("--traceback", "show", "oleat").stderr


def test_doctor_names_every_method_and_its_warnings() -> None:
    out = qdsurf("doctor", "--no-run").stdout
    for method in ("emt", "gfn1-xtb", "gfn2-xtb", "sevennet-0", "sevennet-l3i5", "chgnet"):
        assert method in out
    assert "warning" in out


def test_the_group_that_binds_is_chosen_on_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    import qdsurf as qs
    from qdsurf.cli.commands import app
    from qdsurf.errors import AnchorError

    slab, bound = str(tmp_path / "s.extxyz"), tmp_path / "b.extxyz"
    crystal = qs.load_crystal("CsPbBr3-cubic")
    qs.write_structure(qs.cut_slab(crystal, "001", layers=1, termination="PbBr2", repeat=(2, 2)), slab)
    for anchor, element in (("thiol", "S"), ("[OH]", "O"), ("best", "S")):
        done = CliRunner().invoke(app, ["attach", slab, "OCCS", "--anchor", anchor, "-o", str(bound)])
        assert done.exit_code == 0, done.exception
        atoms = qs.read_surface(bound).atoms
        assert set(atoms.symbols[atoms.arrays["anchor"]]) == {element}
    # of several ligands those that have the group bind by it; one of them must
    done = CliRunner().invoke(app, ["attach", slab, "OCCS", "butylamine", "--anchor", "thiol", "--json"])
    assert "butylamine" in json.loads(done.stdout)["ledger"]
    for words in (["OCCS"], ["OCCS", "OCCO"]):
        refused = CliRunner().invoke(app, ["attach", slab, *words, "--anchor", "carboxylate"])
        assert isinstance(refused.exception, AnchorError)
        assert "thiol (atom 3), alcohol (atom 0)" in str(refused.exception)


def test_slips_of_a_newcomer_are_answered_with_what_would_work(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    import qdsurf as qs
    from qdsurf.cli.commands import app

    slab, other = str(tmp_path / "s.extxyz"), tmp_path / "mine.smi"
    crystal = qs.load_crystal("CsPbBr3-cubic")
    qs.write_structure(qs.cut_slab(crystal, "001", layers=1, termination="CsBr", repeat=(2, 2)), slab)
    other.write_text("CCC(=O)O propanoic-acid\n")
    for words, named in (
        (["attach", slab, "CCC(=O"], "such as CCC(=O)[O-]"),
        (["attach", slab, "acetate=two"], "acetate=2"),
        (["attach", str(other), "acetate"], "-o NAME.extxyz"),
        (["attach", str(tmp_path / "none.extxyz"), "acetate"], "qdsurf slab"),
        (["slab", str(other)], "qdsurf list bulk"),
        (["report", str(tmp_path / "nowhere")], "runs/mine"),
        (["dot", "PbS"], "cells=5"),
    ):
        refused = CliRunner().invoke(app, words)
        assert named in str(refused.exception), words
    # forgotten charge, forgotten nm: done as written, and said
    done = CliRunner().invoke(app, ["attach", slab, "CCC(=O)O"])
    assert "carboxylic acid with the proton on it" in done.stderr
    done = CliRunner().invoke(app, ["attach", slab, "CCC(=O)O", "--charge-state", "auto", "--json"])
    assert "15 Br(-1)" in json.loads(done.stdout)["ledger"], "the anion takes the place of a bromide"
    assert done.stderr == ""
    done = CliRunner().invoke(app, ["dot", "PbS", "--diameter", "5", "--json"])
    assert "was 5nm meant?" in done.stderr
    done = CliRunner().invoke(app, ["dot", "PbS", "--diameter", "1.2nm", "--json"])
    assert done.stderr == ""
