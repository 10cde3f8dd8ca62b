"""Components: the third kind of module (ABI: Component)."""
