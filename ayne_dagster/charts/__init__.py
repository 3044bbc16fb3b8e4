"""Frames in, Dagster metadata out: previews, column schemas and plots as inline images.

Lives here: one module per picture, named after the asset it shows. Does not: any query, any
calculation that belongs to a table. Plots of nothing give a picture that says so.
"""
