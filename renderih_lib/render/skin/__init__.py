"""The skin of a person: fields over the rest hand, baked into texture maps (paper section 3.2, Figure 5)."""
