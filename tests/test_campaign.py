from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cheap import Result, a_ligand, evaluate, plain_slab

from qdsurf.campaign import Campaign, Progress, load_campaign, rank, screen
from qdsurf.errors import AskError, BadEntry, PlacementError, UnknownName
from qdsurf.model import Ligand, Surface

TEXT = """\
title = "test"
[surface]
crystal = "CsPbBr3-cubic"
hkl = [0, 0, 1]
termination = "CsBr"
layers = 3
[ligands]
names = ["acetate", "formate"]
[method]
name = "emt"
[protocol]
poses = 1
"""
ENERGIES = {"acetate": -0.5, "formate": -0.45, "benzoate": -0.9}


def fake_bind(surface: Surface, ligand: Ligand, method: Any, **settings: Any) -> Result:
    found = evaluate(surface, ligand, method, **settings)
    energy = replace(found.energy, value=ENERGIES[ligand.name])
    return Result(energy, found.surface)


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    path = tmp_path / "test.toml"
    path.write_text(TEXT)
    return load_campaign(path)


def run(campaign: Campaign, output: Path, evaluate: Any, **settings: Any) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(1) as executor:
        return screen(
            campaign,
            output=output,
            executor=executor,
            surface=plain_slab(),
            ligands=[a_ligand(name) for name in campaign.ligands.names],
            evaluate=evaluate,
            **settings,
        )


def test_a_campaign_leaves_its_files_and_a_second_run_repeats_nothing(
    campaign: Campaign, tmp_path: Path
) -> None:
    calls: list[str] = []
    events: list[Progress] = []

    def counting(surface: Surface, ligand: Ligand, method: Any, **settings: Any) -> Result:
        calls.append(ligand.name)
        return fake_bind(surface, ligand, method, **settings)

    folder = tmp_path / "out"
    rows = run(campaign, folder, counting, progress=events.append)
    assert sorted(calls) == ["acetate", "formate"]
    assert [(e.done, e.failed, e.total) for e in events] == [(0, 0, 2), (1, 0, 2), (2, 0, 2)]
    assert run(campaign, folder, counting) == rows
    assert len(calls) == 2
    assert json.loads((folder / "table.json").read_text()) == rows
    table = list(csv.DictReader((folder / "table.csv").open()))
    assert [row["ligand"] for row in table] == ["acetate", "formate"]
    assert (folder / "structures" / "acetate.extxyz").is_file()
    assert (folder / "report.html").is_file()
    assert "acetate: done" in (folder / "log.txt").read_text()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_failure_is_a_row_with_its_cause_and_is_tried_again_when_asked(
    campaign: Campaign, tmp_path: Path
) -> None:
    calls: list[str] = []

    def failing(surface: Surface, ligand: Ligand, method: Any, **settings: Any) -> Result:
        calls.append(ligand.name)
        if ligand.name == "formate" and calls.count("formate") == 1:
            raise PlacementError("H1 and Br2 are 1.0 Å apart")
        return fake_bind(surface, ligand, method, **settings)

    rows = run(campaign, tmp_path / "out", failing)
    assert [row["status"] for row in rows] == ["done", "failed"]
    assert rows[1]["cause"] == "PlacementError: H1 and Br2 are 1.0 Å apart"
    assert rows[1]["rank"] is None
    assert "1.0 Å" in rows[1]["unranked"]
    assert run(campaign, tmp_path / "out", failing) == rows, "a finished campaign does nothing"
    assert run(campaign, tmp_path / "out", failing, retry=True, cause="TimeLimit") == rows
    assert sorted(calls) == ["acetate", "formate"]
    again = run(campaign, tmp_path / "out", failing, retry=True, cause="apart")
    assert [row["status"] for row in again] == ["done", "done"]
    assert sorted(calls) == ["acetate", "formate", "formate"]


def test_ctrl_c_keeps_what_is_finished(campaign: Campaign, tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.done == 1:
            raise KeyboardInterrupt

    calls: list[str] = []

    def counting(surface: Surface, ligand: Ligand, method: Any, **settings: Any) -> Result:
        calls.append(ligand.name)
        return fake_bind(surface, ligand, method, **settings)

    with pytest.raises(KeyboardInterrupt):
        run(campaign, tmp_path / "out", counting, progress=stop)
    rows = run(campaign, tmp_path / "out", counting)
    assert len(rows) == 2
    assert len(calls) == 2


def test_a_worker_that_dies_takes_only_its_own_ligand(campaign: Campaign, tmp_path: Path) -> None:
    rows = screen(
        campaign,
        output=tmp_path / "out",
        surface=plain_slab(),
        ligands=[a_ligand("acetate"), a_ligand("dies")],
        evaluate=evaluate,
        workers=1,
    )
    assert {row["ligand"]: row["status"] for row in rows} == {"acetate": "done", "dies": "failed"}
    assert "ended with code 9 (3 times)" in rows[1]["cause"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("poses = 1", "fmaks = 1", r"line 12: no key 'protocol\.fmaks'; nearest: 'fmax'"),
        ("[protocol]", "[protocoll]", r"line 11: no key 'protocoll'; nearest: 'protocol'"),
        ("layers = 3", "layer = 3", r"line 6: no key 'surface\.layer'; nearest: 'layers'"),
        ("layers = 3", 'layers = "3"', r"line 6: 'surface\.layers'"),
        ("hkl = [0, 0, 1]", "hkl = [0, 0]", r"line 4: .*'surface\.hkl"),
        ('crystal = "CsPbBr3-cubic"\n', "", r"line 2: the key 'surface\.crystal' is missing"),
        ("layers = 3", "layers = ", r"not valid TOML"),
        ('"formate"]', '"acetate"]', r"line 8: named twice: acetate"),
        ('names = ["acetate", "formate"]', "", r"neither names nor smiles"),
    ],
)
def test_a_mistake_names_file_line_and_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(BadEntry, match=said) as caught:
        load_campaign(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"), [("CsPbBr3-cubic", "CsPbBr3-cubik"), ('"acetate"', '"acetat"'), ('"emt"', '"ent"')]
)
def test_an_unknown_name_is_found_before_anything_is_computed(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(UnknownName, match=old.strip('"')) as caught:
        load_campaign(path)
    line = TEXT[: TEXT.index(old)].count("\n") + 1
    assert str(caught.value).startswith(f"{path}, line {line}: no ")
    with pytest.raises(AskError, match="nothing"):
        load_campaign(tmp_path / "nothing.toml")


def row(name: str, energy: float | None, **more: Any) -> dict[str, Any]:
    common = {"cbc_class": "X", "binds": "anion site", "status": "done", "converged": True}
    return {"ligand": name, "energy_eV": energy, "uncertainty_eV": 0.1, **common, **more}


def test_ties_share_a_rank_with_their_leader_only() -> None:
    rows = rank([row("c", -0.85), row("a", -1.0), row("b", -0.92), row("d", -0.3), row("e", -0.8)])
    assert [(r["ligand"], r["rank"], r["tied"]) for r in rows] == [
        ("a", 1, True), ("b", 1, True), ("c", 3, True), ("e", 3, True), ("d", 5, False),
    ]  # fmt: skip


def test_classes_and_reactions_are_ranked_apart_and_the_unranked_come_last() -> None:
    rows = rank(
        [
            row("failed", None, status="failed", cause="why"),
            row("open", -9.0, converged=False),
            row("phosphine", -2.0, cbc_class="L", binds="on a cation"),
            row("glycine", -3.0, binds="pair"),
            row("acetate", -0.5),
            row("amine", -0.1, binds="cation site"),
        ]
    )
    assert [r["ligand"] for r in rows] == ["acetate", "amine", "phosphine", "glycine", "failed", "open"]
    assert [r["group"] for r in rows[:4]] == ["X, anion site", "X, cation site", "L", "zwitterion"]
    assert [r["rank"] for r in rows] == [1, 1, 1, 1, None, None]
    assert rows[4]["unranked"] == "failed: why"
    two = rank([row("a", -1.0, reaction="acid exchange"), row("b", -0.99, reaction="salt exchange")])
    assert [r["tied"] for r in two] == [False, False]
    assert two[0]["group"] == "X, anion site (acid exchange)"
    assert rank([]) == []


@pytest.mark.slow
def test_a_killed_screen_goes_on_where_it_was(tmp_path):
    """kill -9 of driver and workers after the first row; the second run repeats nothing."""
    import os
    import signal
    import sqlite3
    import subprocess
    import sys
    import time

    (tmp_path / "c.toml").write_text(
        'title = "amines on platinum"\n[surface]\ncrystal = "Pt"\nhkl = [1, 1, 1]\n'
        "layers = 3\nrepeat = [4, 4]\n"
        '[ligands]\nnames = ["methylamine", "butylamine", "di-n-propylamine"]\n'
        'smiles = { propylamine = "CCCN", ethylamine = "CCN" }\n'
        '[method]\nname = "emt"\nlattice = "experimental"\n[protocol]\nposes = 2\nsteps = 200\n'
    )
    command = [sys.executable, "-m", "qdsurf", "screen", "c.toml", "-o", "out", "--workers", "1", "--json"]

    def rows():
        with sqlite3.connect(tmp_path / "out" / "store.sqlite") as connection:
            return dict(connection.execute("select key, created from results where status = 'done'"))

    first = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    before = {}
    while not before and time.monotonic() < deadline:
        time.sleep(0.2)
        if (tmp_path / "out" / "store.sqlite").exists():
            try:
                before = rows()
            except sqlite3.OperationalError:  # the table is not there yet
                continue
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert before
    subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL, check=False)
    after = rows()
    assert len(after) == 5
    assert all(after[key] == created for key, created in before.items())
