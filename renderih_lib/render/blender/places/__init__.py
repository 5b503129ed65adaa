"""Places built from a seed and path-traced once into panoramas: rooms, spots under open sky, capture domes."""
