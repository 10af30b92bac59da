"""Hard and soft acids and bases: the tables, Pearson's formulas, computed values, what the texts say."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qdsurf as qs
from qdsurf.ligands.groups import GROUPS
from qdsurf.rank.hsab_tables import (
    charged_name,
    classes_of,
    contact_radius,
    donor_group,
    hardness_of,
    ion_charge,
    ion_name,
    known_acids,
)
from qdsurf.rank.softness import acid_softness, base_softness, group_donor, pearson

IONS = Path(__file__).resolve().parents[1] / "structures" / "ions"
STATUS = {"measured", "computed", "verified", "unverified"}


def rows(name: str) -> list[dict[str, str]]:
    with (IONS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["hardness.csv", "hsab_classes.csv", "contact_radii.csv"])
def test_every_row_has_a_source_and_a_status(name: str) -> None:
    table = rows(name)
    assert len(table) > 40
    assert not [r for r in table if not r["source"] or r["status"] not in STATUS]


def test_chi_and_eta_are_the_half_sum_and_half_difference_of_i_and_a() -> None:
    checked = 0
    for row in rows("hardness.csv"):
        if row["ionization_eV"]:
            i, a = float(row["ionization_eV"]), float(row["affinity_eV"])
            assert float(row["chi_eV"]) == pytest.approx((i + a) / 2, abs=2e-3)
            assert float(row["eta_eV"]) == pytest.approx((i - a) / 2, abs=2e-3)
            checked += 1
    assert checked > 35


def test_scales_of_one_species_agree_where_they_should_and_stay_apart_where_not() -> None:
    for species, role in {(r["species"], r["role"]) for r in rows("hardness.csv")}:
        found = hardness_of(species, role)  # type: ignore[arg-type]
        assert len({h.scale for h in found}) == len(found)
    # NH3 and PH3 differ between 1983 and 1988 by more than 1 eV; the recalled one never comes first
    assert [h.status for h in hardness_of("NH3", "base")] == ["verified", "unverified"]
    assert hardness_of("Pb2+", "acid")[0].eta == pytest.approx(8.452)


def test_every_group_that_binds_a_cation_is_in_the_table_of_donors() -> None:
    named = {"halide": ["fluoride", "chloride", "bromide", "iodide"], "nitrile": []}
    for group in GROUPS:
        for name in named.get(group.name, [group.name]):
            entry = donor_group(name)
            if group.takes in ("anion site", "on a cation"):
                assert entry.get("donor"), name
                assert group_donor(name).softness is not None, name
                assert all(classes_of(species, "base") for species in entry["classes"]), name
            if "pka" in entry:
                assert entry["pka_status"] in STATUS
                assert entry["pka_source"]


@given(st.floats(1, 60), st.floats(0.5, 50), st.floats(1, 60), st.floats(0.5, 50))
def test_pearson_minimises_the_energy_of_charge_transfer(ca: float, ea: float, cb: float, eb: float) -> None:
    transfer, energy = pearson(ca, ea, cb, eb)

    def total(n: float) -> float:
        return -(ca - cb) * n + (ea + eb) * n**2

    assert energy == pytest.approx(total(transfer), rel=1e-9, abs=1e-9)
    assert energy <= 0
    assert all(total(transfer + d) >= energy for d in (-0.1, -0.01, 0.01, 0.1))
    assert math.copysign(1, transfer) == math.copysign(1, ca - cb)


def test_pearson_of_a_known_pair() -> None:
    (row,) = qs.hsab("I-", "Pb2+")
    assert row.charge_transfer == pytest.approx((23.485 - 6.755) / (2 * (8.452 + 3.696)), abs=1e-6)
    assert row.energy == pytest.approx(-((23.485 - 6.755) ** 2) / (4 * (8.452 + 3.696)), abs=1e-6)
    assert row.acid_hardness is not None
    assert row.acid_hardness.status == "computed"
    assert row.acid_hardness.source


def test_energy_alone_fails_on_zinc_and_says_so_in_the_docstring() -> None:
    for acid in ("Ag+", "Hg2+", "Cd2+", "Zn2+"):
        energies = {row.donor: row.energy for row in qs.hsab(["F-", "I-"], acid)}
        assert energies["I-"] is not None
        assert energies["F-"] is not None
        assert energies["I-"] < energies["F-"]
    assert "zinc" in (qs.hsab.__doc__ or "")


@pytest.mark.parametrize("acid", ["Ag+", "Hg2+", "Cd2+"])
def test_soft_acids_match_iodide_before_fluoride(acid: str) -> None:
    assert [r.donor for r in qs.hsab(["F-", "Cl-", "Br-", "I-"], acid)] == ["I-", "Br-", "Cl-", "F-"]


def test_texts_that_disagree_are_all_shown() -> None:
    (row,) = qs.hsab("I-", "Pb2+")
    assert {vote.hsab_class for vote in row.acid_classes} == {"borderline", "soft"}
    assert len({vote.source for vote in row.acid_classes}) >= 4
    assert any("disagree" in text for text in row.warnings)


def test_caesium_counts_as_hard_although_two_texts_call_it_soft() -> None:
    assert acid_softness("Cs+") == -1
    votes = [(vote.hsab_class, vote.counted) for vote in classes_of("Cs+", "acid")]
    assert votes.count(("soft", False)) == 2


@pytest.mark.parametrize("donor", ["chloride", "bromide", "iodide", "thiocyanate", "sulfide", "thiosulfate"])
def test_s008_ligands_called_soft_on_chalcogenides_are_no_hard_match_for_cadmium(donor: str) -> None:
    (row,) = qs.hsab(donor, "Cd2+", method=None)
    assert row.match is not None
    assert row.match > 0
    assert any(vote.hsab_class == "soft" for vote in row.donor_classes)
    (hard,) = qs.hsab("acetate", "Cd2+", method=None)
    assert hard.match is not None
    assert row.match > hard.match


def test_s045_soft_l_type_bases_before_carboxylic_acids_on_lead() -> None:
    ligands = ["oleic-acid", "oleate", "triphenylphosphine", "tributylphosphine"]
    order = [r.group for r in qs.hsab(ligands, "Pb2+", method=None)]
    assert set(order[:2]) == {"phosphine", "triarylphosphine"}


def test_recalled_hardness_changes_no_softness() -> None:
    table = hardness_of("pyridine", "base")
    assert {h.status for h in table} == {"unverified"}
    votes = classes_of("pyridine", "base")
    assert base_softness(votes, table) == base_softness(votes, ())


def test_softness_of_bases_falls_with_hardness_and_stays_in_its_range() -> None:
    values = [base_softness((), hardness_of(name, "base")) for name in ("I-", "Br-", "Cl-", "F-")]
    assert all(a is not None and b is not None and a > b for a, b in itertools.pairwise(values))
    for group in GROUPS:
        softness = group_donor(group.name).softness
        assert softness is None or -1 <= softness <= 1


@given(st.sampled_from(["Pb", "Cs", "Cd", "Ti", "I", "S"]), st.integers(-3, 4).filter(bool))
def test_names_of_ions_say_their_charge(symbol: str, charge: int) -> None:
    name = charged_name(symbol, charge)
    assert ion_charge(name) == charge
    assert ion_name(name) == name


def test_unknown_acids_are_refused_with_the_nearest() -> None:
    with pytest.raises(qs.AskError, match=r"Pb2\+"):
        qs.hsab("I-", "Pb3+")
    assert {"Pb2+", "Cs+", "Cd2+", "Zn2+", "Sn2+", "Ti4+", "In3+", "Cu+"} <= set(known_acids())
    for name in ("Pb2+", "Cs+", "Cd2+", "Zn2+", "Sn2+", "Ti4+", "In3+", "Cu+"):
        assert hardness_of(name, "acid")
        assert classes_of(name, "acid")
        assert contact_radius(name) is not None


def test_an_acid_is_refused_as_a_donor() -> None:
    with pytest.raises(qs.AskError, match="no electron pair"):
        qs.hsab("oleylammonium", "Pb2+")
    with pytest.raises(qs.AskError, match="SMILES"):
        qs.hsab("no such thing", "Pb2+")


def test_ligand_objects_names_and_smiles_give_the_same_row() -> None:
    by_name, by_smiles = qs.hsab(["acetate", "CC(=O)[O-]"], "Pb2+", method=None)
    (by_object,) = qs.hsab(qs.load_ligand("acetate"), "Pb2+", method=None)
    assert by_name.match == by_smiles.match == by_object.match
    assert by_name.group == "carboxylate"


@pytest.mark.engine
def test_computed_hardness_agrees_with_tables_and_is_kept(tmp_path: Path) -> None:
    from qdsurf.rank.electronic import electronic

    # measured radicals and atoms of the tables, as Pearson's bases; GFN2-xTB is good to about an eV
    for smiles, species in (("[Cl-]", "Cl-"), ("[SH-]", "HS-"), ("[OH-]", "OH-"), ("P", "PH3")):
        found = electronic(smiles, cache=tmp_path)
        table = hardness_of(species, "base")[0]
        assert found.eta == pytest.approx(table.eta, abs=1.2), species
        if table.chi is not None:
            assert found.chi == pytest.approx(table.chi, abs=0.5), species
    assert len(list(tmp_path.glob("*.json"))) == 4
    again = electronic("P", cache=tmp_path)
    assert again == electronic("P", cache=None)


@pytest.mark.engine
def test_fukui_function_sums_to_one_and_sits_on_the_donor() -> None:
    from qdsurf.rank.electronic import electronic

    for smiles, donors in (("CC(=O)[O-]", (2, 3)), ("C[S-]", (1,)), ("CP(C)C", (1,)), ("CN", (1,))):
        found = electronic(smiles)
        assert sum(found.fukui_minus) == pytest.approx(1.0, abs=1e-6)
        rest = [f for i, f in enumerate(found.fukui_minus) if i not in donors]
        assert sum(found.fukui_minus[i] for i in donors) > max(rest)
    (row,) = qs.hsab("trimethylphosphine", "Cd2+", method="gfn2-xtb")
    assert row.fukui_minus is not None
    assert row.fukui_minus > 0.3
    assert row.donor_hardness is not None
    assert row.donor_hardness.scale == "computed here"


@pytest.mark.engine
def test_fukui_function_follows_the_atoms_of_the_smiles_given() -> None:
    from qdsurf.rank.electronic import electronic

    one, other = electronic("CCO"), electronic("OCC")
    assert one.fukui_minus == pytest.approx(other.fukui_minus[::-1])


def test_a_method_without_charges_is_refused() -> None:
    with pytest.raises(qs.AskError, match="no net charge"):
        qs.hsab("CS", "Pb2+", method="sevennet-0")


@pytest.mark.engine
def test_a_molecule_of_no_table_is_computed_unless_told_not_to() -> None:
    (row,), (bare,) = qs.hsab("C[S-]", "Cd2+"), qs.hsab("C[S-]", "Cd2+", method=None)
    assert row.donor_hardness is not None
    assert (row.donor_hardness.scale, row.donor_hardness.status) == ("computed here", "computed")
    assert "GFN2-xTB" in row.donor_hardness.source
    assert row.energy is not None
    assert row.fukui_minus is not None
    assert bare.energy is None
    assert bare.fukui_minus is None
    assert row.match == bare.match


def test_without_the_engine_the_row_says_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tblite.ase", None)
    (row,) = qs.hsab("CCCCS", "Pb2+")
    assert row.energy is None
    assert row.match is not None
    assert any("qdsurf[xtb]" in text for text in row.warnings)


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tblite.ase", None)
    with pytest.raises(ImportError, match=r"qdsurf\[xtb\]"):
        qs.hsab("CCCS", "Pb2+", method="gfn2-xtb")


def test_the_benchmark_takes_any_file_and_names_what_it_cannot_judge(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = Path(__file__).resolve().parents[1] / "benchmarks" / "hsab.py"
    file = tmp_path / "k.csv"
    file.write_text(
        "metal,ligand,log_k\nZn2+,Acetate,1.57\nZn2+,nonsense,1\nZn2+,F-,1.3\nZn2+,[I-],-2.04\nXx2+,I-,2\n"
    )
    found = subprocess.run([sys.executable, script, file], capture_output=True, text=True)
    assert found.returncode == 1
    assert "Zn2+ nonsense" in found.stderr
    assert "Xx2+" in found.stderr
    (zinc,) = [line.split() for line in found.stdout.splitlines() if line.startswith("Zn2+")]
    assert zinc[1] == "3"
    file.write_text("metal,ligand,log_k\nZn2+,acetate,x\n")
    wrong = subprocess.run([sys.executable, script, file], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "line 2" in wrong.stderr
    assert "Traceback" not in wrong.stderr + found.stderr


def test_measured_constants_of_the_benchmark_have_sources() -> None:
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "hsab_logk.csv"
    with path.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) > 40
    assert all(row["source"] and row["status"] == "measured" and float(row["log_k"]) for row in table)
