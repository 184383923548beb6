"""Progress towards the goal: figures with their intervals, and whether all that was delivered is stored."""
