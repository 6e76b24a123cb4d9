"""Command line: the commands, their options, and console output (`console`)."""
