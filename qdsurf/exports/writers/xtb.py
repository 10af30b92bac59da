"""xtb: coordinates and the detailed input file."""

from __future__ import annotations

import io

from qdsurf.exports.calculation import Calculation
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import held, ranges, tight_binding


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of xtb; see https://xtb-docs.readthedocs.io."""
    from ase.io import write as write_by_ase

    electrons, functions = tight_binding(system)
    text = io.StringIO()
    write_by_ase(
        text, system.atoms, format="xyz", comment=f"{system.name} charge {system.charge:+d}", fmt="%18.10f"
    )
    blocks = [f"$chrg {system.charge}", f"$spin {system.unpaired}"]
    if system.fixed.any():
        blocks += ["$fix", f"   atoms: {','.join(ranges(held(system), '-'))}"]
    relaxed = purpose in ("relax", "binding")
    if relaxed:
        blocks += ["$opt", f"   maxcycle={calculation.steps}"]
    job = "--opt tight" if relaxed else "--grad"
    return Written(
        files={"structure.xyz": text.getvalue(), "xtb.inp": "\n".join([*blocks, "$end"]) + "\n"},
        command=f"${{XTB:-xtb}} structure.xyz --gfn 2 {job} --input xtb.inp > xtb.out",
        expect="xtb.out",
        needs=("xtb 6.5 or later",),
        notes=(
            "GFN2-xTB has its own Hamiltonian and dispersion: functional, basis and cutoffs of the preset "
            "are not used; it overbinds carboxylates on CsPbBr3 by about 1.3 eV",
        ),
        electrons=electrons,
        functions=functions,
    )
