"""The use cases: each a plain function, one transaction, the caller and the time given.

One that raises has changed nothing. One that returns an error keeps what it wrote (`dispatcher.storage.database`). SQL
is written here and nowhere else.
"""
