"""Convert many export shards on one machine, on Ray or on Slurm, with the same result as `build`.

`run` plans the stages and runs them. Import the modules of this package directly: most of them need the extra `scale`.
"""
