"""Hengio (*hẹn giờ*, "to set a time"): a job scheduler whose steps can be sandboxed WebAssembly."""

__version__ = "0.1.0"
