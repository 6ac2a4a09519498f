"""Topic models: from text (and visual words) to topic vectors m_i."""
