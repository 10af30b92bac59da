from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from qdsurf.errors import AskError
from qdsurf.store import Store, content_key

ROW = {"key": "k1", "ligand": "acetate", "status": "done", "energy_eV": -0.5, "warnings": ["a"]}


def test_the_same_row_twice_is_one_row_and_changes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.put(ROW, "1\n\nH 0 0 0\n")
        with sqlite3.connect(store.where) as plain:
            assert plain.execute("select key, status, energy from results").fetchall() == [
                ("k1", "done", -0.5)
            ]
            plain.execute("update results set created='then'")
        store.put(ROW, "1\n\nH 0 0 0\n")
        assert store.rows() == [ROW]
        assert plain.execute("select created from results").fetchone()[0] == "then"
        store.put({**ROW, "energy_eV": -0.6})
        assert [row["energy_eV"] for row in store.rows("done")] == [-0.6]
        assert store.structure("k1") is None
        assert store.get("k2") is None


def test_two_connections_see_each_other(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as one, Store(tmp_path / "s.sqlite") as two:
        one.references["slab"] = {"energy": -1.5, "converged": True}
        assert two.references.get("slab") == {"energy": -1.5, "converged": True}
        assert "slab" in two.references
        assert two.references.get("dot", 3) == 3
        with pytest.raises(KeyError):
            two.references["dot"]
        assert sqlite3.connect(one.where).execute("pragma journal_mode").fetchone()[0] == "wal"


@pytest.mark.parametrize("content", [b"this is no database, only text\n" * 100, b"\x89PNG" * 400])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    with pytest.raises(AskError, match=r"s\.sqlite"):
        Store(path)
    assert path.read_bytes() == content


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        for number in range(500):
            store.put({**ROW, "key": f"k{number}"}, "x" * 500)
    data = bytearray(path.read_bytes())
    data[4096:40960] = b"\xab" * (40960 - 4096)
    path.write_bytes(data)
    with pytest.raises(AskError, match="damaged"):
        Store(path)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("create table systems(id integer)")
    with pytest.raises(AskError, match="another program"):
        Store(path)
    with pytest.raises(AskError, match="folder"):
        Store(tmp_path)


def test_failures_that_differ_in_names_and_numbers_are_one_cause(tmp_path: Path) -> None:
    work = [{"key": f"k{n}", "ligand": f"l{n}", "surface": "s", "method": "m", "site": ""} for n in range(5)]
    said = ["no group in 'CCC'", "no group in 'CCl'", "no room: 0.61 of 1.80 Å", "no room: 0.5 of 2 Å"]
    with Store(tmp_path / "s.sqlite") as store:
        store.set_plan("c", 0, work)
        for piece, cause in zip(work, [*said, said[0]], strict=True):
            store.put({**piece, "status": "failed", "cause": cause})
        assert store.causes("c") == [("no group in 'CCC'", 3), ("no room: 0.5 of 2 Å", 2)]
        assert store.causes("c", most=1) == [("no group in 'CCC'", 3)]
        for piece, formula in zip(work[:2], ("C10H7Br19Cs12O4Pb4S", "C8H8Br19Cs12NO4Pb4S"), strict=True):
            store.put({**piece, "status": "failed", "cause": f"xTB failed on {formula}: SCF not converged"})
        assert ("xTB failed on C10H7Br19Cs12O4Pb4S: SCF not converged", 2) in store.causes("c")


def test_keys_do_not_depend_on_order_and_begin_with_a_letter() -> None:
    assert content_key({"a": (1, 2), "b": {"c": None}}) == content_key({"b": {"c": None}, "a": [1, 2]})
    assert content_key({"a": 1}) != content_key({"a": 2})
    assert content_key({})[0] == "k"


def test_a_row_without_key_or_with_nan_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(ValueError, match="key"):
            store.put({"ligand": "a", "status": "done"})
        with pytest.raises(ValueError, match="JSON"):
            store.put({**ROW, "energy_eV": float("nan")})
        assert store.rows() == []


def test_the_store_imports_the_standard_library_only() -> None:
    code = "import sys, qdsurf.store; print({'numpy', 'ase', 'pydantic', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
