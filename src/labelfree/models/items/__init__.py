"""What goes into a model: texts, images, arrays, in batches that know their rows."""
