"""All that reads a config: what a study is made of, and its modes."""
