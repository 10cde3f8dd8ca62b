"""What grants mean: resource patterns and what they match. Pure."""
