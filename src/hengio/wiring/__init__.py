"""Settings become running parts. The only place that names concrete backends."""
