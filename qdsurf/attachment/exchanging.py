"""Change the ligands of an existing shell: exchange one for another, or take them off; with the reaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qdsurf.attachment.assembly import assembled
from qdsurf.attachment.choosing import Job
from qdsurf.attachment.demands import as_ligand
from qdsurf.attachment.places import Places
from qdsurf.attachment.shells import build_shell
from qdsurf.build.spreading import Around, Farthest
from qdsurf.errors import AskError, BalanceError, ChargeError
from qdsurf.model import Ligand, Reaction, Surface


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What became of a shell.

    Attributes
    ----------
    surface
        The new surface.
    reaction
        The balanced reaction that leads to it.
    """

    surface: Surface
    reaction: Reaction


def exchange(
    surface: Surface,
    ligands: Mapping[str, str | Ligand],
    *,
    amount: float = 1.0,
    unit: str = "fraction",
    best_effort: bool = False,
    seed: int = 0,
) -> Change:
    """Replace ligands of the shell of *surface* by others of the same charge, at the same sites.

    Parameters
    ----------
    ligands
        New ligand by the name of the one on the surface: ``{"oleate": "acetate"}``.
    amount
        How much of each is replaced.
    unit
        "fraction" of the ligands there (a mole ratio), or "count".
    best_effort
        Leave sites empty-handed, with their old ligand, where the new one finds no room.
    seed
        Another seed chooses other ligands to be replaced; they are spread evenly.

    Returns
    -------
    Change
        The new surface, and ``n surface-oleate + n acetate -> n surface-acetate + n oleate`` with the
        ions named.

    Raises
    ------
    AskError
        No such ligand is on the surface, or fewer than asked for.
    ChargeError
        The charges differ.
    PlacementError
        A new ligand finds no room.

    Examples
    --------
    >>> import qdsurf as qs
    >>> crystal = qs.load_crystal("CsPbBr3-cubic")
    >>> slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    >>> change = exchange(qs.attach(slab, {"benzoate": 2}), {"benzoate": "formate"})
    >>> change.surface.ledger["formate"], change.reaction.equation
    (2, 'surface-(benzoate)2 + 2 formate(-1) -> surface-(formate)2 + 2 benzoate(-1)')
    """
    places = Places.of(surface)
    jobs: list[Job] = []
    left: list[int] = []
    for old, new in ligands.items():
        ligand = as_ligand(new)
        held = _held(surface, old)
        charge = surface.charges[old]
        if ligand.charge != charge:
            raise ChargeError(
                f"{ligand.name} has charge {ligand.charge:+d} and {old} {charge:+d}: the exchange would "
                f"leave the surface charged"
            )
        chosen = _spread(places, held, _count(amount, unit, len(held), old), seed)
        for sites in chosen:
            jobs.append(Job(ligand, sites, False, len(jobs)))
            left.append(sites[0])
    placed = build_shell(places, jobs, mode="auto", seed=seed, best_effort=best_effort)
    done = {p.job.sites[0] for p in placed}
    gone = Counter(
        surface.sites[k].species if surface.sites[k].kind.endswith("site") else _name(surface, k)
        for k in left
        if k in done
    )
    came = Counter(p.job.ligand.name for p in placed)
    recipe = {
        "verb": "exchange", "from": dict(surface.recipe), "amount": amount, "unit": unit, "seed": seed,
        "ligands": {old: as_ligand(new).name for old, new in ligands.items()}, "best_effort": best_effort,
    }  # fmt: skip
    name = f"{surface.name}:{','.join(f'{o}->{as_ligand(n).name}' for o, n in ligands.items())}"
    result = assembled(surface, placed, name=name, recipe=recipe)
    return Change(surface=result, reaction=_reaction("ligand exchange", surface, result, gone, came))


def detach(
    surface: Surface, ligands: Mapping[str, float], *, unit: str = "count", charge: int | None = None,
    seed: int = 0,
) -> Change:  # fmt: skip
    """Take ligands off the shell of *surface*; the sites that they held become vacancies.

    Neutral ligands (L-type, Z-type, zwitterions) leave the charge as it is. Ions must leave in neutral
    proportion, ``{"oleate": 2, "oleylammonium": 2}``, or the charge that is left must be stated.

    Parameters
    ----------
    ligands
        Amount by name.
    unit
        "count", or "fraction" of those there.
    charge
        Net charge that the result is meant to have; None keeps that of *surface*.

    Raises
    ------
    AskError
        No such ligand is on the surface, or fewer than asked for.
    ChargeError
        The result has another charge; gives the number.

    Examples
    --------
    >>> import qdsurf as qs
    >>> crystal = qs.load_crystal("CsPbBr3-cubic")
    >>> slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    >>> change = detach(qs.attach(slab, {"lead-bromide": 2}), {"lead-bromide": 1})
    >>> change.surface.ledger["lead-bromide"], change.reaction.name
    (1, 'Z-type displacement')
    """
    places = Places.of(surface)
    sites: set[int] = set()
    gone: Counter[str] = Counter()
    for name, amount in ligands.items():
        held = _held(surface, name)
        chosen = _spread(places, held, _count(amount, unit, len(held), name), seed)
        sites |= {k for group in chosen for k in group}
        gone[name] += len(chosen)
    wanted = surface.target_charge if charge is None else charge
    net = surface.charge - sum(surface.charges[n] * c for n, c in gone.items())
    if net != wanted:
        listed = ", ".join(f"{c} {n}({surface.charges[n]:+d})" for n, c in gone.items())
        raise ChargeError(
            f"{surface.name}: without {listed} the charge is {net:+d}, asked for {wanted:+d}; take off "
            f"counter-ions too, or state the charge (charge={net})"
        )
    result = _without(surface, sites, wanted, gone)
    recipe = {
        "verb": "detach", "from": dict(surface.recipe), "ligands": dict(ligands), "unit": unit,
        "charge": charge, "seed": seed,
    }  # fmt: skip
    result = replace(result, recipe=recipe)
    classes = {_cbc(surface, n) for n in gone}
    name = "Z-type displacement" if classes == {"Z"} else "ligand desorption"
    return Change(surface=result, reaction=_reaction(name, surface, result, gone, Counter()))


def _held(surface: Surface, name: str) -> list[tuple[int, ...]]:
    """Return the sites of each molecule called *name*, in the order of the molecules."""
    species, fragments = surface.atoms.arrays["species"], surface.atoms.arrays["fragment"]
    role = surface.atoms.arrays["role"]
    groups: dict[int, list[int]] = {}
    for number, site in enumerate(surface.sites):
        if site.atoms and role[site.atoms[0]] == "ligand" and species[site.atoms[0]] == name:
            groups.setdefault(int(fragments[site.atoms[0]]), []).append(number)
    if not groups:
        present = sorted(set(species[role == "ligand"].tolist()))
        raise AskError(
            f"{surface.name} carries no {name!r}; it carries: {', '.join(present) or 'no ligands'}"
        )
    return [tuple(groups[f]) for f in sorted(groups)]


def _count(amount: float, unit: str, there: int, name: str) -> int:
    """Return how many of the ligands *there* are meant."""
    if unit not in ("count", "fraction"):
        raise AskError(f"no unit {unit!r}; known: count, fraction")
    number = amount * there if unit == "fraction" else amount
    if number < 0 or number > there + 1e-9 or (unit == "count" and number != int(number)):
        raise AskError(f"{amount} ({unit}) of {there} {name} makes no sense")
    return round(number)


def _spread(places: Places, groups: list[tuple[int, ...]], number: int, seed: int) -> list[tuple[int, ...]]:
    """Return *number* of the *groups* of sites, each as far from the others as it can be."""
    if number >= len(groups):
        return groups
    atoms = places.surface.atoms
    points = places.positions[[g[0] for g in groups]]
    farthest = Farthest(Around(points, atoms.cell.array, np.asarray(atoms.pbc)))
    start = int(np.random.default_rng(seed).integers(len(groups))) if seed else 0
    chosen: list[int] = []
    while len(chosen) < number:
        best = farthest.best() if chosen else start
        assert best is not None
        chosen.append(best)
        farthest.drop(best)
        farthest.take(points[best])
    return [groups[k] for k in sorted(chosen)]


def _name(surface: Surface, site: int) -> str:
    """Return the species of the ligand that holds *site*."""
    return str(surface.atoms.arrays["species"][surface.sites[site].atoms[0]])


def _cbc(surface: Surface, name: str) -> str:
    """Return "Z" for a ligand that sits on anions, "X" for an ion, else "L"."""
    if surface.charges[name]:
        return "X"
    kinds = {s.kind for k, s in enumerate(surface.sites) if s.atoms and _name(surface, k) == name}
    return "Z" if kinds == {"on an anion"} else "L"


def _without(surface: Surface, sites: set[int], charge: int, gone: Counter[str]) -> Surface:
    """Return *surface* without the ligands at *sites*, which become vacant."""
    off = np.zeros(len(surface.atoms), dtype=bool)
    for k in sites:
        off[list(surface.sites[k].atoms)] = True
    stay = np.flatnonzero(~off)
    new = np.full(len(off), -1, dtype=np.int64)
    new[stay] = np.arange(len(stay))
    atoms = surface.atoms[stay]
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
    lattice = _lattice_ions(surface)
    kept = []
    for number, site in enumerate(surface.sites):
        held = tuple(int(k) for k in new[list(site.atoms)]) if number not in sites else ()
        near = tuple(int(k) for k in new[list(site.neighbours)] if k >= 0)
        species = site.species
        if number in sites and site.kind in lattice:
            species = lattice[site.kind]
        kept.append(replace(site, atoms=held, neighbours=near, species=species))
    bonds = tuple((int(new[i]), int(new[j]), o) for i, j, o in surface.bonds if new[i] >= 0 and new[j] >= 0)
    name = f"{surface.name}-{'-'.join(gone)}"
    return replace(surface, name=name, atoms=atoms, sites=tuple(kept), bonds=bonds, target_charge=charge)


def _lattice_ions(surface: Surface) -> dict[str, str]:
    """Return the commonest ion of the lattice by kind of site: what a vacancy there lacks."""
    ligand = surface.atoms.arrays["role"] == "ligand"
    species = surface.atoms.arrays["species"]
    found: dict[str, str] = {}
    for kind, sign in (("anion site", -1), ("cation site", 1)):
        own = Counter(
            s.species for s in surface.sites
            if s.kind == kind and s.species in surface.charges and not (s.atoms and ligand[s.atoms[0]])
        )  # fmt: skip
        rest = Counter(s for s in species[~ligand].tolist() if np.sign(surface.charges[s]) == sign)
        common = (own or rest).most_common(1)
        if common:
            found[kind] = common[0][0]
    return found


def _reaction(name: str, before: Surface, after: Surface, gone: Counter[str], came: Counter[str]) -> Reaction:
    """Return the reaction, refused where the ledgers do not balance."""
    for species in set(gone) | set(came):
        if before.ledger[species] + came[species] - gone[species] != after.ledger[species]:
            raise BalanceError(f"{name}: {species} does not balance")
    charges = {**before.charges, **after.charges}

    def listed(counts: Mapping[str, int], start: str) -> str:
        terms = [start] + [
            f"{n if n > 1 else ''} {s}({charges[s]:+d})".strip() for s, n in sorted(counts.items()) if n
        ]
        return " + ".join(terms)

    def shell(counts: Mapping[str, int]) -> str:
        return "surface" + "".join(f"-({s}){n if n > 1 else ''}" for s, n in sorted(counts.items()) if n)

    equation = f"{listed(came, shell(gone))} -> {listed(gone, shell(came))}"
    stoichiometry: dict[str, Any] = {"before": -1.0, "after": 1.0}
    stoichiometry |= {s: float(gone[s] - came[s]) for s in sorted(set(gone) | set(came))}
    return Reaction(name=name, equation=equation, stoichiometry=stoichiometry)
