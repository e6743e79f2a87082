"""The file of embeddings, whole or to be resumed."""
