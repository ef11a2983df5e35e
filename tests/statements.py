"""A key in KMS for tests: a real one on P-256, which signs as KMS does, in DER."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def a_private_key() -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class FakeKms:
    """Signs digests; `signed` counts them, and `busy` turns the next calls down."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=a_private_key)
    signed: int = 0
    busy: int = 0

    def sign(self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> Any:  # noqa: N803 - AWS's names
        assert (KeyId, MessageType, SigningAlgorithm) == ("alias/test", "DIGEST", "ECDSA_SHA_256")
        self._ask("Sign")
        self.signed += 1
        return {"Signature": self.key.sign(Message, ec.ECDSA(Prehashed(SHA256())))}

    def get_public_key(self, *, KeyId: str) -> Any:  # noqa: N803 - as above
        assert KeyId == "alias/test"
        self._ask("GetPublicKey")
        public = self.key.public_key()
        return {"PublicKey": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}

    def _ask(self, what: str) -> None:
        if self.busy:
            self.busy -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, what)
