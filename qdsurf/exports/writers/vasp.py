"""VASP: POSCAR, INCAR, KPOINTS by pymatgen, and the names of the POTCARs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qdsurf.errors import MissingExtra
from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import core_notes, spin_orbit_note, valence

# D3(BJ) of HSE06 (doi:10.1002/jcc.21759 and its continuation); VASP knows those of PBE, PBEsol and PBE0.
_HSE06_D3 = {"VDW_A1": 0.383, "VDW_S8": 2.310, "VDW_A2": 5.685}
# Projectors in real space pay off in cells of more than about 30 atoms; their small error does not cancel
# between cells of different size, so that the states of a reaction all get the exact ones.
_REAL_SPACE = 30
_PROGRAMS = "${MPI:-} ${VASP:-%s} > vasp.out"


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of VASP; see the manual for each tag, https://www.vasp.at/wiki."""
    try:
        from pymatgen.core.lattice import Lattice
        from pymatgen.core.structure import Structure
        from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar
    except ModuleNotFoundError as error:
        raise MissingExtra("the input of VASP", "dft") from error

    ordered = system.sorted_by_element()
    potentials = load_potentials("vasp", ordered.elements, calculation)
    atoms = ordered.atoms
    structure = Structure(
        Lattice(atoms.cell.array),
        atoms.get_chemical_symbols(),
        atoms.get_scaled_positions(wrap=False),
    )
    free = np.repeat(~ordered.fixed[:, None], 3, axis=1).tolist()
    comment = f"{system.name} charge {system.charge:+d}"
    poscar = Poscar(structure, comment=comment, selective_dynamics=free if ordered.fixed.any() else None)
    names = [potentials[e].name for e in ordered.elements]
    incar = Incar(settings(ordered, calculation, purpose, valence(ordered, potentials)))
    program = (
        "vasp_ncl" if calculation.spin_orbit else ("vasp_gam" if system.kpoints == (1, 1, 1) else "vasp_std")
    )
    table = "potpaw_LDA.54" if calculation.functional == "LDA" else "potpaw_PBE.54"
    files = {
        "POSCAR": poscar.get_str(significant_figures=12),
        "INCAR": _lines(incar),
        "KPOINTS": str(Kpoints.gamma_automatic(kpts=system.kpoints)).rstrip() + "\n",
        "POTCAR.names": "".join(f"{n}\n" for n in names),
        "make-potcar.sh": _POTCAR.format(table=table),
    }
    command = f"bash make-potcar.sh && {_PROGRAMS % program}"
    if "LDIPOL" in incar or "LHFCALC" in incar:
        files |= {"INCAR.start": _lines(Incar(start(incar))), "start.sh": _START.format(program=program)}
        command = f"bash make-potcar.sh && bash start.sh && {_PROGRAMS % program}"
    return Written(
        files=files,
        command=command,
        expect="vasprun.xml",
        again="copy CONTCAR to POSCAR and run it again" if incar["IBRION"] == 2 else "",
        needs=(
            f"POTCAR of {table}, one after the other in the order of POTCAR.names: {', '.join(names)}; "
            f"make-potcar.sh joins them from the folder VASP_PP_PATH",
        ),
        notes=(
            *core_notes(potentials),
            *spin_orbit_note(system, calculation, purpose),
            "NCORE and KPAR depend on the machine: about the square root of the number of cores, and a "
            "divisor of it",
            *_notes(incar),
        ),
        electrons=valence(ordered, potentials),
    )


def _lines(incar: Any) -> str:
    """Return *incar* as text, with moments that are all zero in one word: three for each atom are many."""
    lines = str(incar).rstrip("\n").splitlines()
    for i, line in enumerate(lines):
        tag, _, value = line.partition(" = ")
        if tag == "MAGMOM" and set(value.split()) == {"0.0"}:
            lines[i] = f"MAGMOM = {len(value.split())}*0.0"
    return "\n".join(lines) + "\n"


def _notes(incar: Mapping[str, Any]) -> list[str]:
    """Return what the tags of *incar* ask of the reader."""
    hard = {"LDIPOL": "the dipole correction", "LHFCALC": "exact exchange"}
    without = [words for tag, words in hard.items() if tag in incar]
    if not without:
        return []
    return [
        f"start.sh first converges the orbitals without {' and '.join(without)}, as the manual says of the "
        "former (https://www.vasp.at/wiki/Electrostatic_corrections); remove WAVECAR to do it again"
    ]


# Tags that start.sh does without: hard to converge, or of use at the end only.
_LATER = {"LDIPOL", "IDIPOL", "DIPOL", "EDIFFG", "NELMIN", "LVHAR", "LORBIT", "NEDOS", "ISIF",
          "LHFCALC", "HFSCREEN", "PRECFOCK", "TIME", "IVDW", *_HSE06_D3}  # fmt: skip


def start(incar: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags of the run that converges orbitals from which that of *incar* starts."""
    tags = {tag: value for tag, value in incar.items() if tag not in _LATER}
    tags |= {"IBRION": -1, "NSW": 0, "EDIFF": max(1e-5, incar["EDIFF"]), "LWAVE": True, "LCHARG": False}
    return tags | ({"ALGO": "Normal"} if "LHFCALC" in incar else {})


def settings(system: System, calculation: Calculation, purpose: str, electrons: int) -> dict[str, Any]:
    """Return the tags of INCAR."""
    relaxed = purpose in ("relax", "binding")
    tags: dict[str, Any] = {
        "SYSTEM": system.name,
        "PREC": "Accurate",
        "ENCUT": calculation.cutoff,
        "EDIFF": calculation.energy_tolerance,
        "NELM": 200,
        "LASPH": True,
        "LREAL": "Auto" if len(system.atoms) > _REAL_SPACE and purpose != "binding" else False,
        "ISMEAR": 0,
        "SIGMA": calculation.smearing_width,
        "LWAVE": False,
        "LCHARG": purpose in ("dos", "workfunction"),
        "ISPIN": 2 if system.unpaired and not calculation.spin_orbit else 1,
        **_exchange(calculation),
    }
    if system.unpaired and not calculation.spin_orbit:
        tags["NUPDOWN"] = system.unpaired
    if relaxed:
        tags |= {"IBRION": 2, "NSW": calculation.steps, "EDIFFG": -calculation.force_tolerance}
        # the stress of a hybrid functional is expensive, and nobody asked for it
        fixed_cell = 0 if "LHFCALC" in tags else 2
        tags |= {"ISIF": 3 if system.cell_relaxed else fixed_cell, "NELMIN": 5}
    else:
        tags |= {"IBRION": -1, "NSW": 0}
    if purpose == "dos":
        tags |= {"LORBIT": 11, "NEDOS": 3001}
    if purpose == "workfunction":
        tags["LVHAR"] = True
    if system.charge:
        tags["NELECT"] = electrons
    if system.dipole:
        # The slab lies in the middle of the cell, so that the jump of the potential, half a cell away,
        # lies in the middle of the vacuum.
        tags |= {"LDIPOL": True, "IDIPOL": 3, "DIPOL": [0.5, 0.5, 0.5]}
    if system.kind == "dot" and system.charge:
        # Energy, potential and forces of a charge without its images; VASP wants a cubic box for it, which
        # charged dots get. A charged slab gets none: VASP would stop.
        tags |= {"LDIPOL": True, "IDIPOL": 4, "DIPOL": [0.5, 0.5, 0.5]}
    if calculation.spin_orbit:
        # Without MAGMOM VASP would start from one magneton on every ion, in each direction.
        moment = system.unpaired / len(system.atoms)
        tags |= {"LSORBIT": True, "GGA_COMPAT": False, "ISYM": -1}
        tags["MAGMOM"] = [[0.0, 0.0, moment]] * len(system.atoms)
    if max(system.atoms.cell.lengths()) > 50:
        # The default mixing sloshes charge in long cells; VASP itself says so on its output.
        tags["AMIN"] = 0.01
    return tags


def _exchange(calculation: Calculation) -> dict[str, Any]:
    """Return the tags of functional and dispersion."""
    hybrid = {"LHFCALC": True, "ALGO": "Damped", "TIME": 0.4, "PRECFOCK": "Normal"}
    every: dict[str, dict[str, Any]] = {
        "PBE": {"ALGO": "Normal"},
        "PBEsol": {"ALGO": "Normal", "GGA": "PS"},
        "LDA": {"ALGO": "Normal"},
        "PBE0": hybrid,
        "HSE06": {**hybrid, "HFSCREEN": 0.2},
    }
    tags = every[calculation.functional]
    if calculation.dispersion == "none":
        return tags
    own = _HSE06_D3 if calculation.functional == "HSE06" else {}
    return {**tags, "IVDW": 12, **own}


_START = """#!/usr/bin/env bash
# Converges the orbitals with what is easy to converge; the run of INCAR starts from their WAVECAR.
set -euo pipefail
if [ -s WAVECAR ]; then exit 0; fi
mkdir -p start
cp POSCAR POTCAR KPOINTS start/
cp INCAR.start start/INCAR
# shellcheck disable=SC2086  # MPI and VASP may hold several words
(cd start && ${{MPI:-}} ${{VASP:-{program}}} > vasp.out)
mv start/WAVECAR .
"""
_POTCAR = """#!/usr/bin/env bash
# Joins the POTCARs named in POTCAR.names; VASP_PP_PATH is the folder that holds {table}.
set -euo pipefail
if [ -s POTCAR ]; then exit 0; fi
: "${{VASP_PP_PATH:?set VASP_PP_PATH to the folder that holds {table}}}"
while read -r name; do
  cat "$VASP_PP_PATH/{table}/$name/POTCAR"
done < POTCAR.names > POTCAR.part
mv POTCAR.part POTCAR
"""
