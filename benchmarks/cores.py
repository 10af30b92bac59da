"""Cores of dots: time, memory and charge of the result, with the peers that install, in one run.

python benchmarks/cores.py [--sizes 3 6 10 20] [--output docs/benchmarks-cores.md]

Each row runs in a process of its own, so that its memory is its own. The peers make the object that
their documentation makes for this material: ASE repeats the cell and cuts a box; pymatgen makes the
supercell and keeps the sites in a sphere; WulffPack makes the particle of a Wulff construction. Their
charge is counted from the formal charges of the ions, as none of them counts it.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CHARGES = {"Cs": 1, "Pb": 2, "Br": -1, "S": -2, "Cl": -1}


def qdsurf_cube(size: float) -> list[str]:
    import qdsurf as qs

    return qs.carve_dot(
        qs.load_crystal("CsPbBr3-cubic"), edge=size, termination="CsBr"
    ).atoms.get_chemical_symbols()


def ase_cube(size: float) -> list[str]:
    import numpy as np

    import qdsurf as qs

    cell = qs.load_crystal("CsPbBr3-cubic").atoms
    a = cell.cell.lengths()[0]
    n = round(size / a)
    block = cell.repeat((n + 1, n + 1, n + 1))
    inside = np.all((block.positions > -1e-3) & (block.positions < n * a + 1e-3), axis=1)
    return block[inside].get_chemical_symbols()


def pymatgen_sphere(size: float) -> list[str]:
    import numpy as np
    from pymatgen.io.ase import AseAtomsAdaptor

    import qdsurf as qs

    crystal = AseAtomsAdaptor.get_structure(qs.load_crystal("CsPbBr3-cubic").atoms.copy())
    middle = crystal.lattice.get_cartesian_coords(np.full(3, 0.5))
    return [str(site.specie) for site in crystal.get_sites_in_sphere(middle, size / 2)]


def qdsurf_wulff(size: float) -> list[str]:
    import qdsurf as qs

    facets = {"100": 1.0, "111": 1.0}
    termination = {"111": "Pb"}
    return qs.carve_dot(
        qs.load_crystal("PbS"), shape="wulff", facets=facets, termination=termination, diameter=size
    ).atoms.get_chemical_symbols()


def wulffpack_particle(size: float) -> list[str]:
    from ase.build import bulk
    from wulffpack import SingleCrystal

    number = round(4 / 3 * 3.14159265 * (size / 2) ** 3 / (5.9362**3 / 8))
    cell = bulk("PbS", "rocksalt", a=5.9362)
    return SingleCrystal({(1, 0, 0): 1.0, (1, 1, 1): 1.0}, cell, number).atoms.get_chemical_symbols()


ROWS: dict[str, tuple[str, Callable[[float], list[str]]]] = {
    "qdsurf cube": ("CsPbBr3 cube, CsBr-terminated", qdsurf_cube),
    "ASE cut": ("CsPbBr3 cube, CsBr-terminated", ase_cube),
    "pymatgen sphere": ("CsPbBr3 sphere", pymatgen_sphere),
    "qdsurf wulff": ("PbS Wulff shape", qdsurf_wulff),
    "WulffPack": ("PbS Wulff shape", wulffpack_particle),
}


def run_one(name: str, size: float) -> dict[str, object]:
    """Build once to warm the imports, then measure."""
    build = ROWS[name][1]
    build(12.0)
    start, cpu = time.perf_counter(), time.process_time()
    symbols = build(size)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    charge = sum(CHARGES[s] for s in symbols)
    return {"atoms": len(symbols), "wall": wall, "cpu": cpu, "memory": memory, "charge": charge}


def table(sizes: list[float]) -> str:
    lines = [
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one process each",
        "",
        "| size (nm) | object | made by | atoms | wall (s) | CPU (s) | peak memory (MiB) | net charge |",
        "| --: | --- | --- | --: | --: | --: | --: | --: |",
    ]
    for size in sizes:
        for name, (what, _) in ROWS.items():
            done = subprocess.run(
                [sys.executable, __file__, "--one", name, str(size * 10)], capture_output=True, text=True
            )
            if done.returncode:
                cause = done.stderr.strip().splitlines()[-1]
                lines.append(f"| {size:g} | {what} | {name} | failed: {cause} | | | | |")
                continue
            r = json.loads(done.stdout)
            lines.append(
                f"| {size:g} | {what} | {name} | {r['atoms']} | {r['wall']:.2f} | {r['cpu']:.2f} | "
                f"{r['memory']:.0f} | {r['charge']:+d} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", nargs="+", type=float, default=[3, 6, 10, 20], help="in nm")
    parser.add_argument("--output", type=Path, help="Markdown file to write as well")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(options.one[0], float(options.one[1]))))
        return
    text = table(options.sizes)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
