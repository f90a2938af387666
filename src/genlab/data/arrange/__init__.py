"""How images are arranged for a model: splits, pairs, domains, labels, captions."""
