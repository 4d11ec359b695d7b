"""Measurements, run by hand; what they gave stands in RESULTS.md."""
