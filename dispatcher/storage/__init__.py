"""What the dispatcher keeps, and where: the tables and their database, content and its folder."""
