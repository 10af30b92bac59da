"""Plans on disk: what is computed elsewhere gives the energy that bind gives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from pair_potential import pairwise
from typer.testing import CliRunner

import qdsurf as qs
from qdsurf.energy.evaluating import evaluate_plan, evaluate_state
from qdsurf.energy.planfiles import PLAN, STRUCTURE, combine_runs, read_plan, read_runs, write_plan
from qdsurf.energy.reactions import COMPLEX, plan
from qdsurf.energy.relax import relax
from qdsurf.energy.states import pieces
from qdsurf.errors import AskError, EvaluationError
from qdsurf.methods import make_calculator

STEPS = 3
METHOD = pairwise()
EMT = qs.load_method("emt")  # its preset is what collect reads; the energies are those of METHOD


@pytest.fixture(scope="module")
def made():
    crystal = qs.load_crystal("CsPbBr3-cubic")
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    return plan(slab, qs.load_ligand("acetate"), poses=2)


def run_elsewhere(made, folder, *, shuffle=False):
    """Relax every structure as a user would, leaving result.extxyz; codes such as VASP group the elements."""
    whole = json.loads((folder / PLAN).read_text())
    for row, (_, _, state, _) in zip(whole["states"], pieces(made), strict=True):
        start = read(folder / row["folder"] / STRUCTURE, format="extxyz")
        assert np.allclose(start.positions, state.atoms.positions, atol=1e-6)
        fixed = np.isin(np.arange(len(start)), row["fixed"])
        final = relax(start, METHOD, fixed=fixed, steps=STEPS).atoms
        final.calc = make_calculator(METHOD)
        energy, forces = final.get_potential_energy(), final.get_forces()
        kinds = sorted(set(final.numbers.tolist()), reverse=True)
        order = np.concatenate([np.flatnonzero(final.numbers == n) for n in kinds])
        if not shuffle:
            order = np.arange(len(final))
        written = Atoms(final.numbers, final.positions, cell=final.cell, pbc=final.pbc)[order]
        written.calc = SinglePointCalculator(written, energy=energy, forces=forces[order])
        write(folder / row["folder"] / "result.extxyz", written, format="extxyz")


@pytest.mark.parametrize("shuffle", [False, True], ids=["same order", "grouped by element"])
def test_energies_read_back_are_those_of_bind(made, tmp_path, shuffle):
    write_plan(made, tmp_path / "p", EMT, steps=STEPS)
    run_elsewhere(made, tmp_path / "p", shuffle=shuffle)
    found = qs.collect(tmp_path / "p")
    here = evaluate_plan(made, METHOD, steps=STEPS).energy
    assert found.energy is not None, found.missing
    # extended XYZ keeps eight decimals of the positions, between which these energies are steep
    assert found.energy.value == pytest.approx(here.value, rel=1e-6)
    assert found.energy.reaction == here.reaction
    assert set(found.energy.terms) == set(here.terms)
    assert found.energy.converged == here.converged
    assert len(found.energy.provenance["tried"]) == len(made.poses)
    assert any("computed elsewhere" in w for w in found.energy.warnings)


@pytest.mark.parametrize(
    "method",
    [
        qs.load_method("sevennet-0", dispersion="d3"),
        qs.load_method("ase.calculators.lj:LennardJones", sigma=2.0, class_error=0.5, elements=("Cs",)),
    ],
    ids=["added dispersion", "a calculator of the caller"],
)
def test_what_was_said_of_the_method_comes_back(made, tmp_path, method):
    """Its error is that of the energies that are read back: bind would have given the same."""
    write_plan(made, tmp_path / "p", method)
    assert read_plan(tmp_path / "p")[1] == method


def test_an_energy_computed_elsewhere_is_not_corrected_for_the_errors_of_a_method(made, tmp_path):
    method = qs.load_method("sevennet-0")
    write_plan(made, tmp_path / "p", method, steps=STEPS)
    run_elsewhere(made, tmp_path / "p")
    with pytest.raises(AskError, match="computed elsewhere"):
        qs.corrected(qs.collect(tmp_path / "p").energy, method)


def test_a_plan_comes_back_as_it_was_written(made, tmp_path):
    write_plan(made, tmp_path / "p", EMT)
    again, method, _ = read_plan(tmp_path / "p")
    assert again.reaction == made.reaction
    assert method.name == "emt"
    assert set(again.states) == set(made.states)
    for name, state in made.states.items():
        other = again.states[name]
        assert np.allclose(other.atoms.positions, state.atoms.positions, atol=1e-6)
        assert (other.charge, other.kind, other.per_formula) == (state.charge, state.kind, state.per_formula)
        assert state.fixed is None or (other.fixed == state.fixed).all()
    assert [p.charge for p in again.poses] == [p.charge for p in made.poses]
    with pytest.raises(AskError, match="not empty"):
        write_plan(made, tmp_path / "p", EMT)


def test_what_is_missing_or_wrong_is_said_for_each_folder(made, tmp_path):
    folder = tmp_path / "p"
    write_plan(made, folder, EMT, steps=STEPS)
    first = folder / json.loads((folder / PLAN).read_text())["states"][0]["folder"]
    (first / "run.sh").write_text("echo an input is no output\n")
    write(first / "POSCAR", read(first / STRUCTURE, format="extxyz"), format="vasp")
    with pytest.raises(EvaluationError, match="no output yet"):
        combine_runs(folder, read_runs(folder))
    assert qs.collect(folder).runs[0].status == "not started"
    run_elsewhere(made, folder)
    rows = json.loads((folder / PLAN).read_text())["states"]
    first = {r["state"]: folder / r["folder"] for r in reversed(rows)}
    pose, acid = first[COMPLEX], first["acid of the anion"]
    (pose / "result.extxyz").write_text("broken")
    found = qs.collect(folder)
    assert found.energy is not None  # the other pose is there
    assert any("pose 1" in w for w in found.energy.warnings)
    other = Atoms("H")
    other.calc = SinglePointCalculator(other, energy=-1.0)
    write(acid / "result.extxyz", other, format="extxyz")
    found = qs.collect(folder)
    assert found.energy is None
    assert not found.done
    assert "acid of the anion" in found.missing


@pytest.mark.parametrize("wrong", ["nothing", "cell", "held"])
def test_a_slab_that_was_not_computed_as_planned_is_said(made, tmp_path, wrong):
    """A relaxed cell, or atoms let free in one state alone, shift its energy by what is no binding."""
    folder = tmp_path / "p"
    write_plan(made, folder, EMT, steps=STEPS)
    run_elsewhere(made, folder)
    row = next(r for r in json.loads((folder / PLAN).read_text())["states"] if r["state"] == "surface")
    path = folder / row["folder"] / "result.extxyz"
    atoms = read(path)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.positions += (0.3, 0.0, 1.0)  # a code may move the whole
    if wrong == "cell":
        atoms.set_cell(atoms.cell * [1.02, 1.02, 1.0])
    if wrong == "held":
        atoms.positions[row["fixed"][0]] += (0, 0, 0.3)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    write(path, atoms, format="extxyz")
    words = {"cell": "its cell is not", "held": "the plan holds moved by up to 0.3"}
    said = [w for w in qs.collect(folder).energy.warnings if w.startswith("surface: ")]
    assert [w for w in said if words.get(wrong, ":") in w] == said
    assert len(said) == (wrong != "nothing")


def test_not_a_number_is_no_energy(made, tmp_path):
    folder = tmp_path / "p"
    write_plan(made, folder, EMT)
    first = json.loads((folder / PLAN).read_text())["states"][0]
    atoms = read(folder / first["folder"] / STRUCTURE, format="extxyz")
    atoms.calc = SinglePointCalculator(atoms, energy=float("nan"))
    write(folder / first["folder"] / "result.extxyz", atoms, format="extxyz")
    (run, *_) = read_runs(folder)
    assert run.result is None
    assert run.cause


def test_crystals_count_per_formula_unit(tmp_path):
    crystal = qs.load_crystal("CsPbBr3-cubic")
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    ligand = qs.load_ligand("lead-bromide")
    made = plan(slab, ligand, reaction="Z-type addition from the bulk")
    write_plan(made, tmp_path / "p", EMT)
    again, _, _ = read_plan(tmp_path / "p")
    bulk = again.states["bulk of the ligand"]
    assert (bulk.kind, bulk.per_formula, bulk.atoms.pbc.all()) == ("bulk", 4, True)
    soft = pairwise(settings={"sigma": 2.9, "epsilon": 0.05, "rc": 6.0})
    assert evaluate_state(bulk, soft, steps=2).atoms.cell.volume > 0


def test_the_command_line_writes_and_collects(tmp_path):
    from qdsurf.cli.commands import app

    crystal = qs.load_crystal("CsPbBr3-cubic")
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    where, folder = str(qs.write_structure(slab, tmp_path / "slab.extxyz")), str(tmp_path / "p")

    def qdsurf(*arguments):
        return CliRunner().invoke(app, arguments)

    done = qdsurf("bind", where, "acetate", "--replaces", "formate", "--plan", folder, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["reaction"]["name"] == "ligand exchange"
    assert qdsurf("collect", folder).exit_code == 1
    refused = qdsurf("bind", where, "acetate", "--reaction", "heterolytic", "--plan", folder + "2")
    assert isinstance(refused.exception, AskError)
    vacant = qdsurf("vacancy", where, "Pb,Br,Br", "--limit", "lead-rich", "--plan", folder + "3", "--json")
    assert json.loads(vacant.stdout)["reaction"]["stoichiometry"]["PbBr2"] == 1.0
