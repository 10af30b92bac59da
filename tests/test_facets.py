"""Facets and compensation: what is cut is neutral, free of a dipole and has equal faces, or is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from math import gcd
from pathlib import Path

import numpy as np
import pytest
import spglib
from ase import Atoms
from hypothesis import assume, given
from hypothesis import strategies as st
from matscipy.neighbours import neighbour_list

import qdsurf as qs
from qdsurf.build.bonds import centres_of, stored_bonds
from qdsurf.build.facets import facet_terminations
from qdsurf.build.planes import PLANE_GAP, ions_of, parse_hkl, stack
from qdsurf.errors import AskError, BadEntry, ChargeError, UnknownName
from qdsurf.library import read_entry
from qdsurf.model import Crystal, Surface

IONIC = [n for n in qs.list_shelf("bulk") if len(read_entry("bulk", n)["charges"]) > 1]
RULES = (None, "half", "vacancies", "cap", "cap:Cl", "cap:Na")
NAMED = [
    ("CsPbBr3-cubic", ("001", "110", "111")),
    ("CsPbI3-cubic", ("001", "110", "111")),
    ("CsPbBr3-orthorhombic", ("001", "110", "111", "100", "101")),
    ("CsPbI3-orthorhombic", ("001", "110", "111")),
    ("MAPbI3", ("001", "110", "111")),
    ("FAPbI3", ("001", "110", "111")),
    ("PbS", ("100", "110", "111")),
    ("PbSe", ("100", "110", "111")),
    ("CdSe-zincblende", ("100", "110", "111")),
    ("CdSe-wurtzite", ("0001", "10-10", "110")),
    ("TiO2-anatase", ("101", "001", "100")),
]


def matrix_of(repeat: object) -> np.ndarray:
    given = np.array(repeat)
    return np.diag(given) if given.ndim == 1 else given


def exchanged(labels: list[str], centres: np.ndarray, cell: np.ndarray) -> int:
    """How many operations that spglib finds bring the top of a slab to its bottom."""
    kinds = {s: n for n, s in enumerate(sorted(set(labels)))}
    described = (cell, centres @ np.linalg.inv(cell), [kinds[s] for s in labels])
    # a supercell need not keep an operation that the smallest cell of the same slab has
    described = spglib.standardize_cell(described, to_primitive=True, no_idealize=True, symprec=0.05)
    found = spglib.get_symmetry(described, symprec=0.05)
    cell = described[0]
    turned = [cell.T @ r @ np.linalg.inv(cell.T) for r in found["rotations"]]
    return sum(abs(t[2, 2] + 1) < 1e-2 for t in turned)


def ions(crystal: Crystal) -> tuple[list[str], np.ndarray]:
    found = ions_of(crystal.atoms)
    return [i.species for i in found], np.array([i.centre for i in found])


def pairs(species: list[str], centres: np.ndarray, cell: np.ndarray, pbc: object, reach: float):
    """Indices and distances of all pairs of ions within *reach* Å."""
    return neighbour_list("ijd", Atoms("X" * len(species), centres, cell=cell, pbc=pbc), reach)


def check(slab: Surface, crystal: Crystal, layers: int) -> None:
    """Check all that a slab must be, by other means than those that made it."""
    fragments, species, centres = centres_of(slab.atoms)
    cell, recipe = slab.atoms.cell.array, slab.recipe
    result = recipe["result"]
    charges = np.array([slab.charges[s] for s in species])
    assert charges.sum() == slab.charge == recipe["charge"]
    cells = abs(round(np.linalg.det(matrix_of(recipe["repeat"]))))
    dipole = charges @ (centres[:, 2] - cell[2, 2] / 2) / cells
    if not slab.charge:
        assert dipole == pytest.approx(result["dipole"], abs=1e-3)
        assert abs(dipole) <= recipe["max_dipole"] + 1e-3
    if recipe["symmetric"]:
        labels = [str(q) for q in charges] if "mixed" in result else species
        assert exchanged(labels, centres, cell) > 0, result["faces"]
    # the number of planes, and one repeat unit of planes inside has the composition of the bulk
    planes = stack(crystal, parse_hkl(recipe["hkl"]))
    period = len(planes.planes) // planes.units
    capped = 1 if result.get("added") else 0
    number = int(slab.atoms.arrays["layer"].max()) + 1 - 2 * capped
    assert number == result["planes"] - 2 * capped
    assert layers * period <= number <= (layers + 1) * period - (1 if recipe["symmetric"] else period)
    if number >= period + 2:
        level = dict(zip(slab.atoms.arrays["fragment"].tolist(), slab.atoms.arrays["layer"], strict=True))
        inner = range(1 + capped, 1 + capped + period)
        found = Counter(s for s, f in zip(species, fragments, strict=True) if level[f] in inner)
        bulk = Counter(ions(crystal)[0])
        assert all(found[s] * bulk.total() == bulk[s] * found.total() for s in bulk)
    # no ion comes closer to another than in the bulk, and none floats
    pair = stored_bonds(slab.atoms)
    i, j, d = pairs(species, centres, cell, slab.atoms.pbc, 1.25 * max(r for r, _ in pair.values()))
    bulk_pairs = pairs(*ions(crystal), crystal.atoms.cell.array, True, 4.0)
    assert d.min() > 0.99 * bulk_pairs[2].min()
    reach = np.array(
        [1.25 * pair.get(f"{species[a]}-{species[b]}", (0.0, 0))[0] for a, b in zip(i, j, strict=True)]
    )
    assert set(i[d < reach].tolist()) == set(range(len(species)))
    assert np.ptp(slab.atoms.positions[:, 2]) + recipe["vacuum"] == pytest.approx(cell[2, 2])


facet_indices = st.tuples(*[st.integers(-2, 2)] * 3).filter(lambda h: gcd(*h) == 1)
repeats = st.one_of(
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from([[[1, 1], [1, -1]], [[1, 1], [-1, 1]], [[2, 1], [0, 1]], [[1, 1], [-1, 2]]]),
)


@given(
    name=st.sampled_from(IONIC),
    hkl=st.one_of(st.sampled_from([(0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)]), facet_indices),
    layers=st.integers(1, 3),
    repeat=repeats,
    vacuum=st.floats(1, 40),
    symmetric=st.booleans(),
    rule=st.sampled_from(RULES),
    data=st.data(),
)
def test_any_slab_is_right_or_refused(name, hkl, layers, repeat, vacuum, symmetric, rule, data):
    crystal = qs.load_crystal(name)
    before = crystal.atoms.copy()
    known = qs.terminations(crystal, hkl)
    wanted = data.draw(st.sampled_from([None, *known]), label="termination")
    asked = {"layers": layers, "termination": wanted, "repeat": repeat, "vacuum": vacuum}
    try:
        slab = qs.cut_slab(crystal, hkl, **asked, symmetric=symmetric, compensate=rule)
    except ChargeError as error:
        assert re.search(r"[+-]\d|\d+\.\d\d|\d+ [A-Z]", str(error))  # noqa: PT017
        return
    except AskError as error:
        # the facet never has two faces of this kind at once, or the slab would fall apart
        assert re.search("equal faces|bound to nothing|rods or pieces", str(error))  # noqa: PT017
        return
    assume(len(slab.atoms) < 600)
    assert crystal.atoms == before
    assert wanted in (None, slab.recipe["termination"])
    check(slab, crystal, layers)
    again = qs.cut_slab(crystal, hkl, **asked, symmetric=symmetric, compensate=rule)
    assert again.atoms.positions.tobytes() == slab.atoms.positions.tobytes()
    assert json.dumps(again.recipe) == json.dumps(slab.recipe)


@pytest.mark.parametrize(("name", "hkl"), [(n, f) for n, facets in NAMED for f in facets])
def test_every_named_facet_has_a_neutral_slab(name, hkl):
    crystal = qs.load_crystal(name)
    miller, rows = facet_terminations(crystal, hkl)
    made = 0
    for row in rows:
        two_faces = row.charge is not None
        for rule, repeat in row.rules.items() if not row.neutral else [(None, (1, 1))]:
            slab = qs.cut_slab(
                crystal,
                hkl,
                layers=2,
                termination=row.formula,
                repeat=repeat,
                compensate=rule,
                symmetric=two_faces,
            )
            check(slab, crystal, 2)
            assert slab.recipe["result"]["miller"] == miller
            made += 1
    assert made


@pytest.mark.parametrize(
    ("name", "hkl"),
    [("CsPbBr3-cubic", "001"), ("CsPbBr3-cubic", "110"), ("CsPbBr3-cubic", "111"), ("PbS", "100"),
     ("PbS", "111"), ("CdSe-zincblende", "110"), ("CdSe-zincblende", "100"), ("CdSe-wurtzite", "001"),
     ("CdSe-wurtzite", "110"), ("TiO2-anatase", "101"), ("TiO2-anatase", "001"), ("CsPbBr3-delta", "100")],
)  # fmt: skip
def test_terminations_agree_with_pymatgen(name, hkl):
    surface = pytest.importorskip("pymatgen.core.surface")
    from pymatgen.io.ase import AseAtomsAdaptor

    crystal = qs.load_crystal(name)
    bulk = AseAtomsAdaptor.get_structure(Atoms(crystal.atoms.symbols, crystal.atoms.positions,
                                               cell=crystal.atoms.cell, pbc=True))  # fmt: skip
    generator = surface.SlabGenerator(
        bulk, parse_hkl(hkl), 12, 10, center_slab=True, primitive=False, max_normal_search=None
    )
    found = set()
    for slab in generator.get_slabs(ftol=PLANE_GAP, filter_out_sym_slabs=False):
        height = slab.cart_coords @ slab.normal
        order = np.argsort(height)
        breaks = np.flatnonzero(np.diff(height[order]) >= PLANE_GAP)
        for outer in (order[: breaks[0] + 1], order[breaks[-1] + 1 :]):
            counts = Counter(slab[int(n)].specie.symbol for n in outer)
            common = gcd(*counts.values())
            found.add(frozenset((s, n // common) for s, n in counts.items()))
    ours = set()
    for text in qs.terminations(crystal, hkl):
        ours.add(frozenset((s, int(n or 1)) for s, n in re.findall(r"([A-Z][a-z]?)(\d*)", text)))
    assert ours == found


@pytest.mark.parametrize(
    ("name", "hkl", "asked"),
    [("CsPbBr3-cubic", "001", {}), ("PbS", "100", {}), ("CdSe-wurtzite", "10-10", {}),
     ("PbS", "111", {"compensate": "cap:Cl", "termination": "Pb"}),
     ("CdSe-zincblende", "100", {"compensate": "half", "repeat": [[1, 1], [1, -1]]}),
     ("CsPbBr3-cubic", "110", {"compensate": "half"}),
     ("CdSe-zincblende", "111", {"compensate": "vacancies", "symmetric": False,
       "repeat": [[1, 2], [-2, 1]]})],
)  # fmt: skip
def test_symmetry_agrees_with_pymatgen(name, hkl, asked):
    surface = pytest.importorskip("pymatgen.core.surface")
    from pymatgen.core import Lattice, Structure

    slab = qs.cut_slab(qs.load_crystal(name), hkl, layers=2, **asked)
    atoms = slab.atoms
    lattice, places = Lattice(atoms.cell.array), atoms.get_scaled_positions()
    bulk = Structure(lattice, atoms.get_chemical_symbols(), places)
    other = surface.Slab(lattice, bulk.species, places, parse_hkl(hkl), bulk, 0, np.eye(3))
    equal = slab.recipe["result"]["faces"] != "not related by symmetry"
    assert other.is_symmetric() == equal == slab.recipe["symmetric"]


@pytest.mark.parametrize(("cap", "repeat"), [("Cl", (1, 1)), ("I", (2, 2)), ("bromide", [[1, 1], [1, -1]])])
def test_lead_rich_sulfide_is_capped_by_charge(cap, repeat):
    slab = qs.cut_slab(
        qs.load_crystal("PbS"), "111", layers=4, termination="Pb", compensate=f"cap:{cap}", repeat=repeat
    )
    ion = {"bromide": "Br"}.get(cap, cap)
    assert 2 * (slab.ledger["Pb"] - slab.ledger["S"]) == slab.ledger[ion]
    # each cap bridges three lead ions, and can be exchanged for a ligand
    sites = [s for s in slab.sites if s.kind == "anion site"]
    assert {(s.species, s.coordination) for s in sites} == {(ion, 3)}
    distances = [slab.atoms.get_distance(s.atoms[0], n, mic=True) for s in sites for n in s.neighbours]
    # at the place of a sulfide; iodide, which is too large for it, at 0.9 of the sum of Shannon's radii
    length = 0.9 * (1.19 + 2.20) if cap == "I" else 5.936 / 2
    assert distances == pytest.approx([length] * len(distances), abs=1e-3)
    assert not [s for s in slab.sites if s.kind == "on a cation"]
    assert slab.name.endswith(f"-Pb-{ion}")


def test_perovskite_polar_faces():
    crystal = qs.load_crystal("CsPbBr3-cubic")
    half = qs.cut_slab(crystal, "110", layers=3, termination="Br", compensate="half")
    assert half.atoms.get_chemical_formula() == "Br9Cs3Pb3"
    assert half.recipe["result"]["removed"] == {"Br": 2}
    bare = qs.cut_slab(crystal, "110", layers=3, termination="CsPbBr", compensate="vacancies")
    assert bare.recipe["result"]["removed"] == {"Cs": 2}
    capped = qs.cut_slab(crystal, "111", layers=3, termination="Pb", compensate="cap")
    assert capped.recipe["result"]["added"] == {"Br": 2}
    assert capped.recipe["compensate"] == "cap:Br"
    # nothing is done where nothing is needed
    whole = qs.cut_slab(crystal, "001", layers=3, compensate="half")
    assert whole.name == "CsPbBr3-cubic(001)-CsBr"
    with pytest.raises(ChargeError, match="Br adds to it"):
        qs.cut_slab(crystal, "111", layers=3, termination="CsBr3", compensate="cap:Br")


def test_vacancies_lie_apart():
    slab = qs.cut_slab(
        qs.load_crystal("PbS"), "111", layers=2, termination="Pb", compensate="vacancies", repeat=(4, 4)
    )
    whole = qs.cut_slab(
        qs.load_crystal("PbS"), "111", layers=2, termination="Pb", compensate="cap:Cl", repeat=(4, 4)
    )
    layer = whole.atoms.arrays["layer"]
    top = whole.atoms[layer == layer.max() - 1].positions[:, :2]
    left = slab.atoms[slab.atoms.arrays["layer"] == slab.atoms.arrays["layer"].max()].positions[:, :2]
    assert (len(top), len(left)) == (16, 8)
    gone = np.array([p for p in top if np.linalg.norm(left - p, axis=1).min() > 0.1])
    # eight of sixteen: rows, each vacancy with two others beside it
    box = Atoms("X" * 8, np.column_stack([gone, np.zeros(8)]), cell=slab.atoms.cell, pbc=(True, True, False))
    i = neighbour_list("i", box, 1.1 * slab.atoms.cell.lengths()[0] / 4)
    assert np.bincount(i, minlength=8).tolist() == [2] * 8


@pytest.mark.parametrize("repeat", [[[1, 1], [1, -1]], [[1, 1], [-1, 1]]])
def test_matrix_of_a_supercell(repeat):
    crystal = qs.load_crystal("CsPbBr3-cubic")
    one = qs.cut_slab(crystal, "001", layers=2)
    slab = qs.cut_slab(crystal, "001", layers=2, repeat=repeat)
    assert len(slab.atoms) == 2 * len(one.atoms)
    cell = slab.atoms.cell.array
    assert cell[0] == pytest.approx([5.87 * np.sqrt(2), 0, 0])
    assert np.linalg.det(cell) > 0
    assert len(set(slab.atoms.arrays["fragment"].tolist())) == len(slab.atoms)
    tiled = one.atoms.repeat((3, 3, 1))
    for atoms in (slab.atoms, tiled):
        atoms.pbc = (True, True, False)
    _, _, d = neighbour_list("ijd", slab.atoms, 4.5), None, neighbour_list("d", slab.atoms, 4.5)
    assert len(d) * 9 == len(neighbour_list("d", tiled, 4.5)) * 2


def test_fixed_planes_survive_a_file(tmp_path: Path):
    slab = qs.cut_slab(qs.load_crystal("FAPbI3"), "001", layers=3, fixed=3, repeat=(2, 1))
    mask = slab.atoms.arrays["fixed"]
    assert set(slab.atoms.arrays["layer"][mask].tolist()) == {2, 3, 4}
    assert slab.atoms.constraints[0].index.tolist() == np.flatnonzero(mask).tolist()
    back = qs.read_surface(qs.write_structure(slab, tmp_path / "slab.extxyz"))
    assert back.atoms.arrays["fixed"].tolist() == mask.tolist()
    assert back.atoms.constraints[0].index.tolist() == np.flatnonzero(mask).tolist()
    inner = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=3, fixed="inner")
    assert not inner.atoms.arrays["fixed"][inner.atoms.arrays["role"] == "surface"].any()
    assert "fixed" not in qs.cut_slab(qs.load_crystal("PbS"), "100", layers=2).atoms.arrays


@pytest.mark.parametrize("name", ["MAPbI3", "FAPbI3"])
@pytest.mark.parametrize("hkl", ["001", "110", "111"])
def test_molecules_stay_whole(name, hkl):
    crystal = qs.load_crystal(name)
    cation = "methylammonium" if name == "MAPbI3" else "formamidinium"
    size = int((crystal.atoms.arrays["species"] == cation).sum())
    slab = qs.cut_slab(crystal, hkl, layers=2, compensate="vacancies", repeat=(2, 2))
    atoms = slab.atoms
    for fragment in set(atoms.arrays["fragment"][atoms.arrays["species"] == cation].tolist()):
        members = atoms[atoms.arrays["fragment"] == fragment]
        assert len(members) == size
        members.pbc = False
        assert members.get_all_distances().max() < 5.0
    assert slab.ledger[cation] > 0


def test_orientations_that_are_not_related_are_named():
    crystal = qs.load_crystal("MAPbI3")
    flat = qs.cut_slab(crystal, "001", layers=2)
    tilted = qs.cut_slab(crystal, "100", layers=2)
    assert "molecules" not in flat.recipe["result"]
    assert "methylammonium" in tilted.recipe["result"]["molecules"]


def test_mixed_crystals_keep_equal_sites():
    cubic = qs.load_crystal("CsPbBr3-cubic")
    atoms = cubic.atoms.repeat((2, 2, 2))
    atoms.set_array("fragment", np.arange(len(atoms)), dtype=int)
    mixed = np.random.default_rng(1).choice(np.flatnonzero(atoms.arrays["species"] == "Br"), 9, replace=False)
    atoms.arrays["species"][mixed] = "I"
    atoms.symbols[mixed] = "I"
    crystal = Crystal(
        name="mixed", atoms=atoms, charges={"Cs": 1, "Pb": 2, "Br": -1, "I": -1}, space_group="P1 (1)",
        source=cubic.source, pseudocubic=((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)),
    )  # fmt: skip
    slab = qs.cut_slab(crystal, "001", layers=3, termination="PbBr2")
    assert slab.charge == 0
    assert int(slab.atoms.arrays["layer"].max()) == 6
    assert "mixed" in slab.recipe["result"]
    outer = slab.atoms.arrays["species"][slab.atoms.arrays["layer"] == 0]
    assert "Cs" not in outer
    assert (outer == "Pb").sum() == 4


@pytest.mark.parametrize(
    ("asked", "kind", "message"),
    [
        ({"repeat": [[1, 1], [2, 2]]}, AskError, "singular"),
        ({"repeat": [[1.5, 0], [0, 1]]}, AskError, "integers"),
        ({"repeat": (1, 2, 3)}, AskError, "repeat"),
        ({"repeat": "2x2"}, AskError, "repeat"),
        ({"layers": 1.5}, AskError, "layer"),
        ({"vacuum": float("inf")}, AskError, "vacuum"),
        ({"vacuum": float("nan")}, AskError, "vacuum"),
        ({"max_dipole": -1}, AskError, "max_dipole"),
        ({"fixed": 0}, AskError, "1 to 4"),
        ({"fixed": 2}, AskError, "1 or 3"),
        ({"fixed": "outer"}, AskError, "inner"),
        ({"layers": 1, "fixed": 2}, AskError, "take 1"),
        ({"compensate": "cap:Pb"}, AskError, "monovalent"),
        ({"compensate": "cap:oleate"}, AskError, "attach"),
        ({"compensate": "hydroxide"}, AskError, "attach"),
        ({"hkl": (1, 1, 1), "compensate": "vacancies", "termination": "Pb"}, ChargeError, "2 surface cells"),
        ({"hkl": (1, 1, 1), "compensate": "half", "termination": "Pb"}, ChargeError, "halve 1 Pb"),
        ({"charge": 1}, ChargeError, r"\+0 in this cell .* asked for \+1"),
        ({"hkl": (0, 0, 2)}, AskError, "common divisor 2"),
        ({"hkl": "0x1"}, AskError, "three integers"),
    ],
)
def test_wrong_questions(asked, kind, message):
    with pytest.raises(kind, match=message):
        qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), **{"hkl": (0, 0, 1), "layers": 2, **asked})


def test_a_repeat_without_the_operation_is_refused():
    crystal = qs.load_crystal("CdSe-zincblende")
    with pytest.raises(ChargeError, match="does not keep"):
        qs.cut_slab(crystal, "100", layers=2, compensate="half", repeat=(2, 1))
    one_sided = qs.cut_slab(crystal, "110", layers=2, symmetric=False, repeat=(2, 1))
    assert one_sided.charge == 0


def test_polar_face_with_a_dipole_that_is_accepted():
    crystal = qs.load_crystal("CdSe-wurtzite")
    asked = {"layers": 2, "symmetric": False, "compensate": "vacancies", "repeat": (2, 2)}
    with pytest.raises(ChargeError, match=r"1 Cd above and 1 Se below leave 0\.\d\d e Å .* 7 surface cells"):
        qs.cut_slab(crystal, "0001", **asked)
    slab = qs.cut_slab(crystal, "0001", **asked, max_dipole=1.0)
    assert 0.05 < abs(slab.recipe["result"]["dipole"]) < 1.0
    free = qs.cut_slab(crystal, "0001", **{**asked, "repeat": [[1, 3], [-3, -2]]})
    assert abs(free.recipe["result"]["dipole"]) < 0.05
    check(free, crystal, 2)


def test_tilted_perovskites_tell_their_true_facet():
    crystal = qs.load_crystal("CsPbBr3-orthorhombic")
    slab = qs.cut_slab(crystal, "001", layers=3, termination="CsBr")
    assert slab.recipe["result"]["miller"] == (0, 1, 0)
    assert slab.atoms.cell.lengths()[:2] == pytest.approx(sorted([8.198, 8.244]), abs=1e-3)
    assert qs.cut_slab(crystal, "110", layers=2).recipe["result"]["miller"] == (1, 0, 0)


@pytest.mark.parametrize("name", qs.list_shelf("surfaces"))
def test_every_surface_of_the_shelf(name):
    entry = read_entry("surfaces", name)
    assert entry["source"]["text"]
    assert entry["source"]["status"] in ("measured", "computed", "verified", "unverified")
    slab = qs.load_surface(name)
    check(slab, qs.load_crystal(entry["crystal"]), entry["layers"])
    wider = qs.load_surface(name, repeat=(2, 2), vacuum=20.0)
    assert len(wider.atoms) == 4 * len(slab.atoms)


def test_private_surfaces_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UnknownName, match="PbS-100"):
        qs.load_surface("PbS-10")
    with pytest.raises(AskError, match="colour"):
        qs.load_surface("PbS-100", colour="red")
    (tmp_path / "structures/surfaces").mkdir(parents=True)
    text = 'title = "x"\ncrystal = "PbS"\nhkl = [1, 0, 0]\nlayers = 2\ntermination = "PbS"\n'
    source = '[source]\ntext = "made here"\nstatus = "unverified"\n'
    monkeypatch.setenv("QDSURF_LIBRARY", str(tmp_path))
    for extra, message in (("", None), ("depth = 3\n", "depth"), ("repeat = [[1, 1], [1, -1]]\n", None)):
        (tmp_path / "structures/surfaces/mine.toml").write_text(text + extra + source)
        if message is None:
            assert qs.load_surface("mine").charge == 0
        else:
            with pytest.raises(BadEntry, match=message):
                qs.load_surface("mine")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from qdsurf.cli import main

    def run(text: str) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["qdsurf", *text.split()])
            with pytest.raises(SystemExit) as stop:
                main()
        out = capsys.readouterr()
        return int(stop.value.code or 0), out.out, out.err

    code, out, _ = run("slab CsPbBr3-orthorhombic --hkl 001 --termination CsBr --fixed 3 --json")
    assert code == 0
    assert json.loads(out)["miller"] == [0, 1, 0]
    assert json.loads(out)["fixed atoms"] == 14
    file = tmp_path / "slab.extxyz"
    code, out, _ = run(f"slab PbS-111-Pb-Cl --repeat 1,1,1,-1 -o {file}")
    assert code == 0
    assert "Cl: 4" in out
    assert qs.read_surface(file).ledger["Cl"] == 4
    code, out, _ = run("slab PbS --hkl 111 --terminations --json")
    assert [row["formula"] for row in json.loads(out)["terminations"]] == ["Pb", "S"]
    code, _, err = run(f"slab PbS --hkl 111 -o {tmp_path / 'none.extxyz'}")
    assert code == 2
    assert re.search(r"[+-]2 in this cell", err)
    assert not (tmp_path / "none.extxyz").exists()


@pytest.mark.parametrize(
    ("name", "hkl", "termination", "cap", "pair", "length"),
    [
        ("CsPbI3-tetragonal", "111", "Pb", "F", "Pb", 1.33 + 1.19),
        ("MAPbI3", "110", "MAPbI", "F", "Pb", 1.33 + 1.19),
        ("CsPbBr3-cubic", "110", "Br", "Na", "Br", 1.02 + 1.96),
        ("CdSe-zincblende", "001", "Cd", "I", "Cd", 0.9 * (2.20 + 0.95)),
    ],
)
def test_caps_lie_at_a_bond_length_of_their_own(name, hkl, termination, cap, pair, length):
    slab = qs.cut_slab(qs.load_crystal(name), hkl, layers=2, termination=termination, compensate=f"cap:{cap}")
    i, j, d = neighbour_list("ijd", slab.atoms, 5.0)
    symbols = np.array(slab.atoms.get_chemical_symbols())
    here = (symbols[i] == cap) & (symbols[j] == pair)
    assert d[here].min() == pytest.approx(length, abs=1e-3)
    assert not [f for f in qs.validate(slab) if f.level == "error"]


@pytest.mark.parametrize(("name", "hkl"), [("TiO2-anatase", "210"), ("CdSe-wurtzite", "210")])
def test_a_cut_that_falls_into_rods_is_refused(name, hkl):
    crystal = qs.load_crystal(name)
    with pytest.raises(qs.AskError, match="rods or pieces that no bond joins; take more layers"):
        qs.cut_slab(crystal, hkl, layers=2)
    assert not [f for f in qs.validate(qs.cut_slab(crystal, hkl, layers=4)) if f.level == "error"]


def test_no_rule_leaves_an_anion_without_a_cation_that_holds_it():
    for name in ("MAPbI3", "CsPbBr3-cubic"):
        with pytest.raises(qs.AskError, match="are bound to nothing"):
            qs.cut_slab(
                qs.load_crystal(name), "311", layers=2, termination="Pb", compensate="half", repeat=(2, 2)
            )
    # a stoichiometric cut of the chains of the delta phase has iodide that only caesium holds
    assert qs.cut_slab(qs.load_crystal("CsPbI3-delta"), "110", layers=2).charge == 0


def test_slabs_that_would_fill_the_memory_are_refused():
    with pytest.raises(qs.AskError, match="ions, more than 500,000; take fewer layers"):
        qs.cut_slab(qs.load_crystal("PbS"), "100", layers=10**6)
    with pytest.raises(qs.AskError, match=r"layers is a whole number; got 2\.5"):
        qs.cut_slab(qs.load_crystal("PbS"), "100", layers=2.5)
    with pytest.raises(qs.AskError, match=r"charge is a whole number; got 0\.5"):
        qs.cut_slab(qs.load_crystal("PbS"), "100", layers=2, charge=0.5)
