"""What the panels beside the structure show: plain rows of numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Ligand, Surface

Row = dict[str, Any]


def ledger_rows(surface: Surface) -> list[Row]:
    """Return species, charge of one, count and sum, and the net charge last.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=1, termination="CsBr")
    >>> [(row["species"], row["sum"]) for row in ledger_rows(slab)]
    [('Br', '−4'), ('Cs', '+2'), ('Pb', '+2'), ('net charge', '0')]
    """
    rows = [
        {
            "species": entry.species,
            "charge": signed(entry.charge),
            "count": str(entry.count),
            "sum": signed(entry.charge * entry.count),
        }
        for entry in surface.ledger.entries
    ]
    return [*rows, {"species": "net charge", "charge": "", "count": "", "sum": signed(surface.charge)}]


def signed(value: int) -> str:
    """Return a whole number with its sign, a true minus.

    >>> signed(-2), signed(0), signed(3)
    ('−2', '0', '+3')
    """
    return f"{value:+d}".replace("-", "−") if value else "0"


def facet_rows(surface: Surface) -> list[Row]:
    """Return each kind of facet with its area and share, equal ones counted together."""
    from qdsurf.build.summary import summary

    recipe = surface.recipe
    while "termination" not in recipe and "from" in recipe:
        recipe = recipe["from"]
    cut = str(recipe.get("termination") or "") if surface.atoms.pbc.any() else ""
    kinds: dict[tuple[Any, ...], list[Any]] = {}
    for facet in summary(surface).facets:
        words = facet.facet.split()
        whole = words[0] in ("top", "bottom", "all")
        name = " ".join(words if whole else sorted((w.strip("-") for w in words), reverse=True))
        kinds.setdefault((name, facet.termination or cut, round(facet.area, 2)), []).append(facet)
    rows = []
    for (name, termination, area), members in kinds.items():
        label = name if name == "all" else _facet_name(name)
        rows.append(
            {
                "facet": f"{len(members)} × {label}" if len(members) > 1 else label,
                "ended by": termination or "—",
                "area": f"{area:.2f}",
                "share": f"{sum(m.share for m in members):.0%}",
            }
        )
    return rows


def _facet_name(name: str) -> str:
    """Return "{100}" of a dot, "top (001)" of a slab, from "1 0 0" and "top 0 0 1"."""
    words = name.split()
    side = words[0] if words[0] in ("top", "bottom") else ""
    rest = words[1:] if side else words
    indices = "".join(rest) if all(len(word) == 1 for word in rest) else " ".join(rest)
    return f"{side} ({indices})" if side else f"{{{indices}}}"


def room_rows(surface: Surface) -> list[Row]:
    """Return the places where ligands can bind, by what they take."""
    takers = {
        "anion site": "anions (X): carboxylates, thiolates, halides",
        "cation site": "cations (X): ammonium, amidinium",
        "on a cation": "electron donors (L): amines, phosphine oxides, acids",
        "on an anion": "electron acceptors (Z): metal salts",
        "bridge": "ions between two counter-ions",
        "hollow": "ions between three and more counter-ions",
    }
    counted: dict[tuple[str, str], list[int]] = {}
    for site in surface.sites:
        tally = counted.setdefault((site.kind, site.species), [0, 0])
        tally[0] += 1
        tally[1] += not site.occupied and site.kind in ("anion site", "cation site")
    return [
        {
            "place": f"{kind} {species}",
            "sites": f"{n}" + (f" ({vacant} vacant)" if vacant else ""),
            "for": takers.get(kind, ""),
        }
        for (kind, species), (n, vacant) in sorted(counted.items())
    ]


def density_rows(surface: Surface, ligands: Sequence[tuple[Ligand, float]], unit: str = "count") -> list[Row]:
    """Return how many of each ligand are bound, on which face, and per nm^2 of all faces.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=2, repeat=(2, 2))
    >>> acetate = qs.load_ligand("acetate")
    >>> density_rows(qs.attach(slab, {acetate: 2}), [(acetate, 2)])[0]["density"]
    '0.73'
    """
    from qdsurf.build.summary import summary

    area = sum(facet.area for facet in summary(surface).facets)
    slab = bool(surface.atoms.pbc.any())
    rows = []
    for ligand, asked in ligands:
        names = {ion.name for ion in ligand.ions} or {ligand.name}
        up, down = _on_faces(surface, names)
        bound = up + down
        rows.append(
            {
                "ligand": ligand.name,
                "bound": f"{bound}",
                "top / bottom": f"{up} / {down}" if slab else "—",
                "density": f"{bound / area:.2f}" if area else "—",
                "asked": f"{asked:g}{_ASKED[unit]}",
            }
        )
    return rows


_ASKED = {"count": "", "fraction": " of the sites", "nm^-2": " per nm²"}


def _on_faces(surface: Surface, names: set[str]) -> tuple[int, int]:
    """Return how many molecules of *names* bind above and below the middle of the lattice."""
    atoms = surface.atoms
    core = atoms.arrays["role"] != "ligand"
    middle = float(atoms.positions[core, 2].mean())
    up = down = 0
    chosen = np.isin(atoms.arrays["species"], list(names)) & ~core
    for fragment in np.unique(atoms.arrays["fragment"][chosen]):
        mine = (atoms.arrays["fragment"] == fragment) & atoms.arrays["anchor"]
        if float(atoms.positions[mine, 2].mean()) > middle:
            up += 1
        else:
            down += 1
    return up, down


def contact_words(surface: Surface) -> tuple[str, bool]:
    """Return the worst contact in words, and whether it is an overlap."""
    from qdsurf.model.contacts import SMALLEST_RATIO

    contact = surface.contacts()
    if contact is None:
        return "No ligands are bound, so there is no contact to judge.", False
    first, second = contact.elements
    return (
        f"The closest contact between a ligand and anything that it is not bound to: {first}–{second}, "
        f"{contact.distance:.2f} Å, which is {contact.ratio:.2f} of the sum of the radii "
        f"(below {SMALLEST_RATIO:g} would be an overlap).",
        contact.overlaps,
    )


def findings(surface: Surface) -> list[Row]:
    """Return what `validate` says of the structure."""
    from qdsurf.validation import validate

    return [{"level": f.level, "code": f.code, "message": f.message} for f in validate(surface)]


def crystal_words(crystal: Crystal) -> str:
    """Return space group, temperature and source of *crystal*."""
    a, b, c = crystal.atoms.cell.lengths()
    size = f"a = {a:.3f} Å" if np.ptp([a, b, c]) < 1e-6 else f"a, b, c = {a:.2f}, {b:.2f}, {c:.2f} Å"
    at = "" if crystal.temperature is None else f", {crystal.temperature:g} K"
    return f"{crystal.space_group}, {size}{at}. Source: {crystal.source}"
