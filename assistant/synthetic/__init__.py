"""The generated world: videos whose truth is known, for tests, the demo pack and benchmarks."""
