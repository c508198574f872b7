"""The witnesses. A line here, with a file beside it, is all that a new one takes."""

WINDOW_ANALYZERS: tuple[str, ...] = (
    # In this order: the scene's frames are chosen where the features of the actions' encoder change.
    "assistant.analysis.analyzers.actions:ActionsAnalyzer",
    "assistant.analysis.analyzers.scene:SceneAnalyzer",
)
ANALYZERS: tuple[str, ...] = (
    "assistant.analysis.analyzers.subtitles:SubtitlesAnalyzer",
    "assistant.analysis.analyzers.speech:SpeechAnalyzer",
    "assistant.analysis.analyzers.text:TextAnalyzer",
)


def known_kinds() -> tuple[str, ...]:
    """The names of all witnesses, which are those of their files."""
    return tuple(line.partition(":")[0].rpartition(".")[2] for line in (*WINDOW_ANALYZERS, *ANALYZERS))
