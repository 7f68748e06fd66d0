"""From a study to a model that runs elsewhere and proves its own score."""
