"""The process that decodes and analyses, so that a crash, a hang or a memory bomb costs one job and not the app.

Started as ``python -m assistant.jobs.worker``; commands are JSON lines on standard input, events on standard output:

    commands   open {target, settings, limits} (first) | run {id, kind, path, name, options} | cancel {id}
    events     progress | beat | done {sha256} | cancelled | failed {reason, unusable}

The end of standard input ends the process: it never outlives its parent.
"""
