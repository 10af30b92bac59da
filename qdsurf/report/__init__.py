"""Rows become a table, figures and a page to look at."""

from qdsurf.report.page import write_report
from qdsurf.report.table import terminal_table, write_csv, write_json

__all__ = ["terminal_table", "write_csv", "write_json", "write_report"]
