"""What each kind of Telegram's updates, and each field of a message, means to us (Bot API 10.1).

A test holds both tables against the official specification: a kind or a field that nobody has classified, or
one that is gone, fails it.
"""

from __future__ import annotations

OWN_POST = "own post"
OTHER_BOT = "said by another bot"
FORWARDED = "forwarded by Telegram from a linked channel: heard in the channel itself"
COMMAND = "command /start or /privacy: opens the chat or asks for the policy, nothing was said"
NO_WORDS = "sticker, dice, game, poll and the like without words"
SERVICE_MESSAGE = "service message: Telegram tells of an event in the chat"
OTHER_MESSAGE = "message of a kind that we do not know, without words"
OTHER_KIND = "update of a kind that we do not know"
OPENED = "a person opened the bot or came back"
BLOCKED = "a person blocked the bot: it cannot write to them"
JOINED = "the bot's place in a group or channel has changed"
BUSINESS = "business connection made or changed, and it may answer"
REACTION = "reaction: an emoji, no words"
TAPPED = "tapped button or inline query: the bot's words, not the customer's"
PAYMENT = "payment or shipping question to a shop"
POLLED = "poll or vote"
MEMBERS = "others joined, left or asked to join a chat"
BOOST = "boost of a chat"
GUEST = "guest message: a bot answers there at once or never"
MANAGED = "managed bot made or changed"
MOVED = "needs a person: a small group became a supergroup with a new id; settings.moved tells answers of it"
THROWN_OUT = "needs a person: the bot was removed from a group or channel and hears nothing there"
BUSINESS_CUT = "needs a person: the business connection is off or may not answer"

MESSAGES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_message",
        "edited_business_message",
    }
)
"""Kinds of update that carry a message."""

TOLD = frozenset({"business_connection", "deleted_business_messages", "my_chat_member"})
"""Kinds that tell something else that we need."""

LISTENED = sorted(MESSAGES | TOLD)
"""What we ask Telegram to send (`allowed_updates`)."""

KINDS = {
    **dict.fromkeys(MESSAGES | TOLD, ""),
    "guest_message": GUEST,
    "message_reaction": REACTION,
    "message_reaction_count": REACTION,
    "inline_query": TAPPED,
    "chosen_inline_result": TAPPED,
    "callback_query": TAPPED,
    "shipping_query": PAYMENT,
    "pre_checkout_query": PAYMENT,
    "purchased_paid_media": PAYMENT,
    "poll": POLLED,
    "poll_answer": POLLED,
    "chat_member": MEMBERS,
    "chat_join_request": MEMBERS,
    "chat_boost": BOOST,
    "removed_chat_boost": BOOST,
    "managed_bot": MANAGED,
}
"""Every kind of update: the reason why it is skipped, empty where we look into it."""

ATTACHED = (
    "animation",
    "audio",
    "contact",
    "document",
    "live_photo",
    "location",
    "paid_media",
    "photo",
    "story",
    "venue",
    "video",
    "video_note",
    "voice",
)
"""What a customer sends instead of words, or beside them: a person should look at it in Telegram."""

WORDLESS = frozenset({"checklist", "dice", "game", "giveaway", "poll", "rich_message", "sticker"})
"""What carries nothing that a case could be made of."""

ENVELOPE = frozenset(
    """
    message_id message_thread_id direct_messages_topic from sender_chat sender_boost_count
    sender_business_bot sender_tag date guest_query_id business_connection_id chat forward_origin
    is_topic_message is_automatic_forward reply_to_message external_reply quote reply_to_story
    reply_to_checklist_task_id reply_to_poll_option_id via_bot guest_bot_caller_user
    guest_bot_caller_chat edit_date has_protected_content is_from_offline is_paid_post media_group_id
    author_signature paid_star_count text entities link_preview_options effect_id caption
    caption_entities show_caption_above_media has_media_spoiler reply_markup suggested_post_info
    """.split()  # noqa: SIM905 - a list of names, one a line, would be 60 lines
)
"""What stands around the words, and the words themselves."""

SERVICE = frozenset(
    """
    new_chat_members left_chat_member chat_owner_left chat_owner_changed new_chat_title new_chat_photo
    delete_chat_photo group_chat_created supergroup_chat_created channel_chat_created
    message_auto_delete_timer_changed migrate_to_chat_id migrate_from_chat_id pinned_message invoice
    successful_payment refunded_payment users_shared chat_shared gift unique_gift gift_upgrade_sent
    connected_website write_access_allowed passport_data proximity_alert_triggered boost_added
    chat_background_set checklist_tasks_done checklist_tasks_added direct_message_price_changed
    forum_topic_created forum_topic_edited forum_topic_closed forum_topic_reopened
    general_forum_topic_hidden general_forum_topic_unhidden giveaway_created giveaway_winners
    giveaway_completed managed_bot_created paid_message_price_changed poll_option_added
    poll_option_deleted suggested_post_approved suggested_post_approval_failed suggested_post_declined
    suggested_post_paid suggested_post_refunded video_chat_scheduled video_chat_started video_chat_ended
    video_chat_participants_invited web_app_data
    """.split()  # noqa: SIM905 - a list of names, one a line, would be 60 lines
)
"""What Telegram tells in the shape of a message."""
