"""What was trained, as others use it: a folder to load, or a server to ask."""
