"""Run the command line with ``python -m qdsurf``."""

from qdsurf.cli import main

main()
