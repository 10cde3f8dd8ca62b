"""The work of `benchmarks.work` on what a user would pick instead, each a program of its own. Durable, as ours is."""
