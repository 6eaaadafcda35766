"""The migrations of the ledger, a file a version; `dispatcher.storage.migrations` says how they are written."""
