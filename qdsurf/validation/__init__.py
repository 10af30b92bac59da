"""Look at any structure and say what is wrong with it."""

from qdsurf.validation.checks import validate
from qdsurf.validation.findings import Finding

__all__ = ["Finding", "validate"]
