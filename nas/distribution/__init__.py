"""Trains one network on several devices or hosts."""
