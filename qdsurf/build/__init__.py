"""Builders: a crystal becomes a surface."""
