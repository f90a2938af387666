"""The one trainer: it moves the players of any model, keeps snapshots, and resumes exactly."""
