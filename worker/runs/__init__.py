"""How attempts of each kind of app are run: `contract` says what a kind is to a worker, `registry` which there are."""
