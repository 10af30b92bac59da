"""Vibrations and counterpoise: against ASE's own, and in the limits where the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.vibrations import Vibrations
from pair_potential import pairwise
from test_energy import EMT, co_plan

import qdsurf as qs
from qdsurf.energy.evaluating import evaluate_plan
from qdsurf.energy.exchanges import OLD, exchange_plan
from qdsurf.energy.parts import counterpoise_correction
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import plan
from qdsurf.energy.relax import relax
from qdsurf.energy.states import pose_state
from qdsurf.energy.thermal import SOFTEST, harmonic, internal, vibrations
from qdsurf.methods import make_calculator


def test_vibrations_are_those_of_ase(tmp_path):
    atoms = relax(molecule("N2"), EMT, fmax=0.001).atoms
    mine = vibrations(atoms, np.arange(2), EMT)
    atoms.calc = make_calculator(EMT)
    theirs = Vibrations(atoms, name=str(tmp_path / "vib"))
    theirs.run()
    assert mine[-1] == pytest.approx(theirs.get_energies()[-1].real, rel=1e-5)


def test_harmonic_limits():
    """Cold: the zero-point energy. Hot: kT ln(h nu / kT), as of a classical oscillator."""
    mode = np.array([0.1])
    assert harmonic(mode, 1.0)[0] == pytest.approx(0.05)
    kt = 8.617333e-5 * 50_000
    assert harmonic(mode, 50_000.0)[0] == pytest.approx(kt * math.log(0.1 / kt), rel=1e-2)
    assert harmonic(np.array([1e-6]), 300.0) == harmonic(np.array([SOFTEST]), 300.0)


def test_free_energy_of_an_adsorption_is_labelled_and_sums():
    energy = evaluate_plan(co_plan(), EMT, procedure=Procedure(temperature=300.0)).energy
    found = energy.provenance["free_energy"]
    assert found["value"] == pytest.approx(energy.value + found["vibrational"])
    total = sum(c * found["states"][n] for n, c in energy.reaction.stoichiometry.items())
    assert found["vibrational"] == pytest.approx(total)
    assert "harmonic" in found["label"]
    assert any("no rotation, translation or solvent" in w for w in energy.warnings)


def test_an_imaginary_mode_is_neither_translation_nor_rotation():
    """Taken for one it would not be said, and a rotation would count as a vibration."""
    noise = [-1e-3, -5e-4, 0.0, 2e-4, 1e-3, 2e-3]
    water, modes = molecule("H2O"), np.array(sorted([*noise, -0.05, 0.2, 0.45]))
    left = internal(modes, water)
    assert sorted(left) == [-0.05, 0.2, 0.45]
    assert harmonic(left, 300.0)[1] == 1
    assert len(internal(np.zeros(6), molecule("CO"))) == 1


def test_the_free_energy_of_an_exchange_is_that_of_the_lowest_poses():
    """Whichever pose of the old ligand comes first, energy and modes are those of the lowest."""
    platinum = qs.cut_slab(qs.load_crystal("Pt"), (1, 1, 1), layers=2, repeat=(2, 2))
    old, new = qs.ligand_from_smiles("CN"), qs.ligand_from_smiles("N")
    made = exchange_plan(platinum, old, new, poses=2)
    turned = made.others[OLD][::-1]
    other = replace(made, others={OLD: turned}, states={**made.states, OLD: pose_state(made, OLD, turned[0])})
    how = Procedure(temperature=300.0)
    found = [evaluate_plan(p, EMT, steps=60, procedure=how).energy for p in (made, other)]
    tried = [row["energy"] for row in found[0].provenance["tried_others"][OLD]]
    assert abs(tried[0] - tried[1]) > 1e-3
    first, last = (e.provenance["free_energy"]["states"][OLD] for e in found)
    assert first == pytest.approx(last, abs=1e-6)


def test_no_free_energy_with_a_bulk_crystal():
    crystal = qs.load_crystal("CsPbBr3-cubic")
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    made = plan(slab, qs.load_ligand("methylammonium"))
    from qdsurf.energy.thermal import free_energy

    low = evaluate_plan(co_plan(), EMT)  # any energy: nothing of it is used
    assert free_energy(low.energy, made, {}, pairwise(), 300.0)[0] == {}


@pytest.mark.engine
def test_counterpoise_weakens_and_vanishes_far_apart():
    pytest.importorskip("pyscf")
    method = qs.load_method("pyscf-pbe-d3")
    first = np.array([True, False, False])

    def correction(distance):
        pair = Atoms("HeH2", positions=[(0, 0, -distance), (0, 0, 0), (0, 0, 0.75)])
        value, said = counterpoise_correction(pair, first, method, 0, 0)
        assert said == []
        return value

    assert correction(2.0) > 1e-3
    assert correction(12.0) == pytest.approx(0.0, abs=1e-5)
