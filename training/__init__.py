"""The workshop: trains the networks of `fer`, measures them and writes their folders."""
