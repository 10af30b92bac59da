"""Pictures: what is nearer hides what is farther, colours can be told apart, same input same bytes."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from numpy.typing import NDArray
from typer.testing import CliRunner

import qdsurf as qs
from qdsurf.campaign.rows import extxyz
from qdsurf.cli.commands import app
from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.vacant import vacant_places
from qdsurf.report.palette import ELEMENT_COLOURS, rgb
from qdsurf.report.picture import write_picture
from qdsurf.report.raster import draw, frame
from qdsurf.report.scene import make_scene

Floats = NDArray[np.float64]


def image(path: Path) -> Floats:
    from matplotlib.image import imread

    return np.asarray(imread(path), dtype=float)[..., :3]


def share_of(picture: Floats, element: str) -> float:
    """Share of the coloured pixels whose hue is that of an element, whatever the light."""
    flat = picture.reshape(-1, 3)
    flat = flat[np.ptp(flat, axis=1) > 0.2]
    unit = (flat - flat.mean(axis=1, keepdims=True)) / np.linalg.norm(
        flat - flat.mean(axis=1, keepdims=True), axis=1, keepdims=True
    )
    colour = np.array(rgb(element)) - np.mean(rgb(element))
    return float((unit @ (colour / np.linalg.norm(colour)) > 0.97).mean())


def drawn(atoms: Atoms, view: tuple[float, float, float], pixels: int = 200) -> tuple[Floats, Floats]:
    scene = make_scene(atoms, view=view, cell=False)
    picture, seen, _ = draw(scene, frame(scene, pixels))
    return np.asarray(picture, dtype=float), seen


def test_the_nearer_ball_hides_the_other() -> None:
    pair = Atoms("SI", [[0, 0, 0], [0, 0, 6]])
    above, seen = drawn(pair, (0, 0, 1))
    assert seen.tolist() == [False, True]
    assert share_of(above[..., :3], "S") < 0.02
    assert share_of(above[..., :3], "I") > 0.9
    below, _ = drawn(Atoms("IS", [[0, 0, 0], [0, 0, 6]]), (0, 0, 1))
    assert share_of(below[..., :3], "S") > 0.2


def test_a_ball_covers_its_disk() -> None:
    scene = make_scene(Atoms("I"), view=(1, 0, 0), cell=False)
    place = frame(scene, 300)
    picture, _, _ = draw(scene, place)
    area = float(picture[..., 3].sum()) / place.scale**2
    assert area == pytest.approx(np.pi * float(scene.radii[0]) ** 2, rel=0.02)


def test_light_comes_from_the_upper_left() -> None:
    picture, _ = drawn(Atoms("I"), (1, 0, 0), 300)
    bright = picture[..., :3].mean(axis=2) * picture[..., 3]
    row, column = np.unravel_index(np.argmax(bright), bright.shape)
    assert row < 150
    assert column < 150


@pytest.mark.parametrize("turn", range(3))
def test_the_camera_is_a_rotation(turn: int) -> None:
    rng = np.random.default_rng(turn)
    atoms = Atoms("Cs4", rng.uniform(-9, 9, (4, 3)))
    scene = make_scene(atoms, view=tuple(rng.normal(size=3)), cell=False)  # type: ignore[arg-type]
    seen = np.linalg.norm(scene.balls[:, None] - scene.balls[None], axis=2)
    assert np.allclose(seen, atoms.get_all_distances())
    handed = [np.linalg.det(p[1:] - p[0]) for p in (scene.balls, atoms.positions)]
    assert handed[0] == pytest.approx(handed[1])


def test_slabs_stand_upright_and_their_vacuum_is_named() -> None:
    slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=3, termination="CsBr", vacuum=17).atoms
    slab.pbc = True
    scene = make_scene(slab, view=None, cell=True)
    up = scene.balls[np.argmax(slab.positions[:, 2])] - scene.balls[np.argmin(slab.positions[:, 2])]
    assert up[1] > 15
    assert "17.0 Å of vacuum not drawn" in scene.caption
    assert len(scene.box) == 12
    lying = slab.copy()
    lying.rotate(90, "y", rotate_cell=True)
    assert np.allclose(make_scene(lying, view=None, cell=True).balls, scene.balls)


CUBIC = qs.load_crystal("CsPbBr3-cubic")


def with_vacancies() -> qs.Surface:
    slab = qs.cut_slab(CUBIC, "001", layers=2, termination="CsBr", repeat=(2, 2))
    return qs.remove(slab, qs.vacancies(slab, "Br")[0].site, compensate="Cs", faces="both")


@pytest.mark.parametrize(
    ("surface", "view", "least"),
    [(with_vacancies(), (0.3, 0.15, 1.0), 2), (with_vacancies(), (0.0, -1.0, 0.02), 4),
     (qs.carve_dot(CUBIC, cells=2), (1.0, 0.4, 0.3), 6)],
)  # fmt: skip
def test_every_vacancy_in_sight_has_a_ring(
    surface: qs.Surface, view: tuple[float, float, float], least: int
) -> None:
    vacant = vacant_places(surface)
    scene = make_scene(surface.atoms, view=view, cell=False, vacant=vacant)
    assert sorted(scene.vacant) == sorted(name for name, _ in vacant)
    _, _, shown = draw(scene, frame(scene, 400))
    assert shown.sum() >= least
    none = np.zeros((0, 3))
    bare = replace(scene, vacant=(), rings=none, ring_radii=np.zeros(0), ring_colours=none)
    place = frame(scene, 400)
    ours, theirs = (np.asarray(draw(s, place)[0])[::-1] for s in (scene, bare))
    rows, columns = np.nonzero(np.abs(ours - theirs).max(axis=2) > 0.2)
    points = np.stack([columns, rows], axis=1) / place.scale + (place.left, place.bottom)
    away = np.linalg.norm(points[:, None] - scene.rings[None, :, :2], axis=2) - scene.ring_radii
    on = np.abs(away) < 0.3
    # what differs is rings and nothing else; those in sight have pixels, those behind atoms next to none
    assert on.any(axis=1).all()
    pixels = on.sum(axis=0)
    assert (pixels[shown] > 8).all()
    assert (pixels[~shown] < pixels.max() / 4).all()


def test_atoms_hide_what_is_behind_them() -> None:
    vacant = [("Br", np.array([0.0, 0.0, -4.0])), ("Br", np.array([9.0, 0.0, -4.0]))]
    scene = make_scene(Atoms("Cs", [[0, 0, 0]]), view=(0, 0, 1), cell=False, vacant=vacant)
    scene = replace(scene, radii=np.array([3.0]))
    assert draw(scene, frame(scene, 300))[2].tolist() == [False, True]
    from qdsurf.report.legend import Legend

    legend = Legend.of(scene, np.array([False, True]))
    assert [text for text, _ in legend.vacancies] == ["2 Br vacancies"]
    assert "1 of 2 vacancies behind other atoms" in legend.caption


def test_vacancies_of_molecules_and_of_files(tmp_path: Path) -> None:
    slab = qs.cut_slab(qs.load_crystal("MAPbI3"), "001", layers=1)
    made = qs.remove(slab, qs.vacancies(slab, "methylammonium")[0].site, compensate="I")
    atoms: Any = read(StringIO(extxyz(made)), format="extxyz")
    assert [name for name, _ in vacant_places(atoms)] == ["methylammonium", "I"]
    ours, theirs = (write_picture(s, tmp_path / f"{k}.png", width=300) for k, s in enumerate((made, atoms)))
    assert ours.read_bytes() == theirs.read_bytes()
    scene = make_scene(atoms, view=None, cell=False, vacant=[("Fe3+", np.zeros(3))])
    assert tuple(scene.ring_colours[0]) == rgb("Fe")


def test_molecules_cut_by_the_cell_are_drawn_whole() -> None:
    atoms = qs.load_crystal("MAPbI3").atoms
    atoms.positions += [0.0, 0.0, 2.9]
    atoms.wrap()
    scene = make_scene(atoms, view=None, cell=False)
    covalent = scene.widths == scene.widths.max()
    assert covalent.sum() == 7
    assert np.linalg.norm(scene.ends - scene.starts, axis=1)[covalent].max() < 1.6


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_formats_and_bytes(tmp_path: Path, ending: str, start: bytes) -> None:
    slab = qs.cut_slab(qs.load_crystal("PbS"), "001", layers=2)
    before = slab.atoms.copy()
    first, second = (
        write_picture(slab, tmp_path / f"{n}.{ending}", width=300).read_bytes() for n in ("a", "b")
    )
    assert first.startswith(start)
    assert first == second
    assert slab.atoms == before


def test_the_size_is_what_was_asked(tmp_path: Path) -> None:
    cube = bulk("PbS", "rocksalt", a=5.936, cubic=True) * 3
    cube.pbc = False
    with_legend = image(write_picture(cube, tmp_path / "a.png", width=400))
    without = image(write_picture(cube, tmp_path / "b.png", width=400, legend=False))
    assert max(without.shape[:2]) == pytest.approx(400, abs=2)
    assert with_legend.shape[0] > without.shape[0]
    assert share_of(without, "S") > 0.2
    # a picture, not a blank page
    assert (without < 0.9).all(axis=2).mean() > 0.3


def test_many_atoms(tmp_path: Path) -> None:
    cube = bulk("PbS", "rocksalt", a=5.936, cubic=True) * 11
    cube.pbc = False
    assert len(cube) > 10000
    assert image(write_picture(cube, tmp_path / "a.png", width=300)).min() < 0.5


def test_what_is_not_asked_rightly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = Atoms("PbS", [[0, 0, 0], [3, 0, 0]])
    with pytest.raises(AskError, match=r"\.png, \.svg or \.pdf"):
        write_picture(atoms, tmp_path / "a.gif")
    with pytest.raises(AskError, match="width=7"):
        write_picture(atoms, tmp_path / "a.png", width=7)
    with pytest.raises(AskError, match="direction"):
        write_picture(atoms, tmp_path / "a.png", view=(0, 0, 0))
    with pytest.raises(AskError, match="no atoms"):
        write_picture(Atoms(), tmp_path / "a.png")
    with pytest.raises(AskError, match="does not exist"):
        write_picture(atoms, tmp_path / "none" / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="report"):
        write_picture(atoms, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_verbs_mark_what_they_take_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qdsurf.report import scene

    drawn: list[tuple[str, ...]] = []

    def watched(*args: Any, **options: Any) -> Any:
        made = make_scene(*args, **options)
        drawn.append(made.vacant)
        return made

    monkeypatch.setattr(scene, "make_scene", watched)
    slab, gone, png = (str(tmp_path / name) for name in ("a.extxyz", "b.extxyz", "a.png"))
    qs.write_structure(qs.cut_slab(CUBIC, "001", layers=1, termination="CsBr", repeat=(2, 2)), slab)
    for words, expected in (
        (f"vacancies {slab} Br --remove 1 --compensate Cs -o {gone}", ("Br", "Cs")),
        (f"validate {gone}", ("Br", "Cs")),
        (f"vacancies {slab} Br --random 0.1 --compensate Cs", ("Br", "Br", "Cs", "Cs")),
        (f"substitute {slab} Pb Bi3+ --compensate Cs", ("Cs",)),
        ("dot CsPbBr3-cubic --cells 1", ("Cs",) * 4),
        (f"alloy {slab} B=Pb:0.75,Bi:0.25 --compensate 'Cs vacancies'", ("Cs",)),
    ):
        done = CliRunner().invoke(app, [*shlex.split(words), "--png", png])
        assert done.exit_code == 0, done.output
        assert tuple(sorted(drawn.pop())) == expected, words


def test_the_command_draws(tmp_path: Path) -> None:
    arguments = ["slab", "CsPbBr3-cubic", "--termination", "CsBr", "--layers", "1", "--png"]
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "slab.png")])
    assert done.exit_code == 0, done.output
    assert share_of(image(tmp_path / "slab.png"), "Cs") > 0.1


# --- colours --------------------------------------------------------------------------------------

# Dichromacies as seen by others, in linear light: Machado, Oliveira and Fernandes,
# doi:10.1109/TVCG.2009.113, severity 1.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Elements that meet in one structure.
TOGETHER = (
    "Cs Pb Cl Br I",
    "Pb S Se Cl Br I",
    "Cd S Se Cl Br",
    "Cs Pb Br C N O H",
    "Pb S C N O H Cl",
    "Cd Se C N O H S",
)


def lab(colour: tuple[float, float, float], eye: Floats) -> Floats:
    """CIELAB under D65 of an sRGB colour seen with *eye*."""
    srgb = np.array(colour)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(eye @ linear, 0, 1) / np.array([0.9505, 1.0, 1.0890])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("elements", TOGETHER)
def test_colours_are_told_apart(elements: str, eye: str) -> None:
    for one, other in combinations(elements.split(), 2):
        apart = np.linalg.norm(lab(rgb(one), EYES[eye]) - lab(rgb(other), EYES[eye]))
        assert apart > 15, (one, other, apart)


def test_every_element_has_a_colour() -> None:
    assert rgb("Cs") == tuple(int(ELEMENT_COLOURS["Cs"][k : k + 2], 16) / 255 for k in (1, 3, 5))
    assert all(0 <= c <= 1 for c in rgb("U"))
