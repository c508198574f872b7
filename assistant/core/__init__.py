"""What travels through the whole program: times, clips, timelines and answers, and how they are written down."""
