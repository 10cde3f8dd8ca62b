"""The directories of one call, `/in` and `/out`: names and bytes in memory, not the host's file system (ABI: WASI)."""
