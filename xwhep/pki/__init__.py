"""Keys, certificates, join tokens and identities: what both ends of a connection need to know each other.

Every key is ECDSA on P-256 (NIST FIPS 186-5), made on the machine that uses it. The modules know no clock: `now` is an
argument. The certificates are issued by the dispatcher's authority.
"""
