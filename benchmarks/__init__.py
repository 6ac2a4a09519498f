"""Speed and memory, each measured beside the machine's own limits."""
