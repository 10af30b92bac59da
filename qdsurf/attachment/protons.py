"""The proton of a bound acid goes to the surface: a carboxylic acid on an oxide becomes a carboxylate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError, PlacementError
from qdsurf.model import Site, Surface

Vectors = NDArray[np.float64]

PROTON = "H"
# Anions that keep a proton; one on a halide would leave with it as an acid.
KEEPERS = ("O", "S", "Se", "Te")
# A proton goes no farther than this, in Å, and comes no nearer than a strong hydrogen bond to other atoms.
FARTHEST, NEAREST = 6.0, 1.45


def transfer_proton(surface: Surface, *, ligand: str | None = None) -> Surface:
    """Return *surface* with the proton of each bound acid on the nearest free anion of the surface.

    A carboxylic acid that binds titanium by its carbonyl gives its proton to an oxide ion of the surface and
    binds as a carboxylate: nothing leaves, and the charge stays as it is. The proton is an ion of its own,
    species "H" of charge +1, at the sum of the covalent radii above its anion; nothing is relaxed.

    Parameters
    ----------
    surface
        Slab or dot with ligands; not changed.
    ligand
        Name of the ligands that give their proton; None takes all that have one to give: on an atom that
        binds, or on another atom of the same group (O=C-O-H).

    Returns
    -------
    Surface
        The ligands, now one charge lower, are named with "(-H)"; the protons come last.

    Raises
    ------
    AskError
        No such ligand, or it has no proton to give; the anions of the surface keep none (halides).
    PlacementError
        No free anion has room for the proton within 6 Å.

    References
    ----------
    Cordero et al., Dalton Trans. 2008, 2832, doi:10.1039/b801115j, for covalent radii.

    Examples
    --------
    >>> import qdsurf as qs
    >>> oxide = qs.load_surface("TiO2-anatase-101", repeat=(2, 3))
    >>> acid = qs.ligand_from_smiles("CC(=O)O", anchor="carboxylic acid", name="acetic acid")
    >>> str(transfer_proton(qs.attach(oxide, {acid: 1}, faces="top")).ledger)
    '1 H(+1), 72 O(-2), 36 Ti(+4), 1 acetic acid(-H)(-1); net charge +0'
    """
    known = sorted(
        {str(n) for n in surface.atoms.arrays["species"][surface.atoms.arrays["role"] == "ligand"]}
    )
    if ligand is not None and ligand not in known:
        raise AskError(f"{surface.name} has no ligand {ligand!r}; it has {', '.join(known) or 'none'}")
    given = [hydrogen for hydrogen, name in _acid_protons(surface) if ligand in (None, name)]
    if not given:
        raise AskError(
            f"{surface.name}: no ligand has a proton at the group that binds; bind an acid, such as "
            'ligand_from_smiles("CC(=O)O", anchor="carboxylic acid")'
        )
    made = surface
    for done, hydrogen in enumerate(given):
        # each move takes one atom out of the list, and puts it last
        made = _moved(made, hydrogen - sum(h < hydrogen for h in given[:done]))
    recipe = {"verb": "transfer_proton", "ligand": ligand, "from": dict(surface.recipe)}
    return replace(made, name=f"{surface.name}, {len(given)} H on the surface", recipe=recipe)


def _acid_protons(surface: Surface) -> Iterator[tuple[int, str]]:
    """Yield the hydrogen that each ligand can give, with the name of the ligand."""
    symbols, arrays = surface.atoms.get_chemical_symbols(), surface.atoms.arrays
    near: dict[int, list[int]] = {}
    for i, j, _ in surface.bonds:
        near.setdefault(i, []).append(j)
        near.setdefault(j, []).append(i)
    seen: set[int] = set()
    for anchor in np.flatnonzero(arrays["anchor"]).tolist():
        fragment = int(arrays["fragment"][anchor])
        group = [anchor, *(second for first in near.get(anchor, ()) for second in near[first])]
        acid = [
            k
            for atom in group
            if symbols[atom] in ("O", "S", "Se")
            for k in near.get(atom, ())
            if symbols[k] == "H"
        ]
        if acid and fragment not in seen:
            seen.add(fragment)
            yield acid[0], str(arrays["species"][anchor])


def _moved(surface: Surface, hydrogen: int) -> Surface:
    """Return *surface* with the atom *hydrogen* of a ligand on the nearest anion with room."""
    place, site = _place(surface, hydrogen)
    atoms = surface.atoms.copy()
    fragment, name = atoms.arrays["fragment"][hydrogen], str(atoms.arrays["species"][hydrogen])
    left = f"{name}(-H)"
    species = atoms.arrays["species"].astype(np.str_).tolist()
    species = [left if f == fragment else s for s, f in zip(species, atoms.arrays["fragment"], strict=True)]
    species[hydrogen] = PROTON
    atoms.set_array("species", None)
    atoms.set_array("species", np.array(species, dtype=np.str_))
    atoms.positions[hydrogen] = place
    atoms.arrays["fragment"][hydrogen] = atoms.arrays["fragment"].max() + 1
    atoms.arrays["role"][hydrogen] = "surface"
    atoms.arrays["layer"][hydrogen] = atoms.arrays["layer"][site.neighbours[0]]
    order = np.append(np.delete(np.arange(len(atoms)), hydrogen), hydrogen)
    new = np.argsort(order).tolist()
    last = len(atoms) - 1

    def renumbered(one: Site) -> Site:
        held = (last,) if one is site else tuple(new[k] for k in one.atoms if k != hydrogen)
        changed = left if one.species == name and one.atoms else one.species
        return replace(one, atoms=held, neighbours=tuple(new[k] for k in one.neighbours), species=changed)

    return replace(
        surface,
        atoms=atoms[order],
        sites=tuple(renumbered(one) for one in surface.sites),
        charges={**surface.charges, PROTON: 1, left: surface.charges[name] - 1},
        bonds=tuple((new[i], new[j], o) for i, j, o in surface.bonds if hydrogen not in (i, j)),
    )


def _place(surface: Surface, hydrogen: int) -> tuple[Vectors, Site]:
    """Return where the proton goes in Å, and the site above the anion that keeps it."""
    from ase.data import atomic_numbers, covalent_radii
    from ase.geometry import get_distances

    atoms = surface.atoms
    free = [s for s in surface.sites if s.kind == "on an anion" and not s.occupied and len(s.neighbours) == 1]
    symbols = atoms.get_chemical_symbols()
    kept = [s for s in free if symbols[s.neighbours[0]] in KEEPERS]
    if not kept:
        raise AskError(
            f"{surface.name}: no free {', '.join(KEEPERS)} at the surface keeps a proton; on a halide it "
            "would leave as the acid: attach the anion instead, which takes the place of a halide"
        )
    space = {"cell": atoms.cell.array, "pbc": atoms.pbc}
    others = np.delete(np.arange(len(atoms)), hydrogen)
    worst = 0.0
    found: list[tuple[float, Vectors, Site]] = []
    for site in kept:
        anion = site.neighbours[0]
        up = site.position - atoms.positions[anion]
        length = covalent_radii[1] + covalent_radii[atomic_numbers[symbols[anion]]]
        place = atoms.positions[anion] + length * up / np.linalg.norm(up)
        far = float(get_distances(place, atoms.positions[hydrogen], **space)[1].min())
        gap = float(get_distances(place, atoms.positions[others[others != anion]], **space)[1].min())
        if far <= FARTHEST:
            worst = max(worst, gap)
            if gap >= NEAREST:
                found.append((far, place, site))
    if not found:
        raise PlacementError(
            f"{surface.name}: no free anion within {FARTHEST} Å of the acid has room for its proton (the "
            f"best is {worst:.2f} Å from another atom, {NEAREST} Å are needed); another seed turns the acid"
        )
    _, place, site = min(found, key=lambda item: item[0])
    return place, site
