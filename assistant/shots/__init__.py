"""Where one shot ends and the next begins, and the windows that long shots are cut into."""
