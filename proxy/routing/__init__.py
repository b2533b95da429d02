"""Pure decisions over plain records: which targets may answer a model's name, and in what order."""
