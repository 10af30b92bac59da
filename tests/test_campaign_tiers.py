"""Campaign files: axes, tiers, filters; the verbs of the command line; results in and out."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cheap import energy_of, runs

from qdsurf.campaign import campaign_schema, estimate, load_campaign, reopen, screen, status
from qdsurf.campaign.pieces import ligands_of
from qdsurf.campaign.surfaces import build
from qdsurf.errors import AskError, BadEntry, UnknownName
from qdsurf.store import Store
from qdsurf.store.exchange import export_rows, import_rows, search_keys

ROOT = Path(__file__).resolve().parents[1]
SLAB = """\
title = "funnel"
[surface]
crystal = "CsPbBr3-cubic"
hkl = [0, 0, 1]
termination = "CsBr"
layers = 2
repeat = [2, 2]
"""
ENDS = "[outputs]\nreport = false\nstructures = 0\n"
SMILES = """\
# acids and amines as they are sold
CCCCCCCC(=O)O octanoic
CCC(=O)O propanoic
OC(=O)c1ccccc1 benzoic
CCCCP(=O)(O)O butylphosphonic
CCCCCCCCN octylamine
CCCCN butylamine
CCP(CC)CC triethylphosphine
CCCCCC hexane
C1CC( broken
"""
FUNNEL = (
    SLAB
    + """\
[ligands]
names = ["acetate"]
files = ["list.smi"]
charge_state = "auto"
[[tiers]]
name = "descriptors"
rank = "affinity"
keep = 5
[[tiers]]
name = "fast"
method = "emt"
lattice = "experimental"
evaluate = "cheap:evaluate"
keep = 2
[[tiers]]
name = "good"
method = "emt"
settings = { asap_cutoff = true }
lattice = "experimental"
evaluate = "cheap:evaluate"
"""
    + ENDS
)


def funnel(folder: Path, smiles: str = SMILES, text: str = FUNNEL) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "list.smi").write_text(smiles)
    path = folder / "funnel.toml"
    path.write_text(text)
    return path


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file where evaluations note that they ran."""
    monkeypatch.setenv("CHEAP_NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def test_a_funnel_lets_the_best_of_each_tier_go_on(tmp_path: Path, notes: Path) -> None:
    file = funnel(tmp_path / "a")
    rows = {row["ligand"]: row for row in screen(file, output=tmp_path / "out", workers=2)}
    assert len(rows) == 10, "a row for every line, whatever became of it"
    assert rows["broken"]["status"] == rows["hexane"]["status"] == "failed"
    assert "hexane" in rows["hexane"]["cause"] or "CCCCCC" in rows["hexane"]["cause"]
    scores = {name: row for name, row in rows.items() if "descriptors: place" in row["unranked"]}
    assert len(scores) == 3
    ran = Counter(runs(notes))
    assert len(ran) == 5
    good = [row for row in rows.values() if row["rank"] is not None]
    assert {row["ligand"] for row in good} == {name for name, times in ran.items() if times == 2}
    # Energies are compared within a class only, so two of each class go on.
    assert all(len([r for r in good if r["group"] == g]) <= 2 for g in {r["group"] for r in good})
    stopped = [row for row in rows.values() if "fast: place" in row["unranked"]]
    assert all(row["energy_eV"] == energy_of(row["ligand"]) for row in [*good, *stopped])
    found = status(tmp_path / "out")
    assert found.finished
    assert [sum(tier.values()) for tier in found.tiers] == [10, 5, len(good)]
    assert found.tiers[0]["failed"] == 2


def test_the_table_does_not_depend_on_the_order_and_one_more_ligand_is_one_more(
    tmp_path: Path, notes: Path
) -> None:
    def table(folder: str, smiles: str) -> list[dict[str, Any]]:
        found = screen(funnel(tmp_path / folder, smiles), output=tmp_path / folder / "out", workers=2)
        return [{name: value for name, value in row.items() if name != "seconds"} for row in found]

    first = table("a", SMILES)
    count = len(runs(notes))
    lines = SMILES.splitlines()
    assert table("b", "\n".join([lines[0], *lines[:0:-1]]) + "\n") == first
    assert len(runs(notes)) == 2 * count
    with Store(tmp_path / "a" / "out" / "store.sqlite") as store:
        before = set(store.keys())
    table("a", SMILES + "CC(C)CC[N+](=O)[O-] poor\n")
    with Store(tmp_path / "a" / "out" / "store.sqlite") as store:
        new = set(store.keys()) - before
        assert [(store.get(key) or {})["ligand"] for key in new] == ["poor"]


def test_names_that_are_long_or_stand_for_several_molecules_get_a_mark(tmp_path: Path) -> None:
    smiles = f"CCN {'x' * 300}\nCCCN same\nCCCCN same\nCCCN same\n"
    names = [one.name for one in ligands_of(load_campaign(funnel(tmp_path / "a", smiles)))]
    turned = "\n".join(smiles.splitlines()[::-1]) + "\n"
    assert sorted(names) == sorted(
        one.name for one in ligands_of(load_campaign(funnel(tmp_path / "b", turned)))
    )
    assert len(set(names)) == len(names) == 4
    assert all(len(name) <= 40 for name in names)


def test_filters_drop_by_value_and_say_so(tmp_path: Path, notes: Path) -> None:
    text = FUNNEL.replace(
        "keep = 5\n",
        '[[tiers.filters]]\nvalue = "descriptors.donor_pka"\nmax = 4.5\n'
        '[[tiers.filters]]\nvalue = "score"\nmin = 0.1\n',
    )
    rows = {row["ligand"]: row for row in screen(funnel(tmp_path / "a", text=text), output=tmp_path / "out")}
    assert "donor_pka" in rows["octanoic"]["unranked"]
    assert "above 4.5" in rows["octanoic"]["unranked"]
    assert [row["ligand"] for row in rows.values() if row["rank"]] == ["butylphosphonic"]
    wrong = FUNNEL.replace("keep = 5\n", 'filters = [{ value = "descriptors.colour", max = 1 }]\n')
    with pytest.raises(AskError, match=r"no row has the value 'descriptors\.colour'.*descriptors\.donor_pka"):
        screen(funnel(tmp_path / "b", text=wrong), output=tmp_path / "out")


AXES = (
    SLAB
    + """\
[[vacancies]]
[[vacancies]]
species = "Br"
count = 1
compensate = "Cs"
[[sites]]
species = "Br"
[[sites]]
kind = "cation site"
[ligands]
names = ["acetate", "formate"]
[method]
name = "emt"
lattice = "experimental"
"""
    + ENDS
)


def test_axes_multiply_and_each_surface_has_its_own_rows(tmp_path: Path, notes: Path) -> None:
    file = tmp_path / "axes.toml"
    file.write_text(AXES)
    (guess,) = estimate(load_campaign(file))
    assert (guess.pairs, guess.surfaces) == (8, 4)
    assert "if every pose takes all steps" in guess.basis
    import cheap

    rows = screen(file, output=tmp_path / "out", evaluate=cheap.evaluate)
    assert Counter((row["surface"], row["site"]) for row in rows) == Counter(
        {(name, site): 2 for name in {row["surface"] for row in rows} for site in ("Br", "cation site")}
    )
    assert len({row["surface"] for row in rows}) == 2
    assert len({row["group"] for row in rows}) == 4, "energies on other surfaces are not compared"
    (known,) = estimate(load_campaign(file), output=tmp_path / "out")
    assert (known.seconds or 0) < (guess.seconds or 0)
    assert "8 finished pairs" in known.basis
    missing = AXES.replace('species = "Br"\n[[sites]]', 'species = "I"\n[[sites]]')
    file.write_text(missing)
    with pytest.raises(AskError, match=r"has no site 'I'; it has: .*Br"):
        estimate(load_campaign(file))


def test_binding_modes_are_an_axis_and_reach_the_poses(tmp_path: Path, notes: Path) -> None:
    import cheap

    from qdsurf.build.slabs import cut_slab
    from qdsurf.crystals import load_crystal
    from qdsurf.energy.reactions import plan
    from qdsurf.ligands import load_ligand

    file = tmp_path / "modes.toml"
    file.write_text(
        'modes = ["terminal", "chelating"]\n' + AXES.replace("[[sites]]\nspecies", "[[sites]]\n#")
    )
    rows = screen(file, output=tmp_path / "out", evaluate=cheap.evaluate)
    assert Counter(row["mode"] for row in rows) == {"terminal": len(rows) // 2, "chelating": len(rows) // 2}
    slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(2, 2))
    one, other = (
        plan(slab, load_ligand("acetate"), mode=mode).poses[0] for mode in ("terminal", "chelating")
    )
    assert one != other


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rank = "affinity"', 'rank = "afinity"', "afinity"),
        ("keep = 2", "keap = 2", r"line \d+: no key 'tiers\.keap'; nearest: 'keep'"),
        ("keep = 2", 'rank = "affinity"', r"tiers: a tier needs either rank or method"),
        ("keep = 5", 'filters = [{ value = "score" }]', r"a filter needs min or max"),
        ('files = ["list.smi"]', 'files = ["lost.smi"]', r"no file .*lost\.smi"),
        ("[surface]", "[surfaces]", "surfaces"),
        ("hkl = [0, 0, 1]", 'hkl = [0, 0, 1]\nshape = "cube"', "either hkl .* or shape"),
        ('charge_state = "auto"', 'charge_state = "auto"\nsmiles = { x = "CCC" }', "ligand 'x'"),
        ('charge_state = "auto"', 'charge_state = "automatic"', r"line \d+: charge_state .*allowed"),
        ("hkl = [0, 0, 1]", "hkl = 001", r"not valid TOML.*Miller indices are a list"),
    ],
)
def test_a_mistake_in_a_tier_is_found_before_anything_is_computed(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = funnel(tmp_path / "a", text=FUNNEL.replace(old, new, 1))
    with pytest.raises((BadEntry, UnknownName, AskError), match=said):
        screen(file, output=tmp_path / "out")
    assert not (tmp_path / "out" / "table.csv").exists()


def test_the_schema_names_every_key() -> None:
    schema = campaign_schema()
    keys = ["surfaces", "vacancies", "coverages", "sites", "modes", "ligands", "tiers", "engine", "outputs"]
    assert set(keys) <= set(schema["properties"])
    assert "path" not in schema["properties"]
    assert schema["additionalProperties"] is False
    json.dumps(schema)


def test_a_cuboid_has_three_numbers(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[surface]\ncrystal = "CsPbBr3-cubic"\nshape = "cuboid"\ncells = [2, 2, 1]\n'
        '[ligands]\nnames = ["acetate"]\n[[tiers]]\nrank = "affinity"\n[[tiers]]\nmethod = "gfn2-xtb"\n'
    )
    campaign = load_campaign(file)
    made = build(campaign.all_surfaces[0], campaign, None)
    assert made.atoms.get_chemical_formula() == "Br20Cs12Pb4"


EXAMPLES = sorted((ROOT / "examples" / "screen").glob("*.toml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_sound(example: Path) -> None:
    assert estimate(load_campaign(example))[0].pairs > 0


@pytest.fixture
def qdsurf(
    tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give a function that runs a command in *tmp_path* and returns exit code, output and errors."""
    from qdsurf.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["qdsurf", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code)), *capsys.readouterr()

    return run


VERBS = (
    SLAB
    + """\
[ligands]
smiles = { propanoate = "CCC(=O)[O-]", raises = "CCCC(=O)[O-]" }
[[tiers]]
method = "emt"
lattice = "experimental"
evaluate = "cheap:evaluate"
"""
    + ENDS
)


def test_the_verbs_of_the_command_line(
    tmp_path: Path, notes: Path, qdsurf: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.toml").write_text(VERBS)
    assert json.loads(qdsurf("screen", "c.toml", "--dry-run", "--json")[1])[0]["pairs"] == 2
    assert not (tmp_path / "runs").exists()
    code, out, err = qdsurf("screen", "c.toml", "--json")
    assert code == 1, err
    assert "1 pairs failed; qdsurf retry runs/c" in err
    assert [row["status"] for row in json.loads(out)] == ["done", "failed"]
    said = qdsurf("status", "runs/c")[1]
    assert "1 of 2 done, 1 failed, 0 running, 0 to do" in said
    assert "1 x RuntimeError: no such luck" in said
    assert qdsurf("resume", "runs/c", "--json")[0] == 1
    assert len(runs(notes)) == 2
    monkeypatch.setenv("CHEAP_LUCK", "1")
    code, out, err = qdsurf("retry", "runs/c", "--json")
    assert code == 0, err
    assert sorted(runs(notes)) == ["propanoate", "raises", "raises"]
    assert json.loads(qdsurf("status", "runs/c", "--json")[1])["finished"] is True
    key = json.loads(out)[0]["key"]
    assert qdsurf("results", "runs/c", "--log", key)[0] == 0
    assert json.loads(qdsurf("results", "runs/c", "-o", "all.db", "--json")[1]) == {"written": 2}
    listed = subprocess.run(
        [sys.executable, "-m", "ase", "db", "all.db", "status=done", "-c", "ligand,energy_eV"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "propanoate" in listed.stdout, listed.stderr
    assert "raises" in listed.stdout
    assert qdsurf("status", "runs/nothing")[0] == 2
    assert json.loads(qdsurf("screen", "--schema")[1])["title"] == "qdsurf campaign"
    assert reopen(tmp_path / "runs" / "c")[0].name == "c"


ROW = {"ligand": "100", "surface": "s", "method": "emt", "site": "", "warnings": ["é"], "terms": {"a": 1.5}}
XYZ = '2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 pbc="T T F"\nNa 0 0 0\nCl 2.8 0 0\n'


@pytest.mark.parametrize("kind", ["db", "extxyz", "jsonl", "parquet"])
def test_results_go_out_and_come_in_again(tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    done = {**ROW, "key": "k626121808897e459", "status": "done", "energy_eV": -0.5, "converged": True}
    failed = {**ROW, "key": "k2", "ligand": "b", "status": "failed", "cause": "why", "energy_eV": None}
    file = tmp_path / f"results.{kind}"
    with Store(tmp_path / "one.sqlite") as one, Store(tmp_path / "two.sqlite") as two:
        one.put(done, XYZ)
        one.put(failed)
        assert export_rows(one, file) == (1 if kind == "extxyz" else 2)
        assert import_rows(two, file) == (1 if kind == "extxyz" else 2)
        import_rows(two, file)
        expected = [done] if kind == "extxyz" else [done, failed]
        assert two.rows() == expected
        assert "Na" in (two.structure(done["key"]) or "")
        assert export_rows(one, file, keys=[done["key"]]) == 1, "a file is replaced, not added to"
    from ase.io import read

    if kind in ("db", "extxyz"):  # what `ase gui` opens
        assert read(file).symbols.get_chemical_formula("reduce") == "NaCl"


def test_csv_has_columns_and_other_formats_are_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "one.sqlite") as store:
        store.put({**ROW, "key": "k1", "status": "done", "energy_eV": -0.5})
        export_rows(store, tmp_path / "a.csv")
        (row,) = csv.DictReader((tmp_path / "a.csv").open())
        assert (row["ligand"], row["energy_eV"]) == ("100", "-0.5")
        with pytest.raises(AskError, match=r"\.parquet"):
            export_rows(store, tmp_path / "a.xlsx")
        with pytest.raises(AskError, match="read from"):
            import_rows(store, tmp_path / "a.csv")
        (tmp_path / "b.jsonl").write_text("{}\n")
        with pytest.raises(AskError, match=r"b\.jsonl, line 1: not a row"):
            import_rows(store, tmp_path / "b.jsonl")


@pytest.mark.parametrize("text", ["100", "6e12", "1e5", "True", "-1", "nan", "1i"])
def test_texts_that_ase_would_take_for_numbers_are_marked(text: str) -> None:
    from ase.db.core import check

    check(search_keys({"ligand": text, "status": "done"}))
