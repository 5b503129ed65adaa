"""Networks (paper section 4)."""
