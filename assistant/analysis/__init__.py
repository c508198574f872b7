"""From a video to its timeline: analyzers, stages, fusion."""
