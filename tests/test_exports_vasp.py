"""The input of VASP: every purpose and functional, by pymatgen's list of tags and the rules of the manual."""

from __future__ import annotations

import os
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Incar

import qdsurf as qs
from qdsurf.errors import AskError

PURPOSES = ["relax", "static", "dos", "workfunction"]


@pytest.fixture(scope="module")
def crystal():
    return qs.load_crystal("CsPbBr3-cubic")


@pytest.fixture(scope="module")
def even(crystal):
    return qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr", fixed=1)


@pytest.fixture(scope="module")
def uneven(even):
    """A slab without one bromide and caesium of its top: a dipole across it."""
    return qs.pair_vacancy(even)


@pytest.fixture(scope="module")
def dot(crystal):
    return qs.carve_dot(crystal, cells=1, termination="CsBr", charge=1)


def incar_of(structure, where, **options):
    folder = qs.export(structure, "vasp", where, **options).folder
    return folder, Incar.from_file(folder / "INCAR")


def complaints(incar):
    """What pymatgen's list of tags and values has against *incar*."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        incar.check_params()
    return [str(w.message) for w in said]


def test_the_checker_finds_what_is_wrong():
    """So that no complaint means something."""
    assert complaints(Incar({"ENCUTT": 500.0}))
    assert complaints(Incar({"IDIPOL": 7}))


@pytest.mark.parametrize("more", [
    {}, {"functional": "PBEsol"}, {"functional": "PBE0"}, {"functional": "HSE06"}, {"spin_orbit": True},
    {"functional": "LDA", "dispersion": "none"}, {"functional": "HSE06", "spin_orbit": True},
], ids=lambda more: "-".join(str(v) for v in more.values()) or "PBE")  # fmt: skip
@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_tag_is_one_of_vasp(purpose, more, uneven, tmp_path):
    folder, incar = incar_of(uneven, tmp_path / "x", purpose=purpose, **more)
    assert not complaints(incar)
    assert not complaints(Incar.from_file(folder / "INCAR.start"))
    assert (incar["NSW"] > 0) == (purpose == "relax") == (incar["IBRION"] == 2)
    assert ("LORBIT" in incar, "LVHAR" in incar) == (purpose == "dos", purpose == "workfunction")
    hybrid = more.get("functional") in ("PBE0", "HSE06")
    assert ("LHFCALC" in incar) == hybrid == (incar["ALGO"] == "Damped")
    assert incar.get("GGA", "PE") == ("Ps" if more.get("functional") == "PBEsol" else "PE")
    if purpose == "relax":
        # stress is computed for nobody with a hybrid functional
        assert incar["ISIF"] == (0 if hybrid else 2)
        assert incar["EDIFFG"] < 0  # forces, not energies


@pytest.mark.parametrize("purpose", PURPOSES[:3])
def test_charged_slabs_get_no_dipole_correction(purpose, even, tmp_path):
    """Of a charged cell that is not cubic VASP stops at LDIPOL; the dipole depends on the origin besides."""
    unbalanced = even.atoms.copy()
    unbalanced.positions[-1, 2] += 0.5
    charged = replace(even, atoms=unbalanced, electrons=1, target_charge=-1)
    _, incar = incar_of(charged, tmp_path / "x", purpose=purpose, charged_cell=True)
    assert not {"LDIPOL", "IDIPOL", "LMONO"} & set(incar)
    assert "NELECT" in incar
    with pytest.raises(AskError, match="depends on the origin"):
        qs.export(charged, "vasp", tmp_path / "y", purpose=purpose, charged_cell=True, dipole=True)


def test_charged_dots_get_the_correction_in_a_cubic_box(dot, tmp_path):
    folder, incar = incar_of(dot, tmp_path / "x", charged_cell=True)
    assert (incar["LDIPOL"], incar["IDIPOL"], incar["DIPOL"]) == (True, 4, [0.5, 0.5, 0.5])
    from ase.io import read

    atoms = read(folder / "POSCAR")
    lengths = atoms.cell.lengths()
    assert np.ptp(lengths) == pytest.approx(0)
    assert np.allclose(atoms.get_scaled_positions().mean(axis=0), 0.5, atol=0.02)
    # Cs5PbBr6: 9, 14 and 7 electrons of the named POTCARs, less one
    assert incar["NELECT"] == 5 * 9 + 14 + 6 * 7 - 1


def test_spin_orbit_starts_without_moments(crystal, dot, tmp_path):
    """The default of VASP is one magneton on every ion, in each direction."""
    folder, incar = incar_of(crystal, tmp_path / "x", purpose="dos", spin_orbit=True)
    assert (incar["LSORBIT"], incar["ISYM"], incar["ISPIN"]) == (True, -1, 1)
    assert "MAGMOM = 15*0.0\n" in (folder / "INCAR").read_text()
    assert np.array(incar["MAGMOM"]).tolist() == [[0.0, 0.0, 0.0]] * 5
    odd = replace(dot, electrons=1, target_charge=0)
    _, incar = incar_of(odd, tmp_path / "y", spin_orbit=True, charged_cell=True)
    assert np.array(incar["MAGMOM"])[:, 2].sum() == pytest.approx(1)
    assert "NUPDOWN" not in incar


def test_states_of_a_reaction_share_projectors_and_cutoff(crystal, tmp_path):
    """Real-space projectors, taken for large cells only, would leave their error in the difference."""
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr", repeat=(2, 2))
    made = qs.export(slab, "vasp", tmp_path / "x", purpose="binding", ligand=qs.load_ligand("acetate"))
    incars = [Incar.from_file(p) for p in sorted(made.folder.glob("*/INCAR"))]
    assert len(incars) == 4
    for tag in ("LREAL", "ENCUT", "PREC", "EDIFF", "IVDW", "ISMEAR", "SIGMA", "ISPIN", "LASPH"):
        assert len({str(i[tag]) for i in incars}) == 1, tag
    assert incars[0]["LREAL"] is False
    alone = incar_of(slab, tmp_path / "alone")[1]
    assert alone["LREAL"] == "Auto"


def fake_vasp(where):
    """A program that writes down the tags it was given, and leaves the file that start.sh waits for."""
    program = where / "vasp"
    program.write_text(
        '#!/bin/sh\ncat INCAR >> "$SEEN"\n[ "$FAIL" = 1 ] && { echo "ERROR: no"; exit 1; }\n'
        'grep -q "LWAVE = True" INCAR && echo orbitals > WAVECAR\n[ -s POTCAR ] || exit 3\nexit 0\n'
    )
    program.chmod(0o755)
    for element in ("Br", "Cs_sv", "Pb_d"):
        (where / "pots" / "potpaw_PBE.54" / element).mkdir(parents=True)
        (where / "pots" / "potpaw_PBE.54" / element / "POTCAR").write_text(f"PAW {element}\n")
    return {"VASP": str(program), "VASP_PP_PATH": str(where / "pots"), "SEEN": str(where / "seen")}


def test_the_script_converges_orbitals_before_the_dipole_correction(uneven, tmp_path):
    environment = {**os.environ, **fake_vasp(tmp_path)}
    folder, _ = incar_of(uneven, tmp_path / "x")
    failed = subprocess.run(
        ["bash", folder / "run.sh"], env={**environment, "FAIL": "1"}, capture_output=True
    )
    assert failed.returncode
    assert qs.collect(folder).runs[0].status == "failed"
    (tmp_path / "seen").unlink()
    subprocess.run(["bash", folder / "run.sh"], env=environment, check=True)
    seen = (tmp_path / "seen").read_text()
    first, second = seen.index("LWAVE = True"), seen.index("LDIPOL = True")
    assert first < second
    assert seen.count("ENCUT") == 2
    assert (folder / "POTCAR").read_text().split()[1::2] == (folder / "POTCAR.names").read_text().split()
    assert (folder / "WAVECAR").is_file()
    (tmp_path / "seen").unlink()
    subprocess.run(["bash", folder / "run.sh"], env=environment, check=True)
    assert "LWAVE = True" not in (tmp_path / "seen").read_text()  # the orbitals are there
    assert not qs.collect(folder).runs[0].warnings
    missing = subprocess.run(
        ["bash", qs.export(uneven, "vasp", tmp_path / "y").folder / "run.sh"],
        env={k: v for k, v in environment.items() if k != "VASP_PP_PATH"}, capture_output=True, text=True,
    )  # fmt: skip
    assert missing.returncode
    assert "VASP_PP_PATH" in missing.stderr


def test_hybrid_functionals_start_from_orbitals_of_their_gga(even, tmp_path):
    folder, incar = incar_of(even, tmp_path / "x", preset="hse06-d3")
    begin = Incar.from_file(folder / "INCAR.start")
    assert (incar["LHFCALC"], incar["HFSCREEN"]) == (True, 0.2)
    assert not {"LHFCALC", "HFSCREEN", "TIME"} & set(begin)
    assert begin["ALGO"] == "Normal"
    assert begin["ENCUT"] == incar["ENCUT"]
    assert "bash start.sh" in (folder / "run.sh").read_text()
    assert "start.sh" not in (qs.export(even, "vasp", tmp_path / "pbe").folder / "run.sh").read_text()


def test_the_documents_describe_the_input_that_is_written(crystal, tmp_path):
    """The example of docs/exports.md: no tag is missing there, none is too many, each value is right."""
    bare = qs.cut_slab(crystal, (0, 0, 1), layers=3, termination="CsBr", repeat=(2, 2), fixed=3)
    ready = qs.attach(qs.pair_vacancy(bare), {"acetate": 1, "methylammonium": 1})
    folder, incar = incar_of(ready, tmp_path / "x")
    text = (Path(__file__).parents[1] / "docs" / "exports.md").read_text()
    table = text.split("## The VASP example, line by line")[1].split("`INCAR.start`")[0]
    said = {}
    for row in table.splitlines():
        if row.startswith("| `"):
            tags, values = (cell.strip() for cell in row.split("|")[1:3])
            names = tags.replace("`", "").split(", ")
            shared = [values] * len(names) if len(values.split(", ")) < len(names) else values.split(", ")
            said |= dict(zip(names, shared, strict=True))
    assert set(said) == set(incar)
    del said["SYSTEM"]
    for tag, value in said.items():
        written = incar[tag]
        if isinstance(written, list):
            assert [float(x) for x in value.split()] == written
        elif isinstance(written, bool):
            assert value == str(written).lower(), tag
        elif isinstance(written, (int, float)):
            assert float(value) == written, tag
        else:
            assert value == written, tag
    assert "2 x 2 x 1" in text
    assert (folder / "KPOINTS").read_text().split()[-3:] == ["2", "2", "1"]


def test_potentials_are_those_of_the_materials_project():
    """By pymatgen's input sets; the others follow VASP's own table, with fewer or more semicore electrons."""
    from pymatgen.io.vasp.sets import MPScanRelaxSet

    from qdsurf.library import read_entry

    ours = {e: row["name"] for e, row in read_entry("potentials", "vasp")["elements"].items()}
    theirs = MPScanRelaxSet.CONFIG["POTCAR"]
    assert {e for e in ours if ours[e] != theirs[e]} == {"Mg", "Ti", "Ni", "Cu", "Bi"}
    assert [ours[e] for e in ("Pb", "Cs", "I", "Br", "Yb")] == ["Pb_d", "Cs_sv", "I", "Br", "Yb_3"]
