"""The oracle: the bridge that turns Tasks on an Ethereum chain into batches on the grid."""
