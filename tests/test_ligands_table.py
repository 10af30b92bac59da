"""Tables of many ligands, from Python and from the command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from molecules import random_molecules

from qdsurf.errors import AskError
from qdsurf.ligands import describe_ligands, find_ligand
from qdsurf.ligands.table import COLUMNS, read_list


def qdsurf(*arguments: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qdsurf", "ligands", *arguments], capture_output=True, text=True, cwd=where
    )


def test_a_row_says_what_a_ligand_is():
    (row,) = describe_ligands(["oleate"])
    assert tuple(row) == COLUMNS
    assert (row["charge"], row["cbc_class"], row["binds"], row["anchors"], row["denticity"]) == (
        -1, "X", "anion site", "carboxylate", 2,
    )  # fmt: skip
    assert 19 < row["length_A"] < 23
    assert row["footprint_A2"] > 18
    assert "verified" in row["source"]
    assert "one electron" in row["reasons"]


def test_bad_ones_are_rows_with_their_reason():
    rows = list(
        describe_ligands(["CCC", "C(C", "oleat", "C(C)(C)(C)(C)C", ("CCN", "ethylamine")], sizes=False)
    )
    assert [row["status"] for row in rows] == ["failed"] * 4 + ["done"]
    for row, text in zip(rows, ("no group", "nor is it SMILES", "nearest: oleate", "valence"), strict=False):
        assert text in row["cause"]
    assert [row["input"] for row in rows[:4]] == ["CCC", "C(C", "oleat", "C(C)(C)(C)(C)C"]
    assert rows[4]["name"] == "ethylamine"


def test_all_forms_and_salts():
    rows = list(describe_ligands([("NCC(=O)O", "glycine")], forms=True, sizes=False))
    assert [row["charge"] for row in rows] == [-1, 0, 1, 0, 0]
    (salt,) = describe_ligands(["FAI"])
    assert (salt["binds"], salt["length_A"]) == ("pair", None)


def test_processes_give_the_same_rows_in_the_same_order():
    items = [known.smiles for known in random_molecules(12, seed=5)]
    assert list(describe_ligands(items, workers=2)) == list(describe_ligands(items))


def test_find_ligand_takes_names_aliases_and_smiles():
    assert find_ligand("TOPO").name == "trioctylphosphine-oxide"
    assert find_ligand("CCCCS").anchors[0].name == "thiol"
    assert find_ligand("CCCCS", charge_state="auto").charge == -1


def test_lists_are_read(tmp_path):
    smi = tmp_path / "a.smi"
    smi.write_text("# a comment\nCCN ethylamine\n\nCCO\nCCS\tethane thiol\n")
    assert list(read_list(smi)) == [("CCN", "ethylamine"), "CCO", ("CCS", "ethane thiol")]
    table = tmp_path / "a.csv"
    table.write_text("Name,SMILES,note\nacid,CC(=O)O,x\n,CCN,y\n")
    assert list(read_list(table)) == [("CC(=O)O", "acid"), "CCN"]
    wrong = tmp_path / "b.csv"
    wrong.write_text("name,formula\na,b\n")
    with pytest.raises(AskError, match="no column 'smiles'"):
        list(read_list(wrong))
    with pytest.raises(AskError, match="there is no file"):
        list(read_list(tmp_path / "nothing.smi"))


def test_command_prints_csv_and_json_and_writes_a_file(tmp_path):
    (tmp_path / "list.smi").write_text("CCCC(=O)O butyric\nCCC\n")
    result = qdsurf(
        "--file", "list.smi", "--charge-state", "auto", "--csv", "--no-sizes", "-o", "t.json", where=tmp_path
    )
    assert result.returncode == 1, result.stderr
    assert "1 of 2 failed" in result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["name"], row["charge"], row["status"]) for row in rows] == [
        ("butyric", "-1", "done"), ("CCC", "", "failed"),
    ]  # fmt: skip
    assert json.loads((tmp_path / "t.json").read_text())[1]["cause"] == rows[1]["cause"]


def test_command_prints_a_table(tmp_path):
    result = qdsurf("oleylammonium", "CCCN", where=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "cation site" in result.stdout
    assert "amine" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [([], "--file"), (["--file", "no.smi"], "no.smi"), (["CCN", "-o", "a.xls"], ".csv"),
     (["CCN", "--charge-state", "acid"], "zwitterion")],
)  # fmt: skip
def test_a_wrong_question(arguments, named, tmp_path):
    result = qdsurf(*arguments, where=tmp_path)
    assert result.returncode == 2, result.stdout
    assert named in result.stderr
    assert not list(tmp_path.iterdir())
