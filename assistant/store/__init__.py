"""The library on disk: videos, finished stages, timelines, chats and corrections. SQLite, and files beside it."""

from assistant.store.chats import Chats, Conversation, StoredTurn
from assistant.store.library import Correction, Entry, Hit, Library, stage_key

__all__ = ["Chats", "Conversation", "Correction", "Entry", "Hit", "Library", "StoredTurn", "stage_key"]
