"""Analyses outside the page's script: a queue in the library, worked off by a process that may die."""

from assistant.jobs.process import WorkerSpec
from assistant.jobs.queue import JobQueue
from assistant.jobs.rows import Job, QueueFull, State
from assistant.jobs.watchdog import Patience

__all__ = ["Job", "JobQueue", "Patience", "QueueFull", "State", "WorkerSpec"]
