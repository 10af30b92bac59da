"""Energies of stated reactions: plan the states, evaluate them, combine them."""
