"""One module a kind of app or of batch, behind the contract in `contract`; nothing else asks what kind a thing is."""
