"""Pictures of what is on the shelves."""

from __future__ import annotations

from pathlib import Path


def draw_entry(shelf: str, name: str, path: Path) -> None:
    """Draw the crystal, ligand or surface *name* into the file *path*.

    Raises
    ------
    AskError
        The shelf holds no structures.
    """
    from qdsurf.errors import AskError
    from qdsurf.report.picture import write_picture

    if shelf == "bulk":
        from qdsurf.crystals import load_crystal

        write_picture(load_crystal(name).atoms, path)
    elif shelf == "ligands":
        from qdsurf.ligands import load_ligand

        write_picture(load_ligand(name).conformers[0], path)
    elif shelf == "surfaces":
        from qdsurf.build.surfaces import load_surface

        write_picture(load_surface(name), path)
    else:
        raise AskError(f"{name} is on the shelf {shelf!r}, which has no structures to draw")
