"""Several runs together: leaderboard, sweeps, reproductions."""
