"""Vacancies, substitutions and adatoms: charge and count exact, symmetry as spglib sees it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from math import comb
from subprocess import CompletedProcess

import numpy as np
import pytest
import spglib
from ase.formula import Formula
from ase.geometry import get_distances
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import qdsurf as qs
from qdsurf.build.ions import Ions
from qdsurf.build.sites import find_sites
from qdsurf.build.symmetry import symmetry_of
from qdsurf.cli import main
from qdsurf.errors import AskError, ChargeError, PlacementError
from qdsurf.model import Surface
from qdsurf.model.contacts import radii

SLABS = {
    "CsPbBr3 CsBr": ("CsPbBr3-cubic", "001", "CsBr", 2, (2, 2)),
    "CsPbBr3 PbBr2": ("CsPbBr3-cubic", "001", "PbBr2", 2, (2, 1)),
    "CsPbBr3 tilted": ("CsPbBr3-orthorhombic", "001", "CsBr", 2, (1, 1)),
    "PbS": ("PbS", "100", "PbS", 4, (2, 2)),
    "CdSe": ("CdSe-wurtzite", "100", "CdSe", 2, (1, 2)),
    "TiO2": ("TiO2-anatase", "101", "O", 2, (1, 1)),
    "MAPbI3": ("MAPbI3", "001", "MAI", 2, (2, 1)),
    "Pt": ("Pt", "111", "Pt", 3, (2, 2)),
}
DOTS = {
    "cube": ("CsPbBr3-cubic", {"cells": 2, "neutralize": None}),
    "neutral cube": ("CsPbBr3-cubic", {"cells": 3}),
    "octahedron": ("PbS", {"shape": "octahedron", "cells": 4, "neutralize": None}),
    "sphere": ("CdSe-zincblende", {"shape": "sphere", "diameter": 15.0, "neutralize": None}),
}
ALL = [*SLABS, *DOTS]
a_surface = st.sampled_from(ALL)


@cache
def made(name: str) -> Surface:
    if name in SLABS:
        crystal, hkl, termination, layers, repeat = SLABS[name]
        return qs.cut_slab(
            qs.load_crystal(crystal), hkl, layers=layers, termination=termination, repeat=repeat
        )
    crystal, arguments = DOTS[name]
    if arguments.get("neutralize", "") is None:
        arguments = {**arguments, "charge": 0}
    return qs.carve_dot(qs.load_crystal(crystal), **arguments)


def species_of(surface: Surface) -> list[str]:
    return [e.species for e in surface.ledger.entries]


def state(surface: Surface) -> tuple:
    """Everything that must stay as it is when a surface is edited."""
    atoms = surface.atoms
    arrays = {k: v.tolist() for k, v in atoms.arrays.items()}
    return arrays, atoms.cell.array.tolist(), str(surface.ledger), [vars(s) for s in surface.sites].__repr__()


def fingerprint(surface: Surface) -> list:
    """Sorted distances between ions with their species: equal for equal structures."""
    ions = Ions(surface)
    rows = []
    for k in range(len(ions.points)):
        far = ions.distances(k, np.arange(len(ions.points)))
        rows += [(ions.species[k], s, round(float(d), 2)) for s, d in zip(ions.species, far, strict=True)]
    return sorted(rows)


def kinds(surface: Surface, species: str) -> list[tuple]:
    return sorted(
        (round(v.depth, 2), v.coordination, v.location, v.multiplicity, v.charge)
        for v in qs.vacancies(surface, species)
    )


@given(name=a_surface, data=st.data())
def test_every_vacancy_keeps_the_account(name, data):
    surface = made(name)
    before = state(surface)
    species = data.draw(st.sampled_from(species_of(surface)))
    found = qs.vacancies(surface, species)
    assert sum(v.multiplicity for v in found) == surface.ledger[species]
    assert len({v.label for v in found}) == len(found)
    taken = [i for v in found for i in v.ions]
    assert len(taken) == len(set(taken))
    vacancy = data.draw(st.sampled_from(found))
    charge = surface.charge + vacancy.charge
    without = qs.remove(surface, vacancy.site, charge=charge, floating=True)
    assert without.charge == charge == surface.charge - surface.charges[species]
    assert without.ledger[species] == surface.ledger[species] - 1
    others = Counter({e.species: e.count for e in surface.ledger.entries if e.species != species})
    assert others == Counter({e.species: e.count for e in without.ledger.entries if e.species != species})
    assert state(surface) == before
    assert f"V_{species}: {vacancy.charge:+d}" in vacancy.notation
    if vacancy.charge:
        with pytest.raises(ChargeError, match=rf"charge={charge}\b"):
            qs.remove(surface, vacancy.site, floating=True)


@settings(max_examples=10)
@given(name=a_surface, data=st.data())
def test_equivalent_vacancies_give_equal_structures(name, data):
    surface = made(name)
    found = qs.vacancies(surface, data.draw(st.sampled_from(species_of(surface))))
    vacancy = data.draw(st.sampled_from([v for v in found if v.multiplicity > 1] or list(found)))
    charge = surface.charge + vacancy.charge
    one, other = (
        qs.remove(surface, s, charge=charge, floating=True)
        for s in (vacancy.site, data.draw(st.sampled_from(vacancy.sites)))
    )
    assert fingerprint(one) == fingerprint(other)


def turned(surface: Surface, seed: int) -> Surface:
    """The same surface, turned (a slab about its normal), with atoms and ions in another order."""
    rng = np.random.default_rng(seed)
    atoms = surface.atoms[rng.permutation(len(surface.atoms))]
    numbers = rng.permutation(int(atoms.arrays["fragment"].max()) + 1)
    atoms.arrays["fragment"] = numbers[atoms.arrays["fragment"]]
    if atoms.pbc.any():
        turn = Rotation.from_euler("z", rng.uniform(0, 360), degrees=True).as_matrix()
    else:
        turn = Rotation.random(random_state=rng).as_matrix()
    atoms.set_cell(atoms.cell.array @ turn.T)
    atoms.positions = atoms.positions @ turn.T
    if "facets" in atoms.info:
        facets = {k: np.array(v) for k, v in atoms.info["facets"].items()}
        atoms.info["facets"] = {k: (*(turn @ v[:3]), v[3]) for k, v in facets.items()}
    facet = surface.sites[0].facet if atoms.pbc.any() else None
    return replace(surface, atoms=atoms, sites=find_sites(atoms, surface.charges, facet=facet))


@settings(max_examples=10)
@given(name=a_surface, seed=st.integers(0, 10**6))
def test_vacancies_do_not_depend_on_axes_or_order(name, seed):
    surface = made(name)
    other = turned(surface, seed)
    for species in species_of(surface):
        assert kinds(surface, species) == kinds(other, species)


@pytest.mark.parametrize("name", [n for n in ALL if n != "MAPbI3"])
def test_spglib_agrees(name):
    surface = made(name)
    atoms = surface.atoms.copy()
    if not atoms.pbc.any():
        atoms.set_cell(np.eye(3) * (np.ptp(atoms.positions, axis=0).max() + 10))
        atoms.center()
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=0.02)
    symmetry = symmetry_of(surface)
    assert len(symmetry.rotations) == len(found.rotations)
    # the same partition of the ions, whatever the labels
    pairs = set(zip(symmetry.orbits.tolist(), found.equivalent_atoms.tolist(), strict=True))
    assert len(pairs) == len(set(symmetry.orbits.tolist())) == len(set(found.equivalent_atoms.tolist()))


def test_labels_of_a_perovskite_slab_and_cube():
    slab = made("CsPbBr3 CsBr")
    outer, *_ = qs.vacancies(slab, "Br")
    assert outer.label == "(001) face, layer 4, 1 of 2 bonds"
    assert outer.notation == "V_Br: +1 (V_Br•)"
    assert (outer.multiplicity, outer.coordination, outer.whole, outer.depth) == (8, 1, 2, 0.0)
    assert [v.multiplicity for v in qs.vacancies(slab, "Br", where="surface")] == [8]
    assert {s.layer for s in outer.sites} == {0, 4}
    cube = made("cube")
    assert [(v.location, v.multiplicity) for v in qs.vacancies(cube, "Cs")] == [
        ("corner", 8), ("edge", 12), ("face", 6), ("core", 1)
    ]  # fmt: skip


def test_ions_inside_can_be_taken_but_leave_no_place_to_bind():
    slab = made("CsPbBr3 CsBr")
    inner = qs.vacancies(slab, "Br")[1]
    assert inner.location == inner.site.location == "core"
    assert all(s.atoms != inner.site.atoms for s in slab.sites)
    without = qs.remove(slab, inner.site, compensate="Cs")
    assert without.charge == 0
    empty = [s for s in without.sites if not s.occupied and s.kind.endswith("site")]
    assert [s.species for s in empty] == ["Cs"]
    gap = [np.linalg.norm(s.position - inner.site.position) for s in without.sites if not s.occupied]
    assert min(gap) > 2
    stranger = replace(inner.site, position=inner.site.position + 1.0)
    with pytest.raises(AskError, match="no site of"):
        qs.remove(slab, stranger, charge=1)


@given(
    name=st.sampled_from(["CsPbBr3 CsBr", "CsPbBr3 tilted", "PbS", "TiO2", "CdSe", "MAPbI3"]),
    data=st.data(),
)
def test_both_faces_alike(name, data):
    slab = made(name)
    species = data.draw(st.sampled_from(species_of(slab)))
    vacancy = data.draw(st.sampled_from(qs.vacancies(slab, species)))
    if symmetry_of(slab).swapping() is None:
        with pytest.raises(AskError, match="swaps"):
            qs.remove(slab, vacancy.site, charge=2 * vacancy.charge, faces="both")
        return
    if abs(vacancy.site.position[2] - slab.atoms.cell[2, 2] / 2) < 0.1:
        return  # an ion in the middle has no partner at the other face
    without = qs.remove(slab, vacancy.site, charge=2 * vacancy.charge, faces="both", floating=True)
    assert slab.ledger[species] - without.ledger[species] == 2
    assert symmetry_of(without).swapping() is not None
    middle = without.atoms.positions[:, 2].mean()
    assert middle == pytest.approx(slab.atoms.positions[:, 2].mean(), abs=0.02)


def test_faces_are_asked_for_by_name():
    with pytest.raises(AskError, match="no slab"):
        qs.remove(made("cube"), 0, charge=1, faces="both")
    with pytest.raises(AskError, match="'one' or 'both'"):
        qs.remove(made("PbS"), 0, faces="top")
    with pytest.raises(ChargeError, match="two faces"):
        qs.remove(made("CsPbBr3 CsBr"), 0, compensate="Cs", charge=1, faces="both")
    both = qs.remove(made("CsPbBr3 CsBr"), 0, compensate="Cs", faces="both")
    assert (both.charge, both.ledger["Cs"], both.ledger["Br"]) == (0, 10, 26)


def test_nothing_floats_unless_named():
    slab = qs.cut_slab(qs.load_crystal("PbS"), "100", layers=1, repeat=(3, 3))
    lead = [s for v in qs.vacancies(slab, "Pb") for s in v.sites]
    assert len(lead) >= 4
    charge = -2 * (len(lead) - 1)
    with pytest.raises(AskError, match="would float"):
        qs.remove(slab, lead[1:], charge=charge)
    assert qs.remove(slab, lead[1:], charge=charge, floating=True).charge == charge


def test_errors_name_what_would_work():
    slab = made("CsPbBr3 CsBr")
    with pytest.raises(ChargeError, match=r"compensate='Cs' \(removes 1\) would"):
        qs.remove(slab, 0)
    with pytest.raises(ChargeError, match=r"cannot cancel .*compensate='Cs'"):
        qs.remove(slab, 0, compensate="Pb")
    with pytest.raises(AskError, match="no 'Xx' to compensate with; it has Br, Cs, Pb"):
        qs.remove(slab, 0, compensate="Xx")
    with pytest.raises(AskError, match="has no 'S'; it has Br, Cs, Pb"):
        qs.vacancies(slab, "S")
    with pytest.raises(AskError, match="tolerance"):
        qs.vacancies(slab, "Br", tolerance=0)
    with pytest.raises(AskError, match="where"):
        qs.vacancies(slab, "Br", where="top")


@given(name=a_surface, data=st.data())
def test_groups_are_all_groups(name, data):
    surface = made(name)
    if len(species_of(surface)) < 2:
        return
    one, other = data.draw(st.permutations(species_of(surface)))[:2]
    number = data.draw(st.integers(1, 2))
    far = data.draw(st.floats(3.0, 6.5))
    ions = Ions(surface)
    around = [
        int((ions.distances(k, ions.of(other)) <= far).sum()) for k in ions.of(one).tolist()
    ]  # fmt: skip
    expected = sum(comb(n, number) for n in around)
    asked = (one, *[other] * number)
    if not expected:
        with pytest.raises(AskError, match="shortest distances"):
            qs.vacancy_groups(surface, asked, distance=(0.0, far))
        return
    # a shell at the limit may be split by rounding; leave it out
    shells = np.concatenate([ions.distances(k, ions.of(other)) for k in ions.of(one).tolist()])
    if np.abs(shells - far).min() < 0.05:
        return
    groups = qs.vacancy_groups(surface, asked, distance=(0.0, far))
    assert sum(g.multiplicity for g in groups) == expected
    group = data.draw(st.sampled_from(groups))
    assert group.charge == -sum(surface.charges[s] for s in asked)
    without = qs.remove(surface, group.sites, charge=surface.charge + group.charge, floating=True)
    assert surface.ledger[one] - without.ledger[one] == 1
    assert surface.ledger[other] - without.ledger[other] == number
    measured = sorted(np.linalg.norm(s.position - group.sites[0].position) for s in group.sites[1:])
    if not surface.atoms.pbc.any():
        assert measured == pytest.approx(group.distances, abs=2e-3)


def test_neutral_groups():
    slab = made("CsPbBr3 CsBr")
    pairs = qs.vacancy_groups(slab, ("Cs", "Br"))
    assert all(p.charge == 0 and p.distances == (4.151,) for p in pairs)
    assert qs.remove(slab, pairs[0].sites).charge == 0
    triples = qs.vacancy_groups(slab, ("Pb", "Br", "Br"))
    assert {t.distances for t in triples} == {(2.935, 2.935)}
    # two of the six bromides of an octahedron that is open to one face: opposite or at right angles
    assert len(triples) == 5
    assert sum(t.multiplicity for t in triples) == 8 * 15
    assert qs.remove(slab, triples[0].sites, floating=True).charge == 0
    at = qs.vacancy_groups(slab, ("Cs", "Br"), distance=7.19)
    assert {p.distances for p in at} == {(7.189,)}
    for wrong in ("Cs", ("Cs",), ("Cs", "Cs")):
        with pytest.raises(AskError):
            qs.vacancy_groups(slab, wrong)
    with pytest.raises(AskError, match="distance is"):
        qs.vacancy_groups(slab, ("Cs", "Br"), distance=-1.0)


@given(name=a_surface, seed=st.integers(0, 99), fraction=st.floats(0.01, 0.5), data=st.data())
def test_random_vacancies(name, seed, fraction, data, tmp_path_factory):
    surface = made(name)
    species = data.draw(st.sampled_from(species_of(surface)))
    there = surface.ledger[species]
    number = round(fraction * there)
    charge = surface.charge - number * surface.charges[species]
    if not number:
        with pytest.raises(AskError, match="to choose from"):
            qs.random_vacancies(surface, species, fraction=fraction, seed=seed, charge=charge)
        return
    try:
        one, two = (
            qs.random_vacancies(surface, species, fraction=fraction, seed=seed, charge=charge)
            for _ in range(2)
        )
    except AskError as error:
        assert "would float" in str(error)  # noqa: PT017 the only refusal that is right here
        return
    assert one.ledger[species] == there - number
    assert one.charge == charge
    folder = tmp_path_factory.mktemp("seeds")
    files = [qs.write_structure(s, folder / f"{n}.extxyz").read_bytes() for n, s in enumerate((one, two))]
    assert files[0] == files[1]
    again = qs.random_vacancies(surface, species, count=number, seed=seed, charge=charge)
    assert np.array_equal(again.atoms.positions, one.atoms.positions)


def test_random_vacancies_refused_and_compensated():
    slab = made("CsPbBr3 CsBr")
    neutral = qs.random_vacancies(slab, "Br", count=4, seed=3, compensate="Cs")
    assert (neutral.charge, neutral.ledger["Br"], neutral.ledger["Cs"]) == (0, 24, 8)
    assert neutral.recipe["verb"] == "random_vacancies"
    for arguments in ({}, {"fraction": 0.1, "count": 2}, {"fraction": 1.5}, {"count": 0}, {"count": 99}):
        with pytest.raises(AskError):
            qs.random_vacancies(slab, "Br", **arguments)
    with pytest.raises(ChargeError, match="compensate='Cs'"):
        qs.random_vacancies(slab, "Br", count=2)


DOPANTS = {"Zn": 2, "Cd": 2, "Mn": 2, "Sn": 2, "Yb": 3, "Yb3+": 3, "Yb2+": 2, "Na": 1, "K": 1, "Na+": 1}


@given(
    name=st.sampled_from(["CsPbBr3 CsBr", "CsPbBr3 tilted", "PbS", "MAPbI3", "cube", "octahedron"]),
    species=st.sampled_from(list(DOPANTS)),
    number=st.integers(1, 3),
    data=st.data(),
)
def test_dopants_for_lead(name, species, number, data):
    surface = made(name)
    before = state(surface)
    pool = [s for v in qs.vacancies(surface, "Pb") for s in v.sites]
    sites = data.draw(
        st.lists(st.sampled_from(pool), min_size=1, max_size=number, unique_by=lambda s: s.atoms)
    )
    change = len(sites) * (DOPANTS[species] - 2)
    doped = qs.substitute(surface, sites, species, charge=surface.charge + change)
    assert doped.charge == surface.charge + change
    assert doped.ledger["Pb"] == surface.ledger["Pb"] - len(sites)
    element = species.rstrip("+-0123456789")
    assert doped.atoms.symbols.formula.count()[element] == len(sites)
    assert np.array_equal(doped.atoms.positions, surface.atoms.positions)
    assert np.array_equal(doped.atoms.arrays["role"], surface.atoms.arrays["role"])
    assert state(surface) == before
    if change:
        with pytest.raises(ChargeError, match=r"would|electron"):
            qs.substitute(surface, sites, species)
    for partner in species_of(surface):
        charge = surface.charges[partner]
        if change and change * charge > 0 and change % charge == 0:
            try:
                neutral = qs.substitute(surface, sites, species, compensate=partner)
            except AskError as error:
                assert "would float" in str(error)  # noqa: PT017
                continue
            assert neutral.charge == surface.charge
            assert neutral.ledger[partner] == (
                surface.ledger[partner] - change // charge - (len(sites) if partner == "Pb" else 0)
            )


def test_iodide_on_lead_sulfide_leaves_an_electron(tmp_path):
    slab = made("PbS")
    sulfide = next(s for s in slab.sites if s.kind == "anion site")
    doped = qs.substitute(slab, sulfide, "I")
    assert (doped.electrons, doped.charge, doped.ledger["electron"], doped.ledger["I"]) == (1, 0, 1, 1)
    assert "1 electron(-1)" in str(doped.ledger)
    again = qs.read_surface(qs.write_structure(doped, tmp_path / "doped.extxyz"))
    assert (again.electrons, again.charge, str(again.ledger)) == (1, 0, str(doped.ledger))
    assert qs.substitute(slab, sulfide, "I", charge=1).electrons == 0
    assert qs.substitute(slab, sulfide, "I", faces="both").electrons == 2
    two = [s for s in slab.sites if s.kind == "anion site"][:2]
    ionic = qs.substitute(slab, two, "I-", compensate="Pb")
    assert (ionic.electrons, ionic.charge, ionic.ledger["Pb"]) == (0, 0, slab.ledger["Pb"] - 1)
    lead = next(s for s in slab.sites if s.kind == "cation site")
    assert qs.substitute(slab, lead, "Yb", compensate="electron").electrons == 1
    # holes are no electrons
    with pytest.raises(ChargeError):
        qs.substitute(slab, lead, "Na", compensate="electron")


def test_sodium_on_lead_sulfide():
    slab = made("PbS")
    lead = [s for s in slab.sites if s.kind == "cation site"]
    with pytest.raises(ChargeError, match=r"charge is -1.*2 times as many sites with compensate='S'"):
        qs.substitute(slab, lead[0], "Na")
    for species in ("Na", "K"):
        made_ = qs.substitute(slab, lead[:2], species, compensate="S")
        assert (made_.charge, made_.ledger[species], made_.ledger["S"]) == (0, 2, slab.ledger["S"] - 1)
        sodium = [s for s in made_.sites if s.occupied and s.species == species]
        assert {s.kind for s in sodium} == {"cation site"}
        # no place to bind lies on an ion
        for site in made_.sites:
            if not site.occupied and site.kind.startswith("on "):
                away = np.linalg.norm(made_.atoms.positions - site.position, axis=1)
                assert away.min() > 1.0


def test_substitution_refused():
    slab = made("CsPbBr3 CsBr")
    lead = qs.vacancies(slab, "Pb")[0].site
    for wrong, message in (("Pb", "holds Pb"), ("oleate", "no ion"), ("Fe", "usual charge"), ("", "no ion")):
        with pytest.raises(AskError, match=message):
            qs.substitute(slab, lead, wrong)
    iron = qs.substitute(slab, lead, "Fe2+")
    assert (iron.charge, iron.ledger["Fe2+"]) == (0, 1)
    both = qs.substitute(slab, qs.vacancies(slab, "Pb")[0].sites[:1], "Yb2+")
    again = qs.substitute(both, qs.vacancies(both, "Pb")[0].site, "Yb3+", compensate="Cs")
    assert (again.ledger["Yb2+"], again.ledger["Yb"], again.charge) == (1, 1, 0)


@pytest.mark.parametrize(("name", "one", "other"), [("CsPbBr3 CsBr", "Cs", "Pb"), ("PbS", "Pb", "S")])
def test_antisites(name, one, other):
    slab = made(name)
    a, b = qs.vacancies(slab, one)[0].site, qs.vacancies(slab, other)[0].site
    swapped = qs.antisites(slab, a, b)
    assert str(swapped.ledger) == str(slab.ledger)
    symbols = {tuple(np.round(atom.position, 3)): atom.symbol for atom in swapped.atoms}
    assert symbols[tuple(np.round(a.position, 3))] == other
    assert symbols[tuple(np.round(b.position, 3))] == one
    with pytest.raises(AskError, match="changes nothing"):
        qs.antisites(slab, a, qs.vacancies(slab, one)[0].sites[1])
    single = qs.substitute(slab, a, other, charge=slab.charges[other] - slab.charges[one])
    assert single.ledger[one] == slab.ledger[one] - 1


def test_a_molecule_gives_way_to_an_ion():
    slab = made("MAPbI3")
    site = next(s for s in slab.sites if s.species == "methylammonium")
    caesium = qs.substitute(slab, site, "Cs")
    assert (caesium.charge, caesium.ledger["Cs"], len(slab.atoms) - len(caesium.atoms)) == (0, 1, 7)
    assert [s for s in caesium.sites if s.species == "Cs" and s.occupied]


UNITS = {
    "CsPbBr3 CsBr": ["PbBr2", "CsBr", "PbI2", "CsI", "PbCl2"],
    "CsPbBr3 PbBr2": ["PbBr2", "CsBr"],
    "CsPbBr3 tilted": ["PbBr2", "CsBr"],
    "PbS": ["PbS", "PbI2", "PbCl2", "NaI"],
    "CdSe": ["CdSe", "CdCl2", "ZnCl2"],
    "TiO2": ["TiO2"],
    "MAPbI3": ["PbI2", "CsI"],
    "cube": ["PbBr2", "CsBr"],
    "neutral cube": ["PbBr2", "CsBr", "PbI2"],
}


@given(name=st.sampled_from(list(UNITS)), number=st.integers(1, 2), data=st.data())
def test_adatoms(name, number, data):
    surface = made(name)
    before = state(surface)
    unit = data.draw(st.sampled_from(UNITS[name]))
    grown, again = (qs.add_adatoms(surface, unit, count=number) for _ in range(2))
    assert np.array_equal(grown.atoms.positions, again.atoms.positions)
    assert state(surface) == before
    assert grown.charge == surface.charge
    new = np.arange(len(surface.atoms), len(grown.atoms))
    assert grown.atoms[new].symbols.formula.count() == {
        e: n * number for e, n in Formula(unit).count().items()
    }
    assert np.array_equal(grown.atoms.positions[: new[0]], surface.atoms.positions)
    far = grown.atoms.get_all_distances(mic=True)
    charges = np.array([grown.charges[s] for s in grown.atoms.arrays["species"].tolist()])
    size = radii(grown.atoms.get_chemical_symbols())
    for k in new.tolist():
        others = np.arange(len(far)) != k
        like = others & (charges * charges[k] > 0)
        assert (far[k, like] >= 0.75 * (size[k] + size)[like]).all()
        unlike = others & (charges * charges[k] < 0)
        assert (far[k, unlike] >= 0.65 * (size[k] + size)[unlike]).all()
    assert {grown.atoms.arrays["role"][k] for k in new} == {"surface"}
    assert (Ions(grown).held[-len(new) :] > 0).all()


def test_adatoms_go_where_the_lattice_goes_on():
    short = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(3, 3))
    long = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=4, termination="CsBr", repeat=(3, 3))
    grown = qs.add_adatoms(short, "PbBr2")
    lift = long.atoms.positions[:, 2].min() - short.atoms.positions[:, 2].min()
    new = grown.atoms[len(short.atoms) :]
    new.positions[:, 2] += lift
    for atom in new:
        same = long.atoms[long.atoms.symbols == atom.symbol]
        _, gaps = get_distances(atom.position, same.positions, cell=long.atoms.cell, pbc=long.atoms.pbc)
        assert gaps.min() < 0.01
    assert set(grown.atoms.arrays["layer"][len(short.atoms) :].tolist()) == {4}
    both = qs.add_adatoms(short, "PbBr2", faces="both")
    assert (both.charge, both.ledger["Pb"] - short.ledger["Pb"]) == (0, 2)
    assert symmetry_of(both).swapping() is not None
    here = [s for s in short.sites if s.kind == "on an anion"][3]
    beside = qs.add_adatoms(short, "PbBr2", sites=here)
    assert np.linalg.norm(beside.atoms.positions[len(short.atoms)] - here.position) < 1.0


def test_adatoms_refused():
    slab = made("CsPbBr3 CsBr")
    with pytest.raises(ChargeError, match=r"charge=2"):
        qs.add_adatoms(slab, "Pb")
    assert qs.add_adatoms(slab, "Pb", charge=2).charge == 2
    for wrong, message in (("oleate", "no formula"), ("Xx", "no element"), ("pb", "no formula")):
        with pytest.raises(AskError, match=message):
            qs.add_adatoms(slab, wrong)
    with pytest.raises(ChargeError, match="no formal charge is known for Fe"):
        qs.add_adatoms(slab, "FeBr2")
    with pytest.raises(AskError, match="bond length"):
        qs.add_adatoms(slab, "SnI2")
    with pytest.raises(AskError, match="places"):
        qs.add_adatoms(slab, "PbBr2", count=99)
    here = slab.sites[0]
    full = qs.add_adatoms(slab, "PbBr2", sites=[here] * 2)
    with pytest.raises(PlacementError, match="finds no room"):
        qs.add_adatoms(full, "PbBr2", sites=[replace(here, position=here.position - 9.0 * here.normal)])


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["qdsurf", *words])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return CompletedProcess(words, int(end.value.code or 0), out, err)

    qs.write_structure(made("CsPbBr3 CsBr"), tmp_path / "slab.extxyz")
    qs.write_structure(made("PbS"), tmp_path / "pbs.extxyz")
    table = run("vacancies", "slab.extxyz", "Br")
    assert "(001) face, layer 4, 1 of 2 bonds" in table.stdout, table.stderr
    rows = json.loads(run("vacancies", "slab.extxyz", "Br", "--json").stdout)
    # what only a made vacancy can have is not passed over in silence
    for words in (["--faces", "both"], ["--charge", "1"], ["--remove", "1", "--random", "0.1"]):
        refused = run("vacancies", "slab.extxyz", "Br", *words)
        assert refused.returncode == 2
        assert "--remove" in refused.stderr
    assert [r["multiplicity"] for r in rows] == [8, 16, 4]
    assert [r["charge left"] for r in rows] == [1, 1, 1]
    pairs = json.loads(run("vacancies", "slab.extxyz", "Cs,Br", "--distance", "3-5", "--json").stdout)
    assert {r["charge left"] for r in pairs} == {0}
    written = run("vacancies", "slab.extxyz", "Br", "--remove", "1", "--compensate", "Cs", "-o", "v.extxyz")
    assert written.returncode == 0, written.stderr
    back = qs.read_surface(tmp_path / "v.extxyz")
    assert (back.charge, back.ledger["Br"], back.ledger["Cs"]) == (0, 27, 11)
    refused = run("vacancies", "slab.extxyz", "Br", "--remove", "1", "-o", "w.extxyz")
    assert refused.returncode == 2
    assert "compensate='Cs'" in refused.stderr
    assert not (tmp_path / "w.extxyz").exists()
    assert run("vacancies", "slab.extxyz", "Br", "--remove", "9").returncode == 2
    assert run("vacancies", "slab.extxyz", "Br", "-o", "w.extxyz").returncode == 2
    doped = run("substitute", "pbs.extxyz", "S", "I", "--json")
    assert "1 electron(-1)" in json.loads(doped.stdout)["ledger"], doped.stderr
    grown = run("adatoms", "slab.extxyz", "PbBr2", "-o", "grown.extxyz", "--json")
    assert json.loads(grown.stdout)["charge"] == 0, grown.stderr
    assert qs.read_surface(tmp_path / "grown.extxyz").ledger["Pb"] == 9


def test_sodium_at_the_place_of_lead_holds_sulfide_as_lead_does():
    slab = qs.cut_slab(qs.load_crystal("PbS"), "100", layers=3, repeat=(2, 2))
    inner = [s for s in qs.vacancies(slab, "Pb") if s.location == "core"]
    doped = qs.substitute(slab, inner[0].site, "Na", charge=-1)
    before = slab.atoms.arrays["role"][slab.atoms.symbols == "S"].tolist()
    assert doped.atoms.arrays["role"][doped.atoms.symbols == "S"].tolist() == before
    # caesium between the octahedra holds no anion: bromide at the face of CsPbBr3 lacks one lead
    perovskite = qs.cut_slab(qs.load_crystal("CsPbBr3-orthorhombic"), "001", layers=2, termination="CsBr")
    assert {s.coordination for s in perovskite.sites if s.kind == "anion site"} == {1}
