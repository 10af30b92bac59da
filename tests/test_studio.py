"""The builder without a browser: the form, what it makes, what is shown, what is given, and who is let in."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shlex
import socket
import zipfile
from collections.abc import MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.files import read_surface
from qdsurf.studio import building, chemistry, downloads, panels
from qdsurf.studio.drawing import drawing
from qdsurf.studio.forms import MOST_ATOMS, Form, LigandRow, Problems, read
from qdsurf.studio.recipes import commands, python_lines
from qdsurf.studio.server import ASSETS, Gate, allowed, free_port, serve
from qdsurf.studio.work import answer

SMALL = Form(layers=2, repeat_a=2, repeat_b=2)
COVERED = replace(SMALL, ligands=(LigandRow(text="acetate", amount=2),))
FORMS = {
    "slab with a ligand": COVERED,
    "amine of SMILES by density": replace(SMALL, unit="nm^-2", ligands=(LigandRow(text="CN", amount=0.8),)),
    "polar facet, capped": Form(
        crystal="PbS", hkl="111", termination="Pb", layers=2, repeat_a=1, repeat_b=1, compensate="cap:Cl"
    ),
    "faces that differ": Form(
        crystal="CdSe-wurtzite", layers=2, repeat_a=7, repeat_b=1, compensate="vacancies", sides="different"
    ),
    "vacancy on both faces": replace(
        SMALL, vacancy="Br", vacancy_compensate="Cs", vacancy_faces="both", vacuum=12
    ),
    "dot with a vacancy and two ligands": Form(
        kind="dot",
        size="1.2",
        seed=3,
        vacancy="Br",
        vacancy_compensate="Cs",
        unit="fraction",
        pattern="random",
        ligands=(LigandRow(text="acetate", amount=0.25), LigandRow(text="CCN", amount=0.1)),
    ),
    "platelet": Form(kind="dot", shape="cuboid", size_by="cells", size="3x3x2", cut="CsBr"),
    "octahedron": Form(
        kind="dot", crystal="PbS", shape="octahedron", size_by="cells", size="4", cut="111=Pb", cap="Cl"
    ),
    "wulff": Form(
        kind="dot", crystal="PbS", shape="wulff", size_by="diameter", size="1.8", facets="100=1.0, 111=1.1"
    ),
    "bare cut": Form(kind="dot", size_by="cells", size="2", neutralize="none"),
}


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    return answer("build", COVERED, MOST_ATOMS)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_lines_of_python_and_the_commands_make_the_same_surface(
    form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page teaches must be true: both recipes give the structure that the page shows."""
    from typer.main import get_command

    from qdsurf.cli.commands import app

    monkeypatch.chdir(tmp_path)
    made = building.make(form).surface
    assert (made.charge == 0) == (form.neutralize != "none")
    contact = made.contacts()
    assert contact is None or not contact.overlaps
    plan = read(form)
    exec(python_lines(plan), {})
    assert read_surface("surface.extxyz") == made
    Path("surface.extxyz").unlink()
    last = ""
    for line in commands(plan).splitlines():
        words = shlex.split(line)
        assert words[0] == "qdsurf"
        get_command(app).main(args=words[1:], prog_name="qdsurf", standalone_mode=False)
        last = words[-1]
    found = read_surface(last)
    assert found.ledger == made.ledger
    assert found.atoms.get_chemical_symbols() == made.atoms.get_chemical_symbols()
    # files hold positions to 1e-8 Å, from which the molecules of the next command start
    assert np.allclose(found.atoms.positions, made.atoms.positions, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"crystal": "CsPbBr4"}, "crystal", "choose one of the list"),
        ({"crystal": "../structures/bulk/PbS.toml"}, "crystal", "choose one of the list"),
        ({"hkl": "11"}, "hkl", "three integers"),
        ({"hkl": "0" * 50}, "hkl", "too many"),
        ({"layers": 1.5}, "layers", "whole number from 1 to 20"),
        ({"layers": None}, "layers", "whole number"),
        ({"repeat_a": "nan"}, "repeat_a", "whole number"),
        ({"vacuum": "inf"}, "vacuum", "from 0 to 60"),
        ({"vacuum": -1}, "vacuum", "from 0 to 60"),
        ({"termination": "Xe"}, "termination", "it has CsBr, PbBr2"),
        ({"crystal": "PbS", "hkl": "111"}, "compensate", "formal charges"),
        ({"crystal": "CdSe-wurtzite"}, "sides", "no slab has two equal faces"),
        ({"compensate": "cap:Uuo"}, "compensate", "choose one"),
        ({"vacancy": "Br"}, "vacancy_compensate", "'Cs' (removes 1)"),
        ({"vacancy": "I"}, "vacancy", "I"),
        ({"vacancy": "Br", "vacancy_row": 99}, "vacancy_row", "kinds of site"),
        ({"kind": "dot", "size": "2 nm"}, "size", "a number larger than 0"),
        ({"kind": "dot", "size": "3x3"}, "size", "or three for a cuboid"),
        ({"kind": "dot", "size": "3x3x2"}, "size", "a cube has 1"),
        ({"kind": "dot", "size": "12"}, "size", "atoms are too many"),
        ({"kind": "dot", "shape": "sphere"}, "size_by", "give diameter"),
        ({"kind": "dot", "shape": "wulff", "size_by": "diameter", "facets": "100"}, "facets", "100=1.0"),
        ({"kind": "dot", "cut": "Xe"}, "cut", "Xe"),
        ({"kind": "dot", "cap": "Og", "neutralize": "cap"}, "neutralize", "Og"),
        ({"unit": "mol"}, "unit", "choose one"),
        ({"ligands": (LigandRow(text="C1CC"),)}, "ligand 0", "SMILES that can be read"),
        ({"ligands": (LigandRow(text="olaete"),)}, "ligand 0", "nearest names: oleate"),
        ({"ligands": (LigandRow(text="CCC"),)}, "ligand 0", "no group that can bind"),
        ({"ligands": (LigandRow(text="/etc/passwd"),)}, "ligand 0", "no ligand of the shelf"),
        ({"ligands": (LigandRow(text="C" * 301),)}, "ligand 0", "300 at most"),
        ({"ligands": (LigandRow(text="C" * 200 + "N"),)}, "ligand 0", "80 at most"),
        ({"ligands": (LigandRow(text="oleate\x00"),)}, "ligand 0", "cannot be seen"),
        ({"ligands": (LigandRow(text="oleate"), LigandRow(text="oleate"))}, "ligand 1", "there already"),
        ({"ligands": (LigandRow(text=" "), LigandRow(text="oleate", amount=0))}, "amount 0", "larger than 0"),
        ({"ligands": (LigandRow(text="oleate", amount=1.5),)}, "amount 0", "whole number of ligands"),
        ({"ligands": (LigandRow(text="oleate", amount=2),), "unit": "fraction"}, "amount 0", "at most 1"),
        ({"ligands": (LigandRow(text="oleate", amount=500),)}, "amount 0", "atoms are too many"),
        ({"ligands": (LigandRow(text="acetate", amount=99),)}, "amount 0", "only 8 sites"),
        ({"ligands": (LigandRow(text="CN"),), "mode": "chelating"}, "mode", "no two atoms that bind"),
        ({"ligands": (LigandRow(text="oleate"),) * 7}, "ligands", "at most 6"),
    ],
)  # fmt: skip
def test_an_error_stands_beside_the_field_concerned(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Problems) as caught:
        building.make(replace(SMALL, **changes))
    assert words in caught.value.fields[field]


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Problems) as caught:
        building.make(Form(hkl="9", layers=0, ligands=(LigandRow(text="oleate"), LigandRow(text="C1CC"))))
    assert set(caught.value.fields) == {"hkl", "layers", "ligand 1"}


def test_a_dot_that_is_far_too_large_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qdsurf.build.dots.carve_dot", lambda *_, **__: pytest.fail("it was cut"))
    for shape, by, size in (
        ("cube", "edge", "12"),
        ("sphere", "diameter", "12"),
        ("cuboid", "cells", "9x9x9"),
    ):
        with pytest.raises(Problems, match="too many for the page"):
            building.make(Form(kind="dot", shape=shape, size_by=by, size=size), most_atoms=2900)


@pytest.mark.parametrize(
    ("shape", "by", "size"),
    [
        ("octahedron", "cells", "5"), ("octahedron", "edge", "2"), ("tetrahedron", "cells", "5"),
        ("tetrahedron", "edge", "3"), ("sphere", "diameter", "2"), ("cuboctahedron", "cells", "3"),
    ],
)  # fmt: skip
def test_a_dot_that_is_small_enough_is_not_refused_for_its_size(shape: str, by: str, size: str) -> None:
    form = Form(kind="dot", crystal="PbS", shape=shape, size_by=by, size=size)
    made = building.make(form)
    assert building.least_atoms_of_dot(made.crystal, read(form).base) <= len(made.surface.atoms)


@pytest.mark.parametrize(
    ("smiles", "drawn", "group", "others"),
    [
        ("CCC(=O)O", True, "carboxylate", {"carboxylic acid"}),
        ("CCC(=O)O", False, "carboxylic acid", {"carboxylate"}),
        ("CCN", True, "amine", {"primary ammonium"}),
        ("NCC(=O)O", True, "carboxylate + primary ammonium", {"amine", "carboxylate", "primary ammonium"}),
        ("OCCS", True, "thiolate", {"thiol", "alcohol"}),
    ],
)
def test_a_molecule_is_offered_in_every_form_in_which_it_can_bind(
    smiles: str, drawn: bool, group: str, others: set[str]
) -> None:
    found = chemistry.forms_of_molecule(smiles, drawn=drawn)
    options = found["options"]
    assert options[found["chosen"]]["label"].split(":")[0] == group
    assert others <= {option["label"].split(":")[0] for option in options}
    for option in options:
        ligand = building.ligand_of(option["smiles"], tuple(option["anchor"]))
        assert [anchor.name for anchor in ligand.anchors] == option["anchor"]
        assert f"charge {panels.signed(ligand.charge)}," in option["label"]


def test_an_ambiguous_molecule_binds_by_the_group_that_was_chosen() -> None:
    for group, kind in (("thiol", "S"), ("alcohol", "O")):
        form = replace(SMALL, ligands=(LigandRow(text="OCCS", anchor=(group,)),))
        atoms = building.make(form).surface.atoms
        assert [atoms.symbols[i] for i in np.flatnonzero(atoms.arrays["anchor"])] == [kind]
        assert f"anchor=('{group}',)" in python_lines(read(form))
        assert "no option for the group" in commands(read(form))


def test_the_ledger_adds_up(built: dict[str, Any]) -> None:
    rows = built["ledger"]
    sums = [int(row["sum"].replace("−", "-")) for row in rows]
    assert sum(sums[:-1]) == sums[-1] == built["charge"] == 0
    assert sum(int(row["count"]) for row in rows[:-1]) < built["atoms"]


def test_densities_are_numbers_over_area(built: dict[str, Any]) -> None:
    (row,) = built["density"]
    area = sum(float(facet["area"]) for facet in built["facets"])
    assert area == pytest.approx(2 * (2 * 0.587) ** 2, abs=0.01)
    assert float(row["density"]) == pytest.approx(2 / area, abs=0.01)
    assert row["top / bottom"] == "1 / 1"


def test_what_the_viewer_draws_is_the_structure(built: dict[str, Any]) -> None:
    surface = building.make(COVERED).surface
    shown = drawing(surface)
    atoms = surface.atoms
    place = np.array(shown["xyz"]).reshape(-1, 3)
    assert [shown["kinds"][k]["element"] for k in shown["kind"]] == atoms.get_chemical_symbols()
    assert [shown["names"][k] for k in shown["species"]] == atoms.arrays["species"].tolist()
    # the normal of a slab points up in the picture
    assert np.corrcoef(place[:, 1], atoms.positions[:, 2])[0, 1] > 0.9
    sticks = np.array(shown["sticks"]).reshape(-1, 2)
    assert len(sticks) == len(surface.bonds) == 12
    assert np.linalg.norm(place[sticks[:, 0]] - place[sticks[:, 1]], axis=1).max() < 1.7
    crystal = np.array(shown["crystal"]).reshape(-1, 2)
    pairs = {frozenset((atoms.symbols[i], atoms.symbols[j])) for i, j in crystal.tolist()}
    assert frozenset(("Pb", "Br")) in pairs
    assert len(shown["box"]) == 12


def test_molecules_that_the_cell_cuts_are_drawn_whole() -> None:
    form = Form(
        layers=1, repeat_a=1, repeat_b=1, ligands=(LigandRow(text="CCCCCCN", amount=1),), mode="tilted"
    )
    shown = drawing(building.make(form).surface)
    place, sticks = np.array(shown["xyz"]).reshape(-1, 3), np.array(shown["sticks"]).reshape(-1, 2)
    assert len(sticks) == 21
    assert np.linalg.norm(place[sticks[:, 0]] - place[sticks[:, 1]], axis=1).max() < 1.7


@pytest.mark.parametrize("kind", sorted(set(downloads.FORMATS) - set(downloads.PICTURES)))
def test_each_format_holds_the_atoms(kind: str, built: dict[str, Any], tmp_path: Path) -> None:
    from ase.io import read as read_file

    form = Form(kind="dot", size="1.2") if kind == "sdf" else COVERED
    surface = building.make(form).surface
    made = downloads.structure_file(surface, kind, built["stem"])
    assert made.name in ("CsPbBr3-cubic-slab" + downloads.FORMATS[kind][1], downloads.FORMATS[kind][1])
    path = tmp_path / made.name
    path.write_bytes(made.content)
    if kind == "sdf":  # of the third version, which ASE does not read
        from rdkit import Chem

        mol = Chem.MolFromMolBlock(made.content.decode(), sanitize=False, removeHs=False)
        assert sorted(a.GetSymbol() for a in mol.GetAtoms()) == sorted(surface.atoms.symbols)
        return
    options: dict[str, Any] = {"format": "lammps-data"} if kind == "lammps" else {}
    atoms: Any = read_file(path, **options)
    assert len(atoms) == len(surface.atoms)
    if kind != "lammps":
        assert sorted(atoms.symbols) == sorted(surface.atoms.symbols)


def test_inputs_of_a_code_are_one_archive_and_the_same_each_time(built: dict[str, Any]) -> None:
    ask = ("inputs", built["surface"], built["bare"], "cp2k", "relax", built["stem"], None)
    first, second = answer(*ask)["file"], answer(*ask)["file"]
    assert first.name == "CsPbBr3-cubic-slab-cp2k-relax.zip"
    assert first.content == second.content
    with zipfile.ZipFile(io.BytesIO(first.content)) as archive:
        names = {name.split("/", 1)[1] for name in archive.namelist()}
        assert all(name.startswith("CsPbBr3-cubic-slab-cp2k-relax/") for name in archive.namelist())
    assert {"cp2k.inp", "run.sh", "README.md", "manifest.json"} <= names


def test_a_binding_energy_starts_from_the_bare_surface(built: dict[str, Any]) -> None:
    ask = ("inputs", built["surface"], built["bare"], "cp2k", "binding", built["stem"])
    assert "needs a ligand" in answer(*ask, None)["problems"]["inputs"]
    file = answer(*ask, ("acetate", ()))["file"]
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        assert sum(name.endswith("cp2k.inp") for name in archive.namelist()) >= 3


def test_what_a_code_cannot_do_is_said(built: dict[str, Any]) -> None:
    ask = ("inputs", built["surface"], built["bare"])
    assert "carve a dot" in answer(*ask, "orca", "relax", built["stem"], None)["problems"]["inputs"]
    assert "choose one" in answer(*ask, "../orca", "relax", built["stem"], None)["problems"]["inputs"]
    assert "choose one" in answer("structure", built["surface"], "exe", "x")["problems"]["structure"]


def test_names_of_files_have_no_folders_in_them() -> None:
    for stem in ("../../etc/passwd", "/root", "a\\b", "", "..", "x" * 500, "\u202eexe"):
        name = downloads.plain(stem)
        assert name
        assert Path(name).name == name
        assert name.isascii()
        assert len(name) <= 60
        assert not name.startswith(".")


def test_the_ranking_marks_the_ligands_of_the_form(built: dict[str, Any]) -> None:
    found = answer("ranking", built["bare"], (("octanoate", ()), ("CCCCN", ())), True, "affinity")
    rows = found["rows"]
    assert {row["ligand"] for row in rows if row["mine"]} == {"octanoate", "CCCCN"}
    assert len(rows) + len(found["failed"]) == len(chemistry.COMMON) + 1
    assert [row["rank"] for row in rows] == sorted(row["rank"] for row in rows)
    assert next(r for r in rows if r["ligand"] == "iodide")["hard or soft"].startswith("iodide (soft)")
    assert "add a ligand" in answer("ranking", built["bare"], (), False, "affinity")["problems"]["ranking"]


def test_a_composition_is_judged_or_refused_in_words() -> None:
    found = answer("tolerance", "CsPbI3")
    # tau of CsPbI3 as in doi:10.1126/sciadv.aav0693, on the wrong side of 4.18, which the panel must show
    assert float(found["numbers"]["tau"]) == pytest.approx(4.30, abs=0.01)
    assert any("perovskite" in text for text in found["warnings"] + found["observed"])
    assert "no perovskite" in answer("tolerance", "PbS")["problems"]["formula"]
    assert "too long" in answer("tolerance", "Cs" * 99)["problems"]["formula"]


def test_a_facet_says_how_it_can_end() -> None:
    found = answer("terminations", "CsPbBr3-cubic", "110")
    assert found["miller"] == "1 1 0"
    assert any("charge" in words and "compensate by" in words for words in found["options"].values())
    assert answer("terminations", "CsPbBr3-cubic", "001")["options"]["CsBr"] == "CsBr: neutral"
    assert "hkl" in answer("terminations", "PbS", "000")["problems"]


def test_vacancies_and_ions_are_offered() -> None:
    assert list(answer("species", "MAPbI3")["options"]) == ["Pb", "I", "methylammonium"]
    options = answer("vacancies", replace(SMALL, vacancy="Br"), MOST_ATOMS)["options"]
    assert options[1].startswith("1. (001) face")


def test_what_is_carried_is_what_was_published() -> None:
    """A file that was changed, added or lost is found by its checksum."""
    listed = {}
    for line in (ASSETS / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split(maxsplit=1)
        listed[name] = checksum
    here = {
        path.relative_to(ASSETS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*ASSETS.glob("3Dmol*"), *(p for p in ASSETS.glob("jsme/**/*") if p.is_file())]
    }
    assert here == listed
    assert {"3Dmol-LICENSE.txt", "jsme/license.txt"} <= set(here)
    assert sum(p.stat().st_size for p in ASSETS.rglob("*") if p.is_file()) < 2_000_000


@pytest.mark.parametrize(
    ("host", "origin", "let_in"),
    [
        ("127.0.0.1:8123", None, True),
        ("localhost:9", "http://localhost:9", True),
        ("[::1]:8123", "http://[::1]:8123", True),
        ("evil.example", None, False),
        ("127.0.0.1.evil.example:8123", None, False),
        ("127.0.0.1@evil.example", None, False),
        ("evil.example/127.0.0.1", None, False),
        ("", None, False),
        ("127.0.0.1:8123", "https://evil.example", False),
        ("127.0.0.1:8123", "http://127.0.0.1:9", False),
        ("127.0.0.1:8123", "null", False),
    ],
)
def test_only_this_machine_is_let_in(host: str, origin: str | None, let_in: bool) -> None:
    assert allowed(host, origin) == let_in
    for kind in ("http", "websocket"):
        sent: list[MutableMapping[str, Any]] = []
        reached: list[str] = []

        async def inside(scope: Any, receive: Any, send: Any, reached: list[str] = reached) -> None:
            reached.append(scope["type"])
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message: MutableMapping[str, Any], sent: Any = sent) -> None:
            sent.append(message)

        headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
        scope = {"type": kind, "headers": headers}
        asyncio.run(Gate(inside)(scope, None, send))  # type: ignore[arg-type]
        assert reached == ([kind] if let_in else [])
        if let_in:
            policy = dict(sent[0]["headers"])[b"content-security-policy"]
            assert b"default-src 'self'" in policy
            assert b"https:" not in policy
        else:
            assert sent[0].get("status", sent[0].get("code")) in (403, 1008)


def test_a_port_that_is_taken_is_an_error_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AskError, match="cannot be used"):
            free_port(taken.getsockname()[1])
    assert 1024 <= free_port(None) <= 65535
    with pytest.raises(AskError, match="is no port"):
        free_port(0)


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nicegui", None)
    with pytest.raises(MissingExtra, match=r"qdsurf\[app\]"):
        serve(browser=False)
