"""The builder in Chromium as a person uses it, and the processes that do its work when work goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import PATIENCE, Visit, chromium, visit
from misbehaving import act
from services import need

from qdsurf.studio.workshop import MOST_WAITING, Ticket, Workshop

pytestmark = pytest.mark.slow


@contextmanager
def builder(*options: str) -> Iterator[str]:
    """Run ``qdsurf app`` and yield its address; Ctrl-C must end it cleanly, with all its processes."""
    need(modules=("nicegui",))
    command = [sys.executable, "-m", "qdsurf", "app", "--no-browser", "--json", *options]
    # NiceGUI behaves otherwise where it thinks that it is tested
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        said = ""
        while "}" not in said:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            said += line
        address = json.loads(said)["address"]
        assert address.startswith("http://127.0.0.1:")
        yield address
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors, errors
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with builder() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def wait_for_drawing(seen: Visit, number: int) -> int:
    """Wait until the viewer has drawn for the *number*-th time and return how many atoms it shows."""
    seen.page.wait_for_function(f"qdsurf.state.drawn >= {number}", timeout=PATIENCE)
    return int(seen.page.evaluate("qdsurf.state.atoms"))


def colours(seen: Visit, path: Path) -> int:
    """Return how many colours the viewer shows."""
    from matplotlib.image import imread

    seen.page.locator("#viewer").screenshot(path=path)
    image = (imread(path) * 255).astype(int)
    return len(np.unique(image.reshape(-1, image.shape[-1]), axis=0))


def draw_methylamine(seen: Visit) -> None:
    """Draw CH3NH2 with the mouse: a bond, whose end, still marked, becomes nitrogen."""
    page = seen.page
    page.get_by_role("button", name="Draw", exact=True).click()
    page.wait_for_function("qdsurf.state.sketcher === 'open'", timeout=PATIENCE)
    box = page.locator("#sketch-canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("qdsurf.smiles() === 'CC'", timeout=PATIENCE)
    page.mouse.click(box["x"] + 12, box["y"] + 88)  # the button N of the sketcher
    page.wait_for_function("['CN', 'NC'].includes(qdsurf.smiles())", timeout=PATIENCE)
    page.locator("#use-sketch").click()


def test_draw_build_look_and_download(browser: Any, address: str, tmp_path: Path) -> None:
    from pymatgen.core import Structure

    with visit(browser, address) as seen:
        page = seen.page
        bare = wait_for_drawing(seen, 1)
        assert bare == 68  # Cs16Pb12Br40: three layers of 2 x 2, ended by CsBr
        before = page.locator("#viewer").screenshot()
        assert colours(seen, tmp_path / "viewer.png") > 100
        page.get_by_role("button", name="Add a ligand").click()
        draw_methylamine(seen)
        page.get_by_text("Binds by its amine: L-type, charge 0, on a cation").wait_for()
        page.get_by_label("Amount", exact=True).fill("2")
        page.get_by_role("button", name="Build", exact=True).click()
        assert wait_for_drawing(seen, 2) == bare + 2 * 7
        assert page.locator("#viewer").screenshot() != before
        page.get_by_role("tab", name="Contacts").click()
        page.get_by_text("Grafting density").wait_for()
        page.get_by_role("tab", name="HSAB").click()
        page.get_by_text("▶ CN").wait_for(timeout=PATIENCE)
        page.get_by_role("tab", name="Tolerance").click()
        page.get_by_text("t = 0.862").wait_for(timeout=PATIENCE)
        page.get_by_role("tab", name="Recipe").click()
        assert "qs.ligand_from_smiles('CN'" in page.locator("pre[data-recipe=python]").inner_text()
        page.get_by_role("tab", name="Download").click()
        path = seen.download("#give-structure", tmp_path)
        assert path.name == "POSCAR"
        structure = Structure.from_file(path)
        assert structure.composition.get_el_amt_dict() == {
            "Cs": 16,
            "Pb": 12,
            "Br": 40,
            "C": 2,
            "N": 2,
            "H": 10,
        }
        archive = seen.download("#give-inputs", tmp_path)
        assert archive.name == "CsPbBr3-cubic-slab-cp2k-relax.zip"
        assert archive.read_bytes().startswith(b"PK")


def test_errors_stand_beside_their_fields_and_are_never_html(browser: Any, address: str) -> None:
    with visit(browser, address) as seen:
        page = seen.page
        wait_for_drawing(seen, 1)
        page.get_by_role("button", name="Add a ligand").click()
        page.get_by_label("Name or SMILES").fill("<img src=x onerror=window.hacked=1>")
        page.get_by_label("Layers").fill("99")
        page.get_by_role("button", name="Build", exact=True).click()
        message = page.locator(".ligand .q-field__messages")
        message.get_by_text("nor is it SMILES that can be read").wait_for(timeout=PATIENCE)
        assert "<img src=x" in message.inner_text()
        layers = page.locator("label.q-field", has=page.locator("[data-field=layers]"))
        layers.get_by_text("a whole number from 1 to 20").wait_for(timeout=PATIENCE)
        page.get_by_text("2 fields above").wait_for(timeout=PATIENCE)
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x]").count() == 0
        # the ligand has no room: words beside the amount; once mended, it builds
        page.get_by_label("Layers").fill("1")
        page.get_by_label("Name or SMILES").fill("acetate")
        page.get_by_label("Amount", exact=True).fill("40")
        page.get_by_role("button", name="Build", exact=True).click()
        page.locator(".ligand").get_by_text("only 8 sites").wait_for(timeout=PATIENCE)
        page.get_by_label("Amount", exact=True).fill("2")
        page.get_by_role("button", name="Build", exact=True).click()
        assert wait_for_drawing(seen, 2) == 28 - 2 + 2 * 7


def test_two_tabs_do_not_disturb_each_other(browser: Any, address: str, tmp_path: Path) -> None:
    with visit(browser, address) as first, visit(browser, address) as second:
        assert wait_for_drawing(first, 1) == wait_for_drawing(second, 1) == 68
        page = second.page
        page.get_by_role("button", name="Dot (a nanocrystal)").click()
        page.get_by_label("Size, or 4x4x2").fill("1.2")
        page.get_by_role("button", name="Build", exact=True).click()
        dot = wait_for_drawing(second, 2)
        assert dot != 68
        assert first.page.evaluate("[qdsurf.state.atoms, qdsurf.state.drawn]") == [68, 1]
        for seen, number in ((first, 68), (second, dot)):
            seen.page.get_by_role("tab", name="Download").click()
            path = seen.download("#give-structure", tmp_path)
            lines = path.read_text().splitlines()
            counts = next(line for line in lines if re.fullmatch(r"[\d ]+", line))
            assert sum(map(int, counts.split())) == number


def test_work_that_goes_wrong_is_said_and_harms_nothing_else() -> None:
    """What hangs, dies, raises or grows costs its own process only; the next piece of work is done."""
    shop = Workshop(seconds=4.0, memory=4.0, processes=1, function=act)
    try:
        first = shop.run("fine")
        assert first["task"] == "fine"
        assert shop.run("fine") == first  # by the same process
        assert "over nothing" in shop.run("raise")["problems"]["raise"]
        assert "4 GB" in shop.run("swallow")["problems"]["swallow"]
        assert "longer than the 4 s" in shop.run("sleep")["problems"]["sleep"]
        assert shop.run("fine")["pid"] != first["pid"]
        assert "broke off" in shop.run("die")["problems"]["die"]
        ticket, found = Ticket(), {}
        worker = threading.Thread(target=lambda: found.update(shop.run("sleep", ticket=ticket)))
        worker.start()
        while ticket.child is None:
            time.sleep(0.01)
        ticket.stop()
        worker.join(timeout=60)
        assert found == {"problems": {"sleep": "stopped"}}
        assert shop.run("fine")["task"] == "fine"
    finally:
        shop.close()


def test_too_much_at_once_is_refused_and_closing_ends_all() -> None:
    shop = Workshop(seconds=60.0, processes=1, function=act)
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(shop.run("sleep"))) for _ in range(MOST_WAITING + 1)
    ]
    for thread in threads:
        thread.start()
    while not answers:  # the last to come was sent away
        time.sleep(0.01)
    assert "too much is asked for at once" in answers[0]["problems"]["sleep"]
    shop.close()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
