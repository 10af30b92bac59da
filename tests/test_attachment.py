"""Every ligand of the shelf goes onto a suitable surface without overlap and with the right charge."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import qdsurf as qs
from qdsurf.attachment import suitable_sites
from qdsurf.attachment.intact import intact
from qdsurf.errors import AskError, ChargeError, PlacementError
from qdsurf.model import Surface

# each ligand is tried on these in turn; the first whose sites have its charge must take it
SURFACES = {
    "CsPbBr3": ("CsPbBr3-cubic", (0, 0, 1), "CsBr"),
    "CsPbBr3-lead": ("CsPbBr3-cubic", (0, 0, 1), "PbBr2"),
    "PbS": ("PbS", (1, 0, 0), None),
}


@cache
def surface(name: str) -> Surface:
    crystal, hkl, termination = SURFACES[name]
    return qs.cut_slab(qs.load_crystal(crystal), hkl, layers=3, termination=termination, repeat=(3, 3))


def suitable(name: str) -> Surface:
    ligand = qs.load_ligand(name)
    for key in SURFACES:
        try:
            suitable_sites(surface(key), ligand)
        except (AskError, ChargeError):
            continue
        return surface(key)
    raise AssertionError(f"no surface of the shelf suits {name}")


@pytest.mark.parametrize("name", qs.list_shelf("ligands"))
def test_every_ligand_of_the_shelf_attaches(name: str) -> None:
    base = suitable(name)
    before = base.atoms.copy()
    bound = qs.attach(base, {name: 1})
    assert bound.charge == base.charge == 0
    ligand = qs.load_ligand(name)
    assert all(bound.ledger[ion.name] == 1 for ion in ligand.ions or (ligand,))
    assert base.atoms == before
    contact = bound.contacts()
    assert contact is None or not contact.overlaps, str(contact)
    for molecule in ligand.ions or (ligand,):
        placed = bound.atoms[bound.atoms.arrays["species"] == molecule.name]
        assert len(placed) == len(molecule.atoms)
        # it still is that molecule, whether it was moved as a rigid body or bent
        assert any(intact(molecule, placed.positions, c.positions) for c in molecule.conformers)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("acetate", {"Br": -1}),
        ("butylammonium", {"Cs": -1}),
        ("glycine", {"Br": -1, "Cs": -1}),
        ("methylamine", {}),
        ("lead-bromide", {}),
    ],
)
def test_what_replaces_what_is_in_the_ledger(name: str, change: dict[str, int]) -> None:
    base = surface("CsPbBr3-lead") if name == "methylamine" else surface("CsPbBr3")
    bound = qs.attach(base, {name: 1})
    for ion in ("Cs", "Pb", "Br"):
        assert bound.ledger[ion] - base.ledger[ion] == change.get(ion, 0), ion


def test_the_ammonium_points_its_hydrogens_to_the_halides() -> None:
    """Oleylammonium on CsPbBr3 makes N-H...Br bonds (doi:10.1021/acs.jpclett.7b02192)."""
    bound = qs.attach(surface("CsPbBr3"), {"methylammonium": 1}).atoms
    placed = bound[bound.arrays["role"] == "ligand"]
    (nitrogen,) = [a for a in placed if a.symbol == "N"]
    own = [a for a in placed if a.symbol == "H" and np.linalg.norm(a.position - nitrogen.position) < 1.2]
    outward = np.sign(nitrogen.position[2] - surface("CsPbBr3").atoms.positions[:, 2].mean())
    assert len(own) == 3
    assert all(outward * (a.position[2] - nitrogen.position[2]) < 0 for a in own)


def test_same_seed_same_bytes_and_another_seed_another_pose() -> None:
    first, again, other = (qs.attach(surface("CsPbBr3"), {"benzoate": 1}, seed=s).atoms for s in (1, 1, 2))
    assert first.positions.tobytes() == again.positions.tobytes()
    assert not np.allclose(first.positions, other.positions)


def test_a_mixture_has_exact_counts_and_no_overlap() -> None:
    bound = qs.attach(surface("CsPbBr3"), {"acetate": 4, "methylammonium": 3})
    assert (bound.ledger["acetate"], bound.ledger["methylammonium"], bound.charge) == (4, 3, 0)
    contact = bound.contacts()
    assert contact is not None
    assert not contact.overlaps, str(contact)


def test_neutral_amines_leave_the_charge_unchanged() -> None:
    bound = qs.attach(surface("PbS"), {"methylamine": 12})
    assert bound.charge == 0
    assert bound.ledger["methylamine"] == 12


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(ChargeError, match="charged"):
        qs.attach(surface("PbS"), {"acetate": 1})
    with pytest.raises(AskError, match="sites"):
        qs.attach(surface("CsPbBr3"), {"acetate": 1000})
    with pytest.raises(AskError, match="unit"):
        qs.attach(surface("CsPbBr3"), {"acetate": 1}, unit="percent")  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="acetate"):
        qs.attach(surface("CsPbBr3"), {"acetat": 1})


def test_what_finds_no_room_is_an_error_that_names_the_site() -> None:
    narrow = qs.cut_slab(qs.load_crystal("PbS"), (1, 0, 0), layers=3)
    with pytest.raises(PlacementError, match="trioctylphosphine has no room at"):
        qs.attach(narrow, {"trioctylphosphine": 1})


def test_a_written_surface_reads_back_equal(tmp_path) -> None:  # type: ignore[no-untyped-def]
    bound = qs.attach(surface("CsPbBr3"), {"acetate": 1, "butylammonium": 1})
    qs.write_structure(bound, tmp_path / "bound.extxyz")
    back = qs.read_surface(tmp_path / "bound.extxyz")
    assert back.ledger == bound.ledger
    assert len(back.sites) == len(bound.sites)
    assert np.allclose(back.atoms.positions, bound.atoms.positions, atol=1e-7)
    for key in ("fragment", "species", "role", "anchor", "layer"):
        assert (back.atoms.arrays[key] == bound.atoms.arrays[key]).all(), key


def test_a_name_of_any_length_is_kept_whole() -> None:
    name = "a-name-that-a-campaign-made-of-" + "everything-" * 8
    bound = qs.attach(surface(next(iter(SURFACES))), {qs.ligand_from_smiles("CC(=O)[O-]", name=name): 1})
    assert bound.charge == 0
    assert bound.ledger[name] == 1
    assert name in bound.atoms.arrays["species"].tolist()
