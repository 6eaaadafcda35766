"""What the dispatcher decides, pure: which job fits which host, how long a lease lasts, how large a unit is."""
