"""Reactions: plans balance or are refused, exchange is a difference, ions are refused where wrong."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_potential import pairwise

import qdsurf as qs
from qdsurf.energy.binding import bind
from qdsurf.energy.combining import class_error
from qdsurf.energy.coverage import coverage_curve, coverage_plan
from qdsurf.energy.evaluating import evaluate_plan, require_able
from qdsurf.energy.exchanges import NEW, OLD, exchange_plan
from qdsurf.energy.outcomes import outcomes
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import COMPLEX, REACTIONS, check_balance, choose_reaction, plan
from qdsurf.energy.states import pieces, pose_state
from qdsurf.errors import AskError, EvaluationError, PlacementError
from qdsurf.model import Ligand, Surface
from qdsurf.model.energies import Energy, Reaction

SURFACES = {
    "CsBr": ("CsPbBr3-cubic", "CsBr"),
    "PbBr2": ("CsPbBr3-cubic", "PbBr2"),
    "CsI": ("CsPbI3-cubic", "CsI"),
    "MAI": ("MAPbI3", "MAI"),
    "FAI": ("FAPbI3", "FAI"),
    "PbS": ("PbS", "PbS"),
}
LIGANDS = (
    "acetate", "methylammonium", "formamidinium", "glycine", "trimethylphosphine", "methylamine",
    "lead-bromide", "lead-iodide", "caesium-acetate", "C[N+](C)(C)C", "F[B-](F)(F)F", "C[S-]",
)  # fmt: skip


@cache
def surface(name: str) -> Surface:
    if name == "dot":
        return qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=2)
    crystal, termination = SURFACES[name]
    return qs.cut_slab(qs.load_crystal(crystal), (0, 0, 1), layers=2, repeat=(2, 2), termination=termination)


@cache
def ligand(name: str) -> Ligand:
    return qs.load_ligand(name) if name in qs.list_shelf("ligands") else qs.ligand_from_smiles(name)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    where=st.sampled_from([*SURFACES, "dot"]),
    what=st.sampled_from(LIGANDS),
    reaction=st.sampled_from([*REACTIONS, "auto"]),
)
def test_every_plan_balances_or_is_refused_with_a_reason(where, what, reaction):
    try:
        made = plan(surface(where), ligand(what), reaction=reaction, poses=2, donor=ligand("methylamine"))
    except (AskError, PlacementError):
        return
    check_balance(made.reaction, made.states)
    for name, poses in made.posed.items():
        for pose in poses:
            check_balance(made.reaction, {**made.states, name: pose_state(made, name, pose)})
    neutral = [s for s in made.states.values() if s.kind != "slab"]
    if made.reaction.name != "heterolytic":
        assert all(s.charge == 0 for s in neutral)
    held = {int(s.fixed.sum()) for s in made.states.values() if s.kind == "slab" and s.fixed is not None}
    assert len(held) == 1  # the same atoms stay where they are on both sides


@pytest.mark.parametrize("where", ["MAI", "FAI"])
@pytest.mark.parametrize(
    ("what", "name"), [("methylammonium", "amine exchange"), ("C[N+](C)(C)C", "ion-pair exchange")]
)
def test_molecular_cations_leave_without_a_bulk_salt(where, what, name):
    made = plan(surface(where), ligand(what))
    assert made.reaction.name == name
    assert not [s for s in made.states.values() if s.kind == "bulk"]


def test_no_bulk_of_a_molecular_salt_is_made_up():
    with pytest.raises(AskError, match="no bulk crystal of methylammonium"):
        plan(surface("MAI"), ligand("methylammonium"), reaction="ammonium exchange")
    with pytest.raises(AskError, match="no molecular cation"):
        plan(surface("CsBr"), ligand("methylammonium"), reaction="amine exchange")


def test_a_reaction_for_another_kind_of_ligand_is_refused():
    with pytest.raises(AskError, match=r"methylamine binds 'on a cation'.*adsorption"):
        plan(surface("CsBr"), ligand("methylamine"), reaction="acid exchange")
    with pytest.raises(AskError, match="name the donor"):
        plan(surface("CsBr"), ligand("lead-bromide"), reaction="Z-type displacement")


def test_heterolytic_is_for_dots_and_for_methods_that_know_ions():
    with pytest.raises(AskError, match="take a dot"):
        plan(surface("CsBr"), ligand("acetate"), reaction="heterolytic")
    made = plan(surface("dot"), ligand("acetate"), reaction="heterolytic")
    assert {n: s.charge for n, s in made.states.items()} == {
        COMPLEX: 0, "surface without the ion": 1, "free ligand": -1,
    }  # fmt: skip
    assert any("vacuum" in w for w in made.warnings)
    with pytest.raises(AskError, match="bare halide ions"):
        require_able(made, qs.load_method("gfn1-xtb"), Procedure())
    with pytest.raises(AskError, match="no net charge"):
        require_able(made, qs.load_method("sevennet-0"), Procedure())
    require_able(made, qs.load_method("gfn2-xtb"), Procedure())


def test_exchange_computes_only_what_differs():
    made = exchange_plan(surface("CsBr"), ligand("acetate"), qs.load_ligand("formate"))
    assert set(made.states) == {NEW, OLD, "free new ligand", "free old ligand"}
    kinds = [(name, pose) for name, pose, _, _ in pieces(made)]
    assert kinds == [("free new ligand", 0), ("free old ligand", 0), (NEW, 1), (OLD, 1)]
    with pytest.raises(AskError, match="do not take each other's place"):
        exchange_plan(surface("CsBr"), ligand("acetate"), ligand("methylammonium"))
    with pytest.raises(AskError, match="one ligand"):
        exchange_plan(surface("CsBr"), ligand("acetate"), ligand("acetate"))


def test_exchange_is_the_difference_of_two_binding_energies():
    how = {"poses": 1, "steps": 3}
    method = pairwise()
    old, new = ligand("acetate"), qs.load_ligand("formate")
    energies = [qs.binding_energy(surface("CsBr"), one, method, **how) for one in (old, new)]
    exchange = qs.exchange_energy(surface("CsBr"), old, new, method, **how)
    assert exchange.value == pytest.approx(energies[1].value - energies[0].value, abs=1e-6)
    total = sum(c * exchange.terms[n] for n, c in exchange.reaction.stoichiometry.items())
    assert total == pytest.approx(exchange.value, abs=1e-9)


def test_starting_poses_differ_in_mode_before_seed():
    made = plan(surface("CsBr"), ligand("acetate"), poses=3)
    assert len(made.poses) == len(set(made.labels)) == 3
    assert made.labels[0] == "auto, seed 0"
    assert any(not label.startswith("auto") for label in made.labels)
    own = [p.atoms.positions[p.atoms.arrays["role"] == "ligand"] for p in made.poses]
    for i in range(3):
        for j in range(i):
            assert np.sqrt(((own[i] - own[j]) ** 2).sum(axis=1).mean()) > 0.3
    kept = plan(surface("CsBr"), ligand("acetate"), poses=2, mode="terminal")
    assert all(label.startswith("terminal") for label in kept.labels)


def test_all_poses_are_screened_and_the_best_relaxed():
    result = bind(
        surface("CsBr"), ligand("acetate"), pairwise(), poses=2, steps=3,
        procedure=Procedure(tries=4, prescreen=pairwise(name="cheaper"), prescreen_steps=2),
    )  # fmt: skip
    tried = result.energy.provenance["tried"]
    assert len(tried) == 4
    assert all(row["prescreen"]["method"] == "cheaper" for row in tried)
    full = [row for row in tried if "energy" in row]
    assert len(full) == 2
    worst = max(row["prescreen"]["energy"] for row in full)
    assert worst <= min(row["prescreen"]["energy"] for row in tried if "energy" not in row)


def test_uncertainty_names_its_parts():
    energy = qs.binding_energy(surface("CsBr"), ligand("acetate"), pairwise(), poses=2, steps=3)
    parts = energy.provenance["uncertainty"]
    # the members are E and 1.1 E + 5: the constants cancel in every balanced reaction but one of moles
    excess = sum(energy.reaction.stoichiometry.values())
    apart = abs(0.1 * energy.value + 5.0 * excess) / 2**0.5
    assert parts["committee"] == pytest.approx(apart, rel=1e-6)
    assert parts["class"] == 0.1
    expected = (0.1**2 + (parts["poses"][0] / 2) ** 2 + parts["committee"] ** 2) ** 0.5
    assert energy.uncertainty == pytest.approx(expected)


def test_failures_are_recorded_and_the_other_poses_go_on(monkeypatch):
    made = plan(surface("CsBr"), ligand("acetate"), poses=2)
    import qdsurf.energy.batched as module

    real, calls = module.relax, []

    def once(atoms, *args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise EvaluationError("killed")
        return real(atoms, *args, **kwargs)

    monkeypatch.setattr(module, "relax", once)
    energy = evaluate_plan(made, pairwise(), steps=2).energy
    tried = energy.provenance["tried"]
    assert tried[0]["cause"] == "killed"
    assert "energy" in tried[1]
    assert any("pose 1 failed: killed" in w for w in energy.warnings)
    assert not energy.converged
    assert any("not converged" in w for w in energy.warnings)


def test_nan_and_a_failing_engine_end_as_an_error_with_its_cause(monkeypatch):
    made = plan(surface("CsBr"), ligand("acetate"), poses=1)
    formula = made.states[COMPLEX].atoms.get_chemical_formula()
    monkeypatch.setenv("PAIRWISE_FAILS", formula)
    with pytest.raises(EvaluationError, match="no luck with"):
        evaluate_plan(made, pairwise(), steps=2)
    monkeypatch.delenv("PAIRWISE_FAILS")
    monkeypatch.setenv("PAIRWISE_NAN", formula)
    with pytest.raises(EvaluationError, match="gave no number"):
        evaluate_plan(made, pairwise(), steps=2)


def test_parts_sum_to_the_energy_of_an_adsorption():
    energy = qs.binding_energy(
        surface("PbS"), ligand("methylamine"), pairwise(), poses=1, steps=3,
        procedure=Procedure(parts=True, counterpoise=True),
    )  # fmt: skip
    parts = energy.provenance["parts"]
    assert set(parts) == {"interaction", "surface deformation", "ligand deformation"}
    assert sum(parts.values()) == pytest.approx(energy.value, abs=1e-6)
    assert any("no counterpoise correction" in w for w in energy.warnings)


def test_parts_of_an_ion_are_refused_where_the_method_takes_no_charge():
    energy = qs.binding_energy(
        surface("CsBr"), ligand("acetate"), pairwise(), poses=1, steps=2, procedure=Procedure(parts=True)
    )
    assert energy.provenance["parts"] == {}
    assert any("no net charge" in w for w in energy.warnings)


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"prescreen_steps": 0}, {"temperature": -1.0}])
def test_procedures_that_mean_nothing_are_refused(wrong):
    with pytest.raises(AskError):
        Procedure(**wrong)


def moved(made, change):
    pose = made.poses[0]
    after = pose.atoms.copy()
    change(after, np.flatnonzero(after.arrays["role"] == "ligand"))
    return [line.split(":")[0] for line in outcomes(pose, after)]


def test_what_became_of_a_ligand_is_said():
    made = plan(surface("PbS"), ligand("methylamine"))
    names = made.poses[0].atoms.symbols

    def lift(atoms, own):
        atoms.positions[own] += (0, 0, 4.0)

    def give_proton(atoms, own):
        nitrogen = next(i for i in own if names[i] == "N")
        proton = next(i for i in own if names[i] == "H" and atoms.get_distance(i, nitrogen) < 1.2)
        rest = [i for i in range(len(atoms)) if i not in own and names[i] == "S"]
        host = rest[int(np.argmin(atoms.get_distances(nitrogen, rest, mic=True)))]
        atoms.positions[proton] = atoms.positions[host] + (0, 0, 1.35)

    def break_carbon(atoms, own):
        carbon = next(i for i in own if names[i] == "C")
        hydrogens = [i for i in own if names[i] == "H" and atoms.get_distance(i, carbon) < 1.2]
        atoms.positions[[carbon, *hydrogens]] += (0, 0, 1.5)

    assert moved(made, lambda atoms, own: None) == []
    assert moved(made, lift) == ["detached"]
    assert moved(made, give_proton) == ["proton moved"]
    assert moved(made, break_carbon) == ["fragmented"]


def test_a_proton_of_the_lattice_that_a_ligand_takes_is_said():
    """Acetic acid and methylamine on the surface are not the acetate that was asked for."""
    made = plan(surface("MAI"), ligand("acetate"))
    names = made.poses[0].atoms.symbols

    def take_proton(atoms, own):
        oxygen = next(i for i in own if names[i] == "O")
        donors = [i for i in range(len(atoms)) if names[i] == "N"]
        donor = donors[int(np.argmin(atoms.get_distances(oxygen, donors, mic=True)))]
        gaps = atoms.get_distances(donor, range(len(atoms)), mic=True)
        proton = next(i for i in range(len(atoms)) if names[i] == "H" and gaps[i] < 1.15)
        atoms.positions[proton] = atoms.positions[oxygen] + (0, 0, 0.98)

    assert moved(made, lambda atoms, own: None) == []
    assert moved(made, take_proton) == ["proton moved"]


@pytest.mark.parametrize("what", ["shell", "salt"])
def test_one_of_several_that_comes_off_is_said(what):
    """The others that stay do not hide it: neither in a shell nor beside the other ion of a salt."""
    if what == "shell":
        made = coverage_plan(surface("CsBr"), qs.load_ligand("formate"), 4)
    else:
        made = plan(surface("CsBr"), ligand("caesium-acetate"))

    def lift_one(atoms, own):
        fragment = atoms.arrays["fragment"]
        last = [i for i in own if fragment[i] == fragment[own].max()]
        atoms.positions[last] += (0, 0, 6.0)

    assert moved(made, lambda atoms, own: None) == []
    assert moved(made, lift_one) == ["detached"]


def test_another_atom_that_binds_is_said():
    made = plan(surface("PbS"), qs.ligand_from_smiles("NCCO", anchor="amine"))
    pose = made.poses[0]
    after = pose.atoms.copy()
    own = after.arrays["role"] == "ligand"
    anchor = float(after.positions[own & after.arrays["anchor"], 2].max())
    # upside down: what was farthest from the surface is nearest now
    top = float(after.positions[own, 2].max())
    after.positions[own, 2] = anchor + top - after.positions[own, 2]
    words = [line.split(":")[0] for line in outcomes(pose, after)]
    assert words[0] in ("anchor changed", "detached")


def test_coverage_from_the_first_to_the_last_ligand():
    method = pairwise()
    curve = coverage_curve(surface("CsBr"), qs.load_ligand("formate"), method, counts=(1, 2, 4), steps=2)
    assert [point.ligands for point in curve] == [1, 2, 4]
    assert curve[-1].coverage == 1.0
    done = [point for point in curve if point.energy is not None]
    for before, after in itertools.pairwise(done):
        added = after.ligands - before.ligands
        total = after.ligands * after.energy.value - before.ligands * before.energy.value
        assert after.differential == pytest.approx(total / added)
    with pytest.raises(AskError, match="4 sites"):
        coverage_curve(surface("CsBr"), qs.load_ligand("formate"), method, counts=(1, 9))
    with pytest.raises(AskError, match="no curve"):
        coverage_plan(surface("CsBr"), ligand("trimethylphosphine"), 2)


def test_starts_of_a_shell_count_for_one_ligand():
    """Two shells of four ligands that differ by 1 eV differ by 0.25 eV per ligand."""
    made = coverage_plan(surface("CsBr"), qs.load_ligand("formate"), 4, poses=2)
    energy = evaluate_plan(made, pairwise(), steps=2).energy
    rows = [row["energy"] for row in energy.provenance["tried"]]
    apart = (max(rows) - min(rows)) / 4
    assert apart > 1e-6
    assert energy.provenance["uncertainty"]["poses"] == [pytest.approx(apart)]
    poses = energy.provenance["poses"]
    assert min(poses) == pytest.approx(energy.value)
    assert max(poses) - min(poses) == pytest.approx(apart)


@pytest.mark.parametrize(
    ("what", "name", "leaves"),
    [
        ("sulfide", "acid exchange", "acid of the anion"),
        ("[O-]C(=O)CCC(=O)[O-]", "acid exchange", "acid of the anion"),
        ("[NH3+]CCCC[NH3+]", "salt exchange", "bulk salt"),
    ],
)
def test_a_double_charge_takes_the_place_of_two_ions(what, name, leaves):
    shelf = what in qs.list_shelf("ligands")
    double = qs.load_ligand(what) if shelf else qs.ligand_from_smiles(what, anchor="best")
    made = plan(surface("CsBr"), double)
    assert made.reaction.name == name
    assert made.reaction.stoichiometry[leaves] == 2
    assert made.poses[0].charge == 0
    # beside one that takes one place, an acid is left over
    if name == "acid exchange":
        swap = exchange_plan(surface("CsBr"), qs.load_ligand("formate"), double)
        excess = swap.reaction.stoichiometry
        assert excess[f"{leaves} (new)"] + excess[f"{leaves} (old)"] == 1


@pytest.mark.parametrize("salt", ["methylammonium-iodide", "ammonium-thiocyanate", "caesium-acetate"])
def test_a_salt_leaves_as_a_pair_of_ions(salt):
    """With a proton to give it would be two molecules, which nobody placed."""
    made = plan(surface("CsBr"), qs.load_ligand(salt))
    assert made.reaction.name == "zwitterion into a pair vacancy"
    assert any("ion pair in vacuum" in w for w in made.warnings)
    glycine = plan(surface("CsBr"), ligand("glycine"))
    assert not any("ion pair in vacuum" in w for w in glycine.warnings)


def energy_of(method, name, **provenance):
    reaction = Reaction(name=name, equation="", stoichiometry={"surface": -1, COMPLEX: 1})
    return Energy(
        value=-1.0, uncertainty=0.4, reaction=reaction, terms={"surface": 1.0, COMPLEX: 0.0},
        method=method.name, converged=True, provenance=provenance,
    )  # fmt: skip


def test_a_correction_is_for_what_it_was_fitted_to_and_once():
    method = qs.load_method("sevennet-0")
    made = energy_of(method, "acid exchange", settings=dict(method.settings), dispersion="none")
    once = qs.corrected(made, method)
    total = sum(c * once.terms[n] for n, c in once.reaction.stoichiometry.items())
    assert once.value == pytest.approx(total)
    assert once.value - made.value == pytest.approx(method.corrections["X"]["shift"])
    with pytest.raises(AskError, match="already"):
        qs.corrected(once, method)
    with pytest.raises(AskError, match="other settings"):  # the sum with D3 errs differently
        qs.corrected(replace(made, provenance={**made.provenance, "dispersion": "D3(BJ)"}), method)
    double = replace(made.reaction, stoichiometry={**made.reaction.stoichiometry, "acid of the anion": 2})
    with pytest.raises(AskError, match="several ions"):
        qs.corrected(replace(made, reaction=double), method)
    # ion pairs in vacuum: another error than that of acids and amines, and none of them was measured
    for name in ("anion salt exchange", "salt exchange", "ligand exchange", "vacancy formation"):
        with pytest.raises(AskError, match="no correction"):
            qs.corrected(energy_of(method, name), method)
        assert class_error(method, name) == method.class_error


def test_choice_of_reaction_needs_a_site():
    with pytest.raises(AskError):
        choose_reaction(surface("PbS"), ligand("methylammonium"))


def test_the_page_names_every_reaction():
    page = (Path(__file__).resolve().parents[1] / "docs" / "energies.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| ([^|]+?) \| .*→", page, re.M))
    assert named == {*REACTIONS, "ligand exchange", "vacancy formation"}


@pytest.mark.parametrize(
    ("crystal", "gone"), [("CsPbBr3-cubic", "Cs and Br"), ("MAPbI3", "methylammonium and I")]
)
def test_the_equation_names_the_ions_that_left(crystal, gone):
    """Two energies with different vacancies are two reactions, and read so."""
    slab = qs.cut_slab(qs.load_crystal(crystal), (0, 0, 1), layers=2, repeat=(2, 2))
    equation = plan(slab, qs.load_ligand("methylamine")).reaction.equation
    assert equation == f"surface without {gone} + methylamine as CH5N -> surface-L"
