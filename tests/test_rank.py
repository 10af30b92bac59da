"""Ligands ranked: statements of the literature, the score, presets, Pareto front, stability, failures."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import qdsurf as qs
from qdsurf.ligands import ligand_sizes
from qdsurf.model import Surface
from qdsurf.rank.candidates import describe, item_of
from qdsurf.rank.ligand_files import read_ligands
from qdsurf.rank.ligand_ranking import RankedLigand
from qdsurf.rank.ligand_terms import HELMHOLTZ, TERMS
from qdsurf.rank.pareto import pareto_front, rank_stability
from qdsurf.rank.presets import list_presets, load_preset, rules
from qdsurf.rank.targets import target_of


@pytest.fixture(scope="module")
def perovskite() -> Surface:
    crystal = qs.load_crystal("CsPbI3-cubic")
    return qs.cut_slab(crystal, (0, 0, 1), layers=3, termination="CsI", repeat=(2, 2))


@pytest.fixture(scope="module")
def galena_100() -> Surface:
    return qs.cut_slab(qs.load_crystal("PbS"), (1, 0, 0), layers=4, repeat=(2, 2))


@pytest.fixture(scope="module")
def galena_111() -> Surface:
    return qs.cut_slab(qs.load_crystal("PbS"), (1, 1, 1), layers=5, termination="Pb", charge=2)


def by_name(rows: list[RankedLigand]) -> dict[str, RankedLigand]:
    return {row.name: row for row in rows}


def value(row: RankedLigand, term: str) -> float:
    found = row.terms[term].value
    assert found is not None
    return found


# statements of the literature


@pytest.mark.parametrize(
    ("acid", "softer_first"), [("Ag+", True), ("Hg2+", True), ("Cd2+", True), ("Zn2+", False)]
)
def test_measured_order_of_halides(acid: str, softer_first: bool) -> None:
    rows = qs.rank_ligands(["[F-]", "[Cl-]", "[Br-]", "[I-]"], acid, preset="affinity")
    order = ["[I-]", "[Br-]", "[Cl-]", "[F-]"]
    assert [row.name for row in rows] == (order if softer_first else order[::-1])


def test_acetate_before_iodide_on_lead_which_softness_alone_gets_wrong() -> None:
    rows = by_name(qs.rank_ligands(["acetate", "iodide"], "Pb2+", preset="affinity"))
    assert rows["acetate"].rank == 1
    assert value(rows["iodide"], "hard_soft_match") > value(rows["acetate"], "hard_soft_match")


@pytest.mark.parametrize("given", ["thiosulfate", "[S-]S(=O)(=O)[O-]"])
@pytest.mark.parametrize(
    ("acid", "by"),
    [("Cd2+", "thiosulfate"), ("Pb2+", "thiosulfate"), ("Ti4+", "thiosulfate oxygen")],
)
def test_s008_s010_thiosulfate_by_name_and_smiles_binds_by_what_the_acid_likes(
    given: str, acid: str, by: str
) -> None:
    (row,) = qs.rank_ligands([given], acid, preset="affinity")
    assert row.binds_by == by


def test_s011_mercaptopropionate_by_name_holds_titanium_by_the_carboxyl_end() -> None:
    (dot,) = qs.rank_ligands(["3-mercaptopropionate"], "Cd2+", preset="affinity")
    (oxide,) = qs.rank_ligands(["3-mercaptopropionate"], "Ti4+", preset="affinity")
    assert (dot.binds_by, oxide.binds_by) == ("thiolate", "carboxylic acid")


def test_a_ligand_keeps_its_anchors() -> None:
    (row,) = qs.rank_ligands([qs.load_ligand("thiosulfate")], "Ti4+", preset="affinity")
    assert row.binds_by == "thiosulfate"


def test_s010_thiosulfate_holds_cadmium_by_sulfur_and_titanium_by_oxygen() -> None:
    (row,) = qs.rank_ligands(["[S-]S(=O)(=O)[O-]"], "Cd2+", preset="tio2-linker")
    assert row.binds_by == "thiosulfate"
    assert row.far_end == "thiosulfate oxygen"
    assert value(row, "hard_soft_match") > 0.5
    assert value(row, "far_end") > 0.5


@pytest.mark.parametrize("smiles", ["SCCC(=O)O", "[S-]CCC(=O)[O-]", "[S-]CCC(=O)O", "OC(=O)CCS"])
@pytest.mark.parametrize("acid", ["Cd2+", "Pb2+"])
def test_s011_s012_mercaptopropionate_holds_the_dot_by_sulfur(smiles: str, acid: str) -> None:
    (row,) = qs.rank_ligands([smiles], acid, preset="tio2-linker")
    assert row.binds_by.startswith("thiol")
    assert "carboxyl" in row.far_end
    assert "Ti4+" in row.terms["far_end"].note


def test_s013_loading_order_of_linkers() -> None:
    rows = qs.rank_ligands(
        ["cysteine", "3-mercaptopropionate", "thioglycolate"], "Cd2+", preset="tio2-linker"
    )
    assert [row.name for row in rows] == ["thioglycolate", "3-mercaptopropionate", "cysteine"]


def test_a_molecule_without_a_second_end_is_no_linker() -> None:
    rows = qs.rank_ligands(["oleate", "3-mercaptopropionate", "thiocyanate"], "Cd2+", preset="tio2-linker")
    assert rows[-1].name == "oleate"
    assert rows[-1].terms["far_end"].value is None
    assert rows[-1].terms["far_end"].desirability == 0


def test_s076_thiocyanate_holds_lead_by_sulfur() -> None:
    (row,) = qs.rank_ligands(["N#C[S-]"], "Pb2+", preset="affinity")
    assert row.binds_by == "thiocyanate"


@pytest.mark.parametrize(
    ("soft", "acid_form"),
    [
        ("triphenylphosphine", "oleic-acid"),
        ("trioctylphosphine", "oleic-acid"),
        ("trimethylphosphine", "acetic-acid"),
    ],
)
@pytest.mark.parametrize("preset", ["affinity", "stable-passivation"])
def test_s045_soft_l_type_before_carboxylic_acid_on_lead(soft: str, acid_form: str, preset: str) -> None:
    rows = qs.rank_ligands([acid_form, soft], "Pb2+", preset=preset)
    assert [row.name for row in rows] == [soft, acid_form]


def test_s081_s082_s083_halides_passivate_111_and_sodium_100(
    galena_100: Surface, galena_111: Surface
) -> None:
    ligands = ["chloride", "bromide", "iodide", "sodium"]
    flat = qs.rank_ligands(ligands, galena_100, preset="stable-passivation")
    assert flat[0].name == "sodium"
    assert "S083" in flat[0].terms["facet"].note
    polar = by_name(qs.rank_ligands(ligands, galena_111, preset="stable-passivation"))
    for halide in ("chloride", "bromide", "iodide"):
        assert value(polar[halide], "facet") == 1
        assert value(by_name(flat)[halide], "facet") == -1
        assert (polar[halide].score or 0) > (by_name(flat)[halide].score or 0)
    assert polar["sodium"].rank is None
    assert "exposes none" in polar["sodium"].error


def test_s085_iodide_in_place_of_sulfide_leaves_an_electron(galena_100: Surface) -> None:
    (row,) = qs.rank_ligands(["iodide"], galena_100, preset="stable-passivation")
    assert value(row, "charge_match") == 1
    assert "electron" in row.terms["charge_match"].note


def test_s078_amino_acids_bind_lead_by_carboxylate_and_the_halide_by_ammonium(perovskite: Surface) -> None:
    rows = qs.rank_ligands(["[NH3+]CC(=O)[O-]", "l-phenylalanine"], perovskite, preset="stable-passivation")
    for row in rows:
        assert row.binds_by == "carboxylate and primary ammonium"
        assert "carboxylate goes to Pb2+" in row.terms["charge_match"].note
        assert "beside I-" in row.terms["charge_match"].note
        assert value(row, "charge_match") == 0


def test_s046_s047_s061_orders_on_perovskite(perovskite: Surface) -> None:
    names = [
        "oleate",
        "oleylamine",
        "oleic-acid",
        "l-phenylalanine",
        "2,2-iminodibenzoate",
        "triphenylphosphine",
    ]
    rank = {r.name: r.rank or 99 for r in qs.rank_ligands(names, perovskite, preset="stable-passivation")}
    assert rank["2,2-iminodibenzoate"] < rank["oleate"]
    assert rank["l-phenylalanine"] < rank["oleate"]
    assert rank["l-phenylalanine"] < rank["oleylamine"]
    assert rank["triphenylphosphine"] < rank["oleic-acid"]


def test_s048_s049_chain_length() -> None:
    rows = by_name(
        qs.rank_ligands(
            ["CC(=O)[O-] C2", "CCCC(=O)[O-] C4", "octanoate", "CCCCCCCCCCCCCCCCCC(=O)[O-] C18"],
            "Pb2+", preset="stable-passivation",
        )
    )  # fmt: skip
    assert rows["octanoate"].rank == 1
    assert value(rows["C18"], "chain_length") == 18
    for short in ("C2", "C4"):
        assert "S049" in rows[short].terms["chain_length"].note
        assert (
            rows[short].terms["chain_length"].desirability
            < rows["octanoate"].terms["chain_length"].desirability
        )


def test_primary_ammonium_fits_the_caesium_site_better_than_quaternary(perovskite: Surface) -> None:
    rows = by_name(
        qs.rank_ligands(
            ["octylammonium", "didodecyldimethylammonium", "formamidinium"],
            perovskite,
            preset="stable-passivation",
        )
    )
    assert value(rows["octylammonium"], "size_match") == pytest.approx(2.17 - 1.88, abs=1e-4)
    assert value(rows["didodecyldimethylammonium"], "size_match") > value(rows["formamidinium"], "size_match")


def test_s100_thiols_shallower_halides_deeper() -> None:
    assert qs.rank_ligands(["C[S-]", "[Cl-]"], "Pb2+", preset="n-type")[0].name == "[Cl-]"
    assert qs.rank_ligands(["C[S-]", "[Cl-]"], "Pb2+", preset="p-type")[0].name == "C[S-]"


def test_dipoles_of_cinnamates_move_the_bands_as_their_substituents_say() -> None:
    """The ends of the series of doi:10.1038/ncomms15257; the sign is that of electrostatics."""
    ligands = [f"{head}c1ccc(/C=C/C(=O)[O-])cc1 {name}" for head, name in
               (("N#C", "CN"), ("FC(F)(F)", "CF3"), ("", "H"), ("CN(C)", "NMe2"))]  # fmt: skip
    ligands = [text.replace(" H", " plain") for text in ligands]
    shift = {}
    for text in ligands:
        candidate = describe(item_of(text, {}))
        assert not isinstance(candidate, str)
        option = next(o for o in candidate.options if o.near.group == "carboxylate")
        assert option.shape is not None
        shift[candidate.name] = option.shape.dipole
    assert shift["CN"] < 0 < shift["NMe2"]
    assert shift["CF3"] < shift["plain"] <= shift["NMe2"]


@pytest.mark.parametrize("name", ["octanoate", "oleate", "octylammonium", "thiocyanate", "glycine"])
def test_quick_shapes_agree_with_careful_sizes(name: str) -> None:
    candidate = describe(item_of(name, {name: name}))
    assert not isinstance(candidate, str)
    assert candidate == describe(item_of(name, {name: name}))
    shape = candidate.options[0].shape
    sizes = ligand_sizes(qs.load_ligand(name))
    assert shape is not None
    # the careful length runs to hydrogen atoms
    assert sizes.length - 3 < shape.length < sizes.length + 1
    assert shape.footprint == pytest.approx(sizes.footprint, rel=0.5)
    assert shape.length_spread < 3


def test_a_single_atom_has_no_spread() -> None:
    candidate = describe(item_of("[I-]", {}))
    assert not isinstance(candidate, str)
    shape = candidate.options[0].shape
    assert shape is not None
    assert (shape.length, shape.dipole, shape.footprint_spread) == (0, 0, 0)
    assert shape.footprint == pytest.approx(np.pi * 1.98**2, rel=0.02)


def test_helmholtz_constant() -> None:
    three_per_nm2_and_eps_two = 3 * HELMHOLTZ / 2
    assert three_per_nm2_and_eps_two == pytest.approx(0.5651, abs=1e-4)


def test_short_and_rigid_ligands_first_in_a_conductive_film() -> None:
    rows = qs.rank_ligands(
        ["oleate", "octanoate", "acetate", "thiocyanate"], "Pb2+", preset="conductive-film"
    )
    assert rows[-1].name == "oleate"
    assert rows[-2].name == "octanoate"


# the score


def test_score_is_the_weighted_sum_of_its_terms(perovskite: Surface) -> None:
    for preset in list_presets():
        rows = qs.rank_ligands(["oleate", "cysteine", "iodide", "octylammonium"], perovskite, preset=preset)
        for row in rows:
            assert sum(t.weight for t in row.terms.values()) == pytest.approx(1)
            total = sum(t.weight * t.desirability for t in row.terms.values())
            assert row.score == pytest.approx(total, abs=1e-5)
            assert all(0 <= t.desirability <= 1 for t in row.terms.values())
            assert all(t.unit and t.note and t.source for t in row.terms.values())
            assert row.reasons
        assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)  # type: ignore[type-var]


def test_terms_without_geometry_are_the_same_with_one() -> None:
    for text in ("oleate", "cysteine", "[S-]C#N", "CCCC[NH3+]"):
        item = item_of(text, {"oleate": "oleate", "cysteine": "cysteine"})
        bare, full = describe(item, geometry=False), describe(item)
        assert not isinstance(bare, str)
        assert not isinstance(full, str)
        assert all(option.shape is None for option in bare.options)
        assert all(option.shape is not None for option in full.options)
        assert bare == replace(full, options=tuple(replace(o, shape=None) for o in full.options))


def test_every_term_is_explained_and_computed() -> None:
    assert set(rules()) == set(TERMS)
    for rule in rules().values():
        assert all((rule.formula, rule.source, rule.fails, rule.unit)), rule.name


@given(st.sampled_from(sorted(rules())), st.floats(-100, 300), st.floats(0, 50))
def test_desirability_is_monotonic_towards_the_good_side(name: str, start: float, step: float) -> None:
    rule = rules()[name]
    low, high = rule.desirability(start), rule.desirability(start + step)
    if rule.window:
        inside = 0.5 * sum(rule.window)
        assert rule.desirability(inside) == 1
    elif rule.best > rule.worst:
        assert high >= low
    else:
        assert high <= low


def test_a_score_does_not_depend_on_the_rest_of_the_list() -> None:
    alone = qs.rank_ligands(["acetate"], "Pb2+", preset="affinity")[0]
    among = by_name(qs.rank_ligands(["acetate", "iodide", "oleate"], "Pb2+", preset="affinity"))["acetate"]
    assert alone.score == among.score
    assert {n: t.value for n, t in alone.terms.items()} == {n: t.value for n, t in among.terms.items()}


def test_order_of_input_and_workers_change_nothing() -> None:
    names = ["oleate", "thiocyanate", "CCCCS", "CCN", "nonsense", "glycine"]
    one = qs.rank_ligands(names, "Pb2+", preset="stable-passivation")
    other = qs.rank_ligands(names[::-1], "Pb2+", preset="stable-passivation", workers=2)
    assert [r.name for r in one if r.rank] == [r.name for r in other if r.rank]
    assert [r.score for r in one if r.rank] == [r.score for r in other if r.rank]


def test_names_smiles_and_ligands_give_the_same_score() -> None:
    name, smiles = qs.rank_ligands(["octanoate", "CCCCCCCC(=O)[O-]"], "Pb2+", preset="affinity")
    (ligand,) = qs.rank_ligands([qs.load_ligand("octanoate")], "Pb2+", preset="affinity")
    assert name.score == smiles.score == ligand.score


def test_unverified_facts_say_so_in_the_reasons() -> None:
    rows = by_name(qs.rank_ligands(["acetic-acid", "acetate"], "Pb2+", preset="affinity"))
    assert rows["acetic-acid"].terms["donor_pka"].status == "unverified"
    assert any("not verified" in reason for reason in rows["acetic-acid"].reasons)


def test_failures_are_rows_with_their_cause() -> None:
    rows = qs.rank_ligands(["acetate", "c1ccc", "CCCC", "olaete", "sodium"], "Pb2+", preset="affinity")
    assert [row.rank for row in rows] == [1, None, None, None, None]
    errors = {row.name: row.error for row in rows}
    assert "SMILES" in errors["c1ccc"] or "molecule" in errors["c1ccc"]
    assert "no group" in errors["CCCC"]
    assert "oleate" in errors["olaete"]
    assert "bare ion" in errors["sodium"]


def test_aliases_are_known_and_salts_are_sent_back_to_their_ions() -> None:
    rows = by_name(qs.rank_ligands(["I-", "caesium-iodide"], "Pb2+", preset="affinity"))
    assert rows["iodide"].rank == 1
    assert "caesium and iodide" in rows["caesium-iodide"].error


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(qs.AskError, match="stable-passivation"):
        qs.rank_ligands(["acetate"], "Pb2+", preset="stable-passivaton")
    with pytest.raises(qs.AskError, match="acid"):
        qs.rank_ligands(["acetate"], "Xx2+", preset="affinity")
    with pytest.raises(qs.AskError, match="list of ligands"):
        qs.rank_ligands([], "Pb2+", preset="affinity")
    file = tmp_path / "mine.toml"
    file.write_text("[weights]\nsoftness = 1.0\n")
    with pytest.raises(qs.AskError, match=r"mine\.toml.*softness"):
        load_preset(file)
    file.write_text("[weights]\ndenticity = -1.0\n")
    with pytest.raises(qs.AskError, match="denticity"):
        load_preset(file)


def test_weights_of_a_file_decide(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[weights]\nmolar_mass = 1.0\n[bounds.molar_mass]\nworst = 400.0\nbest = 0.0\n")
    rows = qs.rank_ligands(["oleate", "acetate"], "Pb2+", preset=file)
    assert [row.name for row in rows] == ["acetate", "oleate"]
    assert rows[0].terms["molar_mass"].desirability == pytest.approx(1 - 59.044 / 400, abs=1e-3)


def test_every_preset_is_read_and_has_two_objectives() -> None:
    for name in list_presets():
        preset = load_preset(name)
        assert len(preset.objectives) == 2
        assert {t for terms in preset.objectives.values() for t in terms} <= set(preset.weights)
        assert preset.question
        assert preset.source


# targets


def test_a_surface_says_its_ions_spacing_and_facet(perovskite: Surface, galena_100: Surface) -> None:
    target = target_of(perovskite)
    assert (target.acid.name, target.anion and target.anion.name) == ("Pb2+", "I-")
    assert target.cation is not None
    assert target.cation.name == "Cs+"
    edge = qs.load_crystal("CsPbI3-cubic").atoms.cell.lengths()[0]
    assert target.spacing == pytest.approx(edge)
    assert target.site_area == pytest.approx(edge**2)
    assert target.density == pytest.approx(100 / edge**2)
    flat = target_of(galena_100)
    assert flat.hkl == (1, 0, 0)
    assert flat.spacing == pytest.approx(5.9362 / 2**0.5, abs=1e-4)


def test_a_dot_has_the_ions_and_the_spacing_of_its_faces() -> None:
    crystal = qs.load_crystal("CsPbBr3-cubic")
    dot = target_of(qs.carve_dot(crystal, shape="cube", cells=3))
    slab = target_of(qs.cut_slab(crystal, (0, 0, 1), layers=3, termination="CsBr", repeat=(2, 2)))
    assert dot.acid == slab.acid
    assert dot.anion == slab.anion
    assert dot.spacing == pytest.approx(slab.spacing)
    rows = qs.rank_ligands(["oleate", "octylammonium", "lead-bromide"], qs.carve_dot(crystal, cells=3),
                           preset="stable-passivation")  # fmt: skip
    assert all(row.rank for row in rows)


def test_crowding_needs_a_surface(perovskite: Surface) -> None:
    (bare,) = qs.rank_ligands(["oleate"], "Pb2+", preset="stable-passivation")
    (bound,) = qs.rank_ligands(["oleate"], perovskite, preset="stable-passivation")
    assert "crowding" not in bare.terms
    assert bound.terms["crowding"].value is not None


# Pareto front and stability


@given(
    hnp.arrays(
        float, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.sampled_from([0, 0.5, 1.0])
    )
)
def test_pareto_front_by_its_definition(values: np.ndarray) -> None:
    front = pareto_front(values)
    for row, on_front in zip(values, front, strict=True):
        beaten = ((values >= row).all(axis=1) & (values > row).any(axis=1)).any()
        assert on_front == (not beaten)


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 5))
def test_stability_is_a_share_with_the_right_sum(rows: int, terms: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.random((rows, terms))
    top = max(1, rows // 2)
    shares = rank_stability(matrix, np.ones(terms), top=top, draws=20, seed=seed)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.sum() >= top - 1e-9
    assert (shares == rank_stability(matrix, np.ones(terms), top=top, draws=20, seed=seed)).all()


def test_a_dominating_ligand_is_first_whatever_the_weights() -> None:
    shares = rank_stability(np.array([[0.9, 0.8], [0.5, 0.1], [0.2, 0.7]]), np.array([1.0, 1.0]), top=1)
    assert shares.tolist() == [1, 0, 0]


# files, command, figure, page


def test_lists_of_ligands_from_files(tmp_path: Path) -> None:
    smi = tmp_path / "a.smi"
    smi.write_text("# a comment\nCC(=O)[O-] acetate two\nCCN\n\nbroken( bad\n")
    assert [(i.name, i.smiles) for i in read_ligands(smi)] == [
        ("acetate two", "CC(=O)[O-]"), ("CCN", "CCN"), ("bad", "broken("),
    ]  # fmt: skip
    table = tmp_path / "a.csv"
    table.write_text("Name,SMILES\nx,CCS\n,CCO\ny,\n")
    items = read_ligands(table)
    assert [i.name for i in items] == ["x", "CCO", "y"]
    assert "no SMILES" in items[2].error
    from rdkit import Chem

    sdf = tmp_path / "a.sdf"
    with Chem.SDWriter(str(sdf)) as writer:
        mol = Chem.MolFromSmiles("CCC(=O)[O-]")
        mol.SetProp("_Name", "propionate")
        writer.write(mol)
    sdf.write_text(sdf.read_text() + "rubbish\n\n\n  x\nM  END\n$$$$\n")
    items = read_ligands(sdf)
    assert items[0].name == "propionate"
    assert items[-1].error
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    with pytest.raises(qs.AskError, match="smiles"):
        read_ligands(tmp_path / "b.csv")
    with pytest.raises(qs.AskError, match="no file"):
        read_ligands(tmp_path / "none.smi")


def test_the_command_writes_everything_and_reports_failures(tmp_path: Path, perovskite: Surface) -> None:
    slab = tmp_path / "slab.extxyz"
    qs.write_structure(perovskite, slab)
    (tmp_path / "list.smi").write_text("CCCCCCCC(=O)[O-] C8\nC1CC bad\n")
    outputs = [tmp_path / f"r.{kind}" for kind in ("csv", "json", "png", "html")]
    options = [word for path in outputs for word in ("-o", str(path))]
    result = subprocess.run(
        [sys.executable, "-m", "qdsurf", "rank", "oleate", "glycine", "--file", str(tmp_path / "list.smi"),
         "--on", str(slab), "--json", *options],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    rows = json.loads(result.stdout)
    assert [row["name"] for row in rows if row["rank"]] != []
    assert rows[-1]["name"] == "bad"
    assert "not ranked: bad" in result.stderr
    table = list(csv.DictReader(io.StringIO(outputs[0].read_text())))
    assert [row["name"] for row in table] == [row["name"] for row in rows]
    assert outputs[2].read_bytes()[:4] == b"\x89PNG"
    page = outputs[3].read_text()
    assert "data:image/png;base64" in page
    assert "Not ranked: 1" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["rank", "oleate", "--on", "Pb2+"], 0),
        (["rank", "oleate", "--on", "Pb9+"], 2),
        (["rank", "oleate", "--on", "Pb2+", "--preset", "nothing"], 2),
        (["rank", "oleate", "--on", "Pb2+", "-o", "x.docx"], 2),
        (["rank", "oleate", "--on", "Pb2+", "-o", "none/x.csv"], 2),
        (["rank", "oleate", "--on", "slab.cif"], 2),
        (["rank", "oleate", "--on", "Pb2+", "--workers", "0"], 2),
        (["rank", "oleate", "c1cc", "--on", "Pb2+"], 1),
        (["rank", "c1cc", "--on", "Pb2+"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "qdsurf", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "html", "csv", "json"])
def test_the_same_ranking_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    from qdsurf.report.ranking import write_ranking

    preset = load_preset("affinity")
    files = [tmp_path / f"{place}.{kind}" for place in "ab"]
    for file in files:
        rows = qs.rank_ligands(["acetate", "iodide", "oleate"], "Pb2+", preset=preset)
        write_ranking(rows, file, preset=preset, target="Pb2+")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_preset_that_only_asks_for_a_surface_is_refused_for_an_acid(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[weights]\ncrowding = 1\n")
    with pytest.raises(qs.AskError, match="surface"):
        qs.rank_ligands(["acetate"], "Pb2+", preset=file)


def test_page_escapes_names() -> None:
    from qdsurf.report.ranking import ranking_page

    rows = qs.rank_ligands(["CC(=O)[O-] <script>alert(1)</script>"], "Pb2+", preset="affinity")
    page = ranking_page(rows, load_preset("affinity"), "Pb2+")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.engine
def test_computed_charge_transfer_enters_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "transfer.toml"
    file.write_text("[weights]\ncharge_transfer = 1.0\n")
    rows = by_name(
        qs.rank_ligands(
            ["C[S-]", "CC(=O)[O-]"], "Pb2+", preset=file, electronic="gfn2-xtb", cache=tmp_path / "c"
        )
    )
    assert value(rows["C[S-]"], "charge_transfer") < value(rows["CC(=O)[O-]"], "charge_transfer") < 0
    assert len(list((tmp_path / "c").glob("*.json"))) == 2
    slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
    mixed = qs.rank_ligands(["C[S-]", "octylammonium"], slab, preset="affinity", electronic="gfn2-xtb")
    assert {row.name: row.terms["charge_transfer"].weight for row in mixed} == {
        "C[S-]": 0,
        "octylammonium": 0,
    }
    assert by_name(mixed)["octylammonium"].terms["charge_transfer"].value is None
    bare = by_name(qs.rank_ligands(["C[S-]", "[I-]"], "Pb2+", preset=file))
    assert bare["C[S-]"].terms["charge_transfer"].value is None
    assert value(bare["[I-]"], "charge_transfer") == pytest.approx(-5.760, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weights = 3", "weights"),
        ("[weights]\ndenticity = 0", "all weights are 0"),
        ("[weights]\ndenticity = nan", "nan"),
        ("[weights]\ndenticity = true", "number"),
        ("[weights]\nlength = 1\n[bounds.length]\nworst = 'a'", r"bounds\.length.*'worst'"),
        ("[weights]\nlength = 1\n[bounds.length]\nworst = 3", "both 3"),
        ("[weights]\nlength = 1\n[bounds.length]\nwindow = 3", "two numbers"),
        ("[weights]\nchain_length = 1\n[bounds.chain_length]\nfall = [0, 1]", "above 0"),
        ("[weights]\nlength = 1\n[bounds]\nlength = 3", "table"),
        ("[weights]\nlength = 1\n[objectives]\nx = 'length'", "list of terms"),
        ("[weights]\nlength = 1\n[objectives]\nx = ['denticity']", "no weight"),
        ("[weights]\nlength = 1\n[missing]\nlength = 'x'", "missing"),
        ("permittivity = 0\n[weights]\nband_shift = 1", "permittivity"),
        ("density = 'x'\n[weights]\nband_shift = 1", "density"),
        ("far_acid = 'Ti9+'\n[weights]\nfar_end = 1", r"Ti4\+"),
    ],
)
def test_presets_that_make_no_sense_are_refused(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text + "\n")
    with pytest.raises(qs.AskError, match=says):
        load_preset(file)


def test_bounds_of_a_preset_change_what_they_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[weights]\nchain_length = 1\nlength = 1\n[bounds.chain_length]\nwindow = [3, 4]\n"
        "[bounds.length]\nbest = 0.0\n"
    )
    own, usual = load_preset(file).rules, rules()
    assert own["chain_length"].window == (3, 4)
    assert own["chain_length"].fall == usual["chain_length"].fall
    assert (own["length"].worst, own["length"].best) == (usual["length"].worst, 0)


def test_s049_a_chain_below_the_minimum_counts_nothing() -> None:
    rule = rules()["chain_length"]
    found = [rule.desirability(n) for n in (2, 4, 6, 7, 8, 12, 18)]
    assert found[:3] == [0, 0, 0]
    assert found[3:6] == [1, 1, 1]
    assert 0 < found[6] < 1
    for name in ("triphenylphosphine", "glycine"):
        (row,) = qs.rank_ligands([name], "Pb2+", preset="stable-passivation")
        assert row.terms["chain_length"].value is None
