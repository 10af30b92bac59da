import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import qdsurf as qs
from qdsurf.build.bonds import centres_of
from qdsurf.build.mixing.arrangement import short_range_order
from qdsurf.build.mixing.sublattices import whole_counts
from qdsurf.cli.commands import app
from qdsurf.crystals import load_crystal
from qdsurf.crystals.molecules import dipole, shape
from qdsurf.errors import AskError, ChargeError, MissingExtra, PlacementError
from qdsurf.model.contacts import SMALLEST_RATIO, radius
from qdsurf.model.nouns import fragment_species

PEROVSKITES = (
    "CsPbI3-cubic",
    "CsPbBr3-orthorhombic",
    "CsPbI3-tetragonal",
    "CsPbI3-delta",
    "FAPbI3",
    "MAPbBr3",
)
# crystal, mix: one for each alloy that the field makes
ALLOYS = [
    ("FAPbI3", {"A": {"Cs": 0.25, "FA": 0.75}}),
    ("CsPbI3-cubic", {"A": {"Cs": 0.5, "FA": 0.5}}),
    ("CsPbBr3-orthorhombic", {"X": {"Br": 0.25, "I": 0.75}}),
    ("CsPbI3-tetragonal", {"Pb": {"Pb": 0.5, "Sn": 0.5}}),
    ("CsPbI3-cubic", {"B": {"Pb": 0.875, "Zn": 0.125}}),
    ("CsPbI3-cubic", {"A": {"Cs": 0.5, "MA": 0.25, "FA": 0.25}, "X": {"Br": 0.25, "I": 0.75}}),
    ("PbS", {"S": {"S": 0.5, "Se": 0.5}}),
    ("CdSe-wurtzite", {"Se": {"S": 0.25, "Se": 0.75}}),
    ("CdSe-zincblende", {"Cd": {"Cd": 0.75, "Zn": 0.25}}),
]


def same_bytes(one, other):
    assert one.atoms.positions.tobytes() == other.atoms.positions.tobytes()
    assert one.atoms.numbers.tolist() == other.atoms.numbers.tolist()
    for key in one.atoms.arrays:
        assert np.array_equal(one.atoms.arrays[key], other.atoms.arrays[key])
    assert json.dumps(one.recipe, default=str) == json.dumps(other.recipe, default=str)


def snapshot(structure):
    arrays = {k: v.tobytes() for k, v in structure.atoms.arrays.items()}
    return (
        arrays,
        structure.atoms.cell.array.tobytes(),
        json.dumps(dict(structure.recipe), default=str),
        dict(structure.charges),
    )


def worst_overlap(structure):
    """Smallest distance over the sum of radii between a molecule and anything else."""
    atoms = structure.atoms
    fragments = atoms.arrays["fragment"]
    sizes = Counter(fragments.tolist())
    inside = np.array([sizes[f] > 1 for f in fragments.tolist()])
    radii = np.array([radius(s) for s in atoms.symbols])
    distances = atoms.get_all_distances(mic=True)[inside]
    apart = fragments[inside][:, None] != fragments[None, :]
    ratio = distances / (radii[inside][:, None] + radii[None, :])
    return ratio[apart].min() if apart.any() else np.inf


# -- composition ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "mix"), ALLOYS)
def test_alloys_have_the_composition_asked_for(name, mix):
    parent = load_crystal(name)
    before = snapshot(parent)
    made = qs.alloy(parent, mix, repeat=(2, 2, 2), seed=1)
    assert snapshot(parent) == before
    assert made.ledger.charge == 0
    assert made.recipe["result"]["exact"]
    cells = parent.ledger
    for sublattice, fractions in mix.items():
        counts = made.recipe["result"]["counts"][sublattice]
        total = sum(counts.values())
        for ion, fraction in fractions.items():
            species = {"FA": "formamidinium", "MA": "methylammonium"}.get(ion, ion)
            assert made.ledger[species] == counts[species] == pytest.approx(fraction * total)
    assert sum(e.count for e in made.ledger.entries) == 8 * sum(e.count for e in cells.entries)
    # fragments are numbered in order and whole
    assert sorted(fragment_species(made.atoms)) == list(range(sum(e.count for e in made.ledger.entries)))
    same_bytes(made, qs.alloy(parent, mix, repeat=(2, 2, 2), seed=1))


fraction_lists = st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any)


@given(fraction_lists, st.integers(5, 500))
def test_whole_counts_are_the_nearest(parts, sites):
    fractions = {f"s{n}": p / sum(parts) for n, p in enumerate(parts)}
    counts = whole_counts(fractions, sites, "test")
    assert sum(counts.values()) == sites
    assert all((counts[s] > 0) == (f > 0) for s, f in fractions.items())
    if all(f == 0 or f * sites >= 1 for f in fractions.values()):
        assert all(abs(counts[s] - f * sites) < 1 + 1e-9 for s, f in fractions.items())


@given(
    st.sampled_from(PEROVSKITES),
    st.fixed_dictionaries({}, optional={
        "A": st.sampled_from([("Cs", "FA"), ("Cs", "MA", "FA"), ("Rb", "Cs")]),
        "B": st.sampled_from([("Pb", "Sn"), ("Pb", "Zn", "Cd"), ("Pb", "Mn2+")]),
        "X": st.sampled_from([("Br", "I"), ("Cl", "Br", "I")]),
    }).filter(bool),
    st.integers(0, 2**32 - 1),
    st.data(),
)  # fmt: skip
def test_any_perovskite_alloy_is_neutral_and_nearest(name, species, seed, data):
    mix = {}
    for sublattice, ions in species.items():
        weights = [data.draw(st.floats(0.05, 1.0)) for _ in ions]
        mix[sublattice] = {i: w / sum(weights) for i, w in zip(ions, weights, strict=True)}
        mix[sublattice][ions[-1]] = 1 - sum(list(mix[sublattice].values())[:-1])
    repeat = (2, 2, 1) if len(load_crystal(name).atoms) > 12 else (2, 2, 2)
    made = qs.alloy(load_crystal(name), mix, repeat=repeat, seed=seed)
    assert made.ledger.charge == 0
    for sublattice, counts in made.recipe["result"]["counts"].items():
        total = sum(counts.values())
        assert all(n >= 1 for n in counts.values())
        for ion, fraction in mix[sublattice].items():
            found = counts[{"FA": "formamidinium", "MA": "methylammonium", "Mn2+": "Mn"}.get(ion, ion)]
            assert abs(found - fraction * total) < 1 + 1e-6 or found == 1 or len(counts) > 2
    assert worst_overlap(made) >= SMALLEST_RATIO - 1e-9


def test_nearest_possible_is_used_and_reported():
    made = qs.alloy(load_crystal("CsPbI3-cubic"), {"Pb": {"Pb": 0.99, "Zn": 0.01}}, repeat=(2, 2, 2))
    assert made.ledger["Zn"] == 1
    assert not made.recipe["result"]["exact"]
    assert made.recipe["result"]["fractions"]["Pb"] == {"Pb": 0.875, "Zn": 0.125}


def test_different_seeds_differ_and_sites_are_all_equally_likely():
    parent = load_crystal("PbS")
    mix = {"S": {"S": 0.5, "Se": 0.5}}
    seen = np.zeros(32)
    for seed in range(60):
        made = qs.alloy(parent, mix, repeat=(2, 2, 2), seed=seed)
        anions = [s for s in made.atoms.symbols if s != "Pb"]
        seen += np.array(anions) == "Se"
    assert seen.min() / 60 > 0.25
    assert seen.max() / 60 < 0.75


# -- charge -----------------------------------------------------------------------------------------------


def test_trivalent_dopants_ask_for_their_compensation():
    parent, mix = load_crystal("CsPbI3-cubic"), {"B": {"Pb": 0.75, "Yb": 0.25}}
    with pytest.raises(ChargeError, match=r"2 Yb \(\+3\) on Pb.*vacancy': 'Cs'.*vacancy': 'Pb'.*charge=2"):
        qs.alloy(parent, mix, repeat=(2, 2, 2))
    for compensate in ("Cs vacancies", "A vacancies", {"vacancy": "Cs"}):
        made = qs.alloy(parent, mix, repeat=(2, 2, 2), compensate=compensate)
        assert (made.ledger.charge, made.ledger["Cs"], made.ledger["Yb"]) == (0, 6, 2)
        assert made.recipe["result"]["vacancies"] == {"Cs": 2}
    made = qs.alloy(parent, mix, repeat=(2, 2, 2), compensate={"vacancy": "Pb"})
    assert (made.ledger.charge, made.ledger["Pb"]) == (0, 5)
    charged = qs.alloy(parent, mix, repeat=(2, 2, 2), charge=2)
    assert charged.ledger.charge == 2
    with pytest.raises(ChargeError, match="asked for \\+1"):
        qs.alloy(parent, mix, repeat=(2, 2, 2), charge=1)


def test_codoping_balances_itself():
    mix = {"B": {"Pb": 0.5, "Yb3+": 0.25, "Na+": 0.25}}
    made = qs.alloy(load_crystal("CsPbI3-cubic"), mix, repeat=(2, 2, 2))
    assert made.ledger.charge == 0
    assert made.ledger["Na"] == made.ledger["Yb"] == 2


def test_near_vacancies_are_next_to_the_dopants():
    parent, mix = load_crystal("CsPbI3-cubic"), {"B": {"Pb": 23 / 27, "Yb": 4 / 27}}
    near = qs.alloy(parent, mix, repeat=(3, 3, 3), compensate={"vacancy": "Pb", "place": "near"}, seed=5)
    whole = qs.alloy(parent, mix, repeat=(3, 3, 3), charge=4, seed=5)
    gone = [
        p for p in whole.atoms.positions[whole.atoms.symbols == "Pb"]
        if np.linalg.norm(near.atoms.positions - p, axis=1).min() > 0.1
    ]  # fmt: skip
    assert len(gone) == 2
    a = parent.atoms.cell[0, 0]
    dopants = whole.atoms.positions[whole.atoms.symbols == "Yb"]
    for place in gone:
        away = dopants - place
        away -= np.round(away / (3 * a)) * 3 * a
        assert np.linalg.norm(away, axis=1).min() == pytest.approx(a)


@pytest.mark.parametrize(
    ("mix", "compensate", "error", "match"),
    [
        ({"B": {"Pb": 0.875, "Yb": 0.125}}, {"vacancy": "Pb"}, ChargeError, "vacancy': 'Cs'"),
        ({"B": {"Pb": 0.75, "Yb": 0.25}}, {"vacancy": "I"}, ChargeError, "not balanced"),
        ({"B": {"Pb": 0.75, "Yb": 0.25}}, {"vacancy": "Ba"}, AskError, "no 'Ba'"),
        ({"B": {"Pb": 0.75, "Yb": 0.25}}, "two holes", AskError, "compensate is"),
        ({"B": {"Pb": 0.75, "Yb": 0.25}}, {"vacancy": "Cs", "place": "far"}, AskError, "compensate is"),
        ({"B": {"Yb": 1.0}}, {"vacancy": "Cs"}, ChargeError, "not balanced"),
    ],
)
def test_compensation_that_cannot_work(mix, compensate, error, match):
    with pytest.raises(error, match=match):
        qs.alloy(load_crystal("CsPbI3-cubic"), mix, repeat=(2, 2, 2), compensate=compensate)


# -- cell -------------------------------------------------------------------------------------------------


def test_vegard_is_linear_between_the_end_members():
    parent = load_crystal("PbS")
    a, b = (load_crystal(n).atoms.cell[0, 0] for n in ("PbS", "PbSe"))
    for part in (0.0, 0.25, 0.5, 1.0):
        made = qs.alloy(parent, {"S": {"S": 1 - part, "Se": part}}, repeat=(2, 2, 2))
        assert made.atoms.cell[0, 0] == pytest.approx(2 * ((1 - part) * a + part * b), rel=1e-9)
        assert "10.1007/BF01349680" in json.dumps(made.recipe["result"])
    assert made.ledger["S"] == 0
    assert {m["crystal"] for m in made.recipe["result"]["cell"]["end members"]} == {"PbSe"}


def test_vegard_of_two_sublattices_and_of_a_tilted_phase():
    made = qs.alloy(
        load_crystal("CsPbI3-cubic"),
        {"A": {"Cs": 0.5, "FA": 0.5}, "X": {"Br": 0.5, "I": 0.5}},
        repeat=(2, 2, 2),
    )
    ends = [
        load_crystal(n).atoms.get_volume() ** (1 / 3)
        for n in ("CsPbI3-cubic", "CsPbBr3-cubic", "FAPbI3", "FAPbBr3")
    ]
    assert made.atoms.cell.lengths() == pytest.approx(2 * np.mean(ends))
    assert made.source.status == "unverified"
    tilted = qs.alloy(load_crystal("CsPbI3-orthorhombic"), {"X": {"Br": 0.5, "I": 0.5}}, repeat=(1, 1, 2))
    both = [load_crystal(f"CsPb{x}3-orthorhombic").atoms.cell.lengths() for x in ["I", "Br"]]
    assert tilted.atoms.cell.lengths() == pytest.approx(np.mean(both, axis=0) * [1, 1, 2])


def test_molecules_keep_their_size_when_the_cell_changes():
    made = qs.alloy(load_crystal("FAPbI3"), {"X": {"Br": 1.0}}, repeat=(1, 1, 1))
    symbols, _ = shape("formamidinium")
    members = np.flatnonzero(made.atoms.arrays["species"] == "formamidinium")
    assert made.atoms.cell[0, 0] == pytest.approx(5.99)
    carbon, nitrogen = (members[symbols.index(s)] for s in ("C", "N"))
    parent = load_crystal("FAPbI3").atoms
    inside = np.flatnonzero(parent.arrays["species"] == "formamidinium")
    there = parent.get_distance(inside[symbols.index("C")], inside[symbols.index("N")])
    assert made.atoms.get_distance(carbon, nitrogen) == pytest.approx(there, abs=1e-9)


def test_lattice_is_kept_where_asked_or_where_an_end_member_is_missing(tmp_path):
    parent = load_crystal("CsPbI3-cubic")
    kept = qs.alloy(parent, {"X": {"Br": 0.5, "I": 0.5}}, repeat=(2, 1, 1), lattice="keep")
    assert kept.atoms.cell.lengths() == pytest.approx(parent.atoms.cell.lengths() * [2, 1, 1])
    zinc = {"Pb": {"Pb": 0.5, "Zn": 0.5}}
    made = qs.alloy(parent, zinc, repeat=(2, 1, 1))
    assert "CsZnI3" in made.recipe["result"]["cell"]["rule"]
    assert made.atoms.cell.lengths() == pytest.approx(parent.atoms.cell.lengths() * [2, 1, 1])
    with pytest.raises(AskError, match="CsZnI3 as cubic perovskite"):
        qs.alloy(parent, zinc, repeat=(2, 1, 1), lattice="vegard")
    with pytest.raises(AskError, match="lattice is"):
        qs.alloy(parent, zinc, repeat=(2, 1, 1), lattice="big")
    # a mixed crystal can be mixed again, in its own cell
    again = qs.alloy(made, {"X": {"Br": 0.5, "I": 0.5}})
    assert again.ledger.charge == 0
    assert again.recipe["crystal"]["verb"] == "alloy"


# -- arrangement ------------------------------------------------------------------------------------------


def pair_order(made, species):
    """Sum over shells of the Warren-Cowley parameter of two species, with weights 1/shell."""
    atoms = made.atoms[[i for i, s in enumerate(made.atoms.arrays["species"].tolist()) if s in species]]
    names = atoms.arrays["species"]
    distances = atoms.get_all_distances(mic=True).round(2)
    total = 0.0
    for shell, length in enumerate(np.unique(distances[distances > 0])[:6], start=1):
        one, other = np.nonzero(distances == length)
        around = names[other][names[one] == species[0]]
        total += abs(1 - np.mean(around == species[1]) / np.mean(names == species[1])) / shell
    return total


@pytest.mark.parametrize(
    ("name", "mix", "species"),
    [
        ("PbS", {"S": {"S": 0.5, "Se": 0.5}}, ("S", "Se")),
        ("CsPbI3-cubic", {"X": {"Br": 1 / 3, "I": 2 / 3}}, ("Br", "I")),
        ("CsPbI3-cubic", {"B": {"Pb": 0.5, "Sn": 0.5}}, ("Pb", "Sn")),
    ],
)
def test_quasirandom_is_more_random_than_random(name, mix, species):
    parent, repeat = load_crystal(name), (2, 2, 2)
    special = qs.alloy(parent, mix, repeat=repeat, arrangement="sqs", seed=2)
    assert special.recipe["result"]["exact"]
    plain = [pair_order(qs.alloy(parent, mix, repeat=repeat, seed=s), species) for s in range(8)]
    assert pair_order(special, species) <= min(plain) + 1e-9
    same_bytes(special, qs.alloy(parent, mix, repeat=repeat, arrangement="sqs", seed=2))


def test_quasirandom_on_several_sublattices_of_a_tilted_phase():
    mix = {"A": {"Cs": 0.5, "FA": 0.5}, "X": {"Br": 0.5, "I": 0.5}}
    made = qs.alloy(load_crystal("CsPbI3-orthorhombic"), mix, repeat=(1, 1, 2), arrangement="sqs")
    assert set(made.recipe["result"]["sqs objective"]) == {"A", "X"}
    assert made.ledger["Br"] == made.ledger["I"] == 12
    assert made.ledger["formamidinium"] == 4


def test_quasirandom_is_the_same_in_another_process():
    code = (
        "import qdsurf as qs, hashlib; "
        "c = qs.alloy(qs.load_crystal('CsPbI3-cubic'), {'X': {'Br': 0.5, 'I': 0.5}}, repeat=(2, 2, 2), "
        "arrangement='sqs', seed=4); print(hashlib.sha256(c.atoms.numbers.tobytes()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert len({r.stdout for r in runs}) == 1


def test_quasirandom_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqsgenerator", None)
    with pytest.raises(MissingExtra, match=r"qdsurf\[sqs\]"):
        qs.alloy(load_crystal("PbS"), {"S": {"S": 0.5, "Se": 0.5}}, repeat=(2, 2, 2), arrangement="sqs")


def test_short_range_order_of_known_arrangements():
    grid = np.array([[i, j, k] for i in range(4) for j in range(4) for k in range(4)], dtype=float) * 3.0
    cell, pbc = np.eye(3) * 12.0, np.array([True] * 3)
    checkerboard = np.where(grid.sum(axis=1) / 3 % 2 == 0, "Br", "I")
    assert short_range_order(checkerboard, grid, cell, pbc) == {"Br-I": -1.0}
    halves = np.where(grid[:, 0] < 6, "Br", "I")
    # of the six neighbours of each site one is across the border
    assert short_range_order(halves, grid, cell, pbc) == {"Br-I": pytest.approx(1 - (1 / 6) / 0.5, abs=1e-6)}
    assert short_range_order(np.array(["I"] * 64), grid, cell, pbc) == {}


# -- slabs and dots ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slab():
    return qs.cut_slab(load_crystal("CsPbI3-cubic"), "001", layers=3, termination="CsI", repeat=(2, 2))


@pytest.fixture(scope="module")
def dot():
    return qs.carve_dot(load_crystal("CsPbBr3-cubic"), cells=4)


def by_layer(surface, symbol):
    atoms = surface.atoms
    return Counter(atoms.arrays["layer"][atoms.symbols == symbol].tolist())


def test_enriched_and_depleted_slabs(slab):
    mix = {"X": {"Br": 0.3, "I": 0.7}}
    before = snapshot(slab)
    rich = qs.alloy(slab, mix, arrangement="surface-enriched")
    poor = qs.alloy(slab, mix, arrangement="surface-depleted")
    assert snapshot(slab) == before
    assert rich.ledger["Br"] == poor.ledger["Br"] == 12
    # eight anions in the two outermost planes; the others go to the planes below, both faces alike
    assert by_layer(rich, "Br") == {0: 4, 6: 4, 1: 2, 5: 2}
    assert not set(by_layer(poor, "Br")) & {0, 6}
    assert by_layer(poor, "Br")[3] == 8
    partly = qs.alloy(slab, mix, arrangement="surface-enriched", segregation=0.5)
    outside = sum(by_layer(partly, "Br")[n] for n in (0, 6))
    assert 6 <= outside <= 8
    assert rich.charge == poor.charge == partly.charge == 0


def test_sites_follow_the_ions(slab):
    made = qs.alloy(slab, {"X": {"Br": 0.3, "I": 0.7}, "A": {"Cs": 0.5, "FA": 0.5}}, seed=3)
    assert len(made.sites) == len(slab.sites)
    species = made.atoms.arrays["species"]
    for old, new in zip(slab.sites, made.sites, strict=True):
        assert np.allclose(old.position, new.position)
        if new.atoms:
            assert set(species[list(new.atoms)].tolist()) == {new.species}
        elif new.kind in ("on a cation", "on an anion"):
            assert set(species[list(new.neighbours)].tolist()) == {new.species}
    found = made.atoms.info["bulk_bonds"]
    assert found["Pb-Br"] == found["Pb-I"]
    assert found["formamidinium-Br"] == found["Cs-I"]
    # what comes after finds its way
    anion = next(n for n, s in enumerate(made.sites) if s.kind == "anion site")
    cation = next(n for n, s in enumerate(made.sites) if s.kind == "cation site")
    assert qs.remove(made, [made.sites[anion], made.sites[cation]]).charge == 0


def test_alloyed_dots_keep_charge_and_shape(dot):
    made = qs.alloy(dot, {"X": {"Br": 0.5, "Cl": 0.5}}, arrangement="surface-enriched")
    assert made.charge == dot.charge == 0
    atoms = made.atoms
    chlorine = atoms.symbols == "Cl"
    outside = atoms.arrays["role"] == "surface"
    anions = chlorine | (atoms.symbols == "Br")
    assert (outside & chlorine).sum() == min(chlorine.sum(), (outside & anions).sum())
    mixed = qs.alloy(dot, {"A": {"Cs": 0.5, "FA": 0.5}}, seed=1)
    assert worst_overlap(mixed) >= SMALLEST_RATIO - 1e-9
    assert mixed.ledger["formamidinium"] == dot.ledger["Cs"] // 2


def test_slabs_and_dots_survive_a_file(tmp_path, slab, dot):
    for surface, mix in ((slab, {"A": {"Cs": 0.5, "FA": 0.5}}), (dot, {"X": {"Br": 0.5, "I": 0.5}})):
        made = qs.alloy(surface, mix, seed=2)
        path = qs.write_structure(made, tmp_path / "mixed.extxyz")
        back = qs.read_surface(path)
        assert str(back.ledger) == str(made.ledger)
        assert [s.species for s in back.sites] == [s.species for s in made.sites]


def test_surface_refusals(slab):
    mix = {"X": {"Br": 0.3, "I": 0.7}}
    with pytest.raises(AskError, match="no surface"):
        qs.alloy(load_crystal("CsPbI3-cubic"), mix, repeat=(2, 2, 2), arrangement="surface-enriched")
    with pytest.raises(AskError, match="three directions"):
        qs.alloy(slab, mix, arrangement="sqs")
    with pytest.raises(AskError, match="not repeated"):
        qs.alloy(slab, mix, repeat=(2, 2, 1))
    with pytest.raises(AskError, match="keeps its lattice"):
        qs.alloy(slab, mix, lattice="vegard")
    with pytest.raises(AskError, match="segregation"):
        qs.alloy(slab, mix, arrangement="surface-enriched", segregation=1.5)
    place = [n for n, s in enumerate(slab.sites) if s.kind == "anion site"][:1]
    covered = qs.attach(slab, {"bromide": 1}, sites=place)
    with pytest.raises(AskError, match="carries ligands"):
        qs.alloy(covered, mix)


def test_trivalent_dopants_in_a_slab(slab):
    mix = {"B": {"Pb": 5 / 6, "Yb": 1 / 6}}
    with pytest.raises(ChargeError, match="vacancy"):
        qs.alloy(slab, mix)
    made = qs.alloy(slab, mix, compensate={"vacancy": "Cs", "place": "near"}, arrangement="surface-enriched")
    assert made.charge == 0
    assert made.ledger["Cs"] == slab.ledger["Cs"] - 2
    vacant = [s for s in made.sites if s.kind == "cation site" and not s.occupied]
    assert len(vacant) <= 2
    for site in vacant:
        assert np.linalg.norm(made.atoms.positions - site.position, axis=1).min() > 1.0


# -- cutting alloys ---------------------------------------------------------------------------------------


def bulk_share(crystal, species):
    return crystal.ledger[species] / sum(e.count for e in crystal.ledger.entries)


@pytest.mark.parametrize("termination", ["CsI", "PbI2"])
@pytest.mark.parametrize(
    ("mix", "ions"),
    [({"X": {"Br": 0.25, "I": 0.75}}, ("Br", "I")), ({"A": {"Cs": 0.5, "FA": 0.5}}, ("Cs", "formamidinium"))],
)
def test_slabs_of_alloys(mix, ions, termination):
    parent = load_crystal("CsPbI3-cubic")
    made = qs.alloy(parent, mix, repeat=(2, 2, 2), seed=3)
    cut = qs.cut_slab(made, "001", layers=3, termination=termination)
    pure = qs.cut_slab(parent, "001", layers=3, termination=termination, repeat=(2, 2))
    assert cut.charge == 0
    # ion by ion the slab of the parent, but for those that were mixed
    assert sum(cut.ledger[i] for i in ions) == sum(pure.ledger[i] for i in ions)
    assert cut.ledger["Pb"] == pure.ledger["Pb"]
    assert len(cut.sites) == len(pure.sites)
    assert Counter((s.kind, s.coordination) for s in cut.sites) == Counter(
        (s.kind, s.coordination) for s in pure.sites
    )
    whole = qs.cut_slab(made, "001", layers=2, symmetric=False)
    assert str(whole.ledger) == str(made.ledger)


def test_dots_of_alloys():
    parent = load_crystal("CsPbBr3-cubic")
    made = qs.alloy(parent, {"X": {"Br": 0.5, "Cl": 0.5}}, repeat=(2, 2, 2), seed=3)
    for termination in ("CsBr", "PbBr2"):
        cut = qs.carve_dot(made, cells=3, termination=termination)
        pure = qs.carve_dot(parent, cells=3, termination=termination)
        assert cut.charge == 0
        assert cut.ledger["Pb"] == pure.ledger["Pb"]
        assert cut.ledger["Cs"] == pure.ledger["Cs"]
        assert cut.ledger["Br"] + cut.ledger["Cl"] == pure.ledger["Br"]


def test_facets_of_a_supercell_are_named_as_in_its_parent():
    parent = load_crystal("PbS")
    made = qs.alloy(parent, {"S": {"S": 0.5, "Se": 0.5}}, repeat=(1, 2, 3), lattice="keep", seed=1)
    pure = qs.cut_slab(parent, (1, 1, 0), layers=4)
    cut = qs.cut_slab(made, (1, 1, 0), layers=4, symmetric=False)
    normal = np.cross(cut.atoms.cell[0], cut.atoms.cell[1])
    areas = [np.linalg.norm(np.cross(s.atoms.cell[0], s.atoms.cell[1])) for s in (cut, pure)]
    assert areas[0] / areas[1] == pytest.approx(round(areas[0] / areas[1]))
    assert normal[2] > 0
    assert cut.ledger["Pb"] == cut.ledger["S"] + cut.ledger["Se"]


# -- molecular cations ------------------------------------------------------------------------------------


@given(st.sampled_from(["MAPbI3", "MAPbCl3", "FAPbBr3"]), st.integers(0, 2**32 - 1),
       st.sampled_from([(2, 1, 1), (3, 1, 1), (2, 2, 2), (3, 3, 1)]))  # fmt: skip
def test_no_net_dipole(name, seed, repeat):
    made = qs.orient_cations(load_crystal(name), repeat=repeat, arrangement="no net dipole", seed=seed)
    assert np.allclose(made.recipe["result"]["net dipole"], 0, atol=1e-6)
    assert worst_overlap(made) >= SMALLEST_RATIO - 1e-9
    assert made.ledger.charge == 0
    # counted here from the positions
    atoms, total = made.atoms, np.zeros(3)
    for fragment in set(atoms.arrays["fragment"].tolist()):
        members = np.flatnonzero(atoms.arrays["fragment"] == fragment)
        if len(members) > 1:
            species = str(atoms.arrays["species"][members[0]])
            total += dipole(species, [str(s) for s in atoms.symbols[members]], atoms.positions[members])
    assert np.linalg.norm(total) < 1e-5


def test_random_orientations_keep_the_cations_and_report_the_dipole():
    parent = load_crystal("MAPbI3")
    made = qs.orient_cations(parent, repeat=(3, 3, 3), seed=1)
    same_bytes(made, qs.orient_cations(parent, repeat=(3, 3, 3), seed=1))
    assert np.linalg.norm(made.recipe["result"]["net dipole"]) > 1
    _, species, centres = centres_of(made.atoms)
    _, _, ideal = centres_of(parent.atoms * (1, 1, 1))
    middle = centres[[s == "methylammonium" for s in species]]
    fractional = middle @ np.linalg.inv(parent.atoms.cell.array) % 1
    assert np.allclose(fractional, 0.5, atol=1e-6)
    assert len(ideal) == 5
    with pytest.raises(AskError, match="larger repeat"):
        qs.orient_cations(parent, arrangement="no net dipole")
    with pytest.raises(AskError, match="no molecular cation"):
        qs.orient_cations(load_crystal("PbS"))
    with pytest.raises(AskError, match="arrangement"):
        qs.orient_cations(parent, arrangement="up")


def test_a_cage_too_small_is_refused():
    small = load_crystal("CsPbCl3-cubic")
    from dataclasses import replace

    atoms = small.atoms.copy()
    atoms.set_cell(atoms.cell * 0.7, scale_atoms=True)
    with pytest.raises(PlacementError, match="free of overlaps"):
        qs.alloy(replace(small, atoms=atoms, name="squeezed"), {"A": {"FA": 1.0}})


# -- bad questions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mix", "error", "match"),
    [
        ({"Q": {"Cs": 1.0}}, AskError, r"no sublattice 'Q'; it has A \(2 sites\)"),
        ({"A": {"Cs": 0.5, "FA": 0.4}}, AskError, "sum to 0.9"),
        ({"A": {"Cs": -0.5, "FA": 1.5}}, AskError, "0 or more"),
        ({"A": {"Cs": float("nan"), "FA": 1.0}}, AskError, "0 or more"),
        ({"A": {"Cs": 0.5, "Xx": 0.5}}, ChargeError, "no ion"),
        ({"B": {"Pb": 0.5, "Fe": 0.5}}, ChargeError, "Fe2"),
        ({"A": {"Cs": 0.5, "I": 0.5}}, ChargeError, "antisites"),
        ({"A": {"Cs": 1.0}, "Cs": {"Cs": 1.0}}, AskError, "same ions"),
        ({"A": {"FA": 0.5, "formamidinium": 0.5}}, AskError, "twice"),
        ({"A": {}}, AskError, "fractions by ion"),
        ({"A": 0.5}, AskError, "fractions by ion"),
        ({"A": {"Cs": "half", "FA": 0.5}}, AskError, "0 or more"),
        (["A"], AskError, "sublattices"),
        ({}, AskError, "sublattices"),
        ({"A": {"Cs": 0.3, "FA": 0.3, "MA": 0.4}}, AskError, "larger repeat"),
    ],
)
def test_bad_mixtures(mix, error, match):
    with pytest.raises(error, match=match):
        qs.alloy(load_crystal("CsPbI3-cubic"), mix, repeat=(2, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"repeat": (2, 2)}, "three positive"),
        ({"repeat": (0, 1, 1)}, "three positive"),
        ({"repeat": (1.5, 1, 1)}, "three positive"),
        ({"repeat": 2}, "three positive"),
        ({"arrangement": "pretty"}, "arrangement is one of"),
        ({"orientation": "up"}, "orientation is"),
        ({"seed": -1}, "seed is"),
        ({"compensate": 5}, "compensate is"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(AskError, match=match):
        qs.alloy(load_crystal("CsPbI3-cubic"), {"X": {"Br": 0.5, "I": 0.5}}, **arguments)


# -- files and command line -------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["cif", "extxyz", "vasp"])
def test_written_alloys_come_back(tmp_path, ending):
    made = qs.alloy(
        load_crystal("FAPbI3"), {"A": {"Cs": 0.25, "FA": 0.5, "MA": 0.25}}, repeat=(2, 2, 1), seed=1
    )
    path = qs.write_crystal(made, tmp_path / f"alloy.{ending}")
    back = load_crystal(path)
    assert str(back.ledger) == str(made.ledger)
    if ending == "extxyz":
        assert json.dumps(back.recipe) == json.dumps(dict(made.recipe))
        assert back.pseudocubic == made.pseudocubic
        cut = [qs.cut_slab(c, "001", layers=2, symmetric=False) for c in (back, made)]
        assert str(cut[0].ledger) == str(cut[1].ledger)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["alloy", "CsPbI3-cubic", "A=Cs:0.5,FA:0.5", "--repeat", "2x2x2"]
    done = run(*asked, "-o", "file.cif")
    assert done.exit_code == 0
    assert "4 Cs(+1), 24 I(-1), 8 Pb(+2), 4 formamidinium(+1); net charge +0" in done.output
    assert "Vegard" in done.output
    assert load_crystal("file.cif").ledger["formamidinium"] == 4
    facts = json.loads(run(*asked, "--json").output)
    assert facts["fractions"] == {"A": {"Cs": 0.5, "formamidinium": 0.5}}
    again = run("alloy", "file.cif", "X=Br:0.2,I:0.8")
    assert again.exit_code == 0
    assert "no: the nearest possible" in again.output
    qs.write_structure(qs.cut_slab(load_crystal("PbS"), "001", layers=4, repeat=(2, 2)), "slab.extxyz")
    surface = run(
        "alloy", "slab.extxyz", "S=S:0.75,Se:0.25", "--arrangement", "surface-enriched", "-o", "mixed.extxyz"
    )
    assert surface.exit_code == 0
    assert qs.read_surface("mixed.extxyz").ledger["Se"] > 0


@pytest.mark.parametrize("mix", ["A=Cs:0.5", "A=Cs", "A", "A=Cs:x,FA:0.5", "Q=Cs:1", "A=Cs:0.5,Cs:0.5"])
def test_command_refuses(tmp_path, monkeypatch, mix):
    monkeypatch.chdir(tmp_path)
    done = run("alloy", "CsPbI3-cubic", mix, "--repeat", "2x2x2", "-o", "file.cif")
    assert isinstance(done.exception, AskError)
    assert not list(tmp_path.iterdir())
