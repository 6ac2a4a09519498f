"""A room per network: its parameters and its one forward pass."""
