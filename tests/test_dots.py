"""Dots: closed-form counts, neutral by every strategy, no loose ion, terminations whatever the size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import qdsurf as qs
from qdsurf.build.bonds import Neighbours, stored_bonds
from qdsurf.build.shapes import SHAPES, family, polyhedron
from qdsurf.errors import AskError, ChargeError
from qdsurf.model import Surface

PEROVSKITES = ("CsPbCl3-cubic", "CsPbBr3-cubic", "CsPbI3-cubic", "CsPbBr3-orthorhombic", "MAPbI3", "FAPbI3")
OTHERS = ("PbS", "PbSe", "CdSe-zincblende")


def halide(name: str) -> str:
    return next(s for s, q in qs.load_crystal(name).charges.items() if q == -1)


@pytest.mark.parametrize("n", range(1, 13))
def test_cubes_have_their_closed_form_counts(n: int) -> None:
    """A box of n cells: A at its corners when ended by AX, B when ended by BX2; derived by counting."""
    crystal = qs.load_crystal("CsPbBr3-cubic")
    ended_by_a = qs.carve_dot(crystal, cells=n, termination="CsBr", neutralize=None)
    counts = [ended_by_a.ledger[s] for s in ("Cs", "Pb", "Br")]
    assert counts == [(n + 1) ** 3, n**3, 3 * n**2 * (n + 1)]
    assert ended_by_a.charge == 3 * n + 1
    ended_by_b = qs.carve_dot(crystal, cells=n, termination="PbBr2", neutralize=None)
    counts = [ended_by_b.ledger[s] for s in ("Cs", "Pb", "Br")]
    assert counts == [n**3, (n + 1) ** 3, 3 * n * (n + 1) ** 2]
    assert ended_by_b.charge == 3 * n + 2


@pytest.mark.parametrize("n", range(2, 13))
def test_octahedra_have_octahedral_numbers(n: int) -> None:
    dot = qs.carve_dot(qs.load_crystal("PbS"), shape="octahedron", cells=n, termination="Pb", neutralize=None)
    octahedral = [m * (2 * m**2 + 1) // 3 for m in (n, n - 1)]
    assert [dot.ledger["Pb"], dot.ledger["S"]] == octahedral
    assert dot.charge == 2 * (octahedral[0] - octahedral[1])


def test_the_published_4_2_nm_model_comes_out() -> None:
    """Cs512Pb343Br1176 (+22), neutral as Cs490Pb343Br1176: 8 corners and 14 of the edges are empty."""
    dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=7, termination="CsBr")
    assert dot.atoms.get_chemical_formula() == "Br1176Cs490Pb343"
    empty = [s for s in dot.sites if s.kind == "cation site" and not s.occupied]
    where = [s.location for s in empty]
    assert (where.count("corner"), where.count("edge"), len(empty)) == (8, 14, 22)
    gaps = [np.linalg.norm(a.position - b.position) for a in empty for b in empty if a is not b]
    assert min(gaps) > 2 * 5.8  # no two neighbouring sites: they are spread


def test_the_octahedron_of_the_library_comes_out() -> None:
    """Pb19S6Cl26, and 2 (N_Pb - N_S) = N_X for every capped lead sulfide dot."""
    dot = qs.carve_dot(qs.load_crystal("PbS"), shape="octahedron", cells=3, cap="Cl")
    assert dot.atoms.get_chemical_formula() == "Cl26Pb19S6"


def test_the_magic_tetrahedron_of_cadmium_selenide_comes_out() -> None:
    """Cd35Se20X30, the zinc-blende tetrahedron with four (111) faces: doi:10.1021/ja503590h."""
    dot = qs.carve_dot(qs.load_crystal("CdSe-zincblende"), shape="tetrahedron", cells=5, cap="Cl")
    assert dot.atoms.get_chemical_formula() == "Cd35Cl30Se20"


def test_wurtzite_facets_are_polar_and_named_apart() -> None:
    facets = {"10-10": 1.0, "0001": 1.1, "000-1": 1.1}
    dot = qs.carve_dot(qs.load_crystal("CdSe-wurtzite"), shape="wulff", diameter=30.0, facets=facets)
    assert len(dot.recipe["facets"]) == 8
    assert 2 * (dot.ledger["Cd"] - dot.ledger["Se"]) == dot.ledger["Cl"]
    with pytest.raises(AskError, match="do not close"):
        qs.carve_dot(
            qs.load_crystal("CdSe-wurtzite"), shape="wulff", diameter=30.0, facets={"10-10": 1.0, "0001": 1.1}
        )


@pytest.mark.parametrize("shape", ["octahedron", "truncated-octahedron", "cuboctahedron", "wulff"])
@pytest.mark.parametrize("crystal", ["PbS", "PbSe"])
def test_lead_excess_is_half_the_caps(shape: str, crystal: str) -> None:
    dot = qs.carve_dot(qs.load_crystal(crystal), shape=shape, diameter=33.0, cap="I")
    chalcogen = "S" if crystal == "PbS" else "Se"
    assert 2 * (dot.ledger["Pb"] - dot.ledger[chalcogen]) == dot.ledger["I"] > 0
    assert dot.charge == 0


def loose(dot: Surface) -> list[int]:
    """Ions with fewer than two counter-ions; a cap may hang on one."""
    around = Neighbours(dot.atoms, dot.charges, stored_bonds(dot.atoms))
    # what caps is a monovalent ion outside the lattice, or a halide held by lead
    halides = {s for s, q in dot.charges.items() if q == -1}
    held = np.array([around.species[f] in halides for f in around.fragments]) & (around.coordination == 1)
    return np.flatnonzero((around.counter_ions < 2) & ~held).tolist()


@settings(max_examples=settings().max_examples // 2)
@given(
    crystal=st.sampled_from(PEROVSKITES + OTHERS),
    shape=st.sampled_from([s for s in SHAPES if s not in ("wulff", "cuboid")]),
    diameter=st.floats(14.0, 34.0),
    neutralize=st.sampled_from(["auto", "cap", "remove"]),
    seed=st.integers(0, 3),
)
def test_every_dot_is_neutral_tight_and_repeatable(
    crystal: str, shape: str, diameter: float, neutralize: str, seed: int
) -> None:
    bulk = qs.load_crystal(crystal)
    before = bulk.atoms.copy()
    ask = {"shape": shape, "diameter": diameter, "neutralize": neutralize, "seed": seed}
    try:
        dot = qs.carve_dot(bulk, **ask)  # type: ignore[arg-type]
    except (AskError, ChargeError):
        assume(False)
    assert dot.charge == 0
    assert loose(dot) == []
    assert bulk.atoms == before
    shortest = min(d for d, _ in stored_bonds(dot.atoms).values())
    around = Neighbours(dot.atoms, dot.charges, stored_bonds(dot.atoms))
    from scipy.spatial import KDTree

    assert KDTree(around.points).query(around.points, k=2)[0][:, 1].min() > 0.99 * shortest
    again = qs.carve_dot(bulk, **ask)  # type: ignore[arg-type]
    assert again.atoms.positions.tobytes() == dot.atoms.positions.tobytes()
    assert again.atoms.get_chemical_symbols() == dot.atoms.get_chemical_symbols()
    for site in dot.sites:
        assert np.isclose(np.linalg.norm(site.normal), 1.0)
        assert site.normal @ site.position > 0  # outwards


@pytest.mark.parametrize("crystal", ["CsPbBr3-cubic", "CsPbBr3-orthorhombic", "MAPbI3"])
@pytest.mark.parametrize("size", [18.0, 22.0, 27.0, 35.0])
@pytest.mark.parametrize("kind", ["AX", "BX2"])
def test_the_termination_does_not_depend_on_size(crystal: str, size: float, kind: str) -> None:
    bulk = qs.load_crystal(crystal)
    x = halide(crystal)
    cation = {"C": "Cs", "M": "MA"}[crystal[0]]
    formula = f"{cation}{x}" if kind == "AX" else f"Pb{x}2"
    dot = qs.carve_dot(bulk, edge=size, termination=formula, neutralize=None)
    assert {f["termination"] for f in dot.recipe["facets"].values()} == {formula}
    outer = {s.species for s in dot.sites if s.occupied and s.location == "face"}
    assert outer == {x, "Pb" if kind == "BX2" else bulk_name(cation)}


def bulk_name(short: str) -> str:
    return {"MA": "methylammonium", "Cs": "Cs"}[short]


def test_a_bare_cube_has_the_symmetry_of_its_crystal() -> None:
    """pymatgen finds the full octahedral group, so the cut is centred and its faces are equal."""
    from pymatgen.core import Molecule
    from pymatgen.symmetry.analyzer import PointGroupAnalyzer

    for termination in ("CsBr", "PbBr2"):
        for cells in (1, 2):
            dot = qs.carve_dot(
                qs.load_crystal("CsPbBr3-cubic"), cells=cells, termination=termination, neutralize=None
            )
            found = PointGroupAnalyzer(Molecule(dot.atoms.get_chemical_symbols(), dot.atoms.positions))
            assert found.sch_symbol == "Oh"


def test_platelets_and_rods_have_their_layers() -> None:
    plate = qs.carve_dot(
        qs.load_crystal("CsPbBr3-cubic"), shape="cuboid", cells=(5, 5, 2), termination="CsBr"
    )
    lead = plate.atoms[plate.atoms.symbols == "Pb"].positions
    assert [len(set(np.round(lead[:, k], 3))) for k in range(3)] == [5, 5, 2]


def test_a_charge_can_be_asked_for_by_name() -> None:
    crystal = qs.load_crystal("CsPbBr3-cubic")
    for charge in (-3, -1, 2, 7):
        assert qs.carve_dot(crystal, cells=3, termination="CsBr", charge=charge).charge == charge


def test_facets_of_a_wulff_body_have_the_areas_of_wulffpack() -> None:
    """WulffPack is an independent construction of the same polyhedron."""
    from ase.build import bulk
    from wulffpack import SingleCrystal

    crystal = qs.load_crystal("PbS")
    energies = {(1, 0, 0): 1.0, (1, 1, 1): 1.05}
    body = polyhedron(crystal, "wulff", energies)
    areas = dict.fromkeys(energies, 0.0)
    for facet, area in zip(body.facets, body.areas, strict=True):
        areas[next(f for f in energies if facet in family(crystal, f))] += area / body.areas.sum()
    cell = bulk("PbS", "rocksalt", a=5.9362)
    theirs = SingleCrystal(energies, primitive_structure=cell).facet_fractions
    assert areas == pytest.approx(theirs, abs=1e-6)


def test_lead_sulfide_shows_more_100_as_it_grows() -> None:
    """doi:10.1039/d3cc04315k: larger dots expose more {100}."""
    shares = []
    for diameter in (30.0, 45.0, 60.0, 80.0):
        facets = qs.carve_dot(qs.load_crystal("PbS"), shape="wulff", diameter=diameter).recipe["facets"]
        total = sum(f["area"] for f in facets.values())
        shares.append(sum(f["area"] for k, f in facets.items() if k.count("0") == 2) / total)
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] > 0.3


def test_a_sphere_may_be_centred_anywhere() -> None:
    crystal = qs.load_crystal("PbS")
    counts = {c: len(qs.carve_dot(crystal, shape="sphere", diameter=24.0, center=c).atoms) for c in
              ("atom", "bond", "void", "S", (0.1, 0.2, 0.3))}  # fmt: skip
    assert len(set(counts.values())) > 2
    middle = qs.carve_dot(crystal, shape="sphere", diameter=24.0, center="S", neutralize=None).atoms
    nearest = int(np.argmin(np.linalg.norm(middle.positions, axis=1)))
    assert middle[nearest].symbol == "S"
    assert np.linalg.norm(middle.positions[nearest]) < 1e-6


def test_molecules_stay_whole() -> None:
    dot = qs.carve_dot(qs.load_crystal("MAPbI3"), cells=2)
    for fragment in np.unique(dot.atoms.arrays["fragment"]):
        members = np.flatnonzero(dot.atoms.arrays["fragment"] == fragment)
        if dot.atoms.arrays["species"][members[0]] == "methylammonium":
            assert len(members) == 8
            assert np.ptp(dot.atoms.positions[members], axis=0).max() < 4.0


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({}, "give one of cells, edge and diameter"),
        ({"cells": 0}, "positive"),
        ({"cells": 2, "edge": 12.0}, "cells, edge"),
        ({"cells": 2, "shape": "brick"}, "no shape 'brick'"),
        ({"cells": 2, "termination": "PbI"}, "CsBr, PbBr2"),
        ({"edge": 1.0}, "too small"),
        ({"diameter": 2.0, "shape": "sphere"}, "too small"),
        ({"diameter": 20.0, "shape": "wulff", "facets": {"200": 1.0}}, "common divisor"),
        ({"diameter": 20.0, "shape": "wulff", "facets": {"100": -1.0}}, "positive"),
        ({"diameter": 20.0, "shape": "wulff"}, "needs facets"),
        ({"cells": 2, "center": "Zn"}, "center is"),
        # refused whether the dot needs a cap (PbBr2) or not (CsBr), with what would work
        ({"cells": 2, "cap": "oleate", "termination": "PbBr2"}, "monovalent.*Ag, Br, Cl, Cs"),
        ({"cells": 2, "cap": "Xx", "termination": "CsBr"}, "monovalent.*Ag, Br, Cl, Cs"),
        ({"cells": 2, "cap": "Pb"}, "monovalent"),
        ({"cells": 2, "neutralize": "magic"}, "neutralize is"),
        ({"cells": 2, "neutralize": "remove", "cap": "Br"}, "goes with"),
        ({"diameter": float("nan")}, "positive"),
        ({"cells": (2, 2)}, "1 for cells"),
        ({"diameter": 20.0, "shape": "sphere", "termination": "CsBr"}, "no one termination"),
        ({"diameter": 5000.0, "shape": "sphere"}, "smaller"),
    ],
)
def test_bad_questions_are_refused_in_words(ask: dict[str, object], words: str) -> None:
    with pytest.raises(AskError, match=words):
        qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), **ask)  # type: ignore[arg-type]


def test_a_strategy_that_cannot_reach_the_charge_says_how_far_it_got() -> None:
    with pytest.raises(ChargeError, match=r"\+"):
        qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=1, termination="CsBr", charge=-40)


def test_vacancies_and_caps_follow_the_seed() -> None:
    crystal = qs.load_crystal("CsPbBr3-cubic")
    made = [qs.carve_dot(crystal, cells=5, termination="CsBr", seed=s) for s in (0, 1)]
    assert made[0].ledger == made[1].ledger
    assert not np.array_equal(made[0].atoms.positions, made[1].atoms.positions)


def test_reading_a_written_dot_back_gives_the_same_one(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "dot.extxyz"
    dot = qs.carve_dot(qs.load_crystal("PbS"), shape="cuboctahedron", diameter=22.0, cap="I")
    qs.write_structure(dot, path)
    assert qs.read_surface(path) == dot
    assert qs.read_surface(path) != qs.carve_dot(qs.load_crystal("PbS"), cells=2)


@pytest.mark.parametrize("change", ["sorted", "moved", "shorter", "bare"])
def test_a_file_whose_sites_name_other_atoms_is_refused(tmp_path, change):
    """A ligand would go to one place, and the ion that it replaces would leave from another."""
    from ase.io import read, write

    path = tmp_path / "dot.extxyz"
    qs.write_structure(qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=2), path)
    atoms = read(path)
    if change == "sorted":
        atoms = atoms[np.argsort(atoms.numbers, kind="stable")[::-1]]
    if change == "moved":
        atoms.positions += (1.0, 2.0, 0.5)
    if change == "shorter":
        atoms = atoms[:4]
    if change == "bare":
        del atoms.arrays["layer"]
    write(path, atoms, format="extxyz")
    with pytest.raises(AskError, match="layer" if change == "bare" else "sorted or moved"):
        qs.read_surface(path)


def test_a_named_cation_caps_an_excess_of_anions_and_what_was_done_is_said():
    asked = {"shape": "octahedron", "cells": 4, "termination": "S"}
    crystal = qs.load_crystal("PbS")
    capped = qs.carve_dot(crystal, **asked, cap="Na")
    assert capped.charge == 0
    # the six corners would hang on one bond
    assert capped.recipe["result"] == {"removed": {"S": 6}, "added": {"Na": capped.ledger["Na"]}}
    assert capped.ledger["Na"] == 2 * (38 - 19)
    removed = qs.carve_dot(crystal, **asked, cap="Cl")
    assert removed.charge == 0
    assert removed.recipe["result"]["removed"]["S"] == 44 - removed.ledger["S"]
    assert not removed.recipe["result"]["added"]
    with pytest.raises(ChargeError, match="Cl adds to it; cap with a cation such as 'Na'"):
        qs.carve_dot(crystal, **asked, cap="Cl", neutralize="cap")


def test_caps_of_another_size_lie_at_their_own_bond_length():
    crystal = qs.load_crystal("PbS")
    for cap, length in (("F", 1.33 + 1.19), ("Cl", 5.936 / 2), ("I", 0.9 * (2.20 + 1.19))):
        dot = qs.carve_dot(crystal, shape="octahedron", cells=4, cap=cap)
        distances = dot.atoms.get_all_distances()
        caps, lead = dot.atoms.symbols == cap, dot.atoms.symbols == "Pb"
        assert distances[caps][:, lead].min() == pytest.approx(length, abs=1e-3)
        assert not [f for f in qs.validate(dot) if f.level == "error"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"cells": "2"}, "cells are whole numbers; got '2'|cells is a number"),
        ({"cells": True}, "cells are whole numbers"),
        ({"cells": 2, "charge": 1.5}, "charge is a whole number; got 1"),
        ({"cells": 2, "seed": -1}, "seed is a whole number of 0 or more; got -1"),
        ({"cells": 2, "seed": "a"}, "seed is a whole number of 0 or more; got 'a'"),
        ({"shape": "sphere", "diameter": 6.0}, "too small"),
        ({"diameter": "x"}, "diameter is a number"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(asked, words):
    with pytest.raises(qs.AskError, match=words):
        qs.carve_dot(qs.load_crystal("PbS"), **asked)
