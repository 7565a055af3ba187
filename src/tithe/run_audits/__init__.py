"""Audits of what a run left: its model, and what participants sent; from its folder to a report."""
