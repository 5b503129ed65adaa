"""Images: plan, cameras, skin, light, Cycles in child processes, annotations and shards (paper section 3.2)."""
