"""The page: one for each tab, with nothing that tabs share but the processes that do the work."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from qdsurf.studio.fields import Fields
from qdsurf.studio.forms import Form
from qdsurf.studio.results import Results
from qdsurf.studio.widgets import words
from qdsurf.studio.workshop import Ticket, Workshop

HEAD = """
<link rel="stylesheet" href="/studio/studio.css">
<script src="/studio/3Dmol-min.js"></script>
<script src="/studio/studio.js"></script>
"""


class Tab:
    """One tab of the browser: its form, its results, and the work it has under way."""

    def __init__(self, workshop: Workshop, most_atoms: int) -> None:
        self.workshop = workshop
        self.most_atoms = most_atoms
        self.ticket: Ticket | None = None
        with ui.element("header").classes("top"):
            words("b", "qdsurf builder")
            with ui.element("span"):
                ui.label("surfaces and ligands of quantum dots; everything stays on this computer")
        with ui.element("main").classes("work"):
            with ui.element("section").classes("card form"):
                self.fields = Fields(self.ask, self.most_atoms)
                with ui.element("div").classes("go"):
                    self.button = ui.button("Build", on_click=self.build).classes("build").props("unelevated")
                    self.stop = ui.button("Stop", on_click=self.break_off).props("outline color=negative")
                    self.stop.visible = False
                    self.wrong = ui.label().classes("wrong").style("flex: 1 1 100%").props("role=alert")
                    self.wrong.visible = False
            with ui.element("section").classes("stage"):
                self.results = Results(self.ask)
        self.fields.sketch()

    async def ask(self, task: str, *arguments: Any, ticket: Ticket | None = None) -> dict[str, Any]:
        """Return the answer of a piece of work, done in a process of its own."""
        return await asyncio.to_thread(self.workshop.run, task, *arguments, ticket=ticket)

    async def build(self) -> None:
        """Build what the form says; show it, or the errors beside the fields."""
        if self.ticket is not None:
            return
        self.fields.clear_errors()
        self.wrong.visible = False
        form = self.fields.form()
        ticket = self.ticket = Ticket()
        self._busy(True)
        try:
            found = await self.ask("build", form, self.most_atoms, ticket=ticket)
        finally:
            self.ticket = None
            self._busy(False)
        problems = found.get("problems")
        if problems:
            self._show_problems(problems)
            return
        self.results.show(form, found)
        self.fields.note_room(found["room"])

    def _show_problems(self, problems: dict[str, str]) -> None:
        """Put each message beside its field; what belongs to none goes below the button."""
        rest = self.fields.show_errors(problems)
        many = len(problems) - len(rest)
        beside = f"{many} field{'s' * (many != 1)} above: see the words in red" if many else ""
        self.wrong.text = ". ".join([*rest, *([beside] if beside else [])])
        self.wrong.visible = True

    def _busy(self, busy: bool) -> None:
        self.button.props(add="loading" if busy else "", remove="" if busy else "loading")
        self.stop.visible = busy

    def break_off(self) -> None:
        """Break off what is under way."""
        if self.ticket is not None:
            self.ticket.stop()


def make_pages(workshop: Workshop, most_atoms: int) -> None:
    """Register the page of the builder; each tab that opens it gets a Tab of its own."""

    @ui.page("/")
    async def builder() -> None:
        ui.add_head_html(HEAD)
        ui.colors(primary="#0072B2", negative="#B3261E", positive="#007a5a")
        tab = Tab(workshop, most_atoms)
        client = ui.context.client
        client.on_delete(tab.break_off)
        await client.connected(timeout=60)
        await tab.fields.refresh(Form().crystal)
        await tab.build()
