"""Bitcoin's side of a vanity search: addresses, patterns and their exact difficulty, and keys made in two parts."""
