"""Where rows come from: everything that a user can name, as a data set that yields blocks of rows."""
