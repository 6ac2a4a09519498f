"""Dynamic, content-aware video recommendation in JAX.

Codes such as A26 in comments and docstrings, A1 to A40, name a place where the
paper is silent: docs/decisions.md says what is done there and which key of the
config changes it.
"""
