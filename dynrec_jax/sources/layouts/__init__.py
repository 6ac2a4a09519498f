"""Layouts of data sets that many people have, read as they lie.

Each module is one, and names its files, columns and units. `layout` makes
records of what it reads.
"""
