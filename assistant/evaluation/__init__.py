"""How good it is: metrics, explanations, speed, and what this machine has."""
