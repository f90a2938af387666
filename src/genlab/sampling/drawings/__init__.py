"""What a trained model draws: one file for each kind of drawing."""
