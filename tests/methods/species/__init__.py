"""Four species of method as another package would bring them, each in one short file."""
