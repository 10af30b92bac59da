from itertools import pairwise

import numpy as np
import pytest
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsurf.build.defects import pair_vacancy, remove
from qdsurf.build.slabs import cut_slab, terminations
from qdsurf.crystals import load_crystal
from qdsurf.errors import AskError, ChargeError

CASES = [
    ("CsPbCl3-cubic", "001", "CsCl"),
    ("CsPbBr3-cubic", "001", "CsBr"),
    ("CsPbBr3-cubic", "001", "PbBr2"),
    ("CsPbI3-cubic", "001", "PbI2"),
    ("CsPbBr3-orthorhombic", "001", "CsBr"),
    ("CsPbBr3-orthorhombic", "100", "PbBr2"),
    ("CsPbI3-orthorhombic", "010", "CsI"),
    ("MAPbI3", "001", "MAI"),
    ("FAPbI3", "001", "FAI"),
    ("PbS", "100", "PbS"),
    ("PbSe", "110", "PbSe"),
    ("CdSe-zincblende", "110", "CdSe"),
    ("CdSe-wurtzite", "10-10", "CdSe"),
    ("TiO2-anatase", "101", "O"),
    ("TiO2-anatase", "001", "TiO2"),
    ("TiO2-anatase", "100", "TiO2"),
    ("Pt", "111", "Pt"),
    ("Au", "100", "Au"),
]
# Cuts of one layer in which no bond joins the rods.
NO_SLAB = [("PbSe", "110", 1), ("CdSe-zincblende", "110", 1), ("TiO2-anatase", "100", 1)]


def composition(slab, layer):
    """Species of the ions in one plane."""
    here = slab.atoms.arrays["layer"] == layer
    pairs = zip(slab.atoms.arrays["fragment"][here], slab.atoms.arrays["species"][here], strict=True)
    return sorted(str(s) for _, s in set(pairs))


@pytest.mark.parametrize(("name", "hkl", "termination"), CASES)
@pytest.mark.parametrize("layers", [1, 3])
def test_slab(name, hkl, termination, layers):
    crystal = load_crystal(name)
    before = crystal.atoms.copy()
    if (name, hkl, layers) in NO_SLAB:
        with pytest.raises(AskError, match=r"rods or pieces .* take more layers"):
            cut_slab(crystal, hkl, layers=layers, termination=termination)
        return
    slab = cut_slab(crystal, hkl, layers=layers, termination=termination, repeat=(2, 1))
    atoms = slab.atoms
    assert crystal.atoms == before
    assert slab.charge == 0
    assert slab.name.endswith(f"-{termination}")
    # both faces are equal, in what they are made of and in height
    top = int(atoms.arrays["layer"].max())
    assert composition(slab, 0) == composition(slab, top)
    heights = atoms.positions[:, 2]
    assert heights.min() + heights.max() == pytest.approx(atoms.cell[2, 2], abs=1e-6)
    assert atoms.cell[2, 2] - np.ptp(heights) == pytest.approx(15.0)
    assert list(atoms.pbc) == [True, True, False]
    assert atoms.cell[2, :2] == pytest.approx(0)
    # no contact closer than in the bulk
    i, j, d = neighbor_list("ijd", atoms, 3.0)
    apart = atoms.arrays["fragment"][i] != atoms.arrays["fragment"][j]
    radii = covalent_radii[atoms.numbers]
    assert (d[apart] > 0.7 * (radii[i] + radii[j])[apart]).all()
    for site in slab.sites:
        assert np.linalg.norm(site.normal) == pytest.approx(1)
        if top and site.layer in (0, top):
            assert site.normal[2] == (1 if site.layer == top else -1)
        if site.kind.startswith("on "):
            ion = atoms.positions[list(site.neighbours)].mean(axis=0)
            assert (site.position - ion) @ site.normal > 0
            assert not site.occupied
        else:
            assert site.occupied
            assert set(atoms.arrays["species"][list(site.atoms)]) == {site.species}
    assert {np.sign(s.normal[2]) for s in slab.sites} == {1, -1}


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["CsPbBr3-cubic", "PbS", "CdSe-wurtzite"]),
    layers=st.integers(1, 5),
    repeat=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    vacuum=st.floats(5, 40),
)
def test_every_size_is_neutral_and_complete(name, layers, repeat, vacuum):
    crystal = load_crystal(name)
    hkl = (0, 0, 1) if "wurtzite" not in name else (1, 0, 0)
    one = cut_slab(crystal, hkl, layers=layers, vacuum=vacuum)
    many = cut_slab(crystal, hkl, layers=layers, vacuum=vacuum, repeat=repeat)
    assert len(many.atoms) == len(one.atoms) * repeat[0] * repeat[1]
    assert many.charge == 0
    assert len(many.sites) == len(one.sites) * repeat[0] * repeat[1]
    assert len(set(many.atoms.arrays["fragment"].tolist())) == len(many.atoms)


def test_layers_of_a_perovskite():
    crystal = load_crystal("CsPbBr3-cubic")
    slab = cut_slab(crystal, (0, 0, 1), layers=3, termination="BrCs")
    assert slab.atoms.symbols.formula.count() == {"Br": 10, "Cs": 4, "Pb": 3}
    assert slab.name == "CsPbBr3-cubic(001)-CsBr"
    planes = [composition(slab, n) for n in range(7)]
    assert planes == [["Br", "Cs"], ["Br", "Br", "Pb"]] * 3 + [["Br", "Cs"]]
    tilted = cut_slab(load_crystal("CsPbBr3-orthorhombic"), (0, 0, 1), layers=3, termination="CsBr")
    assert int(tilted.atoms.arrays["layer"].max()) == 6
    assert slab.recipe["verb"] == "cut_slab"
    assert slab.recipe["hkl"] == (0, 0, 1)


def test_sites_of_a_perovskite():
    crystal = load_crystal("CsPbBr3-cubic")
    slab = cut_slab(crystal, "001", layers=3, termination="CsBr", repeat=(2, 2))
    anions = [s for s in slab.sites if s.kind == "anion site"]
    assert len(anions) == 8  # 4 apical bromides a face; those of the PbBr2 plane are not exposed
    for site in anions:
        (lead,) = site.neighbours
        assert slab.atoms[lead].symbol == "Pb"
    cations = [s for s in slab.sites if s.kind == "cation site"]
    assert {slab.atoms[n].symbol for s in cations for n in s.neighbours} == {"Br"}
    lead = cut_slab(crystal, "001", layers=2, termination="PbBr2")
    above = [s for s in lead.sites if s.kind == "on a cation"]
    assert {s.species for s in above} == {"Pb"}
    ion = lead.atoms.positions[above[0].neighbours[0]]
    assert above[0].position - ion == pytest.approx([0, 0, 2.935])
    sides = [s.normal[2] for s in slab.sites]
    assert all(a >= b for a, b in pairwise(sides))


def test_layers_of_a_metal_and_lattice_constant():
    slab = cut_slab(load_crystal("Pt"), (1, 1, 1), layers=4, lattice_constant=4.0)
    assert len(slab.atoms) == 4
    assert slab.atoms.cell.lengths()[0] == pytest.approx(4.0 / np.sqrt(2))
    assert {s.kind for s in slab.sites} == {"on a cation"}
    assert sum(s.normal[2] > 0 for s in slab.sites) == 1


def test_scaling_keeps_molecules():
    crystal = load_crystal("MAPbI3")
    slab = cut_slab(crystal, "001", layers=1, termination="MAI", lattice_constant=6.6)
    carbon, nitrogen = (next(a.index for a in slab.atoms if a.symbol == e) for e in "CN")
    assert slab.atoms.get_distance(carbon, nitrogen) == pytest.approx(1.49, abs=0.01)
    assert slab.atoms.cell.lengths()[0] == pytest.approx(6.6)


def test_terminations():
    assert terminations(load_crystal("CsPbBr3-cubic"), (0, 0, 1)) == ["CsBr", "PbBr2"]
    assert terminations(load_crystal("PbS"), "100") == ["PbS"]
    assert set(terminations(load_crystal("PbS"), "111")) == {"Pb", "S"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hkl": (0, 0, 0)}, "no facet"),
        ({"hkl": (0, 0, 2)}, r"use \(0, 0, 1\)"),
        ({"hkl": "ab"}, "three integers"),
        ({"layers": 0}, "one layer or more"),
        ({"vacuum": -1.0}, "vacuum"),
        ({"repeat": (0, 1)}, "repeat"),
        ({"lattice_constant": -5.0}, "lattice_constant"),
        ({"compensate": "magic"}, "compensate"),
        ({"termination": "CsI"}, "CsBr, PbBr2"),
    ],
)
def test_refused_questions(changes, message):
    arguments = {"hkl": (0, 0, 1), "layers": 2, **changes}
    with pytest.raises(AskError, match=message):
        cut_slab(load_crystal("CsPbBr3-cubic"), **arguments)


def test_polar_facets_are_refused_with_the_number():
    crystal = load_crystal("PbS")
    with pytest.raises(ChargeError, match=r"[+-]2 .*compensation"):
        cut_slab(crystal, (1, 1, 1), layers=3)
    with pytest.raises(ChargeError, match=r"dipole of [+-]\d+\.\d+ e Å"):
        cut_slab(crystal, (1, 1, 1), layers=3, symmetric=False)
    slab = cut_slab(crystal, (1, 1, 1), layers=3, termination="S", compensate="vacancies", repeat=(2, 1))
    assert slab.charge == 0
    with pytest.raises(ChargeError, match="larger repeat"):
        cut_slab(crystal, (1, 1, 1), layers=3, termination="S", compensate="vacancies")


def test_facet_without_equal_faces_is_refused_with_its_dipole():
    with pytest.raises(ChargeError, match=r"dipole of [+-]\d+\.\d+ e Å"):
        cut_slab(load_crystal("CdSe-wurtzite"), (0, 0, 1), layers=2)


def test_remove_and_compensate():
    slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(2, 2))
    anion = next(s for s in slab.sites if s.kind == "anion site")
    with pytest.raises(ChargeError, match=r"\+1"):
        remove(slab, anion)
    charged = remove(slab, anion, charge=1)
    assert charged.charge == 1
    first, second = charged.sites[:2]
    assert (first.kind, first.occupied, first.species) == ("anion site", False, "Br")
    assert (second.kind, second.species) == ("on a cation", "Pb")
    assert second.position == pytest.approx(anion.position)
    assert first.neighbours == second.neighbours
    neutral = remove(charged, next(s for s in charged.sites if s.species == "Cs" and s.occupied), charge=0)
    assert [s.species for s in neutral.sites[:2]] == ["Cs", "Br"]
    assert remove(slab, 0, compensate="Cs").charge == 0
    with pytest.raises(ChargeError, match="cannot"):
        remove(slab, 0, compensate="Br")
    vacant = next(s for s in slab.sites if not s.occupied)
    for wrong in (vacant, 999, anion.__class__(**{**anion.__dict__}), []):
        with pytest.raises(AskError):
            remove(slab, wrong)


@pytest.mark.parametrize("face", ["top", "bottom"])
@pytest.mark.parametrize(
    ("name", "termination", "gone"),
    [("CsPbBr3-cubic", "CsBr", ["Br", "Cs"]), ("CsPbBr3-cubic", "PbBr2", ["Br", "Br", "Pb"]),
     ("MAPbI3", "MAI", ["I", "methylammonium"]), ("PbS", "PbS", ["Pb", "S"])],
)  # fmt: skip
def test_pair_vacancy(name, termination, gone, face):
    slab = cut_slab(load_crystal(name), "001", layers=2, termination=termination, repeat=(2, 2))
    size = len(slab.atoms)
    made = pair_vacancy(slab, face=face)
    assert len(slab.atoms) == size
    assert made.charge == 0
    vacant = [s for s in made.sites if s.kind in ("anion site", "cation site") and not s.occupied]
    assert sorted(s.species for s in vacant) == gone
    assert made.sites[: len(vacant)] == tuple(vacant)
    assert {s.normal[2] for s in vacant} == {1.0 if face == "top" else -1.0}


def test_pair_vacancy_refused():
    with pytest.raises(AskError, match="no neutral group"):
        pair_vacancy(cut_slab(load_crystal("Pt"), "111", layers=2))
    with pytest.raises(AskError, match="face is"):
        pair_vacancy(cut_slab(load_crystal("PbS"), "001", layers=2), face="left")
