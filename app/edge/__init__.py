"""The door: what every HTTP surface shares."""
