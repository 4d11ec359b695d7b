"""Plotly figures: pure functions of results."""
