"""Statistics of what models answer to labelled images; nothing here loads weights."""
