"""The key that signs what we say about ourselves: it never leaves KMS, and anybody may have its public half.

docs.aws.amazon.com/kms: Sign (a digest, for a message may have 4,096 bytes), GetPublicKey (DER). A signature
of KMS is DER, a JWS wants the two numbers as they are (RFC 7518 §3.4); the key is named by its thumbprint
(RFC 7638), so that a new key has a new name by itself.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from allhours.aws.clients import passing_trouble
from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "ES256"
_SIZE = 32  # bytes of each number of P-256


class Kms(Protocol):
    """What is asked of the KMS client."""

    def sign(
        self,
        *,
        KeyId: str,  # noqa: N803 - AWS's names
        Message: bytes,  # noqa: N803
        MessageType: str,  # noqa: N803
        SigningAlgorithm: str,  # noqa: N803
    ) -> Any:  # noqa: ANN401 - AWS's answer
        """Sign a digest."""
        ...

    def get_public_key(self, *, KeyId: str) -> Any:  # noqa: ANN401, N803 - as above
        """Return the public half."""
        ...


class StatementKey:
    """A key in KMS, by its id or alias."""

    def __init__(self, client: Kms, key_id: str) -> None:
        """Ask nothing yet."""
        self._client = client
        self._key_id = key_id

    @cached_property
    def jwk(self) -> Mapping[str, str]:
        """Return the public half as a JSON Web Key; `Busy` to try again, `BadInput` for another sort."""
        with passing_trouble("reading the public key"):
            der = self._client.get_public_key(KeyId=self._key_id)["PublicKey"]
        key = load_der_public_key(der)
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise BadInput(f"{self._key_id} is no key of ECC_NIST_P256: the template makes one")
        numbers = key.public_numbers()
        public = {"crv": "P-256", "kty": "EC", "x": _number(numbers.x), "y": _number(numbers.y)}
        return {**public, "kid": thumbprint(public), "alg": ALGORITHM, "use": "sig"}

    def signed(self, statement: Mapping[str, Any]) -> str:
        """Return the statement as a compact JWS."""
        header = {"alg": ALGORITHM, "kid": self.jwk["kid"], "typ": "JWT"}
        said = f"{_part(header)}.{_part(statement)}"
        with passing_trouble("signing the accounts"):
            answer = self._client.sign(
                KeyId=self._key_id,
                Message=hashlib.sha256(said.encode()).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        r, s = decode_dss_signature(answer["Signature"])
        return f"{said}.{_text(r.to_bytes(_SIZE, 'big') + s.to_bytes(_SIZE, 'big'))}"


def thumbprint(public: Mapping[str, str]) -> str:
    """Return the name of a key (RFC 7638): the digest of the members that it needs, in their order."""
    needed = {name: public[name] for name in ("crv", "kty", "x", "y")}
    return _text(hashlib.sha256(json.dumps(needed, separators=(",", ":")).encode()).digest())


def _part(body: Mapping[str, Any]) -> str:
    return _text(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def _number(number: int) -> str:
    return _text(number.to_bytes(_SIZE, "big"))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
