"""One host's share of a study: claims trials, watches trainers, writes down what came out."""
