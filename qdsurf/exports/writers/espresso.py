"""Quantum ESPRESSO: pw.x; pp.x and average.x for a work function, projwfc.x for a density of states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qdsurf.errors import AskError
from qdsurf.exports.calculation import Calculation, Potential, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import BOHR, RYDBERG, core_notes, spin_orbit_note, valence, vectors

_DUAL = 8.0  # density cutoff over wave function cutoff where the table has none: ultrasoft and PAW


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of pw.x; see https://www.quantum-espresso.org/Doc/INPUT_PW.html for each key."""
    potentials = load_potentials("espresso", system.elements, calculation)
    foreign = [e for e in system.elements if e not in calculation.potentials]
    if foreign and (calculation.functional != "PBE" or calculation.spin_orbit):
        what = "fully relativistic " if calculation.spin_orbit else f"{calculation.functional} "
        raise AskError(
            f"the table of pseudopotentials for Quantum ESPRESSO is scalar relativistic PBE; name {what}"
            f"files of {', '.join(foreign)} in potentials="
        )
    files = {"pw.in": _pw(system, calculation, purpose, potentials)}
    command = "${MPI:-} ${PW:-pw.x} -in pw.in > pw.out"
    if purpose == "workfunction":
        files |= {"pp.in": _PP, "average.in": _AVERAGE}
        command += " && ${PP:-pp.x} -in pp.in > pp.out && ${AVERAGE:-average.x} < average.in > average.out"
    if purpose == "dos":
        files["projwfc.in"] = _PROJWFC
        command += " && ${PROJWFC:-projwfc.x} -in projwfc.in > projwfc.out"
    names = ", ".join(p.name for p in potentials.values())
    return Written(
        files=files,
        command=f": \"${{PSEUDO_DIR:?set PSEUDO_DIR to the folder of the pseudopotentials}}\" && "
        f"export ESPRESSO_PSEUDO=\"$PSEUDO_DIR\" && {command}",
        expect="pw.out",
        needs=(f"pseudopotentials in the folder PSEUDO_DIR: {names}; "
               "SSSP efficiency: https://www.materialscloud.org/discover/sssp",),
        again="set restart_mode = 'restart' in pw.in and run it again, on as many processes; after a kill "
        "start from the last positions of pw.out instead" if purpose in ("relax", "binding") else "",
        notes=(*core_notes(potentials), *spin_orbit_note(system, calculation, purpose)),
        electrons=valence(system, potentials),
    )  # fmt: skip


def cutoffs(calculation: Calculation, potentials: Mapping[str, Potential]) -> tuple[float, float]:
    """Return the cutoffs of wave functions and density in Ry: as set, or the largest of the table."""
    waves = calculation.cutoff / RYDBERG or max(p.cutoff for p in potentials.values())
    density = calculation.density_cutoff / RYDBERG or max(
        [_DUAL * waves if calculation.cutoff else 0.0, *(p.density_cutoff for p in potentials.values())]
    )
    return waves, density


def _pw(system: System, calculation: Calculation, purpose: str, potentials: dict[str, Potential]) -> str:
    """Return pw.in."""
    atoms = system.atoms
    lists = [
        ("CONTROL", _control(system, calculation, purpose)),
        ("SYSTEM", _system(system, calculation, potentials)),
        ("ELECTRONS", {
            "conv_thr": calculation.energy_tolerance / RYDBERG, "electron_maxstep": 200, "mixing_beta": 0.3,
            "mixing_mode": "local-TF" if system.kind == "slab" else "plain",
        }),
    ]  # fmt: skip
    if purpose in ("relax", "binding"):
        lists.append(("IONS", {"ion_dynamics": "bfgs"}))
    if system.cell_relaxed:
        lists.append(("CELL", {"cell_dynamics": "bfgs", "press_conv_thr": 0.1}))
    from ase.data import atomic_masses, atomic_numbers

    species = "\n".join(
        f"  {e} {atomic_masses[atomic_numbers[e]]:.4f} {p.name}" for e, p in potentials.items()
    )
    rows = "\n".join(
        f"  {s:2s} {x:16.10f} {y:16.10f} {z:16.10f}" + ("  0 0 0" if fixed else "")
        for s, (x, y, z), fixed in zip(
            atoms.get_chemical_symbols(), atoms.positions, system.fixed, strict=True
        )
    )
    gamma = system.kpoints == (1, 1, 1) and not calculation.spin_orbit
    points = "K_POINTS gamma" if gamma else "K_POINTS automatic\n  {} {} {} 0 0 0".format(*system.kpoints)
    return (
        "".join(namelist(name, keys) for name, keys in lists)
        + f"ATOMIC_SPECIES\n{species}\n{points}\nCELL_PARAMETERS angstrom\n{vectors(atoms.cell.array)}\n"
        + f"ATOMIC_POSITIONS angstrom\n{rows}\n"
    )


def _control(system: System, calculation: Calculation, purpose: str) -> dict[str, Any]:
    """Return the namelist CONTROL; pseudo_dir is left to the variable ESPRESSO_PSEUDO."""
    relaxed = purpose in ("relax", "binding")
    kind = ("vc-relax" if system.cell_relaxed else "relax") if relaxed else "scf"
    keys: dict[str, Any] = {"calculation": kind, "title": system.name, "prefix": "qdsurf", "outdir": "./out"}
    keys |= {"tprnfor": True, "disk_io": "low"}
    if relaxed:
        keys |= {
            "nstep": calculation.steps,
            "forc_conv_thr": calculation.force_tolerance / (RYDBERG / BOHR),
            "etot_conv_thr": 1e-5,
        }
    if system.dipole:
        keys |= {"tefield": True, "dipfield": True}
    return keys


def _system(system: System, calculation: Calculation, potentials: dict[str, Potential]) -> dict[str, Any]:
    """Return the namelist SYSTEM."""
    waves, density = cutoffs(calculation, potentials)
    keys: dict[str, Any] = {
        "ibrav": 0,
        "nat": len(system.atoms),
        "ntyp": len(potentials),
        "ecutwfc": waves,
        "ecutrho": density,
        "occupations": "smearing",
        "smearing": "gaussian",
        "degauss": calculation.smearing_width / RYDBERG,
    }
    if system.charge:
        keys["tot_charge"] = float(system.charge)
        if system.kind == "dot":
            keys["assume_isolated"] = "mt"
    if calculation.spin_orbit:
        keys |= {"noncolin": True, "lspinorb": True}
    elif system.unpaired:
        keys |= {"nspin": 2, "tot_magnetization": float(system.unpaired)}
    if calculation.dispersion == "D3(BJ)":
        keys |= {"vdw_corr": "grimme-d3", "dftd3_version": 4, "dftd3_threebody": False}
    if system.dipole:
        # The jump of the potential lies across the cell face, in the middle of the vacuum: the slab is
        # centred in the cell.
        keys |= {"edir": 3, "emaxpos": 0.95, "eopreg": 0.1, "eamp": 0.0}
    return keys


def namelist(name: str, keys: Mapping[str, Any]) -> str:
    """Return a Fortran namelist."""
    return f"&{name}\n" + "".join(f"  {k} = {_value(v)}\n" for k, v in keys.items()) + "/\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, str):
        return "'" + value.replace("'", "") + "'"
    return f"{value:.10g}".replace("e", "d") if isinstance(value, float) else str(value)


_PP = """&INPUTPP
  prefix = 'qdsurf'
  outdir = './out'
  filplot = 'potential'
  plot_num = 11
/
"""
# One file of weight 1, a thousand points along the third vector, averaged over 1 bohr.
_AVERAGE = "1\npotential\n1.0\n1000\n3\n1.0\n"
_PROJWFC = """&PROJWFC
  prefix = 'qdsurf'
  outdir = './out'
  degauss = 0.005
  DeltaE = 0.02
  filpdos = 'qdsurf'
/
"""
