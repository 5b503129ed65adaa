"""From natural poses to valid interacting pairs (paper section 3.1)."""
