"""Alloys: other ions on the sublattices of a crystal, of a slab or of a dot, neutral by charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from qdsurf.build.bonds import in_cell, stored_bonds
from qdsurf.build.ions import require_bare
from qdsurf.build.mixing.arrangement import ARRANGEMENTS, Arrangement
from qdsurf.build.mixing.cations import (
    Orientation,
    axes_in,
    molecular,
    net_dipole,
    repeated,
    turned,
    whole_repeat,
)
from qdsurf.build.mixing.choosing import Chosen
from qdsurf.build.mixing.compensation import asked_vacancies
from qdsurf.build.mixing.lattice import Lattice, cell_factors
from qdsurf.build.mixing.rebuilding import bonds_with, sites_after
from qdsurf.build.mixing.sublattices import asked_mix
from qdsurf.build.planes import formula
from qdsurf.build.sites import set_roles
from qdsurf.errors import AskError
from qdsurf.model.arguments import check_seed
from qdsurf.model.nouns import Crystal, Source, Surface

__all__ = ["alloy"]

Structure = TypeVar("Structure", Crystal, Surface)


def alloy(
    structure: Structure,
    mix: Mapping[str, Mapping[str, float]],
    *,
    repeat: tuple[int, int, int] = (1, 1, 1),
    seed: int = 0,
    arrangement: Arrangement = "random",
    segregation: float = 1.0,
    compensate: Mapping[str, str] | str | None = None,
    charge: int | None = None,
    lattice: Lattice = "auto",
    orientation: Orientation = "random",
) -> Structure:
    """Return *structure* with the ions of one or more sublattices mixed; nothing is relaxed.

    Parameters
    ----------
    structure
        Crystal, or a bare slab or dot; not changed.
    mix
        Fractions by sublattice and ion: ``{"A": {"Cs": 0.5, "FA": 0.5}}``. Sublattices are species, or
        "A", "B" and "X" of perovskites. Ions are "Zn", "FA", or with their charge "Yb2+", "Na+".
        Fractions sum to one: the ion that stays is named too.
    repeat
        Cells along the three cell vectors of a crystal.
    seed
        Of all random choices; the same seed gives the same structure.
    arrangement
        "random"; "sqs", a special quasirandom structure (crystals only, extra ``sqs``);
        "surface-enriched" or "surface-depleted" (slabs and dots): the ions that were not there before
        take the outermost or the innermost sites.
    segregation
        Share, 0 to 1, of those ions that does so; the others are spread at random.
    compensate
        What balances ions of another charge: "Cs vacancies", "A vacancies", or ``{"vacancy": "Cs",
        "place": "near"}`` for vacancies next to those ions. None refuses them, unless their charges
        cancel.
    charge
        Net charge asked for, in elementary charges; None keeps that of *structure*.
    lattice
        Cell of a crystal: "vegard", "keep", or "auto" for Vegard's law (doi:10.1007/BF01349680) where
        the end members of the same structure are on the shelf. Slabs and dots keep theirs.
    orientation
        Of the molecular cations: "random", or "no net dipole", see ``orient_cations``. In slabs and
        dots only those put in are turned.

    Returns
    -------
    Crystal or Surface
        ``recipe["result"]`` says what came out: whole counts and fractions by sublattice, whether they
        are those asked for (else the nearest possible, at least one of each ion), vacancies, the rule
        for the cell with its end members, Warren-Cowley short-range order of the first shell
        (doi:10.1103/PhysRev.77.669), and the net dipole of the molecular cations in debye.

    Raises
    ------
    AskError
        Unknown sublattice, fractions or other arguments that make no sense.
    ChargeError
        Unknown ion, or a charge that nothing compensates; says what would.
    MissingExtra
        "sqs" without sqsgenerator.
    PlacementError
        A molecular cation does not fit in any orientation.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> mixed = alloy(load_crystal("CsPbI3-cubic"), {"X": {"Br": 0.25, "I": 0.75}}, repeat=(2, 2, 2))
    >>> str(mixed.ledger), round(float(mixed.atoms.cell[0, 0]) / 2, 3)
    ('6 Br(-1), 8 Cs(+1), 18 I(-1), 8 Pb(+2); net charge +0', 6.185)
    """
    _check(structure, repeat, seed, arrangement, segregation, lattice, orientation)
    asked_vacancies(compensate)
    arguments: dict[str, Any] = {
        "verb": "alloy",
        "mix": asked_mix(mix),
        "repeat": tuple(repeat),
        "seed": seed,
        "arrangement": arrangement,
        "segregation": segregation,
        "compensate": compensate if compensate is None or isinstance(compensate, str) else dict(compensate),
        "charge": charge,
        "lattice": lattice,
        "orientation": orientation,
    }
    make = _crystal if isinstance(structure, Crystal) else _surface
    return make(structure, arguments)  # type: ignore[arg-type, return-value]


def _check(
    structure: Crystal | Surface,
    repeat: tuple[int, int, int],
    seed: int,
    arrangement: str,
    segregation: float,
    lattice: str,
    orientation: str,
) -> None:
    """Refuse arguments that make no sense."""
    if arrangement not in ARRANGEMENTS:
        raise AskError(f"arrangement is one of {', '.join(ARRANGEMENTS)}; got {arrangement!r}")
    check_seed(seed)
    if not 0 <= segregation <= 1:
        raise AskError(f"segregation is a share from 0 to 1; got {segregation}")
    if orientation not in ("random", "no net dipole"):
        raise AskError(f"orientation is 'random' or 'no net dipole'; got {orientation!r}")
    if isinstance(structure, Crystal):
        whole_repeat(repeat)
        if arrangement.startswith("surface"):
            raise AskError(
                f"{structure.name} is a crystal and has no surface: cut a slab or carve a dot first, and "
                f"alloy that with arrangement={arrangement!r}"
            )
        return
    require_bare(structure, "alloy it")
    if whole_repeat(repeat) != (1, 1, 1):
        raise AskError("a slab or dot is not repeated; give repeat= where it is cut")
    if arrangement == "sqs":
        raise AskError("special quasirandom structures are periodic in three directions: alloy the crystal")
    if lattice == "vegard":
        raise AskError("a slab or dot keeps its lattice; alloy the crystal, or cut it with lattice_constant=")


def _crystal(crystal: Crystal, arguments: Mapping[str, Any]) -> Crystal:
    """Return the alloy of a crystal."""
    atoms = repeated(crystal.atoms, arguments["repeat"])
    mixed = Chosen(crystal, atoms, arguments)
    factors, cell = cell_factors(crystal, mixed.mixtures, arguments["lattice"])
    atoms = in_cell(atoms, atoms.cell.array * factors[:, None])
    made, _ = mixed.made(atoms)
    here = mixed.new_fragments(np.concatenate([m.sites for m in mixed.mixtures]))
    turning = [f for f in molecular(made) if f in here]
    if turning:
        made.positions = turned(made, turning, arguments["orientation"], mixed.rng, crystal.name)
    present = set(made.arrays["species"].tolist())
    result = {**mixed.report, "cell": {**cell, "factors": [round(float(f), 9) for f in factors]}}
    if molecular(made):
        result["net dipole"] = net_dipole(made)
    return replace(
        crystal,
        name=f"{crystal.name}-{mixed.label}",
        atoms=made,
        charges={s: q for s, q in mixed.charges.items() if s in present},
        source=_source(crystal, formula(mixed.labels.tolist()), cell),
        temperature=None,
        pseudocubic=axes_in(crystal, arguments["repeat"]),
        recipe={**arguments, "crystal": dict(crystal.recipe) or crystal.name, "result": result},
    )


def _surface(surface: Surface, arguments: Mapping[str, Any]) -> Surface:
    """Return the alloy of a slab or dot."""
    old = surface.atoms
    mixed = Chosen(surface, old, arguments)
    made, found = mixed.made(old)
    here = mixed.new_fragments(np.flatnonzero(mixed.labels != mixed.before))
    turning = [f for f in molecular(made) if f in here]
    if turning:
        made.positions = turned(made, turning, arguments["orientation"], mixed.rng, surface.name)
    made.info = {**old.info, "bulk_bonds": bonds_with(stored_bonds(old), mixed.stands_for)}
    set_roles(made, mixed.charges)
    result = dict(mixed.report)
    if molecular(made):
        result["net dipole"] = net_dipole(made)
    species = dict(zip(mixed.fragments, mixed.labels.tolist(), strict=True))
    return replace(
        surface,
        name=f"{surface.name}-{mixed.label}",
        atoms=made,
        charges=mixed.charges,
        sites=sites_after(surface.sites, old.arrays["fragment"], found, species),
        recipe={**arguments, "from": dict(surface.recipe), "result": result},
        target_charge=mixed.target,
        bonds=(),
    )


def _source(crystal: Crystal, what: str, cell: Mapping[str, Any]) -> Source:
    """Return where an alloy comes from."""
    ends = cell.get("end members", [])
    unverified = crystal.source.status == "unverified" or any(e["status"] == "unverified" for e in ends)
    return Source(
        text=f"{what}, alloy built from {crystal.name}",
        doi=str(cell.get("doi", "")),
        licence=crystal.source.licence,
        status="unverified" if unverified else "computed",
        note=f"Cell: {cell['rule']}. Positions are those of the parent, not relaxed.",
    )
