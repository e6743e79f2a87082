"""Writers that are killed with SIGKILL, again and again, and what must be true of their files whenever that is."""
