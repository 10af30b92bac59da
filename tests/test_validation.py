"""The validator: finds what is wrong in files of other tools, and finds nothing wrong where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule, surface
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import qdsurf as qs
from qdsurf.cli.commands import app
from qdsurf.errors import AskError
from qdsurf.validation import Finding, validate
from qdsurf.validation.lewis import lewis
from qdsurf.validation.molecules import shelf_names

CUBIC = 5.874


def perovskite(a: float = CUBIC) -> Atoms:
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    return Atoms("CsPbBr3", scaled_positions=places, cell=[a, a, a], pbc=True)


def plain(atoms: Atoms) -> Atoms:
    """Elements, positions and cell alone, as another tool would write them."""
    return Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def cut_cube(n: int) -> Atoms:
    """Cut of n cells, ended by CsBr on all sides, as everybody cuts it: charge +(3n + 1)."""
    many = perovskite().repeat(n + 1)
    many.pbc = False
    return many[(many.positions < n * CUBIC + 0.1).all(axis=1)]


def codes(findings: tuple[Finding, ...], level: str = "error") -> set[str]:
    return {f.code for f in findings if f.level == level}


def the(findings: tuple[Finding, ...], code: str) -> Finding:
    (found,) = [f for f in findings if f.code == code]
    return found


def alarms(findings: tuple[Finding, ...]) -> list[str]:
    return [str(f) for f in findings if f.level != "note"]


# --- what other tools hand over -------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_cut_cube_carries_three_n_plus_one(n: int) -> None:
    # Cs (n+1)^3, Pb n^3, Br 3 n^2 (n+1): n^3 + 3n^2 + 3n + 1 + 2n^3 - 3n^3 - 3n^2 = 3n + 1
    found = the(validate(cut_cube(n)), "charge")
    assert found.level == "error"
    assert f"net formal charge +{3 * n + 1}:" in found.message
    assert f"add {3 * n + 1} Br(-1)" in found.message
    assert f"remove {3 * n + 1} of {(n + 1) ** 3} Cs(+1)" in found.message


def test_what_it_says_mends_the_charge() -> None:
    cube = cut_cube(3)
    corners = [i for i, s in enumerate(cube.symbols) if s == "Cs"][:10]
    del cube[corners]
    assert the(validate(cube), "charge").level == "note"


@pytest.mark.parametrize(("crystal", "hkl", "charge"), [("CsPbBr3", (1, 1, 0), 2), ("PbS", (1, 1, 1), 2)])
def test_symmetrised_slabs_of_pymatgen_are_charged(
    crystal: str, hkl: tuple[int, int, int], charge: int
) -> None:
    surfaces = pytest.importorskip("pymatgen.core.surface")
    from pymatgen.io.ase import AseAtomsAdaptor

    cell = perovskite() if crystal == "CsPbBr3" else bulk("PbS", "rocksalt", a=5.936)
    structure = AseAtomsAdaptor.get_structure(cell)
    slabs = surfaces.SlabGenerator(structure, hkl, 15, 15).get_slabs(symmetrize=True)
    found = [the(validate(AseAtomsAdaptor.get_atoms(s)), "charge") for s in slabs]
    assert {f.message.split(":")[0].split()[-1] for f in found} == {f"+{charge}", f"-{charge}"}
    assert all("half on each face" in f.message for f in found)


def test_a_polar_slab_and_unequal_faces() -> None:
    polar = surface(bulk("PbS", "rocksalt", a=5.936), (1, 1, 1), 5, vacuum=8, periodic=True)
    assert codes(validate(polar)) == {"dipole"}
    assert "grows with thickness" in the(validate(polar), "dipole").message
    uneven = surface(perovskite(), (0, 0, 1), 4, vacuum=8, periodic=True)
    found = validate(uneven)
    assert codes(found) == set()
    assert codes(found, "warning") == {"unequal-faces"}
    ends = the(found, "termination").message
    assert "CsBr" in ends
    assert "PbBr2" in ends


def test_the_dipole_does_not_depend_on_where_the_slab_lies() -> None:
    polar = surface(bulk("PbS", "rocksalt", a=5.936), (1, 1, 1), 5, vacuum=8, periodic=True)
    said = the(validate(polar), "dipole").message
    for shift in (3.0, 11.0, 17.0):
        moved = polar.copy()
        moved.positions += [0.3, 0.1, shift]
        moved.wrap()
        assert the(validate(moved), "dipole").message == said


@pytest.mark.parametrize(
    ("vacuum", "level"), [(3.5, "error"), (5.0, "error"), (8.0, "warning"), (15.0, None)]
)
def test_vacuum(vacuum: float, level: str | None) -> None:
    slab = surface(bulk("PbS", "rocksalt", a=5.936), (1, 0, 0), 4, vacuum=vacuum / 2, periodic=True)
    found = [f for f in validate(slab) if f.code == "vacuum"]
    assert [f.level for f in found] == ([] if level is None else [level])
    assert all(f"{vacuum:.1f} Å" in f.message for f in found)


def test_a_layered_crystal_is_no_slab_without_vacuum() -> None:
    # P-3m1, a = 4.557, c = 6.979 Å, z(I) = 0.2675: lead iodide 2H
    places = [(0, 0, 0), (1 / 3, 2 / 3, 0.2675), (2 / 3, 1 / 3, -0.2675)]
    iodide = Atoms("PbI2", scaled_positions=places, cell=[4.557, 4.557, 6.979, 90, 90, 120], pbc=True)
    found = validate(iodide)
    assert alarms(found) == []
    assert "layered crystal" in the(found, "layers").message


def test_a_dot_across_the_border_of_its_box() -> None:
    dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=3).atoms
    boxed = plain(dot)
    boxed.center(vacuum=7.5)
    boxed.pbc = True
    assert alarms(validate(boxed)) == []
    boxed.positions += boxed.cell.array.sum(axis=0) * 0.37
    boxed.wrap()
    found = validate(boxed)
    assert alarms(found) == []
    assert "{100}" in the(found, "facets").message


def test_overlapping_molecules() -> None:
    one = molecule("CH4")
    bond = one.positions[1] - one.positions[0]
    other = one.copy()
    other.positions = one.positions[0] - (one.positions - one.positions[0])
    other.positions += bond * (2 + 0.4 / np.linalg.norm(bond))
    found = next(f for f in validate(one + other) if f.code == "overlap")
    assert found.level == "error"
    assert "H 1 - H 6, 0.40 Å" in found.message
    assert {1, 6} <= set(found.atoms)
    other.positions += bond * 2
    assert alarms(validate(one + other)) == []


def test_overlap_with_a_periodic_image() -> None:
    benzene = molecule("C6H6")
    benzene.set_cell([5.5, 20, 20])
    benzene.pbc = True
    found = next(f for f in validate(benzene) if f.code == "overlap")
    assert found.level == "error"
    assert "periodic image" in found.message
    benzene.set_cell([20, 20, 20])
    assert alarms(validate(benzene)) == []


def test_floating_atoms() -> None:
    dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=3).atoms
    loose = plain(dot) + Atoms("CsBr", [dot.positions.max(axis=0) + 9, dot.positions.min(axis=0) - 9])
    found = the(validate(loose), "floating")
    assert found.level == "error"
    assert found.atoms == (len(dot), len(dot) + 1)


def test_duplicates_are_named_and_left_out_of_the_rest() -> None:
    crystal = perovskite().repeat(2)
    twice = crystal + crystal[[3, 7, 12]]
    twice.positions[-1] += crystal.cell[0]
    found = validate(twice)
    assert codes(found) == {"duplicate"}
    assert the(found, "duplicate").atoms == (40, 41, 42)
    assert the(found, "charge").level == "note"


def hydrogen_on(atoms: Atoms, element: str) -> int:
    heavy = [i for i, s in enumerate(atoms.symbols) if s == element][3]
    hydrogens = [i for i, s in enumerate(atoms.symbols) if s == "H"]
    return min(hydrogens, key=lambda h: atoms.get_distance(heavy, h, mic=True))


def test_a_hydrogen_lost_from_nitrogen() -> None:
    atoms = plain(qs.load_crystal("MAPbI3").atoms.repeat(2))
    del atoms[hydrogen_on(atoms, "N")]
    found = validate(atoms)
    assert codes(found) == {"charge"}
    assert "give each of 1 methylamine the proton" in the(found, "charge").message
    assert codes(found, "warning") == {"protonation"}


def test_a_hydrogen_lost_from_carbon() -> None:
    atoms = plain(qs.load_crystal("MAPbI3").atoms.repeat(2))
    del atoms[hydrogen_on(atoms, "C")]
    found = the(validate(atoms), "molecule")
    assert found.level == "error"
    assert "C with 3 neighbours lacks one" in found.message
    assert [atoms.symbols[i] for i in found.atoms] == ["C"]


def test_a_hydrogen_lost_from_a_ligand_beside_caesium() -> None:
    slab = qs.cut_slab(
        qs.load_crystal("CsPbBr3-cubic"), "001", layers=1, termination="CsBr", repeat=(3, 3), vacuum=40
    )
    atoms = plain(qs.attach(slab, {"octanoate": 1}).atoms)
    carbons = [i for i, s in enumerate(atoms.symbols) if s == "C"]
    for carbon in carbons:
        near = [
            i
            for i, s in enumerate(atoms.symbols)
            if s == "H" and atoms.get_distance(carbon, i, mic=True) < 1.3
        ]
        if near:
            broken = atoms.copy()
            del broken[near[0]]
            assert "molecule" in codes(validate(broken))


def test_a_relaxed_dot_is_still_the_same_crystal() -> None:
    atoms = plain(qs.carve_dot(qs.load_crystal("PbS"), shape="octahedron", diameter=30).atoms)
    atoms.rattle(0.08, seed=3)
    said = the(validate(atoms), "facets").message
    assert "8 {111}" in said
    assert "Fm-3m (225)" in said


def test_a_hydrogen_too_many() -> None:
    methane = molecule("CH4")
    methane += Atoms("H", [-methane.positions[1] * 1.05])
    assert "C with 5 neighbours has 1 too many" in the(validate(methane), "molecule").message


def test_ions_held_by_one_bond() -> None:
    slab = plain(qs.cut_slab(qs.load_crystal("PbS"), "001", layers=4, repeat=(2, 2)).atoms)
    top = int(np.argmax(slab.positions[:, 2] + (slab.symbols == "S")))
    slab += Atoms("PbS", [slab.positions[top] + [0, 0, 2.9], slab.positions[top] + [0, 0, 5.8]])
    found = the(validate(slab), "hanging")
    assert found.level == "warning"
    assert len(slab) - 1 in found.atoms


def test_charges_that_are_not_known() -> None:
    crystal = perovskite()
    crystal.symbols[1] = "Mn"
    found = the(validate(crystal), "unknown-charge")
    assert found.level == "note"
    assert "neutral if it is +2" in found.message
    assert the(validate(crystal, charges={"Mn": 2}), "charge").level == "note"
    assert the(validate(crystal, charges={"Mn": 3}), "charge").level == "error"
    crystal.symbols[1] = "Y"
    assert the(validate(crystal), "charge").level == "error"


def test_another_oxidation_state_is_asked_for() -> None:
    rutile = qs.load_crystal("TiO2-anatase").atoms
    rutile.symbols[rutile.symbols == "Ti"] = "Sn"
    found = the(validate(plain(rutile)), "charge")
    assert found.level == "warning"
    assert "Sn(+4)" in found.message
    assert alarms(validate(plain(rutile), charges={"Sn": 4})) == []


def test_a_stated_charge_is_compared() -> None:
    cube = cut_cube(2)
    cube.info["charge"] = 7
    assert "as the structure says itself" in the(validate(cube), "charge").message
    cube.info["charge"] = 6
    assert the(validate(cube), "charge").level == "error"


@pytest.mark.parametrize(
    ("atoms", "code"),
    [
        (Atoms(), "empty"),
        (Atoms("Pb", [[np.nan, 0, 0]]), "positions"),
        (Atoms("PbX", [[0, 0, 0], [3, 0, 0]]), "element"),
        (Atoms("Pb", pbc=True), "cell"),
        (Atoms("Pb", cell=[[5, 0, 0], [10, 0, 0], [0, 0, 5]], pbc=True), "cell"),
    ],
)
def test_what_cannot_be_looked_at(atoms: Atoms, code: str) -> None:
    assert codes(validate(atoms)) == {code}


def test_odd_cells() -> None:
    left = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    left.set_cell(left.cell.array[[1, 0, 2]])
    assert codes(validate(left), "warning") == {"left-handed"}
    crystal = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    skewed = crystal.copy()
    skewed.set_cell([crystal.cell[0], crystal.cell[1] + 3 * crystal.cell[0], crystal.cell[2]])
    assert codes(validate(skewed), "warning") == {"skewed"}


def test_metals_are_neutral() -> None:
    slab = fcc111("Au", (3, 3, 3), vacuum=8)
    found = validate(slab)
    assert alarms(found) == []
    assert "27 atoms of Au" in the(found, "metal").message


# --- no false alarm -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", qs.list_shelf("bulk"))
def test_crystals_of_the_shelf_raise_no_alarm(name: str) -> None:
    found = validate(plain(qs.load_crystal(name).atoms))
    assert alarms(found) == []
    assert the(found, "charge").message.startswith("neutral")
    # Lead iodide is of layers that no bond joins.
    assert "crystal" in the(found, "layers" if name == "PbI2" else "kind").message


@pytest.mark.parametrize(
    ("crystal", "hkl", "termination"),
    [
        ("CsPbBr3-cubic", "001", "CsBr"),
        ("CsPbBr3-cubic", "001", "PbBr2"),
        ("CsPbBr3-orthorhombic", "001", "CsBr"),
        ("FAPbI3", "001", "PbI2"),
        ("PbS", "001", "PbS"),
        ("PbS", "110", "PbS"),
        ("CdSe-wurtzite", "10-10", "CdSe"),
    ],
)
def test_slabs_raise_no_alarm_and_keep_their_name(crystal: str, hkl: str, termination: str) -> None:
    slab = qs.cut_slab(qs.load_crystal(crystal), hkl, layers=3, termination=termination, repeat=(2, 2))
    found = validate(plain(slab.atoms))
    assert alarms(found) == []
    assert the(found, "termination").message == f"outermost planes: {termination} below, {termination} above"


@pytest.mark.parametrize("ligands", [{"acetate": 2, "butylammonium": 1}, {"oleate": 2}, {"glycine": 1}])
def test_ligands_raise_no_alarm(ligands: dict[str, float]) -> None:
    slab = qs.cut_slab(
        qs.load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(3, 3), vacuum=60
    )
    covered = qs.attach(slab, ligands)
    found = validate(plain(covered.atoms))
    assert alarms(found) == []
    for name, number in ligands.items():
        assert f"{number} {name} (" in the(found, "molecules").message
    assert [str(f) for f in validate(covered)] == [str(f) for f in found]


@pytest.mark.parametrize(
    ("crystal", "arguments", "facets"),
    [
        ("CsPbBr3-cubic", {"cells": 4}, ["6 {100}", "CsBr", "Pm-3m (221)", "a = 5.87"]),
        ("CsPbBr3-cubic", {"cells": 4, "termination": "PbBr2"}, ["6 {100}", "PbBr2"]),
        ("PbS", {"shape": "octahedron", "diameter": 30}, ["8 {111}", "Fm-3m (225)"]),
        ("PbS", {"shape": "truncated-octahedron", "diameter": 30}, ["8 {111}", "6 {100}"]),
    ],
)
def test_dots_raise_no_alarm_and_their_facets_are_found(
    crystal: str, arguments: dict[str, object], facets: list[str]
) -> None:
    dot = qs.carve_dot(qs.load_crystal(crystal), **arguments)
    found = validate(plain(dot.atoms))
    assert alarms(found) == []
    for words in facets:
        assert words in the(found, "facets").message


def test_a_turned_dot_has_the_same_facets() -> None:
    atoms = plain(qs.carve_dot(qs.load_crystal("PbS"), shape="octahedron", diameter=30).atoms)
    said = the(validate(atoms), "facets").message
    atoms.rotate(37, (1, 2, 3))
    assert the(validate(atoms), "facets").message == said


@given(seed=st.integers(0, 10**6))
def test_findings_do_not_depend_on_order_or_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms = cut_cube(2) + Atoms("Br", [[30, 30, 30]])
    moved = atoms[rng.permutation(len(atoms))]
    moved.translate(rng.uniform(-50, 50, 3))
    moved.rotate(rng.uniform(0, 360), rng.normal(size=3))
    one, other = ([(f.level, f.code) for f in validate(a)] for a in (atoms, moved))
    assert one == other


# --- molecules ------------------------------------------------------------------------------------

ODD = [
    *("[N-]=[N+]=[N-]", "N#C[O-]", "[C-]#N", "[C-]#[O+]", "O=C=O", "[O-][N+](=O)[O-]", "C[N+](=O)[O-]"),
    *("O=N[O-]", "c1cc[nH+]cc1", "c1c[nH]cn1", "c1c[nH]c[nH+]1", "C[S+](C)C", "CS(C)=O", "CC#N", "c1ccsc1"),
    *("F[P-](F)(F)(F)(F)F", "[O-]C(=O)[O-]", "NC(N)=[NH2+]", "O=P([O-])([O-])[O-]", "[O-]c1ccccc1"),
    *("C[N+]([O-])(C)C", "c1ccc2[nH]ccc2c1"),
]


@pytest.mark.parametrize("smiles", [*ODD, *(s for s in shelf_names() if "." not in s)])
def test_charges_of_molecules_follow_from_connectivity(smiles: str) -> None:
    from rdkit import Chem

    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    symbols = [a.GetSymbol() for a in mol.GetAtoms()]
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    if not bonds or set(symbols) & {"Pb", "Cd", "Zn", "Y", "Cs"}:
        return
    found = lewis(symbols, bonds)
    assert sum(found.charges) == Chem.GetFormalCharge(mol)
    assert not any(found.lacking + found.excess)


# --- reading and the command ----------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["cif", "vasp", "xyz", "extxyz", "traj"])
def test_any_format(tmp_path: Path, ending: str) -> None:
    atoms = cut_cube(2)
    atoms.center(vacuum=8)
    atoms.pbc = ending != "xyz"
    atoms.write(tmp_path / f"cube.{ending}")
    assert codes(validate(tmp_path / f"cube.{ending}")) == {"charge"}


def test_the_files_of_qdsurf_say_their_charges(tmp_path: Path) -> None:
    slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr")
    qs.write_structure(slab, tmp_path / "slab.extxyz")
    assert alarms(validate(tmp_path / "slab.extxyz")) == []


def test_nothing_is_changed() -> None:
    atoms = cut_cube(2)
    before = atoms.copy()
    validate(atoms)
    assert atoms == before
    assert set(atoms.arrays) == set(before.arrays)


def test_what_is_not_asked_rightly(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("no structure")
    for wrong in (tmp_path / "a.cif", tmp_path / "none.cif"):
        with pytest.raises(AskError, match=str(wrong.name)):
            validate(wrong)
    with pytest.raises(AskError, match="no element"):
        validate(cut_cube(2), charges={"oleate": -1})
    with pytest.raises(AskError, match="whole number"):
        validate(cut_cube(2), charges={"Pb": 1.5})


def test_the_command(tmp_path: Path) -> None:
    cut_cube(2).write(tmp_path / "bad.xyz")
    perovskite().write(tmp_path / "good.cif")
    run = CliRunner().invoke
    good = run(app, ["validate", str(tmp_path / "good.cif")])
    assert good.exit_code == 0
    assert good.stdout.endswith("good.cif: 0 errors, 0 warnings\n")
    bad = run(app, ["validate", str(tmp_path / "bad.xyz"), "--json"])
    assert bad.exit_code == 1
    said = json.loads(bad.stdout)
    assert said["errors"] == 1
    assert said["findings"][0]["code"] == "charge"
    mended = run(app, ["validate", str(tmp_path / "good.cif"), "--charge", "Pb=4"])
    assert mended.exit_code == 1


def test_a_platelet_with_all_its_ions_but_molecules_in_a_plane_is_judged():
    sheet = qs.carve_dot(qs.load_crystal("MAPbI3"), shape="cuboid", cells=(3, 3, 1))
    found = {f.code: f for f in qs.validate(sheet)}
    assert "flat" in found["facets"].message
    assert not [f for f in found.values() if f.level == "error"]


def test_an_antisite_in_a_cage_is_no_floating_ion():
    slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=3, repeat=(2, 2))
    inner = {s: next(v for v in qs.vacancies(slab, s) if v.location == "core").site for s in ("Cs", "Pb")}
    found = qs.validate(qs.antisites(slab, inner["Cs"], inner["Pb"]))
    assert {f.level for f in found if f.code == "floating"} <= {"warning"}
    lone = slab.atoms.copy()
    lone.positions[int(np.argmax(lone.positions[:, 2]))] += (0, 0, 5.0)
    assert [f.level for f in qs.validate(lone) if f.code == "floating"] == ["error"]


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_the_one_inner_ion_of_a_small_dot_is_in_its_place(cells: int) -> None:
    """Most ions of a dot this small lie at its surface; the best bound one stands for the bulk."""
    dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=cells, termination="CsBr")
    assert [f for f in qs.validate(dot.atoms) if f.level != "note"] == []
