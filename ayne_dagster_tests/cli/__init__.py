"""Tests of the `ayne` command."""
