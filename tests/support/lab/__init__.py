"""A kind of app of an operator's own, as docs/how-to/add-a-kind.md shows it: `primes`, counted below a number."""
