"""Variables and connections at work: sealed with the installation's keys, known as of a revision, masked (H6)."""
