"""The pure core: the life of a Task, from what the chain and the grid say to what the oracle does next."""
