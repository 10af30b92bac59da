"""Rows become a table, figures and a page to look at."""
