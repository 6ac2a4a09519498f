"""Tables and figures, made from logged metrics alone."""
