"""Modules as OCI images, in the layout that tools for registries of images read and write."""
