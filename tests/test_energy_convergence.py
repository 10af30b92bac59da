"""Convergence of slabs, and the verbs of single energies, with a method that costs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import qdsurf as qs
from qdsurf.cli.commands import app
from qdsurf.energy.binding import bind
from qdsurf.energy.convergence import converge, larger, rebuilt
from qdsurf.errors import AskError

EMT = qs.load_method("emt")
AMMONIA = qs.ligand_from_smiles("N", name="ammonia")


@pytest.fixture(scope="module")
def platinum():
    return qs.cut_slab(qs.load_crystal("Pt"), (1, 1, 1), layers=3, repeat=(2, 2))


def test_one_more_of_each(platinum):
    assert rebuilt(platinum) == platinum
    before, after, thicker = larger(platinum, "layers")
    assert (before, after, len(thicker.atoms)) == (3, 4, 16)
    assert len(larger(platinum, "repeat")[2].atoms) == 27
    taller = larger(platinum, "vacuum")[2]
    assert taller.atoms.cell[2, 2] == pytest.approx(platinum.atoms.cell[2, 2] + 5.0)
    with pytest.raises(AskError, match="layers, repeat, vacuum"):
        larger(platinum, "height")
    with pytest.raises(AskError, match="recipe"):
        larger(qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=1, termination="CsBr"), "layers")


def test_vacuum_changes_nothing_where_atoms_do_not_feel_one_another(platinum):
    """EMT ends at a few Å, so that more vacuum is the same calculation."""
    settings = {"poses": 1, "steps": 40}
    first = bind(platinum, AMMONIA, EMT, **settings)
    vacuum, layers = converge(
        platinum, AMMONIA, EMT, along=("vacuum", "layers"), first=first, **settings
    )  # fmt: skip
    assert vacuum.change == pytest.approx(0.0, abs=1e-6)
    assert layers.energy == pytest.approx(first.energy.value + layers.change)
    assert abs(layers.change) < 0.2


def test_the_verb_bind_prints_every_part(platinum, tmp_path):
    slab = str(qs.write_structure(platinum, tmp_path / "pt.extxyz"))
    arguments = ["bind", slab, "N", "--method", "emt", "--poses", "1", "--steps", "40", "--parts"]
    done = CliRunner().invoke(app, [*arguments, "--converge", "vacuum", "-o", str(tmp_path / "out.extxyz")])
    assert done.exit_code == 0, done.output
    for word in ("adsorption: surface + ", "eV per ligand, emt", "interaction", "vacuum 15.0 -> 20.0"):
        assert word in done.stdout
    assert len(qs.read_surface(tmp_path / "out.extxyz").atoms) == len(platinum.atoms) + 4
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    parts = found["provenance"]["parts"]
    assert sum(parts.values()) == pytest.approx(found["value"], abs=1e-6)
    assert found["provenance"]["uncertainty"]["class"] == EMT.class_error


def test_a_correction_is_in_every_energy_and_in_no_change(platinum, tmp_path, monkeypatch):
    """One more layer changes an energy by what it changes, whether both are shifted or neither is."""
    shelf = tmp_path / "calculators"
    shelf.mkdir()
    text = (Path(__file__).resolve().parents[1] / "calculators" / "emt.toml").read_text()
    (shelf / "fitted.toml").write_text(f"{text}\n[corrections]\nL = {{ shift = 0.5, error = 0.1 }}\n")
    monkeypatch.setenv("QDSURF_LIBRARY", str(tmp_path))
    slab = str(qs.write_structure(platinum, tmp_path / "pt.extxyz"))

    def found(*more):
        words = ["bind", slab, "N", "--method", "fitted", "--poses", "1", "--steps", "20"]
        done = CliRunner().invoke(app, [*words, "--converge", "layers", "--json", *more])
        assert done.exit_code == 0, done.output
        whole = json.loads(done.stdout)
        return whole["value"], whole["converge"][0]

    (plain, change), (shifted, also) = found(), found("--correct")
    assert shifted == pytest.approx(plain + 0.5)
    assert also["change"] == pytest.approx(change["change"])
    assert also["energy"] == pytest.approx(change["energy"] + 0.5)


def test_ligands_crowd_one_another(platinum):
    curve = qs.coverage_curve(platinum, AMMONIA, EMT, counts=(1, 2), steps=40)
    assert [point.cause for point in curve] == ["", ""]
    assert curve[0].differential == pytest.approx(curve[0].energy.value)
    assert curve[1].coverage == 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--converge", "height"], "layers, repeat, vacuum"),
        (["--plan", "p", "--correct"], "runs nothing"),
        (["--plan", "p", "--temperature", "300"], "runs nothing"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_computed(
    platinum, tmp_path, monkeypatch, options, words
):
    monkeypatch.chdir(tmp_path)
    slab = str(qs.write_structure(platinum, tmp_path / "pt.extxyz"))
    monkeypatch.setattr("qdsurf.energy.binding.bind", lambda *a, **k: pytest.fail("computed"))
    wrong = CliRunner().invoke(app, ["bind", slab, "N", "--method", "emt", *options])
    assert isinstance(wrong.exception, AskError)
    assert words in str(wrong.exception)
    assert not (tmp_path / "p").exists()


def test_an_exchange_is_not_combined_with_what_it_cannot_be(platinum, tmp_path):
    slab = str(qs.write_structure(platinum, tmp_path / "pt.extxyz"))
    wrong = CliRunner().invoke(
        app, ["bind", slab, "N", "--method", "emt", "--replaces", "CN", "--converge", "layers"]
    )
    assert isinstance(wrong.exception, AskError)
