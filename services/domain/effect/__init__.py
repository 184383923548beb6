"""What AI freed: the net, the adjusted saving and its drift; trials, mixes, comparisons, staggered introductions; grades."""
