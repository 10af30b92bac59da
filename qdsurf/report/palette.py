"""Colours of elements in pictures: near what chemists are used to, and apart for colour-blind readers.

The colours of the elements of the shelves were chosen so that those which meet in one structure differ by
15 and more in CIELAB, also as seen with each of the three dichromacies (the model of Machado, Oliveira
and Fernandes, doi:10.1109/TVCG.2009.113); a test computes it. Other elements have the colours of Jmol.
"""

from __future__ import annotations

ELEMENT_COLOURS = {
    "Cs": "#7FB8FF", "Rb": "#9A8FE0", "K": "#8F7BD0", "Na": "#AB8CF2", "Pb": "#6B6476", "Sn": "#8A8F98",
    "Cd": "#B3A5D6", "Zn": "#7D80B0", "Ti": "#B9BDC4", "Au": "#E5B91E", "F": "#9BE070", "Cl": "#2EB17E",
    "Br": "#8A3410", "I": "#651EB1", "O": "#EE2A40", "S": "#FFD22B", "Se": "#DB8415", "Te": "#A8641A",
    "H": "#F7F7F7", "C": "#333333", "N": "#2F4BF0", "P": "#FF8C2B",
}  # fmt: skip


def rgb(element: str) -> tuple[float, float, float]:
    """Return red, green and blue of *element*, each from 0 to 1.

    >>> [round(c, 2) for c in rgb("S")]
    [1.0, 0.82, 0.17]
    """
    if element in ELEMENT_COLOURS:
        text = ELEMENT_COLOURS[element]
        red, green, blue = (int(text[k : k + 2], 16) / 255 for k in (1, 3, 5))
        return red, green, blue
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    red, green, blue = jmol_colors[atomic_numbers[element]].tolist()
    return red, green, blue
