"""Ranking before anything is built: compositions by tolerance factors, ligands by hardness and scores."""
