"""Image networks: weights, layers, devices."""
