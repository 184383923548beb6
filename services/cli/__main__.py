"""`python -m services.cli`: the same as `frigjort`."""

from services.cli.main import main

main()
