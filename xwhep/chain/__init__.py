"""The chain's side: contracts, transactions and events; nothing outside this package knows an Ethereum library."""
