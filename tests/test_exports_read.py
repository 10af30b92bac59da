"""Outputs that the codes themselves wrote, read as others read them; tests/outputs says whose they are."""

from __future__ import annotations

from pathlib import Path

import ase.test
import numpy as np
import pytest
from ase.build import molecule
from ase.io import read

import qdsurf as qs
from qdsurf.model.nouns import Crystal, Source, Surface

OUTPUTS = Path(__file__).parent / "outputs"
VASP = Path(ase.test.__file__).parent / "testdata" / "vasp"
HARTREE = 27.211386245988  # eV, CODATA 2018


@pytest.fixture(scope="module")
def water():
    atoms = molecule("H2O")
    atoms.set_array("fragment", np.zeros(3, dtype=int))
    atoms.set_array("species", np.array(["water"] * 3))
    atoms.set_array("role", np.array(["core"] * 3))
    atoms.set_array("anchor", np.zeros(3, dtype=bool))
    atoms.set_array("layer", np.full(3, -1))
    return Surface(name="water", atoms=atoms, charges={"water": 0}, sites=(), recipe={"verb": "test"})


def collected(water, code, purpose, output, where):
    folder = qs.export(water, code, where / "x", purpose=purpose).folder
    (folder / f"{code}.out").write_bytes((OUTPUTS / output).read_bytes())
    return qs.collect(folder).runs[0]


@pytest.mark.parametrize(
    ("code", "purpose", "output", "energy", "converged", "homo", "lumo"),
    [  # energies in Hartree as qccodec's parser gives them; levels in eV as they stand in the output
        ("orca", "static", "orca-gradient.out", -76.320385565717, True, -7.7748, 1.2664),
        ("orca", "relax", "orca-relaxation.out", -76.321275373707, True, -7.8402, 1.2985),
        ("orca", "relax", "orca-gradient.out", -76.320385565717, False, -7.7748, 1.2664),
        ("xtb", "relax", "xtb-relaxation.out", -5.070544350787, True, -12.1461, 2.24),
        ("xtb", "relax", "xtb-relaxation-not-converged.out", -5.070459034598, False, -12.1616, 2.1944),
    ],
)
def test_finished_runs(code, purpose, output, energy, converged, homo, lumo, water, tmp_path):
    run = collected(water, code, purpose, output, tmp_path)
    assert (run.status, run.converged, run.charge) == ("done", converged, 0)
    assert run.energy == pytest.approx(energy * HARTREE, abs=1e-7)
    assert (run.homo, run.lumo) == (homo, lumo)
    assert run.warnings == (() if converged else ("not converged",))


def test_ase_reads_the_same_energy_of_orca(water, tmp_path):
    run = collected(water, "orca", "relax", "orca-relaxation.out", tmp_path)
    reference = read(OUTPUTS / "orca-relaxation.out", format="orca-output", index=-1)
    # ASE counts with its own Hartree
    assert run.energy == pytest.approx(reference.get_potential_energy(), rel=1e-8)


def test_electrons_that_do_not_converge_are_a_failure_with_its_cause(water, tmp_path):
    run = collected(water, "xtb", "relax", "xtb-electrons-not-converged.out", tmp_path)
    assert (run.status, run.energy, run.converged) == ("failed", None, None)
    assert "Self consistent charge iterator did not converge" in run.reason


def test_orca_says_where_a_wave_function_did_not_converge(water, tmp_path):
    """The words that ORCA puts behind the energy then, as ASE's reader knows them."""
    folder = qs.export(water, "orca", tmp_path / "x", purpose="static").folder
    whole = (OUTPUTS / "orca-gradient.out").read_text()
    line = "FINAL SINGLE POINT ENERGY       -76.320385565717"
    assert line in whole
    late = whole.replace(line, f"{line} (Wavefunction not fully converged!)")
    (folder / "orca.out").write_text(late)
    run = qs.collect(folder).runs[0]
    assert (run.status, run.converged) == ("done", False)
    (folder / "orca.out").write_text(whole.replace("****ORCA TERMINATED NORMALLY****", ""))
    assert qs.collect(folder).runs[0].status == "unfinished"


def test_orca_names_a_representation_behind_a_level(water, tmp_path):
    """With symmetry each line of the levels ends with it."""
    folder = qs.export(water, "orca", tmp_path / "x", purpose="static").folder
    whole = (OUTPUTS / "orca-gradient.out").read_text()
    (folder / "orca.out").write_text(
        whole.replace("-7.7748", "-7.7748    2-A1").replace("1.2664", "1.2664    4-A1")
    )
    run = qs.collect(folder).runs[0]
    assert (run.homo, run.lumo) == (-7.7748, 1.2664)


def vasp_folder(where, name, purpose="static"):
    """An export whose atoms are those of an output of VASP in ASE's test data, with that output in it."""
    reference = read(VASP / name, format="vasp-xml", index=-1)
    symbols = reference.get_chemical_symbols()
    reference.set_array("fragment", np.arange(len(reference)))
    reference.set_array("species", np.array(symbols))
    given = Crystal(
        name="x", atoms=reference, charges=dict.fromkeys(symbols, 0), space_group="P1",
        source=Source(text="test"),
    )  # fmt: skip
    folder = qs.export(given, "vasp", where / "x", purpose=purpose).folder
    (folder / "vasprun.xml").write_bytes((VASP / name).read_bytes())
    return folder, reference


def test_vasp_is_read_as_ase_and_pymatgen_read_it(tmp_path):
    from pymatgen.io.vasp.outputs import Vasprun

    folder, reference = vasp_folder(tmp_path, "vasprun_pstress.xml")
    run = qs.collect(folder).runs[0]
    own = Vasprun(str(VASP / "vasprun_pstress.xml"), parse_potcar_file=False)
    assert run.energy == pytest.approx(reference.get_potential_energy(), abs=1e-5)
    assert run.fermi == pytest.approx(own.efermi)
    assert run.converged == own.converged_electronic
    assert np.allclose(run.atoms.get_positions(), own.final_structure.cart_coords)
    assert np.allclose(run.forces, reference.get_forces(), atol=1e-6)


def test_vasp_that_was_killed_has_not_finished(tmp_path):
    folder, _ = vasp_folder(tmp_path, "vasprun_pstress.xml")
    whole = (folder / "vasprun.xml").read_bytes()
    (folder / "vasp.out").write_text(" running on   32 total cores\n DAV:   1    -0.1E+02\n")
    for share in (0.2, 0.5, 0.9):
        (folder / "vasprun.xml").write_bytes(whole[: int(share * len(whole))])
        run = qs.collect(folder).runs[0]
        assert (run.status, run.energy) == ("unfinished", None)
        assert "ends early" in run.reason
    (folder / "vasp.out").write_text("|     EEEEEE  ERROR FEXCP: supplied Exchange-correlation table    |\n")
    assert qs.collect(folder).runs[0].status == "failed"


def test_a_potential_in_the_format_of_vasp_gives_the_vacuum_levels(tmp_path):
    """LOCPOT as pymatgen writes it: eV, not divided by the volume, the third index the slowest."""
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.io.vasp.inputs import Poscar
    from pymatgen.io.vasp.outputs import Locpot

    from qdsurf.exports.folder import read_manifest

    slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
    folder = qs.export(qs.pair_vacancy(slab), "vasp", tmp_path / "x", purpose="workfunction").folder
    height = np.linspace(0, 1, 120, endpoint=False)
    low, high = (
        z / read_manifest(folder)["system"]["cell"][2][2] for z in read_manifest(folder)["system"]["extent"]
    )
    profile = np.where(height < 0.5, 3.25, 4.5) - 9.0 * ((height > low - 0.02) & (height < high + 0.02))
    grid = np.tile(profile, (6, 6, 1)) + np.cos(2 * np.pi * np.arange(6) / 6)[:, None, None]
    poscar = Poscar(AseAtomsAdaptor.get_structure(read(folder / "POSCAR")))
    Locpot(poscar, {"total": grid}).write_file(str(folder / "LOCPOT"))
    (folder / "vasprun.xml").write_bytes((VASP / "vasprun_pstress.xml").read_bytes())
    run = qs.collect(folder).runs[0]
    assert run.vacuum_levels == pytest.approx((4.5, 3.25))
    assert run.work_function == pytest.approx((4.5 - run.fermi, 3.25 - run.fermi))
