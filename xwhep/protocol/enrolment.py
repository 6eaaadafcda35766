"""The messages by which a member joins a grid and renews its certificate."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from xwhep.members import Kind
from xwhep.protocol.base import Name, Reply, Request

#: PKCS #10 in PEM; a request for a P-256 key has about 400 characters
SigningRequest = Annotated[str, StringConstraints(max_length=4096)]
#: a grid's authorities in PEM, one or, during a change, two
BundlePem = Annotated[str, StringConstraints(max_length=65_536)]


class JoinRequest(Request):
    """A newcomer asks for a certificate; repeated with the same key and secret it is the same request."""

    #: an error names the field but does not repeat its content, since that holds a secret
    model_config = ConfigDict(hide_input_in_errors=True)

    secret: str = Field(pattern="^[0-9a-f]{64}$", repr=False)  #: the join token's secret, hexadecimal
    kind: Kind  #: what the newcomer means to be; a token for another kind is refused before it is used up
    name: Name
    csr: SigningRequest  #: only its key is used


class RenewRequest(Request):
    """A member asks for a fresh certificate; the request's signature proves the key, which names the member."""

    csr: SigningRequest  #: signed with the member's own key


class AuthorityReply(Reply):
    """The authorities of a grid, for anybody who asks; a newcomer compares their digests with the join token."""

    ca: BundlePem


class CertificateReply(Reply):
    """What a newcomer or a renewing member gets."""

    grid_uid: UUID
    kind: Kind
    uid: UUID
    name: Name
    certificate: Annotated[str, StringConstraints(max_length=16_384)]  #: PEM
    ca: BundlePem
