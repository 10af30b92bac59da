"""Make the states of a named reaction: the surface, the surface with the ligand, the reservoirs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.energy.reactions import COMPLEX, REACTIONS, Plan, State, check_balance, is_top
from qdsurf.energy.reservoirs import bulk_salt, free_ligand, hydride, salt_of_cation
from qdsurf.errors import AskError, PlacementError
from qdsurf.model.nouns import Ligand, Reaction, Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

# Atomic planes at the top of a slab that are free to move.
FREE_PLANES = 2
_FORM = {
    "acid exchange": "acid",
    "anion salt exchange": "salt",
    "ammonium exchange": "amine",
    "adsorption on a pair vacancy": "neutral",
    "zwitterion into a pair vacancy": "neutral",
    "adsorption": "neutral",
    "Z-type addition": "unit",
}


def fixed_mask(atoms: Atoms, lowest_free: int) -> NDArray[np.bool_]:
    """Return (n_atoms,) true for the atoms that stay where they are.

    On a slab the planes below *lowest_free*; on a dot, which has no planes, its core.
    """
    role, layer = atoms.arrays["role"], atoms.arrays["layer"]
    below = (layer < lowest_free) if atoms.pbc.any() else (role == "core")
    return np.asarray((role != "ligand") & below, dtype=bool)


def planned(name: str, surface: Surface, ligand: Ligand, poses: int, mode: str = "auto") -> Plan:
    """Return the plan of the reaction *name*; see :func:`qdsurf.energy.reactions.plan`."""
    template = REACTIONS[name]
    lowest_free = int(surface.atoms.arrays["layer"].max()) - FREE_PLANES + 1
    base, site = _place(name, surface, ligand)
    complexes, seeds = _pose(base, ligand, site, poses, mode)
    needed = template.stoichiometry
    states: dict[str, State] = {COMPLEX: slab_state(complexes[0], lowest_free)}
    bare = next(key for key in needed if key.startswith("surface") and key != COMPLEX)
    states[bare] = slab_state(base, lowest_free)
    words = {"X": "", "A": "", "HX": "", "HL": ""}
    warnings: list[str] = []
    if name.endswith("exchange"):
        words |= _ions(name, surface, ligand, site)
    if "acid of the anion" in needed:
        acid = hydride(words["X"], surface.charges[words["X"]])
        states["acid of the anion"] = State(atoms=acid)
        words["HX"] = acid.get_chemical_formula(mode="hill")
    if "bulk salt" in needed:
        atoms, units = bulk_salt(words["A"], words["X"])
        states["bulk salt"] = State(atoms=atoms, kind="bulk", per_formula=units)
    form = _FORM.get(name)
    free = free_ligand(ligand, form) if form else salt_of_cation(ligand, words["X"])
    if name in ("salt exchange", "anion salt exchange"):
        warnings.append(
            "the free ligand is a salt molecule in vacuum; machine-learned potentials miss that of CsBr "
            "by about 0.4 eV"
        )
    states["free ligand"] = State(atoms=free)
    words["HL"] = f"{ligand.name} as {free.get_chemical_formula(mode='hill')}"
    if len(complexes) < poses:
        warnings.append(f"{len(complexes)} of {poses} starting poses found room")
    reaction = Reaction(name=name, equation=template.equation.format(**words), stoichiometry=needed)
    for placed in complexes:
        check_balance(reaction, {**states, COMPLEX: slab_state(placed, lowest_free)})
    return Plan(
        reaction=reaction,
        states=states,
        poses=complexes,
        seeds=seeds,
        lowest_free=lowest_free,
        warnings=tuple(warnings),
    )


def slab_state(surface: Surface, lowest_free: int) -> State:
    """Return *surface* as a state, with the planes below *lowest_free* fixed."""
    mask = fixed_mask(surface.atoms, lowest_free)
    return State(atoms=surface.atoms.copy(), charge=surface.charge, fixed=mask, kind="slab")


def _place(name: str, surface: Surface, ligand: Ligand) -> tuple[Surface, Site]:
    """Return the surface that the ligand meets and the site that it takes there."""
    from qdsurf.attachment import suitable_sites

    if name.endswith("pair vacancy"):
        from qdsurf.build.defects import pair_vacancy

        vacancy = pair_vacancy(surface, face="top")
        return vacancy, _vacated(surface, vacancy, ligand)
    sites = [s for s in suitable_sites(surface, ligand) if is_top(surface, s)]
    if name.endswith("exchange"):
        sites = [s for s in sites if s.occupied]
    if not sites:
        raise AskError(f"{name}: {surface.name} has no site on its top face that {ligand.name} could take")
    # Stable: the order of preference of suitable_sites is kept among the sites of a face.
    return surface, sorted(sites, key=lambda s: s.location != "face")[0]


def _vacated(surface: Surface, vacancy: Surface, ligand: Ligand) -> Site:
    """Return the site of *vacancy*, suited to *ligand*, that is nearest to the anion taken away."""
    from ase.geometry import get_distances

    from qdsurf.attachment import suitable_sites

    atoms = surface.atoms
    cell, pbc = atoms.cell, atoms.pbc
    _, gaps = get_distances(atoms.positions, vacancy.atoms.positions, cell=cell, pbc=pbc)
    gone = np.flatnonzero(gaps.min(axis=1) > 0.1)
    anions = [i for i in gone if surface.charges[str(atoms.arrays["species"][i])] < 0]
    if not anions:
        raise AskError(f"the pair vacancy of {surface.name} took no anion away")
    sites = [s for s in suitable_sites(vacancy, ligand) if is_top(vacancy, s)]
    if not sites:
        raise AskError(f"{vacancy.name} has no site on its top face that {ligand.name} could take")
    where = np.array([s.position for s in sites])
    _, far = get_distances(atoms.positions[anions], where, cell=cell, pbc=pbc)
    charge = np.array([abs(vacancy.charges.get(s.species, 0)) for s in sites])
    # Donors bind the divalent cation that was opened, not a monovalent one that happens to be nearer.
    best = np.flatnonzero(charge == charge.max()) if ligand.binds == "on a cation" else np.arange(len(sites))
    return sites[int(best[np.argmin(far.min(axis=0)[best])])]


def _pose(
    base: Surface, ligand: Ligand, site: Site, poses: int, mode: str
) -> tuple[tuple[Surface, ...], tuple[int, ...]]:
    """Return *base* with *ligand* at *site* in up to *poses* starting poses, and their seeds."""
    from qdsurf.attachment import attach

    placed, seeds, blocked = [], [], None
    for seed in range(poses):
        try:
            placed.append(attach(base, {ligand: 1}, unit="count", sites=[site], mode=mode, seed=seed))
            seeds.append(seed)
        except PlacementError as error:
            blocked = error
    if not placed:
        raise blocked or PlacementError(f"{ligand.name} found no room on {base.name}")
    return tuple(placed), tuple(seeds)


def _ions(name: str, surface: Surface, ligand: Ligand, site: Site) -> dict[str, str]:
    """Return the cation A and the anion X that take part in an exchange, by letter."""
    if ligand.binds == "anion site":
        anion = site.species
        # The counter-ion of a salt comes with the free form: "[Na+].F[B-](F)(F)F".
        salt = ligand.free_forms.get("salt", "") if name == "anion salt exchange" else ""
        cation = next((p.strip("[+]") for p in salt.split(".") if p.endswith("+]") and len(p) <= 5), "")
        return {"A": cation, "X": anion}
    species = Counter(surface.atoms.arrays["species"].tolist())
    halides = [s for s, _ in species.most_common() if s in ("Cl", "Br", "I", "F")]
    if not halides:
        raise AskError(f"{name}: {surface.name} has no halide with which {site.species} could leave")
    return {"A": site.species, "X": halides[0]}
