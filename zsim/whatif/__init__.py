"""What z/OS cannot tell: what differs, what could be, and where the edges are. Questions about all packets at once."""
