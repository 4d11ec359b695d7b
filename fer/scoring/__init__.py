"""Folder -> table: one row a face, and one for every file without a face or that cannot be read."""
