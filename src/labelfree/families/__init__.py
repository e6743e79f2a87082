"""Families of metrics, a folder each: pure functions of evidence, and beside each a public function of arrays."""
