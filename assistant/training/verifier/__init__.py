"""The recipe of the starter pack's entailment model: written timelines, planted errors, training, figures."""
