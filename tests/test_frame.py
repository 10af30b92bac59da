"""The frame: rooms import downwards, start-up stays light, shelves are data."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qdsurf"
FLOORS = {
    "errors": 0, "library": 1, "model": 2, "crystals": 3, "ligands": 3, "methods": 3, "build": 4, "rank": 4,
    "attachment": 5, "validation": 5,
    "energy": 6, "store": 6, "exports": 7, "campaign": 7, "report": 8, "studio": 9, "cli": 10,
}  # fmt: skip
# the campaign ends by writing its page; the import is inside that function
ALLOWED = {("campaign", "report")}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        rooms |= {n.split(".")[1] for n in names if n.startswith("qdsurf.")}
    return rooms


def test_rooms_import_only_from_lower_floors() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        for other in imported_rooms(path) - {room}:
            if other in FLOORS and FLOORS[other] >= FLOORS[room] and (room, other) not in ALLOWED:
                wrong.append(f"{path.relative_to(ROOT)} (floor {FLOORS[room]}) imports {other}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "command", [["-c", "import qdsurf"], ["-m", "qdsurf", "--help"], ["-m", "qdsurf", "list"]]
)
def test_start_up_loads_no_heavy_package(command: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in result.stderr.splitlines()}
    assert "qdsurf" in loaded
    assert not loaded & {"ase", "rdkit", "pymatgen", "numpy", "scipy", "torch", "matplotlib"}


def test_shelves_hold_no_code() -> None:
    assert not [p for shelf in ("structures", "calculators") for p in (ROOT / shelf).rglob("*.py")]


@pytest.mark.slow
def test_a_wheel_carries_the_shelves(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    code = (
        "import sys, qdsurf as qs; from pathlib import Path;"
        "assert Path(qs.__file__).is_relative_to(sys.argv[1]);"
        "assert qs.tolerance('MAPbI3')[0].radii_set == 'shannon + kieslich';"
        "slab = qs.cut_slab(qs.load_crystal('CsPbBr3-cubic'), (0, 0, 1), layers=1, termination='CsBr');"
        "print(slab.charge, len(qs.list_shelf('ligands')), len(qs.list_shelf('calculators')))"
    )
    result = subprocess.run(
        [python, "-c", code, tmp_path], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    charge, ligands, methods = (int(x) for x in result.stdout.split())
    assert charge == 0
    assert ligands > 50
    assert methods >= 6
