"""What a gate decided, for people, GitHub and JUnit."""
