"""What the dispatcher and the oracle share of their databases; no client and no worker ever loads it."""
