"""What every part of the grid shares: rules, messages, the client library and the command line."""
