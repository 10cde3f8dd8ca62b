"""What one step does: a file a step type, all under one protocol."""
