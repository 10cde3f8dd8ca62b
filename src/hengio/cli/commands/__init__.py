"""The commands by group: their words and options. What they do is in `hengio.cli`, imported when they run."""
