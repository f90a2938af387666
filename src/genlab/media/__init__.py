"""What is known of one medium alone, behind one interface; pictures are the first."""
