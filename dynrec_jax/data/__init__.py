"""From raw logs to batches: records, filters, splits, sessions, sequences."""
