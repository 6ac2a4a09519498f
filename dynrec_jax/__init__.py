"""Dynamic, content-aware video recommendation in JAX."""
