"""What each code can do, and the refusal of what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qdsurf.errors import AskError, UnknownName
from qdsurf.exports.calculation import Calculation
from qdsurf.exports.system import System

DFT = ("relax", "static", "binding")
SPECTRA = (*DFT, "dos", "workfunction")


@dataclass(frozen=True, kw_only=True)
class Written:
    """The input of one code, not yet on disk.

    Attributes
    ----------
    files
        Text of each file by name.
    command
        Shell line that runs it in its folder.
    expect
        File that a finished run leaves.
    needs
        What the user has to bring.
    again
        How an unfinished relaxation goes on; "" where that is not known.
    notes
        What to know before running it.
    electrons
        Electrons that the code computes; 0 for structure files.
    functions
        Basis functions; 0 for plane waves.
    """

    files: Mapping[str, str]
    command: str = ""
    expect: str = ""
    needs: tuple[str, ...] = ()
    again: str = ""
    notes: tuple[str, ...] = ()
    electrons: int = 0
    functions: int = 0


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code, or one format of structure files.

    Attributes
    ----------
    title
        Its name as it is written.
    writer
        Module of ``qdsurf.exports.writers`` whose ``write`` makes its input.
    purposes
        Purposes that it is written for; empty for a structure file, which has none.
    functionals, dispersions
        Those that it is written for.
    periodic
        Whether crystals and slabs can be written.
    finite
        How dots are computed: in vacuum ("vacuum"), in a periodic box with a correction for the net
        charge ("corrected"), in a periodic box without one ("box"), or not at all ("no").
    cell
        Whether it is written to relax a cell.
    dipole
        Whether a dipole correction of slabs is written.
    spin_orbit
        Whether spin-orbit coupling is written.
    charged
        Whether the file holds a net charge: false for most structure files.
    collected
        Whether `collect` reads its outputs.
    parallel
        By MPI ("mpi"), by threads ("threads"), or by processes that the code starts itself ("own").
    smearing
        Form of the smearing that is written; "" for none.
    hamiltonian
        Method of a code that has its own, whatever the functional of the preset; "" for density functionals.
    checked
        How it is known that the code accepts what is written.
    """

    title: str
    writer: str
    purposes: tuple[str, ...] = DFT
    functionals: tuple[str, ...] = ("PBE", "LDA")
    dispersions: tuple[str, ...] = ("none", "D3(BJ)")
    periodic: bool = True
    finite: Literal["vacuum", "corrected", "box", "no"] = "vacuum"
    cell: bool = False
    dipole: bool = False
    spin_orbit: bool = False
    charged: bool = True
    collected: bool = False
    parallel: Literal["mpi", "threads", "own"] = "mpi"
    smearing: str = "Gaussian"
    hamiltonian: str = ""
    checked: str = ""
    home: str = field(default="")


CODES: Mapping[str, Code] = {
    "vasp": Code(
        title="VASP", writer="vasp", purposes=SPECTRA, functionals=("PBE", "PBEsol", "LDA", "PBE0", "HSE06"),
        finite="box", cell=True, dipole=True, spin_orbit=True, collected=True,
        checked="INCAR by pymatgen's list of tags, POSCAR and KPOINTS by ASE; VASP itself not run",
        home="https://www.vasp.at/wiki",
    ),
    "espresso": Code(
        title="Quantum ESPRESSO", writer="espresso", purposes=SPECTRA, functionals=("PBE", "PBEsol", "LDA"),
        finite="corrected", cell=True, dipole=True, spin_orbit=True, collected=True,
        checked="run: pw.x 6.7", home="https://www.quantum-espresso.org/Doc/INPUT_PW.html",
    ),
    "cp2k": Code(
        title="CP2K", writer="cp2k", purposes=SPECTRA, functionals=("PBE", "PBEsol", "LDA"),
        finite="corrected", cell=True, dipole=True,
        collected=True, smearing="Fermi", checked="run: CP2K 2023.1", home="https://manual.cp2k.org",
    ),
    "gpaw": Code(
        title="GPAW", writer="gpaw", purposes=SPECTRA, functionals=("PBE", "PBEsol", "LDA"), cell=True,
        dipole=True, collected=True, smearing="Fermi", checked="run: GPAW 22.8", home="https://gpaw.readthedocs.io",
    ),
    "abinit": Code(
        title="ABINIT", writer="abinit", functionals=("PBE", "PBEsol", "LDA"), finite="box", cell=True,
        spin_orbit=True, checked="run: ABINIT 9.6", home="https://docs.abinit.org",
    ),
    "siesta": Code(
        title="SIESTA", writer="siesta", functionals=("PBE", "PBEsol", "LDA"), finite="corrected", cell=True,
        dipole=True, spin_orbit=True, smearing="Fermi", checked="read by sisl and ASE; SIESTA itself not run",
        home="https://docs.siesta-project.org",
    ),
    "orca": Code(
        title="ORCA", writer="orca", functionals=("PBE", "PBE0"), periodic=False, collected=True,
        parallel="own", smearing="",
        checked="read by ASE; ORCA itself not run", home="https://www.faccts.de/docs/orca",
    ),
    "pyscf": Code(
        title="PySCF", writer="pyscf", functionals=("PBE", "PBEsol", "LDA", "PBE0", "HSE06"), periodic=False,
        collected=True, parallel="threads", smearing="", checked="run: PySCF 2.14", home="https://pyscf.org",
    ),
    "dftbplus": Code(
        title="DFTB+ with GFN1-xTB", writer="dftbplus", dispersions=("none", "D3(BJ)"), cell=True,
        functionals=("PBE", "PBEsol", "LDA"), parallel="threads", smearing="Fermi", hamiltonian="GFN1-xTB",
        checked="read by ASE and by the hsd parser of DFTB+; DFTB+ itself not run",
        home="https://dftbplus.org/documentation",
    ),
    "aims": Code(
        title="FHI-aims", writer="aims", functionals=("PBE", "PBEsol", "LDA", "PBE0"),
        dispersions=("none", "TS"), cell=True, dipole=True, spin_orbit=True,
        checked="read by ASE and by pyfhiaims; FHI-aims itself not run", home="https://fhi-aims.org",
    ),
    "xtb": Code(
        title="xtb (GFN2)", writer="xtb", periodic=False, functionals=("PBE", "PBEsol", "LDA"),
        collected=True, parallel="threads", smearing="", hamiltonian="GFN2-xTB", checked="run: xtb 6.5.1", home="https://xtb-docs.readthedocs.io",
    ),
    "lammps": Code(
        title="LAMMPS data", writer="lammps", purposes=("static",), smearing="",
        hamiltonian="electrostatics of formal charges", checked="run: LAMMPS of January 2022",
        home="https://docs.lammps.org",
    ),
    "cif": Code(title="CIF", writer="structures", purposes=(), finite="box", charged=False,
                checked="read by ASE and pymatgen"),
    "extxyz": Code(title="extended XYZ", writer="structures", purposes=(), checked="read by ASE"),
    "pdb": Code(title="PDB", writer="structures", purposes=(), charged=False, checked="read by ASE"),
    "sdf": Code(title="SDF", writer="structures", purposes=(), periodic=False,
                checked="read by RDKit and ASE"),
    "xsf": Code(title="XSF", writer="structures", purposes=(), charged=False, checked="read by ASE"),
}  # fmt: skip


def find_code(name: str) -> tuple[str, Code]:
    """Return key and code of *name*; upper and lower case are the same.

    Raises
    ------
    UnknownName
        No such code; the message lists the nearest names.
    """
    aliases = {"qe": "espresso", "quantum-espresso": "espresso", "pwscf": "espresso", "dftb+": "dftbplus",
               "fhi-aims": "aims", "xyz": "extxyz", "poscar": "vasp"}  # fmt: skip
    key = aliases.get(name.lower(), name.lower())
    if key not in CODES:
        raise UnknownName("code", name, CODES)
    return key, CODES[key]


def check(code: Code, system: System, calculation: Calculation, purpose: str) -> None:
    """Refuse what *code* cannot do.

    Raises
    ------
    AskError
        Says what cannot be done and what can be done instead.
    """
    if not code.purposes:
        _check_file(code, system, purpose)
        return
    if purpose not in code.purposes:
        able = ", ".join(k for k, c in CODES.items() if purpose in c.purposes)
        raise AskError(f"{code.title} is not written for the purpose {purpose!r}; codes that are: {able}")
    if purpose in ("relax", "binding") and system.fixed.all() and not system.cell_relaxed:
        raise AskError(
            f"all atoms of {system.name} are fixed: nothing to relax; purpose='static' computes it"
        )
    if purpose == "workfunction" and system.kind != "slab":
        raise AskError(f"a work function needs a slab; {system.name} is a {system.kind}")
    if system.kind != "dot" and not code.periodic:
        able = ", ".join(k for k, c in CODES.items() if c.periodic and c.purposes)
        raise AskError(
            f"{code.title} computes molecules; {system.name} is a periodic {system.kind}. Codes for it: "
            f"{able}; or carve a dot"
        )
    if calculation.functional not in code.functionals:
        raise AskError(
            f"{code.title} is not written with {calculation.functional}; with: {', '.join(code.functionals)}"
        )
    if calculation.dispersion not in code.dispersions:
        raise AskError(
            f"{code.title} is not written with dispersion {calculation.dispersion}; set dispersion= to one "
            f"of: {', '.join(code.dispersions)}"
        )
    if calculation.spin_orbit and not code.spin_orbit:
        able = ", ".join(k for k, c in CODES.items() if c.spin_orbit)
        raise AskError(f"{code.title} is not written with spin-orbit coupling; codes that are: {able}")
    if system.cell_relaxed and not code.cell:
        raise AskError(f"{code.title} is not written to relax a cell, which {system.name} needs")
    _check_dipole(code, system, calculation, purpose)
    _check_charge(code, system, calculation)


def _check_dipole(code: Code, system: System, calculation: Calculation, purpose: str) -> None:
    """Refuse a dipole correction that was asked for and cannot be."""
    if not calculation.dipole:
        return
    if system.charge and system.kind == "slab":
        raise AskError(
            f"{system.name} has charge {system.charge:+d}: its dipole depends on the origin, and there is no "
            "dipole correction of it; leave dipole= out"
        )
    # the states of a reaction are molecules and crystals too
    if system.kind != "slab" and purpose != "binding":
        raise AskError(f"a dipole correction is for slabs; {system.name} is a {system.kind}")
    if not code.dipole:
        able = ", ".join(k for k, c in CODES.items() if c.dipole)
        raise AskError(f"{code.title} has no dipole correction; codes that have: {able}")


def _check_file(code: Code, system: System, purpose: str) -> None:
    """Refuse a structure that a file format cannot hold."""
    if purpose == "binding":
        raise AskError(
            f"{code.title} holds a structure and no calculation; name a code for purpose='binding'"
        )
    if system.kind != "dot" and not code.periodic:
        raise AskError(f"{code.title} holds no cell; {system.name} is a periodic {system.kind}")


def _check_charge(code: Code, system: System, calculation: Calculation) -> None:
    """Refuse a net charge where it would get a background that nobody asked for."""
    background = system.kind != "dot" or code.finite == "box"
    if system.charge and background and code.charged and not calculation.charged_cell:
        vacuum = "" if system.kind == "dot" else " and depend on the vacuum"
        raise AskError(
            f"{system.name} has charge {system.charge:+d}: in a periodic cell {code.title} neutralises it by "
            f"a uniform background, so that energies are shifted{vacuum}. Compensate the charge, or say "
            "charged_cell=True"
        )
