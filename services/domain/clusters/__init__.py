"""What is the same for every figure with clustered errors: numbers of rows, cells, sums by stratum and cluster, intervals."""
