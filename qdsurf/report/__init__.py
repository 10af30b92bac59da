"""Rows become a table, figures and a page to look at."""

from qdsurf.report.citing import bibtex
from qdsurf.report.figure import energies_plot
from qdsurf.report.page import write_report
from qdsurf.report.plots import composition_map, coverage_plot, energy_diagram, hsab_plot, tier_correlation
from qdsurf.report.ranking import write_ranking
from qdsurf.report.table import terminal_table, write_csv, write_json

__all__ = [
    "bibtex", "composition_map", "coverage_plot", "energies_plot", "energy_diagram", "hsab_plot",
    "terminal_table", "tier_correlation", "write_csv", "write_json", "write_ranking", "write_report",
]  # fmt: skip
