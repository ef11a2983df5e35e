"""P12: what one delivery costs the webhook's function, against one boto3 send of the same item."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

import boto3

from functions.ingest_facebook.app import handler as facebook
from functions.ingest_x.app import handler as x
from tests.bench.cloud import Cloud, Replay, Wire
from tests.bench.installation import INVOCATION, QUEUE_URL, SECRETS
from tests.bench.items import PAGE_ID, TEXTS
from tests.bench.measure import fastest, written

LOOPS = 200
_X_ID = "1000000000000000107"  # @acmebank in the example organisation


def figures() -> dict[str, float]:
    """Return microseconds a delivery on X and on Facebook, and a send."""
    wire = Wire()
    cloud = Cloud(SECRETS)
    wire.behind = cloud.answer
    deliveries = {"x": (x, _x()), "facebook": (facebook, _facebook())}
    programs = {}
    with written():
        for name, (handler, event) in deliveries.items():
            wire.behind = cloud.answer
            queued = len(cloud.sent)
            answer = handler(event, INVOCATION)
            if answer is None or answer["statusCode"] != 200 or len(cloud.sent) != queued + 1:
                message = f"the delivery of {name} was not queued"
                raise RuntimeError(message)
            programs[name] = _often(wire, lambda handler=handler, event=event: handler(event, INVOCATION))
        body = cloud.sent[-1]
        plain = boto3.client("sqs")  # as boto3 makes it, without our settings
        programs["send"] = _often(wire, lambda: plain.send_message(QueueUrl=QUEUE_URL, MessageBody=body))
        least = fastest(programs)
    return {name: spent * 1000 / LOOPS for name, spent in least.items()}


def _often(wire: Wire, once: Any) -> Any:
    """Return a program of many calls, each answered with what the first was answered with."""
    recorder = Cloud(SECRETS)
    wire.behind = recorder.answer
    once()
    replay = Replay(recorder.answers)

    def loop() -> None:
        wire.behind = replay.answer
        for _ in range(LOOPS):
            replay.rewind()
            once()

    return loop


def _event(path: str, headers: dict[str, str], body: str) -> dict[str, Any]:
    """Return what API Gateway's HTTP API makes of a delivery."""
    return {
        "requestContext": {"http": {"method": "POST", "path": path}},
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **headers},
        "body": body,
        "isBase64Encoded": False,
    }


def _x() -> dict[str, Any]:
    post, author = "2090000000000000001", "3300000000000000011"
    mention = {"start": 0, "end": 9, "username": "acmebank", "id": _X_ID}
    event = {
        "event_uuid": "-2781149976877970683",
        "filter": {"user_id": _X_ID},
        "event_type": "post.mention.create",
        "tag": "acme",
        "payload": {
            "id": post,
            "text": f"@acmebank {TEXTS[1]}",
            "author_id": author,
            "created_at": "2026-11-20T10:33:16.000Z",
            "conversation_id": post,
            "edit_history_tweet_ids": [post],
            "lang": "en",
            "reply_settings": "everyone",
            "entities": {"mentions": [mention]},
        },
    }
    body = json.dumps(
        {"data": event, "includes": {"users": [{"id": author, "username": "leela_k", "name": "Leela K"}]}}
    )
    secret = SECRETS["allhours/bench/x/app"]["consumer_secret"]
    signed = b64encode(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()).decode()
    return _event("/webhooks/x", {"x-twitter-webhooks-signature": f"sha256={signed}"}, body)


def _facebook() -> dict[str, Any]:
    post = f"{PAGE_ID}_901097836652"
    comment = {
        "item": "comment",
        "verb": "add",
        "comment_id": "901097836652_903438993085",
        "post_id": post,
        "parent_id": post,
        "created_time": 1795169596,
        "message": TEXTS[1],
        "post": {
            "permalink_url": f"https://www.facebook.com/{PAGE_ID}/posts/901097836652/",
            "status_type": "mobile_status_update",
        },
        "from": {"id": "7463000021", "name": "Leela Rao"},
    }
    entry = {"id": PAGE_ID, "time": 1795169597, "changes": [{"field": "feed", "value": comment}]}
    body = json.dumps({"object": "page", "entry": [entry]})
    secret = SECRETS["allhours/bench/facebook/app"]["app_secret"]
    signed = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return _event("/webhooks/facebook", {"x-hub-signature-256": f"sha256={signed}"}, body)
