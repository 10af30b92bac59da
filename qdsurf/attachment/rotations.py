"""Rotations of many directions at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def unit(vectors: Array) -> Array:
    """Return *vectors*, shape (..., 3), with length one; a zero vector becomes +z."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    fallback = np.zeros_like(vectors)
    fallback[..., 2] = 1.0
    result: Array = np.where(length > 1e-12, vectors / np.maximum(length, 1e-12), fallback)
    return result


def spin(axis: Array, degrees: float | Array) -> Array:
    """Return the rotation matrices, shape (..., 3, 3), about *axis* (..., 3) by *degrees* (...)."""
    angle = np.radians(np.asarray(degrees, dtype=float))
    return from_vectors(unit(np.asarray(axis, dtype=float)) * angle[..., None])


def from_vectors(vectors: Array) -> Array:
    """Return the rotation matrices of rotation *vectors* (axis times angle in radian), shape (..., 3, 3).

    Formula of Rodrigues, written so that it holds at zero angle too.
    """
    angle = np.linalg.norm(vectors, axis=-1)
    near = angle < 1e-8
    safe = np.where(near, 1.0, angle)
    first = np.where(near, 1.0, np.sin(safe) / safe)[..., None, None]
    second = np.where(near, 0.5, (1 - np.cos(safe)) / safe**2)[..., None, None]
    cross = cross_matrix(vectors)
    result: Array = np.eye(3) + first * cross + second * (cross @ cross)
    return result


def cross_matrix(vectors: Array) -> Array:
    """Return the matrices, shape (..., 3, 3), whose product with v is the cross product with v."""
    matrix = np.zeros((*vectors.shape[:-1], 3, 3))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    matrix[..., 0, 1], matrix[..., 0, 2] = -z, y
    matrix[..., 1, 0], matrix[..., 1, 2] = z, -x
    matrix[..., 2, 0], matrix[..., 2, 1] = -y, x
    return matrix


def turn_onto(start: Array, end: Array) -> Array:
    """Return the shortest rotations, shape (..., 3, 3), of directions *start* onto *end*, both (..., 3)."""
    a, b = np.broadcast_arrays(unit(np.asarray(start, float)), unit(np.asarray(end, float)))
    cosine = (a * b).sum(axis=-1)
    opposite = cosine < -1 + 1e-9
    cross = cross_matrix(np.cross(a, b))
    factor = 1.0 / np.where(opposite, 1.0, 1.0 + cosine)
    matrix: Array = np.eye(3) + cross + (cross @ cross) * factor[..., None, None]
    if np.any(opposite):
        half = spin(perpendicular(a), np.full(a.shape[:-1], 180.0))
        matrix = np.where(opposite[..., None, None], half, matrix)
    return matrix


def perpendicular(direction: Array) -> Array:
    """Return unit vectors perpendicular to *direction*, shape (..., 3)."""
    other = np.zeros_like(direction)
    along_x = np.abs(direction[..., 0]) >= 0.9
    other[..., 0], other[..., 1] = ~along_x, along_x
    return unit(np.cross(direction, other))
