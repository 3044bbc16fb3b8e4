"""One file per asset; file = asset = table."""
