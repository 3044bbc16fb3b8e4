"""Tests of ayne_dagster; the folders mirror its rooms."""
