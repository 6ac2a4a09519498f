"""Recommenders the model is compared with, behind one contract."""
