"""What people read and type: tables, bars, safe text, and how a command line ends."""
