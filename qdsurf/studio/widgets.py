"""Widgets that several parts of the page share; texts are set as text, never as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

# Quasar's look of all fields: the message below a field takes the room that it needs.
FIELD = "outlined dense hide-bottom-space"


def words(tag: str, text: str = "") -> TextElement:
    """Make an element of that tag with that text."""
    return TextElement(tag=tag, text=text)


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Show *rows* with the *columns* {key: heading}; cells are text."""
    ui.table(
        columns=[
            {"name": key, "label": label, "field": key, "align": "left"} for key, label in columns.items()
        ],
        rows=[{key: row.get(key, "") for key in columns} for row in rows],
        pagination=0,
    ).props("flat dense hide-pagination separator=horizontal wrap-cells").classes("w-full")
