"""Measures planning and delivery on the running mesh, beside a bare loop: see README.md."""
