"""What the worker does next, and within which bounds: events in, instructions out. Nothing here acts on anything."""
