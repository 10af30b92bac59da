"""The structure as the browser draws it: the balls and sticks of the pictures, as compact numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.report.palette import rgb
from qdsurf.report.scene import CRYSTAL_STICK, make_scene

if TYPE_CHECKING:
    from qdsurf.model import Surface

_ROLES = ("core", "surface", "ligand")


def drawing(surface: Surface) -> dict[str, Any]:
    """Return what the viewer draws, in the coordinates of the camera (x right, y up, z towards it), Å.

    Slabs and dots are seen from where the pictures see them; molecules are drawn whole.

    Returns
    -------
    dict
        "kinds": list of {"element", "colour", "radius"}; "kind", "species", "role": one number for each
        atom; "names": the species; "xyz": three numbers for each atom; "sticks" and "crystal": pairs of
        atoms bound by covalent bonds and by those of the crystal; "box": six numbers for each line of
        the cell; "caption".

    Examples
    --------
    >>> import qdsurf as qs
    >>> shown = drawing(qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=1))
    >>> len(shown["kind"]), sorted(kind["element"] for kind in shown["kinds"])
    (7, ['Br', 'Cs', 'Pb'])
    """
    from scipy.spatial import KDTree

    atoms = surface.atoms
    scene = make_scene(atoms, view=None, cell=True)
    kinds: dict[tuple[str, float], int] = {}
    kind = [
        kinds.setdefault((element, round(float(size), 3)), len(kinds))
        for element, size in zip(scene.elements, scene.radii, strict=True)
    ]
    tree = KDTree(scene.balls)
    ends = np.stack([tree.query(scene.starts)[1], tree.query(scene.ends)[1]], axis=1).astype(int)
    crystal = np.isclose(scene.widths, CRYSTAL_STICK)
    names = sorted(set(atoms.arrays["species"].tolist()))
    middle = (scene.balls.max(axis=0) + scene.balls.min(axis=0)) / 2
    return {
        "kinds": [{"element": element, "colour": _hex(element), "radius": size} for element, size in kinds],
        "kind": kind,
        "names": names,
        "species": [names.index(name) for name in atoms.arrays["species"].tolist()],
        "role": [_ROLES.index(role) for role in atoms.arrays["role"].tolist()],
        "xyz": (scene.balls - middle).round(2).ravel().tolist(),
        "sticks": ends[~crystal].ravel().tolist(),
        "crystal": ends[crystal].ravel().tolist(),
        "box": (scene.box - middle).round(2).reshape(-1, 6).tolist(),
        "caption": scene.caption,
    }


def _hex(element: str) -> str:
    """Return the colour of *element* as the browser takes it."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb(element))
