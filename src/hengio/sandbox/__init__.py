"""How a guest is called, held and judged. `wasmtime/` is the only place that knows the engine."""
