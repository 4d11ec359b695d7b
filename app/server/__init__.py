"""What keeps a server of many visitors upright: batches, what they may hand in, memory."""
