"""What the book would be with trades that are not saved, and what would hedge it."""
