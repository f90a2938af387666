"""What describes images for a metric: extractors, the classifier, their cache."""
