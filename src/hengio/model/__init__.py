"""The nouns of the product, frozen: what a job, a step, an execution and an outcome are. No I/O."""
