"""From raw files to batches: sources, the image store, pairing, augmentation."""
