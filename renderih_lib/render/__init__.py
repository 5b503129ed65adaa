"""From a pose to an image: plan, cameras, skin, light, Cycles, annotations, shards."""
