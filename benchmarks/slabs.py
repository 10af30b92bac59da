"""Time to cut a neutral, symmetric CsPbBr3(001) slab and to bind one acetate, against ase.build.surface.

Prints a table: in-plane repeat, atoms, seconds (best of three), and the net formal charge and faces
of each result. The bare ASE slab is what most scripts start from; it chooses no termination.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ase.build import surface as ase_surface

import qdsurf as qs

CHARGES = {"Cs": 1, "Pb": 2, "Br": -1}


def best(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the shortest of three wall times in seconds, and the last result."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    crystal = qs.load_crystal("CsPbBr3-cubic")
    print(f"{'repeat':>7} {'tool':>15} {'atoms':>7} {'seconds':>9} {'charge':>7}")
    for n in (2, 4, 8, 16):
        seconds, slab = best(
            lambda n=n: qs.cut_slab(crystal, (0, 0, 1), layers=3, termination="CsBr", repeat=(n, n))
        )
        print(f"{n:>4}x{n:<2} {'qdsurf slab':>15} {len(slab.atoms):>7} {seconds:>9.3f} {slab.charge:>+7d}")
        seconds, bound = best(lambda slab=slab: qs.attach(slab, {"acetate": 1}))
        print(f"{'':>7} {'qdsurf attach':>15} {len(bound.atoms):>7} {seconds:>9.3f} {bound.charge:>+7d}")
        seconds, bare = best(
            lambda n=n: ase_surface(crystal.atoms, (0, 0, 1), 3, vacuum=7.5).repeat((n, n, 1))
        )
        charge = sum(CHARGES[s] for s in bare.get_chemical_symbols())
        print(f"{'':>7} {'ASE surface':>15} {len(bare):>7} {seconds:>9.3f} {charge:>+7d}")


if __name__ == "__main__":
    main()
