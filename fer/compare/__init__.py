"""Statistics of models' predictions for labelled images; nothing here loads weights."""
