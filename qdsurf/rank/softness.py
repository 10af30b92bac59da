"""Softness of acids and bases from the texts and from hardness, and Pearson's charge transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qdsurf.rank.hsab_tables import VOTES, ClassVote, Hardness, classes_of, donor_group, hardness_of

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# Hardness in eV of F- and I-, the ends of the classed halides: the scale of softness of bases runs
# from -1 at the first to +1 at the second.
HARD_END, SOFT_END = 7.011, 3.696


@dataclass(frozen=True, kw_only=True)
class Donor:
    """A base before it meets an acid: its hardness, its classes and what stands for what."""

    name: str
    group: str
    table: tuple[Hardness, ...]
    classes: tuple[ClassVote, ...]
    softness: float | None
    fukui_minus: float | None = None
    warnings: tuple[str, ...] = ()


def pearson(chi_acid: float, eta_acid: float, chi_base: float, eta_base: float) -> tuple[float, float]:
    """Return Pearson's charge transfer in electrons and its energy in eV.

    Parameters
    ----------
    chi_acid, chi_base
        Electronegativities (I + A)/2 in eV.
    eta_acid, eta_base
        Hardness (I - A)/2 in eV; a value without the half needs other factors.

    Returns
    -------
    dN, dE
        dN > 0 moves electrons from base to acid; dE is never positive. doi:10.1021/ja00364a005.

    Examples
    --------
    >>> [round(x, 3) for x in pearson(23.485, 8.452, 6.755, 3.696)]
    [0.689, -5.76]
    """
    eta = eta_acid + eta_base
    gap = chi_acid - chi_base
    return gap / (2 * eta), -(gap**2) / (4 * eta)


def acid_softness(acid: str) -> float | None:
    """Return the mean over the texts of hard (-1), borderline (0) and soft (+1); None where none names it.

    Hardness is not used: that of bare cations follows their charge first, and Cd2+ (soft in every
    text) comes out harder than Pb2+.

    >>> acid_softness("Zn2+"), acid_softness("Cd2+"), acid_softness("Ti4+")
    (0.0, 1.0, -1.0)
    """
    votes = [VOTES[vote.hsab_class] for vote in classes_of(acid, "acid") if vote.counted]
    return sum(votes) / len(votes) if votes else None


def base_softness(classes: Sequence[ClassVote], table: Sequence[Hardness]) -> float | None:
    """Return the softness of a base, -1 to +1: mean of its classes and of its place on the hardness scale.

    The scale orders bases that the texts put in one class (Cl- between F- and Br-). Recalled
    (unverified) hardness is not used. None where no text classes it and no hardness is known.
    """
    votes = [VOTES[vote.hsab_class] for vote in classes if vote.counted]
    parts = [sum(votes) / len(votes)] if votes else []
    known = [h for h in table if h.status != "unverified" and h.scale != "computed here"]
    if known:
        place = (HARD_END - known[0].eta) / (HARD_END - SOFT_END)
        parts.append(min(1.0, max(-1.0, 2 * place - 1)))
    return sum(parts) / len(parts) if parts else None


def group_donor(group: str, name: str = "") -> Donor:
    """Return the donor that a binding group of the table ``donor_groups.toml`` is.

    >>> group_donor("thiolate").softness > group_donor("carboxylate").softness
    True
    """
    entry = donor_group(group)
    classes = tuple(vote for species in entry.get("classes", ()) for vote in classes_of(species, "base"))
    table = tuple(h for species in entry.get("hardness", ()) for h in hardness_of(species, "base"))
    warnings = []
    if entry.get("analogy"):
        warnings.append(f"{group} is classed by analogy: {entry['analogy']}")
    elif table and table[0].species not in entry["classes"]:
        warnings.append(f"the hardness of {table[0].species} stands for {group}")
    return Donor(
        name=name or group,
        group=group,
        table=table,
        classes=classes,
        softness=base_softness(classes, table),
        warnings=tuple(warnings),
    )


def group_variant(group: str, mol: Mol, atoms: Sequence[int]) -> str:
    """Return the finer name of a group: the halide by element, aryl amines and phosphines told apart."""
    atom = mol.GetAtomWithIdx(int(atoms[0]))
    near = [n for n in atom.GetNeighbors() if n.GetIsAromatic()]
    if group == "halide":
        return {"F": "fluoride", "Cl": "chloride", "Br": "bromide", "I": "iodide"}[atom.GetSymbol()]
    if group == "sulfide":
        return {"S": "sulfide", "Se": "selenide", "Te": "telluride"}[atom.GetSymbol()]
    if group == "amine" and near:
        return "aniline"
    if group == "phosphine" and len(near) == 3:
        return "triarylphosphine"
    return group
