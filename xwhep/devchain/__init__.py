"""A chain for development: one JSON-RPC door before anvil, py-evm, or nothing where a node runs already."""
