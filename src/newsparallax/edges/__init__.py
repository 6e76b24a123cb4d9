"""The edges: files, engines and libraries around the core."""
