"""Run CAT (nlesc-CAT) on one core and one ligand; ``shells.py --peer-python`` starts it in CAT's own Python.

    python benchmarks/peers_cat.py '{"core": "core.xyz", "marked": "Cl", "smiles": "CC(=O)[O-]",
                                     "alignment": "surface", "out": "out.json"}'

Every marked atom of the core is replaced by the ligand. The stages of CAT are called one by one, so that what
it does once for a ligand (its conformer by UFF) is timed apart from what it does for the dot, as for qdsurf.
The atoms, the number of the residue of each (0: the core) and the times go to the file *out*.
This file imports nothing of qdsurf: the two need different versions of numpy.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def settings(task: dict[str, str]) -> Any:
    """Return the input of CAT: its defaults, no optimisation of the whole dot, the anion as it is."""
    from scm.plams import Settings

    return Settings(
        {
            "path": str(Path(task["core"]).parent),
            "input_cores": [{task["core"]: {"guess_bonds": False}}],
            "input_ligands": [task["smiles"]],
            "optional": {
                "core": {"anchor": task["marked"], "allignment": task["alignment"]},
                "ligand": {"optimize": True, "split": False},
                "qd": {"construct_qd": True, "optimize": False},
            },
        }
    )


def run(task: dict[str, str]) -> dict[str, Any]:
    """Return the dot that CAT makes of *task*, with wall and CPU time in seconds and memory in MB."""
    import CAT
    from CAT import base

    ligands, cores, _ = base.prep_input(settings(task))
    ligands = base.prep_ligand(ligands)
    start, cpu = time.perf_counter(), time.process_time()
    cores = base.prep_core(cores)
    dots = base.prep_qd(ligands, cores, None)
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    (dot,) = dots["mol"].to_numpy().ravel()
    residues = [atom.properties.pdb_info for atom in dot]
    return {
        "version": CAT.__version__,
        "symbols": [atom.symbol for atom in dot],
        "positions": [list(atom.coords) for atom in dot],
        "residue": [0 if r.ResidueName == "COR" else int(r.ResidueNumber) for r in residues],
        "wall": wall, "cpu": used,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    Path(asked["out"]).write_text(json.dumps(run(asked)), encoding="utf-8")
