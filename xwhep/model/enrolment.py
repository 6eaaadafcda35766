"""The messages by which a member joins a grid and renews its certificate."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from xwhep.members import Kind, check_name

MemberName = Annotated[str, AfterValidator(check_name)]
#: a request for a P-256 key has about 400 characters
RequestPem = Annotated[str, Field(max_length=4096)]


class JoinRequest(BaseModel):
    """A newcomer asks for a certificate; repeated with the same key and secret it is the same request."""

    #: an error names the field but does not repeat its content, since that holds a secret
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: str = Field(pattern="^[0-9a-f]{64}$", repr=False)  #: the join token's secret, hexadecimal
    kind: Kind  #: what the newcomer means to be; a token for another kind is refused before it is used up
    name: MemberName  #: what people call the member
    csr: RequestPem  #: PKCS #10 in PEM; only its key is used


class RenewRequest(BaseModel):
    """A member asks for a fresh certificate; the request's signature proves the key, which names the member."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    csr: RequestPem  #: PKCS #10 in PEM, signed with the member's own key


class CertificateReply(BaseModel):
    """What a newcomer or a renewing member gets."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    grid_uid: UUID
    kind: Kind
    uid: UUID
    name: MemberName
    certificate: str = Field(max_length=16_384)  #: PEM
    ca: str = Field(max_length=65_536)  #: PEM; the grid's authorities, one or, during a change, two
