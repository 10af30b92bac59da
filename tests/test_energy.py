"""Energies: reactions balance, terms sum to the value, relaxations keep what is fixed."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc111, molecule

import qdsurf as qs
from qdsurf.energy.combining import combine, combined_uncertainty
from qdsurf.energy.evaluating import evaluate_plan, state_key
from qdsurf.energy.outcomes import outcomes
from qdsurf.energy.reactions import COMPLEX, REACTIONS, Plan, State, check_balance
from qdsurf.energy.relax import lattice_constant, relax, single_point
from qdsurf.energy.reservoirs import bulk_salt, hydride
from qdsurf.energy.states import slab_state
from qdsurf.errors import AskError, BalanceError, EvaluationError
from qdsurf.methods import load_method
from qdsurf.model.energies import Reaction
from qdsurf.model.nouns import Crystal, Source, Surface

EMT = load_method("emt")
SOURCE = Source(text="made for this test")


def platinum(adsorbate=None):
    """A Pt(111) slab, alone or with a molecule, as a Surface."""
    atoms = fcc111("Pt", (2, 2, 3), vacuum=8.0)
    layer = 3 - atoms.get_tags()
    if adsorbate is not None:
        add_adsorbate(atoms, adsorbate, 1.9, "ontop")
    size, extra = len(layer), len(atoms) - len(layer)
    for name in list(atoms.arrays):
        if name not in ("numbers", "positions"):
            del atoms.arrays[name]
    atoms.set_array("fragment", np.append(np.arange(size), [size] * extra).astype(int))
    atoms.set_array("species", np.array(["Pt"] * size + ["CO"] * extra, dtype="<U64"))
    atoms.set_array("role", np.array(["surface"] * size + ["ligand"] * extra, dtype="<U8"))
    atoms.set_array(
        "anchor", np.array([False] * size + [True] * bool(extra) + [False] * (extra - 1))[: size + extra]
    )
    atoms.set_array("layer", np.append(layer, [-1] * extra).astype(int))
    bonds = ((size, size + 1, 3.0),) if extra else ()
    return Surface(name="Pt", atoms=atoms, charges={"Pt": 0, "CO": 0}, sites=(), recipe={}, bonds=bonds)


def carbon_monoxide(height=0.0):
    return Atoms("CO", positions=[(0, 0, height), (0, 0, height + 1.15)])


def co_plan(poses=1):
    bare = platinum()
    placed = tuple(platinum(carbon_monoxide(0.1 * n)) for n in range(poses))
    states = {
        "surface": slab_state(bare, 1),
        "free ligand": State(atoms=carbon_monoxide()),
        COMPLEX: slab_state(placed[0], 1),
    }
    template = REACTIONS["adsorption"]
    reaction = Reaction(name="adsorption", equation="Pt + CO -> Pt-CO", stoichiometry=template.stoichiometry)
    check_balance(reaction, states)
    return Plan(reaction=reaction, states=states, poses=placed, seeds=tuple(range(poses)), lowest_free=1)


def test_unbalanced_reactions_are_refused():
    states = {
        "a": State(atoms=Atoms("HBr")),
        "b": State(atoms=Atoms("H")),
        "c": State(atoms=Atoms("Br"), charge=-1),
    }
    with pytest.raises(BalanceError, match=r"Br -1"):
        check_balance(Reaction(name="x", equation="a -> b", stoichiometry={"a": -1, "b": 1}), states)
    with pytest.raises(BalanceError, match=r"charge -1"):
        check_balance(
            Reaction(name="x", equation="a -> b + c", stoichiometry={"a": -1, "b": 1, "c": 1}), states
        )
    with pytest.raises(BalanceError, match="no state named d"):
        check_balance(Reaction(name="x", equation="a -> d", stoichiometry={"a": -1, "d": 1}), states)


def test_bulk_cell_counts_per_formula_unit():
    atoms, units = bulk_salt("K", "Br")
    states = {"bulk": State(atoms=atoms, kind="bulk", per_formula=units), "pair": State(atoms=Atoms("KBr"))}
    check_balance(Reaction(name="x", equation="KBr", stoichiometry={"bulk": -1, "pair": 1}), states)


def test_reservoirs():
    assert hydride("Br", -1).get_distance(0, 1) == pytest.approx(1.414)
    assert hydride("S", -2).get_angle(0, 2, 1) == pytest.approx(92.1)
    with pytest.raises(AskError, match="no acid"):
        hydride("Pb", 2)
    with pytest.raises(AskError, match="CsBr"):
        bulk_salt("methylammonium", "Br")


@pytest.mark.parametrize(
    ("smiles", "free"),
    [
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O"),
        ("C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]"),
        ("C[N+](C)(C)CCCS(=O)(=O)[O-]", "C[N+](C)(C)CCCS(=O)(=O)[O-]"),
    ],
)
def test_free_zwitterions_are_neutral_where_they_can_be(smiles, free):
    from qdsurf.energy.reservoirs import _uncharged

    assert _uncharged(smiles) == free


def test_combine_sums_terms_and_refuses_nan():
    reaction = Reaction(name="x", equation="", stoichiometry={"a": -1, "b": 0.5})
    assert combine(reaction, {"a": 2.0, "b": 3.0}) == pytest.approx(-0.5)
    with pytest.raises(EvaluationError, match="no energy for b"):
        combine(reaction, {"a": 2.0, "b": float("nan")})
    assert combined_uncertainty(0.3, [-1.0]) == pytest.approx(0.3)


def test_emt_adsorption():
    cache, lines = {}, []
    result = evaluate_plan(co_plan(2), EMT, references=cache, progress=lines.append)
    energy = result.energy
    assert energy.converged
    assert energy.value < 0
    total = sum(c * energy.terms[n] for n, c in energy.reaction.stoichiometry.items())
    assert total == pytest.approx(energy.value, abs=1e-9)
    assert min(energy.provenance["poses"]) == pytest.approx(energy.value)
    assert len(energy.provenance["poses"]) == 2
    assert energy.uncertainty >= EMT.class_error
    assert len(cache) == 2
    fixed = result.surface.atoms.arrays["layer"] == 0
    start = platinum(carbon_monoxide()).atoms
    np.testing.assert_allclose(result.surface.atoms.positions[fixed], start.positions[fixed])

    before = len(lines)
    again = evaluate_plan(co_plan(2), EMT, references=cache, progress=lines.append)
    assert again.energy.value == pytest.approx(energy.value, abs=1e-9)
    assert len(lines) - before == 2  # the poses only


def test_keys_tell_states_and_settings_apart():
    state = State(atoms=carbon_monoxide())
    assert state_key(state, EMT, 0.05, 10) == state_key(State(atoms=carbon_monoxide()), EMT, 0.05, 10)
    keys = {
        state_key(state, EMT, 0.05, 10),
        state_key(state, EMT, 0.01, 10),
        state_key(State(atoms=carbon_monoxide(1.0)), EMT, 0.05, 10),
        state_key(state, load_method("emt", asap_cutoff=True), 0.05, 10),
    }
    assert len(keys) == 4


def test_unconverged_says_so():
    energy = evaluate_plan(co_plan(), EMT, steps=1).energy
    assert not energy.converged
    assert any("not converged" in w for w in energy.warnings)


def test_damage_is_seen():
    surface = platinum(carbon_monoxide())
    assert outcomes(surface, surface.atoms) == []
    moved = surface.atoms.copy()
    moved.positions[-2:] += (0, 0, 3.0)
    assert [w.split(":")[0] for w in outcomes(surface, moved)] == ["detached"]
    torn = surface.atoms.copy()
    torn.positions[-1] += (0, 0, 1.0)
    assert [w.split(":")[0] for w in outcomes(surface, torn)] == ["fragmented"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"fmax": -0.1}, "fmax"), ({"fmax": float("nan")}, "fmax"), ({"fmax": 0.0}, "fmax"),
        ({"steps": -1}, "steps"), ({"steps": 2.5}, "steps"), ({"poses": 0}, "one pose"),
    ],
)  # fmt: skip
def test_limits_that_mean_nothing_are_refused_before_anything_runs(asked, said, monkeypatch):
    """A threshold of nan was never met, and no pose at all was blamed on the method."""
    slab = qs.cut_slab(
        qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr"
    )
    monkeypatch.setattr("qdsurf.energy.relax.make_calculator", lambda *a, **k: pytest.fail("it ran"))
    with pytest.raises(AskError, match=said):
        qs.binding_energy(slab, qs.load_ligand("formate"), qs.load_method("chgnet"), **asked)


def test_relax_leaves_its_input_alone():
    atoms = molecule("N2")
    atoms.positions[1] += 0.1
    before = atoms.copy()
    result = relax(atoms, EMT)
    assert result.converged
    assert result.energy < single_point(atoms, EMT).energy
    assert atoms == before
    assert atoms.calc is None
    assert result.atoms.calc is None


def test_failures_name_formula_and_method(monkeypatch):
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("SCF did not converge")

    monkeypatch.setattr("qdsurf.energy.relax.make_calculator", lambda method, charge=0: Broken())
    with pytest.raises(EvaluationError, match="Effective medium theory failed on N2: SCF") as caught:
        single_point(molecule("N2"), EMT)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_nothing_runs_when_one_state_is_refused(monkeypatch):
    monkeypatch.setattr("qdsurf.energy.evaluating.evaluate_state", lambda *a, **k: pytest.fail("was run"))
    plan = co_plan()
    states = {**plan.states, "free ligand": State(atoms=Atoms("CsBr"))}
    with pytest.raises(AskError, match="cannot do Br, Cs"):
        evaluate_plan(Plan(reaction=plan.reaction, states=states, poses=plan.poses), EMT)


def test_lattice_constant():
    from ase.build import bulk

    copper = Crystal(
        name="Cu", atoms=bulk("Cu", cubic=True), charges={"Cu": 0}, space_group="Fm-3m", source=SOURCE
    )
    assert lattice_constant(copper, EMT) == pytest.approx(3.59, abs=0.01)
    skew = Crystal(name="Cu", atoms=bulk("Cu"), charges={"Cu": 0}, space_group="Fm-3m", source=SOURCE)
    with pytest.raises(AskError, match="not cubic"):
        lattice_constant(skew, EMT)


def perovskite():
    import qdsurf as qs

    return qs.cut_slab(
        qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr"
    )


@pytest.mark.parametrize(
    ("smiles", "name"),
    [
        ("CC(=O)[O-]", "acid exchange"),
        ("F[B-](F)(F)F", "anion salt exchange"),
        ("C[NH3+]", "ammonium exchange"),
        ("C[N+](C)(C)C", "salt exchange"),
        ("[NH3+]CC(=O)[O-]", "zwitterion into a pair vacancy"),
        ("CP(C)C", "adsorption on a pair vacancy"),
    ],
)
def test_every_class_of_ligand_has_a_balanced_plan(smiles, name):
    import qdsurf as qs
    from qdsurf.energy.reactions import plan

    surface = perovskite()
    made = plan(surface, qs.ligand_from_smiles(smiles), poses=1)
    assert made.reaction.name == name
    check_balance(made.reaction, made.states)
    slabs = [s for s in made.states.values() if s.kind == "slab"]
    assert len({int(s.fixed.sum()) for s in slabs}) == 1
    assert all(np.ptp(s.atoms.positions[s.fixed][:, 2]) > 1 for s in slabs)
    assert len({s.charge for s in slabs}) == 1


@pytest.mark.engine
def test_engine_lattice_constant():
    """Reference value: an equation of state computed apart from this package."""
    import qdsurf as qs

    crystal = qs.load_crystal("CsPbBr3-cubic")
    assert lattice_constant(crystal, load_method("sevennet-0")) == pytest.approx(6.007, abs=0.02)


@pytest.mark.engine
def test_engine_binding():
    import qdsurf as qs

    ligand = qs.ligand_from_smiles("C[NH3+]")
    energy = qs.binding_energy(perovskite(), ligand, load_method("chgnet"), poses=1, steps=40)
    total = sum(c * energy.terms[n] for n, c in energy.reaction.stoichiometry.items())
    assert total == pytest.approx(energy.value, abs=1e-9)
    assert -3.5 < energy.value < -1.0
    assert not any(w.startswith(("detached", "fragmented")) for w in energy.warnings)
