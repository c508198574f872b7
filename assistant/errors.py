"""What can go wrong for a person, as one tree.

    AssistantError                 anything this project raises on purpose
    +-- InputUnusable              this input cannot be used (exit 3)
    |   +-- VideoUnreadable        damaged, encrypted, not a video, a folder, missing ...
    |   +-- VideoTooLarge          over a set limit: bytes, seconds or pixels
    |   +-- QuestionUnusable       empty, too long
    |   +-- UnknownSegment         a segment or label that this timeline does not hold
    |   +-- PromptInvalid          a file of prompts/ with unknown or unused names
    +-- LibraryUnusable            the library's folder cannot be written, is full or damaged (exit 3)
    +-- ModelUnavailable           weights missing or damaged; `command` mends it (exit 4)
    |   +-- ModelFailed            a model that was loaded broke: out of memory, server gone, time-out
    |       +-- ContextExceeded    what was to be read is longer than the language model holds
    +-- Cancelled                  the person stopped it; what was finished is stored (exit 130)

Each message is one line: what happened, then what to do. `str(error)` is ready to show.
"""


class AssistantError(Exception):
    """An error whose message is written for the person who uses the app.

    Args:
        what: what happened, without a full stop.
        remedy: the one thing to do about it, without a full stop.
    """

    exit_code = 3

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = " ".join(what.split())
        self.remedy = " ".join(remedy.split())
        super().__init__(f"{self.what}; {self.remedy}" if self.remedy else self.what)


class InputUnusable(AssistantError):
    """This input cannot be used."""


class VideoUnreadable(InputUnusable):
    """The file is missing, damaged, encrypted, or holds neither picture nor sound."""


class VideoTooLarge(InputUnusable):
    """The file exceeds a limit that the settings name."""


class QuestionUnusable(InputUnusable):
    """The question is empty or too long."""


class UnknownSegment(InputUnusable):
    """The timeline holds no such segment, or the model has no such label."""


class PromptInvalid(InputUnusable):
    """A prompt file asks for a name nobody gives, or is given one it does not use."""


class LibraryUnusable(AssistantError):
    """The library's folder cannot be written, is full, or is damaged."""


class ModelUnavailable(AssistantError):
    """Weights are missing or damaged; the remedy names the command that mends it."""

    exit_code = 4


class ModelFailed(ModelUnavailable):
    """A loaded model broke in use: out of memory, server gone, timed out."""


class ContextExceeded(ModelFailed):
    """The prompt is longer than the language model holds; what it knows of its context may be better now."""


class Cancelled(AssistantError):
    """The person stopped the work; finished stages are stored and are not run again."""

    exit_code = 130

    def __init__(self, what: str = "stopped", remedy: str = "run the same command again to go on") -> None:
        super().__init__(what, remedy)
