"""Content features: from raw text and frames to the frozen vectors v and t."""
