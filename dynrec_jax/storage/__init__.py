"""What lies on disk: written whole, named by what it was made from."""
