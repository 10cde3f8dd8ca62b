"""The only place that knows Wasmtime."""
