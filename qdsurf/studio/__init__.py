"""The builder in the browser: a form, what it makes, and the pages that show it.

Everything but ``pages`` and ``server`` is free of the web framework and tested without a browser. The work
is done in processes of their own, which are ended when they take too long or too much.
"""

from __future__ import annotations

from qdsurf.studio.forms import Form, LigandRow, Problems

__all__ = ["Form", "LigandRow", "Problems"]
