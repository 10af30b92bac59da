"""The data of the truth table are whole, its reactions balance, and its page says what the data say."""

from __future__ import annotations

import importlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "benchmarks" / "references"


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """The modules of benchmarks/accuracy.py, which are a folder of scripts and not a package."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    names = (
        "accuracy", "accuracy_table", "accuracy_checks", "accuracy_corrections", "accuracy_orders",
        "accuracy_presets", "reference_states",
    )  # fmt: skip
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / "reactions.json").read_text())
    return found


def test_every_reaction_of_the_set_balances_in_atoms_and_charge(rows: list[dict[str, Any]]) -> None:
    from ase.io import read

    assert len(rows) >= 40
    for row in rows:
        excess: defaultdict[str, float] = defaultdict(float)
        for name, coefficient in row["stoichiometry"].items():
            for atoms in read(DATA / "starts" / f"{name}.xyz", ":"):
                share = coefficient / atoms.info["formula_units"]
                counts = {s: atoms.get_chemical_symbols().count(s) for s in set(atoms.get_chemical_symbols())}
            for element, count in counts.items():
                excess[element] += share * count
            excess["charge"] += share * atoms.info["charge"]
        assert not {k: v for k, v in excess.items() if abs(v) > 1e-9}, (row["surface"], row["ligand"], excess)


def test_the_set_is_as_broad_as_it_was_asked_for(rows: list[dict[str, Any]]) -> None:
    count: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        count[row["surface"], row["class"]] += 1
    assert all(count["CsPbBr3", group] >= 6 for group in "XALZ"), dict(count)
    assert all(sum(n for (s, _), n in count.items() if s == surface) >= 4 for surface in ("CsPbI3", "PbS"))


def test_finished_states_have_the_atoms_of_their_start_and_the_input_that_computed_them(bench: Any) -> None:
    from ase.io import read

    states = bench["accuracy_table"].finished()
    assert states
    for name, atoms in states.items():
        start = read(DATA / "starts" / f"{name}.xyz", 0)
        assert sorted(atoms.symbols) == sorted(start.symbols), name
        # a molecule of this set is bound by 2 eV an atom and more against free pseudo-atoms
        assert atoms.info["reference"] < -10 * len(atoms) / atoms.info["formula_units"], name
        assert atoms.info["settings"] == bench["reference_states"].settings_digest(), name
        if atoms.info["converged"] and atoms.info["kind"] != "bulk":
            assert atoms.info["fmax"] <= bench["reference_states"].LARGEST_FORCE, name
        text = (DATA / "inputs" / f"{name}.inp").read_text()
        assert all(part in text for part in ("DFTD3(BJ)", "CUTOFF 300")), name
        assert "/tmp" not in text, name
        lines = text.split("&COORD\n")[1].split("&END COORD")[0].split("\n")[:-1]
        assert [line.split()[0] for line in lines] == atoms.get_chemical_symbols(), name
        if atoms.info["kind"] != "bulk":
            given = np.array([[float(x) for x in line.split()[1:4]] for line in lines])
            shift = given - atoms.positions
            assert np.allclose(shift, shift[0], atol=1e-4), name


def test_reaction_energies_are_sums_of_the_files(bench: Any) -> None:
    """Recomputed here from the text of the files, without the code of the table."""
    import re

    def energy(name: str) -> float:
        line = (DATA / "states" / f"{name}.xyz").read_text().splitlines()[1]
        values = dict(re.findall(r"(\w+)=(\S+)", line))
        return float(values["energy"]) / int(values["formula_units"])

    finished = bench["accuracy_table"].reference_rows()
    for row in finished:
        total = sum(value * energy(name) for name, value in row.stoichiometry.items())
        assert row.energy == pytest.approx(total, abs=1e-6)
        # binding and exchange of one ligand, not an error of bookkeeping
        assert abs(row.energy) < 5.0, row


def test_the_page_says_what_the_data_say(bench: Any) -> None:
    script = bench["accuracy"]
    text = script.PAGE.read_text(encoding="utf-8")
    assert text.split(script.FIRST)[1].split(script.LAST)[0].strip() == script.page_block().strip()
    first, last = script.ORDERS
    assert text.split(first)[1].split(last)[0].strip() == script.order_block().strip()


def test_presets_carry_the_errors_of_the_table(bench: Any) -> None:
    from qdsurf.energy.combining import class_error
    from qdsurf.methods import load_method

    rows = bench["accuracy_table"].reference_rows()
    for name, column in bench["accuracy_presets"].PRESETS.items():
        count, mean, families = bench["accuracy_presets"].measured(column, rows)
        method = load_method(name)
        assert (method.class_error, dict(method.class_errors)) == (mean, families), name
        assert f"of {count} reactions" in method.class_error_source
        assert class_error(method, "acid exchange") == families["X"]
        assert class_error(method, "vacancy") == mean
        judged = name in bench["accuracy_corrections"].JUDGED
        wanted = bench["accuracy_presets"].corrections(name, rows) if judged else {}
        assert {k: dict(v) for k, v in method.corrections.items()} == wanted, name


def test_orders_are_called_what_they_are(bench: Any) -> None:
    """Negative binds: the stronger ligand is the lower one, and closer than the uncertainty is a tie."""
    verdict = bench["accuracy_orders"].verdict

    def energy(value: float, converged: bool = True) -> dict[str, Any]:
        return {"energy": value, "uncertainty": 0.3, "converged": converged}

    assert verdict(energy(-2.0), energy(-1.0)) == "reproduced"
    assert verdict(energy(-1.0), energy(-2.0)) == "contradicted"
    assert verdict(energy(-1.0), energy(-1.2)) == "tied"
    assert verdict(energy(-2.0, converged=False), energy(-1.0)) == "not converged"
    assert verdict({"cause": "x"}, energy(-1.0)) == "failed"


def test_errors_of_a_method_that_is_wrong_by_a_constant(bench: Any) -> None:
    """A constant shift is a mean error and nothing else; a reversed order has the rank correlation -1."""
    table = bench["accuracy_table"]
    rows = [
        table.Row(
            name=f"r{i}", group="X", surface="s", stoichiometry={}, energy=i, relaxed=i - 0.1, lowering=0.1
        )
        for i in range(4)
    ]
    shifted = table.errors(rows, {row.name: row.energy + 0.5 for row in rows})
    assert (shifted.mean, shifted.absolute) == (0.5, 0.5)
    assert shifted.centred == pytest.approx(0)
    assert shifted.spearman == pytest.approx(1)
    reversed_order = table.errors(rows, {row.name: -row.energy for row in rows})
    assert reversed_order.spearman == pytest.approx(-1)
    few = table.errors(rows, {row.name: row.energy for row in rows[:3]})
    assert few.spearman is None
    assert few.failures == 1


def made_rows(bench: Any, count: int) -> list[Any]:
    return [
        bench["accuracy_table"].Row(
            name=f"{surface} l{i}", group="X" if i % 2 else "L", surface=surface,
            stoichiometry={"HBr-1": float(i % 2)}, energy=0.1 * i, relaxed=0.1 * i, lowering=0.0,
        )
        for surface in ("s", "t")
        for i in range(count)
    ]  # fmt: skip


def test_a_correction_of_what_classes_have_in_common_holds_for_ligands_left_out(bench: Any) -> None:
    table = bench["accuracy_corrections"]
    rows = made_rows(bench, 8)
    wrong = np.array([0.7 if row.group == "X" else -0.2 for row in rows])
    known = table.descriptions(rows, "a shift for each class")
    for fold in ("none", "ligand", "surface"):
        assert np.abs(table.left_out(rows, wrong, known, fold)).max() < 0.02
    # HX takes part in one of the two classes: one number mends that one alone.
    acid = table.left_out(rows, wrong, table.descriptions(rows, "an energy of HX"), "ligand")
    assert {round(abs(float(x)), 1) for x in acid} == {0.0, 0.2}


def test_a_correction_that_only_remembers_does_not_help_what_was_left_out(bench: Any) -> None:
    """Noise, and one number for each ligand: what was fitted vanishes, what was left out stays as it was."""
    table = bench["accuracy_corrections"]
    rows = made_rows(bench, 8)
    noise = np.random.default_rng(0).normal(size=len(rows))
    own = np.kron(np.ones((2, 1)), np.eye(8))
    assert np.abs(table.left_out(rows, noise, own, "ligand")) == pytest.approx(np.abs(noise))


def test_isomers_have_different_names(bench: Any) -> None:
    """Two molecules of one formula would otherwise share one energy."""
    from ase.build import molecule

    name = bench["reference_states"].molecule_name
    ethanol, ether = molecule("CH3CH2OH"), molecule("CH3OCH3")
    assert name(ethanol) != name(ether)
    turned = ethanol.copy()
    turned.rotate(40, "x")
    assert name(turned) == name(ethanol)


def test_quasi_newton_finds_the_minimum_in_a_few_steps_with_a_model_that_is_nearly_right(bench: Any) -> None:
    from ase.build import molecule
    from ase.calculators.emt import EMT

    states = bench["reference_states"]
    atoms = molecule("H2O")
    atoms.calc = EMT()
    model = states.hessian(atoms, EMT())
    atoms.rattle(0.05, seed=0)
    done = states.quasi_newton(atoms, EMT(), model, float("inf"), lambda text: None)
    assert done["converged"]
    assert done["steps"] <= 8
    assert done["fmax"] < states.LARGEST_FORCE
    assert states.quasi_newton(atoms, EMT(), model, 0.0, lambda text: None) is None


def test_compact_rotation_keeps_distances_and_hand(bench: Any) -> None:
    points = np.random.default_rng(1).normal(size=(9, 3)) * (1, 1, 6)
    turn = bench["reference_states"].compact_rotation(points)
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.ptp(points @ turn, axis=0).max() <= np.ptp(points, axis=0).max()


def test_of_two_relaxations_the_lower_that_converged_is_kept(bench: Any) -> None:
    """A state that the reference moved is relaxed again; what was found before may still be the minimum."""
    better = bench["accuracy_table"].better
    low, high = {"relaxed": -2.0, "converged": True}, {"relaxed": -1.0, "converged": True}
    lost = {"relaxed": -3.0, "converged": False}
    assert better({"single": 5.0, **high}, low) == {"single": 5.0, **low}
    assert better({"single": 5.0, **low}, high) == {"single": 5.0, **low}
    assert better(high, lost) == high
    assert better({"single": 5.0, "failed": "no SCF"}, high) == {"single": 5.0, **high}
    assert better(high, {"failed": "no SCF"}) == high
