"""A linker holds a dot on an oxide: protons and charges are kept, nothing touches, molecules stay whole."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import qdsurf as qs
from qdsurf.errors import AskError, PlacementError
from qdsurf.model.contacts import radii

LINKER = qs.ligand_from_smiles("SCCC(=O)O", anchor="carboxylic acid", name="MPA", conformers=2)


@cache
def oxide(repeat: tuple[int, int] = (6, 4)) -> qs.Surface:
    return qs.load_surface("TiO2-anatase-101", layers=2, repeat=repeat)


@cache
def held() -> qs.Surface:
    return qs.transfer_proton(qs.attach(oxide(), {LINKER: 1}, faces="top"))


@cache
def dot(cap: str = "Cl") -> qs.Surface:
    return qs.carve_dot(qs.load_crystal("CdSe-zincblende"), shape="tetrahedron", cells=3, cap=cap)


@cache
def joined() -> qs.Surface:
    return qs.join(held(), dot(), LINKER)


def test_the_acid_gives_its_proton_to_the_oxide_and_no_atom_is_lost() -> None:
    acid = qs.attach(oxide(), {LINKER: 2}, faces="top")
    made = qs.transfer_proton(acid)
    assert made.charge == acid.charge == 0
    assert (made.ledger["H"], made.ledger["MPA(-H)"], made.ledger["MPA"]) == (2, 2, 0)
    assert made.atoms.get_chemical_formula() == acid.atoms.get_chemical_formula()
    symbols = np.array(made.atoms.get_chemical_symbols())
    for proton in np.flatnonzero(made.atoms.arrays["species"] == "H").tolist():
        gaps = made.atoms.get_distances(proton, range(len(symbols)), mic=True)
        nearest = int(np.argsort(gaps)[1])
        assert symbols[nearest] == "O"
        assert made.atoms.arrays["species"][nearest] == "O", "the proton sits on the lattice, not on the acid"
        assert gaps[nearest] == pytest.approx(0.97, abs=0.01)
    # all else stays where it was
    assert np.allclose(np.sort(made.atoms.positions[:-2, 2])[:50], np.sort(acid.atoms.positions[:, 2])[:50])


def test_a_structure_without_the_ledger_shows_a_hydroxide_and_a_carboxylate() -> None:
    (found,) = [f.message for f in qs.validate(held().atoms) if f.code == "charge"]
    assert "1 hydroxide(-1)" in found
    assert "1 O=C([O-])CCS(-1)" in found
    assert not [f for f in qs.validate(held().atoms) if f.level == "error"]


def test_what_has_no_proton_to_give_or_nothing_to_keep_it() -> None:
    with pytest.raises(AskError, match="it has MPA"):
        qs.transfer_proton(held(), ligand="oleate")
    with pytest.raises(AskError, match="no ligand has a proton"):
        qs.transfer_proton(held())
    slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=1, termination="PbBr2", repeat=(2, 2))
    with pytest.raises(AskError, match="on a halide it would leave"):
        qs.transfer_proton(qs.attach(slab, {LINKER: 1}))


def test_a_dot_is_joined_to_the_oxide_without_charge_or_touch(tmp_path: Path) -> None:
    made, before = joined(), held()
    assert made.charge == 0
    assert made.ledger["MPA(-2H)"] == 1
    assert made.ledger["Cl"] == dot().ledger["Cl"] - 1, "hydrogen chloride left"
    assert len(made.atoms) == len(before.atoms) + len(dot().atoms) - 2
    atoms, n = made.atoms, len(before.atoms) - 1
    # the dot is the same rigid body, at hand as it was
    kept = [k for k in range(len(dot().atoms)) if k not in _left()]
    inside = atoms.positions[n:]
    assert np.allclose(_gaps(inside), _gaps(dot().atoms.positions[kept]))
    # sulfur has its bonds to cadmium at the length of the chloride that left
    sulfur = int(np.flatnonzero(atoms.symbols == "S")[0])
    gaps = atoms.get_distances(sulfur, np.flatnonzero(atoms.symbols == "Cd"), mic=True)
    chloride = dot().atoms.get_distances(_left()[0], np.flatnonzero(dot().atoms.symbols == "Cd"))
    assert min(gaps) == pytest.approx(min(chloride), abs=1e-6)
    # nothing else touches: oxide and dot, and the dot and its periodic images
    size = radii(atoms.get_chemical_symbols())
    for k in range(n, len(atoms)):
        others = [i for i in range(n) if i != sulfur]
        share = atoms.get_distances(k, others, mic=True) / (size[k] + size[others])
        assert share.min() >= 0.75
    assert made.contacts() is not None
    assert not made.contacts().overlaps  # type: ignore[union-attr]
    assert not [f for f in qs.validate(atoms) if f.level == "error"]
    assert qs.read_surface(qs.write_structure(made, tmp_path / "a.extxyz")) == made
    assert qs.join(held(), dot(), LINKER) == made, "same input, same structure"


def _left() -> list[int]:
    """Return the chloride of the dot that left."""
    recipe_site = [s for s in joined().sites if s.species == "MPA(-2H)" and s.kind == "anion site"]
    assert len(recipe_site) == 1
    missing = []
    present = joined().atoms.positions[len(held().atoms) - 1 :]
    whole = dot().atoms.positions
    for k in np.flatnonzero(dot().atoms.symbols == "Cl").tolist():
        rest = np.delete(whole, k, axis=0)
        if np.allclose(_gaps(rest), _gaps(present), atol=1e-6):
            missing.append(k)
    assert missing
    return missing[:1]


def _gaps(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


def test_what_cannot_be_joined_says_what_would_work() -> None:
    with pytest.raises(AskError, match="cap='Cl'"):
        qs.join(held(), qs.carve_dot(qs.load_crystal("CdSe-zincblende"), shape="sphere", diameter=12), LINKER)
    with pytest.raises(AskError, match="is a dot"):
        qs.join(held(), oxide(), LINKER)
    with pytest.raises(AskError, match="free ends: thiol"):
        qs.join(held(), dot(), LINKER, end="amine")
    with pytest.raises(AskError, match="0 ligands 'MPA'"):
        qs.join(oxide(), dot(), LINKER)
    narrow = qs.transfer_proton(qs.attach(oxide((2, 2)), {LINKER: 1}, faces="top"))
    with pytest.raises(PlacementError, match=r"more cells of the slab \(repeat\)"):
        qs.join(narrow, dot(), LINKER)
