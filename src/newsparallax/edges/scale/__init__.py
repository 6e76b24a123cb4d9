"""The same conversion over many export shards, by datatrove on one machine, on Ray or on Slurm."""
