"""What a guest may ask of its host: one capability a file, free of pointers and of the engine."""
