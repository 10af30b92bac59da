"""CP2K as a method: what it refuses, how it fails, and that its energies belong to the atoms, not the box."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

import qdsurf as qs
from qdsurf.energy.relax import single_point
from qdsurf.errors import AskError, EvaluationError, MissingExtra
from qdsurf.methods import check_system, lacks, make_calculator
from qdsurf.methods.cp2k_program import CP2KProgram

HBR = Atoms("BrH", positions=[(0, 0, 0), (0.2, 0.4, 1.38)])


def test_a_missing_program_names_the_debian_package() -> None:
    method = qs.load_method("cp2k-pbe-d3", program="no-such-cp2k")
    assert "apt-get install cp2k" in lacks(method)
    with pytest.raises(MissingExtra, match="apt-get install cp2k"):
        make_calculator(method)


def test_a_net_charge_is_for_finite_systems() -> None:
    """A charged cell would be repeated in a background whose energy depends on the cell."""
    method = qs.load_method("cp2k-pbe-d3")
    check_system(method, Atoms("OH"), charge=-1)
    with pytest.raises(AskError, match="charge"):
        check_system(method, bulk("CsBr", "cesiumchloride", a=4.3), charge=1)
    with pytest.raises(AskError, match="not for periodic cells"):
        CP2KProgram(charge=1).calculate(bulk("CsBr", "cesiumchloride", a=4.3))


@pytest.mark.parametrize(
    ("setting", "value"), [("scf", "magic"), ("dispersion", "d7"), ("no_such_setting", 1)]
)
def test_settings_that_mean_nothing_are_refused(setting: str, value: object) -> None:
    method = qs.load_method("cp2k-pbe-d3", program="sh", **{setting: value})
    with pytest.raises(AskError, match="refuses its settings"):
        make_calculator(method)


def test_the_input_says_what_was_asked_for() -> None:
    """Without running: boundaries, k-points and spin follow from the system."""

    def template(atoms: Atoms, **settings: object) -> str:
        made = CP2KProgram(**settings)  # type: ignore[arg-type]
        return made._input.text(atoms, made._box(atoms)[0])

    assert "PSOLVER WAVELET" in template(molecule("H2O"))
    assert "UKS" not in template(molecule("H2O"))
    assert "UKS" in template(molecule("OH"))
    assert "UKS" not in template(molecule("OH"), charge=-1)
    salt = template(bulk("CsBr", "cesiumchloride", a=4.3))
    assert "MONKHORST-PACK 3 3 3" in salt
    assert "PERIODIC XYZ" in salt
    large = template(Atoms("Cs", cell=[12.0, 12.0, 30.0], pbc=(True, True, False)))
    assert "KPOINTS" not in large
    assert "&VDW_POTENTIAL" not in template(molecule("H2O"), dispersion="")
    ghosts = template(molecule("H2O"), ghosts=(0, 1))
    assert "UKS" in ghosts, "a hydrogen atom alone"
    assert "&KIND O_ghost" in ghosts
    assert ghosts.count("GHOST TRUE") == 2


@pytest.mark.engine
@pytest.mark.dft
def test_ghosts_lend_their_functions_and_nothing_else() -> None:
    """Counterpoise of ammonia on HBr: it weakens the bond, and is nothing where the two are far apart."""
    from qdsurf.energy.parts import counterpoise_correction

    method = qs.load_method("cp2k-pbe-d3", cutoff=120.0, padding=2.5)
    acid = np.array([True, True, False, False, False, False])

    def correction(distance: float) -> float:
        ammonia = molecule("NH3")
        ammonia.positions -= ammonia.positions[0]
        pair = Atoms("BrH", positions=[(0, 0, distance + 1.42), (0, 0, distance)]) + ammonia
        value, said = counterpoise_correction(pair, acid, method, 0, 0)
        assert said == []
        assert value is not None
        return value

    assert 0.004 < correction(1.8) < 0.1
    assert correction(5.0) == pytest.approx(0.0, abs=0.001)


@pytest.mark.engine
@pytest.mark.dft
def test_energy_belongs_to_the_molecule_and_forces_to_the_energy() -> None:
    method = qs.load_method("cp2k-pbe-d3", padding=3.0)
    here = single_point(HBR, method).energy
    turned = HBR.copy()
    turned.rotate(35, (1, 2, 3))
    turned.positions += (0.31, 0.17, 0.53)
    assert single_point(turned, method).energy == pytest.approx(here, abs=0.005)
    calculator = make_calculator(qs.load_method("cp2k-pbe-d3", padding=3.0, smoothing="NN50"))
    work = HBR.copy()
    work.calc = calculator
    along = (HBR.positions[1] - HBR.positions[0]) / HBR.get_distance(0, 1)
    force = float(work.get_forces()[1] @ along)
    energies = []
    for step in (0.02, -0.02):
        work.positions = HBR.positions + np.outer((0, 1), along * step)
        energies.append(work.get_potential_energy())
    assert force == pytest.approx(-(energies[0] - energies[1]) / 0.04, abs=0.05)


@pytest.mark.engine
@pytest.mark.dft
def test_a_charged_molecule_has_the_energy_of_textbooks() -> None:
    """Proton affinity of hydroxide: 16.9 eV (1633 kJ/mol, recalled); a basis that is not diffuse adds."""
    method = qs.load_method("cp2k-pbe-d3")
    water = single_point(molecule("H2O"), method).energy
    hydroxide = single_point(Atoms("OH", positions=[(0, 0, 0), (0, 0, 0.97)]), method, charge=-1).energy
    assert 15.9 < hydroxide - water < 18.9


@pytest.mark.engine
@pytest.mark.dft
def test_a_field_that_does_not_converge_is_an_error_with_its_ladder() -> None:
    """Two steps are too few for the preset; the orbital transformation, its next rung, saves the energy."""
    method = qs.load_method("cp2k-pbe-d3", padding=3.0, max_scf=2)
    result = single_point(HBR, method)
    assert result.energy == pytest.approx(
        single_point(HBR, qs.load_method("cp2k-pbe-d3", padding=3.0)).energy, abs=0.002
    )


@pytest.mark.parametrize(
    ("does", "said"), [("kill -9 $$", "nothing"), ("echo 'no such library' >&2; exit 127", "no such library")]
)
def test_a_program_that_ends_while_it_starts_is_an_error_with_its_cause(
    does: str, said: str, tmp_path: Path
) -> None:
    program = tmp_path / "cp2k.psmp"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    with pytest.raises(EvaluationError) as caught:
        single_point(HBR, qs.load_method("cp2k-pbe-d3", program=str(program)))
    assert "HBr: CP2K stopped while it started" in str(caught.value)
    assert str(caught.value).endswith(f"it said last: {said}")


@pytest.mark.engine
@pytest.mark.dft
def test_a_killed_program_is_a_failed_row_with_its_cause() -> None:
    calculator = make_calculator(qs.load_method("cp2k-pbe-d3", padding=3.0))
    atoms = HBR.copy()
    atoms.calc = calculator
    atoms.get_potential_energy()
    os.kill(calculator._engine._engine._shell._child.pid, signal.SIGKILL)
    atoms.positions[1, 2] += 0.05
    with pytest.raises(EvaluationError, match="CP2K stopped"):
        atoms.get_potential_energy()
