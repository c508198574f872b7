"""Recipes that train small models of the shipped packs, with the material that they learn from."""
