"""What every room stands on: settings, clock, errors, privacy. A closed list."""
