"""What the model is compared with: a file per method, `fit(seen, ...)`."""
