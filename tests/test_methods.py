"""Methods: presets parse, wrong questions are refused, and every engine keeps one contract."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from qdsurf.errors import AskError, MissingExtra, UnknownName
from qdsurf.library import list_shelf
from qdsurf.methods import check_system, engine_version, lacks, load_method, make_calculator

PRESETS = ["chgnet", "emt", "gfn1-xtb", "gfn2-xtb", "sevennet-0", "sevennet-l3i5"]


def test_shelf_holds_the_presets():
    assert set(PRESETS) <= set(list_shelf("calculators"))


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_complete(name):
    method = load_method(name)
    assert method.name == name
    assert method.class_error > 0
    assert method.class_error_source
    assert method.warnings
    assert all(doi.startswith("10.") for doi in method.cite)
    assert engine_version(method).split()[0] in {"ase", "tblite", "sevenn", "chgnet"}


def test_overrides_and_unknown_names():
    assert load_method("GFN2-xTB", solvation=["alpb", "toluene"]).settings["solvation"] == ["alpb", "toluene"]
    with pytest.raises(UnknownName, match="sevennet-0"):
        load_method("sevenet-0")


def test_emt_names_foreign_elements_and_who_can():
    with pytest.raises(AskError, match=r"cannot do Br, Cs; methods that can: .*sevennet-0") as caught:
        check_system(load_method("emt"), Atoms("CsBrH"))
    assert "emt" not in str(caught.value).split("methods that can")[1]


def test_charge_and_partial_periodicity_are_refused():
    with pytest.raises(AskError, match="no net charge"):
        check_system(load_method("sevennet-0"), molecule("H2O"), charge=1)
    with pytest.raises(AskError, match="no net charge"):
        make_calculator(load_method("emt"), charge=-1)
    slab = Atoms("Cu", cell=[3, 3, 20], pbc=(True, True, False))
    with pytest.raises(AskError, match="partial periodicity"):
        check_system(load_method("gfn2-xtb"), slab)
    check_system(load_method("gfn2-xtb"), molecule("H2O"), charge=1)


def test_missing_engine_says_how_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite.ase", None)
    with pytest.raises(MissingExtra, match=r"GFN2-xTB needs .*pip install 'qdsurf\[xtb\]'"):
        make_calculator(load_method("gfn2-xtb"))
    monkeypatch.setattr("qdsurf.methods.making.find_spec", lambda name: None)
    assert lacks(load_method("chgnet")) == "pip install 'qdsurf[mlp]'"


@pytest.mark.engine
def test_wrong_setting_is_an_ask_error():
    with pytest.raises(AskError, match="refuses its settings"):
        make_calculator(load_method("sevennet-0", model="no-such-network"))


def test_import_is_light():
    code = "import sys, qdsurf.methods; print([m for m in ('ase', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.engine
def test_loading_prints_nothing(capsys):
    make_calculator(load_method("chgnet", stress_weight=0.006))
    assert capsys.readouterr().out == ""


def energy(method, atoms):
    work = atoms.copy()
    work.calc = make_calculator(method)
    return float(work.get_potential_energy())


@pytest.mark.parametrize(
    "name",
    ["emt", *(pytest.param(n, marks=pytest.mark.engine) for n in ("sevennet-0", "chgnet", "gfn2-xtb"))],
)
def test_contract(name):
    """An energy does not depend on frame, order of atoms or earlier calls, and it is extensive."""
    method = load_method(name)
    atoms = bulk("Cu", cubic=True) if name == "emt" else molecule("CH3COOH")
    atoms.rattle(0.05, seed=1)
    atoms.set_cell(atoms.cell if atoms.pbc.any() else [16, 16, 16])
    atoms.pbc = name not in {"gfn2-xtb", "sevennet-0"}
    before = atoms.copy()
    reference = energy(method, atoms)

    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    shifted = atoms.copy()
    shifted.translate((0.3, 0.2, 0.1))
    permuted = atoms[np.random.default_rng(0).permutation(len(atoms))]
    for changed in (turned, shifted, permuted, atoms):
        assert energy(method, changed) == pytest.approx(reference, abs=1e-3)

    if name == "emt":
        double = atoms.repeat((2, 1, 1))
    else:
        double = atoms.copy()
        far = atoms.copy()
        far.translate((16, 0, 0))
        double += far
        double.set_cell([32, 16, 16])
    assert energy(method, double) == pytest.approx(2 * reference, abs=2e-3)
    assert atoms == before
    assert atoms.calc is None
