"""Calculators of ASE and others that need more than their class: a folder of their own, a file, a profile."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError


def _own_folder(calculator: Any, folder: Any) -> Any:
    """Return *calculator* with *folder*, which is deleted when the calculator is.

    Each calculator works in a folder of its own, so that two at once do not overwrite each other's files.
    """
    calculator.qdsurf_folder = folder
    return calculator


def espresso(
    *,
    pseudo_dir: str,
    pseudopotentials: Mapping[str, str] | None = None,
    program: str = "pw.x",
    charge: int = 0,
    cutoff: float = 60.0,
    density_cutoff: float = 480.0,
    kpoint_spacing: float = 0.3,
    smearing: float = 0.05,
    mixing: float = 0.3,
    max_iterations: int = 200,
    dispersion: bool = True,
) -> Any:
    """Return ASE's calculator of Quantum ESPRESSO: PBE, with D3(BJ) where *dispersion*.

    Parameters
    ----------
    pseudo_dir
        Folder with one UPF file for each element, ``Cs.*.UPF`` and so on.
    pseudopotentials
        File by element, where the folder holds several for one.
    charge
        Net charge in elementary charges.
    cutoff, density_cutoff
        Ry.
    kpoint_spacing
        1/Å, with the factor 2 pi; a Gamma-centred mesh.
    smearing
        eV, Gaussian.
    mixing, max_iterations
        Of the SCF.
    """
    from ase.calculators.espresso import Espresso, EspressoProfile
    from ase.units import Rydberg

    files = {**_by_element(Path(pseudo_dir).expanduser()), **(pseudopotentials or {})}
    system: dict[str, Any] = {
        "ecutwfc": cutoff, "ecutrho": density_cutoff, "occupations": "smearing", "smearing": "gaussian",
        "degauss": smearing / Rydberg, "tot_charge": charge,
    }  # fmt: skip
    if dispersion:
        system |= {"vdw_corr": "grimme-d3", "dftd3_version": 4}
    folder = tempfile.TemporaryDirectory(prefix="qdsurf-espresso-")
    made = Espresso(
        profile=EspressoProfile(command=program, pseudo_dir=str(Path(pseudo_dir).expanduser())),
        directory=folder.name,
        pseudopotentials=files,
        kspacing=kpoint_spacing / 6.283185307179586,
        input_data={
            "control": {"tprnfor": True},
            "system": system,
            "electrons": {"mixing_beta": mixing, "electron_maxstep": max_iterations, "conv_thr": 1e-8},
        },
    )
    return _own_folder(made, folder)


def _by_element(folder: Path) -> dict[str, str]:
    """Return the pseudopotential of each element that *folder* holds exactly one for."""
    from ase.data import chemical_symbols

    found: dict[str, list[str]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() == ".upf":
            symbol = file.name.replace("_", ".").split(".")[0].capitalize()
            if symbol in chemical_symbols:
                found.setdefault(symbol, []).append(file.name)
    return {symbol: names[0] for symbol, names in found.items() if len(names) == 1}


def vasp(*, program: str = "vasp_std", **settings: Any) -> Any:
    """Return ASE's calculator of VASP in a folder of its own; *settings* are those of ASE's ``Vasp``.

    The POTCARs are found where the environment variable ``VASP_PP_PATH`` says.
    """
    from ase.calculators.vasp import Vasp

    folder = tempfile.TemporaryDirectory(prefix="qdsurf-vasp-")
    return _own_folder(Vasp(command=program, directory=folder.name, **settings), folder)


def orca(
    *,
    keywords: str = "PBE D3BJ def2-SVP TightSCF",
    blocks: str = "",
    charge: int = 0,
    multiplicity: int = 1,
    slow: bool = False,
    program: str = "orca",
) -> Any:
    """Return ASE's calculator of ORCA in a folder of its own.

    Parameters
    ----------
    keywords, blocks
        The line after "!" and the blocks of an input of ORCA.
    charge, multiplicity
        Net charge in elementary charges; unpaired electrons plus one.
    slow
        Damp the SCF and allow it 500 cycles.
    """
    import shutil

    from ase.calculators.orca import ORCA, OrcaProfile

    folder = tempfile.TemporaryDirectory(prefix="qdsurf-orca-")
    made = ORCA(
        profile=OrcaProfile(command=shutil.which(program) or program),
        directory=folder.name,
        charge=charge,
        mult=multiplicity,
        orcasimpleinput=f"{keywords} EnGrad" + (" SlowConv" if slow else ""),
        orcablocks=blocks + ("\n%scf MaxIter 500 end" if slow else ""),
    )
    return _own_folder(made, folder)


def orb(*, weights_path: str, model: str = "orb_v3_conservative_inf_omat", device: str = "cpu") -> Any:
    """Return the calculator of Orb with the weights of a file; nothing is downloaded.

    Parameters
    ----------
    weights_path
        File of the weights (.ckpt).
    model
        Name of the function of ``orb_models.forcefield.pretrained`` that the weights belong to.
    device
        "cpu" or "cuda".
    """
    pretrained: Any = importlib.import_module("orb_models.forcefield.pretrained")
    calculators: Any = importlib.import_module("orb_models.forcefield.calculator")
    if not hasattr(pretrained, model):
        raise AskError(f"orb_models has no model {model!r}")
    path = str(Path(weights_path).expanduser())
    loaded = getattr(pretrained, model)(weights_path=path, device=device)
    return calculators.ORBCalculator(loaded, device=device)
