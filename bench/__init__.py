"""Benchmarks, each beside what one would use instead; ``python -m bench`` runs them all."""
