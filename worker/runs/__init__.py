"""How each kind of app is run: one coroutine each, which returns the attempt's end and which a cancellation stops."""
