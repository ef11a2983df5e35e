"""Credentials in Secrets Manager: read again every few minutes, renewed by one function at a time."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import ClientError

from allhours.aws.clients import PASSING, code_of, dynamodb, passing_trouble, secretsmanager
from allhours.domain.errors import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FRESH_FOR = 300.0  # seconds; a rotated secret is in use after five minutes, without a deployment
LEASE = 60.0  # seconds; longer than the function's 50, so that no renewal outlives its lock


class SecretsManagerCredentials:
    """Secrets below one prefix; the lock that guards renewals is a row of the records table."""

    def __init__(self, prefix: str, table: str) -> None:
        """Remember where; nothing is read yet."""
        self._prefix = prefix
        self._table = table
        self._read: dict[str, tuple[float, Mapping[str, str]]] = {}

    def read(self, secret: str) -> Mapping[str, str]:
        """Return the secret's fields, at most five minutes old."""
        known = self._read.get(secret)
        if known and time.monotonic() - known[0] < FRESH_FOR:
            return known[1]
        return self._read_now(secret)

    def _read_now(self, secret: str) -> Mapping[str, str]:
        name = self._prefix + secret
        try:
            with passing_trouble(f"reading the secret {name}"):
                text = secretsmanager().get_secret_value(SecretId=name)["SecretString"]
            fields = json.loads(text)
        except ClientError as error:
            if code_of(error) in PASSING:
                raise
            raise Refused(
                _network(secret),
                f"the secret {name} cannot be read ({code_of(error)}): create it, see docs/deploy.md",
            ) from None
        except (ValueError, KeyError):
            raise Refused(
                _network(secret), f"the secret {name} is no JSON object: see docs/networks.md for its fields"
            ) from None
        if not isinstance(fields, dict):
            raise Refused(
                _network(secret), f"the secret {name} is no JSON object: see docs/networks.md for its fields"
            )
        self._must_be_plain(secret, fields)
        known: dict[str, str] = fields
        self._read[secret] = (time.monotonic(), known)
        return known

    def store(self, secret: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Store a secret's fields over what was there, and return that; make the secret if there is none.

        Under the lock, so that no renewal writes the old tokens over the new ones.
        """
        own = uuid4().hex
        self._lock(secret, own)
        try:
            before = self._read_now(secret)
        except Refused:
            before = {}
        try:
            self._write(secret, fields)
        finally:
            self._unlock(secret, own)
        return before

    def _write(self, secret: str, fields: Mapping[str, str]) -> None:
        """Put the fields into the secret; `Refused` for what could never be read again."""
        self._must_be_plain(secret, fields)
        name, text = self._prefix + secret, json.dumps(dict(fields))
        client = secretsmanager()
        try:
            with passing_trouble(f"storing the secret {name}"):
                try:
                    client.put_secret_value(SecretId=name, SecretString=text)
                except client.exceptions.ResourceNotFoundException:
                    client.create_secret(Name=name, SecretString=text, Description=f"Allhours: {secret}")
        except ClientError as error:
            raise Refused(
                _network(secret), f"the secret {name} cannot be stored ({code_of(error)})"
            ) from None
        self._read[secret] = (time.monotonic(), dict(fields))

    def _must_be_plain(self, secret: str, fields: Mapping[str, object]) -> None:
        for field, value in fields.items():
            if not isinstance(value, str) or not _is_plain(value):
                raise Refused(
                    _network(secret),
                    f"the secret {self._prefix}{secret}: {field} is not one line of plain characters",
                )

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        """Return newer fields.

        Asks the network under the lock, and stores what it says before anybody uses it.
        """
        own = uuid4().hex
        self._lock(secret, own)
        try:
            current = self._read_now(secret)
            if dict(current) != dict(stale):
                return current
            renewed = {**current, **ask(current)}
            self._write(secret, renewed)
            return renewed
        finally:
            self._unlock(secret, own)

    def _lock(self, secret: str, own: str) -> None:
        now = time.time()
        try:
            with passing_trouble("taking a lock"):
                dynamodb().put_item(
                    TableName=self._table,
                    Item={
                        "key": {"S": f"LOCK#{secret}"},
                        "own": {"S": own},
                        "until": {"N": str(now + LEASE)},
                        "expires_at": {"N": str(int(now + 86_400))},
                    },
                    ConditionExpression="attribute_not_exists(#key) OR #until < :now OR own = :own",
                    ExpressionAttributeNames={"#key": "key", "#until": "until"},
                    ExpressionAttributeValues={":now": {"N": str(now)}, ":own": {"S": own}},
                )
        except dynamodb().exceptions.ConditionalCheckFailedException:
            raise Unreachable(
                _network(secret), "another function is renewing the token; the next poll uses it"
            ) from None

    def _unlock(self, secret: str, own: str) -> None:
        try:
            with passing_trouble("releasing a lock"):
                dynamodb().delete_item(
                    TableName=self._table,
                    Key={"key": {"S": f"LOCK#{secret}"}},
                    ConditionExpression="own = :own",
                    ExpressionAttributeValues={":own": {"S": own}},
                )
        except dynamodb().exceptions.ConditionalCheckFailedException:
            return  # the lease ran out and somebody else holds it now, or a repeat of our own delete


def _is_plain(value: str) -> bool:
    """Return whether a value is one line of ASCII, or a key in PEM, which has several (RFC 7468)."""
    lines = value.splitlines() if value.startswith("-----BEGIN ") else [value]
    return value.isascii() and all(line.isprintable() for line in lines)


def _network(secret: str) -> str:
    return secret.partition("/")[0]
