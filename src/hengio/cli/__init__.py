"""The command line door. Modules are imported when their command runs, so that `--help` is quick."""
