"""`python -m zsim.cli` is the command `zsim`."""

from zsim.cli import main

main(prog_name="zsim")
