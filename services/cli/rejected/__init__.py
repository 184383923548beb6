"""`frigjort rejected`: what was refused and why, and judging it again."""
