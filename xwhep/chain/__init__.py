"""The way to an Ethereum chain: accounts, the contracts' parameters, one node, transactions, the hub. web3 stays here.

Nothing outside this package sees a value or an error of a library: addresses are checksummed texts, hashes bytes, money
integers of the smallest unit, times seconds since 1970 in UTC. What a node says is not believed before it is parsed.
The libraries come with the extra `oracle`.
"""
