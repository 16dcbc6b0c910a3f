"""A telephone network on this machine: the part of the carrier's API that the product uses."""
