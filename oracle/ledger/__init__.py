"""The ledger: an SQLite file with what the oracle has seen, decided and signed, and the transactions on it."""
