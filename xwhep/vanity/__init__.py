"""What a vanity search is about: addresses of Bitcoin and Ethereum, their exact difficulty, keys made in two parts."""
