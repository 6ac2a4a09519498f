"""Devices, hosts and the memory that they share."""
