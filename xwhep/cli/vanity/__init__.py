"""The commands of vanity searches: `xwhep vanity`, and what the worker's local search shares with them."""
