"""What the company owes: ticket, clocks, forwarding, the outbox and its worker."""
