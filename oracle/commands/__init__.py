"""The commands of `xwhep-oracle`, a module a duty; each is loaded when it is typed."""
