"""What the panels say of ligands and compositions: classes, forms, rankings, tolerance factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qdsurf.errors import AskError, QdsurfError
from qdsurf.studio.panels import Row, signed

if TYPE_CHECKING:
    from qdsurf.model import Ligand, Surface
    from qdsurf.rank.ligand_ranking import RankedLigand

# Ligands of the shelf that a ranking is compared with: the common ones of perovskites and chalcogenides.
COMMON = (
    "oleate", "octanoate", "acetate", "benzoate", "oleylammonium", "butylammonium", "butylamine",
    "dodecanethiolate", "octylphosphonate", "thiocyanate", "iodide", "trioctylphosphine-oxide",
)  # fmt: skip


def ligand_rows(ligands: Sequence[Ligand]) -> list[Row]:
    """Return class, charge, binding group and sizes of *ligands*."""
    from qdsurf.ligands.table import describe

    rows = []
    for ligand in ligands:
        row = describe(ligand)
        rows.append(
            {
                "ligand": ligand.name,
                "class": row["cbc_class"],
                "charge": signed(ligand.charge),
                "binds by": row["anchors"],
                "takes": row["binds"],
                "length": _digits(row["length_A"], 1),
                "footprint": _digits(row["footprint_A2"], 0),
                "why": row["reasons"],
            }
        )
    return rows


def _digits(value: float | None, digits: int) -> str:
    return "—" if value is None else f"{value:.{digits}f}"


def ranking_rows(
    ligands: Sequence[Ligand | str], bare: Surface, preset: str
) -> tuple[str, list[Row], list[Row]]:
    """Return the question of *preset*, the ranked ligands, and those that could not be ranked.

    Each row has the hard-soft match with its reason, and what helps and costs in words.
    """
    from qdsurf.rank.ligand_ranking import rank_ligands
    from qdsurf.rank.presets import load_preset

    chosen = load_preset(preset)
    rows = rank_ligands(list(ligands), bare, preset=chosen)
    return (
        f"{chosen.title}: {chosen.question}",
        [_ranked(row) for row in rows if row.rank is not None],
        [{"ligand": row.name, "why": row.error} for row in rows if row.rank is None],
    )


def _ranked(row: RankedLigand) -> Row:
    """Return one row of the ranking for the page."""
    match = row.terms.get("hard_soft_match")
    return {
        "rank": row.rank,
        "ligand": row.name,
        "binds by": row.binds_by,
        "score": _digits(row.score, 2),
        "match": "—" if match is None or match.value is None else f"{match.value:+.2f}",
        "hard or soft": "" if match is None else match.note,
        "stability": "—" if row.stability is None else f"{row.stability:.0%}",
        "why": list(row.reasons),
        "sources": sorted({f"{term.source} [{term.status}]" for term in row.terms.values() if term.source}),
    }


def tolerance_facts(formula: str) -> Row:
    """Return t, mu, tau, the verdicts with their accuracy, and what experiment says.

    Raises
    ------
    AskError
        The formula is no perovskite, or an ion has no radius.

    Examples
    --------
    >>> facts = tolerance_facts("CsPbI3")
    >>> facts["numbers"]["t"]
    '0.851'
    """
    from qdsurf.rank.compositions import tolerance

    asked = formula.strip()
    if len(asked) > 60:
        raise AskError("the formula is too long; such as CsPbBr3, or FA0.8Cs0.2PbI3, is wanted")
    row = tolerance(asked)[0]
    word = {True: "yes", False: "no", None: "not defined"}
    return {
        "formula": row.formula,
        "numbers": {
            "t": _factor(row.t),
            "mu": _factor(row.mu),
            "tau": _factor(row.tau),
            "p": _factor(row.p_perovskite, 2),
        },
        "verdicts": [
            {
                "rule": str(verdict.rule),
                "says": verdict.rule.says,
                "answer": word[verdict.passes],
                "accuracy": str(verdict.rule.accuracy),
                "source": str(verdict.rule.source),
            }
            for verdict in row.verdicts
        ],
        "radii": [str(ion) for ion in row.radii],
        "sources": sorted({f"{ion.radius.set}: {ion.radius.source}" for ion in row.radii}),
        "expected": row.distortion,
        "observed": [str(one) for one in row.observed],
        "warnings": [*row.contradictions, *row.notes],
        "measured on": sorted(
            {v.rule.accuracy.measured_on for v in row.verdicts if v.rule.accuracy is not None}
        ),
    }


def _factor(value: float, digits: int = 3) -> str:
    return "—" if value != value else f"{value:.{digits}f}"


def forms_of_molecule(text: str, *, drawn: bool) -> Row:
    """Return what a ligand is that was typed or drawn, and the forms in which it can bind.

    Parameters
    ----------
    text
        Name on the shelf, or SMILES.
    drawn
        Whether it comes from the sketcher, where nobody draws charges: an acid then loses its proton.

    Returns
    -------
    dict
        "options": list of {"label", "smiles", "anchor"}; empty for names of the shelf. "chosen": index of the
        one to begin with, or None. "words": one line on the ligand. "error": "" or what is wrong.

    Examples
    --------
    >>> found = forms_of_molecule("CCC(=O)O", drawn=True)
    >>> found["options"][found["chosen"]]["smiles"], found["error"]
    ('CCC(=O)[O-]', '')
    >>> forms_of_molecule("C1CC", drawn=False)["error"]
    "'C1CC' is no ligand of the shelf, nor is it SMILES that can be read"
    """
    from qdsurf.ligands.shelf import is_known
    from qdsurf.studio.building import ligand_of

    nothing: Row = {"options": [], "chosen": None, "words": "", "error": ""}
    if not text.strip():
        return nothing
    if is_known(text.strip()) or "." in text:
        try:
            return {**nothing, "words": _words(ligand_of(text))}
        except QdsurfError as error:
            return {**nothing, "error": str(error)}
    try:
        options = _options(text)
    except QdsurfError as error:
        return {**nothing, "error": str(error)}
    chosen = _first(text, options, drawn)
    one = options[chosen]
    return {
        "options": options,
        "chosen": chosen,
        "words": _words(ligand_of(one["smiles"], tuple(one["anchor"]))),
        "error": "",
    }


def _options(text: str) -> list[Row]:
    """Return the forms in which the molecule of that SMILES can bind."""
    from qdsurf.ligands.enumeration import enumerate_forms
    from qdsurf.studio.building import check_smiles

    check_smiles(text)
    return [
        {
            "label": f"{' + '.join(a.name for a in form.anchors)}: {_state(form)}",
            "smiles": form.smiles,
            "anchor": [a.name for a in form.anchors],
        }
        for form in enumerate_forms(text)
    ]


def _first(text: str, options: Sequence[Row], drawn: bool) -> int:
    """Return which option to begin with: as it was written, or, when drawn, without the acid's proton."""
    from qdsurf.ligands.smiles import ligand_from_smiles

    for state in ("auto", "as written") if drawn else ("as written", "auto"):
        try:
            wanted = ligand_from_smiles(text, anchor="best", charge_state=state)
        except QdsurfError:
            continue
        groups = [anchor.name for anchor in wanted.anchors]
        for k, option in enumerate(options):
            if option["smiles"] == wanted.smiles and option["anchor"] == groups:
                return k
    return 0


def _state(ligand: Ligand) -> str:
    """Return class, charge and place of *ligand* in a few words."""
    places = {
        "anion site": "in the place of an anion",
        "cation site": "in the place of a cation",
        "pair": "in the place of an anion and a cation",
        "on a cation": "on a cation",
        "on an anion": "on an anion",
    }
    return f"{ligand.cbc_class}-type, charge {signed(ligand.charge)}, {places[ligand.binds]}"


def _words(ligand: Ligand) -> str:
    """Return one line on *ligand*."""
    if ligand.ions:
        ions = " and ".join(f"{ion.name} ({signed(ion.charge)})" for ion in ligand.ions)
        return f"A neutral salt, {ions}: each ion is placed for itself"
    groups = " and ".join(anchor.name for anchor in ligand.anchors)
    return f"Binds by its {groups}: {_state(ligand)}"
