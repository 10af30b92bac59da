"""Methods: presets parse, wrong questions are refused, and every engine keeps one contract."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from qdsurf.energy.relax import single_point
from qdsurf.errors import AskError, EvaluationError, MissingExtra, UnknownName
from qdsurf.library import list_shelf
from qdsurf.methods import check_system, engine_version, lacks, load_method, make_calculator

# What issue and design promise; anything else on the shelf is checked too.
PRESETS = {
    "emt", "gfn1-xtb", "gfn2-xtb", "xtb-gfn1", "xtb-gfn2", "gfn-ff", "sevennet-0", "sevennet-l3i5",
    "sevennet-mf-0", "chgnet", "diep", "committee", "cp2k-pbe-d3", "pyscf-pbe-d3", "gpaw-pbe-d3",
    "espresso-pbe-d3", "vasp-pbe-d3", "orca-pbe-d3", "mace", "orb", "mattersim", "nequip",
}  # fmt: skip


def test_shelf_holds_the_presets():
    assert set(list_shelf("calculators")) >= PRESETS


@pytest.mark.parametrize("name", list_shelf("calculators"))
def test_preset_is_complete(name):
    """Each says what it is, how wrong it is, what it costs, what to cite and how to get it."""
    method = load_method(name)
    assert method.name == name
    assert method.class_error > 0
    words = (method.class_error_source, method.functional, method.dispersion, method.cost, method.good_for)
    assert all(words)
    assert method.bad_for
    assert method.warnings
    assert method.cite
    assert all(doi.startswith("10.") for doi in method.cite)
    assert engine_version(method)
    # Whoever has not got it is told how to get it: a group of extras, a command, or nothing to install.
    assert method.extra or method.install or name == "emt"
    assert method.charged_cell in ("refused", "never")
    # A rung never changes what is computed.
    for rung in method.ladder:
        changed = set(rung["settings"])
        assert not changed & {
            "functional",
            "basis",
            "cutoff",
            "electronic_temperature",
            "smearing",
            "gfn",
            "keywords",
            "xc",
        }


def test_every_extra_of_a_preset_is_in_pyproject():
    text = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text()
    extras = set(tomllib.loads(text)["project"]["optional-dependencies"])
    assert {load_method(n).extra for n in list_shelf("calculators")} - {""} <= extras


def test_dispersion_is_added_on_request_only():
    plain, added = load_method("sevennet-0"), load_method("sevennet-0", dispersion="d3")
    assert plain.dispersion == "none"
    assert added.title == "SevenNet-0 + D3(BJ)"
    assert added.settings == plain.settings
    assert added.identity != plain.identity  # or a cache would take one for the other
    assert set(plain.cite) < set(added.cite)
    assert "not for anion exchange" in added.warnings[-1]
    shelf = load_method("sevennet-0-d3")
    assert (shelf.added_dispersion, shelf.damping, shelf.settings) == ("d3", "pbe", added.settings)
    with pytest.raises(AskError, match="has dispersion already"):
        load_method("gfn2-xtb", dispersion="d4")
    with pytest.raises(AskError, match="names no functional"):
        load_method("emt", dispersion="d3")
    with pytest.raises(AskError, match="known: none, d3, d4"):
        load_method("sevennet-0", dispersion="d2")


def test_what_was_measured_with_other_settings_is_not_claimed():
    plain = load_method("gfn2-xtb")
    solvated = load_method("gfn2-xtb", solvation=["alpb", "toluene"])
    assert plain.corrections
    assert solvated.corrections == solvated.class_errors == {}
    assert "another value of solvation" in solvated.class_error_source
    # where it runs changes no energy
    assert load_method("sevennet-0", device="cuda").corrections == load_method("sevennet-0").corrections


def test_whatever_changes_an_energy_is_in_the_identity():
    """A box around molecules and repeated cells change energies: a cache must not take one for the other."""
    name = "ase.calculators.lj:LennardJones"
    kinds = [{}, {"boxed": True}, {"gamma_only": True}, {"sigma": 2.0}]
    assert len({str(load_method(name, **kind).identity) for kind in kinds}) == len(kinds)


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["d3", "d4"])
def test_added_dispersion_is_what_its_package_says(kind):
    """Two methanes at 4 Å: more attraction by exactly the dispersion energy of the pair."""
    from importlib import import_module

    pair = molecule("CH4")
    far = molecule("CH4")
    far.translate((4.0, 0, 0))
    pair += far
    plain, added = (single_point(pair, load_method("sevennet-0", dispersion=d)) for d in ("none", kind))
    alone = pair.copy()
    module = import_module(f"dft{kind}.ase")
    alone.calc = module.DFTD3(method="PBE", damping="d3bj") if kind == "d3" else module.DFTD4(method="PBE")
    assert added.energy - plain.energy == pytest.approx(alone.get_potential_energy(), abs=1e-4)
    assert added.energy < plain.energy


def test_any_ase_calculator_by_its_name():
    method = load_method("ase.calculators.lj:LennardJones", sigma=3.4, epsilon=0.01, elements=["Ar"])
    pair = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 3.4 * 2 ** (1 / 6))])
    assert single_point(pair, method).energy == pytest.approx(-0.01, abs=2e-3)
    assert method.class_error == 5.0  # everything is a tie until the caller says better
    assert "has not tested" in method.warnings[0]
    with pytest.raises(AskError, match="cannot do Cs"):
        check_system(method, Atoms("Cs"))
    assert load_method("ase.calculators.lj:LennardJones", class_error=0.1).class_error == 0.1
    with pytest.raises(AskError, match="there is no calculator"):
        make_calculator(load_method("ase.calculators.lj:NoSuchClass"))
    with pytest.raises(MissingExtra, match="pip install nowhere"):
        make_calculator(load_method("nowhere.at_all:Class"))
    with pytest.raises(AskError, match="module:Class"):
        load_method("ase:")


@pytest.mark.parametrize("name", ["mace", "orb", "mattersim", "nequip", "espresso-pbe-d3"])
def test_a_file_of_the_users_is_asked_for_and_never_downloaded(name, monkeypatch):
    method = load_method(name)
    monkeypatch.setattr("qdsurf.methods.making.find_spec", lambda package: True)
    monkeypatch.setattr("qdsurf.methods.making.program_path", lambda method, program: "/bin/true")
    (key,) = method.files
    assert lacks(method).startswith(f"{key} = PATH")
    with pytest.raises(AskError, match=f"needs {key} = PATH"):
        make_calculator(method)
    assert "there is no file" in lacks(load_method(name, **{key: "/no/such/file"}))


def test_a_ladder_is_climbed_recorded_and_ends_in_an_error():
    """Rung by rung as long as the SCF fails; the rung that helped is kept and said; then no number."""
    ladder = ({"name": "slow", "settings": {"fails": 1}}, {"name": "slower", "settings": {"fails": 0}})
    method = replace(
        load_method("stubborn:Stubborn", fails=2), ladder=ladder, class_error=1.0, name="stubborn"
    )
    assert single_point(Atoms("H"), method).warnings == ("the SCF converged only with: slower",)
    with pytest.raises(EvaluationError, match="tried: the settings of the preset, slow; last"):
        single_point(Atoms("H"), replace(method, ladder=ladder[:1]))
    assert single_point(Atoms("H"), replace(method, settings={"fails": 0})).warnings == ()
    # Only an SCF has a ladder: a program that dies is not asked again.
    with pytest.raises(EvaluationError, match="out of memory"):
        single_point(Atoms("H"), replace(method, settings={"fails": -1}))


@pytest.mark.engine
@pytest.mark.parametrize("name", ["gfn2-xtb", "xtb-gfn2", "pyscf-pbe-d3"])
def test_a_rung_gives_the_energy_of_the_preset(name):
    """Three iterations are too few for water; what the ladder then finds is the same energy."""
    usual = single_point(molecule("H2O"), load_method(name))
    rescued = single_point(molecule("H2O"), load_method(name, max_iterations=3))
    assert usual.warnings == ()
    assert "the SCF converged only with" in rescued.warnings[0]
    assert rescued.energy == pytest.approx(usual.energy, abs=1e-4)


def test_charged_cells_are_refused_or_corrected_and_labelled():
    """The Madelung energy of known lattices; the correction is added once and said."""
    from qdsurf.methods.charged import COULOMB, madelung_energy, makov_payne

    cube = 5.0 * np.eye(3)
    assert madelung_energy(cube) == pytest.approx(-2.837297 * COULOMB / (2 * 5.0), rel=1e-6)
    # Wigner crystals, bcc and fcc: 0.895930 and 0.895874 e^2 for each Wigner-Seitz radius.
    for cell, constant in (
        ((np.ones((3, 3)) - 2 * np.eye(3)) / 2, 0.895930),
        ((1 - np.eye(3)) / 2, 0.895874),
    ):
        radius = (3 * abs(np.linalg.det(7 * cell)) / (4 * np.pi)) ** (1 / 3)
        assert madelung_energy(7 * cell) == pytest.approx(-constant * COULOMB / radius, rel=1e-5)
    assert makov_payne(cube, -2, 4.0) == pytest.approx(-madelung_energy(cube))

    settings = {"charged": True, "class_error": 1.0, "fails": 0}
    box = Atoms("H", cell=cube, pbc=True)
    with pytest.raises(AskError, match="charged_cell='makov-payne'"):
        single_point(box, load_method("stubborn:Stubborn", **settings), charge=1)
    asked = load_method("stubborn:Stubborn", charged_cell="makov-payne", dielectric=2.0, **settings)
    found = single_point(box, asked, charge=1)
    assert found.energy == pytest.approx(-1.0 - madelung_energy(cube) / 2)
    assert "Makov and Payne" in found.warnings[0]
    assert single_point(box, asked).warnings == ()
    assert single_point(Atoms("H"), asked, charge=1).energy == -1.0
    with pytest.raises(AskError, match="needs dielectric="):
        load_method("gpaw-pbe-d3", charged_cell="makov-payne")
    with pytest.raises(AskError, match="no energy of a charged periodic cell"):
        load_method("gfn2-xtb", charged_cell="makov-payne", dielectric=1.0)


def test_a_committee_gives_the_mean_and_each_member(monkeypatch):
    from qdsurf.methods.committee import Committee

    metal = bulk("Cu", cubic=True)
    metal.rattle(0.05, seed=0)
    metal.calc = Committee(members=["emt", "emt"])
    single = single_point(bulk("Cu", cubic=True), load_method("emt"))
    energy = metal.get_potential_energy()
    results = metal.calc.results
    assert results["members"] == {"emt": energy}
    assert results["energy_spread"] == 0.0
    assert single.members == {}
    with pytest.raises(AskError, match="at least one member"):
        Committee(members=[])


@pytest.mark.engine
def test_the_committee_is_its_members():
    acid = molecule("CH3COOH")
    whole = single_point(acid, load_method("committee"))
    assert list(whole.members) == list(load_method("committee").settings["members"])
    assert whole.energy == pytest.approx(np.mean(list(whole.members.values())))
    for name in ("sevennet-0", "chgnet"):
        assert whole.members[name] == pytest.approx(single_point(acid, load_method(name)).energy, abs=1e-4)


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
