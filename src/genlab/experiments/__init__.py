"""What stands above single runs: leaderboard, sweeps, reproductions."""
