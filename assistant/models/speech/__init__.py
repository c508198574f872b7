"""Models that find voice and write down what is said."""
