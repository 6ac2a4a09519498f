"""What brings records in: files, downloads and a simulated year."""
