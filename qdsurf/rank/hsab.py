"""Hard and soft acids and bases: hardness, classes, Pearson's charge transfer, and what they mean together.

The numbers come from tables with sources (``structures/ions``); for a molecule that is in no table they
are computed. What hardness cannot see - charge, denticity, size, solvent - is no part of this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsurf.errors import AskError, MissingExtra, RunError, UnknownName
from qdsurf.rank.hsab_tables import (
    ClassVote,
    Hardness,
    check_acid,
    classes_of,
    hardness_of,
    ion_name,
    species_smiles,
)
from qdsurf.rank.softness import Donor, acid_softness, base_softness, group_donor, group_variant, pearson

if TYPE_CHECKING:
    from rdkit.Chem import Mol

    from qdsurf.model.nouns import Anchor, Ligand


_DEFAULT = "gfn2-xtb"


@dataclass(frozen=True, kw_only=True)
class HsabRow:
    """One donor against one acid.

    Attributes
    ----------
    donor, group
        Name as given, and the group that binds ("" for a species of the tables).
    match
        Softness of the acid times softness of the donor, -1 to +1: above 0 for soft on soft and hard
        on hard, 0 for a borderline partner. None where no text classes one of them.
    acid_softness, donor_softness
        -1 hard to +1 soft.
    charge_transfer
        dN = (chi_A - chi_B) / (2 (eta_A + eta_B)) in electrons, from donor to acid.
    energy
        dE = -(chi_A - chi_B)^2 / (4 (eta_A + eta_B)) in eV; negative binds.
    fukui_minus
        Condensed Fukui function of the binding atoms for giving an electron; None unless computed.
    acid_hardness, donor_hardness
        The values used; all others are in ``acid_table`` and ``donor_table``.
    acid_classes, donor_classes
        What each text says.
    warnings
        What to know before using the row.
    """

    donor: str
    group: str
    acid: str
    match: float | None
    acid_softness: float | None
    donor_softness: float | None
    charge_transfer: float | None
    energy: float | None
    fukui_minus: float | None
    acid_hardness: Hardness | None
    donor_hardness: Hardness | None
    acid_classes: tuple[ClassVote, ...]
    donor_classes: tuple[ClassVote, ...]
    acid_table: tuple[Hardness, ...]
    donor_table: tuple[Hardness, ...]
    warnings: tuple[str, ...]


def hsab(
    donors: str | Ligand | Sequence[str | Ligand],
    acid: str,
    *,
    method: str | None = "auto",
    cache: str | Path | None = None,
) -> list[HsabRow]:
    """Compare donors with an acid by hardness and class, the best match first.

    Parameters
    ----------
    donors
        One or several of: a species of the tables ("I-", "NH3"), a ligand of the shelf, SMILES of the
        bound form, or a Ligand.
    acid
        Name of the acid, such as "Pb2+".
    method
        Method of the shelf with which chi, eta and the Fukui function are computed for molecules that
        have no electronegativity in the tables. "auto" takes gfn2-xtb, and where that cannot be done says
        so in the warnings of the row; None computes nothing.
    cache
        Folder in which computed values are kept; None keeps them in memory only.

    Returns
    -------
    list of HsabRow
        Rows without a match come last.

    Raises
    ------
    UnknownName
        The acid is in no table.
    AskError
        A donor that is no base, or is neither species, ligand nor SMILES.
    MissingExtra
        *method* needs a package that is not installed.

    Notes
    -----
    dE assumes that nothing but charge transfer happens. It puts I- before F- on every cation, zinc
    included, where the measured order is the reverse: use ``match`` and the terms of ``rank_ligands``.

    Examples
    --------
    >>> [row.donor for row in hsab(["F-", "Cl-", "Br-", "I-"], "Hg2+")]
    ['I-', 'Br-', 'Cl-', 'F-']
    """
    name = check_acid(acid)
    many = donors if isinstance(donors, Sequence) and not isinstance(donors, str) else [donors]
    folder = None if cache is None else Path(cache)
    rows = [_row(resolve_donor(donor, method, folder), name) for donor in many]
    return sorted(rows, key=lambda row: (row.match is None, -(row.match or 0.0), row.energy or 0.0))


def resolve_donor(donor: str | Ligand, method: str | None, cache: Path | None) -> Donor:
    """Return the donor that a species, shelf name, SMILES or Ligand is; computed where *method* is given."""
    if isinstance(donor, str):
        species = ion_name(donor)
        table, classes = hardness_of(species, "base"), classes_of(species, "base")
        if table or classes:
            found = Donor(
                name=donor, group="", table=table, classes=classes, softness=base_softness(classes, table)
            )
            smiles = species_smiles().get(species)
            return found if smiles is None else _with_values(found, smiles, (0,), method, cache)
        ligand = _ligand(donor)
    else:
        ligand = donor
    anchor = next((one for one in ligand.anchors if one.takes in ("anion site", "on a cation")), None)
    if anchor is None:
        raise AskError(
            f"{ligand.name!r} binds as {ligand.anchors[0].name}: it gives no electron pair to an acid; "
            "give a base, such as a carboxylate, an amine or a halide"
        )
    mol, atoms = _anchor_atoms(ligand, anchor)
    found = group_donor(group_variant(anchor.name, mol, atoms), ligand.name)
    return _with_values(found, ligand.smiles, atoms, method, cache)


def _anchor_atoms(ligand: Ligand, anchor: Anchor) -> tuple[Mol, tuple[int, ...]]:
    """Return the molecule of the ligand's SMILES and the atoms of *anchor* in its order.

    The anchor counts the atoms of the conformers, whose order need not be that of the SMILES.
    """
    from qdsurf.ligands.groups import find_groups
    from qdsurf.ligands.smiles import read_smiles

    mol = read_smiles(ligand.smiles)
    return mol, next(one.atoms for one in find_groups(mol) if one.group.name == anchor.name)


def _with_values(
    donor: Donor, smiles: str, atoms: Sequence[int], method: str | None, cache: Path | None
) -> Donor:
    """Return *donor* with computed values where *method* asks for them."""
    if method is None:
        return donor
    if method != "auto":
        return computed(donor, smiles, atoms, method, cache)
    try:
        return computed(donor, smiles, atoms, _DEFAULT, cache)
    except (MissingExtra, RunError) as error:
        return replace(donor, warnings=(*donor.warnings, f"chi and eta are not computed: {error}"))


def computed(donor: Donor, smiles: str, atoms: Sequence[int], method: str, cache: Path | None) -> Donor:
    """Return *donor* with chi, eta and Fukui function of its molecule computed, where the tables lack chi."""
    from qdsurf.rank.electronic import electronic

    if any(h.chi is not None for h in donor.table[:1]) and not donor.warnings:
        return donor
    found = electronic(smiles, method=method, cache=cache)
    value = Hardness(
        species=smiles,
        role="base",
        chi=found.chi,
        eta=found.eta,
        scale="computed here",
        convention="vertical I and A of the neutral molecule or radical, three single points",
        status="computed",
        source=found.method,
        doi=found.doi,
    )
    return Donor(
        name=donor.name,
        group=donor.group,
        table=(value, *donor.table),
        classes=donor.classes,
        softness=donor.softness,
        fukui_minus=sum(found.fukui_minus[index] for index in atoms),
        warnings=(*donor.warnings, *found.warnings),
    )


def _ligand(text: str) -> Ligand:
    """Return the ligand of the shelf with that name, or of that SMILES."""
    from qdsurf.ligands import ligand_from_smiles, load_ligand

    try:
        return load_ligand(text)
    except UnknownName:
        pass
    try:
        return ligand_from_smiles(text)
    except AskError as error:
        raise AskError(
            f"{text!r} is no base of the hardness tables, no ligand of the shelf, and as SMILES: {error}"
        ) from error


def _row(donor: Donor, acid: str) -> HsabRow:
    """Return the row of one donor."""
    acid_table = hardness_of(acid, "acid")
    one = next((h for h in acid_table if h.chi is not None), acid_table[0] if acid_table else None)
    other = next((h for h in donor.table if h.chi is not None), donor.table[0] if donor.table else None)
    transfer: tuple[float | None, float | None] = (None, None)
    warnings = list(donor.warnings)
    if one and other and one.chi is not None and other.chi is not None:
        transfer = pearson(one.chi, one.eta, other.chi, other.eta)
    else:
        lacking = acid if one is None or one.chi is None else donor.name
        warnings.append(f"no electronegativity of {lacking} in the tables: no charge transfer")
    soft_acid = acid_softness(acid)
    match = None if soft_acid is None or donor.softness is None else soft_acid * donor.softness + 0.0
    if soft_acid is None:
        warnings.append(f"no text classes {acid}: no match")
    votes = {vote.hsab_class for vote in classes_of(acid, "acid")}
    if len(votes) > 1:
        warnings.append(f"texts disagree on {acid}: {', '.join(sorted(votes))}")
    return HsabRow(
        donor=donor.name,
        group=donor.group,
        acid=acid,
        match=match,
        acid_softness=soft_acid,
        donor_softness=donor.softness,
        charge_transfer=transfer[0],
        energy=transfer[1],
        fukui_minus=donor.fukui_minus,
        acid_hardness=one,
        donor_hardness=other,
        acid_classes=classes_of(acid, "acid"),
        donor_classes=donor.classes,
        acid_table=acid_table,
        donor_table=donor.table,
        warnings=tuple(warnings),
    )
