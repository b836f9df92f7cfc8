"""Callfold on a Valkey Cluster and on a Valkey behind Sentinel."""
