"""Tables and figures, made from arrays and from what runs leave in files."""
