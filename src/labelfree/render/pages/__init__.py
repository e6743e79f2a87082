"""One page to send: a document in, HTML of one file out."""
